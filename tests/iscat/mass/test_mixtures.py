"""Mixtures: against scikit-learn, closed forms and a plain maximisation of the likelihood."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import norm
from sklearn.mixture import GaussianMixture

from napari_uai.errors import BadValueError, CancelledError
from napari_uai.iscat.mass import fit_mixture, intervals, resample_mixture
from napari_uai.monitor import Monitor

TRUE_MASSES = np.array([20.0, 30.0, 60.0])


def drawn(n, seed=0, *, low=3.1, high=6.3, width=0.0, masses=TRUE_MASSES):
    """Masses (kDa) and their errors: contrast errors of 1e-4 to 2e-4 at 3.2e-5 per kDa."""
    rng = np.random.default_rng(seed)
    noise = rng.uniform(low, high, n)
    return rng.choice(masses, n) + np.hypot(noise, width) * rng.normal(size=n), noise


def apart(seed=0):
    rng = np.random.default_rng(seed)
    return np.r_[rng.normal(20, 2, 200), rng.normal(40, 4, 150), rng.normal(90, 3, 250)]


@pytest.mark.parametrize(("widths", "theirs"), [("free", "diag"), ("common", "tied")])
def test_without_errors_the_mixture_is_that_of_scikit_learn(widths, theirs):
    values = apart()
    ours = fit_mixture(values, components=3, widths=widths)
    reference = GaussianMixture(
        3, covariance_type=theirs, tol=1e-9, max_iter=5000, n_init=5, random_state=0, reg_covar=1e-9
    ).fit(values[:, None])
    order = reference.means_.ravel().argsort()
    np.testing.assert_allclose(ours.means, reference.means_.ravel()[order], rtol=1e-4)
    np.testing.assert_allclose(ours.weights, reference.weights_[order], rtol=1e-3)
    variances = np.broadcast_to(reference.covariances_.ravel(), 3)
    np.testing.assert_allclose(
        ours.widths**2, variances[order] if widths == "free" else variances, rtol=2e-3
    )
    likelihood = reference.score(values[:, None]) * len(values)
    assert ours.log_likelihood == pytest.approx(likelihood, abs=1e-3)
    # scikit-learn has no mixture of one dimension with a common variance: the number is the same.
    assert ours.bic == pytest.approx(reference.bic(values[:, None]), abs=1e-2)


def test_the_number_by_bic_is_that_of_scikit_learn():
    values = apart(1)
    criteria = [
        GaussianMixture(k, n_init=5, random_state=0).fit(values[:, None]).bic(values[:, None])
        for k in range(1, 6)
    ]
    ours = fit_mixture(values, most_components=5, widths="free")
    assert len(ours) == 1 + int(np.argmin(criteria)) == 3
    table = ours.selection.sort_values("components")
    np.testing.assert_allclose(table["bic"][:3], criteria[:3], atol=0.1)


def test_the_memberships_are_those_of_scikit_learn():
    values = apart()
    ours = fit_mixture(values, components=3, widths="free")
    reference = GaussianMixture(3, tol=1e-9, max_iter=5000, n_init=5, random_state=0)
    theirs = reference.fit(values[:, None]).predict_proba(values[:, None])
    np.testing.assert_allclose(
        ours.memberships(values), theirs[:, reference.means_.ravel().argsort()], atol=2e-3
    )


@pytest.mark.parametrize("widths", ["free", "common", "none"])
def test_with_errors_the_likelihood_is_at_its_maximum(widths):
    values, noise = drawn(600, width=0.0 if widths == "none" else 4.0)
    ours = fit_mixture(values, noise, components=3, widths=widths)
    n_widths = {"free": 3, "common": 1, "none": 0}[widths]

    def negative(parameters):
        weights = np.exp(np.r_[0.0, parameters[:2]])
        variance = parameters[5:] if n_widths else 0.0
        deviation = np.sqrt(variance + noise[:, None] ** 2)
        density = weights / weights.sum() * norm.pdf(values[:, None], parameters[2:5], deviation)
        return -np.log(density.sum(axis=1)).sum()

    start = np.r_[0.0, 0.0, TRUE_MASSES, np.full(n_widths, 10.0)]
    bounds = [(None, None)] * 5 + [(0, None)] * n_widths
    reference = minimize(negative, start, bounds=bounds, options={"maxiter": 2000, "ftol": 1e-13})
    assert ours.log_likelihood >= -reference.fun - 1e-3
    own = np.r_[np.log(ours.weights[1:] / ours.weights[0]), ours.means, ours.widths[:n_widths] ** 2]
    assert ours.log_likelihood == pytest.approx(-negative(own), abs=1e-6)
    np.testing.assert_allclose(ours.means, reference.x[2:5], atol=0.05)


def test_one_component_without_errors_is_mean_and_standard_deviation():
    values = np.random.default_rng(0).normal(60, 5, 300)
    ours = fit_mixture(values, components=1)
    assert ours.means[0] == pytest.approx(values.mean())
    assert ours.widths[0] == pytest.approx(values.std())
    assert ours.log_likelihood == pytest.approx(norm.logpdf(values, *norm.fit(values)).sum())


def test_one_component_with_equal_errors_has_the_width_that_remains():
    values = np.random.default_rng(0).normal(60, 5, 300)
    ours = fit_mixture(values, 3.0, components=1, widths="free")
    assert ours.means[0] == pytest.approx(values.mean(), rel=1e-6)
    assert ours.widths[0] == pytest.approx(np.sqrt(values.var() - 9), rel=1e-3)


def test_one_component_of_known_width_is_the_weighted_mean():
    values, noise = drawn(400, masses=np.array([60.0]))
    ours = fit_mixture(values, noise, components=1, widths="none")
    assert ours.means[0] == pytest.approx((values / noise**2).sum() / (noise**-2.0).sum())
    assert ours.widths[0] == 0


def test_a_scale_changes_only_the_scale():
    values, noise = drawn(300)
    in_kda = fit_mixture(values, noise)
    in_contrast = fit_mixture(3.2e-5 * values, 3.2e-5 * noise)
    np.testing.assert_allclose(in_contrast.means, 3.2e-5 * in_kda.means, rtol=1e-6)
    assert len(in_contrast) == len(in_kda)


@pytest.mark.parametrize("factor", [1.0, 1.5])
def test_errors_that_are_too_small_make_no_false_components(factor):
    """Two masses; all stated errors are too small by a factor."""
    for seed in range(3):
        values, noise = drawn(600, seed, masses=np.array([30.0, 70.0]))
        mixture = fit_mixture(values, noise / factor)
        assert len(mixture) == 2
        np.testing.assert_allclose(mixture.means, [30, 70], atol=2)


def test_values_without_number_are_left_out():
    values, noise = drawn(300)
    more = fit_mixture(np.r_[values, np.nan, 5.0], np.r_[noise, 3.0, np.nan], components=3)
    np.testing.assert_allclose(more.means, fit_mixture(values, noise, components=3).means)


def test_a_single_value_far_away_does_not_shrink_a_component_to_nothing():
    mixture = fit_mixture(np.r_[apart(), 500.0], components=4, widths="free")
    assert (mixture.widths > 0).all()
    assert np.isfinite(mixture.log_likelihood)


def test_the_bootstrap_of_one_component_has_the_error_of_the_mean():
    values = np.random.default_rng(0).normal(60, 5, 400)
    resampled = resample_mixture(fit_mixture(values, components=1), values, replicates=1000)
    assert resampled.means.std() == pytest.approx(values.std() / 20, rel=0.08)


def test_the_bootstrap_is_repeatable_and_in_order():
    values, noise = drawn(300)
    mixture = fit_mixture(values, noise, components=3)
    one, two = (resample_mixture(mixture, values, noise, replicates=30, seed=4) for _ in range(2))
    np.testing.assert_array_equal(one.means, two.means)
    assert (np.diff(one.means, axis=1) >= 0).all()
    np.testing.assert_allclose(one.weights.sum(axis=1), 1)


def test_simultaneous_intervals_contain_all_parameters_of_their_share_of_replicates():
    replicates = np.random.default_rng(0).normal(size=(4000, 3))
    low, high = intervals(replicates, level=0.9)
    inside = ((replicates >= low) & (replicates <= high)).all(axis=1).mean()
    assert inside == pytest.approx(0.9, abs=0.01)
    # Of three independent parameters, each is inside with the cube root of the probability.
    assert high.mean() == pytest.approx(norm.ppf((1 + 0.9 ** (1 / 3)) / 2), abs=0.1)
    alone = intervals(replicates, level=0.9, simultaneous=False)
    np.testing.assert_allclose(alone, np.quantile(replicates, (0.05, 0.95), axis=0), atol=0.01)


def test_the_density_integrates_to_the_weights():
    mixture = fit_mixture(apart(), components=3)
    at = np.linspace(-50, 200, 5001)
    np.testing.assert_allclose(
        mixture.density(at, 2.0).sum(axis=0) * (at[1] - at[0]), mixture.weights, rtol=1e-4
    )


@pytest.mark.parametrize(
    ("values", "noise", "options", "words"),
    [
        ([1.0, 2.0, 3.0], None, {"components": 2}, "at least 4 values"),
        ([1.0, 1.0, 1.0, 1.0], None, {}, "all values are equal"),
        ([1.0, 2.0, 3.0], [1.0, -1.0, 1.0], {}, "negative"),
        ([np.nan, np.nan], None, {}, "no finite values"),
        ([1.0, 2.0, 3.0], None, {"widths": "none"}, "error above 0"),
        ([1.0, 2.0, 3.0], None, {"widths": "wide"}, "widths must be one of"),
        ([1.0, 2.0, 3.0], None, {"components": 0}, "at least 1"),
    ],
)
def test_values_that_cannot_be_fitted_are_refused(values, noise, options, words):
    with pytest.raises(BadValueError, match=words):
        fit_mixture(values, noise, **options)


def test_a_fit_can_be_cancelled():
    values, noise = drawn(300)
    with pytest.raises(CancelledError):
        fit_mixture(values, noise, monitor=Monitor(cancelled=lambda: True))
    mixture = fit_mixture(values, noise, components=2)
    with pytest.raises(CancelledError):
        resample_mixture(mixture, values, noise, monitor=Monitor(cancelled=lambda: True))


@pytest.mark.slow
def test_three_masses_are_resolved_within_their_intervals():
    """Fewer trials of benchmarks/bench_mass.py: 20, 30 and 60 kDa, 500 landings."""
    n_inside = 0
    for seed in range(10):
        values, noise = drawn(500, seed + 100)
        mixture = fit_mixture(values, noise, seed=seed)
        if len(mixture) == 3:
            resampled = resample_mixture(mixture, values, noise, replicates=400, seed=seed)
            low, high = intervals(resampled.means)
            n_inside += bool(((low <= TRUE_MASSES) & (high >= TRUE_MASSES)).all())
    assert n_inside >= 9
