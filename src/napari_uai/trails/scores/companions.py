"""The trail that went along best: where somebody else has been, heading the same way."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, TypeAlias

import numpy as np
from annotated_types import Ge, Gt, Unit

from napari_uai.compiled import kernel
from napari_uai.errors import BadValueError
from napari_uai.monitor import SILENT, Monitor
from napari_uai.trails.parallel import in_blocks
from napari_uai.trails.scores.resampling import Paths, walk, within_reach
from napari_uai.trails.table import Groups, Trails, group_codes, offsets_of
from napari_uai.typing import Floats, Floats32, Ints, Ints32

MAX_POINTS = 128
"""Points kept of a long trail: more cost time and say nothing new."""

ANCHORS = 6
"""Points of a trail at which its candidates are sought."""

EVERY = 2
"""Every second point of a trail is enough to be found."""

CANDIDATES = 12
"""Trails near the anchors that are compared point by point."""

CELL = 0.03
"""Side of the cells in which they are sought, in diagonals of the scene."""

MAX_PER_CELL = 192
"""Points that a cell remembers. Cells forget the same trails, so that a trail which goes along
is remembered all the way."""


@dataclass(frozen=True, eq=False)
class Companions:
    """How closely another trail went along with each.

    Parameters
    ----------
    distances
        Mean distance of the points of each trail from the best companion and from the second
        best, px; float64, (n, 2). NaN where there is none.
    rows
        Those companions, rows of the table of trails; -1 where there is none.
    paths
        Points of all trails that were compared.
    apart
        Distance of each point from the best companion, px; float32. NaN where there is none.
    """

    distances: Floats
    rows: Ints
    paths: Paths
    apart: Floats32


def find_companions(
    trails: Trails,
    *,
    step_px: Annotated[float, Gt(0), Unit("px")] | None = None,
    heading_px: Annotated[float, Ge(0), Unit("px")] | None = None,
    groups: Groups | None = None,
    similar: Ints | None = None,
    monitor: Monitor = SILENT,
) -> Companions:
    """Find for each trail the others that passed all its places, heading the same way.

    The distance is directed: each point of a trail is measured from the nearest point of another,
    and their mean counts (the modified Hausdorff distance of Dubuisson and Jain 1994,
    doi:10.1109/ICPR.1994.576361, one way, to the nearest neighbour as Laxhammar and Falkman 2014,
    doi:10.1109/TPAMI.2013.172, detect anomalies). A heading is two more coordinates of a point.

    Good at whatever nobody did as a whole: the wrong way, places where nobody goes, turns that
    follow a stretch they never follow; and a trail that the tracker lost or found half-way is
    ordinary, as all of it is part of another. Bad at trails that end where they should go on, at
    speed and at rests, and at what two objects did in the same way; the second companion is
    there to tell those.

    Parameters
    ----------
    trails
        Trails of one scene.
    step_px
        Distance of the points along a trail; 1.5 % of the scene's diagonal if None.
    heading_px
        What a heading weighs: opposite ones are as far apart as places at twice this distance.
        6 % of the diagonal if None.
    groups
        What each trail is compared among; its class by default.
    similar
        Rows of trails that are compared in any case, negative for none; int64, (n, any number).
        The most similar trails as a whole are good ones.

    Returns
    -------
    Companions
        Candidates are sought about six points along the trail, the best of them compared point
        by point; distances can be too large by little, never too small.

    Raises
    ------
    BadValueError
        If a parameter is outside its limits.
    """
    diagonal = float(np.hypot(trails.scene.width, trails.scene.height))
    step = 0.015 * diagonal if step_px is None else step_px
    weight = 0.06 * diagonal if heading_px is None else heading_px
    if not (np.isfinite(weight) and weight >= 0):
        raise BadValueError(f"heading_px is 0 px or more, got {heading_px}")
    paths = walk(within_reach(trails), step_px=step, monitor=monitor.part(0, 0.2))
    headings = np.empty((2, len(paths.y)), np.float32)
    _head(paths.offsets, paths.y, paths.x, weight, headings)
    paths, headings = _thinned(paths, headings)
    names = trails.table["class"].to_numpy() if groups is None else groups
    codes = group_codes(names)
    places = (paths.y, paths.x, headings[0], headings[1])
    index = _cells(paths, places, codes, trails, CELL * diagonal)
    found = Companions(
        np.full((len(trails), 2), np.nan),
        np.full((len(trails), 2), -1, np.int64),
        paths,
        np.full(len(paths.y), np.nan, np.float32),
    )
    members = np.argsort(codes, kind="stable")
    borders = np.searchsorted(codes[members], np.arange(codes.max(initial=0) + 2))

    def work(start: int, stop: int) -> None:
        _find(
            paths.offsets,
            places,
            codes,
            members,
            borders,
            index,
            np.empty((len(trails), 0), np.int64) if similar is None else similar,
            start,
            stop,
            found.distances,
            found.rows,
            found.apart,
        )

    in_blocks(
        work,
        paths.offsets,
        text="companions of trails",
        min_samples=2000,
        monitor=monitor.part(0.2, 1),
    )
    return found


Places: TypeAlias = tuple[Floats32, Floats32, Floats32, Floats32]
"""y, x and heading (y, x) of points."""

Cells: TypeAlias = tuple[float, float, float, int, int, Ints, Places, Ints32]
"""First y and x, side, rows, columns; where points of each cell start; points; their trails."""


def _cells(paths: Paths, places: Places, groups: Ints, trails: Trails, side: float) -> Cells:
    """Sort points into cells, a grid for each group; crowded ones remember some trails only."""
    # Positions may lie outside of the scene: the grid holds what is at most one scene away.
    low_y, low_x = -float(trails.scene.height), -float(trails.scene.width)
    rows, columns = (
        int(np.ceil(3 * size / side)) + 1 for size in (trails.scene.height, trails.scene.width)
    )
    taken = np.flatnonzero((np.arange(len(paths.y)) - paths.offsets[paths.owner]) % EVERY == 0)
    owner = paths.owner[taken]
    row = np.clip((paths.y[taken] - low_y) // side, 0, rows - 1).astype(np.int64)
    column = np.clip((paths.x[taken] - low_x) // side, 0, columns - 1).astype(np.int64)
    cell = (groups[owner] * rows + row) * columns + column
    priority = np.random.default_rng(0).permutation(len(groups))
    order = np.lexsort((priority[owner], cell))
    starts = np.searchsorted(
        cell[order], np.arange((groups.max(initial=0) + 1) * rows * columns + 1)
    )
    crowd = np.arange(len(order)) - starts[cell[order]]
    order = order[crowd < MAX_PER_CELL]
    starts = offsets_of(np.minimum(np.diff(starts), MAX_PER_CELL))
    y, x, hy, hx = (values[taken[order]] for values in places)
    return low_y, low_x, side, rows, columns, starts, (y, x, hy, hx), owner[order].astype(np.int32)


def _thinned(paths: Paths, headings: Floats32) -> tuple[Paths, Floats32]:
    """Keep points of long trails at equal distances."""
    counts = np.diff(paths.offsets)
    if counts.max(initial=0) <= MAX_POINTS:
        return paths, headings
    kept = np.minimum(counts, MAX_POINTS)
    offsets = offsets_of(kept)
    position = np.arange(offsets[-1]) - np.repeat(offsets[:-1], kept)
    stretch = np.repeat((counts - 1) / np.maximum(kept - 1, 1), kept)
    take = np.repeat(paths.offsets[:-1], kept) + np.rint(position * stretch).astype(np.int64)
    thinned = replace(
        paths, offsets=offsets, y=paths.y[take], x=paths.x[take], sample=paths.sample[take]
    )
    return thinned, np.ascontiguousarray(headings[:, take])


@kernel
def _head(offsets: Ints, y: Floats32, x: Floats32, weight: float, headings: Floats32) -> None:
    """Write the heading at each point, from the one before to the one behind; 0 without any."""
    for i in range(len(offsets) - 1):
        first, last = offsets[i], offsets[i + 1] - 1
        for j in range(first, last + 1):
            before, behind = max(j - 1, first), min(j + 1, last)
            dy = np.float64(y[behind]) - y[before]
            dx = np.float64(x[behind]) - x[before]
            length = np.sqrt(dy * dy + dx * dx)
            scale = weight / length if length > 0 else 0.0
            headings[0, j] = scale * dy
            headings[1, j] = scale * dx


@kernel
def _find(
    offsets: Ints,
    places: Places,
    groups: Ints,
    members: Ints,
    borders: Ints,
    index: Cells,
    similar: Ints,
    start: int,
    stop: int,
    distances: Floats,
    rows: Ints,
    apart: Floats32,
) -> None:
    n = len(offsets) - 1
    near, closest = np.zeros(n, np.float32), np.zeros(n, np.float32)
    last_anchor = np.full(n, -1, np.int64)
    touched = np.empty(n, np.int32)
    chosen = np.empty(CANDIDATES + similar.shape[1], np.int64)
    for i in range(start, stop):
        group = groups[i]
        first, behind = borders[group], borders[group + 1]
        n_touched = 0
        if behind - first > 2 * CANDIDATES:
            n_touched = _seek(offsets, places, group, index, i, near, closest, last_anchor, touched)
        if n_touched >= 2:
            n_chosen = _choose(touched[:n_touched], near, chosen[:CANDIDATES])
            for u in similar[i]:
                if u >= 0 and not np.any(chosen[:n_chosen] == u):
                    chosen[n_chosen] = u
                    n_chosen += 1
            _compare(offsets, places, i, chosen[:n_chosen], distances, rows)
        else:
            _compare(offsets, places, i, members[first:behind], distances, rows)
        if rows[i, 0] >= 0:
            _measure(offsets, places, i, rows[i, 0], apart)


@kernel
def _seek(
    offsets: Ints,
    places: Places,
    group: int,
    index: Cells,
    i: int,
    near: Floats32,
    closest: Floats32,
    last_anchor: Ints,
    touched: Ints32,
) -> int:
    """Find the trails near a trail's anchors, and sum up how near they are; return how many."""
    y, x, hy, hx = places
    low_y, low_x, side, n_rows, n_columns, starts, (qy, qx, vy, vx), owners = index
    n_points = offsets[i + 1] - offsets[i]
    n_anchors = min(ANCHORS, n_points)
    reach = np.float32(side)
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
            for k in range(begin, end):
                dy, dx, ey, ex = qy[k] - y[p], qx[k] - x[p], vy[k] - hy[p], vx[k] - hx[p]
                square = dy * dy + dx * dx + ey * ey + ex * ex
                u = owners[k]
                if square >= reach * reach or u == i:
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
def _choose(touched: Ints32, near: Floats32, chosen: Ints) -> int:
    """Write those that were nearest, the best first; return how many."""
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
    offsets: Ints,
    places: Places,
    i: int,
    candidates: Ints,
    distances: Floats,
    rows: Ints,
) -> None:
    """Write the two candidates that go along best."""
    n_points = offsets[i + 1] - offsets[i]
    best, second = np.inf, np.inf
    for u in candidates:
        if u == i:
            continue
        total = _mean_distance(offsets, places, i, u, second * n_points)
        if total / n_points < best:
            rows[i, 1], rows[i, 0] = rows[i, 0], u
            second, best = best, total / n_points
        elif total / n_points < second:
            rows[i, 1] = u
            second = total / n_points
    if rows[i, 0] >= 0:
        distances[i, 0] = best
    if rows[i, 1] >= 0:
        distances[i, 1] = second


@kernel
def _mean_distance(
    offsets: Ints,
    places: Places,
    i: int,
    u: int,
    enough: float,
) -> float:
    """Sum up the distances of a trail's points from another trail; infinite beyond enough."""
    y, x, hy, hx = places
    a, b = offsets[u], offsets[u + 1]
    uy, ux, vy, vx = y[a:b], x[a:b], hy[a:b], hx[a:b]
    total = 0.0
    for p in range(offsets[i], offsets[i + 1]):
        total += np.sqrt(_nearest_square(y[p], x[p], hy[p], hx[p], uy, ux, vy, vx))
        if total > enough:
            return np.inf
    return total


@kernel
def _measure(offsets: Ints, places: Places, i: int, u: int, apart: Floats32) -> None:
    y, x, hy, hx = places
    a, b = offsets[u], offsets[u + 1]
    uy, ux, vy, vx = y[a:b], x[a:b], hy[a:b], hx[a:b]
    for p in range(offsets[i], offsets[i + 1]):
        apart[p] = np.sqrt(_nearest_square(y[p], x[p], hy[p], hx[p], uy, ux, vy, vx))


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
    least = np.float32(np.inf)
    for q in range(len(uy)):
        dy, dx, ey, ex = uy[q] - y, ux[q] - x, vy[q] - hy, vx[q] - hx
        square = dy * dy + dx * dx + ey * ey + ex * ex
        least = min(least, square)
    return float(least)
