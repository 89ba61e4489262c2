"""Rare headings: travel against the stream."""

from __future__ import annotations

import numpy as np

from napari_uai.compiled import kernel
from napari_uai.errors import BadValueError
from napari_uai.monitor import SILENT, Monitor
from napari_uai.trails.heat.heat import TrailHeat
from napari_uai.trails.parallel import in_blocks
from napari_uai.typing import Bools, Floats, Floats32, Ints, Ints32

ENOUGH_TRAILS = 1.0
"""Number of trails added to each heading, so that deserted places give no evidence."""


def against_the_stream(heat: TrailHeat, *, monitor: Monitor = SILENT) -> Floats32:
    """Return how rare the heading is at each point of each trail.

    The heat in the trail's own direction, without the trail itself, is compared with that in the
    most frequent direction at the same place: ``1 - (own + 1) / (most + 1)``.

    Strengths: travel in the wrong direction of, or across, a one-way stream. Weaknesses: places
    where objects move in all directions, and deserted places.

    Parameters
    ----------
    heat
        Heat of footprints with several bins of direction.
    monitor
        Progress and cancellation, once per block of trails.

    Returns
    -------
    numpy.ndarray
        One value per point of the footprints, from 0 (the most frequent direction, or a deserted
        place) to 1; float32.

    Raises
    ------
    BadValueError
        If the footprints have a single bin of direction.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from napari_uai.trails import against_the_stream, measure_heat, paint_footprints
    >>> from napari_uai.trails import trails_of_frame
    >>> samples = pd.DataFrame({"trail": np.repeat(range(4), 2), "frame": [0, 1] * 4,
    ...                         "x": [0, 63, 0, 63, 0, 63, 63, 0], "y": [20] * 8})
    >>> trails = trails_of_frame(samples, scene_size=(64, 48))
    >>> heat = measure_heat(paint_footprints(trails, n_directions=4), blur_px=1)
    >>> against_the_stream(heat)[heat.footprints.offsets[:-1]]
    array([0.  , 0.  , 0.  , 0.75], dtype=float32)
    """
    footprints = heat.footprints
    if footprints.n_directions < 2:
        raise BadValueError("n_directions of the footprints must be at least 2")
    most = heat.blurred[:, :-1].max(axis=1).reshape(len(heat.classes), -1)
    rare = np.empty(len(footprints.cells), np.float32)
    own = (heat.class_of_trail, heat.included, heat.own)

    def work(start: int, stop: int) -> None:
        _compare(
            footprints.offsets,
            footprints.cells,
            footprints.n_directions,
            most,
            own,
            heat.at_points,
            start,
            stop,
            rare,
        )

    in_blocks(work, footprints.offsets, text="directions", min_samples=100_000, monitor=monitor)
    return rare


@kernel
def _compare(
    offsets: Ints,
    cells: Ints32,
    n_directions: int,
    most_of_classes: Floats,
    own: tuple[Ints32, Bools, Floats32],
    at_points: Floats32,
    start: int,
    stop: int,
    rare: Floats32,
) -> None:
    classes, included, own_heat = own
    n_cells = most_of_classes.shape[1]
    for i in range(start, stop):
        most_of = most_of_classes[classes[i]]
        for p in range(offsets[i], offsets[i + 1]):
            at = np.float64(at_points[p])
            most = most_of[cells[p] % n_cells]
            with_own = at + own_heat[p] if included[i] else at
            # In the most frequent direction, the trail would be compared with itself.
            if with_own >= most * (1 - 1e-5):
                most = at
            rare[p] = 1 - (at + ENOUGH_TRAILS) / (max(most, at) + ENOUGH_TRAILS)
            if cells[p] >= n_directions * n_cells:
                rare[p] = 0.0
