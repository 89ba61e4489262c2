"""
Find dropped frames by the status line
======================================

Some cameras write counters into the last row of each frame. A gap between the image counters of two
frames is a dropped frame: the time that a rolling average assumes is wrong from there on.
"""

import matplotlib.pyplot as plt

import napari_uai as uai

video = uai.open_video(uai.sample_path("landings.bin"))
counters = uai.iscat.read_status_line(video)
counters.head(3)

# %%
# ``remove_status_line`` removes this row and no other, so that positions remain those of the file.
frames = uai.iscat.remove_status_line(video)
dropped = counters["ImgCnt"] - counters["ImgCnt"].iloc[0] - counters.index

figure, (picture, course) = plt.subplots(1, 2, width_ratios=[1, 2])
picture.imshow(video[0])
picture.set(title=f"Frame 0: {frames.shape[1]} rows and a line")
course.plot(dropped)
course.set(title="Dropped frames", xlabel="frame", ylabel="so far")
plt.show()
