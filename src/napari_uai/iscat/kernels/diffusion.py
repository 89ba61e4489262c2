"""Displacements of a diffusing particle: likelihood, quadratic estimators, covariance of the MSD.

A particle with diffusion constant D (px^2 per frame along each axis) is seen with an offset
``s = sigma^2 - 2 R D``: sigma^2 is the variance of the localisation and R the blur coefficient.
Displacements of successive spots, m frames apart, then have the variance ``2 D m + 2 s`` and with
their neighbours the covariance ``-s``; all others are independent (Berglund 2010,
doi:10.1103/PhysRevE.82.011917), also where frames are missing.
"""

from __future__ import annotations

import numpy as np

from napari_uai.compiled import kernel
from napari_uai.typing import Floats

GOLDEN = 0.6180339887498949
_SEARCHES = 40
_HALVINGS = 50


@kernel
def log_likelihood(steps: Floats, lags: Floats, diffusion: float, offset: float) -> float:
    """Return the logarithm of the likelihood of displacements, without its constant.

    Parameters
    ----------
    steps
        (axes, n): displacements along each axis.
    lags
        (n,): frames of each displacement.
    diffusion, offset
        D and s.
    """
    total = 0.0
    axes, n = steps.shape
    residual = np.zeros(axes)
    pivot = 1.0
    for i in range(n):
        ratio = -offset / pivot if i else 0.0
        pivot = 2.0 * diffusion * lags[i] + 2.0 * offset + ratio * offset
        if not pivot > 0.0:
            return -np.inf
        total -= axes * np.log(pivot)
        for a in range(axes):
            residual[a] = steps[a, i] - ratio * residual[a]
            total -= residual[a] * residual[a] / pivot
    return 0.5 * total


@kernel
def profile_likelihood(
    steps: Floats, lags: Floats, blur: float, diffusion: float, widest: float
) -> float:
    """Return the largest log likelihood of a diffusion constant, whatever the localisation.

    The standard deviation of the localisation is between 0 and ``widest``.
    """
    low, high = 0.0, widest
    a, b = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
    moved = 2.0 * blur * diffusion
    at_a = log_likelihood(steps, lags, diffusion, a * a - moved)
    at_b = log_likelihood(steps, lags, diffusion, b * b - moved)
    for _ in range(_SEARCHES):
        if at_a >= at_b:
            high, b, at_b = b, a, at_a
            a = high - GOLDEN * (high - low)
            at_a = log_likelihood(steps, lags, diffusion, a * a - moved)
        else:
            low, a, at_a = a, b, at_b
            b = low + GOLDEN * (high - low)
            at_b = log_likelihood(steps, lags, diffusion, b * b - moved)
        if high - low < 1e-5 * widest:
            break
    edge = log_likelihood(steps, lags, diffusion, -moved)
    return max(at_a, at_b, edge)


@kernel
def likely_range(
    steps: Floats, lags: Floats, blur: float, drop: float
) -> tuple[float, float, float]:
    """Return the most likely diffusion constant and the range within a drop of log likelihood.

    Parameters
    ----------
    steps, lags
        As in :func:`log_likelihood`.
    blur
        R.
    drop
        How far the profile likelihood falls to both ends of the range.

    Returns
    -------
    tuple of float
        Most likely D, lower and upper end of the range.
    """
    axes, n = steps.shape
    square = np.sum(steps**2) / (axes * n)
    scale = np.sum(steps**2) / (2.0 * axes * np.sum(lags))
    widest = 2.0 * np.sqrt(square)
    # Along the root of D, in which the likelihood is nearly symmetric.
    low, high = 0.0, np.sqrt(8.0 * scale)
    a, b = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
    at_a = profile_likelihood(steps, lags, blur, a * a, widest)
    at_b = profile_likelihood(steps, lags, blur, b * b, widest)
    for _ in range(_SEARCHES):
        if at_a >= at_b:
            high, b, at_b = b, a, at_a
            a = high - GOLDEN * (high - low)
            at_a = profile_likelihood(steps, lags, blur, a * a, widest)
        else:
            low, a, at_a = a, b, at_b
            b = low + GOLDEN * (high - low)
            at_b = profile_likelihood(steps, lags, blur, b * b, widest)
        if high - low < 1e-4 * np.sqrt(scale):
            break
    best, top = (a, at_a) if at_a >= at_b else (b, at_b)
    still = profile_likelihood(steps, lags, blur, 0.0, widest)
    if still > top:
        best, top = 0.0, still
    lower = 0.0
    if still < top - drop:
        lower = _crossing(steps, lags, blur, widest, 0.0, best, top - drop)
    outside = max(2.0 * best, np.sqrt(scale))
    while profile_likelihood(steps, lags, blur, outside * outside, widest) > top - drop:
        outside *= 2.0
    upper = _crossing(steps, lags, blur, widest, outside, best, top - drop)
    return best * best, lower * lower, upper * upper


@kernel
def _crossing(
    steps: Floats, lags: Floats, blur: float, widest: float, out: float, inside: float, level: float
) -> float:
    """Return the root of D at which the profile likelihood crosses a level."""
    for _ in range(_HALVINGS):
        middle = 0.5 * (out + inside)
        if profile_likelihood(steps, lags, blur, middle * middle, widest) < level:
            out = middle
        else:
            inside = middle
        if abs(out - inside) < 1e-5 * max(out, inside):
            break
    return 0.5 * (out + inside)


@kernel
def estimator_variance(
    lags: Floats, diffusion: float, offset: float, squares: float, products: float
) -> float:
    """Return the variance of a weighted sum of squares and of products of neighbours, one axis.

    It is ``2 tr((Q S)^2)`` for the matrix Q of the weights and the covariance S of displacements;
    without missing frames this is equation 17 of Vestergaard et al. up to terms of order N^-3.

    Parameters
    ----------
    lags
        Frames of each displacement.
    diffusion, offset
        D and s.
    squares, products
        Weight of the squares of displacements, and of the products of neighbouring ones.
    """
    n = lags.size
    half = 0.5 * products
    total = 0.0
    for i in range(n):
        own = 2.0 * diffusion * lags[i] + 2.0 * offset
        near = (i > 0) + (i + 1 < n)
        diagonal = squares * own - near * half * offset
        total += diagonal * diagonal
        if i + 1 < n:
            after = 2.0 * diffusion * lags[i + 1] + 2.0 * offset
            up = -squares * offset + half * after
            down = -squares * offset + half * own
            total += 2.0 * up * down
        if i + 2 < n:
            total += 2.0 * (half * offset) ** 2
    return 2.0 * total


@kernel
def squared_displacements(frames: Floats, places: Floats, max_lag: int) -> tuple[Floats, Floats]:
    """Return the mean squared displacement of all pairs of spots per lag, and their number.

    Parameters
    ----------
    frames
        (n,): ascending.
    places
        (n, axes).
    max_lag
        Largest lag, in frames.

    Returns
    -------
    tuple of numpy.ndarray
        For lags from 1 to ``max_lag``: sum over the axes of the mean squared displacement, and
        number of pairs.
    """
    sums, counts = np.zeros(max_lag), np.zeros(max_lag)
    n, axes = places.shape
    for i in range(n):
        for j in range(i + 1, n):
            lag = int(frames[j] - frames[i])
            if lag > max_lag:
                break
            for a in range(axes):
                sums[lag - 1] += (places[j, a] - places[i, a]) ** 2
            counts[lag - 1] += 1
    return sums / counts, counts


@kernel
def displacement_covariance(counts: Floats, diffusion: float, offset: float, axes: int) -> Floats:
    """Return the covariance matrix of the mean squared displacements of free diffusion.

    Exact for trajectories without missing frames (the sums of Qian et al. 1991, with localisation
    and blur in them).

    Parameters
    ----------
    counts
        Number of pairs for lags from 1.
    diffusion, offset
        D and s.
    axes
        Number of axes, which are independent.
    """
    lags = counts.size
    out = np.zeros((lags, lags))
    for p in range(lags):
        for q in range(p, lags):
            n, m = p + 1, q + 1
            total = 0.0
            for k in range(-m, n + 1):
                pairs = min(counts[p], counts[q] - k) - max(0, -k)
                if pairs > 0:
                    common = 0.5 * (
                        _spread(n - k, diffusion, offset)
                        + _spread(k + m, diffusion, offset)
                        - _spread(k, diffusion, offset)
                        - _spread(n - k - m, diffusion, offset)
                    )
                    total += pairs * common * common
            out[p, q] = out[q, p] = 2.0 * axes * total / (counts[p] * counts[q])
    return out


@kernel
def _spread(lag: float, diffusion: float, offset: float) -> float:
    """Return the expected squared displacement along an axis."""
    return 2.0 * diffusion * abs(lag) + 2.0 * offset if lag else 0.0


@kernel
def gridded_likelihood(
    steps: Floats, lags: Floats, blur: float, diffusion: Floats, sigmas: Floats, weights: Floats
) -> Floats:
    """Return the log of the likelihood of each diffusion constant, averaged over localisations.

    Parameters
    ----------
    steps, lags
        As in :func:`log_likelihood`.
    blur
        R.
    diffusion
        Values of D.
    sigmas, weights
        Standard deviations of the localisation and their probabilities.
    """
    out = np.empty(diffusion.size)
    logs = np.empty(sigmas.size)
    for i in range(diffusion.size):
        for j in range(sigmas.size):
            offset = sigmas[j] * sigmas[j] - 2.0 * blur * diffusion[i]
            logs[j] = log_likelihood(steps, lags, diffusion[i], offset)
        top = logs.max()
        out[i] = top + np.log(np.sum(weights * np.exp(logs - top))) if top > -np.inf else top
    return out
