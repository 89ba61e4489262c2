"""Steps in time against the noise of a recording: generalised least squares and alternatives.

A particle that lands and stays is a step at one position. How well a step at bin k can be
distinguished from noise depends on how the background moves in time, which the recording's own
temporal covariance describes. Some positions change more than the average (a scatterer that wanders
or fades); there a step must also be distinguished from slow changes, whose probability
:class:`SlowNoise` estimates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotri
from scipy.special import logsumexp

from napari_uai.monitor import SILENT, Monitor, raise_if_cancelled
from napari_uai.typing import Floats, Floats32

SLOW_TIMES = (1 / 12, 1 / 6, 1 / 3)
"""Correlation times of slow changes, in units of the length of the segment."""

SLOW_VARIANCES = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
"""Variances of slow changes, in units of the white noise of one bin."""

CHANGING = 0.15
"""Share of the places whose background changes slowly from which a recording counts as one that
does: up to a tenth is found where many landings overlap, a fifth and more where scatterers,
vesicles or membranes move."""


def _after(courses: Floats) -> Floats:
    """Sum courses (bins, any) over the bins after each but the last, where a step there is 1."""
    return np.cumsum(courses[:0:-1], axis=0)[::-1]


def _inverse(matrix: Floats) -> tuple[Floats, float]:
    """Return the inverse of a positive definite matrix, and the logarithm of its determinant."""
    root, failed = dpotrf(matrix, lower=True)
    if failed:
        raise np.linalg.LinAlgError("the covariance is not positive definite")
    half, _ = dpotri(root, lower=True)
    inverse = np.tril(half)
    inverse += np.tril(half, -1).T
    return inverse, float(2 * np.log(np.diag(root)).sum())


def temporal_covariance(
    series: Floats, white: float, n_independent: float, *, most: float = np.inf
) -> Floats:
    """Estimate the temporal covariance of a background from many positions that share it.

    Of the sample covariance, only what exceeds the noise edge of random matrices is kept (Marchenko
    & Pastur 1967; Johnstone 2001, doi:10.1214/aos/1009210544), in addition to the white part.

    Parameters
    ----------
    series
        (bins, places).
    white
        Variance of the white part, from differences of neighbouring bins.
    n_independent
        Number of independent positions among them.
    most
        Positions that change more than so many times the usual (the upper quartile of the mean
        squares of all) count as if they changed by that: events are at few, a moving background is
        everywhere.

    Returns
    -------
    ndarray
        float64, (bins, bins), positive definite.
    """
    n_bins = len(series)
    centred = series - series.mean(axis=0)
    if np.isfinite(most):
        energy = np.mean(centred**2, axis=0)
        limit = most * np.quantile(energy, 0.75)
        centred *= np.sqrt(np.minimum(1, limit / np.maximum(energy, limit)))
    sample = np.dot(centred, centred.T) / series.shape[1]
    values, vectors = np.linalg.eigh(sample - white * np.eye(n_bins))
    edge = white * ((1 + np.sqrt(n_bins / max(n_independent, 1.0))) ** 2 - 1)
    kept = vectors[:, values > edge]
    return np.asarray((kept * values[values > edge]) @ kept.T + white * np.eye(n_bins))


@dataclass(frozen=True)
class StepStatistics:
    """The best linear test for every step under one temporal covariance, with unknown mean.

    Attributes
    ----------
    temporal
        The covariance, (bins, bins).
    precision
        Its inverse with the constant projected out, (bins, bins).
    weights
        Row k maps a time course to the statistic of step k, of unit variance under noise.
    covariance
        ``s_k' P s_l`` of the steps; response of step k's unnormalised statistic to step l.
    response
        ``g_k = sqrt(s_k' P s_k)``: statistic of a step of height 1; the amplitude is statistic / g.
    log_determinant
        Of the covariance restricted to time courses of zero mean, up to a constant.
    """

    temporal: Floats
    precision: Floats
    weights: Floats
    covariance: Floats
    response: Floats
    log_determinant: float

    @classmethod
    def of(cls, temporal: Floats) -> StepStatistics:
        """Prepare the test for a temporal covariance (bins, bins)."""
        inverse, log_determinant = _inverse(temporal)
        ones = inverse.sum(axis=1)
        precision = inverse - np.outer(ones, ones) / ones.sum()
        half = _after(precision)
        covariance = _after(half.T).T
        response = np.sqrt(np.diag(covariance))
        log_determinant += float(np.log(ones.sum()))
        return cls(
            temporal, precision, half / response[:, None], covariance, response, log_determinant
        )

    def field(self, filtered: Floats) -> Floats32:
        """Return the statistic of each step at each pixel: rows, columns, steps."""
        n_bins, height, width = filtered.shape
        flat = filtered.reshape(n_bins, -1).astype(np.float32)
        field = flat.T @ self.weights.T.astype(np.float32)
        return np.ascontiguousarray(field.reshape(height, width, -1))

    def between(self, k: int, fraction: float) -> tuple[Floats, float]:
        """Return how all statistics respond to a step of height 1 within bin k + 1, and its own g.

        Parameters
        ----------
        k
            The preceding step.
        fraction
            0 to 1: fraction of bin ``k + 1`` in which the particle is absent.
        """
        mixed, own = self.covariance[k], self.covariance[k, k]
        if fraction > 0:
            following = self.covariance[k + 1]
            mixed = (1 - fraction) * mixed + fraction * following
            own = (1 - fraction) * mixed[k] + fraction * mixed[k + 1]
        return mixed / self.response, float(np.sqrt(own))


@dataclass(frozen=True)
class SlowNoise:
    """Possible backgrounds at one position: the common noise, or common noise plus slow changes.

    Attributes
    ----------
    models
        The common noise first, then with slow changes of several amplitudes and correlation times.
    log_prior
        Log probability of each, estimated from the recording (:meth:`learnt_from`).
    """

    models: tuple[StepStatistics, ...]
    log_prior: Floats

    @classmethod
    def over(
        cls,
        temporal: Floats,
        white: float,
        *,
        slow_share: float = 0.02,
        monitor: Monitor = SILENT,
    ) -> SlowNoise:
        """Set up models around a common covariance; slow changes affect a share of positions."""
        n_bins = len(temporal)
        lag = np.subtract.outer(np.arange(n_bins), np.arange(n_bins)) / n_bins
        covariances = [
            temporal + variance * white * np.exp(-((lag / time) ** 2) / 2)
            for time in SLOW_TIMES
            for variance in SLOW_VARIANCES
        ]
        models = []
        for done, covariance in enumerate((temporal, *covariances), start=1):
            models.append(StepStatistics.of(covariance))
            monitor.update(done / (1 + len(covariances)))
        share = slow_share / len(covariances)
        prior = np.log(np.r_[1 - slow_share, np.full(len(covariances), share)])
        return cls(tuple(models), prior)

    @property
    def slow_share(self) -> float:
        """Share of the places at which more than the common noise changes."""
        return float(-np.expm1(self.log_prior[0]))

    def log_likelihood(self, series: Floats) -> Floats:
        """Return the log likelihood of time courses (bins, places) under each model."""
        likelihoods = []
        for model in self.models:
            raise_if_cancelled()
            distance = np.einsum("tp,tp->p", series, np.dot(model.precision, series))
            likelihoods.append(-0.5 * (model.log_determinant + distance))
        return np.stack(likelihoods)

    def learnt_from(
        self, series: Floats, *, iterations: int = 60, floor: float = 1e-3
    ) -> SlowNoise:
        """Estimate the prior of each model from time courses without landings (EM of a mixture)."""
        likelihood = self.log_likelihood(series)
        prior = np.full(len(self.models), -np.log(len(self.models)))
        for _ in range(iterations):
            raise_if_cancelled()
            joint = prior[:, None] + likelihood
            share = np.exp(joint - logsumexp(joint, axis=0)).mean(axis=1) + floor / len(prior)
            prior = np.log(share / share.sum())
        return SlowNoise(self.models, prior)

    def step_evidence(self, series: Floats) -> tuple[Floats, Floats]:
        """Compare a step with no step, averaged over the models of the background.

        Parameters
        ----------
        series
            Time courses, (bins, places).

        Returns
        -------
        tuple of ndarray
            Twice the log of the ratio of the likelihoods with step k (maximised over its height)
            and without a step, (steps, places), at least 0; and the heights of these steps under
            the most likely model.
        """
        without = self.log_prior[:, None] + self.log_likelihood(series)
        total: Floats | None = None
        best = np.full((len(series) - 1, series.shape[1]), -np.inf)
        height = np.zeros_like(best)
        for model, base in zip(self.models, without, strict=True):
            raise_if_cancelled()
            statistic = np.dot(model.weights, series)
            joint = base + 0.5 * statistic**2
            better = joint > best
            best = np.where(better, joint, best)
            height = np.where(better, statistic / model.response[:, None], height)
            total = joint if total is None else np.logaddexp(total, joint)
        assert total is not None
        evidence = 2 * (total - logsumexp(without, axis=0))
        return np.maximum(evidence, 0), height

    def step_spread(self, series: Floats, courses: Floats) -> Floats:
        """Return how much larger the error of a step's height is than under the common noise.

        Parameters
        ----------
        series
            Time courses, (bins, places).
        courses
            The step at each place, (places, bins).

        Returns
        -------
        ndarray
            (places); 1 where nothing but the common noise is likely. The variance is that within
            the models plus that of the height between them.
        """
        likelihood = self.log_prior[:, None] + self.log_likelihood(series)
        heights, variances = np.zeros_like(likelihood), np.zeros_like(likelihood)
        for i, model in enumerate(self.models):
            weighted = courses @ model.precision
            information = np.einsum("pt,pt->p", weighted, courses)
            heights[i] = np.einsum("pt,tp->p", weighted, series) / information
            variances[i] = 1 / information
            likelihood[i] += heights[i] ** 2 * information / 2 - np.log(information) / 2
        share = np.exp(likelihood - logsumexp(likelihood, axis=0))
        mean = np.sum(share * heights, axis=0)
        variance = np.sum(share * (variances + (heights - mean) ** 2), axis=0)
        return np.asarray(np.sqrt(np.maximum(variance / variances[0], 1.0)))
