"""Medians of many lines of pixels at once, by networks of compare-and-exchange steps.

The steps of a network do not depend on the data, so that each step is done for many lines side by
side in the lanes of the processor's vector unit. The steps are those of Batcher's odd-even merge
sort (Knuth, The Art of Computer Programming 3, 5.2.2, algorithm M, any number of entries), without
those on which the middle entries do not depend.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from napari_uai.compiled import kernel, part_of_kernel

LANES = 80
"""Lines sorted side by side: five vectors of 16, the 64 to 80 pixels of a camera at once."""


class MedianNetwork(NamedTuple):
    """Steps of a network, as offsets of the two rows of ``LANES`` values that they compare."""

    low: npt.NDArray[np.uint64]
    high: npt.NDArray[np.uint64]


@lru_cache(maxsize=64)
def median_network(size: int) -> MedianNetwork:
    """Return the network that sorts the middle one or two of ``size`` entries into place."""
    needed = {(size - 1) // 2, size // 2}
    kept: list[tuple[int, int]] = []
    for low, high in reversed(sorting_steps(size)):
        if low in needed or high in needed:
            needed |= {low, high}
            kept.append((low, high))
    steps = np.array(kept[::-1], np.uint64).reshape(-1, 2) * np.uint64(LANES)
    return MedianNetwork(np.ascontiguousarray(steps[:, 0]), np.ascontiguousarray(steps[:, 1]))


def sorting_steps(size: int) -> list[tuple[int, int]]:
    """Return the pairs (i, j), i < j, whose exchange in order sorts ``size`` entries."""
    steps: list[tuple[int, int]] = []
    top = 1 << max((size - 1).bit_length() - 1, 0)
    p = top
    while p > 0:
        q, r, d = top, 0, p
        while d > 0:
            steps += [(i, i + d) for i in range(size - d) if i & p == r]
            d, q, r = q - p, q >> 1, p
        p >>= 1
    return steps


@kernel
def median_of_lanes(
    lanes: npt.NDArray[np.float32],
    size: int,
    network: MedianNetwork,
    out: npt.NDArray[np.float32],
) -> None:
    """Write to ``out`` the median over the ``size`` rows of ``LANES`` values in ``lanes``.

    What ``lanes`` holds is lost. Values are compared as integers in the same order, whose minimum
    and maximum, unlike those of floats, the compiler finds for a whole vector at a time on every
    processor. Offsets are unsigned, because negative indices count from the end and numba would
    test for them at each step.
    """
    low, high = network
    keys = lanes.view(np.int32)
    _order_as_integers(keys[: size * LANES])
    for step in range(low.size):
        a = low[step]
        b = high[step]
        for k in range(np.uint64(LANES)):
            x = keys[a + k]
            y = keys[b + k]
            keys[a + k] = min(x, y)
            keys[b + k] = max(x, y)
    lower, upper = (size - 1) // 2 * LANES, size // 2 * LANES
    _order_as_integers(keys[lower : upper + LANES])
    half = np.float32(0.5)
    for k in range(LANES):
        out[k] = half * lanes[lower + k] + half * lanes[upper + k]


@part_of_kernel
def _order_as_integers(bits: npt.NDArray[np.int32]) -> None:
    """Give the bits of floats an order as integers that is that of the floats; and back again."""
    for i in range(len(bits)):
        bits[i] ^= (bits[i] >> 31) & 0x7FFFFFFF
