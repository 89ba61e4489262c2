"""Comparison of the masses of two or more conditions: tests, effect sizes, shares of components."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Annotated

import numpy as np
import numpy.typing as npt
import pandas as pd
from annotated_types import Ge, Gt, Lt

from napari_uai.errors import BadValueError
from napari_uai.iscat.mass.mixtures import Mixture, usable
from napari_uai.monitor import SILENT, Monitor
from napari_uai.parameters import checked
from napari_uai.typing import Floats

Groups = Mapping[str, npt.ArrayLike]

_WEIGHT_STEPS = 200
_WEIGHT_TOLERANCE = 1e-6


@checked
def compare_groups(
    groups: Groups,
    *,
    level: Annotated[float, Gt(0), Lt(1)] = 0.95,
    replicates: Annotated[int, Ge(2)] = 1000,
    seed: Annotated[int, Ge(0)] = 0,
    monitor: Monitor = SILENT,
) -> pd.DataFrame:
    """Compare the masses of each pair of groups.

    Parameters
    ----------
    groups
        Masses (kDa) by name, two groups or more. Values that are not finite are ignored.
    level
        Level of the intervals of the effect sizes.
    replicates
        Bootstrap samples for these intervals.
    seed
        Seed of the samples.
    monitor
        Progress and cancellation.

    Returns
    -------
    pandas.DataFrame
        One row per pair: ``group, other, n, n_other``; ``ks`` and ``ks_p`` (Kolmogorov-Smirnov, any
        difference of the distributions); ``mann_whitney_p`` (one tends to be heavier);
        ``ks_p_holm`` and ``mann_whitney_p_holm``, corrected for the number of pairs; ``delta``
        (Cliff's delta, the probability that a landing of ``group`` is heavier than one of ``other``
        minus that of the reverse, -1 to 1) and ``median_difference_kda``, with percentile intervals
        ``_low, _high``.

    Raises
    ------
    BadValueError
        If there are fewer than two groups, or one has fewer than two masses.

    Notes
    -----
    The tests take landings as independent. Those of one recording share its focus and calibration,
    so that recordings of one condition differ, too: compare several of each.

    References
    ----------
    Cliff, Psychol. Bull. 114, 494 (1993), doi:10.1037/0033-2909.114.3.494; Holm, Scand. J. Stat. 6,
    65 (1979), https://www.jstor.org/stable/4615733.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai.iscat import mass
    >>> rng = np.random.default_rng(0)
    >>> groups = {"control": rng.normal(60, 5, 200), "drug": rng.normal(66, 5, 200)}
    >>> row = mass.compare_groups(groups).iloc[0]
    >>> bool(row["mann_whitney_p_holm"] < 0.001), bool(row["delta"] < -0.4)
    (True, True)
    """
    from scipy.stats import ks_2samp, mannwhitneyu

    samples = _samples(groups)
    rng = np.random.default_rng(seed)
    pairs = list(combinations(samples, 2))
    rows = []
    for i, (one, other) in enumerate(pairs):
        a, b = samples[one], samples[other]
        ks, rank = ks_2samp(a, b), mannwhitneyu(a, b)
        draws = np.empty((replicates, 2))
        for j in range(replicates):
            monitor.update((i + j / replicates) / len(pairs), f"{one}, {other}")
            drawn, others = (s[rng.integers(0, len(s), len(s))] for s in (a, b))
            draws[j] = cliffs_delta(drawn, others), np.median(drawn) - np.median(others)
        (low, median_low), (high, median_high) = np.quantile(
            draws, ((1 - level) / 2, (1 + level) / 2), axis=0
        )
        rows.append(
            {
                "group": one,
                "other": other,
                "n": len(a),
                "n_other": len(b),
                "ks": float(ks.statistic),
                "ks_p": float(ks.pvalue),
                "mann_whitney_p": float(rank.pvalue),
                "delta": cliffs_delta(a, b),
                "delta_low": low,
                "delta_high": high,
                "median_difference_kda": float(np.median(a) - np.median(b)),
                "median_difference_kda_low": median_low,
                "median_difference_kda_high": median_high,
            }
        )
    table = pd.DataFrame(rows)
    table.insert(7, "ks_p_holm", holm(table["ks_p"]))
    table.insert(8, "mann_whitney_p_holm", holm(table["mann_whitney_p"]))
    return table


@checked
def compare_weights(
    groups: Groups,
    mixture: Mixture,
    noise: Groups | None = None,
    *,
    permutations: Annotated[int, Ge(1)] = 999,
    seed: Annotated[int, Ge(0)] = 0,
    monitor: Monitor = SILENT,
) -> pd.DataFrame:
    """Compare the shares of the components of a mixture between each pair of groups.

    Means and widths are those of the mixture, fitted to all groups together; the weights are fitted
    to each group. If groups do not differ, their landings can be exchanged: the p value is the
    share of random exchanges after which the weights differ at least as much.

    Parameters
    ----------
    groups
        Masses (kDa) by name, two groups or more.
    mixture
        Fitted to all masses together.
    noise
        Errors of the masses by name; None if unknown.
    permutations
        Number of random exchanges.
    seed
        Seed of the exchanges.
    monitor
        Progress and cancellation.

    Returns
    -------
    pandas.DataFrame
        One row per pair and component: ``group, other, component, mean_kda, weight, weight_other,
        difference, p``, and ``p_holm``, corrected for the number of rows.

    Raises
    ------
    BadValueError
        If there are fewer than two groups, or one has fewer than two masses.

    References
    ----------
    Phipson & Smyth, Stat. Appl. Genet. Mol. Biol. 9, 39 (2010), doi:10.2202/1544-6115.1585.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai.iscat import mass
    >>> rng = np.random.default_rng(0)
    >>> draw = lambda n, m: np.r_[rng.normal(60, 4, n), rng.normal(120, 4, m)]
    >>> groups = {"control": draw(150, 50), "drug": draw(80, 120)}
    >>> mixture = mass.fit_mixture(np.concatenate(list(groups.values())))
    >>> table = mass.compare_weights(groups, mixture, permutations=199)
    >>> table["difference"].round(1).tolist(), bool((table["p_holm"] < 0.05).all())
    ([0.4, -0.4], True)
    """
    samples = _samples(groups)
    densities = {
        name: mixture.density(*usable(groups[name], None if noise is None else noise[name]))
        for name in samples
    }
    rng = np.random.default_rng(seed)
    pairs = list(combinations(samples, 2))
    rows = []
    for i, (one, other) in enumerate(pairs):
        # Divided by the weights, which are fitted here.
        pooled = np.concatenate((densities[one], densities[other])) / mixture.weights
        pooled /= np.maximum(pooled.max(axis=1, keepdims=True), 1e-300)
        first = np.arange(len(pooled)) < len(densities[one])
        weights, others = _weights(pooled[first]), _weights(pooled[~first])
        larger = np.ones(len(mixture))
        for j in range(permutations):
            monitor.update((i + j / permutations) / len(pairs), f"{one}, {other}")
            mixed = rng.permutation(first)
            difference = _weights(pooled[mixed]) - _weights(pooled[~mixed])
            larger += np.abs(difference) >= np.abs(weights - others) - 1e-12
        p_values = larger / (permutations + 1)
        rows += [
            (one, other, k + 1, mixture.means[k], weights[k], others[k], weights[k] - others[k], p)
            for k, p in enumerate(p_values)
        ]
    names = [
        "group", "other", "component", "mean_kda", "weight", "weight_other", "difference", "p",
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=names)
    return table.assign(p_holm=holm(table["p"]))


def cliffs_delta(values: npt.ArrayLike, others: npt.ArrayLike) -> float:
    """Return Cliff's delta of two samples.

    Parameters
    ----------
    values, others
        Shapes (n,) and (m,).

    Returns
    -------
    float
        Probability that a value is larger than one of the others minus that of the reverse.

    Examples
    --------
    >>> from napari_uai.iscat import mass
    >>> mass.cliffs_delta([1, 2, 3], [0, 2])
    0.5
    """
    a, b = np.asarray(values, np.float64), np.sort(np.asarray(others, np.float64))
    smaller, not_larger = np.searchsorted(b, a, "left"), np.searchsorted(b, a, "right")
    return float((smaller.sum() - (len(b) - not_larger).sum()) / (len(a) * len(b)))


def holm(p_values: npt.ArrayLike) -> Floats:
    """Correct p values for their number by the method of Holm.

    Parameters
    ----------
    p_values
        Shape (n,).

    Returns
    -------
    numpy.ndarray
        Corrected values, in the same order.

    Examples
    --------
    >>> from napari_uai.iscat import mass
    >>> mass.holm([0.01, 0.04, 0.03]).round(2).tolist()
    [0.03, 0.06, 0.06]
    """
    given = np.asarray(p_values, np.float64)
    order = np.argsort(given, kind="stable")
    steps = given[order] * (len(given) - np.arange(len(given)))
    corrected = np.empty_like(given)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return corrected


def _weights(densities: Floats) -> Floats:
    """Return the weights of maximum likelihood of components with known densities."""
    weights = np.full(densities.shape[1], 1 / densities.shape[1])
    for _ in range(_WEIGHT_STEPS):
        joint = densities * weights
        following = (joint / np.maximum(joint.sum(axis=1, keepdims=True), 1e-300)).mean(axis=0)
        change = np.abs(following - weights).max()
        weights = following
        if change < _WEIGHT_TOLERANCE:
            break
    return np.asarray(weights)


def _samples(groups: Groups) -> dict[str, Floats]:
    if len(groups) < 2:
        raise BadValueError(f"a comparison needs at least two groups, got {len(groups)}")
    samples = {}
    for name, values in groups.items():
        array = np.asarray(values, np.float64).ravel()
        samples[name] = array[np.isfinite(array)]
        if len(samples[name]) < 2:
            raise BadValueError(f"group {name!r} has fewer than two masses")
    return samples
