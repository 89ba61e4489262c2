"""Footprints of trails: the cells of a heatmap that a trail crosses, and the brush it is drawn by.

A footprint keeps the path alone, in the order of travel. The brush is laid along it whenever the
trail is added to a heatmap or taken out of it, which costs as much as reading painted cells back,
and a hundred thousand trails of any painted width stay small.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi

import numpy as np

from napari_uai.compiled import kernel
from napari_uai.errors import BadValueError
from napari_uai.monitor import SILENT, Monitor
from napari_uai.trails.parallel import in_blocks
from napari_uai.trails.parameters import Directions, DirectionSpan, LongestSide, PaintedWidth, Weigh
from napari_uai.trails.table import Trails, check_finite
from napari_uai.typing import Floats, Floats32, Ints, Ints32

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
    offsets: Ints
    cells: Ints32
    time_share: Floats32
    arc_share: Floats32
    point_of_sample: Ints

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

    def weights(self, weigh: Weigh) -> Floats32:
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
    check_finite(y=trails.y, x=trails.x, time=trails.time)
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


def check_odd(name: str, value: int, highest: int) -> None:
    """Raise BadValueError unless a width is an odd number of cells up to the highest."""
    if not 1 <= value <= highest or value % 2 == 0 or value != int(value):
        raise BadValueError(f"{name} is {value}: choose an odd number from 1 to {highest}")


@kernel
def cell_at(place: float, n_cells: int) -> int:
    """Return the cell (0 to n_cells - 1) nearest to a place; cells are centred on integers."""
    return int(min(max(np.floor(place + 0.5), 0.0), n_cells - 1.0))


@kernel
def _count_points(
    offsets: Ints,
    y: Floats32,
    x: Floats32,
    scale_y: float,
    scale_x: float,
    rows: int,
    columns: int,
    counts: Ints,
) -> None:
    """Count the points of each trail's path, into the place behind the trail."""
    for i in range(len(offsets) - 1):
        start = offsets[i]
        row, column = cell_at(y[start] * scale_y, rows), cell_at(x[start] * scale_x, columns)
        n = 1
        for j in range(start + 1, offsets[i + 1]):
            r, c = cell_at(y[j] * scale_y, rows), cell_at(x[j] * scale_x, columns)
            n += max(abs(r - row), abs(c - column))
            row, column = r, c
        counts[i + 1] = n


@kernel
def _cut(
    start: int,
    end: int,
    y: Floats32,
    x: Floats32,
    scale_y: float,
    scale_x: float,
    span: float,
    cuts: Ints,
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
    cuts: Ints,
    y: Floats32,
    x: Floats32,
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
    offsets: Ints,
    y: Floats32,
    x: Floats32,
    time: Floats,
    scale_y: float,
    scale_x: float,
    rows: int,
    columns: int,
    n_directions: int,
    span: float,
    first: int,
    last: int,
    point_offsets: Ints,
    cells: Ints32,
    time_share: Floats32,
    arc_share: Floats32,
    point_of_sample: Ints,
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
        row, column = cell_at(y[start] * scale_y, rows), cell_at(x[start] * scale_x, columns)
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
            r, c = cell_at(y[j] * scale_y, rows), cell_at(x[j] * scale_x, columns)
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
    y: Floats32,
    x: Floats32,
    scale_y: float,
    scale_x: float,
    first: int,
    last: int,
    arc_share: Floats32,
) -> None:
    """Spread the distance between two samples over the points from first to last."""
    if last >= first:
        each = np.hypot((y[b] - y[a]) * scale_y, (x[b] - x[a]) * scale_x) / (last - first + 1)
        arc_share[first : last + 1] = each


@kernel
def _normalise(shares: Floats32) -> None:
    """Make shares sum to 1; equal shares where there is nothing to share."""
    total = 0.0
    for share in shares:
        total += share
    if total > 0.0:
        for i in range(len(shares)):
            shares[i] /= total
    else:
        shares[:] = 1.0 / len(shares)
