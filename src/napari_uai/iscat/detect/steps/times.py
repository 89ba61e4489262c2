"""When an event happened: the probability of every time, from its whole time course."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_uai.iscat.detect.steps.models import SlowNoise, StepStatistics
from napari_uai.iscat.detect.steps.parts import BINS_PER_BATCH
from napari_uai.typing import Floats

PER_BIN = 8
"""Times per bin at which the likelihood is computed."""

INTERVAL = (0.16, 0.84)
"""Probabilities below both ends of the interval of times that is stated."""

ERRORS, HELD = 3, 0.99
"""So many errors hold at least this share of the probability near the likeliest time, whose tails
are longer than those of a normal distribution."""


@dataclass(frozen=True)
class EventTime:
    """Time of an event, in bins from the start of the first.

    Attributes
    ----------
    time
        Median within half a batch of the likeliest time.
    error
        Standard deviation there; larger where three of it would hold less than 99 %.
    before, after
        Distance from ``time`` to the ends of the interval that holds 68 % of the probability of all
        times of the segment.
    elsewhere
        Probability that the event happened farther than half a batch from the likeliest time.
    """

    time: float
    error: float
    before: float
    after: float
    elsewhere: float


def step_course(time: float, n_bins: int) -> Floats:
    """Return the share of each bin in which a particle that lands at ``time`` is present."""
    return np.asarray(np.clip(np.arange(1, n_bins + 1) - time, 0.0, 1.0))


def signed_statistics(course: Floats, statistics: StepStatistics) -> tuple[Floats, Floats]:
    """Return times (bins) and the statistic of a step at each, :data:`PER_BIN` per bin.

    Parameters
    ----------
    course
        Time course of unit noise, (bins).
    statistics
        The test for steps between bins; a step within a bin mixes the two around it.
    """
    whole = (statistics.weights @ course) * statistics.response
    own, next_ = np.diag(statistics.covariance), np.diag(statistics.covariance, 1)
    f = np.arange(PER_BIN) / PER_BIN
    mixed = (1 - f) * whole[:-1, None] + f * whole[1:, None]
    variance = (1 - f) ** 2 * own[:-1, None] + f**2 * own[1:, None]
    variance += 2 * f * (1 - f) * next_[:, None]
    times = 1.0 + np.arange(len(whole) - 1)[:, None] + f
    return times.ravel(), (mixed / np.sqrt(variance)).ravel()


def likeliest_time(
    course: Floats, statistics: StepStatistics, sign: float, *, near: float, within: float
) -> float:
    """Return the time near another at which a step of the given sign is strongest."""
    times, values = signed_statistics(course, statistics)
    close = np.abs(times - near) <= within
    if not close.any():
        return near
    return float(times[close][np.argmax(sign * values[close])])


def event_times(
    courses: Floats, statistics: StepStatistics, noise: SlowNoise, signs: Floats
) -> tuple[EventTime, ...]:
    """Weigh all times of each event against each other.

    With a flat prior of the height, the likelihood of a time is ``exp(statistic^2 / 2)``; places
    that also change slowly are compared under all models of the background, between bins.

    Parameters
    ----------
    courses
        Time courses at the places of the events, of unit noise, without all other events: (bins,
        events).
    statistics, noise
        The common background, and what else may happen at one place.
    signs
        Of the events.
    """
    evidence, _ = noise.step_evidence(courses)
    return tuple(
        _event_time(signed_statistics(course, statistics), own, sign)
        for course, own, sign in zip(courses.T, evidence.T, signs, strict=True)
    )


def _event_time(statistic: tuple[Floats, Floats], evidence: Floats, sign: float) -> EventTime:
    times, values = statistic
    whole = slice(None, None, PER_BIN)
    slower = (evidence[: len(times[whole])] - values[whole] ** 2) / 2
    log_share = values**2 / 2 + np.interp(times, times[whole], slower)
    log_share = np.where(sign * values > 0, log_share, -np.inf)
    if not np.isfinite(log_share).any():
        log_share = np.zeros_like(values)
    share = np.exp(log_share - log_share.max())
    share /= share.sum()
    close = np.abs(times - times[np.argmax(share)]) <= BINS_PER_BATCH / 2
    elsewhere = float(max(1 - share[close].sum(), 0.0))
    here = np.where(close, share, 0.0) / share[close].sum()
    time = _quantile(times, here, 0.5)
    low, high = (_quantile(times, share, at) for at in INTERVAL)
    error = _error(np.abs(times - time), here)
    return EventTime(time, error, max(time - low, 0.0), max(high - time, 0.0), elsewhere)


def _error(away: Floats, share: Floats) -> float:
    """Return the error of a time, from the distances of all others and their probabilities."""
    deviation = np.sqrt(share @ away**2 + 1 / (12 * PER_BIN**2))
    order = np.argsort(away)
    last = np.searchsorted(np.cumsum(share[order]), HELD)
    return float(max(deviation, away[order][last] / ERRORS))


def _quantile(times: Floats, share: Floats, at: float) -> float:
    """Return the time below which a given share of the probability lies."""
    edges = np.append(times, 2 * times[-1] - times[-2]) - 0.5 / PER_BIN
    return float(np.interp(at, np.append(0.0, np.cumsum(share)), edges))
