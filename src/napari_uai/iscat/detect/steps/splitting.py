"""Two particles that land at one place are two steps, which a search for single ones takes for one.

One step between both explains most of such a course, and what it leaves, a short time at which the
place is too bright or too dark, is not a step, so the search misses it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from napari_uai.iscat.detect.steps.models import SlowNoise, StepStatistics
from napari_uai.typing import Floats

SPLIT_FROM = 9.0
"""Smallest ratio of contrast and error of events that may be two."""

FEWEST_BINS = 5
"""Shortest time between both: a particle that takes a fifth of a batch to arrive is one."""

LEAST_GAIN = 15.0
"""By how much the log likelihood of two steps exceeds at least that of one: there are some ten
thousand pairs of times to choose from."""

BEYOND_SLOW = 5.0
"""By how much it exceeds at least that of one step at a place that may also change slowly."""

LEAST_SHARE = 0.2
"""Of the higher step that the lower one has at least: what neighbours leave where the image of a
point is not quite known is less."""


@dataclass(frozen=True)
class TwoSteps:
    """Times (bins) and heights (of unit noise) of two steps at one place, the earlier first."""

    times: Floats
    heights: Floats


def two_steps(courses: Floats, statistics: StepStatistics, white: float) -> dict[int, TwoSteps]:
    """Return the places at which two steps of the same sign explain the course better than one.

    What a slow change of the place and one step explain as well is none of these.

    Parameters
    ----------
    courses
        Time courses of unit noise, without the events at other places, (bins, places).
    statistics, white
        The common background, and the variance of its white part.

    Returns
    -------
    dict
        By the numbers of the places.
    """
    first, second = np.triu_indices(len(statistics.response), FEWEST_BINS)
    products, own = statistics.covariance, np.diag(statistics.covariance)
    both = products[first, second]
    determinant = own[first] * own[second] - both**2
    found = {}
    for place, seen in enumerate((statistics.weights @ courses).T * statistics.response):
        heights = np.stack(
            [
                own[second] * seen[first] - both * seen[second],
                own[first] * seen[second] - both * seen[first],
            ]
        )
        explained = (heights[0] * seen[first] + heights[1] * seen[second]) / determinant
        higher = np.abs(heights).max(axis=0)
        explained[heights[0] * heights[1] < LEAST_SHARE * higher**2] = 0
        k = int(explained.argmax())
        gain = (explained[k] - np.max(seen**2 / own)) / 2
        if gain < LEAST_GAIN:
            continue
        if gain < BEYOND_SLOW + _gain_of_slow_changes(courses[:, [place]], statistics, white):
            continue
        times = np.array([first[k], second[k]]) + 1.0
        found[place] = TwoSteps(times, heights[:, k] / determinant[k])
    return found


def _gain_of_slow_changes(course: Floats, statistics: StepStatistics, white: float) -> float:
    """Return how much likelier one step is if its place may also change slowly."""
    models = SlowNoise.over(statistics.temporal, white).models
    likelihood = SlowNoise(models, np.zeros(len(models))).log_likelihood(course)[:, 0]
    strongest = [np.max((model.weights @ course) ** 2) for model in models]
    total = likelihood + np.array(strongest) / 2
    return float(logsumexp(total) - total[0])
