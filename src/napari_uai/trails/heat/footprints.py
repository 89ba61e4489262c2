"""Footprints of trails: the cells of a heatmap that each trail crosses.

A footprint holds only the path, in the order of travel. The brush is drawn along the path whenever
the trail is added to a heatmap or removed from it: this takes no longer than reading stored cells,
and the footprints of a hundred thousand trails stay small for any painted width.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi

import numpy as np

from napari_uai.compiled import kernel
from napari_uai.monitor import SILENT, Monitor
from napari_uai.parameters import checked
from napari_uai.trails.parallel import in_blocks
from napari_uai.trails.parameters import Directions, DirectionSpan, LongestSide, PaintedWidth, Weigh
from napari_uai.trails.table import Trails, check_finite
from napari_uai.typing import Floats, Floats32, Ints, Ints32

MIN_POINTS = 40_000
"""Number of points from which on a thread with maps of its own is faster."""


@dataclass(frozen=True, eq=False)
class Footprints:
    """Paths of trails over the cells of a heatmap, and the width they are painted with.

    Parameters
    ----------
    shape
        Rows and columns of the heatmap.
    scale
        Cells per px of the scene, along y and x: ``cell = round(px * scale)``.
    n_directions
        Number of bins of the direction of movement. Bin ``b`` is centred on
        ``2 pi b / n_directions``, measured from x towards y. With more than one bin, an additional
        last layer holds trails without a direction, which never left their place.
    painted_width_px
        Width of a painted trail, in cells; odd.
    offsets
        Index of the first point of each trail, followed by the total number of points; int64.
    cells
        ``(layer * rows + row) * columns + column`` of each point; int32. Consecutive points lie in
        neighbouring cells, also where samples are far apart.
    time_share, arc_share
        Fraction of a trail's time spent, and of its distance covered, at each point; float32. They
        sum to 1 over each trail. Jitter of an object at rest covers no distance.
    point_of_sample
        Index of the point that each sample of the trails belongs to; int64.
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
        """Layers of a heatmap: one for each direction, and one for trails without direction."""
        return self.n_directions + 1 if self.n_directions > 1 else 1

    @property
    def map_shape(self) -> tuple[int, int, int]:
        """Layers, rows and columns of a heatmap."""
        return (self.n_layers, *self.shape)

    def weights(self, weigh: Weigh) -> Floats32:
        """Return the weight of each point, by time or by arc length."""
        return self.time_share if weigh == "time" else self.arc_share


@checked
def paint_footprints(
    trails: Trails,
    *,
    longest_side_px: LongestSide = 360,
    painted_width_px: PaintedWidth = 3,
    n_directions: Directions = 1,
    direction_span_px: DirectionSpan = 4.0,
    monitor: Monitor = SILENT,
) -> Footprints:
    """Map trails to the cells of a heatmap.

    Directions are measured over a few cells rather than from sample to sample, where jitter of an
    object at rest would point everywhere: a trail is cut wherever it has moved by
    ``direction_span_px``, and the direction of each stretch is that from the cut before it to the
    cut after it.

    Parameters
    ----------
    trails
        Trails of one scene. Positions outside the scene are moved to its border.
    longest_side_px
        Longest side of the heatmap.
    painted_width_px
        Width of a painted trail, in cells: diameter of a round brush (for 3, a plus of five
        cells). Thickness 2 of OpenCV corresponds to 3.
    n_directions
        Number of bins of the direction of movement; 1 ignores directions.
    direction_span_px
        Displacement, in cells, over which directions are measured.
    monitor
        Progress and cancellation, once per block of trails.

    Returns
    -------
    Footprints
        Footprints of all trails, in the same order.

    Raises
    ------
    BadValueError
        If a parameter is outside its limits, or a position or time is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from napari_uai.trails import paint_footprints, trails_of_frame
    >>> samples = pd.DataFrame({"trail": ["a", "a", "b", "b"], "frame": [0, 1, 0, 1],
    ...                         "x": [0, 63, 0, 63], "y": [10, 10, 0, 47]})
    >>> trails = trails_of_frame(samples, scene_size=(64, 48))
    >>> footprints = paint_footprints(trails, longest_side_px=16)
    >>> footprints.shape
    (12, 16)
    >>> np.diff(footprints.offsets)
    array([16, 16])
    """
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
    """Return the shape of a heatmap, and its cells per px of the scene along y and x.

    The centres of the outermost cells coincide with those of the outermost pixels of the scene.
    """
    longest = max(width, height)
    rows = max(round(height * longest_side_px / longest), 1)
    columns = max(round(width * longest_side_px / longest), 1)
    return (rows, columns), (
        (rows - 1) / max(height - 1, 1),
        (columns - 1) / max(width - 1, 1),
    )


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
    """Count the points of each trail; the count of trail ``i`` is written to ``counts[i + 1]``."""
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
    """Write the samples at which a trail has moved by a span, and its first; return how many."""
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
    """Return the bin of the direction of the stretch after cut ``k``."""
    a, b = cuts[k], cuts[k + 1]
    dy, dx = (y[b] - y[a]) * scale_y, (x[b] - x[a]) * scale_x
    if dy * dy + dx * dx < 4.0 * span * span:
        # Short stretches are averaged with their neighbours; those of sparse samples are not.
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
                # The time is divided among the cells, including the one that is left.
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
    """Divide the distance between two samples equally among the points from first to last."""
    if last >= first:
        each = np.hypot((y[b] - y[a]) * scale_y, (x[b] - x[a]) * scale_x) / (last - first + 1)
        arc_share[first : last + 1] = each


@kernel
def _normalise(shares: Floats32) -> None:
    """Normalize shares to sum to 1; if all are zero, make them equal."""
    total = 0.0
    for share in shares:
        total += share
    if total > 0.0:
        for i in range(len(shares)):
            shares[i] /= total
    else:
        shares[:] = 1.0 / len(shares)
