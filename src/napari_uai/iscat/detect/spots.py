"""Spot detection: local extrema of blob filters that respond in units of contrast."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from annotated_types import Ge, Gt, Unit

from napari_uai.errors import BadValueError
from napari_uai.iscat.kernels.blobs import (
    DETECTORS,
    RADIAL,
    STRICTNESS,
    BlobFilter,
    Detector,
    blob_filter,
    blob_response,
    find_extrema,
)
from napari_uai.iscat.parameters import Radii, SigmaPx
from napari_uai.monitor import SILENT, Monitor
from napari_uai.parameters import checked
from napari_uai.stages import stage
from napari_uai.videos.frames import Frames, Video, frames_of, frames_per_chunk
from napari_uai.videos.kept_chunks import kept_chunks
from napari_uai.videos.sampling import robust_deviation, spread_frames

NOISE_FRAMES = 64


@stage(
    "Detect spots",
    menu="measure",
    frame_by_frame=True,
    methods="Spots were detected in each frame as local extrema of the response of a blob filter",
)
def detect_spots(
    video: Video,
    *,
    sigma_px: SigmaPx = 1.7,
    detector: Detector = "difference_of_gaussians",
    radii: Radii | None = None,
    threshold: Annotated[float, Gt(0)] = 5.0,
    threshold_unit: Literal["noise", "contrast"] = "noise",
    polarity: Literal["both", "bright", "dark"] = "both",
    min_distance: Annotated[float, Ge(0), Unit("sigma")] = 2.83,
    border: Annotated[int, Ge(0), Unit("px")] = 2,
    monitor: Monitor = SILENT,
) -> pd.DataFrame:
    """Detect spots of one width in every frame.

    Each frame is filtered with a blob filter, by default a difference of two Gaussians of
    ``sigma_px`` and 1.6 ``sigma_px``, scaled so that a Gaussian spot of that width and peak
    contrast ``c`` gives the response ``c`` at its centre, and a constant background gives zero.
    Spots are extrema of the response among the eight neighbours; of two within ``min_distance``, of
    whatever sign, the stronger is kept. Farther away, the contribution of stronger spots to the
    response (the filter's ring of opposite sign) is subtracted before the threshold is applied.

    Parameters
    ----------
    video
        Frames, rows, columns; contrast, as from a differential rolling average. No spots are
        detected around pixels that are not finite.
    sigma_px
        Standard deviation of the point-spread function.
    detector
        ``difference_of_gaussians``; ``laplacian_of_gaussian``: the curvature of the frame smoothed
        with ``sigma_px``; ``determinant_of_hessian``: the root of the product of its two principal
        curvatures where they have the same sign, insensitive to lines and edges;
        ``radial_variance``: the root of the variance of the means over rings, sensitive to the
        rings of a point-spread function; ``fast_radial_symmetry``: the gradients that point to a
        pixel or away from it.
    radii
        First and last radius of the rings, or distance of the gradients, of the last two detectors;
        by default 1 to 3 ``sigma_px`` (rings), or ``sigma_px`` to 2 ``sigma_px``.
    threshold
        Smallest absolute response.
    threshold_unit
        ``noise``: standard deviations of the response, estimated robustly from up to 64 frames
        spaced evenly over the video (:func:`response_noise`); of the response to noise of
        ``fast_radial_symmetry``, which is the product of two agreements, its root. ``contrast``:
        contrast itself.
    polarity
        Sign of the spots: brighter than the background, darker, or both.
    min_distance
        Distance within which spots compete, in units of ``sigma_px``. The default is ``2 sqrt(2)``,
        where two discs of radius ``sqrt(2) sigma`` touch.
    border
        Distance from the edges of the frame within which spots are not reported.
    monitor
        Progress and cancellation, once per block of frames.

    Returns
    -------
    pandas.DataFrame
        ``y, x`` (pixel), ``frame``, ``center_intensity`` (the video at that pixel) and ``sigma``
        (``sigma_px``), sorted by frame, row and column. Empty if there are no spots.

    Raises
    ------
    BadValueError
        If a parameter is outside its limits, radii are given to a detector without them, or the
        threshold is in units of noise and the video has none.

    References
    ----------
    Marr & Hildreth, Proc. R. Soc. Lond. B 207, 187 (1980), doi:10.1098/rspb.1980.0020; Lindeberg,
    Int. J. Comput. Vis. 30, 79 (1998), doi:10.1023/A:1008045108935; Kashkanova et al., Opt. Express
    29, 11070 (2021), doi:10.1364/OE.420670; Loy & Zelinsky, IEEE Trans. Pattern Anal. Mach. Intell.
    25, 959 (2003), doi:10.1109/TPAMI.2003.1217601.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai import iscat
    >>> y, x = np.mgrid[:32, :32]
    >>> video = 0.1 * np.random.default_rng(0).normal(size=(1, 32, 32))
    >>> video += np.exp(-((y - 10) ** 2 + (x - 20) ** 2) / (2 * 1.7**2))
    >>> iscat.detect_spots(video, threshold=8)[["y", "x", "frame"]]
          y     x  frame
    0  10.0  20.0      0
    """
    frames = frames_of(video)
    filters = _filter_for(sigma_px, detector, radii)
    if threshold_unit == "noise":
        power = 1 + STRICTNESS if detector == "fast_radial_symmetry" else 1
        noise = response_noise(video, sigma_px=sigma_px, detector=detector, radii=radii)
        threshold = noise * threshold**power
    sign = {"both": 0.0, "bright": 1.0, "dark": -1.0}[polarity]
    shape = filters.kind, min_distance * sigma_px, sigma_px, filters.profile

    def find(start: int, stop: int) -> npt.NDArray[np.float64]:
        block = _as_float32(frames.read(start, stop))
        response = blob_response(block, filters)
        rows: npt.NDArray[np.float64] = find_extrema(
            block, response, threshold, sign, border, shape
        )
        rows[:, 2] += start
        return rows

    chunk = frames_per_chunk(frames.shape)
    parts = kept_chunks(find, len(frames), chunk, monitor=monitor, message="spots")
    return _spot_table(np.concatenate([np.empty((0, 4)), *parts]), sigma_px)


@checked
def response_noise(
    video: Video,
    *,
    sigma_px: SigmaPx = 1.7,
    detector: Detector = "difference_of_gaussians",
    radii: Radii | None = None,
) -> float:
    """Estimate the standard deviation of the detector's response to the noise of a video.

    Parameters
    ----------
    video
        Frames, rows, columns; contrast.
    sigma_px
        Standard deviation of the point-spread function.
    detector
        Blob filter, as in :func:`detect_spots`.
    radii
        Radii of a radial filter, as in :func:`detect_spots`.

    Returns
    -------
    float
        1.4826 times the median absolute response over up to 64 frames, in units of contrast; for
        the determinant of the Hessian over the pixels where both curvatures have the same sign.

    Raises
    ------
    BadValueError
        If the video has no frames, no finite pixels, or no noise, or a parameter is outside its
        limits.
    """
    frames = frames_of(video)
    sample = _sample(frames)
    response = blob_response(sample, _filter_for(sigma_px, detector, radii))
    response = response[np.isfinite(response)]
    if detector == "determinant_of_hessian" and response.any():
        response = response[response != 0]
    if response.size == 0:
        raise BadValueError("the video has no finite pixels: check the earlier stages")
    noise = robust_deviation(response, about=0.0)
    rounding = 1e-6 * float(np.median(np.abs(sample[np.isfinite(sample)])))
    if noise <= rounding:
        raise BadValueError(
            "the video has no noise on which to base a threshold: is it constant? Otherwise give "
            "the threshold in units of contrast"
        )
    return noise


def _filter_for(sigma_px: float, detector: Detector, radii: Radii | None) -> BlobFilter:
    if radii is not None and DETECTORS[detector] < RADIAL:
        raise BadValueError(f"the detector {detector} has no radii, got {radii}")
    if detector == "fast_radial_symmetry" and radii is not None and radii[0] == 0:
        raise BadValueError(f"distances of gradients must be at least 1 px, got radii {radii}")
    if detector == "radial_variance" and radii is not None and radii[0] == radii[1]:
        raise BadValueError(f"a variance needs at least two rings, got radii {radii}")
    return blob_filter(sigma_px, detector, radii)


def response_frames(
    block: npt.NDArray[np.float32], *, sigma_px: SigmaPx = 1.7
) -> npt.NDArray[np.float32]:
    """Return the response of a block of frames, in units of contrast."""
    return blob_response(block, blob_filter(sigma_px, "difference_of_gaussians"))


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


def _sample(frames: Frames) -> npt.NDArray[np.float32]:
    """Return up to ``NOISE_FRAMES`` frames, the same ones whatever the chunks of the video."""
    n = len(frames)
    if n == 0:
        raise BadValueError("the video has no frames: check the frame range")
    chosen = spread_frames(n, NOISE_FRAMES)
    return _as_float32(np.concatenate([frames.read(i, i + 1) for i in chosen]))


def _as_float32(block: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    return np.ascontiguousarray(block, dtype=np.float32)
