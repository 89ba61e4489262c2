"""Image of a point, and the noise against which it is detected, from the recording itself."""

from __future__ import annotations

import numpy as np
import pandas as pd

from napari_uai.errors import counted
from napari_uai.iscat.detect.point_profile import PointProfile
from napari_uai.iscat.detect.point_spread_function import (
    PointSpreadFunction,
    gaussian_psf,
    read_psf,
)
from napari_uai.iscat.detect.steps.background import matched_filter, prepared
from napari_uai.iscat.detect.steps.joint_fit import STRONG, JointFit
from napari_uai.iscat.detect.steps.parts import recording_parts
from napari_uai.iscat.limit.injection import PointImage
from napari_uai.iscat.limit.search import Bins, Search
from napari_uai.monitor import SILENT, Monitor
from napari_uai.typing import Floats
from napari_uai.videos.sampling import robust_deviation

FITTED, GAUSSIAN = "fitted", "gaussian"

NO_STRONG = (
    "no landing is strong enough to fit the point-spread function: limits hold for images with "
    "a width of {:g} px, and change in proportion"
)

MOST_OF_NOISE = 480, 128, 128
"""Bins, rows and columns from which the noise is measured, at most."""

USUAL_THRESHOLD = 5.0
"""Signal-to-noise ratio at which about half of the landings are found; where contrasts begin."""


def point_image(
    search: Search, found: pd.DataFrame, choice: str, monitor: Monitor = SILENT
) -> tuple[PointImage, str, tuple[str, ...]]:
    """Return the image of a point with which landings are injected, where it is from, and warnings.

    Parameters
    ----------
    search
        Recipe and recording.
    found
        Landings of the recording itself.
    choice
        ``fitted``, ``gaussian``, or the path of an image; empty for the choice of the recipe.
    monitor
        Progress and cancellation.
    """
    choice = choice or search.point_spread_function
    sigma = search.sigma_px
    if choice == GAUSSIAN:
        return PointImage.of(gaussian_psf(sigma)), f"Gaussian of {sigma:g} px", ()
    if choice != FITTED:
        return PointImage.of(read_psf(choice)), f"image {choice}", ()
    n_strong = int(np.sum(_ratio(found) >= STRONG))
    if not n_strong:
        expected = PointImage.of(PointProfile.expected(sigma))
        return expected, f"expected at {sigma:g} px", (NO_STRONG.format(sigma),)
    curve = fitted_curve(search, found, monitor)
    return PointImage.of(curve), f"fitted to {counted(n_strong, 'strong landing')}", ()


def check_choice(choice: str) -> None:
    """Raise BadValueError if a choice of :func:`point_image` is a file that is not an image."""
    if choice not in ("", FITTED, GAUSSIAN):
        read_psf(choice)


def fitted_curve(search: Search, found: pd.DataFrame, monitor: Monitor = SILENT) -> PointProfile:
    """Learn the profile of a point as the detector does, from the part that determines it best."""
    frames = search.with_bins(search.bins)
    best, curves = np.inf, PointProfile.expected(search.sigma_px)
    margin = 2 * gaussian_psf(search.sigma_px).radius
    parts = recording_parts(
        frames, search.disturbances, search.batch_size, search.tile_px, margin=margin
    )
    left_out = search.disturbances.masked
    for i, part in enumerate(parts):
        monitor.update(i / len(parts), "image of a point")
        places = found[["y", "x"]].to_numpy(np.float64) - [part.rows[0], part.columns[0]]
        times = part.bins_at(found["frame"].to_numpy(np.float64))
        length = part.bins[1] - part.bins[0]
        inside = (times > 1) & (times < length - 1) & (places >= 0).all(axis=1)
        inside &= places[:, 0] <= part.rows[1] - part.rows[0] - 1
        inside &= places[:, 1] <= part.columns[1] - part.columns[0] - 1
        if not inside.any():
            continue
        images = part.tile_of(part.read_segment(monitor))
        masked = part.tile_of(left_out[None])[0]
        background, relative = prepared(images, search.drift_order, masked)
        joint = JointFit(relative, background, PointProfile.expected(search.sigma_px))
        joint.learn(
            places[inside], times[inside], found["contrast"].to_numpy(np.float64)[inside], STRONG
        )
        image = joint.image
        assert isinstance(image, PointProfile)
        uncertain = float(np.trace(image.covariance))
        if uncertain < best:
            best, curves = uncertain, image
    return curves


def first_guess(search: Search, image: PointImage) -> float:
    """Guess the contrast of half the recall from the noise of two neighbouring batches.

    It is where injections begin, and no result.
    """
    bins = _middle_of(search.bins)
    background, relative = prepared(bins, search.drift_order)
    rest, _ = background.subtract(relative)
    offsets = np.arange(-int(image.radius), int(image.radius) + 1.0)
    dy, dx = np.meshgrid(offsets, offsets, indexing="ij")
    psf = PointSpreadFunction(image.values(dy, dx))
    length = min(max(search.batch_size // search.bin_size, 1), len(bins) // 2)
    batches = rest[: len(rest) // length * length].reshape(-1, length, *rest.shape[1:])
    steps = np.diff(batches.mean(axis=1), axis=0)
    filtered, gain = matched_filter(steps, background.weights, psf)
    return USUAL_THRESHOLD * robust_deviation(filtered / gain * psf.peak)


def _middle_of(bins: Bins) -> Floats:
    """Return a part of the bins that is large enough to measure their noise."""
    first = [max((n - most) // 2, 0) for n, most in zip(bins.shape, MOST_OF_NOISE, strict=True)]
    cut = tuple(slice(f, f + most) for f, most in zip(first, MOST_OF_NOISE, strict=True))
    return bins[cut].astype(np.float64)


def _ratio(found: pd.DataFrame) -> pd.Series[float]:
    if "contrast_error" not in found:
        return pd.Series(np.zeros(len(found)), index=found.index)
    return found["contrast"].abs() / found["contrast_error"]
