"""Matrix products that release the GIL, so that other threads (a window) keep running."""

from __future__ import annotations

import numpy as np

from napari_uai.compiled import reordering_kernel
from napari_uai.typing import Floats


def row_products(left: Floats, right: Floats) -> Floats:
    """Multiply each row of one matrix with each row of another: ``left @ right.T``.

    For few long rows. For these, numpy's ``@`` holds the GIL (it considers the number of entries of
    the result, not the length of the rows: fewer than 500 count as no work) while the threads of
    its library wait for each other, for tenths of a second on a busy machine.

    Parameters
    ----------
    left
        float64, (n, pixels).
    right
        float64, (m, pixels).

    Returns
    -------
    ndarray
        float64, (n, m).
    """
    out = np.empty((len(left), len(right)))
    _row_products(np.ascontiguousarray(left), np.ascontiguousarray(right), out)
    return out


def weighted_sums(weights: Floats, images: Floats) -> Floats:
    """Sum images with different weights: ``weights @ images``; for few images.

    Parameters
    ----------
    weights
        float64, (n, images).
    images
        float64, (images, pixels).

    Returns
    -------
    ndarray
        float64, (n, pixels).
    """
    out = np.zeros((len(weights), images.shape[1]))
    _weighted_sums(np.ascontiguousarray(weights), np.ascontiguousarray(images), out)
    return out


@reordering_kernel
def _row_products(left: Floats, right: Floats, out: Floats) -> None:
    for j in range(len(right)):
        other = right[j]
        for i in range(len(left)):
            row, total = left[i], 0.0
            for p in range(row.size):
                total += row[p] * other[p]
            out[i, j] = total


@reordering_kernel
def _weighted_sums(weights: Floats, images: Floats, out: Floats) -> None:
    for t in range(len(weights)):
        total = out[t]
        for i in range(len(images)):
            image, weight = images[i], weights[t, i]
            for p in range(image.size):
                total[p] += weight * image[p]
