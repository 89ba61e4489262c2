"""
Remove stage drift
==================

When the stage drifts, the rolling average shows the gradient of the speckle beneath the particles.
The gradient is known from the recording itself, so it can be regressed out.
"""

import matplotlib.pyplot as plt

import napari_uai as uai

video = uai.iscat.remove_status_line(uai.open_video(uai.sample_path("landings.bin")))
power = uai.iscat.power_normalization(video)
average = uai.iscat.differential_rolling_average(power, batch_size=200)
corrected = uai.iscat.stage_drift_correction(average, power)
drift = uai.iscat.measure_stage_drift(power)

figure, axes = plt.subplots(1, 3)
axes[0].plot(drift["frame"], drift[["y_px", "x_px"]], label=["y", "x"])
axes[0].set(title="Stage drift", xlabel="frame", ylabel="position (px)")
axes[0].legend()
for panel, title, frames in zip(axes[1:], ("With drift", "Without"), (average, corrected)):
    panel.imshow(frames[300], vmin=-0.002, vmax=0.002)
    panel.set(title=title)
plt.show()
