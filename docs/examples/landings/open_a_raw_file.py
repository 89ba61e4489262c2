"""
Open a raw camera file
======================

A headerless file holds pixels and nothing else, so shape and pixel type must be given, here or in a
sidecar file. Frames are read when they are needed: a recording may be larger than memory.
"""

import matplotlib.pyplot as plt

import napari_uai as uai

video = uai.open_video(uai.sample_path("landings.bin"), height=41, width=40, dtype="<u2")
video

# %%
# The last row of each frame is the status line of the camera. It is detected and removed; in the
# bare counts, no landing is visible: speckle and shot noise are stronger.
frames = uai.iscat.remove_status_line(video)

figure, (picture, power) = plt.subplots(1, 2, width_ratios=[1, 2])
picture.imshow(frames[0])
picture.set(title="Frame 0", xlabel="x (px)", ylabel="y (px)")
power.plot(frames.mean(axis=(1, 2)), linewidth=0.8)
power.set(title="Laser power", xlabel="frame", ylabel="mean (counts)")
plt.show()
