"""Whether the image of an event is that of a point, or of something else that makes a step.

A pixel whose sensitivity jumps, two by two of them, a bubble that comes to rest, or a particle that
landed earlier and moves a little are steps in time as well. Their image is compared with that of a
point by the likelihood of each, with its height free, in the image of the change that the step in
time leaves of all bins.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import uniform_filter

from napari_uai.iscat.detect.point_spread_function import PointSpreadFunction
from napari_uai.iscat.detect.steps.models import StepStatistics
from napari_uai.iscat.detect.steps.pursuit import Step
from napari_uai.typing import Bools, Floats

PIXEL_BETTER = 6.0
"""How much twice the log likelihood must be larger for one pixel than for a point.

For a landing of signal-to-noise ratio s and a point-spread function of 1 px it is smaller by 0.68
s^2 on average, for wider ones by more; for one pixel larger by at least 2.1 s^2."""

WIDE = 2.5
WIDE_BETTER, WIDE_RATIO = 10.0, 1.5
"""Width of wide things in units of that of a point; how much, and by which factor, the likelihood
must be larger: the image of a point may be wider than the assumed one, but not that much."""

BLOCK_FROM_PX = 1.5
"""Standard deviation of a point from which 2 x 2 pixels are something else."""

MOVED_SIGMAS = 2.2
MOVED_STRONGER = 2.0
MOVED_SHARE = 0.8
"""A particle that moves changes its image by a gradient of it, of which each lobe resembles a
weaker event: how far away at most, in widths of a point; how much stronger the particle must be;
and the evidence of the gradient in units of that of a point, of which a landing has a third."""

NEAR_PX = 1
FRAGMENT_SIGMAS = 2.5
FRAGMENT_BINS = 8
"""Distance in widths of a point, and time, within which weaker events are fragments of it."""

PLACES_PX = np.linspace(-0.75, 0.75, 7)


def points_alike(
    steps: Sequence[Step],
    residual: Floats,
    weights: Floats,
    statistics: StepStatistics,
    white: float,
    psf: PointSpreadFunction,
    gain: Floats,
) -> Bools:
    """Tell events whose image is that of a point from those of pixels and wide things.

    Parameters
    ----------
    steps
        Events, at least one.
    residual
        Relative bins without background, but with the events: (bins, rows, columns).
    weights
        Inverse variance of each pixel in a bin; 0 for bad pixels.
    statistics, white
        The noise in time, and its white part.
    psf, gain
        Image of a point, and its response at each pixel.

    Returns
    -------
    ndarray
        True for points.
    """
    n_bins = len(residual)
    courses = np.array([step.course(n_bins) for step in steps])
    weighted = courses @ statistics.precision
    weighted /= np.einsum("et,et->e", weighted, courses)[:, None]
    alike = np.ones(len(steps), bool)
    amplitudes = np.array([step.height / gain[step.pixel] for step in steps])
    for i, (step, weight) in enumerate(zip(steps, weighted, strict=True)):
        rows, columns = _patch(step, psf.radius, residual.shape[1:])
        image = np.tensordot(weight, residual[:, rows, columns], 1)
        shares = courses @ weight * amplitudes
        for j in _near(step, steps, psf.radius):
            if j != i:
                image -= shares[j] * _image(psf, steps[j], rows, columns)
        of_noise = weights[rows, columns] / (white * float(weight @ weight))
        alike[i] = _is_point(image, of_noise, psf, step, rows, columns)
        if alike[i] and (moving := may_have_moved(step, steps, psf.sigma_px)):
            for j in _beside(step, steps, psf.sigma_px):
                image += shares[j] * _image(psf, steps[j], rows, columns)
            alike[i] = not _has_moved(image, of_noise, psf, step, moving, rows, columns)
    reach = FRAGMENT_SIGMAS * psf.sigma_px
    return alike & ~_fragments(steps, alike, reach)


def may_have_moved(step: Step, steps: Sequence[Step], sigma_px: float) -> list[Step]:
    """Return the stronger events at the place of a step that happened before it."""
    return [
        other
        for other in steps
        if other.k < step.k - FRAGMENT_BINS
        and abs(other.height) >= MOVED_STRONGER * abs(step.height)
        and np.hypot(other.y - step.y, other.x - step.x) <= MOVED_SIGMAS * sigma_px
    ]


def _beside(step: Step, steps: Sequence[Step], sigma_px: float) -> list[int]:
    """Return the numbers of events that may be the other lobe of a movement."""
    return [
        j
        for j, other in enumerate(steps)
        if other is not step
        and abs(other.k - step.k) <= FRAGMENT_BINS
        and np.hypot(other.y - step.y, other.x - step.x) <= 2 * MOVED_SIGMAS * sigma_px
    ]


def _has_moved(
    image: Floats,
    weights: Floats,
    psf: PointSpreadFunction,
    step: Step,
    moving: Sequence[Step],
    rows: slice,
    columns: slice,
) -> bool:
    """Decide whether the image of a step is a gradient of one of those that may have moved."""
    point = _evidence(_image(psf, step, rows, columns), image, weights)
    for other in moving:
        gradients = np.stack(
            [
                _image(psf, other, rows, columns, *offset)
                - _image(psf, other, rows, columns, *np.negative(offset))
                for offset in ((0.5, 0.0), (0.0, 0.5))
            ]
        ).reshape(2, -1)
        weighted = gradients * weights.ravel()
        seen = weighted @ image.ravel()
        gradient = float(seen @ np.linalg.lstsq(weighted @ gradients.T, seen, rcond=None)[0])
        if gradient > MOVED_SHARE * point:
            return True
    return False


def _fragments(steps: Sequence[Step], alike: Bools, reach: float) -> Bools:
    """Return which events are remainders of a stronger one that is not a point."""
    at = np.array([(s.y, s.x) for s in steps])
    k = np.array([s.k for s in steps])
    size = np.abs([s.statistic for s in steps])
    out = np.zeros(len(steps), bool)
    for i in np.flatnonzero(~alike):
        near = np.hypot(*(at - at[i]).T) <= reach
        out |= near & (np.abs(k - k[i]) <= FRAGMENT_BINS) & (size < size[i])
    return out


def _patch(step: Step, radius: int, shape: tuple[int, ...]) -> tuple[slice, slice]:
    (top, height), (left, width) = zip(step.pixel, shape, strict=True)
    return (
        slice(max(top - radius, 0), min(top + radius + 1, height)),
        slice(max(left - radius, 0), min(left + radius + 1, width)),
    )


def _near(step: Step, steps: Sequence[Step], radius: int) -> list[int]:
    return [
        j
        for j, other in enumerate(steps)
        if abs(other.y - step.y) <= 2 * radius and abs(other.x - step.x) <= 2 * radius
    ]


def _image(
    psf: PointSpreadFunction, step: Step, rows: slice, columns: slice, dy: float = 0, dx: float = 0
) -> Floats:
    down = np.arange(rows.start, rows.stop) - step.y - dy
    along = np.arange(columns.start, columns.stop) - step.x - dx
    offsets = np.meshgrid(down, along, indexing="ij")
    return psf.contrast_between(*offsets) * psf.peak


def _is_point(
    image: Floats,
    weights: Floats,
    psf: PointSpreadFunction,
    step: Step,
    rows: slice,
    columns: slice,
) -> bool:
    point = max(
        _evidence(_image(psf, step, rows, columns, dy, dx), image, weights)
        for dy in PLACES_PX
        for dx in PLACES_PX
    )
    y, x = step.pixel[0] - rows.start, step.pixel[1] - columns.start
    middle = (
        slice(max(y - NEAR_PX, 0), y + NEAR_PX + 1), slice(max(x - NEAR_PX, 0), x + NEAR_PX + 1),
    )  # fmt: skip
    squares = image**2 * weights
    pixel = float(squares[middle].max())
    sigma = psf.sigma_px
    if sigma >= BLOCK_FROM_PX:
        pixel = max(pixel, _block(image, weights, middle))
    if pixel - point > PIXEL_BETTER:
        return False
    down = np.arange(rows.start, rows.stop)[:, None] - step.y
    along = np.arange(columns.start, columns.stop) - step.x
    broad = np.exp(-(down**2 + along**2) / (2 * (WIDE * sigma) ** 2))
    wide = _evidence(broad, image, weights)
    return not (wide - point > WIDE_BETTER and wide > WIDE_RATIO * point)


def _block(image: Floats, weights: Floats, middle: tuple[slice, slice]) -> float:
    """Return the evidence of the best 2 x 2 pixels that contain one of the middle."""
    seen, norm = (
        4 * uniform_filter(each, 2, mode="constant") for each in (image * weights, weights)
    )
    return float((seen**2 / np.maximum(norm, np.finfo(float).tiny))[middle].max())


def _evidence(template: Floats, image: Floats, weights: Floats) -> float:
    """Return twice the log of the likelihood ratio of a template of free height against nothing."""
    norm = float(np.sum(template**2 * weights))
    return float(np.sum(template * image * weights)) ** 2 / norm if norm > 0 else 0.0
