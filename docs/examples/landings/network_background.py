"""
Predict the background by a network
===================================

A network predicts each frame of the rolling average from frames one and two batches away. What it
cannot predict is what is new: the residual, in which spots are detected. Requires torch.
"""

import matplotlib.pyplot as plt

import napari_uai as uai

video = uai.iscat.remove_status_line(uai.open_video(uai.sample_path("landings.bin")))
power = uai.iscat.power_normalization(uai.iscat.bad_pixel_repair(video))
average = uai.iscat.differential_rolling_average(power, batch_size=200)
background = uai.iscat.predict_background(average, stride=200)
residual = uai.iscat.residual(average, background)
figure, axes = plt.subplots(1, 3)
titles = ("Rolling average", "Predicted background", "Residual")
for panel, title, frames in zip(axes, titles, (average, background, residual), strict=True):
    panel.imshow(frames[300], vmin=-0.003, vmax=0.003)
    panel.set(title=title, xticks=[], yticks=[])
plt.show()
