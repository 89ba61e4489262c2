"""Companions of a trail: other trails that passed the same places, heading the same way."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, TypeAlias

import numpy as np
from annotated_types import Ge, Unit

from napari_uai.compiled import kernel
from napari_uai.monitor import SILENT, Monitor
from napari_uai.parameters import checked
from napari_uai.trails.parallel import in_blocks
from napari_uai.trails.parameters import StepLength
from napari_uai.trails.scores.resampling import Paths, walk, within_reach
from napari_uai.trails.table import Groups, Scene, Trails, group_codes, offsets_of
from napari_uai.typing import Floats, Floats32, Ints, Ints32

STEP = 0.0075
"""Default distance between the points along a trail, in diagonals of the scene."""

HEADING = 0.06
"""Default weight of the heading, in diagonals of the scene."""

MAX_POINTS = 128
"""Largest number of points of a trail: more take time without adding information."""

ANCHORS = 6
"""Number of points along a trail at which candidates are searched for."""

EVERY = 4
"""Interval of the points by which a trail can be found."""

MOST = 6
"""Number of closest companions that are looked for."""

WORST = 24
"""Length of the worst stretch by which companions are compared, in points of a walk."""

CANDIDATES = 18
"""Number of trails near the anchors that are compared point by point."""

CELL = 0.03
"""Side of the cells of the search grid, in diagonals of the scene."""

MAX_PER_CELL = 192
"""Largest number of points per cell. All cells drop the same trails first, so that a companion
remains in all cells along its path."""


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


def companion_paths(trails: Trails, step_px: float, *, monitor: Monitor = SILENT) -> Paths:
    """Return the points of trails that are compared."""
    return _thinned(walk(within_reach(trails), step_px=step_px, monitor=monitor))


Places: TypeAlias = tuple[Floats32, Floats32, Floats32, Floats32]
"""y, x and heading (y, x) of points."""

Cells: TypeAlias = tuple[float, float, float, int, int, Ints, Places, Ints32]
"""Origin (y, x), side, rows, columns; index of each cell's first point; points; their trails."""


@dataclass(frozen=True, eq=False)
class CompanionIndex:
    """Trails of a reference, prepared for searches.

    Parameters
    ----------
    paths
        Their points.
    codes
        Number of the group of each; int64.
    weight
        Weight of the heading, in px.
    places
        Positions and headings of the points.
    cells
        Points by cell of the search grid.
    members, borders
        Trails sorted by group, and where each group begins; int64.
    """

    paths: Paths
    codes: Ints
    weight: float
    places: Places
    cells: Cells
    members: Ints
    borders: Ints


def companion_index(
    paths: Paths, codes: Ints, scene: Scene, *, weight_px: float | None = None
) -> CompanionIndex:
    """Prepare trails for :func:`companions_among`.

    Parameters
    ----------
    paths
        Points of the trails, of :func:`companion_paths`.
    codes
        Number of the group of each trail; int64.
    scene
        The scene.
    weight_px
        Weight of the heading; :data:`HEADING` of the diagonal if None.
    """
    diagonal = float(np.hypot(scene.width, scene.height))
    weight = HEADING * diagonal if weight_px is None else weight_px
    places = _places(paths, weight)
    members = np.argsort(codes, kind="stable")
    borders = np.searchsorted(codes[members], np.arange(codes.max(initial=0) + 2))
    cells = _cells(paths, places, codes, scene)
    return CompanionIndex(paths, codes, weight, places, cells, members, borders)


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
    places = index.places if themselves else _places(paths, index.weight)
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


def _places(paths: Paths, weight: float) -> Places:
    headings = np.empty((2, len(paths.y)), np.float32)
    _head(paths.offsets, paths.y, paths.x, weight, headings)
    return paths.y, paths.x, headings[0], headings[1]


def _cells(paths: Paths, places: Places, groups: Ints, scene: Scene) -> Cells:
    """Sort the points of trails into cells, one grid per group.

    Crowded cells keep some trails only.
    """
    # Positions may lie outside the scene: the grid extends it by its size on all sides.
    side = CELL * float(np.hypot(scene.width, scene.height))
    low_y, low_x = -float(scene.height), -float(scene.width)
    rows, columns = (int(np.ceil(3 * size / side)) + 1 for size in (scene.height, scene.width))
    offsets = paths.offsets
    every = -(-np.diff(offsets) // EVERY)
    owner = np.repeat(np.arange(len(every)), every)
    taken = EVERY * (np.arange(len(owner)) - offsets_of(every)[owner]) + offsets[owner]
    row = np.clip((paths.y[taken] - low_y) // side, 0, rows - 1).astype(np.int64)
    column = np.clip((paths.x[taken] - low_x) // side, 0, columns - 1).astype(np.int64)
    cell = (groups[owner] * rows + row) * columns + column
    order = np.lexsort((_priority(paths)[owner], cell))
    starts = np.searchsorted(
        cell[order], np.arange((groups.max(initial=0) + 1) * rows * columns + 1)
    )
    crowd = np.arange(len(order)) - starts[cell[order]]
    order = order[crowd < MAX_PER_CELL]
    starts = offsets_of(np.minimum(np.diff(starts), MAX_PER_CELL))
    y, x, hy, hx = (values[taken[order]] for values in places)
    return low_y, low_x, side, rows, columns, starts, (y, x, hy, hx), owner[order].astype(np.int32)


def _priority(paths: Paths) -> Ints:
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
            n_touched = _seek(
                offsets, places, group, index, i, itself, near, closest, last_anchor, touched
            )
        if n_touched >= MOST:
            n_chosen = _choose(touched[:n_touched], near, chosen[:CANDIDATES])
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
def _seek(
    offsets: Ints,
    places: Places,
    group: int,
    index: Cells,
    i: int,
    itself: int,
    near: Floats32,
    closest: Floats32,
    last_anchor: Ints,
    touched: Ints32,
) -> int:
    """Find the trails near the anchors of a trail, and sum their proximities; return how many."""
    y, x, hy, hx = places
    low_y, low_x, side, n_rows, n_columns, starts, (qy, qx, vy, vx), owners = index
    n_points = offsets[i + 1] - offsets[i]
    n_anchors = min(ANCHORS, n_points)
    reach = np.float32(side)
    squares = np.empty(3 * MAX_PER_CELL, np.float32)
    n_touched = 0
    for a in range(n_anchors):
        p = offsets[i] + (n_points - 1) * a // max(n_anchors - 1, 1)
        mark = i * ANCHORS + a
        row = int(min(max((y[p] - low_y) // side, 0), n_rows - 1))
        column = int(min(max((x[p] - low_x) // side, 0), n_columns - 1))
        for r in range(max(row - 1, 0), min(row + 2, n_rows)):
            line = (group * n_rows + r) * n_columns
            begin = starts[line + max(column - 1, 0)]
            end = starts[line + min(column + 1, n_columns - 1) + 1]
            # In a loop of its own, which the compiler does for eight at a time.
            _squares(y[p], x[p], hy[p], hx[p], qy[begin:end], qx[begin:end], vy[begin:end],
                     vx[begin:end], squares)  # fmt: skip
            for k in range(begin, end):
                square, u = squares[k - begin], owners[k]
                if square >= reach * reach or u == itself:
                    continue
                distance = np.sqrt(square)
                if last_anchor[u] != mark:
                    if last_anchor[u] < i * ANCHORS:
                        near[u] = 0.0
                        touched[n_touched] = u
                        n_touched += 1
                    last_anchor[u] = mark
                    closest[u] = distance
                    near[u] += reach - distance
                elif distance < closest[u]:
                    near[u] += closest[u] - distance
                    closest[u] = distance
    return n_touched


@kernel
def _squares(
    y: float,
    x: float,
    hy: float,
    hx: float,
    uy: Floats32,
    ux: Floats32,
    vy: Floats32,
    vx: Floats32,
    squares: Floats32,
) -> None:
    """Write the squared distances of a point from others."""
    for q in range(len(uy)):
        dy, dx, ey, ex = uy[q] - y, ux[q] - x, vy[q] - hy, vx[q] - hx
        squares[q] = dy * dy + dx * dx + ey * ey + ex * ex


@kernel
def _choose(touched: Ints32, near: Floats32, chosen: Ints) -> int:
    """Write the nearest of these trails, best first; return how many."""
    n = 0
    for u in touched:
        if n == len(chosen):
            if near[u] <= near[chosen[n - 1]]:
                continue
            n -= 1
        k = n
        while k > 0 and near[chosen[k - 1]] < near[u]:
            chosen[k] = chosen[k - 1]
            k -= 1
        chosen[k] = u
        n += 1
    return n


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
