"""Smooth random paths: how stage, focus, laser, membranes and electronics wander."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d

from napari_uai.typing import Floats

WOBBLE = 0.2
"""Range of the random part of a stage's path against the length of its straight part."""


def smooth_paths(rng: np.random.Generator, n: int, series: int, correlation: float) -> Floats:
    """Stationary Gaussian random paths of unit variance.

    White noise smoothed by a Gaussian of standard deviation ``correlation``; the correlation at
    lag t is ``exp(-t^2 / (4 correlation^2))``.

    Parameters
    ----------
    rng
        Random numbers.
    n
        Samples.
    series
        Independent paths.
    correlation
        Time scale; samples.

    Returns
    -------
    numpy.ndarray
        (n, series), float64.
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
    """Smooth random paths (n, series), each scaled to fill the interval from 0 to 1."""
    paths = smooth_paths(rng, n, series, correlation)
    paths -= paths.min(axis=0)
    return np.asarray(paths / np.maximum(paths.max(axis=0), np.finfo(float).tiny))


def stage_path(rng: np.random.Generator, n: int, range_px: float, correlation: float) -> Floats:
    """Path of a stage: a straight drift, and a smooth random walk about it.

    Parameters
    ----------
    rng
        Random numbers.
    n
        Samples.
    range_px
        Largest distance between any two of its positions; px.
    correlation
        Time scale of the random part; samples.

    Returns
    -------
    numpy.ndarray
        (n, 2): y and x, px, starting at 0, 0.
    """
    angle = rng.uniform(0, 2 * np.pi)
    straight = np.linspace(0, 1, n)[:, None] * np.array([np.sin(angle), np.cos(angle)])
    path = straight + WOBBLE * ranged_paths(rng, n, 2, correlation)
    path -= path[0]
    some = path[np.unique(np.linspace(0, n - 1, min(n, 400)).astype(int))]
    extent = np.linalg.norm(some[:, None] - some[None], axis=2).max()
    return np.asarray(path * (range_px / max(extent, np.finfo(float).tiny)))


def smooth_basis(n: int, width: float) -> Floats:
    """Gaussian bumps whose random mixture is a smooth random line of nearly even variance.

    Parameters
    ----------
    n
        Samples along the line.
    width
        Standard deviation of a bump, and the distance between two; samples.

    Returns
    -------
    numpy.ndarray
        (n, bumps); independent coefficients of unit variance give values of unit variance.
    """
    centres = np.arange(-2 * width, n - 1 + 2 * width + width, width)
    bumps = np.exp(-(((np.arange(n)[:, None] - centres) / width) ** 2) / 2)
    return np.asarray(bumps / np.linalg.norm(bumps, axis=1, keepdims=True))
