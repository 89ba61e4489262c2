"""Passers of the places of a trail: other trails that went there, heading the same way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_uai.compiled import kernel
from napari_uai.monitor import SILENT, Monitor
from napari_uai.trails.parallel import in_blocks
from napari_uai.trails.scores.company import worst_mean
from napari_uai.trails.scores.resampling import Paths
from napari_uai.trails.scores.walks import (
    MAX_POINTS,
    Places,
    crowd_order,
    heading_weight,
    places_of,
)
from napari_uai.trails.table import Scene
from napari_uai.typing import Floats, Floats32, Ints, Ints32

PASSER = 6
"""Which of the closest passers counts: up to five others on a rare route do not make it usual."""

EVERY = 4
"""Interval of the points that represent the stretch of a trail around them."""

STRETCHES = 6
"""Length of the worst stretch, in such intervals."""

REACH = 0.03
"""Distance within which passers are searched for, in diagonals of the scene."""

N_HEADINGS = 8
"""Number of bins of the heading: crowds that cross a place do not crowd out those along it."""

MAX_PER_CELL = 32
"""Largest number of points per cell and heading. All cells drop the same trails first."""


@dataclass(frozen=True, eq=False)
class PassageIndex:
    """Stretches of the trails of a reference, sorted by group, heading and place.

    Parameters
    ----------
    weight
        Weight of the heading, in px.
    reach
        Side of the cells, in px.
    grid
        Origin (y, x) in px, rows, columns.
    columns
        Column of each stretch; they are sorted by group, heading, row and column; int32.
    lines
        Index of the first stretch of each group, heading and row; int64.
    middles
        Positions and headings of the middles of the stretches.
    halves
        Half the length of each stretch, in px; float32.
    owners
        Trail of each stretch; int32.
    n_members
        Number of trails of each group; int64.
    """

    weight: float
    reach: float
    grid: tuple[float, float, int, int]
    columns: Ints32
    lines: Ints
    middles: Places
    halves: Floats32
    owners: Ints32
    n_members: Ints


def passage_index(paths: Paths, codes: Ints, scene: Scene) -> PassageIndex:
    """Prepare trails for :func:`passer_distances`.

    Parameters
    ----------
    paths
        Points of the trails, of :func:`~napari_uai.trails.scores.walks.companion_paths`.
    codes
        Number of the group of each trail; int64.
    scene
        The scene.
    """
    weight = heading_weight(scene)
    reach = REACH * float(np.hypot(scene.width, scene.height))
    # Positions may lie outside the scene: the grid extends it by its size on all sides.
    rows, columns = (int(np.ceil(3 * size / reach)) + 1 for size in (scene.height, scene.width))
    grid = (-float(scene.height), -float(scene.width), rows, columns)
    places = places_of(paths, weight)
    taken, owner = _middles(paths)
    y, x, hy, hx = (values[taken] for values in places)
    keys = np.empty(len(taken), np.int64)
    _keys(codes[owner], (y, x, hy, hx), reach, grid, keys)
    order = np.lexsort((crowd_order(paths)[owner], keys))
    crowd = np.arange(len(order)) - np.searchsorted(keys[order], keys[order])
    order = order[crowd < MAX_PER_CELL]
    n_lines = (codes.max(initial=0) + 1) * N_HEADINGS * rows
    lines = np.searchsorted(keys[order], columns * np.arange(n_lines + 1))
    column = (keys[order] % columns).astype(np.int32)
    middles = y[order], x[order], hy[order], hx[order]
    halves = _half_lengths(paths, taken, owner)[order]
    owners = owner[order].astype(np.int32)
    return PassageIndex(
        weight, reach, grid, column, lines, middles, halves, owners, np.bincount(codes)
    )


def passer_distances(
    index: PassageIndex,
    paths: Paths,
    codes: Ints,
    *,
    themselves: bool = False,
    monitor: Monitor = SILENT,
) -> Floats:
    """Return how far the sixth closest passer of the places of each trail is.

    At each place along a trail, others count that pass close to it, heading the same way, wherever
    they come from and go to. The distance from the sixth closest, averaged along the worst
    stretch, is that from the nearest place where as many pass: a density estimate by nearest
    neighbours [1]_, which is as fine as the traffic is dense.

    Strengths: places where only a few go, even if up to six trails do; trails that are lost or
    found midway remain ordinary. Weaknesses: rare sequences of ordinary places.

    Parameters
    ----------
    index
        The reference.
    paths
        Points of the trails.
    codes
        Number of the group of each of them, which the reference has; int64.
    themselves
        Whether the trails are those of the reference, none of which is its own passer.
    monitor
        Progress and cancellation, once per block of trails.

    Returns
    -------
    numpy.ndarray
        Mean distance along the worst stretch, at most the distance within which passers are
        searched for, in px; float64. NaN for a trail without another in its group. In a group of
        fewer trails, the last passer counts.

    References
    ----------
    .. [1] D. O. Loftsgaarden, C. P. Quesenberry, "A nonparametric estimate of a multivariate
       density function", The Annals of Mathematical Statistics 36, 1049-1051 (1965),
       doi:10.1214/aoms/1177700079
    """
    distances = np.full(len(codes), np.nan)
    places = places_of(paths, index.weight)
    members = np.append(index.n_members, 0)[np.minimum(codes, len(index.n_members))]
    counted = np.minimum(members - int(themselves), PASSER)

    def work(start: int, stop: int) -> None:
        _search(
            (paths.offsets, places),
            codes,
            counted,
            (index.weight, index.reach, index.grid),
            (index.columns, index.lines, index.middles, index.halves, index.owners),
            themselves,
            start,
            stop,
            distances,
        )

    in_blocks(work, paths.offsets, text="passers", min_samples=2000, monitor=monitor)
    return distances


def _middles(paths: Paths) -> tuple[Ints, Ints]:
    """Return every fourth point of each trail, and its trail."""
    counts = -(-np.diff(paths.offsets) // EVERY)
    owner = np.repeat(np.arange(len(counts)), counts)
    firsts = np.cumsum(counts) - counts
    return EVERY * (np.arange(len(owner)) - firsts[owner]) + paths.offsets[owner], owner


def _half_lengths(paths: Paths, taken: Ints, owner: Ints) -> Floats32:
    """Return half the length of the stretch around each of these points, in px."""
    after = np.minimum(taken + 1, paths.offsets[owner + 1] - 1)
    before = np.maximum(taken - 1, paths.offsets[owner])
    length = np.hypot(paths.y[after] - paths.y[before], paths.x[after] - paths.x[before])
    return np.asarray(EVERY / 2 * length / np.maximum(after - before, 1), np.float32)


@kernel
def _keys(
    codes: Ints, places: Places, reach: float, grid: tuple[float, float, int, int], keys: Ints
) -> None:
    for i in range(len(keys)):
        y, x, hy, hx = places[0][i], places[1][i], places[2][i], places[3][i]
        heading, _ = _heading_bin(hy, hx)
        row, column = _cell(y, x, reach, grid)
        keys[i] = ((codes[i] * N_HEADINGS + heading) * grid[2] + row) * grid[3] + column


@kernel
def _heading_bin(hy: float, hx: float) -> tuple[int, float]:
    """Return the bin of a heading, and where in the bin it is, 0 to 1."""
    turn = N_HEADINGS * (np.arctan2(np.float64(hy), np.float64(hx)) / (2 * np.pi) + 0.5)
    number = min(int(turn), N_HEADINGS - 1)
    return number, turn - number


@kernel
def _chord(turn: int, turned: float, weight: float) -> float:
    """Return the least distance of a heading from those of the bin before or after its own."""
    if turn == 0:
        return 0.0
    angle = (turned if turn < 0 else 1.0 - turned) * 2 * np.pi / N_HEADINGS
    return float(2 * weight * np.sin(angle / 2))


@kernel
def _cell(y: float, x: float, reach: float, grid: tuple[float, float, int, int]) -> tuple[int, int]:
    low_y, low_x, n_rows, n_columns = grid
    row = int(min(max((y - low_y) // reach, 0), n_rows - 1))
    column = int(min(max((x - low_x) // reach, 0), n_columns - 1))
    return row, column


@kernel
def _search(
    trails: tuple[Ints, Places],
    codes: Ints,
    counted: Ints,
    scales: tuple[float, float, tuple[float, float, int, int]],
    stretches: tuple[Ints32, Ints, Places, Floats32, Ints32],
    themselves: bool,
    start: int,
    stop: int,
    distances: Floats,
) -> None:
    offsets, (y, x, hy, hx) = trails
    squares, owners = np.empty(PASSER, np.float32), np.empty(PASSER, np.int64)
    along = np.empty(MAX_POINTS // EVERY + 1)
    room = np.empty(3 * MAX_PER_CELL, np.float32)
    for i in range(start, stop):
        k = counted[i]
        if k < 1:
            continue
        n = 0
        itself = i if themselves else -1
        for p in range(offsets[i], offsets[i + 1], EVERY):
            point = (y[p], x[p], hy[p], hx[p])
            _closest(point, codes[i], itself, scales, stretches, squares[:k], owners[:k], room)
            along[n] = np.sqrt(squares[k - 1])
            n += 1
        distances[i] = worst_mean(along[:n], STRETCHES)


@kernel
def _closest(
    point: tuple[float, float, float, float],
    code: int,
    itself: int,
    scales: tuple[float, float, tuple[float, float, int, int]],
    stretches: tuple[Ints32, Ints, Places, Floats32, Ints32],
    squares: Floats32,
    owners: Ints,
    room: Floats32,
) -> None:
    """Write the squared distances of the closest trails, one stretch of each, closest first."""
    y, x, hy, hx = point
    weight, reach, grid = scales
    columns, lines, (qy, qx, vy, vx), halves, owner = stretches
    per_px: Any = np.float32(1 / weight)
    squares[:] = np.float32(reach * reach)
    owners[:] = -1
    row, column = _cell(y, x, reach, grid)
    heading, turned = _heading_bin(hy, hx)
    below = y - grid[0] - row * reach
    last = len(squares) - 1
    for turn in (0, -1, 1):
        direction = (heading + turn + N_HEADINGS) % N_HEADINGS
        least = _chord(turn, turned, weight)
        for aside in (0, -1, 1):
            r = row + aside
            border = 0.0 if aside == 0 else max(below if aside < 0 else reach - below, 0.0)
            if r < 0 or r >= grid[2] or least * least + border * border >= squares[last]:
                continue
            line = (code * N_HEADINGS + direction) * grid[2] + r
            begin = _first_from(columns, lines[line], lines[line + 1], column - 1)
            end = _first_from(columns, begin, lines[line + 1], column + 2)
            # In a loop of its own, which the compiler does for eight at a time.
            here = slice(begin, end)
            _squares(y, x, hy, hx, qy[here], qx[here], vy[here], vx[here], halves[here], per_px,
                     room)  # fmt: skip
            for q in range(end - begin):
                if room[q] < squares[last] and owner[begin + q] != itself:
                    _insert(room[q], owner[begin + q], squares, owners)


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
    halves: Floats32,
    per_px: float,
    squares: Floats32,
) -> None:
    """Write the squared distances of a point from stretches: along them, there is none."""
    for q in range(len(uy)):
        dy, dx, ey, ex = uy[q] - y, ux[q] - x, vy[q] - hy, vx[q] - hx
        along = (dy * vy[q] + dx * vx[q]) * per_px
        beside = max(dy * dy + dx * dx - along * along, np.float32(0.0))
        beyond = max(abs(along) - halves[q], np.float32(0.0))
        squares[q] = beside + beyond * beyond + ey * ey + ex * ex


@kernel
def _first_from(columns: Ints32, begin: int, end: int, column: int) -> int:
    """Return the first index of a part in ascending order whose value is not below a column."""
    while begin < end:
        middle = (begin + end) // 2
        if columns[middle] < column:
            begin = middle + 1
        else:
            end = middle
    return begin


@kernel
def _insert(square: float, trail: int, squares: Floats32, owners: Ints) -> None:
    """Insert a trail into the closest ones, or move it forward."""
    k = len(squares) - 1
    for j in range(len(squares)):
        if owners[j] == trail:
            if squares[j] <= square:
                return
            k = j
    while k > 0 and squares[k - 1] > square:
        squares[k], owners[k] = squares[k - 1], owners[k - 1]
        k -= 1
    squares[k], owners[k] = square, trail
