"""Companions of a trail: other trails that passed the same places, heading the same way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge, Unit

from napari_uai.compiled import kernel
from napari_uai.monitor import SILENT, Monitor
from napari_uai.parameters import checked
from napari_uai.trails.parallel import in_blocks
from napari_uai.trails.parameters import StepLength
from napari_uai.trails.scores.companion_index import (
    Cells,
    CompanionIndex,
    choose,
    companion_index,
    seek,
)
from napari_uai.trails.scores.resampling import Paths
from napari_uai.trails.scores.walks import (
    HEADING,
    MAX_POINTS,
    STEP,
    Places,
    companion_paths,
    places_of,
)
from napari_uai.trails.table import Groups, Trails, group_codes
from napari_uai.typing import Floats, Floats32, Ints

MOST = 6
"""Number of closest companions that are looked for."""

WORST = 24
"""Length of the worst stretch by which companions are compared, in points of a walk."""

CANDIDATES = 18
"""Number of trails near the anchors that are compared point by point."""


@dataclass(frozen=True, eq=False)
class Companions:
    """The closest companions of each trail.

    Parameters
    ----------
    distances
        Distance of each trail from its companions along its worst stretch, closest first, in px:
        trails, :data:`MOST`; float64. NaN if there are fewer.
    rows
        Rows of these companions in the table of trails: trails, :data:`MOST`; int64. -1 if there
        are fewer.
    paths
        The points of all trails that were compared.
    apart
        Distance of each point from the companion that is closest along the whole trail, in px;
        float32. NaN if there is none.
    """

    distances: Floats
    rows: Ints
    paths: Paths
    apart: Floats32


@checked
def find_companions(
    trails: Trails,
    *,
    step_px: StepLength | None = None,
    heading_px: Annotated[float, Ge(0), Unit("px")] | None = None,
    groups: Groups | None = None,
    similar: Ints | None = None,
    monitor: Monitor = SILENT,
) -> Companions:
    """Find, for each trail, the other trails that passed all its places, heading the same way.

    The distance is directed: that of the points of a trail from the nearest point of another
    trail, averaged along the stretch of :data:`WORST` points where it is largest. Averaged over
    the whole trail it would be one direction of the modified Hausdorff distance [1]_, without
    averaging the Hausdorff distance, used for anomaly detection by [2]_. The heading adds two
    coordinates to each point.

    Strengths: detects whatever no other trail did as a whole, such as travel in the wrong
    direction, places that nobody visits, and unusual sequences of turns; trails that the tracker
    lost or found midway remain ordinary, being part of another trail. Weaknesses: trails that end
    early, unusual speeds and stops, and anomalies shared by several trails; the distance from the
    sixth companion reveals those of up to six.

    Parameters
    ----------
    trails
        Trails of one scene.
    step_px
        Distance between the points along a trail; :data:`STEP` of the scene's diagonal if None.
    heading_px
        Weight of the heading: opposite headings are as far apart as places at twice this distance.
        :data:`HEADING` of the diagonal if None.
    groups
        Group that each trail is compared with; its class if None.
    similar
        Rows of trails to compare in any case, negative for none: trails, any number; int64. The
        most similar trails as a whole are suitable.
    monitor
        Progress and cancellation, once per block of trails.

    Returns
    -------
    Companions
        Candidates are searched for around six points of the trail, and the best of them compared
        point by point; distances may be slightly too large, never too small.

    Raises
    ------
    BadValueError
        If a parameter is outside its limits, or a position is not finite.

    References
    ----------
    .. [1] M.-P. Dubuisson, A. K. Jain, "A modified Hausdorff distance for object matching",
       Proceedings of 12th International Conference on Pattern Recognition, 566-568 (1994),
       doi:10.1109/ICPR.1994.576361
    .. [2] R. Laxhammar, G. Falkman, "Online learning and sequential anomaly detection in
       trajectories", IEEE Transactions on Pattern Analysis and Machine Intelligence 36, 1158-1173
       (2014), doi:10.1109/TPAMI.2013.172

    Examples
    --------
    >>> import pandas as pd
    >>> from napari_uai.trails import find_companions, trails_of_frame
    >>> samples = pd.DataFrame({"trail": ["a", "a", "b", "b", "c", "c"], "frame": [0, 1] * 3,
    ...                         "x": [0, 60, 0, 60, 60, 0], "y": [20, 20, 22, 22, 20, 20]})
    >>> companions = find_companions(trails_of_frame(samples, scene_size=(64, 48)))
    >>> companions.distances[:, 0].round(1)  # c runs in the opposite direction
    array([2. , 2. , 9.6])
    """
    diagonal = float(np.hypot(trails.scene.width, trails.scene.height))
    step = STEP * diagonal if step_px is None else step_px
    weight = HEADING * diagonal if heading_px is None else heading_px
    paths = companion_paths(trails, step, monitor=monitor.part(0, 0.2))
    names = trails.table["class"].to_numpy() if groups is None else groups
    codes = group_codes(names)
    index = companion_index(paths, codes, trails.scene, weight_px=weight)
    return companions_among(
        index, paths, codes, similar=similar, themselves=True, monitor=monitor.part(0.2, 1)
    )


def companions_among(
    index: CompanionIndex,
    paths: Paths,
    codes: Ints,
    *,
    similar: Ints | None = None,
    themselves: bool = False,
    monitor: Monitor = SILENT,
) -> Companions:
    """Find the companions of trails among those of a reference.

    Parameters
    ----------
    index
        The reference.
    paths
        Points of the trails.
    codes
        Number of the group of each of them, which the reference has; int64.
    similar
        As for :func:`find_companions`: rows of the reference.
    themselves
        Whether the trails are those of the reference, none of which is its own companion.
    monitor
        Progress and cancellation, once per block of trails.

    Returns
    -------
    Companions
        Of the trails; rows are those of the reference.
    """
    n = len(codes)
    places = index.places if themselves else places_of(paths, index.weight)
    companions = Companions(
        np.full((n, MOST), np.nan),
        np.full((n, MOST), -1, np.int64),
        paths,
        np.full(len(paths.y), np.nan, np.float32),
    )
    tried = np.empty((n, 0), np.int64) if similar is None else similar

    def work(start: int, stop: int) -> None:
        _find(
            (paths.offsets, places),
            (index.paths.offsets, index.places),
            codes,
            index.members,
            index.borders,
            index.cells,
            tried,
            themselves,
            start,
            stop,
            companions.distances,
            companions.rows,
            companions.apart,
        )

    in_blocks(work, paths.offsets, text="companions of trails", min_samples=2000, monitor=monitor)
    return companions


@kernel
def _find(
    trails: tuple[Ints, Places],
    reference: tuple[Ints, Places],
    groups: Ints,
    members: Ints,
    borders: Ints,
    index: Cells,
    similar: Ints,
    themselves: bool,
    start: int,
    stop: int,
    distances: Floats,
    rows: Ints,
    apart: Floats32,
) -> None:
    offsets, places = trails
    n = len(reference[0]) - 1
    near, closest = np.zeros(n, np.float32), np.zeros(n, np.float32)
    last_anchor = np.full(n, -1, np.int64)
    touched = np.empty(n, np.int32)
    own = np.empty(MAX_POINTS)
    chosen = np.empty(CANDIDATES + similar.shape[1], np.int64)
    for i in range(start, stop):
        group, itself = groups[i], i if themselves else -1
        first, end = borders[group], borders[group + 1]
        n_touched = 0
        if end - first > 2 * CANDIDATES:
            n_touched = seek(
                offsets, places, group, index, i, itself, near, closest, last_anchor, touched
            )
        if n_touched >= MOST:
            n_chosen = choose(touched[:n_touched], near, chosen[:CANDIDATES])
            for u in similar[i]:
                if u >= 0 and not np.any(chosen[:n_chosen] == u):
                    chosen[n_chosen] = u
                    n_chosen += 1
            candidates = chosen[:n_chosen]
        else:
            candidates = members[first:end]
        closest_of_all = _compare(trails, reference, i, itself, candidates, own, distances, rows)
        if closest_of_all >= 0:
            _measure(trails, reference, i, closest_of_all, apart)


@kernel
def _compare(
    trails: tuple[Ints, Places],
    reference: tuple[Ints, Places],
    i: int,
    itself: int,
    candidates: Ints,
    own: Floats,
    distances: Floats,
    rows: Ints,
) -> int:
    """Write the candidates that are closest along the worst stretch, closest first.

    Return the one that is closest along the whole trail; -1 without any.
    """
    nearest, which = distances[i], rows[i]
    n, most, best, least = 0, len(nearest), -1, np.inf
    for u in candidates:
        if u == itself:
            continue
        enough = nearest[most - 1] if n == most else np.inf
        worst, mean = _distances(trails, reference, i, u, (enough, least), own)
        if mean < least:
            best, least = u, mean
        if n == most and worst >= enough:
            continue
        n = min(n + 1, most)
        k = n - 1
        while k > 0 and nearest[k - 1] > worst:
            nearest[k], which[k] = nearest[k - 1], which[k - 1]
            k -= 1
        nearest[k], which[k] = worst, u
    return best


@kernel
def _distances(
    trails: tuple[Ints, Places],
    reference: tuple[Ints, Places],
    i: int,
    u: int,
    enough: tuple[float, float],
    own: Floats,
) -> tuple[float, float]:
    """Return the mean distance of a trail from another along its worst stretch, and of all of it.

    Both are infinite if both are above their limits.
    """
    offsets, (y, x, hy, hx) = trails
    uy, ux, vy, vx = _points_of(reference, u)
    first, n_points = offsets[i], offsets[i + 1] - offsets[i]
    length = min(WORST, n_points)
    most, most_of_all = enough[0] * length, enough[1] * n_points
    stretch, worst, total = 0.0, 0.0, 0.0
    for p in range(n_points):
        j = first + p
        own[p] = np.sqrt(_nearest_square(y[j], x[j], hy[j], hx[j], uy, ux, vy, vx))
        total += own[p]
        stretch += own[p]
        if p >= length:
            stretch -= own[p - length]
        worst = max(worst, stretch)
        if worst > most and total > most_of_all:
            return np.inf, np.inf
    return worst / length, total / n_points


@kernel
def _measure(
    trails: tuple[Ints, Places],
    reference: tuple[Ints, Places],
    i: int,
    u: int,
    apart: Floats32,
) -> None:
    offsets, (y, x, hy, hx) = trails
    uy, ux, vy, vx = _points_of(reference, u)
    for p in range(offsets[i], offsets[i + 1]):
        apart[p] = np.sqrt(_nearest_square(y[p], x[p], hy[p], hx[p], uy, ux, vy, vx))


@kernel
def _points_of(reference: tuple[Ints, Places], u: int) -> Places:
    offsets, (y, x, hy, hx) = reference
    a, b = offsets[u], offsets[u + 1]
    return y[a:b], x[a:b], hy[a:b], hx[a:b]


@kernel
def _nearest_square(
    y: float,
    x: float,
    hy: float,
    hx: float,
    uy: Floats32,
    ux: Floats32,
    vy: Floats32,
    vx: Floats32,
) -> float:
    """Return the smallest squared distance of a point from those of a trail.

    Floats that are not negative have the order of their bits as integers, whose minimum, unlike
    that of floats, the compiler finds for eight at a time.
    """
    least = np.float32(np.inf).view(np.int32)
    for q in range(len(uy)):
        dy, dx, ey, ex = uy[q] - y, ux[q] - x, vy[q] - hy, vx[q] - hx
        square = np.float32(dy * dy + dx * dx + ey * ey + ex * ex)
        least = min(least, square.view(np.int32))
    return float(np.int32(least).view(np.float32))
