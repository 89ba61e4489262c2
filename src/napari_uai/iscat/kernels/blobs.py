"""Kernels of spot detection: blob filters in units of contrast, and their extrema."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from napari_uai.compiled import strict_kernel
from napari_uai.iscat.kernels.gaussian_taps import gaussian_radius, gaussian_taps

SURROUND = 1.6
"""Width of the wide Gaussian over that of the narrow one (Marr & Hildreth 1980)."""

Detector: TypeAlias = Literal[
    "difference_of_gaussians", "laplacian_of_gaussian", "determinant_of_hessian"
]

DETECTORS: dict[str, int] = {
    "difference_of_gaussians": 0,
    "laplacian_of_gaussian": 1,
    "determinant_of_hessian": 2,
}
"""Blob filters and their numbers in kernels."""

_Float = npt.NDArray[np.floating[Any]]


class _BlobFilter(NamedTuple):
    """Weights of up to two Gaussians, and the kind of filter built from them."""

    kind: int
    narrow: npt.NDArray[np.float32]
    wide: npt.NDArray[np.float32]


def blob_filter(sigma_px: float, detector: Detector) -> _BlobFilter:
    """Return a filter whose response to a spot of the given width is the contrast of the spot.

    Its gain is shared by the two passes of each Gaussian.
    """
    kind = DETECTORS[detector]
    narrow = _gaussian(sigma_px)
    if kind == 0:
        # A spot of width s, blurred by a Gaussian of width a, keeps s^2 / (s^2 + a^2) of its peak.
        gain = 1 / np.sqrt(1 / 2 - 1 / (1 + SURROUND**2))
        return _BlobFilter(kind, narrow * gain, _gaussian(SURROUND * sigma_px) * gain)
    plain = _BlobFilter(kind, narrow, narrow)
    middle = narrow.size - 1
    x = np.arange(2 * middle + 1) - middle
    profile = np.exp(-0.5 * (x / sigma_px) ** 2)
    spot = np.outer(profile, profile).astype(np.float32)[np.newaxis]
    # Measured rather than calculated, because differences of pixels only approximate derivatives.
    gain = 1 / np.sqrt(blob_response(spot, plain)[0, middle, middle])
    return _BlobFilter(kind, (narrow * gain).astype(np.float32), narrow)


def _gaussian(sigma: float) -> npt.NDArray[np.float32]:
    return gaussian_taps(sigma, max(1, gaussian_radius(sigma))).astype(np.float32)


def blob_response(block: npt.NDArray[np.float32], filters: _BlobFilter) -> npt.NDArray[np.float32]:
    """Response of each frame, in units of contrast."""
    out = np.empty_like(block)
    for frame, response in zip(block, out, strict=True):
        smooth = _blurred(frame, filters.narrow)
        if filters.kind == 0:
            np.subtract(smooth, _blurred(frame, filters.wide), out=response)
        else:
            _curvature(smooth, filters.kind == 2, response)
    return out


def _blurred(frame: npt.NDArray[Any], weights: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Smooth a frame, which is mirrored at its edges."""
    import cv2

    smooth = cv2.sepFilter2D(frame, cv2.CV_32F, weights, weights, borderType=cv2.BORDER_REFLECT)
    return np.asarray(smooth)


@strict_kernel
def _curvature(smooth: _Float, of_both: bool, out: _Float) -> None:
    """Sum of the curvatures, or root of their product where they have the same sign.

    From second differences; positive for bright spots. The frame is mirrored at its edges.
    """
    height, width = smooth.shape
    for y in range(height):
        up, down = max(y - 1, 0), min(y + 1, height - 1)
        for x in range(width):
            left, right = max(x - 1, 0), min(x + 1, width - 1)
            twice = 2 * smooth[y, x]
            yy = twice - smooth[up, x] - smooth[down, x]
            xx = twice - smooth[y, left] - smooth[y, right]
            if not of_both:
                out[y, x] = yy + xx
                continue
            yx = smooth[down, right] - smooth[down, left] - smooth[up, right] + smooth[up, left]
            product = yy * xx - yx * yx / 16
            size = np.float32(0) if product <= 0 else np.sqrt(product)  # NaN stays NaN
            out[y, x] = size if yy + xx > 0 else -size


@strict_kernel
def find_extrema(
    block: _Float,
    response: _Float,
    threshold: float,
    wanted: float,
    border: int,
    shape: tuple[int, float, float],
) -> npt.NDArray[np.float64]:
    """Find the spots of a block of frames: rows of y, x, frame in the block, intensity.

    ``shape`` describes the response: number of its filter, minimum distance (px), width (px).
    """
    n, height, width = block.shape
    size = np.empty((height * width + 3) // 4 + height + width)
    place = np.empty(size.size, np.int64)
    kept = np.empty(size.size, np.int64)
    rows = np.empty((n + 16, 4))
    total = 0
    for t in range(n):
        count = _extrema(response[t], threshold, border, size, place)
        count = _strongest(response[t], size, place, count, threshold, shape, kept)
        while total + count > rows.shape[0]:
            larger = np.empty((2 * rows.shape[0], 4))
            larger[:total] = rows[:total]
            rows = larger
        for k in np.sort(kept[:count]):
            y, x = k // width, k % width
            # Both signs compete until here, so that the ring of a dark spot is not a bright spot.
            if response[t, y, x] * wanted < 0:
                continue
            rows[total, 0], rows[total, 1], rows[total, 2] = y, x, t
            rows[total, 3] = block[t, y, x]
            total += 1
    return rows[:total].copy()


@strict_kernel
def _extrema(
    response: _Float,
    threshold: float,
    border: int,
    size: npt.NDArray[np.float64],
    place: npt.NDArray[np.int64],
) -> int:
    height, width = response.shape
    count = 0
    for y in range(border, height - border):
        for x in range(border, width - border):
            value = response[y, x]
            sign = 1.0 if value > 0 else -1.0
            if not (np.isfinite(value) and abs(value) >= threshold):
                continue
            if _is_peak(response, y, x, sign):
                size[count] = abs(value)
                place[count] = y * width + x
                count += 1
    return count


@strict_kernel
def _is_peak(response: _Float, y: int, x: int, sign: float) -> bool:
    """Whether no neighbour is larger; of two equal neighbours, the first in reading order wins."""
    height, width = response.shape
    value = sign * response[y, x]
    for v in range(max(y - 1, 0), min(y + 2, height)):
        for u in range(max(x - 1, 0), min(x + 2, width)):
            other = sign * response[v, u]
            before = v < y or (v == y and u < x)
            if other > value or (before and other == value):
                return False
    return True


@strict_kernel
def _strongest(
    response: _Float,
    size: npt.NDArray[np.float64],
    place: npt.NDArray[np.int64],
    count: int,
    threshold: float,
    shape: tuple[int, float, float],
    kept: npt.NDArray[np.int64],
) -> int:
    """Keep candidates in descending order unless a kept one is near or explains their response."""
    kind, distance_px, sigma_px = shape
    width = response.shape[1]
    reach2 = (8 * sigma_px) ** 2
    n_kept = 0
    for i in np.argsort(-size[:count], kind="mergesort"):
        y, x = place[i] // width, place[i] % width
        left = float(response[y, x])
        sign = 1.0 if left > 0 else -1.0
        free = True
        for j in range(n_kept):
            v, u = kept[j] // width, kept[j] % width
            r2 = float((y - v) ** 2 + (x - u) ** 2)
            if r2 < distance_px**2:
                free = False
                break
            if r2 < reach2:
                left -= response[v, u] * _ring(r2 / sigma_px**2, kind)
        if free and sign * left >= threshold:
            kept[n_kept] = place[i]
            n_kept += 1
    return n_kept


@strict_kernel
def _ring(r2: float, kind: int) -> float:
    """Response at a distance (squared, in sigma) from a spot, relative to that at its centre."""
    if kind == 1:
        return float((1 - r2 / 4) * np.exp(-r2 / 4))
    if kind == 2:
        return float(np.sqrt(max(1 - r2 / 2, 0.0)) * np.exp(-r2 / 4))
    narrow, wide = 2.0, 1.0 + SURROUND**2
    response = np.exp(-0.5 * r2 / narrow) / narrow - np.exp(-0.5 * r2 / wide) / wide
    return float(response / (1 / narrow - 1 / wide))
