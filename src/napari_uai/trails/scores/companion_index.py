"""Trails of a reference, sorted by place: where companions are searched for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from napari_uai.compiled import kernel
from napari_uai.trails.scores.resampling import Paths
from napari_uai.trails.scores.walks import Places, crowd_order, heading_weight, places_of
from napari_uai.trails.table import Scene, offsets_of
from napari_uai.typing import Floats32, Ints, Ints32

ANCHORS = 6
"""Number of points along a trail at which candidates are searched for."""

EVERY = 4
"""Interval of the points by which a trail can be found."""

CELL = 0.03
"""Side of the cells of the search grid, in diagonals of the scene."""

MAX_PER_CELL = 192
"""Largest number of points per cell. All cells drop the same trails first, so that a companion
remains in all cells along its path."""


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
    """Prepare trails for :func:`~napari_uai.trails.scores.companions.companions_among`.

    Parameters
    ----------
    paths
        Points of the trails, of :func:`companion_paths`.
    codes
        Number of the group of each trail; int64.
    scene
        The scene.
    weight_px
        Weight of the heading; :func:`heading_weight` if None.
    """
    weight = heading_weight(scene) if weight_px is None else weight_px
    places = places_of(paths, weight)
    members = np.argsort(codes, kind="stable")
    borders = np.searchsorted(codes[members], np.arange(codes.max(initial=0) + 2))
    cells = _cells(paths, places, codes, scene)
    return CompanionIndex(paths, codes, weight, places, cells, members, borders)


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
    order = np.lexsort((crowd_order(paths)[owner], cell))
    starts = np.searchsorted(
        cell[order], np.arange((groups.max(initial=0) + 1) * rows * columns + 1)
    )
    crowd = np.arange(len(order)) - starts[cell[order]]
    order = order[crowd < MAX_PER_CELL]
    starts = offsets_of(np.minimum(np.diff(starts), MAX_PER_CELL))
    y, x, hy, hx = (values[taken[order]] for values in places)
    return low_y, low_x, side, rows, columns, starts, (y, x, hy, hx), owner[order].astype(np.int32)


@kernel
def seek(
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
def choose(touched: Ints32, near: Floats32, chosen: Ints) -> int:
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
