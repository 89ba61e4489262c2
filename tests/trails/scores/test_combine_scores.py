import numpy as np
import pytest
from scipy.stats import spearmanr

from napari_uai.errors import BadValueError
from napari_uai.trails.scores.combine_scores import (
    Evidence,
    combine,
    conformal_p_values,
    excess_within,
)


def one_group(n):
    return np.full(n, "a", object)


def test_median_is_no_excess_and_the_90th_percentile_is_one():
    rng = np.random.default_rng(0)
    values = rng.exponential(3, 1001)
    groups = np.zeros(1001, int)
    excess = excess_within(values, groups)
    assert abs(np.median(excess)) < 1e-12
    np.testing.assert_allclose(np.quantile(excess, 0.9), 1)
    np.testing.assert_allclose(excess_within(values * 1000, groups), excess)
    assert np.all(np.diff(excess[np.argsort(values)]) > 0)


def test_each_group_has_its_own_scale():
    rng = np.random.default_rng(0)
    values, groups = rng.exponential(3, 500), np.repeat([0, 1], 250)
    mixed = excess_within(values * np.where(groups, 50, 1), groups)
    for group in (0, 1):
        mine = groups == group
        alone = excess_within(values[mine], np.zeros(250, int))
        np.testing.assert_allclose(mixed[mine], alone)


def test_a_few_anomalies_of_any_size_leave_the_scale():
    values = np.random.default_rng(0).exponential(3, 1000)
    wild = np.concatenate([values, [1e9] * 5])
    excess = excess_within(wild, np.zeros(1005, int))[:1000]
    np.testing.assert_allclose(excess, excess_within(values, np.zeros(1000, int)), atol=0.1)


@pytest.mark.parametrize("values", [np.zeros(5), np.full(5, 3.0), np.full(5, np.nan), np.empty(0)])
def test_equal_values_have_no_excess(values):
    np.testing.assert_allclose(excess_within(values, np.zeros(len(values), int)), 0, atol=1e-9)


def test_unknown_values_are_typical():
    excess = excess_within(np.array([1.0, 2, 3, np.nan, 50]), np.zeros(5, int))
    assert excess[3] == 0
    assert np.isfinite(excess).all()


def test_p_values_are_uniform_and_count_the_trail_itself():
    values = np.array([5.0, 1, 3, 3, 9, 2])
    groups = np.array([0, 0, 0, 0, 1, 1])
    np.testing.assert_allclose(
        conformal_p_values(values, groups), [1 / 4, 1, 3 / 4, 3 / 4, 1 / 2, 1]
    )


def test_one_score_alone_keeps_its_order():
    values = np.random.default_rng(1).exponential(1, 300)
    found = combine({"nearest": values}, {"nearest": Evidence(1.0)}, one_group(300))
    np.testing.assert_array_equal(np.argsort(found.anomaly), np.argsort(values))
    assert found.anomaly.min() > 0
    assert found.anomaly.max() < 1


def test_scores_that_agree_beat_each_of_them():
    rng = np.random.default_rng(2)
    n, odd = 2000, np.arange(40)
    scores = {}
    for name in ("nearest", "companion"):
        scores[name] = rng.lognormal(0, 0.7, n)
        scores[name][odd] *= 4
    evidence = {name: Evidence(1.0) for name in scores}
    together = combine(scores, evidence, one_group(n)).anomaly

    def found_first(values):
        return np.isin(np.argsort(-values)[:40], odd).mean()

    assert found_first(together) > max(found_first(values) for values in scores.values())


def test_noise_that_counts_only_far_out_cannot_drown_a_good_score():
    rng = np.random.default_rng(3)
    good, noise = rng.lognormal(0, 0.5, 2000), rng.lognormal(0, 0.5, 2000)
    noise[7] = 1e3
    evidence = {"good": Evidence(1.0), "noise": Evidence(0.25, above=1.5)}
    found = combine({"good": good, "noise": noise}, evidence, one_group(2000))
    assert spearmanr(found.anomaly, good).statistic > 0.99
    assert 7 in np.argsort(-found.anomaly)[:20]


def test_evidence_must_be_there():
    with pytest.raises(BadValueError, match="weight above 0"):
        combine({"a": np.ones(3)}, {"a": Evidence(0.0)}, one_group(3))
    with pytest.raises(BadValueError, match="unknown score b"):
        combine({"a": np.ones(3)}, {"b": Evidence(1.0)}, one_group(3))
