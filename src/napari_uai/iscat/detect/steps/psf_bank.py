"""Choice of the point-spread function from several, such as images of a point through focus."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_uai.iscat.detect.point_spread_function import PointSpreadFunction
from napari_uai.iscat.detect.steps.background import matched_filter
from napari_uai.iscat.detect.steps.footprints import points_alike
from napari_uai.iscat.detect.steps.models import StepStatistics, temporal_covariance
from napari_uai.iscat.detect.steps.pursuit import Pursuit
from napari_uai.monitor import SILENT, Monitor
from napari_uai.typing import Floats


def likeliest(
    bank: Sequence[PointSpreadFunction],
    frames: Floats,
    weights: Floats,
    *,
    least: float,
    most: float,
    monitor: Monitor = SILENT,
) -> int:
    """Return the image with which the steps of a recording are most likely.

    With each image, steps are searched by matching pursuit, and those that are not alike a point of
    that image are dropped. In Gaussian noise, the squared statistic of a step is twice the gain of
    the log likelihood by it; a step costs as much as the weakest one gains, so that one step is
    better than two that explain as much together. The noise in time is the same for all images, as
    seen by the most typical one.

    Parameters
    ----------
    bank
        Images.
    frames
        Bins without background, of zero mean: bins, rows, columns.
    weights
        Inverse variance of each pixel of a bin.
    least
        Smallest statistic of a step.
    most
        How much places may change, as in
        :func:`~napari_uai.iscat.detect.steps.models.temporal_covariance`.
    monitor
        Progress and cancellation, once per image.
    """
    typical = bank[most_typical(bank)]
    quiet, _ = matched_filter(frames, weights, typical)
    white = float(np.median(np.mean(np.diff(quiet, axis=0) ** 2, axis=(1, 2)))) / 2
    if not white > 0:
        return 0  # the search says what is wrong
    independent = weights.size / typical.correlation_area
    flat = quiet.reshape(len(quiet), -1)
    statistics = StepStatistics.of(temporal_covariance(flat, white, independent, most=most))
    gains = []
    for i, psf in enumerate(bank):
        monitor.update(i / len(bank), "point-spread function")
        gains.append(_gain(psf, frames, weights, statistics, white, least))
    return int(np.argmax(gains))


def most_typical(bank: Sequence[PointSpreadFunction]) -> int:
    """Return which image resembles the others most."""
    images = np.stack([psf.image.ravel() for psf in bank])
    return int(np.argmax(np.sum((images @ images.T) ** 2, axis=0)))


def _gain(
    psf: PointSpreadFunction,
    frames: Floats,
    weights: Floats,
    statistics: StepStatistics,
    white: float,
    least: float,
) -> float:
    """Return twice the gain of the log likelihood by all steps."""
    filtered, gain = matched_filter(frames, weights, psf)
    steps = Pursuit(statistics.field(filtered), statistics, psf).run(stop=least, again=least)
    if not steps:
        return 0.0
    alike = points_alike(steps, frames, weights, statistics, white, psf, gain)
    points = [step for step, point in zip(steps, alike, strict=True) if point]
    return float(sum(step.statistic**2 - least**2 for step in points))
