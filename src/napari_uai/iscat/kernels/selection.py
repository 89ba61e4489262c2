"""Medians and orders inside kernels.

Those of numpy, as numba compiles them, take up to ten times as long to compile as loops of one's
own. So do arrays that are assigned to parts of arrays, for the sake of the text of an error.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_uai.compiled import kernel
from napari_uai.typing import Floats, Ints


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
    return float((lower + upper) / 2)


@kernel
def falling_order(values: Floats) -> Ints:
    """Return the places of values, the largest first; equal ones as they come. By merging."""
    n = values.size
    order, other = np.empty(n, np.int64), np.empty(n, np.int64)
    for i in range(n):
        order[i] = i
    length = 1
    while length < n:
        for start in range(0, n, 2 * length):
            middle, stop = min(start + length, n), min(start + 2 * length, n)
            i, j = start, middle
            for k in range(start, stop):
                if j == stop or (i < middle and not values[order[j]] > values[order[i]]):
                    other[k] = order[i]
                    i += 1
                else:
                    other[k] = order[j]
                    j += 1
        order, other = other, order
        length *= 2
    return order
