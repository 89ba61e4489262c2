"""Turning: where a trail changes its heading more than similar trails do."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d

from napari_uai.compiled import kernel
from napari_uai.monitor import SILENT, Monitor
from napari_uai.trails.scores.resampling import Paths, divide
from napari_uai.typing import Floats, Floats32, Ints

N_POINTS = 64
"""Number of points along a trail at which its turning is measured."""

BLOCK = 4096
"""Trails that are compared at a time."""


def turning_scores(paths: Paths, similar: Ints, *, monitor: Monitor = SILENT) -> Floats:
    """Return how much more each trail turns at some place than similar trails do there.

    Strengths: kinks, movements back and forth and turns of trails on ordinary lanes, however small
    the places that they touch. Weaknesses: classes in which everybody turns anywhere.

    Parameters
    ----------
    paths
        Points along the trails, without the jitter of the tracker.
    similar
        Rows of the trails that each is compared with, negative for none: trails, any number; int64.
    monitor
        Progress and cancellation, once per block of trails.

    Returns
    -------
    numpy.ndarray
        Largest excess of the turning at any of 64 points along each trail over the median of
        the similar trails at the same point, at least 0, in rad; float64.
    """
    turns = turns_along(paths, monitor=monitor.part(0, 0.5))
    return excess_turning(turns, turns, similar, monitor=monitor.part(0.5, 1))


def turns_along(paths: Paths, *, monitor: Monitor = SILENT) -> Floats32:
    """Return the change of the heading at 62 points along each trail, in rad: trails, points."""
    n = len(paths.offsets) - 1
    turns = np.empty((n, N_POINTS - 2), np.float32)
    for start in range(0, n, BLOCK):
        monitor.update(start / n, "turning")
        rows = np.arange(start, min(start + BLOCK, n))
        turns[rows] = _turns(divide(paths, rows, N_POINTS))
    return turns


def excess_turning(
    turns: Floats32, reference: Floats32, similar: Ints, *, monitor: Monitor = SILENT
) -> Floats:
    """Return the largest excess of turns over the median of similar trails of a reference."""
    scores = np.zeros(len(turns))
    for start in range(0, len(turns), BLOCK):
        monitor.update(start / len(turns), "turning")
        block = slice(start, start + BLOCK)
        _compare(turns[block], reference, similar[block], scores[block])
    return scores


@kernel
def _compare(turns: Floats32, reference: Floats32, similar: Ints, scores: Floats) -> None:
    """Write the largest excess over the median; 0 stands for a trail that is not there."""
    n = similar.shape[1]
    ascending = np.zeros(max(n, 1), np.float32)
    for i in range(len(turns)):
        most = np.float32(0.0)
        for p in range(turns.shape[1]):
            for k in range(n):
                value = np.float32(0.0)
                if similar[i, k] >= 0:
                    value = reference[similar[i, k], p]
                j = k
                while j > 0 and ascending[j - 1] > value:
                    ascending[j] = ascending[j - 1]
                    j -= 1
                ascending[j] = value
            usual = ascending[n // 2]
            if n > 0 and n % 2 == 0:
                usual = (ascending[n // 2 - 1] + usual) / np.float32(2.0)
            most = max(most, turns[i, p] - usual)
        scores[i] = most


def _turns(points: Floats32) -> Floats32:
    """Return the absolute change of the heading at each inner point of smoothed trails, in rad."""
    ahead = np.diff(gaussian_filter1d(points, 1.0, axis=1, mode="nearest"), axis=1)
    angle = np.arctan2(ahead[..., 0], ahead[..., 1])
    turn = np.abs(np.mod(np.diff(angle, axis=1) + np.pi, 2 * np.pi) - np.pi)
    length = np.hypot(ahead[..., 0], ahead[..., 1])
    moves = (length[:, 1:] > 1e-3) & (length[:, :-1] > 1e-3)
    return np.where(moves, turn, 0).astype(np.float32)
