"""Kernel of mixtures: maximum likelihood of Gaussians whose values have errors of their own."""

from __future__ import annotations

import math

import numpy as np

from napari_uai.compiled import kernel
from napari_uai.typing import Floats

SMALLEST_WEIGHT = 1e-9

FREE, COMMON, NONE = 0, 1, 2
"""Each component has its variance, all have the same, or none has any."""

_SMALLEST_DENSITY = 1e-300


@kernel
def maximize(
    values: Floats,
    noise: Floats,
    counts: Floats,
    start: Floats,
    widths: int,
    smallest: float,
    tolerance: float,
    most: int,
) -> tuple[Floats, float, int]:
    """Maximise the likelihood of a mixture from a start; return parameters, log-likelihood, steps.

    The likelihood is that of extreme deconvolution (Bovy, Hogg & Roweis 2011): value i has the
    density ``sum_k weight_k N(mean_k, width_k^2 + noise_i^2)``. Its expectation step is kept. The
    maximisation step sets the means and variances directly from the responsibilities (one step of
    Fisher scoring for the variances, with their limit at 0) instead of from estimates of the true
    values, as ECME does (Liu & Rubin 1994): a width of 0 is then reached in dozens of steps, not in
    tens of thousands.

    ``noise`` are variances, ``counts`` how often each value occurs, ``start`` the weights, means
    and variances of all components one after the other; ``widths`` is FREE, COMMON or NONE.
    """
    now, following, best = start.copy(), start.copy(), start.copy()
    before = best_likelihood = -np.inf
    steps = 0
    while steps < most:
        steps += 1
        likelihood = _step(values, noise, counts, now, following, widths, smallest)
        if likelihood > best_likelihood:
            best_likelihood = likelihood
            best[:] = now
        if abs(likelihood - before) < tolerance:
            break
        before = likelihood
        now[:] = following
    total = counts.sum()
    # Without the normalisation, the steps save a logarithm.
    return best, best_likelihood - 0.5 * total * math.log(2 * math.pi), steps


@kernel
def _step(
    values: Floats,
    noise: Floats,
    counts: Floats,
    now: Floats,
    following: Floats,
    widths: int,
    smallest: float,
) -> float:
    """Write the parameters that follow; return the log-likelihood of those before."""
    n = now.size // 3
    weights, means, variances = now[:n], now[n : 2 * n], now[2 * n :]
    share, pull = np.zeros(n), np.zeros(n)
    precision, slope, information = np.zeros(n), np.zeros(n), np.zeros(n)
    density = np.empty(n)
    likelihood = total = 0.0
    for i in range(values.size):
        if counts[i] == 0:
            continue
        whole = 0.0
        for k in range(n):
            variance = variances[k] + noise[i]
            distance = values[i] - means[k]
            density[k] = (
                weights[k] * math.exp(-0.5 * distance * distance / variance) / math.sqrt(variance)
            )
            whole += density[k]
        whole = max(whole, _SMALLEST_DENSITY)
        likelihood += counts[i] * math.log(whole)
        total += counts[i]
        for k in range(n):
            inverse = 1 / (variances[k] + noise[i])
            distance = values[i] - means[k]
            responsibility = counts[i] * density[k] / whole
            share[k] += responsibility
            precision[k] += responsibility * inverse
            pull[k] += responsibility * inverse * distance
            slope[k] += responsibility * (distance * distance * inverse - 1) * inverse
            information[k] += responsibility * inverse * inverse
    if widths == COMMON:
        slope[:] = slope.sum()
        information[:] = information.sum()
    for k in range(n):
        following[k] = max(share[k] / total, SMALLEST_WEIGHT)
        following[n + k] = means[k] + pull[k] / max(precision[k], _SMALLEST_DENSITY)
        step = slope[k] / max(information[k], _SMALLEST_DENSITY)
        following[2 * n + k] = 0.0 if widths == NONE else max(variances[k] + step, smallest)
    return likelihood


@kernel
def responsibilities(values: Floats, noise: Floats, parameters: Floats) -> Floats:
    """Return the probability of each component (columns) for each value (rows)."""
    n = parameters.size // 3
    shares = np.empty((values.size, n))
    for i in range(values.size):
        whole = 0.0
        for k in range(n):
            variance = parameters[2 * n + k] + noise[i]
            distance = values[i] - parameters[n + k]
            shares[i, k] = parameters[k] * math.exp(-0.5 * distance * distance / variance)
            shares[i, k] /= math.sqrt(variance)
            whole += shares[i, k]
        for k in range(n):
            shares[i, k] = shares[i, k] / whole if whole > 0 else 1 / n
    return shares
