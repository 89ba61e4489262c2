"""Distance from the most similar trails as a whole, from start to end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from scipy.fft import dct
from scipy.spatial import cKDTree

from napari_uai.monitor import SILENT, Monitor
from napari_uai.parameters import checked
from napari_uai.trails.parameters import Neighbours, PathPoints
from napari_uai.trails.scores.resampling import resample_along_arc
from napari_uai.trails.table import Groups, Trails
from napari_uai.typing import Floats, Floats32, Ints

BLOCK = 4096

Tree: TypeAlias = tuple[Any, Ints]
"""Search tree of the trails of a group (scipy has no types for it), and their rows."""


@checked
def nearest_distances(
    trails: Trails,
    *,
    k: Neighbours = 1,
    n_points: PathPoints = 32,
    groups: Groups | None = None,
    monitor: Monitor = SILENT,
) -> Floats:
    """Return the distance of each trail from the most similar other trails.

    Trails are compared at points at equal distances along their paths, in the order of travel: two
    trails along one street in opposite directions are far apart. Strengths: whole routes that
    nobody else takes; it is the best single score on labelled surveillance trails (ROC AUC 0.93
    with one neighbour). Weaknesses: trails lost midway, which only resemble others lost at the
    same place; short excursions of long trails; anomalies shared by two trails.

    Parameters
    ----------
    trails
        Trails of one scene.
    k
        Number of most similar trails whose distances are averaged. With one, a pair of similar
        anomalies is missed; with many, a rare but regular route stands out.
    n_points
        Number of points at which two trails are compared.
    groups
        Group that each trail is compared with; its class if None.
    monitor
        Progress and cancellation, once per block of trails.

    Returns
    -------
    numpy.ndarray
        Root mean square distance of the points, averaged over the ``k`` nearest trails, in px;
        float64. NaN for a trail without another in its group.

    Raises
    ------
    BadValueError
        If a parameter is outside its limits, or a position is not finite.

    Examples
    --------
    >>> import pandas as pd
    >>> from napari_uai.trails import nearest_distances, trails_of_frame
    >>> samples = pd.DataFrame({"trail": ["a", "a", "b", "b", "c", "c"], "frame": [0, 1] * 3,
    ...                         "x": [0, 60] * 3, "y": [20, 20, 22, 22, 40, 40]})
    >>> nearest_distances(trails_of_frame(samples, scene_size=(64, 48)))
    array([ 2.,  2., 18.])
    """
    points = resample_along_arc(trails, n_points=n_points, monitor=monitor.part(0, 0.1))
    if groups is None:
        groups = trails.table["class"].to_numpy()
    distances, _ = nearest_of_points(points, k=k, groups=groups, monitor=monitor.part(0.1, 1))
    return mean_of_nearest(distances, k)


@checked
def nearest_of_points(
    points: Floats32,
    *,
    k: Neighbours = 1,
    groups: Groups | None = None,
    monitor: Monitor = SILENT,
) -> tuple[Floats, Ints]:
    """Return the most similar trails and their distances, given points along each trail.

    The search is exact: a k-d tree of the cosine transforms of the trails, which preserve
    distances and concentrate them in few coordinates.

    Parameters
    ----------
    points
        Positions along each trail, in px: trails, points, (y, x); float32.
    k
        Number of most similar trails.
    groups
        Group that each trail is compared with; all trails if None.
    monitor
        Progress and cancellation, once per block of trails.

    Returns
    -------
    distances
        Root mean square distance of the points, in px, nearest first: trails, k; float64. NaN
        where a group has too few trails.
    rows
        Indices of these trails: trails, k; int64. -1 where a group has too few.
    """
    n = len(points)
    distances, rows = np.full((n, k), np.nan), np.full((n, k), -1, np.int64)
    if groups is None:
        groups = np.zeros(n, object)
    done = 0
    for group in dict.fromkeys(groups.tolist()):
        members = np.flatnonzero(groups == group)
        part = monitor.part(done / n, (done + len(members)) / n)
        done += len(members)
        most = min(k, len(members) - 1)
        if most:
            apart, which = _within_group(points[members], most, part)
            distances[members, :most], rows[members, :most] = apart, members[which]
    return distances, rows


def search_trees(points: Floats32, codes: Ints) -> dict[int, Tree]:
    """Return for each group, by its number, a search tree of its trails, and their rows."""
    trees: dict[int, Tree] = {}
    for group in np.unique(codes).tolist():
        members = np.flatnonzero(codes == group)
        trees[group] = cKDTree(_frequencies(points[members])), members
    return trees


def nearest_among(
    trees: Mapping[int, Tree],
    points: Floats32,
    codes: Ints,
    *,
    k: int,
    monitor: Monitor = SILENT,
) -> tuple[Floats, Ints]:
    """Return the trails of a reference that are most similar to new trails, as nearest_of_points.

    ``codes`` is the number of the group of each new trail.
    """
    n = len(points)
    distances, rows = np.full((n, k), np.nan), np.full((n, k), -1, np.int64)
    for group in np.unique(codes).tolist():
        if group not in trees:
            continue
        tree, members = trees[group]
        mine = np.flatnonzero(codes == group)
        most = min(k, len(members))
        for start in range(0, len(mine), BLOCK):
            monitor.update(start / len(mine), "most similar trails")
            block = mine[start : start + BLOCK]
            apart, which = tree.query(_frequencies(points[block]), k=most)
            distances[block, :most] = np.reshape(apart, (len(block), most))
            rows[block, :most] = members[np.reshape(which, (len(block), most))]
    return distances / np.sqrt(points.shape[1]), rows


def mean_of_nearest(distances: Floats, k: int) -> Floats:
    """Return the mean of the first k distances of each trail that are not NaN; else NaN."""
    first = distances[:, :k]
    counts = np.count_nonzero(~np.isnan(first), axis=1)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.nansum(first, axis=1) / np.where(counts, counts, np.nan))


def relative(distances: Floats, typical: float) -> Floats:
    """Map distances to 0 to 1, as d / (d + typical); NaN is kept."""
    if typical <= 0:
        return np.where(np.isnan(distances), np.nan, (distances > 0).astype(np.float64))
    return distances / (distances + typical)


def _within_group(points: Floats32, k: int, monitor: Monitor) -> tuple[Floats, Ints]:
    turned = _frequencies(points)
    tree = cKDTree(turned)
    n = len(points)
    distances, rows = np.empty((n, k)), np.empty((n, k), np.int64)
    for start in range(0, n, BLOCK):
        monitor.update(start / n, "most similar trails")
        block = slice(start, min(start + BLOCK, n))
        answer = tree.query(turned[block], k=k + 1, workers=-1 if n >= BLOCK else 1)
        apart, which = np.asarray(answer[0]), np.asarray(answer[1])
        # The nearest is the trail itself, unless more than k others are identical.
        own = which == np.arange(block.start, block.stop)[:, None]
        own[~own.any(1), -1] = True
        distances[block] = apart[~own].reshape(-1, k)
        rows[block] = which[~own].reshape(-1, k)
    return distances / np.sqrt(points.shape[1]), rows


def _frequencies(points: Floats32) -> Floats:
    """Return the cosine transform along each trail, a rotation that preserves distances.

    Its first coordinates hold the position of a trail, the next its shape, the last its jitter: a
    tree that splits the coordinates of largest spread needs few of them to exclude a trail.
    """
    spectrum = dct(points.astype(np.float64), axis=1, norm="ortho")
    return np.ascontiguousarray(spectrum).reshape(len(points), -1)
