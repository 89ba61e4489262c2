"""Scores of events: each against slow changes at its place, with all others taken away."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_uai.iscat.detect.point_spread_function import PointSpreadFunction
from napari_uai.iscat.detect.steps.footprints import may_have_moved
from napari_uai.iscat.detect.steps.models import CHANGING, SlowNoise
from napari_uai.iscat.detect.steps.pursuit import Step
from napari_uai.iscat.detect.steps.subsets import subset_scores
from napari_uai.monitor import Monitor
from napari_uai.typing import Bools, Floats

REAL_FROM = 4.3
"""Score from which an event is taken for real where others are judged."""

PURSUE_TO = 3.0
"""Smallest statistic of events that are looked for at all."""

SAME_PLACE_SIGMAS = 3.2
SAME_TIME_BINS = 8
WEIGH_ROUNDS = 5
GRID_SIGMAS = 2.4


def weighed(
    steps: list[Step],
    filtered: Floats,
    noise: SlowNoise,
    psf: PointSpreadFunction,
    sigma_px: float,
    monitor: Monitor,
) -> tuple[Floats, SlowNoise]:
    """Score each event against slow changes at its position.

    Parameters
    ----------
    steps
        Events, at least one.
    filtered
        Bins through the matched filter, with the events.
    noise
        What may happen at one place; its prior is learnt from places without events.
    psf, sigma_px
        Image of a point, and the width that is assumed.
    monitor
        Progress.

    Returns
    -------
    tuple of (numpy.ndarray, SlowNoise)
        Scores (standard deviations), and the noise as learnt.
    """
    n_bins = len(filtered)
    near = SAME_PLACE_SIGMAS * sigma_px
    series = _without_far_events(steps, filtered, psf, near)
    moving = np.array([bool(may_have_moved(step, steps, sigma_px)) for step in steps])
    grid = np.zeros(filtered.shape[1:], bool)
    spacing = max(round(GRID_SIGMAS * sigma_px), 1)
    grid[spacing // 2 :: spacing, spacing // 2 :: spacing] = True
    scores = _scores(steps, series, noise, near, moving)
    for turn in range(2):
        monitor.update(0.2 + 0.4 * turn)
        real = [s for s, score in zip(steps, scores, strict=True) if score >= REAL_FROM]
        courses = np.array([s.course(n_bins) for s in real]).reshape(len(real), n_bins)
        gone = courses.T @ _heights_on(real, np.argwhere(grid), psf)
        noise = noise.learnt_from(filtered[:, grid] - gone)
        monitor.update(0.4 + 0.4 * turn)
        scores = _scores(steps, series, noise, near, moving)
    return scores, noise


def _heights_on(
    steps: list[Step], places: npt.NDArray[np.int64], psf: PointSpreadFunction
) -> Floats:
    """Height of each event in the filtered video at other positions, (events, places)."""
    at = np.array([(s.y, s.x) for s in steps]).reshape(-1, 2)
    heights = np.array([s.height for s in steps])
    offsets = places[None] - at[:, None]
    return heights[:, None] * psf.correlation_between(offsets[..., 0], offsets[..., 1])


def _without_far_events(
    steps: list[Step], filtered: Floats, psf: PointSpreadFunction, near: float
) -> Floats:
    """Time course at each event, with all events at other positions subtracted."""
    places = np.array([s.pixel for s in steps])
    at = np.array([(s.y, s.x) for s in steps])
    offsets = at[:, None] - places[None]
    distance = np.hypot(offsets[..., 0], offsets[..., 1])
    others = np.where(distance >= near, _heights_on(steps, places, psf), 0)
    courses = np.array([s.course(len(filtered)) for s in steps])
    series = filtered[:, places[:, 0], places[:, 1]] - courses.T @ others
    return np.asarray(series)


def _scores(
    steps: list[Step], series: Floats, noise: SlowNoise, near: float, moving: Bools
) -> Floats:
    """Root of the evidence for each event.

    Where the background changes, or a particle that landed before may be moving, what looks like
    several events beside each other is often one change, of which the exact likelihood of all their
    subsets would make too many.
    """
    alone = ~moving & (noise.slow_share <= CHANGING)
    scores = np.zeros(len(steps))
    scores[~alone] = _scores_in_turn(
        [s for s, a in zip(steps, alone, strict=True) if not a], series[:, ~alone], noise
    )
    if alone.any():
        exact = subset_scores(steps, series, noise, near_px=near, least=PURSUE_TO)
        scores[alone] = exact[alone]
    return np.minimum(scores, [abs(s.statistic) for s in steps])


def _scores_in_turn(steps: list[Step], series: Floats, noise: SlowNoise) -> Floats:
    """Root of the evidence for each event; other steps at its position are subtracted in turn."""
    series = series.copy()
    n_steps = len(series) - 1
    ks = np.array([s.k + round(s.fraction) for s in steps])
    scores = np.zeros(len(steps))
    active = np.arange(len(steps))
    for _ in range(WEIGH_ROUNDS):
        evidence, heights = noise.step_evidence(series[:, active])
        close = np.abs(np.arange(n_steps)[:, None] - ks[active]) <= SAME_TIME_BINS
        scores[active] = np.sqrt(np.where(close, evidence, 0).max(axis=0))
        best = evidence.argmax(axis=0)
        entry = best, np.arange(len(active))
        elsewhere = ~close[entry] & (np.sqrt(evidence[entry]) >= PURSUE_TO)
        later = np.arange(len(series))[:, None] > best[elsewhere]
        series[:, active[elsewhere]] -= heights[entry][elsewhere] * later
        active = active[elsewhere]
        if not len(active):
            break
    return scores
