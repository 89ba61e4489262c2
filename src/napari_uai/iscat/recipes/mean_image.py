"""The mean image of a recording, and the title of its summary picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_uai.errors import counted
from napari_uai.iscat.recipes.recipe import RECORDING
from napari_uai.videos.frames import frames_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from napari_uai.iscat.recipes.run import RunResult

_MEAN_OF = 200


def draw_mean_image(axes: Axes, result: RunResult) -> tuple[int, int]:
    """Draw the mean of some frames in grey; return its shape."""
    frames = frames_of(result.videos[RECORDING])
    chosen = np.unique(np.linspace(0, len(frames) - 1, _MEAN_OF).astype(int))
    mean = np.mean([frames.read(i, i + 1)[0] for i in chosen], axis=0, dtype=float)
    inner = mean[1:-1, 1:-1] if min(mean.shape) > 2 else mean  # status lines are at an edge
    low, high = np.nanpercentile(inner, (0.5, 99.8))
    axes.imshow(mean, cmap="gray", vmin=low, vmax=high if high > low else low + 1)
    axes.set(xlabel="x (px)", ylabel="y (px)")
    return mean.shape[0], mean.shape[1]


def title_of(result: RunResult) -> str:
    """Return name, shape, recipe, and how much was found."""
    what, n = next(iter(result.found().items()))
    noun = {"landings": "landing", "trajectories": "trajectory"}[what]
    count = counted(n, noun) if n else f"no {what} found"
    shape = " by ".join(str(s) for s in result.videos[RECORDING].shape)
    return f"{result.recording.name}   {shape}   recipe {result.recipe.name}   {count}"
