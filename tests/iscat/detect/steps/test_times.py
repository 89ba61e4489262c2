"""The times of an event are weighed as a plain likelihood over all of them would."""

import numpy as np
import pytest

from napari_uai.iscat.detect.steps.models import SlowNoise, StepStatistics
from napari_uai.iscat.detect.steps.times import event_times, signed_statistics, step_course

N = 120


@pytest.fixture(scope="module")
def noise():
    return SlowNoise.over(np.eye(N), 1.0, slow_share=1e-6)


def test_a_course_is_the_share_of_each_bin_after_the_landing():
    np.testing.assert_allclose(step_course(2.25, 5), [0, 0, 0.75, 1, 1])


def test_statistics_within_a_bin_are_those_of_the_step_itself():
    statistics = StepStatistics.of(np.eye(N) + 0.3)
    course = np.random.default_rng(1).normal(size=N)
    times, values = signed_statistics(course, statistics)
    for i in range(0, len(times), 37):
        step = step_course(times[i], N)
        centred = step - step.mean()
        np.testing.assert_allclose(values[i], centred @ course / np.linalg.norm(centred), rtol=1e-6)


@pytest.mark.parametrize("strength", [0.9, 1.5, 4.0])
def test_intervals_hold_the_true_time_as_often_as_they_say(noise, strength):
    rng = np.random.default_rng(5)
    statistics, n = StepStatistics.of(np.eye(N)), 1000
    truth = rng.uniform(1, N - 1, n)
    courses = np.array([strength * step_course(t, N) for t in truth]) + rng.normal(size=(n, N))
    found = event_times(courses.T, statistics, noise, np.ones(n))
    time, before, after = (
        np.array([getattr(f, k) for f in found]) for k in ("time", "before", "after")
    )
    within = np.mean((truth >= time - before) & (truth <= time + after))
    assert 0.63 < within < 0.73
    elsewhere = np.mean([f.elsewhere for f in found])
    mistaken = np.mean(np.abs(truth - time) > 10)
    # Not all heights are alike, as the test has them; who knows the height can exclude more.
    assert mistaken - 0.01 < elsewhere < mistaken + 0.08
    near = np.abs(truth - time) <= 10
    pulls = (time - truth)[near] / np.array([f.error for f in found])[near]
    assert 0.85 < pulls.std() < 1.15
    assert np.mean(np.abs(pulls) > 3) <= 0.01


def test_two_times_that_are_alike_are_both_told(noise):
    """A course that rises in two equal steps says of neither that it is the only one."""
    course = 2.0 * step_course(40.0, N) + 2.0 * step_course(80.0, N)
    statistics = StepStatistics.of(np.eye(N))
    [found] = event_times(course[:, None], statistics, noise, np.ones(1))
    assert found.elsewhere > 0.3
