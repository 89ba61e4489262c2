"""Points along the walk of each trail, with headings: what companions are found by."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeAlias

import numpy as np

from napari_uai.compiled import kernel
from napari_uai.monitor import SILENT, Monitor
from napari_uai.trails.scores.resampling import Paths, walk, within_reach
from napari_uai.trails.table import Scene, Trails, offsets_of
from napari_uai.typing import Floats32, Ints

STEP = 0.0075
"""Default distance between the points along a trail, in diagonals of the scene."""

HEADING = 0.06
"""Default weight of the heading, in diagonals of the scene."""

MAX_POINTS = 128
"""Largest number of points of a trail: more take time without adding information."""

Places: TypeAlias = tuple[Floats32, Floats32, Floats32, Floats32]
"""y, x and heading (y, x) of points."""


def companion_paths(trails: Trails, step_px: float, *, monitor: Monitor = SILENT) -> Paths:
    """Return the points of trails that are compared."""
    return _thinned(walk(within_reach(trails), step_px=step_px, monitor=monitor))


def heading_weight(scene: Scene) -> float:
    """Return the default weight of the heading, in px."""
    return HEADING * float(np.hypot(scene.width, scene.height))


def places_of(paths: Paths, weight: float) -> Places:
    """Return positions and headings of points; ``weight`` is that of the heading, in px."""
    headings = np.empty((2, len(paths.y)), np.float32)
    _head(paths.offsets, paths.y, paths.x, weight, headings)
    return paths.y, paths.x, headings[0], headings[1]


def crowd_order(paths: Paths) -> Ints:
    """Return a random order of the trails that does not depend on the order of their rows."""
    counts, first, last = np.diff(paths.offsets), paths.offsets[:-1], paths.offsets[1:] - 1
    apart = np.hypot(paths.y[last] - paths.y[first], paths.x[last] - paths.x[first])
    priority = np.empty(len(counts), np.int64)
    priority[np.lexsort((apart, counts))] = np.random.default_rng(0).permutation(len(counts))
    return priority


def _thinned(paths: Paths) -> Paths:
    """Reduce long trails to fewer points, evenly."""
    counts = np.diff(paths.offsets)
    if counts.max(initial=0) <= MAX_POINTS:
        return paths
    kept = np.minimum(counts, MAX_POINTS)
    offsets = offsets_of(kept)
    position = np.arange(offsets[-1]) - np.repeat(offsets[:-1], kept)
    stretch = np.repeat((counts - 1) / np.maximum(kept - 1, 1), kept)
    take = np.repeat(paths.offsets[:-1], kept) + np.rint(position * stretch).astype(np.int64)
    return replace(
        paths, offsets=offsets, y=paths.y[take], x=paths.x[take], sample=paths.sample[take]
    )


@kernel
def _head(offsets: Ints, y: Floats32, x: Floats32, weight: float, headings: Floats32) -> None:
    """Write the heading at each point, from the previous to the next point; 0 without any."""
    for i in range(len(offsets) - 1):
        first, last = offsets[i], offsets[i + 1] - 1
        for j in range(first, last + 1):
            before, after = max(j - 1, first), min(j + 1, last)
            dy = np.float64(y[after]) - y[before]
            dx = np.float64(x[after]) - x[before]
            length = np.sqrt(dy * dy + dx * dx)
            scale = weight / length if length > 0 else 0.0
            headings[0, j] = scale * dy
            headings[1, j] = scale * dx
