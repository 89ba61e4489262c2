"""Headings that are rare where they are taken: against the stream."""

from __future__ import annotations

import numpy as np

from napari_uai.errors import BadValueError
from napari_uai.trails.footprints import Values
from napari_uai.trails.heat import TrailHeat

ENOUGH_TRAILS = 1.0
"""Trails that a heading is given on credit, so that nothing is said where nobody else goes."""


def against_the_stream(heat: TrailHeat) -> Values:
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
    owner = np.repeat(np.arange(len(footprints)), np.diff(footprints.offsets))
    kind = heat.class_of_trail[owner]
    n_cells = footprints.shape[0] * footprints.shape[1]
    place = footprints.cells % n_cells
    most = heat.blurred[:, :-1].max(axis=1).reshape(len(heat.classes), n_cells)[kind, place]
    at = heat.at_points
    # In the most frequented direction the trail is part of what it would be compared with.
    with_own = at + np.where(heat.included[owner], heat.own, 0.0)
    most = np.where(with_own >= most * (1 - 1e-5), at, most)
    rare = 1 - (at + ENOUGH_TRAILS) / (np.maximum(most, at) + ENOUGH_TRAILS)
    directed = footprints.cells < footprints.n_directions * n_cells
    return np.asarray(np.where(directed, rare, 0.0), np.float32)
