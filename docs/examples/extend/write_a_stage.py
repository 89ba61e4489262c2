"""
Write a stage of your own
=========================

A stage is one decorated function. From its signature and docstring follow a form in napari, the
check of values, and the step of a recipe: ``use = "square_root"``.
"""

from typing import Annotated

import matplotlib.pyplot as plt
from annotated_types import Ge, Unit

import napari_uai as uai
from napari_uai.videos import Video


@uai.stage("Square root", menu="filter")
def square_root(video: Video, *, offset: Annotated[float, Ge(0), Unit("counts")] = 0.0) -> Video:
    """Take the square root of each pixel, so that shot noise is the same everywhere."""
    return (video + offset) ** 0.5


video = uai.iscat.remove_status_line(uai.open_video(uai.sample_path("landings.bin")))
counts = uai.iscat.power_normalization(video).compute()
for panel, frames in zip(plt.subplots(1, 2)[1], (counts, square_root(counts))):
    noise = frames.std(axis=0)
    panel.plot(frames.mean(axis=0).ravel(), noise.ravel(), ".", markersize=2)
    panel.set(xlabel="mean of a pixel", ylabel="its standard deviation", ylim=(0, 2 * noise.mean()))
plt.show()
