"""Kernels of spot detection: blob filters in units of contrast, and their extrema."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from napari_uai.compiled import strict_kernel
from napari_uai.errors import BadValueError
from napari_uai.iscat.kernels.blurring import blurred
from napari_uai.iscat.kernels.gaussian_taps import gaussian_radius, gaussian_taps
from napari_uai.iscat.kernels.radial_votes import radial_symmetry_response
from napari_uai.iscat.kernels.rings import SIGNED_DEVIATION, radial_variance, rings
from napari_uai.iscat.kernels.selection import falling_order

SURROUND = 1.6
"""Width of the wide Gaussian over that of the narrow one (Marr & Hildreth 1980)."""

Detector: TypeAlias = Literal[
    "difference_of_gaussians",
    "laplacian_of_gaussian",
    "determinant_of_hessian",
    "radial_variance",
    "fast_radial_symmetry",
]

DETECTORS: dict[str, int] = {
    "difference_of_gaussians": 0,
    "laplacian_of_gaussian": 1,
    "determinant_of_hessian": 2,
    "radial_variance": 3,
    "fast_radial_symmetry": 4,
}
"""Blob filters and their numbers in kernels."""

RADIAL = 3
"""Number of the first filter that looks at pixels by their distance."""

STRICTNESS = 1.0
"""Of the fast radial symmetry: 1 finds weaker spots in white noise than 2."""

_REACH = 8.0
"""Distance, in widths of a spot, up to which its response explains that of others."""

_Float = npt.NDArray[np.floating[Any]]


class BlobFilter(NamedTuple):
    """Weights of up to two Gaussians, or radii and gain, and the kind of filter built from them.

    ``profile`` is the largest response of a radial filter at each whole distance from a spot,
    relative to that at its centre; it has no closed form.
    """

    kind: int
    narrow: npt.NDArray[np.float32]
    wide: npt.NDArray[np.float32]
    radii: tuple[int, int] = (0, 0)
    gain: float = 1.0
    profile: npt.NDArray[np.float64] = np.zeros(0)


def blob_filter(
    sigma_px: float, detector: Detector, radii: tuple[int, int] | None = None
) -> BlobFilter:
    """Return a filter whose response to a spot of the given width is the contrast of the spot.

    The gain of Gaussians is shared by their two passes. ``radii`` are those of a radial filter.
    """
    kind = DETECTORS[detector]
    narrow = _gaussian(sigma_px)
    if kind >= RADIAL:
        return _radial_filter(sigma_px, kind, radii or default_radii(sigma_px, detector))
    if kind == 0:
        # A spot of width s, blurred by a Gaussian of width a, keeps s^2 / (s^2 + a^2) of its peak.
        gain = 1 / np.sqrt(1 / 2 - 1 / (1 + SURROUND**2))
        return BlobFilter(kind, narrow * gain, _gaussian(SURROUND * sigma_px) * gain)
    plain = BlobFilter(kind, narrow, narrow)
    middle = narrow.size - 1
    # Measured rather than calculated, because differences of pixels only approximate derivatives.
    response = blob_response(_ideal_spot(sigma_px, middle), plain)
    gain = 1 / np.sqrt(response[0, middle, middle])
    return BlobFilter(kind, (narrow * gain).astype(np.float32), narrow)


def default_radii(sigma_px: float, detector: Detector) -> tuple[int, int]:
    """Return the radii with which a radial filter finds the weakest spots in white noise."""
    if detector == "radial_variance":
        return 1, max(round(3 * sigma_px), 3)
    first = max(round(sigma_px), 1)
    return first, max(round(2 * sigma_px), first)


def _radial_filter(sigma_px: float, kind: int, radii: tuple[int, int]) -> BlobFilter:
    reach = int(np.ceil(_REACH * sigma_px))
    middle = reach + radii[1]
    none = np.zeros(0, np.float32)
    plain = BlobFilter(kind, none, none, radii)
    response = np.abs(blob_response(_ideal_spot(sigma_px, middle), plain)[0]).astype(np.float64)
    centre = response[middle, middle]
    if not centre > 0:
        raise BadValueError(f"radii {radii} do not respond to a spot of {sigma_px:g} px")
    away = np.hypot(*(np.indices(response.shape) - middle)).astype(np.int64)
    # A pixel more or less is a spot between pixels, or one whose rings noise has shifted.
    near = [response[np.abs(away - d) <= 1].max() for d in range(reach + 1)]
    profile = np.array(near) / centre
    return plain._replace(gain=1 / centre, profile=profile)


def _ideal_spot(sigma_px: float, middle: int) -> npt.NDArray[np.float32]:
    """Return a frame with a Gaussian spot of contrast 1."""
    profile = np.exp(-0.5 * ((np.arange(2 * middle + 1) - middle) / sigma_px) ** 2)
    return np.outer(profile, profile).astype(np.float32)[np.newaxis]


def _gaussian(sigma: float) -> npt.NDArray[np.float32]:
    return gaussian_taps(sigma, max(1, gaussian_radius(sigma))).astype(np.float32)


def blob_response(block: npt.NDArray[np.float32], filters: BlobFilter) -> npt.NDArray[np.float32]:
    """Response of each frame, in units of contrast."""
    if filters.kind == DETECTORS["radial_variance"]:
        deviation = radial_variance(block, rings(*filters.radii), SIGNED_DEVIATION)
        return np.asarray(filters.gain * deviation, np.float32)
    if filters.kind == DETECTORS["fast_radial_symmetry"]:
        response = radial_symmetry_response(block, filters.radii, strictness=STRICTNESS)
        return np.asarray(filters.gain * response, np.float32)
    out = np.empty_like(block)
    for frame, response in zip(block, out, strict=True):
        smooth = blurred(frame, filters.narrow)
        if filters.kind == 0:
            np.subtract(smooth, blurred(frame, filters.wide), out=response)
        else:
            _curvature(smooth, filters.kind == 2, response)
    return out


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
    shape: tuple[int, float, float, npt.NDArray[np.float64]],
) -> npt.NDArray[np.float64]:
    """Find the spots of a block of frames: rows of y, x, frame in the block, intensity.

    ``shape`` describes the response: number of its filter, minimum distance (px), width (px), and
    the profile of a radial filter.
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
            for k in range(total):
                for column in range(4):
                    larger[k, column] = rows[k, column]
            rows = larger
        for i in range(count):
            size[i] = -kept[i]
        for i in falling_order(size[:count]):  # in reading order
            y, x = kept[i] // width, kept[i] % width
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
    shape: tuple[int, float, float, npt.NDArray[np.float64]],
    kept: npt.NDArray[np.int64],
) -> int:
    """Keep candidates in descending order unless a kept one is near or explains their response."""
    kind, distance_px, sigma_px, profile = shape
    width = response.shape[1]
    reach2 = (_REACH * sigma_px) ** 2
    n_kept = 0
    for i in falling_order(size[:count]):
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
            if r2 >= reach2:
                continue
            if kind >= RADIAL:
                # The response to a sum is at most the sum of the responses.
                left -= sign * abs(response[v, u]) * profile[int(np.sqrt(r2))]
            else:
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
