"""Footprints of trails: the cells of a heatmap that a trail crosses, and the brush it is drawn by.

A footprint keeps the path alone, in the order of travel. The brush is laid along it whenever the
trail is added to a heatmap or taken out of it, which costs as much as reading painted cells back,
and a hundred thousand trails of any painted width stay small.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi
from threading import get_ident

import numpy as np
import numpy.typing as npt

from napari_uai.compiled import kernel, reordering_kernel
from napari_uai.errors import BadValueError
from napari_uai.monitor import SILENT, Monitor
from napari_uai.trails.parameters import (
    Directions,
    DirectionSpan,
    LongestSide,
    PaintedWidth,
    Weigh,
)
from napari_uai.trails.table import Trails
from napari_uai.trails.threads import in_blocks

Cells = npt.NDArray[np.int32]
Offsets = npt.NDArray[np.int64]
Values = npt.NDArray[np.float32]

MAX_LONGEST_SIDE_PX = 4096
MAX_WIDTH_PX = 99
MAX_DIRECTIONS = 72
MIN_POINTS = 40_000
"""Points for which a thread is worth maps of its own."""


@dataclass(frozen=True, eq=False)
class Footprints:
    """Paths of trails over the cells of a heatmap, and the brush they are painted with.

    Parameters
    ----------
    shape
        Rows and columns of the heatmap.
    scale
        Cells per px of the scene, along y and x: cell = round(px * scale).
    n_directions
        Bins of the direction of movement. Bin ``b`` is centred on ``2 pi b / n_directions``, from
        x towards y. If there are several, a last layer takes the trails that never got anywhere.
    painted_width_px
        Width of the painted trail, in cells.
    offsets
        First point of each trail's path, and the number of all points; int64.
    cells
        ``(layer * rows + row) * columns + column`` of each point; int32. One point follows the
        other to a neighbouring cell, so that a trail of few samples is read all along its way.
    time_share, arc_share
        What each point weighs by the time spent and by the distance covered there; float32; of
        each trail they sum to 1. Jitter of an object that stays in place covers no distance.
    point_of_sample
        The point that each sample of the trails belongs to; int64.
    """

    shape: tuple[int, int]
    scale: tuple[float, float]
    n_directions: int
    painted_width_px: int
    offsets: Offsets
    cells: Cells
    time_share: Values
    arc_share: Values
    point_of_sample: Offsets

    def __len__(self) -> int:
        """Return the number of trails."""
        return len(self.offsets) - 1

    @property
    def n_layers(self) -> int:
        """Layers of a heatmap: a bin of direction each, and one for trails without direction."""
        return self.n_directions + 1 if self.n_directions > 1 else 1

    @property
    def map_shape(self) -> tuple[int, int, int]:
        """Layers, rows and columns of a heatmap."""
        return (self.n_layers, *self.shape)

    def weights(self, weigh: Weigh) -> Values:
        """Return what each point weighs by time or by arc length."""
        return self.time_share if weigh == "time" else self.arc_share


def paint_footprints(
    trails: Trails,
    *,
    longest_side_px: LongestSide = 360,
    painted_width_px: PaintedWidth = 3,
    n_directions: Directions = 1,
    direction_span_px: DirectionSpan = 4.0,
    monitor: Monitor = SILENT,
) -> Footprints:
    """Lay trails on the cells of a heatmap.

    The direction of a stretch is that of the displacement over a few cells, not from one sample
    to the next, so that the jitter of an object that dwells does not point everywhere: a trail is
    cut where it has moved on by ``direction_span_px``, and each stretch points from the cut before
    it to the cut behind it.

    Parameters
    ----------
    trails
        Of one scene. Positions beyond its border are drawn at the border.
    longest_side_px
        Longest side of the heatmap.
    painted_width_px
        Width of a painted trail in cells: a round brush of that diameter (the plus of five cells
        for 3) along the path. What OpenCV calls thickness 2 is 3.
    n_directions
        Bins of the direction of movement; 1 for none.
    direction_span_px
        How far an object has moved, in cells, before it has a direction.
    monitor
        Told of each block of trails.

    Returns
    -------
    Footprints
        Of all trails, in their order.

    Raises
    ------
    BadValueError
        If a parameter is outside its limits, or a position or time is not finite.
    """
    check_odd("painted_width_px", painted_width_px, MAX_WIDTH_PX)
    if not 16 <= longest_side_px <= MAX_LONGEST_SIDE_PX:
        raise BadValueError(
            f"longest_side_px is {longest_side_px}: choose 16 to {MAX_LONGEST_SIDE_PX}"
        )
    if not 1 <= n_directions <= MAX_DIRECTIONS:
        raise BadValueError(f"n_directions is {n_directions}: choose 1 to {MAX_DIRECTIONS}")
    if not direction_span_px > 0:
        raise BadValueError(f"direction_span_px is {direction_span_px}: choose more than 0")
    for name, values in (("y", trails.y), ("x", trails.x), ("time", trails.time)):
        if not np.isfinite(np.sum(values)) and not np.isfinite(values).all():
            raise BadValueError(f"{name} of some samples is not finite: drop those samples")
    shape, scale = heatmap_grid(trails.scene.width, trails.scene.height, longest_side_px)
    offsets = np.zeros(len(trails) + 1, np.int64)
    _count_points(trails.offsets, trails.y, trails.x, *scale, *shape, offsets)
    np.cumsum(offsets, out=offsets)
    n_points = int(offsets[-1])
    footprints = Footprints(
        shape,
        scale,
        n_directions,
        painted_width_px,
        offsets,
        np.empty(n_points, np.int32),
        np.empty(n_points, np.float32),
        np.empty(n_points, np.float32),
        np.empty(len(trails.y), np.int64),
    )

    def trace(first: int, last: int) -> None:
        _trace(
            trails.offsets,
            trails.y,
            trails.x,
            trails.time,
            *scale,
            *shape,
            n_directions,
            float(direction_span_px),
            first,
            last,
            offsets,
            footprints.cells,
            footprints.time_share,
            footprints.arc_share,
            footprints.point_of_sample,
        )

    in_blocks(trace, trails.offsets, text="footprints", monitor=monitor)
    return footprints


def heatmap_grid(
    width: int, height: int, longest_side_px: int
) -> tuple[tuple[int, int], tuple[float, float]]:
    """Return rows and columns of a heatmap, and its cells per px of the scene along y and x.

    The outermost cells lie on the outermost pixels of the scene, as normalised positions do.
    """
    longest = max(width, height)
    rows = max(round(height * longest_side_px / longest), 1)
    columns = max(round(width * longest_side_px / longest), 1)
    return (rows, columns), (
        (rows - 1) / max(height - 1, 1),
        (columns - 1) / max(width - 1, 1),
    )


def accumulate(
    footprints: Footprints,
    rows: npt.ArrayLike | None = None,
    *,
    monitor: Monitor = SILENT,
) -> Values:
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
    groups: npt.NDArray[np.int32],
    n_groups: int,
    *,
    monitor: Monitor = SILENT,
) -> npt.NDArray[np.int32]:
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
    groups: npt.NDArray[np.int32],
    n_groups: int,
    *,
    monitor: Monitor = SILENT,
) -> tuple[npt.NDArray[np.int32], Offsets]:
    """Return what :func:`accumulate_groups` does, and how many cells each trail paints.

    The latter is 0 for trails that are not counted; int64.
    """
    full, edges, edge_starts = brush(footprints.painted_width_px)
    (height, width), layers = footprints.shape, footprints.n_layers
    lengths = np.where(groups >= 0, np.diff(footprints.offsets), 0)
    costs = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    areas = np.zeros(len(footprints), np.int64)
    # Each thread counts on maps of its own.
    maps: dict[int, npt.NDArray[np.int32]] = {}

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


def painted_cells(footprints: Footprints, row: int) -> Cells:
    """Return the cells that one trail paints, each once, in ascending order."""
    groups = np.full(len(footprints), -1, np.int32)
    groups[row] = 0
    return np.flatnonzero(accumulate_groups(footprints, groups, 1)).astype(np.int32)


def painted_areas(footprints: Footprints, *, monitor: Monitor = SILENT) -> Offsets:
    """Return how many cells each trail paints, in all its layers; int64."""
    everyone = np.zeros(len(footprints), np.int32)
    return counts_and_areas(footprints, everyone, 1, monitor=monitor)[1]


def own_heat(
    footprints: Footprints,
    *,
    blur_weights: Values,
    direction_weights: Values,
    monitor: Monitor = SILENT,
) -> Values:
    """Return what each trail itself adds to the blurred heat at the points of its path.

    Parameters
    ----------
    footprints
        Of the trails.
    blur_weights
        Of the cells on one line through a cell, an odd number; float32.
    direction_weights
        Of the bins of direction next to a bin, an odd number; float32.
    monitor
        Told of each block of trails.

    Returns
    -------
    ndarray
        A value for each point; float32. Subtracted from the heat, it leaves the trail out exactly.
    """
    own = np.empty(len(footprints.cells), np.float32)
    if len(blur_weights) == 1 and (len(direction_weights) == 1 or footprints.n_directions == 1):
        own[:] = 1.0
        return own
    full, edges, edge_starts = brush(footprints.painted_width_px)
    (height, width), layers = footprints.shape, footprints.n_layers

    def leave(first: int, last: int) -> None:
        _own_heat(
            footprints.offsets,
            footprints.cells,
            layers,
            height,
            width,
            full,
            edges,
            edge_starts,
            blur_weights.astype(np.float32),
            direction_weights.astype(np.float32),
            first,
            last,
            own,
        )

    in_blocks(
        leave, footprints.offsets, text="leave-one-out", min_samples=MIN_POINTS, monitor=monitor
    )
    return own


def brush(width_px: int) -> tuple[Cells, Cells, Offsets]:
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


def check_odd(name: str, value: int, highest: int) -> None:
    """Raise BadValueError unless a width is an odd number of cells up to the highest."""
    if not 1 <= value <= highest or value % 2 == 0 or value != int(value):
        raise BadValueError(f"{name} is {value}: choose an odd number from 1 to {highest}")


@kernel
def _cell(value: float, limit: int) -> int:
    """Return the cell that a position lies in; beyond the border the one at the border."""
    return int(min(max(np.floor(value + 0.5), 0.0), limit - 1.0))


@kernel
def _count_points(
    offsets: Offsets,
    y: Values,
    x: Values,
    scale_y: float,
    scale_x: float,
    rows: int,
    columns: int,
    counts: Offsets,
) -> None:
    """Count the points of each trail's path, into the place behind the trail."""
    for i in range(len(offsets) - 1):
        start = offsets[i]
        row, column = _cell(y[start] * scale_y, rows), _cell(x[start] * scale_x, columns)
        n = 1
        for j in range(start + 1, offsets[i + 1]):
            r, c = _cell(y[j] * scale_y, rows), _cell(x[j] * scale_x, columns)
            n += max(abs(r - row), abs(c - column))
            row, column = r, c
        counts[i + 1] = n


@kernel
def _cut(
    start: int,
    end: int,
    y: Values,
    x: Values,
    scale_y: float,
    scale_x: float,
    span: float,
    cuts: Offsets,
) -> int:
    """Find the samples at which a trail has moved on by a span; return how many, the first incl."""
    cuts[0] = start
    n = 1
    row, column = y[start] * scale_y, x[start] * scale_x
    for j in range(start + 1, end):
        dy, dx = y[j] * scale_y - row, x[j] * scale_x - column
        if dy * dy + dx * dx >= span * span:
            cuts[n] = j
            n += 1
            row, column = y[j] * scale_y, x[j] * scale_x
    return n


@kernel
def _direction(
    k: int,
    n_cuts: int,
    cuts: Offsets,
    y: Values,
    x: Values,
    scale_y: float,
    scale_x: float,
    span: float,
    n_directions: int,
) -> int:
    """Bin of the direction of the stretch behind cut ``k``."""
    a, b = cuts[k], cuts[k + 1]
    dy, dx = (y[b] - y[a]) * scale_y, (x[b] - x[a]) * scale_x
    if dy * dy + dx * dx < 4.0 * span * span:
        # A short stretch borrows from its neighbours; a long one, of sparse samples, needs not.
        a, b = cuts[max(k - 1, 0)], cuts[min(k + 2, n_cuts - 1)]
        wide_y, wide_x = (y[b] - y[a]) * scale_y, (x[b] - x[a]) * scale_x
        if wide_y * wide_y + wide_x * wide_x >= span * span:
            dy, dx = wide_y, wide_x
    turn = np.arctan2(dy, dx) / (2.0 * pi) * n_directions
    return int(np.floor(turn + 0.5)) % n_directions


@kernel
def _trace(
    offsets: Offsets,
    y: Values,
    x: Values,
    time: npt.NDArray[np.float64],
    scale_y: float,
    scale_x: float,
    rows: int,
    columns: int,
    n_directions: int,
    span: float,
    first: int,
    last: int,
    point_offsets: Offsets,
    cells: Cells,
    time_share: Values,
    arc_share: Values,
    point_of_sample: Offsets,
) -> None:
    """Write the path of each trail of a block."""
    longest = 1
    for i in range(first, last):
        longest = max(longest, offsets[i + 1] - offsets[i])
    cuts = np.empty(longest + 1, np.int64)
    for i in range(first, last):
        start, end = offsets[i], offsets[i + 1]
        point, stop = point_offsets[i], point_offsets[i + 1]
        n_cuts = _cut(start, end, y, x, scale_y, scale_x, span, cuts)
        layer = 0
        if n_directions > 1:
            layer = n_directions
            if n_cuts > 1:
                layer = _direction(0, n_cuts, cuts, y, x, scale_y, scale_x, span, n_directions)
        row, column = _cell(y[start] * scale_y, rows), _cell(x[start] * scale_x, columns)
        cells[point] = (layer * rows + row) * columns + column
        time_share[point] = 0.0
        arc_share[point] = 0.0
        point_of_sample[start] = point
        k = 0
        stretch_first = point
        for j in range(start + 1, end):
            if k + 2 < n_cuts and j - 1 == cuts[k + 1]:
                _share_arc(cuts[k], j - 1, y, x, scale_y, scale_x, stretch_first, point, arc_share)
                k += 1
                stretch_first = point + 1
                if n_directions > 1:
                    layer = _direction(k, n_cuts, cuts, y, x, scale_y, scale_x, span, n_directions)
            r, c = _cell(y[j] * scale_y, rows), _cell(x[j] * scale_x, columns)
            steps = max(abs(r - row), abs(c - column))
            lapse = max(time[j] - time[j - 1], 0.0)
            if steps == 0:
                time_share[point] += lapse
            else:
                # Half the time goes to where the object comes from, as it does where it arrives.
                each = lapse / (steps + 1)
                time_share[point] += each
                for s in range(1, steps + 1):
                    point += 1
                    at_row = row + (2 * s * (r - row) + steps) // (2 * steps)
                    at_column = column + (2 * s * (c - column) + steps) // (2 * steps)
                    cells[point] = (layer * rows + at_row) * columns + at_column
                    time_share[point] = each
                    arc_share[point] = 0.0
            point_of_sample[j] = point
            row, column = r, c
        if n_cuts > 1:
            _share_arc(cuts[k], end - 1, y, x, scale_y, scale_x, stretch_first, point, arc_share)
        _normalise(time_share[point_offsets[i] : stop])
        _normalise(arc_share[point_offsets[i] : stop])


@kernel
def _share_arc(
    a: int,
    b: int,
    y: Values,
    x: Values,
    scale_y: float,
    scale_x: float,
    first: int,
    last: int,
    arc_share: Values,
) -> None:
    """Spread the distance between two samples over the points from first to last."""
    if last >= first:
        each = np.hypot((y[b] - y[a]) * scale_y, (x[b] - x[a]) * scale_x) / (last - first + 1)
        arc_share[first : last + 1] = each


@kernel
def _normalise(shares: Values) -> None:
    """Make shares sum to 1; equal shares where there is nothing to share."""
    total = 0.0
    for share in shares:
        total += share
    if total > 0.0:
        for i in range(len(shares)):
            shares[i] /= total
    else:
        shares[:] = 1.0 / len(shares)


@kernel
def _paint(
    path: Cells,
    rows: int,
    columns: int,
    full: Cells,
    edges: Cells,
    edge_starts: Offsets,
    mark: int,
    marks: Cells,
    painted: Cells,
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
    offsets: Offsets,
    cells: Cells,
    layers: int,
    rows: int,
    columns: int,
    full: Cells,
    edges: Cells,
    edge_starts: Offsets,
    groups: Cells,
    first: int,
    last: int,
    counts: Cells,
    areas: Offsets,
) -> None:
    """Add the trails of a block to the map of their group."""
    marks = np.zeros(layers * rows * columns, np.int32)
    painted = np.empty(layers * rows * columns, np.int32)
    for i in range(first, last):
        if groups[i] < 0:
            continue
        path = cells[offsets[i] : offsets[i + 1]]
        n = _paint(path, rows, columns, full, edges, edge_starts, i + 1, marks, painted)
        areas[i] = n
        own = counts[groups[i]]
        for at in painted[:n]:
            own[at] += 1


@kernel
def _own_heat(
    offsets: Offsets,
    cells: Cells,
    layers: int,
    rows: int,
    columns: int,
    full: Cells,
    edges: Cells,
    edge_starts: Offsets,
    blur_weights: Values,
    direction_weights: Values,
    first: int,
    last: int,
    own: Values,
) -> None:
    """Sum each trail's own blurred footprint at the points of its path."""
    plane = rows * columns
    marks = np.zeros(layers * plane, np.int32)
    painted = np.empty(layers * plane, np.int32)
    # Windows are read in runs of eight, the rest of a run with weight 0.
    padded = np.zeros((len(blur_weights) + 7) // 8 * 8, np.float32)
    padded[: len(blur_weights)] = blur_weights
    ink = np.zeros(layers * plane + len(padded), np.float32)
    for i in range(first, last):
        path = cells[offsets[i] : offsets[i + 1]]
        n = _paint(path, rows, columns, full, edges, edge_starts, i + 1, marks, painted)
        _spread(painted[:n], layers, plane, direction_weights, True, ink)
        _blur_at(path, rows, columns, blur_weights, padded, ink, own[offsets[i] : offsets[i + 1]])
        _spread(painted[:n], layers, plane, direction_weights, False, ink)


@kernel
def _spread(
    painted: Cells, layers: int, plane: int, direction_weights: Values, lay: bool, ink: Values
) -> None:
    """Lay ink on painted cells, and less of it in neighbouring directions; or wipe it off."""
    n_weights = len(direction_weights)
    # Where layers start that a painted layer spreads to; divisions would take longest of all.
    beside = np.empty(n_weights, np.int64)
    start, directed = -plane, False
    for at in painted:
        if at < start or at >= start + plane or start < 0:
            layer = at // plane
            start = layer * plane
            directed = layer < layers - 1
            for t in range(n_weights):
                turned = layer + t - n_weights // 2
                beside[t] = turned % max(layers - 1, 1) * plane - start
        if not directed:
            ink[at] = 1.0 if lay else 0.0
        elif lay:
            for t in range(n_weights):
                ink[at + beside[t]] += direction_weights[t]
        else:
            for t in range(n_weights):
                ink[at + beside[t]] = 0.0


@reordering_kernel
def _blur_at(
    path: Cells,
    rows: int,
    columns: int,
    weights: Values,
    padded: Values,
    ink: Values,
    blurred: Values,
) -> None:
    """Blur ink at the points of a path alone."""
    plane = rows * columns
    radius = len(weights) // 2
    for p in range(len(path)):
        base = path[p] // plane * plane
        row = (path[p] - base) // columns
        column = path[p] - base - row * columns
        inner = radius <= column < columns - radius
        total = np.float32(0.0)
        for dr in range(-radius, radius + 1):
            line = base + min(max(row + dr, 0), rows - 1) * columns
            across = np.float32(0.0)
            if inner:
                for run in range(0, len(padded), 8):
                    begin = line + column - radius + run
                    window, part = ink[begin : begin + 8], padded[run : run + 8]
                    for d in range(8):
                        across += part[d] * window[d]
            else:
                for dc in range(-radius, radius + 1):
                    across += (
                        weights[dc + radius] * ink[line + min(max(column + dc, 0), columns - 1)]
                    )
            total += weights[dr + radius] * across
        blurred[p] = total
