"""The search for steps in one part of a recording: all passes over its binned images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.spatial import KDTree

from napari_uai.errors import BadValueError
from napari_uai.iscat.correct.moving_background import MovingBackground
from napari_uai.iscat.detect.point_profile import PointProfile
from napari_uai.iscat.detect.point_spread_function import PointSpreadFunction
from napari_uai.iscat.detect.steps.background import STILL, matched_filter, prepared
from napari_uai.iscat.detect.steps.footprints import points_alike
from napari_uai.iscat.detect.steps.joint_fit import JointFit, Measured
from napari_uai.iscat.detect.steps.models import SlowNoise, StepStatistics, temporal_covariance
from napari_uai.iscat.detect.steps.psf_bank import likeliest
from napari_uai.iscat.detect.steps.pursuit import Pursuit, Step
from napari_uai.iscat.detect.steps.weighing import (
    PURSUE_TO,
    REAL_FROM,
    SAME_PLACE_SIGMAS,
    weighed,
)
from napari_uai.monitor import SILENT, Monitor
from napari_uai.typing import Bools, Floats

FEWEST_PASSES, MOST_PASSES = 3, 12
"""Passes over the bins: each has a background, and noise in time, without the events of those
before, and so sees weaker ones."""

STILL_GROWING = 0.05
"""Share by which the known events grow in a pass that is followed by another one of its kind."""

AGAIN_FROM = 4.0

MODEL_FROM = 5.0
"""Smallest statistic of events that are certain enough to be removed from the background."""

UNKNOWN_AT_MOST = 1.0
"""As long as no event is known, how much places may change, in multiples of the upper quartile."""


@dataclass(frozen=True)
class Finder:
    """Finds the steps in the binned images of one part."""

    bank: tuple[PointSpreadFunction, ...]
    sigma_px: float
    fit_psf: bool
    drift_order: int

    def find(self, images: Floats, masked: Bools, monitor: Monitor = SILENT) -> pd.DataFrame:
        """Return events with bin, y, x, contrast, score and errors, in the part's coordinates.

        ``slow_share`` is the same for all: at which share of the places the background changes. So
        is ``psf_image``: which point-spread function of several was chosen.
        """
        background, relative = prepared(images, self.drift_order, masked)
        chosen = self._chosen(background, relative, monitor)
        psf, model = self.bank[chosen], np.zeros_like(relative)
        image = PointProfile.expected(self.sigma_px) if self.fit_psf else psf
        joint = JointFit(relative, background, image)
        bad = background.weights == 0
        known: Events = (np.empty((0, 2)), np.empty(0), np.empty(0))
        settled = False
        for turn in range(MOST_PASSES):
            last = settled or turn == MOST_PASSES - 1
            ask = monitor.part(_done(turn), _done(turn + 1)).update
            ask(0.0, "background")
            rest, _ = background.subtract(relative - model)
            rest -= rest.mean(axis=0)
            ask(0.3, "filter")
            quiet, gain = matched_filter(rest, background.weights, psf)
            white = float(np.median(np.mean(np.diff(quiet, axis=0) ** 2, axis=(1, 2)))) / 2
            if not white > 0:
                raise BadValueError(STILL)
            n_independent = bad.size / psf.correlation_area
            ask(0.5, "noise in time")
            most = UNKNOWN_AT_MOST if turn == 0 else np.inf
            temporal = temporal_covariance(
                quiet.reshape(len(quiet), -1), white, n_independent, most=most
            )
            ask(0.7, "noise in time")
            statistics = StepStatistics.of(temporal)
            ask(0.8, "search")
            pursuit = Pursuit(statistics.field(quiet), statistics, psf)
            ask(0.9, "search")
            steps = pursuit.run(stop=PURSUE_TO if last else MODEL_FROM, again=AGAIN_FROM)
            if last:
                break
            before = len(known[1])
            known = joint.learn(*_joined(known, _starts(steps, psf, gain)), MODEL_FROM)
            settled = turn >= FEWEST_PASSES - 2 and len(known[1]) <= before * (1 + STILL_GROWING)
            model = joint.frames(*known)
            psf = joint.psf(psf.radius)
        weighing = monitor.part(_done(turn + 1), 1.0, "scores")
        steps = _steps(known, statistics, psf, gain) + steps
        residual = rest + np.where(bad, 0, model)
        steps = _points(steps, residual, background.weights, statistics, white, psf, gain)
        if not steps:
            return _table(np.empty(0), None).assign(slow_share=0.0, psf_image=chosen)
        filtered, _ = matched_filter(residual, background.weights, psf)
        noise = SlowNoise.over(temporal, white, monitor=weighing.part(0.0, 0.5))
        scores, noise = weighed(steps, filtered, noise, psf, self.sigma_px, weighing.part(0.5, 1.0))
        starts = _starts(steps, psf, gain)
        together = _certain_or_beside(
            scores >= REAL_FROM, starts[0], SAME_PLACE_SIGMAS * self.sigma_px
        )
        measured = joint.measure(*starts, together, scores < REAL_FROM, noise)
        # What looks like an event alone may be a part of others.
        events = _table(np.minimum(scores, measured.significance), measured)
        return events.assign(slow_share=noise.slow_share, psf_image=chosen)

    def _chosen(self, background: MovingBackground, relative: Floats, monitor: Monitor) -> int:
        """Return the number of the point-spread function with which steps are most likely."""
        if len(self.bank) == 1:
            return 0
        rest, _ = background.subtract(relative)
        rest -= rest.mean(axis=0)
        return likeliest(
            self.bank, rest, background.weights, least=MODEL_FROM, most=UNKNOWN_AT_MOST,
            monitor=monitor.part(0.0, _done(0)),
        )  # fmt: skip


def _done(passes: int) -> float:
    """Return the share of the work that some passes are, of a number not known beforehand."""
    return passes / (passes + 1)


def _points(
    steps: list[Step],
    residual: Floats,
    weights: Floats,
    statistics: StepStatistics,
    white: float,
    psf: PointSpreadFunction,
    gain: Floats,
) -> list[Step]:
    """Drop the events whose image is that of one pixel or of something wide, not of a point."""
    strong = [s for s in steps if abs(s.statistic) >= REAL_FROM]
    if not strong:
        return steps
    alike = points_alike(strong, residual, weights, statistics, white, psf, gain)
    others = {id(s) for s, point in zip(strong, alike, strict=True) if not point}
    return [s for s in steps if id(s) not in others]


Events: TypeAlias = tuple[Floats, Floats, Floats]
"""Places (px), times (bins) and contrasts."""


def _starts(steps: list[Step], psf: PointSpreadFunction, gain: Floats) -> Events:
    """Return steps as events, from which these are measured."""
    places = np.array([(s.y, s.x) for s in steps]).reshape(-1, 2)
    times = np.array([s.k + 1 + s.fraction for s in steps])
    return places, times, np.array([s.height / gain[s.pixel] * psf.peak for s in steps])


def _steps(
    events: Events, statistics: StepStatistics, psf: PointSpreadFunction, gain: Floats
) -> list[Step]:
    """Return events as steps."""
    places, times, contrasts = events
    inside = np.clip(places, 0, np.array(gain.shape) - 1.0)
    steps = []
    for (y, x), time, contrast in zip(inside.tolist(), times, contrasts, strict=True):
        k = int(np.clip(np.floor(time) - 1, 0, len(statistics.response) - 2))
        fraction = float(np.clip(time - 1 - k, 0, 1))
        height = float(contrast / psf.peak * gain[round(y), round(x)])
        _, response = statistics.between(k, fraction)
        steps.append(Step(k, fraction, y, x, height * response, height))
    return steps


def _joined(first: Events, second: Events) -> Events:
    places, times, contrasts = (np.concatenate(each) for each in zip(first, second, strict=True))
    return places, times, contrasts


def _certain_or_beside(
    certain: npt.NDArray[np.bool_], places: Floats, near_px: float
) -> npt.NDArray[np.bool_]:
    """Add the weak events whose images overlap with that of a certain one, and so change it."""
    if not certain.any():
        return certain
    distance, _ = KDTree(places[certain]).query(places)
    return np.asarray(certain | (distance <= near_px))


def _table(scores: Floats, measured: Measured | None) -> pd.DataFrame:
    """Return events as a table; ``bin`` and what begins with ``frame`` are in bins."""
    names = ["bin", "y", "x", "contrast", "score", "contrast_error", "y_error", "x_error"]
    names += ["frame_error", "frame_before", "frame_after", "other_times"]
    if measured is None:
        return pd.DataFrame(np.empty((0, len(names))), columns=names)
    times = np.array([(t.time, t.error, t.before, t.after, t.elsewhere) for t in measured.times])
    columns = [
        times[:, 0],
        *measured.places.T,
        measured.contrasts,
        scores,
        measured.contrast_errors,
        *measured.place_errors.T,
        *times[:, 1:].T,
    ]
    return pd.DataFrame(dict(zip(names, columns, strict=True)))
