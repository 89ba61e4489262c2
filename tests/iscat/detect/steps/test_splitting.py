from itertools import combinations

import numpy as np
import pytest

from napari_uai.iscat.detect.steps.models import StepStatistics
from napari_uai.iscat.detect.steps.splitting import FEWEST_BINS, two_steps

N = 60
LATER = np.arange(N)


def courses_of(*heights_and_times, seed=0):
    course = np.random.default_rng(seed).normal(size=N)
    for height, time in heights_and_times:
        course += height * (time <= LATER)
    return course[:, None]


def white():
    return StepStatistics.of(np.eye(N) + 1e-9)


def least_squares(course, columns):
    design = np.stack([np.ones(N), *columns], axis=1)
    solution, *_ = np.linalg.lstsq(design, course, rcond=None)
    return solution[1:], np.sum((course - design @ solution) ** 2)


def test_two_steps_are_those_of_least_squares_over_all_pairs():
    course = courses_of((3, 22), (2.5, 35))
    found = two_steps(course, white(), 1.0)[0]
    steps = [(time <= LATER).astype(float) for time in range(1, N)]
    best = min(
        (
            (least_squares(course[:, 0], [steps[i], steps[j]])[1], i, j)
            for i, j in combinations(range(N - 1), 2)
            if j - i >= FEWEST_BINS
        ),
    )
    heights, _ = least_squares(course[:, 0], [steps[best[1]], steps[best[2]]])
    assert found.times.tolist() == [best[1] + 1, best[2] + 1]
    np.testing.assert_allclose(found.heights, heights, rtol=1e-5)
    assert found.times.tolist() == pytest.approx([22, 35], abs=1)


@pytest.mark.parametrize(
    "steps",
    [[(5, 30)], [(5, 30), (-4, 50)], [(2.5, 29), (2.5, 31)]],
    ids=["one", "one that leaves", "one that arrives within a few bins"],
)
def test_one_particle_stays_one(steps):
    for seed in range(20):
        assert not two_steps(courses_of(*steps, seed=seed), white(), 1.0)


def test_a_place_that_changes_slowly_is_not_two_particles():
    lag = np.subtract.outer(LATER, LATER) / N
    root = np.linalg.cholesky(9 * np.exp(-((lag / 0.2) ** 2) / 2) + 1e-6 * np.eye(N))
    random = np.random.default_rng(3)
    courses = root @ random.normal(size=(N, 20)) + random.normal(size=(N, 20))
    assert len(two_steps(courses + 5 * (LATER >= 30)[:, None], white(), 1.0)) <= 1


def test_places_are_numbered():
    one, two = courses_of((5, 30)), courses_of((3, 15), (3, 40))
    assert list(two_steps(np.hstack([one, two, one]), white(), 1.0)) == [1]
    assert two_steps(np.empty((N, 0)), white(), 1.0) == {}
