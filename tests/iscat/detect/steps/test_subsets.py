"""Scores by subsets of events, against least squares of each subset in whitened data."""

from itertools import combinations

import numpy as np
import pytest
from scipy.special import logsumexp

from napari_uai.iscat.detect.steps.models import SlowNoise
from napari_uai.iscat.detect.steps.pursuit import Step
from napari_uai.iscat.detect.steps.subsets import MOST_BESIDE, subset_scores

N_BINS, LEAST = 40, 3.0


def noise():
    return SlowNoise.over(np.eye(N_BINS) + 0.2, 1.0, slow_share=0.1)


def step(k, y, x, statistic=5.0, fraction=0.0):
    return Step(k, fraction, y, x, statistic, statistic / 3)


def plain_score(event, others, series, noise):
    """The score by trying every subset, with a library's least squares."""
    best = {True: -np.inf, False: -np.inf}
    every = [event, *others]
    for size in range(len(every) + 1):
        for subset in combinations(range(len(every)), size):
            courses = np.array([every[i].course(N_BINS) for i in subset]).reshape(-1, N_BINS)
            terms = []
            for model, prior in zip(noise.models, noise.log_prior, strict=True):
                weights, axes = np.linalg.eigh(model.precision)  # the mean tells nothing
                white = np.sqrt(np.maximum(weights, 0))[:, None] * axes.T
                data, columns = white @ series, white @ courses.T
                left = data
                if subset:
                    left = data - columns @ np.linalg.lstsq(columns, data, rcond=1e-6)[0]
                terms.append(prior - (left @ left + model.log_determinant) / 2)
            n_others = size - (0 in subset)
            value = logsumexp(terms) - n_others * LEAST**2 / 2
            best[0 in subset] = max(best[0 in subset], value)
    return np.sqrt(max(2 * (best[True] - best[False]), 0))


@pytest.mark.parametrize("seed", range(4))
def test_scores_are_those_of_all_subsets(seed):
    rng = np.random.default_rng(seed)
    near = [step(k, 10 + i, 10, 4 + i, 0.3) for i, k in enumerate(rng.choice(30, 4, False) + 4)]
    far = [step(20, 40, 40)]
    steps = [*near, *far]
    heights = rng.normal(0, 2, (5, 5))
    series = rng.normal(size=(N_BINS, 5))
    series += np.stack([s.course(N_BINS) for s in steps], axis=1) @ heights
    scores = subset_scores(steps, series, noise(), near_px=5, least=LEAST)
    for i, each in enumerate(steps):
        others = [s for s in near if s is not each] if i < 4 else []
        right = plain_score(each, others, series[:, i], noise())
        assert scores[i] == pytest.approx(right, abs=1e-6)


def test_alone_the_score_is_the_evidence_of_a_step():
    series = np.random.default_rng(7).normal(size=(N_BINS, 1))
    series[21:] += 2
    evidence, _ = noise().step_evidence(series)
    score = subset_scores([step(20, 5, 5)], series, noise(), near_px=5, least=LEAST)
    assert score[0] ** 2 == pytest.approx(evidence[20, 0])


def test_of_two_events_at_one_place_and_time_neither_is_certain():
    series = np.random.default_rng(8).normal(size=(N_BINS, 2))
    series[21:] += 3
    scores = subset_scores(
        [step(20, 5, 5), step(20, 5, 5)], series, noise(), near_px=5, least=LEAST
    )
    assert np.isfinite(scores).all()
    assert (scores < LEAST + 0.1).all()


def test_the_strongest_beside_it_are_decided_together():
    rng = np.random.default_rng(9)
    steps = [step(2 + 4 * i, 5, 5, 3 + i) for i in range(9)]
    series = rng.normal(size=(N_BINS, len(steps)))
    scores = subset_scores(steps, series, noise(), near_px=5, least=LEAST)
    strongest = steps[: -MOST_BESIDE - 1 : -1]
    right = plain_score(steps[0], strongest, series[:, 0], noise())
    assert scores[0] == pytest.approx(right, abs=1e-6)


def test_no_events():
    assert subset_scores([], np.empty((N_BINS, 0)), noise(), near_px=5, least=3).shape == (0,)
