"""Contrast, place and time of the events that were found, from one fit of all of them.

Camera pattern and stage drift are not subtracted beforehand, which would take a part of every
landing with them (a spot of width s has 2 sqrt(pi) s / W of its energy in the means of W pixels),
but are columns of the same least squares. By the theorem of Frisch, Waugh & Lovell that is a fit of
what these columns leave of the data by what they leave of the image of each event. In time the fit
is weighted by the inverse of the background's temporal covariance, estimated anew from what the
events leave, so that no event is taken for background. Where the image of a point is learnt from
the recording, its uncertainty is part of the errors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.linalg import qr

from napari_uai.iscat.correct.moving_background import MovingBackground
from napari_uai.iscat.detect.point_spread_function import PointSpreadFunction
from napari_uai.iscat.detect.radial_curve import RadialCurve
from napari_uai.iscat.detect.steps.models import SlowNoise, StepStatistics, temporal_covariance
from napari_uai.iscat.detect.steps.pursuit import SEARCH_BINS
from napari_uai.iscat.detect.steps.times import EventTime, event_time, likeliest_time, step_course
from napari_uai.monitor import raise_if_cancelled
from napari_uai.typing import Floats

Bools: TypeAlias = npt.NDArray[np.bool_]

ROUNDS = 4
"""How often places, times, image and noise are fitted in turn; more change nothing."""

STRONG = 7.0
"""Signal-to-noise ratio of the events from which the image of a point is learnt."""

MOST_STRONG = 40
FARTHEST_PX = 0.5
"""How far a place may move in one round."""

PLACE_SCATTER_PX = 1.0
"""Prior standard deviation of a place about that of the search, which holds weak events there."""

SEARCHED = 3
"""Place (two) and time of an event are those where it is strongest: each adds 1 to the square of
its signal-to-noise ratio that is to be expected."""

LEAST_LEFT = 0.25
"""Share of a contrast that is left at least when these are taken off."""

GRID_SIGMAS = 2.0
STEP_PX = 0.05


@dataclass(frozen=True)
class Measured:
    """Events as the joint fit has them, and their standard errors.

    Attributes
    ----------
    places, place_errors
        y and x (px), (events, 2).
    contrasts, contrast_errors
        (events); the errors include that of the image of a point.
    times
        When each happened, and how certain that is.
    """

    places: Floats
    place_errors: Floats
    contrasts: Floats
    contrast_errors: Floats
    times: tuple[EventTime, ...]

    def merged(self, other: Measured, mine: Bools) -> Measured:
        """Return the events of both, in the order in which ``mine`` says whose each one is."""
        order = np.argsort(np.concatenate([np.flatnonzero(mine), np.flatnonzero(~mine)]))
        times = self.times + other.times
        return Measured(
            np.concatenate([self.places, other.places])[order],
            np.concatenate([self.place_errors, other.place_errors])[order],
            np.concatenate([self.contrasts, other.contrasts])[order],
            np.concatenate([self.contrast_errors, other.contrast_errors])[order],
            tuple(times[i] for i in order),
        )


@dataclass(frozen=True)
class _Fit:
    """Events as they were fitted: what is left of their images, (3, events, pixels), and results.

    ``shifts`` are the changes of ``places`` (px) that the fit asks for.
    """

    images: Floats
    courses: Floats
    places: Floats
    contrasts: Floats
    shifts: Floats
    contrast_errors: Floats
    place_errors: Floats

    @property
    def norms(self) -> Floats:
        """Norm of what is left of each image: contrast 1 in units of noise."""
        return np.asarray(np.sqrt(np.einsum("ep,ep->e", self.images[0], self.images[0])))


class JointFit:
    """All events of one part, fitted together with what else changes in it.

    Parameters
    ----------
    relative
        Frames relative to their mean image, minus 1, (bins, rows, columns).
    background
        Gradients of the mean image, and weights of the pixels.
    image
        Image of a point: fixed, or a profile that is learnt from the strong events.
    """

    def __init__(
        self,
        relative: Floats,
        background: MovingBackground,
        image: PointSpreadFunction | RadialCurve,
    ) -> None:
        self.n_bins, *self.shape = relative.shape
        self.image = image
        self._root = np.sqrt(background.weights).ravel()
        lines = _lines_and(background.gradients)
        self._nuisance = _orthonormal((lines * self._root).T)
        self._data = self._left(relative)

    def measure(
        self, places: Floats, times: Floats, contrasts: Floats, certain: Bools, noise: SlowNoise
    ) -> Measured:
        """Measure events, beginning where the search has found them.

        Parameters
        ----------
        places, times, contrasts
            y and x (px), bins, and contrasts.
        certain
            Events that are fitted together. Each of the others is fitted alone at its place, in
            what these leave: they may not be there.
        noise
            What else may happen at one place, as learnt by the search.
        """
        fit, statistics, white = self._fit(places[certain], times[certain], contrasts[certain])
        slow = SlowNoise(SlowNoise.over(statistics.temporal, white).models, noise.log_prior)
        rest = self._data - (fit.courses.T * fit.contrasts) @ fit.images[0]
        alone = (rest @ fit.images[0].T) / fit.norms + fit.courses.T * (fit.contrasts * fit.norms)
        together = self._measured(fit, alone, statistics, slow)
        single = _single(
            self._images(places[~certain]),
            self._courses(times[~certain]),
            places[~certain],
            statistics,
            rest,
        )
        course = (rest @ single.images[0].T) / single.norms
        return together.merged(self._measured(single, course, statistics, slow), certain)

    def learn(self, places: Floats, times: Floats, contrasts: Floats) -> None:
        """Learn the image of a point from events that are certain."""
        self._fit(places, times, contrasts)

    def _fit(
        self, places: Floats, times: Floats, contrasts: Floats
    ) -> tuple[_Fit, StepStatistics, float]:
        courses, images = self._courses(times), self._images(places)
        for turn in range(ROUNDS):
            raise_if_cancelled()
            if turn == 0:
                temporal, _ = self._noise(images[0], courses, contrasts)
                first = StepStatistics.of(temporal)
                contrasts = _fitted(images, courses, places, contrasts, first, self._data).contrasts
            temporal, white = self._noise(images[0], courses, contrasts)
            statistics = StepStatistics.of(temporal)
            fit = _fitted(images, courses, places, contrasts, statistics, self._data)
            contrasts = fit.contrasts
            if turn < ROUNDS - 1:
                places = places + np.clip(fit.shifts, -FARTHEST_PX, FARTHEST_PX)
                times = self._moved(fit, times, statistics)
                courses = self._courses(times)
                if isinstance(self.image, RadialCurve):
                    self.image = self._learnt(places, courses, fit, statistics)
                images = self._images(places)
        return fit, statistics, white

    def _moved(self, fit: _Fit, times: Floats, statistics: StepStatistics) -> Floats:
        """Return the likeliest time of each event near the one so far."""
        rest = self._data - (fit.courses.T * fit.contrasts) @ fit.images[0]
        alone = (rest @ fit.images[0].T) / fit.norms + fit.courses.T * (fit.contrasts * fit.norms)
        return np.array(
            [
                likeliest_time(course, statistics, sign, near=time, within=SEARCH_BINS)
                for course, sign, time in zip(alone.T, np.sign(fit.contrasts), times, strict=True)
            ]
        )

    def _left(self, frames: Floats) -> Floats:
        """Weight frames (n, rows, columns), and take lines and gradients off them: (n, pixels)."""
        flat = frames.reshape(len(frames), -1) * self._root
        return np.asarray(flat - (flat @ self._nuisance) @ self._nuisance.T)

    def _images(self, places: Floats) -> Floats:
        """Return what is left of the images at places, and of their derivatives by y and x."""
        each = np.array([self._image(y, x) for y, x in places]).reshape(-1, 3, *self.shape)
        return np.stack([self._left(each[:, i]) for i in range(3)])

    def _image(self, y: float, x: float) -> Floats:
        """Return the image of a point of contrast 1, and its derivatives by y and x."""
        if isinstance(self.image, RadialCurve):
            dy, dx, distance = self._offsets(y, x)
            slope = self.image.slope(distance) / np.maximum(distance, np.finfo(float).tiny)
            return np.stack([self.image.at(distance), -slope * dy, -slope * dx])
        value, down, up, right, left = (
            self._placed(self.image, y + a, x + b)
            for a, b in ((0, 0), (STEP_PX, 0), (-STEP_PX, 0), (0, STEP_PX), (0, -STEP_PX))
        )
        return np.stack([value, (down - up) / (2 * STEP_PX), (right - left) / (2 * STEP_PX)])

    def _placed(self, psf: PointSpreadFunction, y: float, x: float) -> Floats:
        frame = np.zeros(self.shape)
        (rows, columns), image = psf.at(y, x, (self.shape[0], self.shape[1]))
        frame[rows, columns] = image / psf.peak
        return frame

    def _offsets(self, y: float, x: float) -> tuple[Floats, Floats, Floats]:
        dy, dx = np.meshgrid(
            np.arange(self.shape[0]) - y, np.arange(self.shape[1]) - x, indexing="ij"
        )
        return dy, dx, np.hypot(dy, dx)

    def _courses(self, times: Floats) -> Floats:
        return np.array([step_course(time, self.n_bins) for time in times]).reshape(-1, self.n_bins)

    def _noise(self, images: Floats, courses: Floats, contrasts: Floats) -> tuple[Floats, float]:
        """Covariance in time of what the events leave, filtered to unit noise; its white part."""
        sigma = self._sigma_px
        step = max(round(GRID_SIGMAS * sigma), 1)
        grid = [np.arange(min(step, n // 2), n - min(step, n // 2), step) for n in self.shape]
        places = np.stack(np.meshgrid(*grid, indexing="ij"), -1).reshape(-1, 2).astype(np.float64)
        filters = self._left(np.array([self._image(y, x)[0] for y, x in places]))
        norms = np.sqrt(np.einsum("pi,pi->p", filters, filters))
        seen = norms > 0.3 * np.median(norms)
        filters = filters[seen] / norms[seen, None]
        quiet = self._data @ filters.T - (courses.T * contrasts) @ (images @ filters.T)
        white = float(np.median(np.mean(np.diff(quiet, axis=0) ** 2, axis=0))) / 2
        independent = self.shape[0] * self.shape[1] / (4 * np.pi * sigma**2)
        return temporal_covariance(quiet, white, independent), white

    @property
    def _sigma_px(self) -> float:
        """Standard deviation of the Gaussian whose autocorrelation covers as many pixels."""
        if isinstance(self.image, RadialCurve):
            return self.image.sigma_px
        return float(np.sqrt(self.image.correlation_area / (2 * np.pi)))

    def _learnt(
        self, places: Floats, courses: Floats, fit: _Fit, statistics: StepStatistics
    ) -> RadialCurve:
        """Learn the profile of a point from the strong events, whose contrasts remain free."""
        assert isinstance(self.image, RadialCurve)
        ratio = np.abs(fit.contrasts) / fit.contrast_errors
        strong = [i for i in np.argsort(-ratio)[:MOST_STRONG] if ratio[i] >= STRONG]
        if not strong:
            return self.image
        images = self._images(places)
        rest = self._data - (courses.T * fit.contrasts) @ images[0]
        n = len(self.image.coefficients)
        information, residual = np.zeros((n, n)), np.zeros(n)
        for i in strong:
            raise_if_cancelled()
            splines = self._left(self.image.splines(self._offsets(*places[i])[2]))
            free, _ = np.linalg.qr(images[:, i].T)  # contrast and place
            splines -= (splines @ free) @ free.T
            weight = courses[i] @ statistics.precision
            information += fit.contrasts[i] ** 2 * (weight @ courses[i]) * (splines @ splines.T)
            residual += fit.contrasts[i] * (splines @ (weight @ rest))
        return self.image.learnt(information, residual)

    def _measured(
        self, fit: _Fit, alone: Floats, statistics: StepStatistics, slow: SlowNoise
    ) -> Measured:
        """Add what else is uncertain: other times, slow changes at the place, image, search."""
        times = tuple(
            event_time(course, statistics, slow, sign)
            for course, sign in zip(alone.T, np.sign(fit.contrasts), strict=True)
        )
        larger = slow.step_spread(alone, fit.courses)
        errors = fit.contrast_errors * larger
        ratio = np.maximum(fit.contrasts**2 / errors**2, np.finfo(float).tiny)
        contrasts = fit.contrasts * np.sqrt(np.maximum(1 - SEARCHED / ratio, LEAST_LEFT**2))
        errors = np.hypot(errors, np.abs(contrasts) * self._image_error())
        return Measured(fit.places, fit.place_errors * larger[:, None], contrasts, errors, times)

    def _image_error(self) -> float:
        """Relative error of contrasts by that of the profile, for a point in the middle."""
        if not isinstance(self.image, RadialCurve):
            return 0.0
        middle = np.array([[n / 2 for n in self.shape]])
        image = self._images(middle)[0, 0]
        splines = self._left(self.image.splines(self._offsets(*middle[0])[2]))
        change = splines @ image / (image @ image)
        return float(np.sqrt(change @ self.image.covariance @ change))


def _fitted(
    images: Floats,
    courses: Floats,
    places: Floats,
    contrasts: Floats,
    statistics: StepStatistics,
    data: Floats,
) -> _Fit:
    """Fit contrasts, and changes of places to first order, by generalised least squares.

    Parameters
    ----------
    images
        Of each event and its derivatives by y and x, (3, events, pixels).
    courses, places
        (events, bins) and (events, 2).
    contrasts
        So far; scale the prior of the places.
    statistics
        With the precision in time.
    data
        (bins, pixels).
    """
    n = len(courses)
    flat = images.reshape(3 * n, -1)
    weighted = courses @ statistics.precision
    information = (flat @ flat.T) * np.tile(weighted @ courses.T, (3, 3))
    place_prior = 1 / np.maximum((contrasts * PLACE_SCATTER_PX) ** 2, np.finfo(float).tiny)
    information[np.arange(n, 3 * n), np.arange(n, 3 * n)] += np.tile(place_prior, 2)
    products = np.einsum("et,te->e", np.tile(weighted, (3, 1)), data @ flat.T)
    covariance = np.linalg.inv(information)
    solution = covariance @ products
    errors = np.sqrt(np.diag(covariance)).reshape(3, n)
    return _fit_of(images, courses, places, solution.reshape(3, n), errors)


def _single(
    images: Floats, courses: Floats, places: Floats, statistics: StepStatistics, data: Floats
) -> _Fit:
    """Fit the contrast of each event without the others, at its place."""
    weighted = courses @ statistics.precision
    in_time = np.einsum("et,et->e", weighted, courses)
    information = np.einsum("iep,iep->ie", images, images) * in_time
    contrasts = np.einsum("et,te->e", weighted, data @ images[0].T) / information[0]
    solution = np.stack([contrasts, 0 * contrasts, 0 * contrasts])
    return _fit_of(images, courses, places, solution, 1 / np.sqrt(information))


def _fit_of(
    images: Floats, courses: Floats, places: Floats, solution: Floats, errors: Floats
) -> _Fit:
    """Divide changes of images by contrasts, which makes them changes of places."""
    contrasts = solution[0]
    size = np.where(contrasts == 0, np.finfo(float).tiny, contrasts)
    shifts, place_errors = (solution[1:] / size).T, (errors[1:] / np.abs(size)).T
    return _Fit(images, courses, places, contrasts, shifts, errors[0], place_errors)


def _lines_and(gradients: Floats) -> Floats:
    """Return rows, columns and gradients as vectors, (n, pixels)."""
    _, height, width = gradients.shape
    rows = np.kron(np.eye(height), np.ones(width))
    columns = np.kron(np.ones(height), np.eye(width))
    return np.concatenate([rows, columns, gradients.reshape(len(gradients), -1)])


def _orthonormal(columns: Floats) -> Floats:
    """Return orthonormal columns that span the same space."""
    q, r, _ = qr(columns, mode="economic", pivoting=True)
    size = np.abs(np.diag(r))
    return np.asarray(q[:, size > 1e-9 * size[0]])
