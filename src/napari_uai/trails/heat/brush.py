"""The brush: trails painted into a heatmap."""

from __future__ import annotations

from threading import get_ident

import numpy as np
import numpy.typing as npt

from napari_uai.compiled import kernel
from napari_uai.monitor import SILENT, Monitor
from napari_uai.trails.heat.footprints import MIN_POINTS, Footprints
from napari_uai.trails.parallel import in_blocks
from napari_uai.trails.table import offsets_of
from napari_uai.typing import Floats32, Ints, Ints32


def accumulate(
    footprints: Footprints,
    rows: npt.ArrayLike | None = None,
    *,
    monitor: Monitor = SILENT,
) -> Floats32:
    """Count the trails that cross each cell.

    Counts add up: those of trails that come or go are added or subtracted, nothing is drawn anew.

    Parameters
    ----------
    footprints
        Of the trails.
    rows
        The trails to count: indices, or a mask (bool). All if None.
    monitor
        Told of each block of trails.

    Returns
    -------
    ndarray
        Layers, rows, columns; float32; whole numbers. A trail counts once in each cell.
    """
    groups = np.zeros(len(footprints), np.int32)
    if rows is not None:
        groups[:] = -1
        groups[np.asarray(rows)] = 0
    counts = accumulate_groups(footprints, groups, 1, monitor=monitor)[0]
    return np.asarray(counts, np.float32)


def accumulate_groups(
    footprints: Footprints,
    groups: Ints32,
    n_groups: int,
    *,
    monitor: Monitor = SILENT,
) -> Ints32:
    """Count the trails of each group that cross each cell.

    Parameters
    ----------
    footprints
        Of the trails.
    groups
        Group of each trail, from 0; negative for a trail that is not counted.
    n_groups
        Number of groups.
    monitor
        Told of each block of trails.

    Returns
    -------
    ndarray
        Groups, layers, rows, columns; int32.
    """
    return counts_and_areas(footprints, groups, n_groups, monitor=monitor)[0]


def counts_and_areas(
    footprints: Footprints,
    groups: Ints32,
    n_groups: int,
    *,
    monitor: Monitor = SILENT,
) -> tuple[Ints32, Ints]:
    """Return what :func:`accumulate_groups` does, and how many cells each trail paints.

    The latter is 0 for trails that are not counted; int64.
    """
    full, edges, edge_starts = brush(footprints.painted_width_px)
    (height, width), layers = footprints.shape, footprints.n_layers
    lengths = np.where(groups >= 0, np.diff(footprints.offsets), 0)
    costs = offsets_of(lengths)
    areas = np.zeros(len(footprints), np.int64)
    # Each thread counts on maps of its own.
    maps: dict[int, Ints32] = {}

    def count(first: int, last: int) -> None:
        if get_ident() not in maps:
            maps[get_ident()] = np.zeros((n_groups, layers * height * width), np.int32)
        _accumulate(
            footprints.offsets,
            footprints.cells,
            layers,
            height,
            width,
            full,
            edges,
            edge_starts,
            groups,
            first,
            last,
            maps[get_ident()],
            areas,
        )

    in_blocks(count, costs, text="heat", min_samples=MIN_POINTS, monitor=monitor)
    total, *others = maps.values()
    for other in others:
        total += other
    return total.reshape(n_groups, *footprints.map_shape), areas


def painted_cells(footprints: Footprints, row: int) -> Ints32:
    """Return the cells that one trail paints, each once, in ascending order."""
    groups = np.full(len(footprints), -1, np.int32)
    groups[row] = 0
    return np.flatnonzero(accumulate_groups(footprints, groups, 1)).astype(np.int32)


def painted_areas(footprints: Footprints, *, monitor: Monitor = SILENT) -> Ints:
    """Return how many cells each trail paints, in all its layers; int64."""
    everyone = np.zeros(len(footprints), np.int32)
    return counts_and_areas(footprints, everyone, 1, monitor=monitor)[1]


def brush(width_px: int) -> tuple[Ints32, Ints32, Ints]:
    """Return a round brush and what it adds when it moves on to a neighbouring cell.

    Parameters
    ----------
    width_px
        Diameter; odd.

    Returns
    -------
    full
        (row, column) from the centre of each cell of the brush; int32.
    edges
        The same of the cells that are new after a step, for the nine steps one after the other.
    edge_starts
        Where in ``edges`` those of step ``3 * (rows + 1) + columns + 1`` start; ten numbers.
    """
    radius = width_px // 2
    row, column = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    # A quarter less than the half diameter: width 3 paints a plus, as OpenCV's thick lines do.
    inside = row**2 + column**2 <= (width_px / 2 - 0.25) ** 2
    full = np.stack([row[inside], column[inside]], axis=1).astype(np.int32)
    have = {(int(r), int(c)) for r, c in full}
    edges, starts = [], [0]
    for step_r in (-1, 0, 1):
        for step_c in (-1, 0, 1):
            edges += [(r, c) for r, c in full if (r + step_r, c + step_c) not in have]
            starts.append(len(edges))
    new = np.array(edges, np.int32).reshape(-1, 2)
    return full, new, np.array(starts, np.int64)


@kernel
def paint_cells(
    path: Ints32,
    rows: int,
    columns: int,
    full: Ints32,
    edges: Ints32,
    edge_starts: Ints,
    mark: int,
    marks: Ints32,
    painted: Ints32,
) -> int:
    """Lay a brush along a path; write each cell it paints once; return how many.

    ``marks`` holds for each cell of all layers the last mark that painted it.
    """
    n = 0
    plane = rows * columns
    radius = -full[0, 0]  # of the brush, whose first cell is its topmost
    base, row, column, before = -plane, -2, -2, -1
    for cell in path:
        # Where the last cell was tells where its neighbour is; divisions would take longest of all.
        change = cell - before
        dr = 0 if abs(change) <= 1 else (1 if change > 0 else -1)
        dc = change - dr * columns
        before = cell
        if base <= cell < base + plane and abs(dc) <= 1 and columns > 2:
            row += dr
            column += dc
            step = 3 * (dr + 1) + dc + 1
            tip, begin, finish = edges, edge_starts[step], edge_starts[step + 1]
        else:
            base = cell // plane * plane
            row = (cell - base) // columns
            column = cell - base - row * columns
            tip, begin, finish = full, 0, len(full)
        inner = radius <= row < rows - radius and radius <= column < columns - radius
        for e in range(begin, finish):
            dr, dc = tip[e, 0], tip[e, 1]
            if not inner and not (0 <= row + dr < rows and 0 <= column + dc < columns):
                continue
            at = cell + dr * columns + dc
            if marks[at] != mark:
                marks[at] = mark
                painted[n] = at
                n += 1
    return n


@kernel
def _accumulate(
    offsets: Ints,
    cells: Ints32,
    layers: int,
    rows: int,
    columns: int,
    full: Ints32,
    edges: Ints32,
    edge_starts: Ints,
    groups: Ints32,
    first: int,
    last: int,
    counts: Ints32,
    areas: Ints,
) -> None:
    """Add the trails of a block to the map of their group."""
    marks = np.zeros(layers * rows * columns, np.int32)
    painted = np.empty(layers * rows * columns, np.int32)
    for i in range(first, last):
        if groups[i] < 0:
            continue
        path = cells[offsets[i] : offsets[i + 1]]
        n = paint_cells(path, rows, columns, full, edges, edge_starts, i + 1, marks, painted)
        areas[i] = n
        own = counts[groups[i]]
        for at in painted[:n]:
            own[at] += 1
