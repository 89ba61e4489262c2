"""Medians of many lines of pixels at once, by networks of compare-and-exchange steps.

A network's steps do not depend on the data, so the same step is done for many lines side by side
in the lanes of the processor's vector unit. The steps are those of Batcher's odd-even merge sort
(Knuth, The Art of Computer Programming 3, 5.2.2, algorithm M, any number of entries), without
those that the middle entries do not depend on.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from napari_uai.compiled import kernel

LANES = 80
"""Lines sorted side by side: five vectors of 16, a camera's 64 to 80 pixels in one go."""


class MedianNetwork(NamedTuple):
    """Steps of a network, as offsets of the two rows of ``LANES`` values they compare."""

    low: npt.NDArray[np.uint64]
    high: npt.NDArray[np.uint64]


@lru_cache(maxsize=64)
def median_network(size: int) -> MedianNetwork:
    """Return the network that brings the middle one or two of ``size`` entries to their place."""
    needed = {(size - 1) // 2, size // 2}
    kept: list[tuple[int, int]] = []
    for low, high in reversed(sorting_steps(size)):
        if low in needed or high in needed:
            needed |= {low, high}
            kept.append((low, high))
    steps = np.array(kept[::-1], np.uint64).reshape(-1, 2) * np.uint64(LANES)
    return MedianNetwork(np.ascontiguousarray(steps[:, 0]), np.ascontiguousarray(steps[:, 1]))


def sorting_steps(size: int) -> list[tuple[int, int]]:
    """Return the pairs (i, j), i < j, that sort ``size`` entries when exchanged in order."""
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

    The order of ``lanes`` is lost. Offsets are unsigned: signed ones might count from the end,
    and that question would be asked at each step.
    """
    low, high = network
    for step in range(low.size):
        a = low[step]
        b = high[step]
        for k in range(np.uint64(LANES)):
            x = lanes[a + k]
            y = lanes[b + k]
            # min() and max() would look for NaN.
            lanes[a + k] = x if x < y else y  # noqa: FURB136
            lanes[b + k] = x if x > y else y  # noqa: FURB136
    lower = np.uint64((size - 1) // 2 * LANES)
    upper = np.uint64(size // 2 * LANES)
    half = np.float32(0.5)
    for k in range(np.uint64(LANES)):
        out[k] = half * lanes[lower + k] + half * lanes[upper + k]
