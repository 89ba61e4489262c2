"""
Remove fixed-pattern noise
==========================

Rows and columns of a camera have offsets that move slowly, which the division of two batches leaves
as stripes, here made much stronger than those of a camera. Above each correction is the standard
deviation of its frame; that of wavelets keeps what is wide, which are here the wide stripes.
"""

import matplotlib.pyplot as plt
import numpy as np

import napari_uai as uai

video = uai.iscat.remove_status_line(uai.open_video(uai.sample_path("landings.bin")))
stripes = np.random.default_rng(0).normal(0, 60, (2, 1, 40)) * (np.arange(1200) > 600)[:, None]
video = uai.iscat.bad_pixel_repair(video) + stripes[0][:, :, None] + stripes[1][:, None, :]
power = uai.iscat.power_normalization(video)
methods = ("none", "median", "clipped_mean", "fourier", "wavelet")

figure, axes = plt.subplots(1, 5, figsize=(9, 2.4))
for panel, method in zip(axes, methods, strict=True):
    average = uai.iscat.differential_rolling_average(power, batch_size=100, fixed_pattern=method)
    frame = np.asarray(average[500])
    panel.imshow(frame, vmin=-0.004, vmax=0.004)
    panel.set(title=f"{method}\n{frame.std():.5f}", xticks=[], yticks=[])
plt.show()
