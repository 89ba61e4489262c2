"""Medians inside kernels.

That of numpy, as numba compiles it, takes ten times as long to compile as a loop of one's own.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from napari_uai.compiled import kernel


@kernel
def median_of(values: npt.NDArray[Any]) -> float:
    """Return the median of a contiguous line of floats, whose order is lost.

    By Hoare's selection; 0 values have no median, and NaN is not expected.
    """
    half = values.size >> 1
    low, high = 0, values.size - 1
    while low < high:
        pivot = values[(low + high) >> 1]
        i, j = low, high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if half <= j:
            high = j
        elif half >= i:
            low = i
        else:
            break
    upper = lower = values[half]
    if values.size & 1 == 0:
        lower = values[0]
        for k in range(1, half):
            lower = max(lower, values[k])
    return (lower + upper) / 2
