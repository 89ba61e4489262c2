"""Headings that are rare where they are taken: against the stream."""

from __future__ import annotations

import numpy as np

from napari_uai.compiled import kernel
from napari_uai.errors import BadValueError
from napari_uai.monitor import SILENT, Monitor
from napari_uai.trails.heat.heat import TrailHeat
from napari_uai.trails.parallel import in_blocks
from napari_uai.typing import Bools, Floats, Floats32, Ints, Ints32

ENOUGH_TRAILS = 1.0
"""Trails that a heading is given on credit, so that nothing is said where nobody else goes."""


def against_the_stream(heat: TrailHeat, *, monitor: Monitor = SILENT) -> Floats32:
    """Return how rare the heading is at each point of each trail, by what others head for there.

    The heat in the own direction, without the trail itself, is set against that of the most
    frequented direction of the same place: ``1 - (own + 1) / (most + 1)``.

    Good at the wrong way through a one-way stream, and at crossing it. Bad where people go
    every way, and blind where nobody goes.

    Parameters
    ----------
    heat
        Of footprints with several bins of direction.

    Returns
    -------
    ndarray
        For each point of the trails' paths, 0 (as most do, or nobody else is there) to 1; float32.

    Raises
    ------
    BadValueError
        If the heat makes no difference between directions.
    """
    footprints = heat.footprints
    if footprints.n_directions < 2:
        raise BadValueError("footprints make no difference between directions: give n_directions")
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
            # In the most frequented direction the trail would be compared with itself.
            if with_own >= most * (1 - 1e-5):
                most = at
            rare[p] = 1 - (at + ENOUGH_TRAILS) / (max(most, at) + ENOUGH_TRAILS)
            if cells[p] >= n_directions * n_cells:
                rare[p] = 0.0
