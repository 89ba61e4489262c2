"""
Score pixels by how unusual they are
====================================

An isolation forest needs no idea of what a particle looks like: it scores how easily a pixel is set
apart from all others by its features, here the smoothed rolling average and a difference of
Gaussians.
"""

import matplotlib.pyplot as plt

import napari_uai as uai

video = uai.iscat.remove_status_line(uai.open_video(uai.sample_path("landings.bin")))
power = uai.iscat.power_normalization(uai.iscat.bad_pixel_repair(video))
average = uai.iscat.differential_rolling_average(power, batch_size=200)
smooth = uai.iscat.gaussian_filter(average, sigma_px=1.7)
blobs = uai.iscat.difference_of_gaussians(average)
scores = uai.iscat.anomaly_scores(smooth, blobs)

figure, axes = plt.subplots(1, 3)
titles = ("Smoothed average", "Difference of Gaussians", "Anomaly score")
for panel, title, frames in zip(axes, titles, (smooth, blobs, scores)):
    panel.imshow(frames[300])
    panel.set(title=title, xticks=[], yticks=[])
plt.show()
