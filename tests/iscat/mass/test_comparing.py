"""Comparison of groups: against scipy, brute force and closed forms."""

import numpy as np
import pytest
from scipy.stats import bootstrap, false_discovery_control, gaussian_kde, ks_2samp, mannwhitneyu

from napari_uai.errors import BadValueError
from napari_uai.iscat.mass import (
    cliffs_delta,
    compare_groups,
    compare_weights,
    fit_mixture,
    holm,
    kernel_density,
)


def groups():
    rng = np.random.default_rng(0)
    return {
        "control": rng.normal(60, 5, 120),
        "drug": rng.normal(62, 5, 90),
        "blank": rng.normal(60, 5, 60),
    }


def two_peaks(n, m, seed):
    rng = np.random.default_rng(seed)
    return np.r_[rng.normal(60, 4, n), rng.normal(120, 4, m)]


def test_tests_are_those_of_scipy():
    samples = groups()
    table = compare_groups(samples, replicates=50)
    assert table[["group", "other"]].to_numpy().tolist() == [
        ["control", "drug"],
        ["control", "blank"],
        ["drug", "blank"],
    ]
    for row in table.itertuples():
        a, b = samples[row.group], samples[row.other]
        assert (row.n, row.n_other) == (len(a), len(b))
        assert (row.ks, row.ks_p) == pytest.approx(tuple(ks_2samp(a, b)))
        assert row.mann_whitney_p == pytest.approx(mannwhitneyu(a, b).pvalue)
        assert row.delta == pytest.approx(2 * mannwhitneyu(a, b).statistic / (len(a) * len(b)) - 1)
        assert row.median_difference_kda == pytest.approx(np.median(a) - np.median(b))


def test_cliffs_delta_is_that_of_all_pairs_with_ties():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 6, 40), rng.integers(1, 8, 30)
    pairs = np.sign(a[:, None] - b[None].astype(float))
    assert cliffs_delta(a, b) == pytest.approx(pairs.mean())
    assert cliffs_delta([2, 3], [0, 1]) == 1
    assert cliffs_delta([1, 1], [1]) == 0


def test_intervals_of_effects_are_those_of_the_bootstrap_of_scipy():
    rng = np.random.default_rng(0)
    samples = (rng.normal(60, 5, 300), rng.normal(61, 5, 200))
    row = compare_groups(dict(zip("ab", samples, strict=True)), level=0.9, replicates=2000).iloc[0]
    for name, effect in (
        ("median_difference_kda", lambda a, b: np.median(a) - np.median(b)),
        ("delta", cliffs_delta),
    ):
        theirs = bootstrap(
            samples, effect, vectorized=False, n_resamples=2000, confidence_level=0.9,
            method="percentile", rng=1,
        ).confidence_interval  # fmt: skip
        width = theirs.high - theirs.low
        ours = (row[f"{name}_low"], row[f"{name}_high"])
        assert ours == pytest.approx(tuple(theirs), abs=0.1 * width)


@pytest.mark.parametrize("p_values", [[0.01, 0.04, 0.03, 0.005], [0.5, 0.9], [0.2]])
def test_holm_is_the_step_down_procedure(p_values):
    corrected = holm(p_values)
    order = np.argsort(p_values)
    running = 0.0
    for rank, index in enumerate(order):
        running = max(running, (len(p_values) - rank) * p_values[index])
        assert corrected[index] == pytest.approx(min(running, 1))
    assert (corrected >= false_discovery_control(p_values) - 1e-12).all()  # less strict


def test_p_values_are_corrected_for_the_number_of_pairs():
    table = compare_groups(groups(), replicates=20)
    np.testing.assert_allclose(table["ks_p_holm"], holm(table["ks_p"]))
    np.testing.assert_allclose(table["mann_whitney_p_holm"], holm(table["mann_whitney_p"]))


def test_shares_of_separate_peaks_are_their_counts():
    samples = {"control": two_peaks(150, 50, 1), "drug": two_peaks(60, 90, 2)}
    mixture = fit_mixture(np.concatenate([*samples.values()]), components=2)
    table = compare_weights(samples, mixture, permutations=99)
    np.testing.assert_allclose(table["weight"], [0.75, 0.25], atol=1e-3)
    np.testing.assert_allclose(table["weight_other"], [0.4, 0.6], atol=1e-3)
    np.testing.assert_allclose(table["p"], 0.01)  # none of 99 exchanges does it
    np.testing.assert_allclose(table["p_holm"], 0.02)


def test_p_values_of_shares_are_uniform_if_groups_do_not_differ():
    p_values = []
    for seed in range(40):
        values = two_peaks(60, 60, seed)
        mixed = np.random.default_rng(seed).permutation(values)
        mixture = fit_mixture(values, components=2, widths="common")
        table = compare_weights({"a": mixed[:60], "b": mixed[60:]}, mixture, permutations=99)
        p_values.append(table["p"][0])
    assert np.mean(np.array(p_values) <= 0.1) < 0.25
    assert 0.35 < np.mean(p_values) < 0.8  # above one half: counts of two peaks often tie


def test_a_comparison_needs_two_groups_with_landings():
    with pytest.raises(BadValueError, match="at least two groups"):
        compare_groups({"a": [1.0, 2.0]})
    with pytest.raises(BadValueError, match="'b' has fewer than two"):
        compare_groups({"a": [1.0, 2.0], "b": [1.0, np.nan]})


@pytest.mark.parametrize("rule", ["scott", "silverman"])
def test_the_density_is_that_of_scipy(rule):
    values, at = two_peaks(100, 80, 0), np.linspace(30, 150, 200)
    density, bandwidth = kernel_density(values, at, bandwidth=rule)
    theirs = gaussian_kde(values, rule)
    np.testing.assert_allclose(density, theirs(at), rtol=1e-9)
    assert bandwidth == pytest.approx(float(np.sqrt(theirs.covariance[0, 0])))


def test_a_given_bandwidth_is_used():
    density, bandwidth = kernel_density([10.0, 20.0], [10.0], bandwidth=2.0)
    assert bandwidth == 2
    expected = (1 + np.exp(-12.5)) / (2 * 2 * np.sqrt(2 * np.pi))
    assert density[0] == pytest.approx(expected)


def test_the_improved_rule_keeps_peaks_apart_that_silverman_merges():
    """The bandwidth of least error of a peak of width 4 and n landings: 1.06 * 4 * n^(-1/5)."""
    samples = [two_peaks(400, 400, seed) for seed in range(10)]
    isj, silverman = (
        np.array([kernel_density(values, [0.0], bandwidth=rule)[1] for values in samples])
        for rule in ("isj", "silverman")
    )
    assert np.median(isj) == pytest.approx(1.06 * 4 * 400**-0.2, rel=0.1)
    assert (silverman > 3 * isj).all()


def test_where_the_improved_rule_has_no_solution_that_of_silverman_is_used():
    for values in ([10.0, 20.0], [10.0, 10.0, 10.0, 1e6], [1.0, 2.0, 3.0, 4.0]):
        _, bandwidth = kernel_density(values, [0.0])
        _, silverman = kernel_density(values, [0.0], bandwidth="silverman")
        assert 0 < bandwidth <= silverman


def test_bandwidths_that_are_not_accepted_are_refused():
    with pytest.raises(BadValueError, match="above 0"):
        kernel_density([1.0, 2.0], [1.0], bandwidth=0.0)
    with pytest.raises(BadValueError, match="isj"):
        kernel_density([1.0, 2.0], [1.0], bandwidth="wide")
    with pytest.raises(BadValueError, match="two different"):
        kernel_density([1.0, 1.0], [1.0])
