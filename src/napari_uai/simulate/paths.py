"""Smooth random paths: drift of stage, focus and laser, membranes, jitter of trackers."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d

from napari_uai.typing import Floats

WOBBLE = 0.2
"""Range of the random part of a stage's path, relative to the length of its straight part."""


def smooth_paths(rng: np.random.Generator, n: int, series: int, correlation: float) -> Floats:
    """Return stationary Gaussian random paths of unit variance.

    White noise is smoothed by a Gaussian with standard deviation ``correlation``; the correlation
    at lag t is ``exp(-t^2 / (4 correlation^2))``.

    Parameters
    ----------
    rng
        Random number generator.
    n
        Number of samples.
    series
        Number of independent paths.
    correlation
        Time scale, in samples.

    Returns
    -------
    numpy.ndarray
        Samples, paths; float64.
    """
    pad = int(np.ceil(4 * correlation)) + 1
    white = rng.standard_normal((n + 2 * pad, series))
    if correlation <= 0:
        return white[pad : pad + n]
    impulse = np.zeros(2 * pad + 1)
    impulse[pad] = 1
    gain = np.sqrt(np.sum(gaussian_filter1d(impulse, correlation, mode="constant") ** 2))
    smooth = gaussian_filter1d(white, correlation, axis=0, mode="constant")
    return np.asarray(smooth[pad : pad + n] / gain)


def ranged_paths(rng: np.random.Generator, n: int, series: int, correlation: float) -> Floats:
    """Return smooth random paths (n, series), each scaled to the interval from 0 to 1."""
    paths = smooth_paths(rng, n, series, correlation)
    paths -= paths.min(axis=0)
    return np.asarray(paths / np.maximum(paths.max(axis=0), np.finfo(float).tiny))


def stage_path(rng: np.random.Generator, n: int, range_px: float, correlation: float) -> Floats:
    """Return the path of a stage: a straight drift with a smooth random path around it.

    Parameters
    ----------
    rng
        Random number generator.
    n
        Number of samples.
    range_px
        Largest distance between any two positions, in px.
    correlation
        Time scale of the random part, in samples.

    Returns
    -------
    numpy.ndarray
        Positions (y, x) in px, from (0, 0): n, 2; float64.
    """
    angle = rng.uniform(0, 2 * np.pi)
    straight = np.linspace(0, 1, n)[:, None] * np.array([np.sin(angle), np.cos(angle)])
    path = straight + WOBBLE * ranged_paths(rng, n, 2, correlation)
    path -= path[0]
    some = path[np.unique(np.linspace(0, n - 1, min(n, 400)).astype(int))]
    extent = np.linalg.norm(some[:, None] - some[None], axis=2).max()
    return np.asarray(path * (range_px / max(extent, np.finfo(float).tiny)))


def smooth_basis(n: int, width: float) -> Floats:
    """Return Gaussian bumps whose random mixture is a smooth line of nearly uniform variance.

    Parameters
    ----------
    n
        Number of samples along the line.
    width
        Standard deviation of a bump and distance between bumps, in samples.

    Returns
    -------
    numpy.ndarray
        Samples, bumps; float64. Independent coefficients of unit variance give values of unit
        variance.
    """
    centres = np.arange(-2 * width, n - 1 + 2 * width + width, width)
    bumps = np.exp(-(((np.arange(n)[:, None] - centres) / width) ** 2) / 2)
    return np.asarray(bumps / np.linalg.norm(bumps, axis=1, keepdims=True))
