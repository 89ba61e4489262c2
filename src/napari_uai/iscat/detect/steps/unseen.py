"""Landings beside another that nothing tells apart from it: what they may have changed of it.

Two landings within a few pixels and a short time of each other look like one, whose contrast and
place are then wrong by far more than its noise. Whether there was a second is not known, but how
likely it is, and how strong it would be, is: from what the fit leaves around the first, and from
how often landings happen here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from napari_uai.iscat.detect.steps.models import StepStatistics
from napari_uai.iscat.detect.steps.point_images import Images
from napari_uai.iscat.detect.steps.times import step_course
from napari_uai.typing import Floats

RINGS = ((0.0, 1), (0.6, 6), (1.2, 8), (1.8, 10), (2.6, 12))
"""Distances of the places that are tried, in widths of the image of a point, and how many there."""

DELAYS = (-12.0, -7.0, -4.0, -2.0, 0.0, 2.0, 4.0, 7.0, 12.0)
"""Delays that are tried, in bins."""

LEAST_APART = 0.02
"""Share of the information of an event that must be left beside another; below, both are one, and
their sum is right."""


class Cells(NamedTuple):
    """Places (px) and delays (bins) around an event, and the volume that each stands for.

    ``volumes`` (px² bins) are of the shape (delays, places).
    """

    offsets: Floats
    delays: Floats
    volumes: Floats


@dataclass(frozen=True)
class Fitted:
    """One event as it was fitted, and what the fit of all leaves at and around it.

    Attributes
    ----------
    own
        Its image, and the derivatives of it by y and x.
    beside
        Images at the places around it.
    left, left_beside
        What is left of the data, seen by these images: (bins, 3), (bins, places).
    course
        Share of each bin in which it is present.
    time, place_prior
        Its time (bins), and the information that the fit has of its place beforehand.
    """

    own: Images
    beside: Images
    left: Floats
    left_beside: Floats
    course: Floats
    time: float
    place_prior: float


def cells_around(sigma_px: float) -> Cells:
    """Return the places and delays at which an unseen event is thought of."""
    radii = np.array([radius for radius, _ in RINGS]) * sigma_px
    between = (radii[1:] + radii[:-1]) / 2
    edges = np.concatenate([[0], between, [2 * radii[-1] - between[-1]]])
    places, areas = [], []
    for radius, (_, n), area in zip(radii, RINGS, np.diff(np.pi * edges**2), strict=True):
        angles = 2 * np.pi * (np.arange(n) + 0.5) / n
        places.append(radius * np.column_stack([np.sin(angles), np.cos(angles)]))
        areas.append(np.full(n, area / n))
    delays = np.array(DELAYS)
    durations = np.gradient(delays)  # half-way to the delays before and after
    return Cells(np.concatenate(places), delays, np.outer(durations, np.concatenate(areas)))


def changes_by_unseen(
    event: Fitted, statistics: StepStatistics, cells: Cells, *, rate: float, usual: float
) -> Floats:
    """Return the mean squares of what an unseen event changes of another.

    Parameters
    ----------
    event
        The other event.
    statistics
        Noise in time.
    cells
        Where and when the unseen event may be.
    rate
        Expected number of events per px² and bin.
    usual
        Root mean square contrast of events.

    Returns
    -------
    numpy.ndarray
        Of the contrast, and of the contrast times y and x (px), (3); float64.
    """
    n_bins = len(statistics.precision)
    times = event.time + cells.delays
    inside = (times >= 0) & (times <= n_bins - 1)
    courses = np.array([step_course(time, n_bins) for time in times[inside]])
    later, sooner = (step_course(event.time + half, n_bins) for half in (0.5, -0.5))
    own = np.stack([event.course, later - sooner])  # its course, and the derivative by its time
    seen_by, seen_by_own = courses @ statistics.precision, own @ statistics.precision

    # Parameters: contrast, change of y, of x, of time, each times the contrast.
    images, place = event.own.products(event.own), event.beside.products(event.own)
    in_time, mixed = seen_by_own @ own.T, seen_by @ own.T
    information = np.empty((4, 4))
    information[:3, :3] = images * in_time[0, 0]
    information[:3, 3] = information[3, :3] = images[:, 0] * in_time[0, 1]
    information[3, 3] = images[0, 0] * in_time[1, 1]
    information[[1, 2], [1, 2]] += event.place_prior
    shared = np.empty((*mixed.shape[:1], *place.shape[:1], 4))
    shared[..., :3] = mixed[:, 0, None, None] * place
    shared[..., 3] = mixed[:, 1, None] * place[:, 0]
    rest = np.append(seen_by_own[0] @ event.left, seen_by_own[1] @ event.left[:, 0])

    squares = np.outer(np.einsum("kt,kt->k", seen_by, courses), event.beside.squares)
    changes = mean_squared_changes(
        (seen_by @ event.left_beside).ravel(),
        squares.ravel(),
        shared.reshape(-1, 4),
        rest,
        information,
        expected=(rate * cells.volumes[inside]).ravel(),
        usual=usual,
    )
    return changes[:3]


def mean_squared_changes(
    seen: Floats,
    squares: Floats,
    shared: Floats,
    rest: Floats,
    information: Floats,
    *,
    expected: Floats,
    usual: float,
) -> Floats:
    """Return the mean squares of what one more column, if it is there, changes of parameters.

    Of several columns at most one is there, with a coefficient from a normal distribution about 0;
    the parameters were fitted without it.

    Parameters
    ----------
    seen, squares
        Products of each column with what the fit leaves of the data, and with itself, (columns).
    shared
        Products of each column with those of the parameters, (columns, parameters).
    rest, information
        Products of the columns of the parameters with what the fit leaves, (parameters), and with
        each other.
    expected
        Prior odds of each column, (columns).
    usual
        Standard deviation of its coefficient beforehand.

    Returns
    -------
    numpy.ndarray
        (parameters); float64.
    """
    changes = np.linalg.solve(information, shared.T).T  # per unit of the coefficient
    left = squares - np.einsum("cp,cp->c", changes, shared)
    apart = left > LEAST_APART * squares
    seen, left, changes = (seen - changes @ rest)[apart], left[apart], changes[apart]
    narrower = 1 + usual**2 * left
    variance = usual**2 / narrower
    log_odds = np.log(expected[apart]) - np.log(narrower) / 2 + seen**2 * variance / 2
    highest = max(float(log_odds.max(initial=0.0)), 0.0)
    odds = np.exp(log_odds - highest)
    share = odds / (odds.sum() + np.exp(-highest))
    return np.asarray((share * ((seen * variance) ** 2 + variance)) @ changes**2)
