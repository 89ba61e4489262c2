"""Kernel of the radial variance transform: how much means over rings around a pixel differ."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from napari_uai.compiled import reordering_kernel
from napari_uai.monitor import raise_if_cancelled
from napari_uai.typing import Floats, Floats32, Ints

RingMode: TypeAlias = Literal["average", "skip"]
"""What becomes of neighbouring rings: averaged, or all but the first left out."""

VARIANCE, NORMALIZED, SIGNED_DEVIATION = 0, 1, 2
"""What the kernel writes: variance of the means of rings; the same over the variance within rings;
or its root with the sign of the innermost ring minus the others."""


class Rings(NamedTuple):
    """Pixels of rings in one quarter; those of the others mirror them.

    Attributes
    ----------
    down, right
        Distances of the pixels of all rings from the centre, ring by ring.
    starts
        Where each ring begins, and where the last one ends.
    groups
        Number of the group of each ring; the means of its rings are averaged.
    weights
        Weight of a pixel of each ring in the mean of its group.
    """

    down: Ints
    right: Ints
    starts: Ints
    groups: Ints
    weights: Floats


@lru_cache(maxsize=32)
def rings(first: int, last: int, step: int = 1, mode: RingMode = "average") -> Rings:
    """Return the rings of radii ``first`` to ``last``: pixels whose distance rounds down to it.

    Parameters
    ----------
    first, last
        Radii in pixels, both included.
    step
        Rings that become one.
    mode
        Whether they are averaged, or only the first is taken.
    """
    radii = np.arange(first, last + 1, step if mode == "skip" else 1)
    groups = (radii - first) // step
    radius = np.floor(np.hypot(*np.mgrid[: last + 1, : last + 1])).astype(np.int64)
    places = [np.argwhere(radius == r) for r in radii]
    # A pixel on an axis has one mirror image, any other three, the centre none.
    sizes = [np.prod(np.where(place > 0, 2, 1), axis=1).sum() for place in places]
    in_group = np.bincount(groups)[groups]
    down, right = np.concatenate(places).T
    return Rings(
        np.ascontiguousarray(down),
        np.ascontiguousarray(right),
        np.cumsum([0, *map(len, places)]),
        groups,
        1 / (np.array(sizes, float) * in_group),
    )


def radial_variance(frames: Floats32 | Floats, around: Rings, result: int) -> Floats32:
    """Apply the transform to frames, which are mirrored about their outermost pixels.

    Parameters
    ----------
    frames
        float32 or float64, (n, rows, columns).
    around
        Rings.
    result
        ``VARIANCE``, ``NORMALIZED`` or ``SIGNED_DEVIATION``.

    Returns
    -------
    ndarray
        float32, (n, rows, columns).
    """
    reach = int(around.down.max())
    rows, columns = (np.pad(np.arange(n), reach, mode="reflect") for n in frames.shape[1:])
    out = np.empty(frames.shape, np.float32)
    for frame, response in zip(frames, out, strict=True):
        raise_if_cancelled()
        # The mean changes nothing but the rounding.
        finite = frame[np.isfinite(frame)]
        centred = frame - (finite.mean(dtype=np.float64) if finite.size else 0.0)
        _radial_variance(centred[rows[:, None], columns], around, result, response)
    return out


@reordering_kernel
def _radial_variance(wide: Floats, around: Rings, result: int, out: Floats32) -> None:
    height, width = out.shape
    reach = (wide.shape[0] - height) // 2
    n_groups = around.groups[-1] + 1
    squares = wide * wide if result == NORMALIZED else wide
    pairs = np.empty((reach + 1, wide.shape[1]))
    square_pairs = np.empty_like(pairs)
    means = np.empty((n_groups, width))
    within = np.empty(width)
    total = np.empty(width)
    for r in range(height):
        _add_mirrored(wide, r + reach, pairs)
        if result == NORMALIZED:
            _add_mirrored(squares, r + reach, square_pairs)
        means[:] = 0
        within[:] = 0
        for k in range(around.groups.size):
            weight = around.weights[k]
            _sum_ring(pairs, around, k, total)
            mean = means[around.groups[k]]
            for c in range(width):
                mean[c] += weight * total[c]
            if result == NORMALIZED:
                _sum_ring(square_pairs, around, k, total)
                for c in range(width):
                    within[c] += weight * total[c]
        _write_row(means, within, result, out[r])


@reordering_kernel
def _add_mirrored(image: Floats, row: int, pairs: Floats) -> None:
    """Add rows at equal distances above and below a row."""
    pairs[0] = image[row]
    for d in range(1, pairs.shape[0]):
        above, below, pair = image[row - d], image[row + d], pairs[d]
        for c in range(pair.size):
            pair[c] = above[c] + below[c]


@reordering_kernel
def _sum_ring(pairs: Floats, around: Rings, ring: int, total: Floats) -> None:
    reach = (pairs.shape[1] - total.size) // 2
    total[:] = 0
    for i in range(around.starts[ring], around.starts[ring + 1]):
        line = pairs[around.down[i]]
        d = around.right[i]
        left = line[reach - d : reach - d + total.size]
        right = line[reach + d : reach + d + total.size]
        if d == 0:
            for c in range(total.size):
                total[c] += left[c]
        else:
            for c in range(total.size):
                total[c] += left[c] + right[c]


@reordering_kernel
def _write_row(means: Floats, within: Floats, result: int, out: Floats32) -> None:
    """Write the variance over groups, normalised or with a sign."""
    n_groups = means.shape[0]
    for c in range(out.size):
        mean, square = 0.0, 0.0
        for k in range(n_groups):
            mean += means[k, c] / n_groups
            square += means[k, c] ** 2 / n_groups
        variance = 0.0
        for k in range(n_groups):
            variance += (means[k, c] - mean) ** 2 / n_groups
        if result == NORMALIZED:
            inside = within[c] / n_groups - square
            # Rings of one brightness each differ from no noise.
            variance = variance / inside if inside > 1e-12 * square else 0.0
        elif result == SIGNED_DEVIATION:
            variance = np.sqrt(variance) if means[0, c] > mean else -np.sqrt(variance)
        out[c] = variance
