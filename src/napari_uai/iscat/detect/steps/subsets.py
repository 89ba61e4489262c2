"""Scores of events that overlap: with which others beside it each one explains the data best."""

from __future__ import annotations

import numpy as np
from scipy.spatial import KDTree

from napari_uai.compiled import kernel
from napari_uai.iscat.detect.steps.models import SlowNoise
from napari_uai.iscat.detect.steps.pursuit import Step
from napari_uai.monitor import raise_if_cancelled
from napari_uai.typing import Floats, Ints

MOST_BESIDE = 6
"""Strongest events beside one whose presence is decided together with its own."""

_AT_ONCE = 256
_COINCIDENT = 1e-9


def subset_scores(
    steps: list[Step], series: Floats, noise: SlowNoise, *, near_px: float, least: float
) -> Floats:
    """Score each event by the likelihood with it and without it, whatever is beside it.

    Every subset of the events at one place is fitted to the time course there, under every
    background that is possible, with free heights. The score is the root of twice the difference of
    the log likelihoods of the best subset with the event and of the best one without it. For an
    event alone that is :meth:`SlowNoise.step_evidence` at its time.

    Parameters
    ----------
    steps
        Events.
    series
        Time course at each event, of which all farther ones are subtracted, (bins, events).
    noise
        The possible backgrounds.
    near_px
        Distance within which others are beside an event.
    least
        Smallest statistic of an event that is looked for: as much as each of the others must add.

    Returns
    -------
    ndarray
        (events), at least 0.
    """
    n_bins = len(series)
    courses = np.array([step.course(n_bins) for step in steps]).reshape(-1, n_bins)
    unexplained = noise.log_prior[:, None] + noise.log_likelihood(series)
    groups = _groups(steps, near_px)
    likelihoods = [np.full((len(members), 2 ** members.shape[1]), -np.inf) for members in groups]
    for model, base in zip(noise.models, unexplained, strict=True):
        weighted = courses @ model.precision
        products, seen = weighted @ courses.T, weighted @ series
        for members, likelihood in zip(groups, likelihoods, strict=True):
            raise_if_cancelled()
            events = members[:, :1]
            explained = _explained(
                products[members[:, :, None], members[:, None, :]], seen[members, events]
            )
            np.logaddexp(likelihood, base[events] + explained / 2, out=likelihood)
    scores = np.zeros(len(steps))
    for members, likelihood in zip(groups, likelihoods, strict=True):
        scores[members[:, 0]] = _with_and_without(likelihood, least**2 / 2)
    return scores


def _with_and_without(likelihood: Floats, price: float) -> Floats:
    """Return the scores of events, given the log likelihood of every subset, (events, subsets)."""
    subsets = np.arange(likelihood.shape[1])
    others = np.bitwise_count(subsets >> 1)
    dear = likelihood - price * others
    gain = dear[:, subsets % 2 == 1].max(axis=1) - dear[:, subsets % 2 == 0].max(axis=1)
    return np.asarray(np.sqrt(np.maximum(2 * gain, 0)))


def _groups(steps: list[Step], near_px: float) -> list[Ints]:
    """Return each event with those beside it, in tables of some events of equal number of these."""
    at = np.array([(step.y, step.x) for step in steps]).reshape(-1, 2)
    strength = np.array([abs(step.statistic) for step in steps])
    tree, members = KDTree(at), dict[int, list[list[int]]]()
    for i, near in enumerate(tree.query_ball_point(at, near_px)):
        beside = sorted((j for j in near if j != i), key=lambda j: -strength[j])[:MOST_BESIDE]
        members.setdefault(len(beside), []).append([i, *beside])
    return [
        np.array(rows[start : start + _AT_ONCE])
        for rows in members.values()
        for start in range(0, len(rows), _AT_ONCE)
    ]


@kernel
def _explained(products: Floats, seen: Floats) -> Floats:
    """Return what each subset of columns explains of the data, as a square: (events, subsets).

    Bit j of the number of a subset says whether column j is in it. Its Cholesky factor is that of
    the subset without the last column, and one row more.

    Parameters
    ----------
    products, seen
        Of the columns with each other, (events, n, n), and with the data, (events, n).
    """
    n_events, n = seen.shape
    squares = np.zeros((n_events, 2**n))
    factor = np.zeros((2**n, n, n))
    solved = np.zeros((2**n, n))
    columns = np.zeros((2**n, n), np.int64)
    size = np.zeros(2**n, np.int64)
    for event in range(n_events):
        for last in range(n):
            for rest in range(2**last):
                subset, k = rest + 2**last, size[rest]
                size[subset] = k + 1
                columns[subset, k] = last
                for row in range(k):
                    columns[subset, row] = columns[rest, row]
                    solved[subset, row] = solved[rest, row]
                    for column in range(row + 1):
                        factor[subset, row, column] = factor[rest, row, column]
                left = products[event, last, last]
                remainder = seen[event, last]
                for row in range(k):
                    value = products[event, last, columns[rest, row]]
                    for column in range(row):
                        value -= factor[subset, k, column] * factor[rest, row, column]
                    value /= factor[rest, row, row]
                    factor[subset, k, row] = value
                    left -= value * value
                    remainder -= value * solved[rest, row]
                # Of two events at one place and time, only the sum is known.
                if left > _COINCIDENT * products[event, last, last]:
                    factor[subset, k, k] = np.sqrt(left)
                    solved[subset, k] = remainder / factor[subset, k, k]
                else:
                    factor[subset, k, k] = np.inf
                    solved[subset, k] = 0.0
                squares[event, subset] = squares[event, rest] + solved[subset, k] ** 2
    return squares
