"""One rank from several scores, without labels: how surprising each is within its class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from napari_uai.errors import BadValueError
from napari_uai.trails.table import Groups, group_codes
from napari_uai.typing import Floats, Ints

FLOOR = 0.1
"""Fraction of the median added before the logarithm, so that tiny values do not differ."""

TAIL = (0.90, 0.97)
"""Quantiles between which the tail of a score is measured: anomalies, a few per cent at most, lie
above."""

TAIL_TRAILS = 20
"""Number of trails that the tail should hold: in small classes it starts further down."""

ABOVE_TRAILS = 2
"""Number of trails that must lie above it: in small classes it ends further down."""

SHARPNESS = 1.5
"""Exponent of the mean of surprises: more than 1, so that a strong one is not averaged away."""

HALF = float(np.log(1000))
"""Surprise at which the anomaly is 0.5: that of one trail in a thousand."""


@dataclass(frozen=True)
class Evidence:
    """Contribution of a score to the anomaly.

    Parameters
    ----------
    weight
        Weight of its surprise.
    above
        Surprise above which it counts. Noisy scores count only where they are extreme.
    averaged
        Whether it enters the mean. Scores that are mostly noise do not: what they exceed is added
        to the mean, so that an ordinary value does not lower it.
    """

    weight: float
    above: float = 0.0
    averaged: bool = True


@dataclass(frozen=True, eq=False)
class Anomaly:
    """Combined anomaly of each trail.

    Parameters
    ----------
    anomaly
        0 to 1; 0.5 where the surprise is that of one trail in a thousand; float64.
    p_value
        Fraction of the trails of its class that are at least as anomalous, including itself;
        float64.
    surprise
        Surprise of each score that counts; float64.
    """

    anomaly: Floats
    p_value: Floats
    surprise: Mapping[str, Floats]


def combine(
    scores: Mapping[str, Floats], evidence: Mapping[str, Evidence], groups: Groups
) -> Anomaly:
    """Combine several scores of each trail into one.

    Each score becomes a surprise: minus the logarithm of the fraction of the class that reaches
    it, which the tail of the class extrapolates (:func:`surprise_within`). Tails differ: a value
    of ten times the median is nothing special in one score, and in another unheard of. The power
    mean of surprises ranks the trails. Unlike a mean of ranks, it retains how extreme a trail is;
    unlike a maximum, it is not dominated by the noisiest score.

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
    surprise = {name: surprise_within(scores[name], codes) for name in counting}
    total = total_surprise(surprise, counting)
    return Anomaly(total / (total + HALF), conformal_p_values(total, codes), surprise)


def total_surprise(surprise: Mapping[str, Floats], evidence: Mapping[str, Evidence]) -> Floats:
    """Return the power mean of surprises, plus those that are not averaged."""
    whole = sum(part.weight for part in evidence.values() if part.averaged) or 1.0
    mean = np.zeros(len(next(iter(surprise.values()))))
    added = np.zeros_like(mean)
    for name, part in evidence.items():
        excess = np.maximum(surprise[name] - part.above, 0.0)
        if part.averaged:
            mean += part.weight / whole * excess**SHARPNESS
        else:
            added += part.weight * excess
    return np.asarray(mean ** (1 / SHARPNESS) + added)


@dataclass(frozen=True, eq=False)
class Tail:
    """Distribution of a score in a class: its ranks, and the slope of its tail.

    Parameters
    ----------
    ascending
        Logarithms of all values; float64.
    floor
        Added to values before the logarithm.
    starts
        Logarithm of the value where the tail starts.
    above
        Fraction of the class above it.
    slope
        Surprise per unit of the logarithm in the tail.
    """

    ascending: Floats
    floor: float
    starts: float
    above: float
    slope: float

    @classmethod
    def of(cls, values: Floats) -> Tail | None:
        """Return the distribution of values, or None if they say nothing: all NaN or 0."""
        valid = values[~np.isnan(values)]
        if not len(valid):
            return None
        typical = float(np.median(valid))
        # If most values are 0, the mean sets the scale.
        floor = FLOOR * (typical if typical > 0 else float(np.mean(valid)))
        if floor <= 0:
            return None
        logs = np.sort(np.log(valid + floor))
        high = min(TAIL[1], max(1 - ABOVE_TRAILS / len(logs), 0.6))
        low = max(min(TAIL[0], high - TAIL_TRAILS / len(logs)), 0.5)
        starts, ends = np.quantile(logs, [low, high])
        slope = np.log((1 - low) / (1 - high)) / max(ends - starts, 1e-3)
        return cls(logs, floor, float(starts), 1 - low, float(slope))

    def surprise(self, values: Floats) -> Floats:
        """Return minus the logarithm of the fraction of the class that reaches each value.

        The fraction in the tail is that of an exponential distribution of the logarithm, which is
        a power law of the value.
        """
        logs = np.log(values + self.floor)
        n = len(self.ascending)
        reached = n - np.searchsorted(self.ascending, logs, side="left")
        ranked = np.minimum(-np.log(np.maximum(reached, 1) / n), -np.log(self.above))
        beyond = self.slope * (logs - self.starts) - np.log(self.above)
        return np.asarray(np.where(logs > self.starts, beyond, ranked))


def surprise_within(values: Floats, groups: Ints) -> Floats:
    """Return the surprise of values within their groups; that of the median for NaN.

    It is 0 for the smallest value of a group, 0.7 for the median, 2.3 for the 90th percentile, and
    above that the tail between the 90th and the 97th percentile is extrapolated.
    """
    surprise = np.full(len(values), np.log(2.0))
    for group in range(int(groups.max(initial=-1)) + 1):
        rows = np.flatnonzero(groups == group)
        tail = Tail.of(values[rows])
        valid = rows[~np.isnan(values[rows])]
        if tail is not None:
            surprise[valid] = tail.surprise(values[valid])
    return surprise


def conformal_p_values(values: Floats, groups: Ints) -> Floats:
    """Return the fraction of values of the group that are at least as high, including itself."""
    p_values = np.ones(len(values))
    for group in range(int(groups.max(initial=-1)) + 1):
        members = np.flatnonzero(groups == group)
        ascending = np.sort(values[members])
        reached = len(members) - np.searchsorted(ascending, values[members], side="left")
        p_values[members] = reached / max(len(members), 1)
    return p_values
