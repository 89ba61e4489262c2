"""Preparation of step detection: background, matched filter, point-spread function."""

from __future__ import annotations

import numpy as np

from napari_uai.errors import BadValueError
from napari_uai.iscat.correct.moving_background import (
    MovingBackground,
    gradient_images,
    relative_frames,
)
from napari_uai.iscat.detect.point_spread_function import (
    PointSpreadFunction,
    gaussian_psf,
    radial_psf,
    read_psf_bank,
    stacked_image,
)
from napari_uai.iscat.detect.steps.parts import BINS_PER_BATCH
from napari_uai.iscat.detect.steps.pursuit import Step
from napari_uai.typing import Bools, Floats

PSF_FROM = 8.0
PSF_EVENTS = 4
PSF_LIKENESS = 0.75
PSF_SIDE_BATCHES = 2

OUTLIER_BIN = 20.0
"""Bins this many times farther from the median image than others (a flash) are interpolated."""

AT_ONCE = 16
"""Frames that are filtered together: their spectra stay in the cache of the processor."""

STILL = "the frames do not change: check the shape and the pixel type of the recording"


def measured_psf(
    psf: PointSpreadFunction, steps: list[Step], residual: Floats, weights: Floats, gain: Floats
) -> PointSpreadFunction:
    """Measure the point-spread function on the strong events, if there are enough.

    Parameters
    ----------
    psf
        Current estimate; returned if there are too few events, or they are too dissimilar.
    steps
        Events; weak ones are ignored.
    residual
        Relative frames without background, but with the events.
    weights, gain
        Inverse variance of each pixel, and the response of the matched filter there.
    """
    strong = [s for s in steps if abs(s.statistic) >= PSF_FROM]
    if len(strong) < PSF_EVENTS:
        return psf
    side = PSF_SIDE_BATCHES * BINS_PER_BATCH
    images, places, amplitudes, precisions = [], [], [], []
    for step in strong:
        before = residual[max(step.k + 1 - side, 0) : step.k + 1]
        after = residual[step.k + 2 : step.k + 2 + side]
        if len(before) < 2 or len(after) < 2:
            continue
        images.append(after.mean(axis=0) - before.mean(axis=0))
        places.append((step.y, step.x))
        amplitudes.append(step.height / gain[step.pixel])
        precisions.append(1 / (1 / len(before) + 1 / len(after)))
    if len(images) < PSF_EVENTS:
        return psf
    image, precision = stacked_image(images, weights, places, amplitudes, precisions, psf.radius)
    measured = radial_psf(image, precision)
    likeness = float(np.sum(measured.image * psf.image))
    # A moving background can resemble landings, but their average does not resemble a point.
    return measured if likeness >= PSF_LIKENESS and measured.peak > 0 else psf


def starting_psfs(choice: str, sigma_px: float) -> tuple[PointSpreadFunction, ...]:
    """Return the point-spread functions that are possible before any event is known."""
    return (gaussian_psf(sigma_px),) if choice in ("fitted", "gaussian") else read_psf_bank(choice)


def prepared(
    images: Floats, order: int, masked: Bools | None = None
) -> tuple[MovingBackground, Floats]:
    """Return the background model, and relative frames; masked pixels have no weight."""
    if not np.isfinite(images).all():
        bad_bins = np.flatnonzero(~np.isfinite(images).all(axis=(1, 2)))
        raise BadValueError(
            f"the video contains NaN or infinite pixels (first near bin {bad_bins[0]}): repair bad "
            "pixels first"
        )
    images = _without_outlier_bins(images)
    found = relative_frames(images, masked)
    if found is None:
        raise BadValueError("more than half of the pixels are dead or do not change")
    relative, mean, bad = found
    variance = np.mean(np.diff(relative, axis=0) ** 2, axis=0) / 2
    # Shot noise: the relative variance of a pixel is inversely proportional to its brightness.
    scale = float(np.median((variance * mean)[~bad]))
    if not scale > 0:
        raise BadValueError(STILL)
    return MovingBackground(gradient_images(mean, order), np.where(bad, 0, mean / scale)), relative


def _without_outlier_bins(images: Floats) -> Floats:
    """Interpolate bins that differ from the median image far more than the others."""
    usual = np.median(images, axis=0)
    distance = np.median((images - usual) ** 2, axis=(1, 2))
    out = distance > OUTLIER_BIN * np.median(distance)
    if not out.any() or out.sum() > len(out) // 4:
        return images
    good = np.flatnonzero(~out)
    repaired = images.copy()
    for i in np.flatnonzero(out):
        right = int(np.searchsorted(good, i))
        before, after = good[max(right - 1, 0)], good[min(right, len(good) - 1)]
        repaired[i] = (images[before] + images[after]) / 2
    return repaired


def matched_filter(
    relative: Floats, weights: Floats, psf: PointSpreadFunction
) -> tuple[Floats, Floats]:
    """Filter to unit noise; also return the response to a point of unit norm at each pixel."""
    from scipy.signal import oaconvolve

    flipped = psf.image[::-1, ::-1]
    signal = np.empty(relative.shape)
    for start in range(0, len(relative), AT_ONCE):
        some = relative[start : start + AT_ONCE] * weights
        signal[start : start + AT_ONCE] = oaconvolve(some, flipped[None], mode="same", axes=(1, 2))
    squares = oaconvolve(weights, flipped**2, mode="same")
    gain = np.sqrt(np.maximum(squares, 0))
    blind = gain < 0.05 * np.median(gain)
    gain = np.where(blind, np.median(gain), gain)
    return np.where(blind, 0, signal / gain), gain
