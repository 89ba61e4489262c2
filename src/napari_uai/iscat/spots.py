"""Spot detection: local extrema of blob filters that read in units of contrast."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple, TypeAlias

import numba as nb
import numpy as np
import numpy.typing as npt
import pandas as pd
from annotated_types import Ge, Gt, Unit

from napari_uai.errors import BadValueError
from napari_uai.iscat.parameters import SigmaPx
from napari_uai.monitor import SILENT, Monitor
from napari_uai.videos.frames import Frames, Video, frames_of, frames_per_chunk, map_chunks

SPOT_COLUMNS = ("y", "x", "frame", "center_intensity", "sigma")
"""Columns of a table of spots; ``frame`` is an integer, all others are float64."""

SURROUND = 1.6
"""Width of the wide Gaussian over that of the narrow one (Marr & Hildreth 1980)."""

TRUNCATE = 4.0
NOISE_FRAMES = 64

Detector: TypeAlias = Literal[
    "difference_of_gaussians", "laplacian_of_gaussian", "determinant_of_hessian"
]

DETECTORS: dict[str, int] = {
    "difference_of_gaussians": 0,
    "laplacian_of_gaussian": 1,
    "determinant_of_hessian": 2,
}
"""Blob filters, with the numbers that kernels know them by."""

_Float = npt.NDArray[np.floating[Any]]


def detect_spots(
    video: Video,
    *,
    sigma_px: SigmaPx = 1.7,
    detector: Detector = "difference_of_gaussians",
    threshold: Annotated[float, Gt(0)] = 5.0,
    threshold_unit: Literal["noise", "contrast"] = "noise",
    polarity: Literal["both", "bright", "dark"] = "both",
    min_distance: Annotated[float, Ge(0), Unit("sigma")] = 2.83,
    border: Annotated[int, Ge(0), Unit("px")] = 2,
    monitor: Monitor = SILENT,
) -> pd.DataFrame:
    """Find spots of about one width in every frame.

    Each frame is filtered with a blob filter, by default a difference of two Gaussians of
    ``sigma_px`` and 1.6 ``sigma_px``, scaled so that a Gaussian spot of that width and of peak
    contrast ``c`` gives the response ``c`` at its centre, and a constant background gives zero.
    Spots are the extrema of the
    response among the eight neighbours; where two are closer than ``min_distance``, of whatever
    sign, the stronger stays. Farther away, what a stronger spot itself adds to the response (the
    filter's ring of opposite sign) is subtracted before the threshold is applied.

    Parameters
    ----------
    video
        Frames, rows, columns; contrast, as from a differential rolling average. Around a pixel
        that is not finite nothing is found.
    sigma_px
        Standard deviation of the point-spread function.
    detector
        ``difference_of_gaussians``; ``laplacian_of_gaussian``: the curvature of the frame smoothed
        with ``sigma_px``; ``determinant_of_hessian``: the root of the product of its two
        curvatures where they have one sign, blind to lines and edges.
    threshold
        Smallest size of the response.
    threshold_unit
        ``noise``: the threshold counts standard deviations of the response, measured robustly
        over up to 64 frames that are spread evenly over the video (:func:`response_noise`).
        ``contrast``: it is the contrast itself.
    polarity
        Sign of the spots searched: brighter than the background, darker, or both.
    min_distance
        Spots closer than this compete; in units of ``sigma_px``. The default is
        ``2 sqrt(2)``, where two discs of radius ``sqrt(2) sigma`` touch.
    border
        Width of the frame along the edges in which no spot is reported.
    monitor
        Progress and cancelling, once per block of frames.

    Returns
    -------
    pandas.DataFrame
        ``y, x`` (pixel), ``frame``, ``center_intensity`` (the video at that pixel) and ``sigma``
        (``sigma_px``), sorted by frame, row and column. Without any spot: no row.

    Raises
    ------
    BadValueError
        If a parameter is out of its limits, or the threshold counts noise and the video has none.
    """
    _check_positive(sigma_px=sigma_px, threshold=threshold)
    if min_distance < 0 or border < 0:
        raise BadValueError("min_distance and border cannot be negative: give 0 or more")
    signs = {"both": 0.0, "bright": 1.0, "dark": -1.0}
    if polarity not in signs:
        raise BadValueError(f"polarity is one of {', '.join(signs)}, not {polarity!r}")
    if threshold_unit not in ("noise", "contrast"):
        raise BadValueError(f"threshold_unit is 'noise' or 'contrast', not {threshold_unit!r}")
    if detector not in DETECTORS:
        raise BadValueError(f"detector is one of {', '.join(DETECTORS)}, not {detector!r}")
    frames = frames_of(video)
    if threshold_unit == "noise":
        threshold *= response_noise(video, sigma_px=sigma_px, detector=detector)
    filters = _blob_filter(sigma_px, detector)
    wanted = signs[polarity]
    distance_px = min_distance * sigma_px

    def find(start: int, stop: int) -> npt.NDArray[np.float64]:
        block = _as_float32(frames.read(start, stop))
        found: npt.NDArray[np.float64] = _find(
            block, filters, threshold, wanted, distance_px, border, sigma_px
        )
        found[:, 2] += start
        return found

    chunk = frames_per_chunk(frames.shape)
    found = list(map_chunks(find, len(frames), chunk, monitor=monitor, message="spots"))
    rows = np.concatenate(found) if found else np.empty((0, 4))
    return _spot_table(rows, sigma_px)


def response_noise(
    video: Video, *, sigma_px: SigmaPx = 1.7, detector: Detector = "difference_of_gaussians"
) -> float:
    """Measure the standard deviation of the detector's response to the noise of a video.

    Parameters
    ----------
    video
        Frames, rows, columns; contrast.
    sigma_px
        Standard deviation of the point-spread function.
    detector
        Blob filter, as for :func:`detect_spots`.

    Returns
    -------
    float
        1.4826 times the median absolute response over up to 64 frames, in units of contrast; for
        the determinant of the Hessian of those pixels where the curvatures have one sign.

    Raises
    ------
    BadValueError
        If the video has no frame, no finite pixel, or no noise.
    """
    frames = frames_of(video)
    sample = _sample(frames)
    size = np.abs(_response(sample, _blob_filter(sigma_px, detector)))
    size = size[np.isfinite(size)]
    if detector == "determinant_of_hessian" and size.any():
        size = size[size > 0]
    if size.size == 0:
        raise BadValueError("the video holds no finite pixel: check the steps before")
    noise = 1.4826 * float(np.median(size))
    rounding = 1e-6 * float(np.median(np.abs(sample[np.isfinite(sample)])))
    if noise <= rounding:
        raise BadValueError(
            "the video has no noise to measure a threshold by: is it constant? "
            "Otherwise give the threshold in units of contrast"
        )
    return noise


def response_frames(
    block: npt.NDArray[np.float32], *, sigma_px: SigmaPx = 1.7
) -> npt.NDArray[np.float32]:
    """Return the detector's response to a block of frames, in units of contrast."""
    return _response(block, _blob_filter(sigma_px, "difference_of_gaussians"))


def empty_spots() -> pd.DataFrame:
    """Return a table of spots without rows."""
    return _spot_table(np.empty((0, 4)), 1.0)


def _spot_table(rows: npt.NDArray[np.float64], sigma_px: float) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "y": rows[:, 0],
            "x": rows[:, 1],
            "frame": rows[:, 2].astype(np.int64),
            "center_intensity": rows[:, 3],
            "sigma": np.full(len(rows), float(sigma_px)),
        }
    )


def _check_positive(**values: float) -> None:
    for name, value in values.items():
        if not (np.isfinite(value) and value > 0):
            raise BadValueError(f"{name} must be greater than 0, got {value}")


def _sample(frames: Frames) -> npt.NDArray[np.float32]:
    """Return up to ``NOISE_FRAMES`` frames, the same ones however the video is chunked."""
    n = len(frames)
    if n == 0:
        raise BadValueError("the video has no frame: check the frame range")
    chosen = np.unique(np.linspace(0, n - 1, min(n, NOISE_FRAMES)).round().astype(int))
    return _as_float32(np.concatenate([frames.read(i, i + 1) for i in chosen]))


def _as_float32(block: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    return np.ascontiguousarray(block, dtype=np.float32)


class _BlobFilter(NamedTuple):
    """Half kernels (centre first) of up to two Gaussians, and what is made of them."""

    kind: int
    narrow: npt.NDArray[np.float32]
    wide: npt.NDArray[np.float32]


def _blob_filter(sigma_px: float, detector: Detector) -> _BlobFilter:
    """Return a filter whose answer to a spot of that width is the spot's contrast.

    Its gain is shared by the two passes of each Gaussian.
    """
    kind = DETECTORS[detector]
    narrow = _half_gaussian(sigma_px)
    if kind == 0:
        # A spot of width s, blurred by a Gaussian of width a, keeps s^2 / (s^2 + a^2) of its peak.
        gain = 1 / np.sqrt(1 / 2 - 1 / (1 + SURROUND**2))
        return _BlobFilter(kind, narrow * gain, _half_gaussian(SURROUND * sigma_px) * gain)
    plain = _BlobFilter(kind, narrow, narrow)
    middle = 2 * (narrow.size - 1)
    x = np.arange(2 * middle + 1) - middle
    profile = np.exp(-0.5 * (x / sigma_px) ** 2)
    spot = np.outer(profile, profile).astype(np.float32)[np.newaxis]
    # measured rather than calculated: differences of pixels are no exact derivatives
    gain = 1 / np.sqrt(_response(spot, plain)[0, middle, middle])
    return _BlobFilter(kind, (narrow * gain).astype(np.float32), narrow)


def _half_gaussian(sigma: float) -> npt.NDArray[np.float32]:
    radius = max(1, round(TRUNCATE * sigma))
    weights = np.exp(-0.5 * (np.arange(radius + 1) / sigma) ** 2)
    weights /= weights[0] + 2 * weights[1:].sum()
    return weights.astype(np.float32)


def _response(block: npt.NDArray[np.float32], filters: _BlobFilter) -> npt.NDArray[np.float32]:
    """Response of each frame, in units of contrast."""
    out = np.empty_like(block)
    _response_into(block, filters, out)
    return out


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _response_into(block: _Float, filters: _BlobFilter, out: _Float) -> None:
    n, height, width = block.shape
    scratch = np.empty((height, width), np.float32)
    other = np.empty((height, width), np.float32)
    for t in range(n):
        if filters.kind == 0:
            _blur(block[t], filters.narrow, scratch, out[t])
            _blur(block[t], filters.wide, scratch, other)
            for y in range(height):
                for x in range(width):
                    out[t, y, x] -= other[y, x]
        else:
            _blur(block[t], filters.narrow, scratch, other)
            _curvature(other, filters.kind == 2, out[t])


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _curvature(smooth: _Float, of_both: bool, out: _Float) -> None:
    """Sum of the curvatures, or root of their product where they have one sign; bright is positive.

    Second differences; the frame is mirrored at its edges.
    """
    height, width = smooth.shape
    for y in range(height):
        up, down = max(y - 1, 0), min(y + 1, height - 1)
        for x in range(width):
            left, right = max(x - 1, 0), min(x + 1, width - 1)
            here = 2 * smooth[y, x]
            yy = here - smooth[up, x] - smooth[down, x]
            xx = here - smooth[y, left] - smooth[y, right]
            if not of_both:
                out[y, x] = yy + xx
                continue
            yx = smooth[down, right] - smooth[down, left] - smooth[up, right] + smooth[up, left]
            product = yy * xx - yx * yx / 16
            size = np.float32(0) if product <= 0 else np.sqrt(product)  # NaN stays NaN
            out[y, x] = size if yy + xx > 0 else -size


@nb.njit(cache=True, nogil=True, fastmath={"contract", "reassoc"})  # type: ignore[untyped-decorator]
def _blur(frame: _Float, half: _Float, scratch: _Float, out: _Float) -> None:
    """Blur with a symmetric kernel, rows first; the frame is mirrored at its edges."""
    height, width = frame.shape
    radius = half.size - 1
    for y in range(height):
        for x in range(width):
            scratch[y, x] = half[0] * frame[y, x]
        for k in range(1, radius + 1):
            up, down = _mirror(y - k, height), _mirror(y + k, height)
            for x in range(width):
                scratch[y, x] += half[k] * (frame[up, x] + frame[down, x])
    line = np.empty(width + 2 * radius, np.float32)
    for y in range(height):
        for x in range(-radius, width + radius):
            line[x + radius] = scratch[y, _mirror(x, width)]
        for x in range(width):
            out[y, x] = half[0] * line[x + radius]
        for k in range(1, radius + 1):
            for x in range(width):
                out[y, x] += half[k] * (line[x + radius - k] + line[x + radius + k])


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _mirror(i: int, n: int) -> int:
    """Index mirrored at the edges, the edge pixel repeated."""
    period = 2 * n
    i = i % period
    return i if i < n else period - 1 - i


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _find(
    block: _Float,
    filters: _BlobFilter,
    threshold: float,
    wanted: float,
    distance_px: float,
    border: int,
    sigma_px: float,
) -> npt.NDArray[np.float64]:
    """Spots of a block of frames: rows of y, x, frame in the block, intensity."""
    n, height, width = block.shape
    response = np.empty((1, height, width), np.float32)
    size = np.empty((height * width + 3) // 4 + height + width)
    place = np.empty(size.size, np.int64)
    kept = np.empty(size.size, np.int64)
    rows = np.empty((n + 16, 4))
    total = 0
    for t in range(n):
        _response_into(block[t : t + 1], filters, response)
        count = _extrema(response[0], threshold, border, size, place)
        shape = filters.kind, distance_px, sigma_px
        count = _strongest(response[0], size, place, count, threshold, shape, kept)
        while total + count > rows.shape[0]:
            larger = np.empty((2 * rows.shape[0], 4))
            larger[:total] = rows[:total]
            rows = larger
        for k in np.sort(kept[:count]):
            y, x = k // width, k % width
            # both signs take part until here: the ring of a dark spot is no bright one
            if response[0, y, x] * wanted < 0:
                continue
            rows[total, 0], rows[total, 1], rows[total, 2] = y, x, t
            rows[total, 3] = block[t, y, x]
            total += 1
    return rows[:total].copy()


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
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


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _is_peak(response: _Float, y: int, x: int, sign: float) -> bool:
    """Whether no neighbour is larger; of two equal neighbours the first one in reading order is."""
    height, width = response.shape
    value = sign * response[y, x]
    for v in range(max(y - 1, 0), min(y + 2, height)):
        for u in range(max(x - 1, 0), min(x + 2, width)):
            other = sign * response[v, u]
            before = v < y or (v == y and u < x)
            if other > value or (before and other == value):
                return False
    return True


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _strongest(
    response: _Float,
    size: npt.NDArray[np.float64],
    place: npt.NDArray[np.int64],
    count: int,
    threshold: float,
    shape: tuple[int, float, float],
    kept: npt.NDArray[np.int64],
) -> int:
    """Keep candidates from strong to weak unless a kept one is near or explains their response."""
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


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _ring(r2: float, kind: int) -> float:
    """Response at a distance (squared, in sigma) from a spot, relative to that at its centre."""
    if kind == 1:
        return float((1 - r2 / 4) * np.exp(-r2 / 4))
    if kind == 2:
        return float(np.sqrt(max(1 - r2 / 2, 0.0)) * np.exp(-r2 / 4))
    narrow, wide = 2.0, 1.0 + SURROUND**2
    here = np.exp(-0.5 * r2 / narrow) / narrow - np.exp(-0.5 * r2 / wide) / wide
    return float(here / (1 / narrow - 1 / wide))
