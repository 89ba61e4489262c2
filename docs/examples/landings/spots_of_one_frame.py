"""
Localise spots in one frame
===========================

Spots are detected in a frame of the rolling average by one of five detectors, then a Gaussian is
fitted to each: its centre, widths and amplitude with their errors.
"""

import matplotlib.pyplot as plt

import napari_uai as uai

video = uai.iscat.remove_status_line(uai.open_video(uai.sample_path("landings.bin")))
power = uai.iscat.power_normalization(uai.iscat.bad_pixel_repair(video))
average = uai.iscat.differential_rolling_average(power, batch_size=200)[105:106]
thresholds = {"difference_of_gaussians": 4, "laplacian_of_gaussian": 4, "radial_variance": 3}

figure, axes = plt.subplots(1, 3)
for panel, (detector, threshold) in zip(axes, thresholds.items(), strict=True):
    spots = uai.iscat.detect_spots(average, detector=detector, threshold=threshold)
    panel.imshow(average[0], vmin=-0.003, vmax=0.003)
    panel.plot(spots["x"], spots["y"], "o", markersize=16, markerfacecolor="none")
    panel.set(title=f"{detector}\nfound {len(spots)}", xticks=[], yticks=[])
plt.show()

# %%
fits = uai.iscat.fit_spots(uai.iscat.detect_spots(average), average)
fits[["Fit_Y-Center", "Fit_X-Center", "Fit_X-Sigma", "Fit_Amplitude", "status"]].round(4)
