"""Scores of the company of a trail: how far its companions are, and how far theirs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from napari_uai.compiled import kernel
from napari_uai.trails.scores.companions import Companions
from napari_uai.typing import Floats, Floats32, Ints

EASED = 1.0
"""Weight of the median of the class in what is usual for the companions of a trail."""

DENSEST = 2
"""Number of companions, those that are closest to theirs, that say what is usual beside a trail. Of
six companions, at least two are not on its route if five trails or fewer take it."""

SHORT = 6
"""Length of the worst stretch of ``kink``, in points of a walk."""

FELLOWS = 4
"""Number of closest companions: on a route that five take, all are on it."""


def company_scores(
    companions: Companions, codes: Ints, known: tuple[Mapping[str, Floats], Ints] | None = None
) -> dict[str, Floats]:
    """Return all that companions tell of trails.

    Parameters
    ----------
    companions
        Companions of the trails.
    codes
        Number of the group of each trail; int64.
    known
        The same scores of the trails that are the companions, and their groups; None if trails
        accompany each other.

    Returns
    -------
    dict
        ``companion``, ``kink``, ``followers``, ``spacing``, in px, ``rarity``, in px, and
        ``sparsity``; float64, NaN for a trail without companions.
    """
    distances, rows = companions.distances, companions.rows
    own = {
        "companion": distances[:, 0].copy(),
        "kink": worst_stretches(companions, SHORT),
        "followers": furthest(distances),
        "spacing": mean_spacing(distances),
    }
    theirs, of_codes = known or (own, codes)
    return {
        **own,
        "rarity": rarity(own["followers"], rows, theirs["followers"]),
        "sparsity": sparsity(own["spacing"], rows, theirs["spacing"], codes, of_codes),
    }


def worst_stretches(companions: Companions, n_points: int) -> Floats:
    """Return how far each trail is from its closest companion where it is farthest.

    Parameters
    ----------
    companions
        Companions of the trails.
    n_points
        Length of the stretch over which the distance is averaged, in points.

    Returns
    -------
    numpy.ndarray
        Largest mean distance of any stretch of each trail, in px; float64. That of the whole trail
        if it is shorter; NaN without a companion.
    """
    offsets = companions.paths.offsets
    worst = np.empty(len(offsets) - 1)
    _worst_stretches(offsets, companions.apart, n_points, worst)
    return worst


def furthest(distances: Floats) -> Floats:
    """Return the distance of each trail from the last of its companions; NaN without any.

    A trail that has fewer companions than others of its group counts by the last that it has.
    """
    last = np.maximum(np.count_nonzero(~np.isnan(distances), axis=1) - 1, 0)
    return np.asarray(distances[np.arange(len(distances)), last])


def mean_apart(companions: Companions) -> Floats:
    """Return the mean distance of each trail from its closest companion, in px; NaN without."""
    offsets = companions.paths.offsets
    if len(offsets) < 2:
        return np.zeros(0)
    totals = np.add.reduceat(companions.apart.astype(np.float64), offsets[:-1])
    return np.asarray(totals / np.diff(offsets))


def mean_spacing(distances: Floats) -> Floats:
    """Return the mean distance of each trail from its companions, in px; NaN without any.

    The mean of several is not small because two anomalies are alike.
    """
    counts = np.count_nonzero(~np.isnan(distances), axis=1)
    return np.asarray(np.nansum(distances, axis=1) / np.where(counts, counts, np.nan))


def sparsity(
    spacing: Floats, companions: Ints, of_companions: Floats, codes: Ints, of_codes: Ints
) -> Floats:
    """Return how much farther trails are from their companions than is usual for these.

    This is the idea of the local outlier factor [1]_: distances are compared with those of the
    neighbours, so that a trail in a place where all keep away from each other, such as a car park,
    is ordinary. Only the two neighbours that are closest to theirs count, lest the few trails of a
    rare route, which are each other's neighbours, make each other ordinary; their distance is
    averaged with the median of the class, lest a few identical trails make all others seem far.

    Strengths: finds a trail beside dense traffic as well as one beside sparse traffic. Weaknesses:
    routes of six trails and more, on which at most one neighbour is on another.

    Parameters
    ----------
    spacing
        Mean distance of each trail from its companions, in px; float64.
    companions
        Rows of these companions, negative for none: trails, any number; int64.
    of_companions
        The same distance of all trails that may be companions; float64.
    codes
        Number of the group of each trail; int64.
    of_codes
        Number of the group of each trail that may be a companion; int64.

    Returns
    -------
    numpy.ndarray
        The distance, divided by the weighted mean of that of two companions and the median of the
        group; float64. NaN for a trail without companions.

    References
    ----------
    .. [1] M. M. Breunig, H.-P. Kriegel, R. T. Ng, J. Sander, "LOF: identifying density-based local
       outliers", ACM SIGMOD Record 29, 93-104 (2000), doi:10.1145/335191.335388

    Examples
    --------
    >>> import numpy as np
    >>> distances = np.array([1.0, 1.0, 1.0, 4.0])  # the last is beside the others
    >>> near, group = np.array([[1], [0], [1], [2]]), np.zeros(4, np.int64)
    >>> sparsity(distances, near, distances, group, group)
    array([1., 1., 1., 4.])
    """
    usual = np.full(len(spacing), np.nan)
    for code in np.unique(codes):
        known = of_companions[of_codes == code]
        valid = known[~np.isnan(known)]
        usual[codes == code] = np.median(valid) if len(valid) else np.nan
    theirs = np.where(companions < 0, np.nan, of_companions[companions])
    nearby = mean_spacing(np.sort(theirs, axis=1)[:, :DENSEST])  # NaN is last
    nearby = np.where(np.isnan(nearby), usual, nearby)
    expected = (nearby + EASED * usual) / (1 + EASED)
    return np.asarray(spacing / np.maximum(expected, 1e-9))


def rarity(followers: Floats, companions: Ints, of_companions: Floats) -> Floats:
    """Return how far the sixth closest companions are from a trail and from its fellows.

    Around a trail that wanders off an ordinary route, the closest companions have many others
    beside them; those of a trail on a rare route have not. The mean over the trail and its four
    closest companions is smaller than the distance of the trail in the first case, equal in the
    second, and less noisy than a single distance in both: it tells rare routes from odd trails.

    Parameters
    ----------
    followers
        Distance of each trail from the last of its companions, in px (:func:`furthest`); float64.
    companions
        Rows of these companions, closest first, negative for none: trails, any number; int64.
    of_companions
        The same distance of all trails that may be companions; float64.

    Returns
    -------
    numpy.ndarray
        Mean distance, in px; float64. NaN for a trail without companions.

    Examples
    --------
    >>> import numpy as np
    >>> followers = np.array([1.0, 1.0, 6.0])
    >>> rarity(followers, np.array([[1], [0], [0]]), followers)
    array([1. , 1. , 3.5])
    """
    fellows = companions[:, :FELLOWS]
    theirs = np.where(fellows < 0, np.nan, of_companions[fellows])
    mean = mean_spacing(np.column_stack([followers, theirs]))
    return np.where(np.isnan(followers), np.nan, mean)


@kernel
def _worst_stretches(offsets: Ints, apart: Floats32, n_points: int, worst: Floats) -> None:
    for i in range(len(offsets) - 1):
        worst[i] = worst_mean(apart[offsets[i] : offsets[i + 1]], n_points)


@kernel
def worst_mean(along: Floats | Floats32, n_points: int) -> float:
    """Return the largest mean of some consecutive values; that of all if they are fewer."""
    length = min(n_points, len(along))
    total = 0.0
    for p in range(length):
        total += along[p]
    highest = total
    for p in range(length, len(along)):
        total += np.float64(along[p]) - along[p - length]
        highest = max(highest, total)
    return highest / length
