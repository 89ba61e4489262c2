import numpy as np
import pytest
from scipy.stats import spearmanr

from napari_uai.errors import BadValueError
from napari_uai.trails.scores.combine_scores import (
    Evidence,
    combine,
    conformal_p_values,
    surprise_within,
)


def one_group(n):
    return np.full(n, "a", object)


def test_surprise_is_minus_the_logarithm_of_the_fraction_that_reaches_a_value():
    values = np.random.default_rng(0).pareto(2, 5001) + 1
    surprise = surprise_within(values, np.zeros(5001, int))
    fraction = (5001 - np.argsort(np.argsort(values))) / 5001
    body = fraction > 0.11
    np.testing.assert_allclose(surprise[body], -np.log(fraction[body]))
    # A power law is extrapolated: P(X > x) = x^-2.
    far = surprise_within(np.append(values, 1000.0), np.zeros(5002, int))[-1]
    assert far == pytest.approx(2 * np.log(1000), rel=0.15)
    assert np.all(np.diff(surprise[np.argsort(values)]) > 0)
    np.testing.assert_allclose(surprise_within(values * 1000, np.zeros(5001, int)), surprise)


def test_each_group_has_its_own_scale():
    rng = np.random.default_rng(0)
    values, groups = rng.exponential(3, 500), np.repeat([0, 1], 250)
    mixed = surprise_within(values * np.where(groups, 50, 1), groups)
    for group in (0, 1):
        mine = groups == group
        alone = surprise_within(values[mine], np.zeros(250, int))
        np.testing.assert_allclose(mixed[mine], alone)


def test_a_few_anomalies_of_any_size_leave_the_scale():
    values = np.random.default_rng(0).exponential(3, 1000)
    wild = np.concatenate([values, [1e9] * 5])
    surprise = surprise_within(wild, np.zeros(1005, int))[:1000]
    np.testing.assert_allclose(surprise, surprise_within(values, np.zeros(1000, int)), atol=0.35)


@pytest.mark.parametrize("values", [np.zeros(5), np.full(5, 3.0), np.full(5, np.nan), np.empty(0)])
def test_equal_values_are_no_surprise(values):
    surprise = surprise_within(values, np.zeros(len(values), int))
    assert np.all(surprise <= np.log(2))
    assert np.ptp(surprise) == 0 if len(surprise) else True


def test_unknown_values_are_typical():
    surprise = surprise_within(np.array([1.0, 2, 3, np.nan, 50]), np.zeros(5, int))
    assert surprise[3] == np.log(2)
    assert np.isfinite(surprise).all()


def test_one_strong_surprise_is_not_averaged_away():
    rng = np.random.default_rng(5)
    names = ["a", "b", "c", "d"]
    scores = {name: rng.lognormal(0, 0.5, 1000) for name in names}
    scores["a"][7] = 1e3
    found = combine(scores, {name: Evidence(1.0) for name in names}, one_group(1000))
    assert found.anomaly.argmax() == 7


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
    assert found.anomaly.min() == 0
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
    evidence = {"good": Evidence(1.0), "noise": Evidence(0.25, above=3.0, averaged=False)}
    found = combine({"good": good, "noise": noise}, evidence, one_group(2000))
    assert spearmanr(found.anomaly, good).statistic > 0.99
    assert 7 in np.argsort(-found.anomaly)[:20]


def test_evidence_must_be_there():
    with pytest.raises(BadValueError, match="weight above 0"):
        combine({"a": np.ones(3)}, {"a": Evidence(0.0)}, one_group(3))
    with pytest.raises(BadValueError, match="unknown score b"):
        combine({"a": np.ones(3)}, {"b": Evidence(1.0)}, one_group(3))
