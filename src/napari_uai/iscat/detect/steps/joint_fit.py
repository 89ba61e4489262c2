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

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import qr
from scipy.sparse import csr_array

from napari_uai.iscat.correct.moving_background import MovingBackground
from napari_uai.iscat.detect.point_profile import PointProfile
from napari_uai.iscat.detect.point_spread_function import PointSpreadFunction
from napari_uai.iscat.detect.steps.models import SlowNoise, StepStatistics, temporal_covariance
from napari_uai.iscat.detect.steps.point_images import Images
from napari_uai.iscat.detect.steps.pursuit import SEARCH_BINS
from napari_uai.iscat.detect.steps.splitting import SPLIT_FROM, two_steps
from napari_uai.iscat.detect.steps.times import EventTime, event_times, likeliest_time, step_course
from napari_uai.iscat.detect.steps.unseen import Fitted, cells_around, changes_by_unseen
from napari_uai.monitor import raise_if_cancelled
from napari_uai.typing import Bools, Floats, Ints

ROUNDS = 4
"""How often places, times, image and noise are fitted in turn; more change nothing unless events
overlap."""

MOST_ROUNDS = 12
SETTLED = 0.1
SETTLED_BINS = 0.25
"""Largest change of the place of an event, in its errors, and of its time that is none."""

STRONG = 7.0
"""Signal-to-noise ratio of the events from which the image of a point is learnt."""

APART = 2.5
"""Smallest ratio of contrast and error of an event beside others: below, it is a part of these that
the search had at a wrong place, and would take some of their contrast."""

APART_IF_WEAK = 5.0
"""The same of an event that is too weak to be certain alone: more of them would be noise that fits
what its neighbour leaves."""

MOST_STRONG = 40
FARTHEST_PX = 0.5
"""How far a place may move in one round."""

PLACE_SCATTER_PX = 1.0
"""Prior standard deviation of what a round changes of a place, which holds weak events there."""

SEARCHED = 3
"""Place (two) and time of an event are those where it is strongest: each adds 1 to the square of
its signal-to-noise ratio that is to be expected."""

SEARCH_EXCESS = 1.14
"""Factor by which a search makes errors of contrast and place larger than those of a fit that knows
which events there are: some neighbours are noise, and some are missed. Measured on simulated
recordings of all kinds (``make bench-calibration``). Errors of times need no such factor."""

LEAST_LEFT = 0.25
"""Share of a contrast that is left at least when these are taken off."""

GRID_SIGMAS = 2.0
MOST_PLACES = 400
"""Distance and greatest number of the places at which the noise in time is measured."""

LEAST_SEEN = 0.3
"""Places of which the bad pixels hide more than that tell nothing of the noise."""

STEP_PX = 0.05

COINCIDENT = 1e-9
"""Added to the information of each event, as a share of it: of several at one place and time, only
the sum is known."""


@dataclass(frozen=True)
class Measured:
    """Events as the joint fit has them, and their standard errors.

    Attributes
    ----------
    places, place_errors
        y and x (px), (events, 2).
    contrasts, contrast_errors
        (events); the errors include that of the image of a point.
    significance
        Contrast over its error by noise and overlap alone, (events).
    times
        When each happened, and how certain that is.
    """

    places: Floats
    place_errors: Floats
    contrasts: Floats
    contrast_errors: Floats
    significance: Floats
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
            np.concatenate([self.significance, other.significance])[order],
            tuple(times[i] for i in order),
        )


@dataclass(frozen=True)
class _Fit:
    """Events as they were fitted.

    ``images`` are those of all events, then their derivatives by y, then by x; ``products`` are
    those of the images with each other, and ``seen`` those with the data, (bins, images).
    ``shifts`` are the changes of ``places`` (px) that the fit asks for.
    """

    images: Images
    products: Floats
    seen: Floats
    times: Floats
    courses: Floats
    places: Floats
    contrasts: Floats
    shifts: Floats
    contrast_errors: Floats
    place_errors: Floats

    @property
    def alone(self) -> Floats:
        """Time course at each event, of unit noise, without all others: (bins, events)."""
        n = len(self.courses)
        own = np.diag(self.products)[:n]
        others = self.contrasts[:, None] * (self.products[:n, :n] - np.diag(own))
        return np.asarray((self.seen[:, :n] - self.courses.T @ others) / np.sqrt(own))

    @property
    def left(self) -> Floats:
        """What the events leave of the data, seen by the images, (bins, images)."""
        n = len(self.courses)
        return np.asarray(self.seen - (self.courses.T * self.contrasts) @ self.products[:n])

    @property
    def sideways(self) -> tuple[Floats, Floats]:
        """What the events leave, seen by the derivatives of each by y and x, of unit noise."""
        n = len(self.courses)
        left = self.left / np.sqrt(np.diag(self.products))
        return left[:, n : 2 * n], left[:, 2 * n :]


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
        image: PointSpreadFunction | PointProfile,
    ) -> None:
        self.n_bins, self.shape = len(relative), (relative.shape[1], relative.shape[2])
        self.image = image
        self._root = np.sqrt(background.weights)
        lines = _lines_and(background.gradients)
        self._lines = _orthonormal((lines * self._root.ravel()).T)
        flat = (relative * self._root).reshape(self.n_bins, -1)
        left = flat - (flat @ self._lines) @ self._lines.T
        self._data = np.ascontiguousarray(left.T)
        self._seen: tuple[object, tuple[Images, Floats, Floats]] | None = None

    def learn(
        self, places: Floats, times: Floats, contrasts: Floats, least: float
    ) -> tuple[Floats, Floats, Floats]:
        """Learn the image of a point from events.

        Parameters
        ----------
        places, times, contrasts
            y and x (px), bins, and contrasts.
        least
            Smallest signal-to-noise ratio of events that are kept.

        Returns
        -------
        tuple of ndarray
            The same of the events that are kept, as fitted.
        """
        fit, statistics, white, _ = self._fit_apart(places, times, contrasts)
        two = _split(fit, statistics, white)
        if two is not None:
            fit, *_ = self._fit_apart(*two)
        kept = np.abs(fit.contrasts) >= least * fit.contrast_errors
        return fit.places[kept], fit.times[kept], fit.contrasts[kept]

    def psf(self, radius: int) -> PointSpreadFunction:
        """Return the image of a point as it is known now, sampled at pixels."""
        if isinstance(self.image, PointSpreadFunction):
            return self.image
        offsets = np.arange(-radius, radius + 1.0)
        return PointSpreadFunction(self.image.image(*np.meshgrid(offsets, offsets, indexing="ij")))

    def frames(self, places: Floats, times: Floats, contrasts: Floats) -> Floats:
        """Return the relative frames of events alone, 0 at bad pixels, (bins, rows, columns)."""
        within = self._images(places).within[: len(places)]
        weighted = (within.T @ (contrasts[:, None] * self._courses(times))).T
        root = self._root.ravel()
        flat = weighted / np.where(root > 0, root, 1)
        return np.asarray(flat.reshape(self.n_bins, *self.shape))

    def measure(
        self,
        places: Floats,
        times: Floats,
        contrasts: Floats,
        certain: Bools,
        weak: Bools,
        noise: SlowNoise,
    ) -> Measured:
        """Measure events, beginning where the search has found them.

        Parameters
        ----------
        places, times, contrasts
            y and x (px), bins, and contrasts.
        certain
            Events that are fitted together. Each of the others is fitted alone at its place, in
            what these leave: they may not be there.
        weak
            Events that are not certain alone, and are fitted together with others beside them.
        noise
            What else may happen at one place, as learnt by the search.
        """
        fit, statistics, white, apart = self._fit_apart(
            places[certain], times[certain], contrasts[certain], weak[certain]
        )
        certain = certain.copy()
        certain[certain] = apart
        slow = SlowNoise(SlowNoise.over(statistics.temporal, white).models, noise.log_prior)
        single = self._single(places[~certain], times[~certain], fit, statistics)
        together = self._measured(fit, statistics, slow, self._unseen(fit, statistics))
        return together.merged(self._measured(single, statistics, slow), certain)

    # the fit --------------------------------------------------------------------------------------

    def _fit_apart(
        self, places: Floats, times: Floats, contrasts: Floats, weak: Bools | None = None
    ) -> tuple[_Fit, StepStatistics, float, Bools]:
        """Fit events, and again without those that are parts of others; which these are not.

        If it is told which are weak, all others are fitted until they are settled.
        """
        settle = np.zeros(len(times), bool) if weak is None else ~weak
        least = APART if weak is None else np.where(weak, APART_IF_WEAK, APART)
        fit, statistics, white = self._fit(places, times, contrasts, settle)
        apart = np.abs(fit.contrasts) >= least * fit.contrast_errors
        if not apart.all():
            fit, statistics, white = self._fit(
                places[apart], times[apart], contrasts[apart], settle[apart]
            )
        return fit, statistics, white, apart

    def _fit(
        self, places: Floats, times: Floats, contrasts: Floats, settle: Bools
    ) -> tuple[_Fit, StepStatistics, float]:
        """Fit events, some of them until they are settled."""
        courses, images = self._courses(times), self._images(places)
        statistics, _ = self._noise(images, courses, contrasts)
        contrasts = self._fitted(images, times, places, contrasts, statistics).contrasts
        move, most = np.ones(len(times), bool), MOST_ROUNDS if settle.any() else ROUNDS
        for turn in range(1, most + 1):
            raise_if_cancelled()
            statistics, white = self._noise(images, courses, contrasts)
            fit = self._fitted(images, times, places, contrasts, statistics)
            if turn == most:
                break
            contrasts, later = fit.contrasts, _moved(fit, times, statistics)
            if turn >= ROUNDS:
                # A weak event that goes on moving would join a strong one, and share its contrast.
                move = settle
                if _are_settled(fit, later, move):
                    break
            step = np.clip(fit.shifts, -FARTHEST_PX, FARTHEST_PX)
            places, times = places + move[:, None] * step, np.where(move, later, times)
            courses = self._courses(times)
            if isinstance(self.image, PointProfile):
                self.image = self._learnt(places, courses, fit, statistics)
            images = self._images(places)
        return fit, statistics, white

    def _noise(
        self, images: Images, courses: Floats, contrasts: Floats
    ) -> tuple[StepStatistics, float]:
        """Statistics in time of what the events leave, filtered to unit noise; its white part."""
        filters, norms, filtered = self._filtered()
        events = (courses.T * contrasts) @ images.rows(slice(len(courses))).products(filters)
        quiet = (filtered - events) / norms
        white = float(np.median(np.mean(np.diff(quiet, axis=0) ** 2, axis=0))) / 2
        area = self.shape[0] * self.shape[1]
        independent = min(area / (4 * np.pi * self.image.sigma_px**2), len(norms))
        return StepStatistics.of(temporal_covariance(quiet, white, independent)), white

    def _filtered(self) -> tuple[Images, Floats, Floats]:
        """Return images of a point all over the field, their lengths, and the data seen by them."""
        if self._seen is not None and self._seen[0] is self.image:
            return self._seen[1]
        pixels, within_window, ends = self._windows_everywhere
        offsets = np.arange(-int(self.image.radius), int(self.image.radius) + 1.0)
        template = self._image(*np.meshgrid(offsets, offsets, indexing="ij"))[0]
        values = template.ravel()[within_window] * self._root.ravel()[pixels]
        within = csr_array((values, pixels, ends), shape=(len(ends) - 1, self._root.size))
        filters = Images.of(within, self._lines)
        norms = np.sqrt(np.maximum(filters.squares, 0))
        seen = np.flatnonzero(norms > LEAST_SEEN * np.median(norms))
        filters, norms = filters.rows(seen), norms[seen]
        result = filters, norms, filters.on(self._data)
        self._seen = self.image, result
        return result

    @cached_property
    def _windows_everywhere(self) -> tuple[Ints, Ints, Ints]:
        """Pixels of windows all over the field, their places in the window, and its first pixel."""
        area = self.shape[0] * self.shape[1]
        step = max(round(GRID_SIGMAS * self.image.sigma_px), round(np.sqrt(area / MOST_PLACES)), 1)
        axes = [np.arange(min(step, n // 2), n - min(step, n // 2), step) for n in self.shape]
        places = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 2)
        around = np.arange(-int(self.image.radius), int(self.image.radius) + 1)
        rows, columns = (places[:, axis, None] + around for axis in (0, 1))
        inside = ((rows >= 0) & (rows < self.shape[0]))[:, :, None]
        inside = inside & ((columns >= 0) & (columns < self.shape[1]))[:, None, :]
        pixels = (rows[:, :, None] * self.shape[1] + columns[:, None, :])[inside]
        window = np.broadcast_to(
            np.arange(len(around) ** 2).reshape(inside.shape[1:]), inside.shape
        )
        ends = np.concatenate([[0], np.cumsum(inside.sum(axis=(1, 2)))])
        places_in_window = np.broadcast_to(window, inside.shape)[inside]
        return pixels.astype(np.int32), places_in_window, ends.astype(np.int32)

    def _fitted(
        self,
        images: Images,
        times: Floats,
        places: Floats,
        contrasts: Floats,
        statistics: StepStatistics,
    ) -> _Fit:
        """Fit contrasts, and changes of places to first order, by generalised least squares.

        ``images`` are those of all events, then their derivatives by y and by x; ``contrasts`` so
        far scale the prior of the places.
        """
        n, courses = len(times), self._courses(times)
        weighted = courses @ statistics.precision
        products, seen = images.products(images), images.on(self._data)
        information = products * np.tile(weighted @ courses.T, (3, 3))
        held = _place_information(contrasts)
        information[np.arange(n, 3 * n), np.arange(n, 3 * n)] += np.tile(held, 2)
        information[np.diag_indices(3 * n)] *= 1 + COINCIDENT
        covariance = np.linalg.inv(information)
        solution = covariance @ np.einsum("et,te->e", np.tile(weighted, (3, 1)), seen)
        errors = np.sqrt(np.maximum(np.diag(covariance), 0))
        return _fit_of(
            images,
            products,
            seen,
            times,
            courses,
            places,
            solution.reshape(3, n),
            errors.reshape(3, n),
        )

    def _single(self, places: Floats, times: Floats, fit: _Fit, statistics: StepStatistics) -> _Fit:
        """Fit the contrast of each event at its place, in what those of a joint fit leave."""
        n, courses = len(times), self._courses(times)
        images = self._images(places)
        certain = fit.images.rows(slice(len(fit.courses)))
        squares = images.squares
        events = (fit.courses.T * fit.contrasts) @ certain.products(images)
        left = images.on(self._data) - events
        weighted = courses @ statistics.precision
        information = squares.reshape(3, n) * np.einsum("et,et->e", weighted, courses)
        contrasts = np.einsum("et,te->e", weighted, left[:, :n]) / information[0]
        solution = np.stack([contrasts, 0 * contrasts, 0 * contrasts])
        return _fit_of(
            images,
            np.diag(squares),
            left,
            times,
            courses,
            places,
            solution,
            1 / np.sqrt(information),
        )

    def _learnt(
        self, places: Floats, courses: Floats, fit: _Fit, statistics: StepStatistics
    ) -> PointProfile:
        """Learn the image of a point from the strong events, whose contrasts remain free."""
        assert isinstance(self.image, PointProfile)
        ratio = np.abs(fit.contrasts) / fit.contrast_errors
        strong = [i for i in np.argsort(-ratio)[:MOST_STRONG] if ratio[i] >= STRONG]
        if not strong:
            return self.image
        n, m = len(places), len(self.image.covariance)
        images, changes = self._images(places), self._image_changes(places[strong])
        every = images.rows(slice(n))
        weights = courses[strong] @ statistics.precision
        events = fit.contrasts[:, None] * (courses @ weights.T)
        left = self._data @ weights.T - every.within.T @ events
        of_lines = every.explained.T @ events
        information, residual = np.zeros((m, m)), np.zeros(m)
        for k, i in enumerate(strong):
            raise_if_cancelled()
            change = changes.patch(k + len(strong) * np.arange(m))
            own = images.patch(np.array([i, n + i, 2 * n + i]))  # contrast and place remain free
            seen, seen_by_own = (each.on(left[:, k], of_lines[:, k]) for each in (change, own))
            shared = np.linalg.solve(own.products(own), own.products(change)).T
            free = change.products(change) - shared @ own.products(change)
            information += fit.contrasts[i] ** 2 * (weights[k] @ courses[i]) * free
            residual += fit.contrasts[i] * (seen - shared @ seen_by_own)
        return self.image.learnt(information, residual)

    def _measured(
        self,
        fit: _Fit,
        statistics: StepStatistics,
        slow: SlowNoise,
        unseen: Floats | None = None,
    ) -> Measured:
        """Add what else is uncertain: other times, slow changes at the place, image, search.

        ``unseen`` are mean squares of what events that are not known change of contrast, y and x of
        each: (events, 3).
        """
        alone = fit.alone
        times = event_times(alone, statistics, slow, np.sign(fit.contrasts))
        larger = slow.step_spread(alone, fit.courses)
        errors = fit.contrast_errors * larger
        ratio = np.maximum(np.abs(fit.contrasts) / errors, np.finfo(float).tiny)
        contrasts = fit.contrasts * np.sqrt(np.maximum(1 - SEARCHED / ratio**2, LEAST_LEFT**2))
        errors = np.hypot(SEARCH_EXCESS * errors, np.abs(contrasts) * self._image_error())
        sideways = [slow.step_spread(each, fit.courses) for each in fit.sideways]
        place_errors = SEARCH_EXCESS * fit.place_errors * np.maximum(larger, sideways).T
        if unseen is not None:
            errors = np.sqrt(errors**2 + unseen[:, 0])
            place_errors = np.sqrt(place_errors**2 + unseen[:, 1:])
        return Measured(fit.places, place_errors, contrasts, errors, ratio, times)

    def _unseen(self, fit: _Fit, statistics: StepStatistics) -> Floats:
        """Mean squares of what unseen events change of contrasts, y and x, (events, 3)."""
        n, cells = len(fit.times), cells_around(self.image.sigma_px)
        rate = n / (self.n_bins * self._root.size)
        usual = float(np.sqrt(np.mean(fit.contrasts**2))) if n else 0.0
        every, heights = fit.images.rows(slice(n)), fit.courses.T * fit.contrasts
        left, held = fit.left, _place_information(fit.contrasts)
        squares = np.zeros((n, 3))
        for i in range(n):
            raise_if_cancelled()
            these = np.array([i, n + i, 2 * n + i])
            beside = self._at(fit.places[i] + cells.offsets, lambda *at: self._image(*at)[:1])
            event = Fitted(
                fit.images.rows(these),
                beside,
                left[:, these],
                beside.on(self._data) - heights @ every.products(beside),
                fit.courses[i],
                fit.times[i],
                float(held[i]),
            )
            squares[i] = changes_by_unseen(event, statistics, cells, rate=rate, usual=usual)
        squares[:, 1:] /= fit.contrasts[:, None] ** 2
        return squares

    def _image_error(self) -> float:
        """Relative error of contrasts by that of the profile, for a point in the middle."""
        if not isinstance(self.image, PointProfile):
            return 0.0
        middle = np.array([[n // 2 for n in self.shape]], np.float64)
        own = self._images(middle).rows(slice(1))
        change = (self._image_changes(middle).products(own) / own.products(own))[:, 0]
        return float(np.sqrt(change @ self.image.covariance @ change))

    # images of points -----------------------------------------------------------------------------

    def _courses(self, times: Floats) -> Floats:
        return np.array([step_course(time, self.n_bins) for time in times]).reshape(-1, self.n_bins)

    def _images(self, places: Floats) -> Images:
        """Return the images at places, then their derivatives by y, then by x."""
        return self._at(places, self._image)

    def _image_changes(self, places: Floats) -> Images:
        """Return how the images at places change with the first thing learnt, the next, ..."""
        assert isinstance(self.image, PointProfile)
        return self._at(places, self.image.parameter_derivatives)

    def _image(self, dy: Floats, dx: Floats) -> Floats:
        """Return the image of contrast 1 at offsets from a point, and its derivatives by place."""
        if isinstance(self.image, PointProfile):
            return np.stack([self.image.image(dy, dx), *self.image.place_derivatives(dy, dx)])
        value, down, up, right, left = (
            self.image.contrast_between(dy - a, dx - b)
            for a, b in ((0, 0), (STEP_PX, 0), (-STEP_PX, 0), (0, STEP_PX), (0, -STEP_PX))
        )
        return np.stack([value, (down - up) / (2 * STEP_PX), (right - left) / (2 * STEP_PX)])

    def _at(self, places: Floats, images: Callable[[Floats, Floats], Floats]) -> Images:
        """Return images of points, each within its window: the first at all places, the next, ...

        ``images`` takes offsets along rows and columns, (pixels), and returns (images, pixels).
        """
        numbers = np.arange(self._root.size).reshape(self.shape)
        windows = [numbers[self._window(y, x)].ravel() for y, x in places]
        pixels = np.concatenate([np.empty(0, np.int64), *windows])
        counts = np.array([len(window) for window in windows], np.int64)
        rows, columns = np.divmod(pixels, self.shape[1])
        y, x = np.repeat(places, counts, axis=0).T
        values = images(rows - y, columns - x) * self._root.ravel()[pixels]
        n = len(values)
        ends = np.concatenate([[0], np.cumsum(np.tile(counts, n))])
        within = csr_array(
            (values.ravel(), np.tile(pixels, n), ends), shape=(n * len(places), self._root.size)
        )
        return Images.of(within, self._lines)

    def _window(self, y: float, x: float) -> tuple[slice, slice]:
        """Return the pixels within reach of a place."""
        radius = self.image.radius
        low = [int(np.ceil(p - radius)) for p in (y, x)]
        high = [int(np.floor(p + radius)) + 1 for p in (y, x)]
        return tuple(  # type: ignore[return-value]
            slice(max(a, 0), max(min(b, n), 0))
            for a, b, n in zip(low, high, self.shape, strict=True)
        )


def _place_information(contrasts: Floats) -> Floats:
    """Return the information that the fit has of places beforehand, in terms of their changes."""
    return 1 / np.maximum((contrasts * PLACE_SCATTER_PX) ** 2, np.finfo(float).tiny)


def _split(
    fit: _Fit, statistics: StepStatistics, white: float
) -> tuple[Floats, Floats, Floats] | None:
    """Return places, times and contrasts with two for one where an event is two; None if none is.

    The place of the one is that of both, until they are fitted.
    """
    sure = np.abs(fit.contrasts) >= SPLIT_FROM * fit.contrast_errors
    found = two_steps(fit.alone[:, sure], statistics, white)
    numbers = [np.flatnonzero(sure)[k] for k in found]
    if not numbers:
        return None
    times = np.concatenate([pair.times for pair in found.values()])
    heights = np.concatenate([pair.heights for pair in found.values()])
    contrasts = heights / np.repeat(np.sqrt(np.diag(fit.products))[numbers], 2)
    return (
        np.concatenate([np.delete(fit.places, numbers, 0), np.repeat(fit.places[numbers], 2, 0)]),
        np.concatenate([np.delete(fit.times, numbers), times]),
        np.concatenate([np.delete(fit.contrasts, numbers), contrasts]),
    )


def _moved(fit: _Fit, times: Floats, statistics: StepStatistics) -> Floats:
    """Return the likeliest time of each event near the one so far."""
    return np.array(
        [
            likeliest_time(course, statistics, sign, near=time, within=SEARCH_BINS)
            for course, sign, time in zip(fit.alone.T, np.sign(fit.contrasts), times, strict=True)
        ]
    )


def _are_settled(fit: _Fit, times: Floats, which: Bools) -> bool:
    """Return whether some events, if they are not the weakest, are where another round has them."""
    sure = which & (np.abs(fit.contrasts) >= APART_IF_WEAK * fit.contrast_errors)
    moved = np.any(np.abs(fit.shifts) > SETTLED * fit.place_errors, axis=1)
    delayed = np.abs(times - fit.times) > SETTLED_BINS
    return not np.any(sure & (moved | delayed))


def _fit_of(
    images: Images,
    products: Floats,
    seen: Floats,
    times: Floats,
    courses: Floats,
    places: Floats,
    solution: Floats,
    errors: Floats,
) -> _Fit:
    """Divide changes of images by contrasts, which makes them changes of places."""
    contrasts = solution[0]
    size = np.where(contrasts == 0, np.finfo(float).tiny, contrasts)
    shifts, place_errors = (solution[1:] / size).T, (errors[1:] / np.abs(size)).T
    return _Fit(
        images, products, seen, times, courses, places, contrasts, shifts, errors[0], place_errors
    )


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
    return np.ascontiguousarray(q[:, size > 1e-9 * size[0]])
