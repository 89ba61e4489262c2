import numpy as np
import pytest
from scipy.linalg import null_space
from scipy.stats import multivariate_normal

from napari_uai.iscat.detect.steps.models import (
    SlowNoise,
    StepStatistics,
    temporal_covariance,
)

N = 24


@pytest.fixture
def covariance():
    lag = np.subtract.outer(np.arange(N), np.arange(N))
    return 0.8 * np.exp(-np.abs(lag) / 6) + np.eye(N)


def test_statistic_and_amplitude_are_those_of_generalised_least_squares(covariance):
    rng = np.random.default_rng(0)
    series = rng.multivariate_normal(np.zeros(N), covariance) + 3.0
    statistics = StepStatistics.of(covariance)
    whiten = np.linalg.inv(np.linalg.cholesky(covariance))
    for k in (0, 7, N - 2):
        design = np.c_[np.ones(N), np.arange(N) > k]
        white = whiten @ design
        fit, *_ = np.linalg.lstsq(white, whiten @ series, rcond=None)
        error = np.sqrt(np.linalg.inv(white.T @ white)[1, 1])
        statistic = statistics.weights[k] @ series
        assert statistic == pytest.approx(fit[1] / error)
        assert statistic / statistics.response[k] == pytest.approx(fit[1])


def test_statistics_have_unit_variance_and_the_stated_correlation(covariance):
    statistics = StepStatistics.of(covariance)
    between = statistics.weights @ covariance @ statistics.weights.T
    response = statistics.response
    np.testing.assert_allclose(between, statistics.covariance / np.outer(response, response))


def test_the_determinant_is_that_of_courses_of_zero_mean(covariance):
    basis = null_space(np.ones((1, N)))
    _, expected = np.linalg.slogdet(basis.T @ covariance @ basis)
    _, white = np.linalg.slogdet(basis.T @ basis)
    offset = StepStatistics.of(np.eye(N)).log_determinant
    found = StepStatistics.of(covariance).log_determinant
    assert found - offset == pytest.approx(expected - white)


def test_a_step_within_a_bin_is_a_mixture_of_two(covariance):
    statistics = StepStatistics.of(covariance)
    step = (np.arange(N) > 9).astype(float)
    step[10] = 0.7
    response, own = statistics.between(9, 0.3)
    np.testing.assert_allclose(response, statistics.weights @ step)
    assert own == pytest.approx(np.sqrt(step @ statistics.precision @ step))


def test_white_noise_gives_a_white_covariance():
    series = np.random.default_rng(1).normal(size=(N, 4000))
    estimate = temporal_covariance(series, 1.0, 4000)
    np.testing.assert_allclose(estimate, np.eye(N), atol=0.02)


def test_what_stands_above_the_noise_edge_is_kept():
    rng = np.random.default_rng(2)
    course = np.sin(np.arange(N) / 4)
    course -= course.mean()
    series = rng.normal(size=(N, 3000)) + np.outer(course, rng.normal(size=3000))
    estimate = temporal_covariance(series, 1.0, 3000)
    unit = course / np.linalg.norm(course)
    assert unit @ estimate @ unit == pytest.approx(1 + course @ course, rel=0.1)


def test_steps_at_a_few_places_do_not_pass_for_background():
    """A course that all places share is learnt; with a limit, steps at few of them are not."""
    rng = np.random.default_rng(2)
    course = np.sin(np.arange(N))
    course -= course.mean()
    series = rng.normal(size=(N, 3000)) + np.outer(course, rng.normal(size=3000))
    step = np.where(np.arange(N) < N // 2, -1.0, 1.0)
    step -= course * (course @ step) / (course @ course)
    series[:, :60] += 10 * step[:, None]
    plain, limited = (temporal_covariance(series, 1.0, 3000, most=m) for m in (np.inf, 1.0))
    step, course = step / np.linalg.norm(step), course / np.linalg.norm(course)
    assert step @ plain @ step > 20
    assert step @ limited @ step < 3
    assert course @ limited @ course == pytest.approx(course @ plain @ course, rel=0.5)


def test_likelihoods_are_those_of_a_normal_distribution_of_contrasts(covariance):
    noise = SlowNoise.over(covariance, 1.0)
    series = np.random.default_rng(3).normal(size=(N, 2))
    contrasts = null_space(np.ones((1, N))).T
    ours = noise.log_likelihood(series)
    for column in range(2):
        expected = [
            multivariate_normal(
                cov=contrasts @ np.linalg.inv(_covariance_of(model)) @ contrasts.T
            ).logpdf(contrasts @ series[:, column])
            for model in noise.models
        ]
        np.testing.assert_allclose(
            ours[:, column] - ours[0, column], np.array(expected) - expected[0], atol=1e-6
        )


def _covariance_of(model):
    """Precision of contrasts, completed along the constant so that it can be inverted."""
    return model.precision + np.ones((N, N)) / N


def test_a_step_has_evidence_and_slow_change_has_little():
    n = 120
    white = np.eye(n)
    rng = np.random.default_rng(4)
    step = 1.2 * (np.arange(n) > 60)
    slow = 3 * np.sin(np.arange(n) / 30)
    series = rng.normal(size=(n, 2)) + np.c_[step, slow]
    noise = SlowNoise.over(white, 1.0, slow_share=0.2)
    evidence, heights = noise.step_evidence(series)
    plain = (StepStatistics.of(white).weights @ series) ** 2
    assert plain[:, 1].max() > 50
    assert evidence[:, 1].max() < 12
    best = evidence[:, 0].argmax()
    assert abs(best - 60) <= 3
    assert evidence[best, 0] > 20
    assert heights[best, 0] == pytest.approx(1.2, abs=0.4)


def test_the_share_of_slow_places_is_learnt():
    n, places = 100, 400
    rng = np.random.default_rng(5)
    series = rng.normal(size=(n, places))
    series[:, :80] += 4 * np.sin(np.arange(n) / 20)[:, None] * rng.choice([-1, 1], 80)
    noise = SlowNoise.over(np.eye(n), 1.0).learnt_from(series)
    assert share_of_loud(noise) == pytest.approx(0.2, abs=0.03)
    quiet = SlowNoise.over(np.eye(n), 1.0).learnt_from(series[:, 80:])
    assert share_of_loud(quiet) < 0.01


def share_of_loud(noise):
    """Share of places whose slow change has at least the variance of a bin's white noise."""
    loud = [m.log_determinant > noise.models[0].log_determinant + 5 for m in noise.models]
    return np.exp(noise.log_prior)[loud].sum()
