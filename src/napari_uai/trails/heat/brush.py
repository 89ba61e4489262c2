"""The brush: painting trails into a heatmap."""

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


def count_trails(
    footprints: Footprints,
    rows: npt.ArrayLike | None = None,
    *,
    monitor: Monitor = SILENT,
) -> Floats32:
    """Count the trails that cross each cell.

    Counts are additive: to add or remove trails, add or subtract their counts.

    Parameters
    ----------
    footprints
        Footprints of the trails.
    rows
        Trails to count: indices, or a boolean mask; all if None.
    monitor
        Progress and cancellation, once per block of trails.

    Returns
    -------
    numpy.ndarray
        Layers, rows, columns; float32. Each trail counts once per cell.

    Examples
    --------
    >>> import pandas as pd
    >>> from napari_uai.trails import count_trails, paint_footprints, trails_of_frame
    >>> samples = pd.DataFrame({"trail": ["a", "a", "b", "b"], "frame": [0, 1, 0, 1],
    ...                         "x": [0, 63, 30, 30], "y": [10, 10, 0, 47]})
    >>> footprints = paint_footprints(trails_of_frame(samples, scene_size=(64, 48)))
    >>> count_trails(footprints).shape, count_trails(footprints).max()
    ((1, 270, 360), np.float32(2.0))
    >>> count_trails(footprints, [0]).max()
    np.float32(1.0)
    """
    groups = np.zeros(len(footprints), np.int32)
    if rows is not None:
        groups[:] = -1
        groups[np.asarray(rows)] = 0
    counts = count_groups(footprints, groups, 1, monitor=monitor)[0]
    return np.asarray(counts, np.float32)


def count_groups(
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
        Footprints of the trails.
    groups
        Group of each trail, from 0; negative for trails that are not counted; int32.
    n_groups
        Number of groups.
    monitor
        Progress and cancellation, once per block of trails.

    Returns
    -------
    numpy.ndarray
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
    """Return the counts of :func:`count_groups`, and the number of cells of each trail.

    The latter is 0 for trails that are not counted; int64.
    """
    full, edges, edge_starts = brush(footprints.painted_width_px)
    (height, width), layers = footprints.shape, footprints.n_layers
    lengths = np.where(groups >= 0, np.diff(footprints.offsets), 0)
    costs = offsets_of(lengths)
    areas = np.zeros(len(footprints), np.int64)
    # Each thread has maps of its own.
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


def brush(width_px: int) -> tuple[Ints32, Ints32, Ints]:
    """Return a round brush, and the cells it adds on each step to a neighbouring cell.

    Parameters
    ----------
    width_px
        Diameter; odd.

    Returns
    -------
    full
        Offset (row, column) from the centre of each cell of the brush; int32.
    edges
        Offsets of the cells that a step adds, for the nine possible steps in turn; int32.
    edge_starts
        Index in ``edges`` of the first cell of step ``3 * (rows + 1) + columns + 1``, followed by
        the number of all; int64.
    """
    radius = width_px // 2
    row, column = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    # Half the diameter less a quarter: width 3 paints a plus, as OpenCV's thick lines do.
    inside = row**2 + column**2 <= (width_px / 2 - 0.25) ** 2
    full = np.stack([row[inside], column[inside]], axis=1).astype(np.int32)
    cells = {(int(r), int(c)) for r, c in full}
    edges, starts = [], [0]
    for step_r in (-1, 0, 1):
        for step_c in (-1, 0, 1):
            edges += [(r, c) for r, c in full if (r + step_r, c + step_c) not in cells]
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
    """Draw a brush along a path; write each cell it covers once, and return their number.

    ``marks`` holds, for each cell of all layers, the last mark that covered it.
    """
    n = 0
    plane = rows * columns
    radius = -full[0, 0]  # the first cell of the brush is its topmost
    base, row, column, before = -plane, -2, -2, -1
    for cell in path:
        # The position follows from that of the previous cell: divisions would dominate the time.
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
    """Add the trails of a block to the maps of their groups."""
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
