"""The contribution of each trail to the heat along its own path."""

from __future__ import annotations

import numpy as np

from napari_uai.compiled import kernel, reordering_kernel
from napari_uai.monitor import SILENT, Monitor
from napari_uai.trails.heat.brush import brush, paint_cells
from napari_uai.trails.heat.footprints import MIN_POINTS, Footprints
from napari_uai.trails.parallel import in_blocks
from napari_uai.typing import Floats32, Ints, Ints32


def own_heat(
    footprints: Footprints,
    *,
    blur_weights: Floats32,
    direction_weights: Floats32,
    monitor: Monitor = SILENT,
) -> Floats32:
    """Return the contribution of each trail to the blurred heat at the points of its own path.

    Parameters
    ----------
    footprints
        Footprints of the trails.
    blur_weights
        Weights of the blur along rows and along columns; an odd number of them; float32.
    direction_weights
        Weights of neighbouring bins of direction; an odd number of them; float32.
    monitor
        Progress and cancellation, once per block of trails.

    Returns
    -------
    numpy.ndarray
        One value per point; float32. Subtracting it from the heat leaves the trail out exactly.
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


@kernel
def _own_heat(
    offsets: Ints,
    cells: Ints32,
    layers: int,
    rows: int,
    columns: int,
    full: Ints32,
    edges: Ints32,
    edge_starts: Ints,
    blur_weights: Floats32,
    direction_weights: Floats32,
    first: int,
    last: int,
    own: Floats32,
) -> None:
    """Blur the footprint of each trail at the points of its path."""
    plane = rows * columns
    marks = np.zeros(layers * plane, np.int32)
    painted = np.empty(layers * plane, np.int32)
    # Windows are read eight cells at a time, padded with zero weights.
    padded = np.zeros((len(blur_weights) + 7) // 8 * 8, np.float32)
    padded[: len(blur_weights)] = blur_weights
    ink = np.zeros(layers * plane + len(padded), np.float32)
    for i in range(first, last):
        path = cells[offsets[i] : offsets[i + 1]]
        n = paint_cells(path, rows, columns, full, edges, edge_starts, i + 1, marks, painted)
        _spread(painted[:n], layers, plane, direction_weights, True, ink)
        _blur_at(path, rows, columns, blur_weights, padded, ink, own[offsets[i] : offsets[i + 1]])
        _spread(painted[:n], layers, plane, direction_weights, False, ink)


@kernel
def _spread(
    painted: Ints32, layers: int, plane: int, direction_weights: Floats32, lay: bool, ink: Floats32
) -> None:
    """Put ink on painted cells, with less in neighbouring directions, or remove it."""
    n_weights = len(direction_weights)
    # Where the layers start that a painted layer spreads to: divisions would dominate the time.
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
    path: Ints32,
    rows: int,
    columns: int,
    weights: Floats32,
    padded: Floats32,
    ink: Floats32,
    blurred: Floats32,
) -> None:
    """Blur ink, at the points of a path only."""
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
