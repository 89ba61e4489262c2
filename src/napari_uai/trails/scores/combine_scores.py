"""One rank from several scores, without labels: how far each lies above what is typical."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from napari_uai.errors import BadValueError
from napari_uai.trails.table import Groups, group_codes
from napari_uai.typing import Floats, Ints

FLOOR = 0.1
"""Part of the median that is added before the logarithm, so that tiny values are equal."""

HALF = 2.0
"""Evidence that makes an anomaly of a half: twice that of the trail that 90 % do not reach."""


@dataclass(frozen=True)
class Evidence:
    """What a score adds to the anomaly.

    Parameters
    ----------
    weight
        Of its excess in the weighted mean.
    above
        Excess from which on it counts. Scores that are mostly noise count only far out, so that
        they speak up for what is extreme and are silent about the rest.
    """

    weight: float
    above: float = -np.inf


@dataclass(frozen=True, eq=False)
class Anomaly:
    """How anomalous each trail is.

    Parameters
    ----------
    anomaly
        0 to 1; a half where the evidence is twice that of the 90th percentile of the class.
    p_value
        Share of the trails of its class that are at least as anomalous, itself included.
    excess
        Of each score that counted: 0 at the median of the class, 1 at the 90th percentile.
    """

    anomaly: Floats
    p_value: Floats
    excess: Mapping[str, Floats]


def combine(
    scores: Mapping[str, Floats], evidence: Mapping[str, Evidence], groups: Groups
) -> Anomaly:
    """Combine scores to one.

    Each score is brought to the same scale within a class, by its logarithm: 0 at the median, 1
    at the 90th percentile. Both are unmoved by a few per cent of anomalies, of whatever size. The
    weighted mean of these ranks the trails. Unlike a sum of ranks it keeps how far out a trail
    is; unlike a minimum of p-values it does not let the noisiest of the scores fill the top.

    Parameters
    ----------
    scores
        One value for each trail, 0 or more, higher is more anomalous; NaN counts as typical.
    evidence
        What each of them adds; those without evidence are left out.
    groups
        What each trail is compared among.

    Returns
    -------
    Anomaly
        The p-value is that of conformal prediction (Vovk, Gammerman and Shafer 2005,
        doi:10.1007/b106715; of trajectories: Laxhammar and Falkman 2014,
        doi:10.1109/TPAMI.2013.172): if all trails of a class are exchangeable, it is at most p
        with probability p.

    Raises
    ------
    BadValueError
        If no score counts, or evidence is of a score that is not there.
    """
    counting = {name: of for name, of in evidence.items() if of.weight > 0}
    if not counting:
        raise BadValueError("no score counts: give one of them a weight above 0")
    missing = set(counting) - set(scores)
    if missing:
        raise BadValueError(f"there is no score {', '.join(sorted(missing))}")
    codes = group_codes(groups)
    excess = {name: excess_within(scores[name], codes) for name in counting}
    total = np.zeros(len(groups))
    # Scores that count only far out come on top of the mean of the others.
    whole = sum(of.weight for of in counting.values() if of.above == -np.inf) or 1.0
    for name, of in counting.items():
        above = excess[name] if of.above == -np.inf else np.maximum(excess[name] - of.above, 0.0)
        total += of.weight / whole * above
    with np.errstate(over="ignore"):  # far below the others: 0
        anomaly = 1 / (1 + np.exp(HALF - total))
    return Anomaly(anomaly, conformal_p_values(total, codes), excess)


def excess_within(values: Floats, groups: Ints) -> Floats:
    """Return the logarithm of values, 0 at the median of their group, 1 at the 90th percentile."""
    excess = np.zeros(len(values))
    for group in range(int(groups.max(initial=-1)) + 1):
        mine = np.flatnonzero(groups == group)
        known = mine[~np.isnan(values[mine])]
        if not len(known):
            continue
        of = values[known]
        typical = float(np.median(of))
        # Most are 0: what is typical of the others sets the scale.
        floor = FLOOR * (typical if typical > 0 else float(np.mean(of)))
        if floor > 0:
            logs = np.log(of + floor)
            middle, high = np.quantile(logs, [0.5, 0.9])
            excess[known] = (logs - middle) / max(high - middle, 1e-3)
    return excess


def conformal_p_values(values: Floats, groups: Ints) -> Floats:
    """Return the share of values of the group that are at least as high, itself included."""
    p_values = np.ones(len(values))
    for group in range(int(groups.max(initial=-1)) + 1):
        mine = np.flatnonzero(groups == group)
        ascending = np.sort(values[mine])
        reached = len(mine) - np.searchsorted(ascending, values[mine], side="left")
        p_values[mine] = reached / max(len(mine), 1)
    return p_values
