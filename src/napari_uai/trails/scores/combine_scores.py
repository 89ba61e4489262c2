"""One rank from several scores, without labels: how far each exceeds what is typical."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from napari_uai.errors import BadValueError
from napari_uai.trails.table import Groups, group_codes
from napari_uai.typing import Floats, Ints

FLOOR = 0.1
"""Fraction of the median added before the logarithm, so that tiny values do not differ."""

HALF = 2.0
"""Evidence at which the anomaly is 0.5: twice that of the 90th percentile of the class."""


@dataclass(frozen=True)
class Evidence:
    """Contribution of a score to the anomaly.

    Parameters
    ----------
    weight
        Weight of its excess in the weighted mean.
    above
        Excess above which it counts. Noisy scores count only where they are extreme.
    """

    weight: float
    above: float = -np.inf


@dataclass(frozen=True, eq=False)
class Anomaly:
    """Combined anomaly of each trail.

    Parameters
    ----------
    anomaly
        0 to 1; 0.5 where the evidence is twice that of the 90th percentile of the class; float64.
    p_value
        Fraction of the trails of its class that are at least as anomalous, including itself;
        float64.
    excess
        Excess of each score that counts: 0 at the median of the class, 1 at the 90th percentile.
    """

    anomaly: Floats
    p_value: Floats
    excess: Mapping[str, Floats]


def combine(
    scores: Mapping[str, Floats], evidence: Mapping[str, Evidence], groups: Groups
) -> Anomaly:
    """Combine several scores of each trail into one.

    The logarithm of each score is normalized within each class to 0 at the median and 1 at the
    90th percentile; a few per cent of anomalies, of any size, leave both unchanged. The weighted
    mean ranks the trails. Unlike a sum of ranks, it retains how extreme a trail is; unlike a
    minimum of p-values, it is not dominated by the noisiest score.

    Parameters
    ----------
    scores
        One value per trail for each score, 0 or more, higher is more anomalous; float64. NaN
        counts as typical.
    evidence
        Contribution of each score; scores without evidence are not used.
    groups
        Group that each trail is compared with.

    Returns
    -------
    Anomaly
        The p-value is that of conformal prediction [1]_, as applied to trajectories [2]_: if the
        trails of a class are exchangeable, it is at most p with probability p.

    Raises
    ------
    BadValueError
        If no score counts, or there is evidence of an unknown score.

    References
    ----------
    .. [1] V. Vovk, A. Gammerman, G. Shafer, "Algorithmic Learning in a Random World", Springer
       (2005), doi:10.1007/b106715
    .. [2] R. Laxhammar, G. Falkman, "Online learning and sequential anomaly detection in
       trajectories", IEEE Transactions on Pattern Analysis and Machine Intelligence 36, 1158-1173
       (2014), doi:10.1109/TPAMI.2013.172

    Examples
    --------
    >>> import numpy as np
    >>> distance = np.array([1.0, 1.1, 0.9, 1.2, 9.0])
    >>> groups = np.array(["car"] * 5, object)
    >>> found = combine({"nearest": distance}, {"nearest": Evidence(1.0)}, groups)
    >>> int(found.anomaly.argmax()), found.p_value.tolist()
    (4, [0.8, 0.6, 1.0, 0.4, 0.2])
    """
    counting = {name: part for name, part in evidence.items() if part.weight > 0}
    if not counting:
        raise BadValueError("at least one score must have a weight above 0")
    missing = set(counting) - set(scores)
    if missing:
        raise BadValueError(f"unknown score {', '.join(sorted(missing))}")
    codes = group_codes(groups)
    excess = {name: excess_within(scores[name], codes) for name in counting}
    total = np.zeros(len(groups))
    # Scores that count only where extreme are added to the mean of the others.
    whole = sum(part.weight for part in counting.values() if part.above == -np.inf) or 1.0
    for name, part in counting.items():
        above = (
            excess[name] if part.above == -np.inf else np.maximum(excess[name] - part.above, 0.0)
        )
        total += part.weight / whole * above
    with np.errstate(over="ignore"):  # the exponential of very typical trails
        anomaly = 1 / (1 + np.exp(HALF - total))
    return Anomaly(anomaly, conformal_p_values(total, codes), excess)


def excess_within(values: Floats, groups: Ints) -> Floats:
    """Return logarithms of values, 0 at the median of the group and 1 at the 90th percentile."""
    excess = np.zeros(len(values))
    for group in range(int(groups.max(initial=-1)) + 1):
        rows = np.flatnonzero(groups == group)
        valid = rows[~np.isnan(values[rows])]
        if not len(valid):
            continue
        members = values[valid]
        typical = float(np.median(members))
        # If most values are 0, the mean sets the scale.
        floor = FLOOR * (typical if typical > 0 else float(np.mean(members)))
        if floor > 0:
            logs = np.log(members + floor)
            middle, high = np.quantile(logs, [0.5, 0.9])
            excess[valid] = (logs - middle) / max(high - middle, 1e-3)
    return excess


def conformal_p_values(values: Floats, groups: Ints) -> Floats:
    """Return the fraction of values of the group that are at least as high, including itself."""
    p_values = np.ones(len(values))
    for group in range(int(groups.max(initial=-1)) + 1):
        members = np.flatnonzero(groups == group)
        ascending = np.sort(values[members])
        reached = len(members) - np.searchsorted(ascending, values[members], side="left")
        p_values[members] = reached / max(len(members), 1)
    return p_values
