"""Scores of trails: each tells another way in which an object moved as nobody else does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated

import numpy as np
import pandas as pd
from annotated_types import Ge

from napari_uai.errors import BadValueError
from napari_uai.monitor import SILENT, Monitor
from napari_uai.trails.heat.along_trails import mean_over_trails, worst_window
from napari_uai.trails.heat.heat import TrailHeat, measure_heat
from napari_uai.trails.heat.painted_width import paint_at_width
from napari_uai.trails.heat.scaling import rescale
from napari_uai.trails.parallel import side_by_side
from napari_uai.trails.parameters import (
    BlurWidth,
    Directions,
    HeatScale,
    Limit,
    LimitUnit,
    LongestSide,
    PaintedWidth,
    Share,
    Weigh,
)
from napari_uai.trails.scores.combine_scores import Evidence, combine
from napari_uai.trails.scores.companions import Companions, find_companions
from napari_uai.trails.scores.direction import against_the_stream
from napari_uai.trails.scores.explanations import departing_stretches, score_samples
from napari_uai.trails.scores.motion import dwell_scores, measure_pace, speed_scores
from napari_uai.trails.scores.nearest import (
    Neighbours,
    mean_of_nearest,
    nearest_of_points,
    relative,
)
from napari_uai.trails.scores.resampling import resample_along_arc
from napari_uai.trails.table import Groups, Trails, problem_table
from napari_uai.typing import Bools, Floats, Floats32, Ints

SCORES: Mapping[str, str] = MappingProxyType(
    {
        "heat": "places where few others went in that direction, on the whole way",
        "worst_window": "the least frequented stretch of the way",
        "direction": "a heading against most of those who pass there",
        "nearest": "distance from the most similar trail, from start to end",
        "companion": "distance from the trails that went along best, wherever they went besides",
        "dwell": "the longest stay, against what is usual there",
        "speed": "slower or faster than is usual there",
    }
)
"""Columns of scores and what they tell."""

EVIDENCE: Mapping[str, Evidence] = MappingProxyType(
    {
        "nearest": Evidence(1.0),
        "companion": Evidence(1.0),
        "worst_window": Evidence(1.0),
        "dwell": Evidence(0.25, above=2.0),
        "speed": Evidence(0.25, above=2.0),
    }
)
"""What each score adds to the anomaly."""

SIMILAR = 4
"""Most similar trails that are tried as companions."""

DEPARTING = 0.9
"""Quantile of the class's samples above which a sample departs."""


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores of trails, and where they come from.

    Parameters
    ----------
    table
        A row for each trail, most anomalous first: ``trail``, ``class``, ``n_samples``, ``rank``
        (from 1), ``anomaly``, ``p_value``, those of :data:`SCORES` (0 to 1, 1 most anomalous),
        ``departs_from``, ``departs_to`` (time of the stretch that stands out; s).
    rows
        Row of ``trails.table`` that each row of ``table`` belongs to; int64.
    at_samples
        How anomalous each sample of the trails is, 0 to 1; float32.
    stretches
        For each row of ``table`` the first sample of the departing stretch and the one behind its
        last, counted from the first sample of the trail; int64, (trails, 2).
    problems
        Classes with too few trails.
    """

    table: pd.DataFrame
    rows: Ints
    at_samples: Floats32
    stretches: Ints
    problems: pd.DataFrame


@dataclass(frozen=True, eq=False)
class Measurements:
    """What scores are made of and limits of the heat do not change: kept, it makes them live.

    Parameters
    ----------
    trails
        As given.
    groups
        What each trail is compared among.
    heat
        Of the groups, with directions.
    companions
        Of the trails.
    raw
        Scores that do not depend on limits, by name; as measured.
    shown
        The same, from 0 to 1.
    typical_px
        For each trail the distance to a companion that is half-way between ordinary and not.
    problems
        Classes with too few trails.
    """

    trails: Trails
    groups: Groups
    heat: TrailHeat
    companions: Companions
    raw: Mapping[str, Floats]
    shown: Mapping[str, Floats]
    typical_px: Floats
    problems: pd.DataFrame


def score_trails(
    trails: Trails,
    *,
    min_trails: Annotated[int, Ge(2)] = 10,
    longest_side_px: LongestSide = 240,
    painted_width_px: PaintedWidth | None = None,
    n_directions: Directions = 12,
    blur_px: BlurWidth = 7,
    lower: Limit = 0.0,
    upper: Limit = 0.5,
    unit: LimitUnit = "quantile",
    scale: HeatScale = "surprisal",
    weigh: Weigh = "time",
    window: Share = 0.2,
    k: Neighbours = 1,
    n_points: Annotated[int, Ge(2)] = 32,
    monitor: Monitor = SILENT,
) -> Scores:
    """Rank trails by how little they fit the scene's ordinary traffic.

    Each class is compared with itself. The ``anomaly`` is the mean of the logarithms of
    ``nearest``, ``companion`` and ``worst_window`` on a common scale (:func:`combine`); ``dwell``
    and ``speed``, which are mostly noise, add to it only where they are extreme. What each score
    is good and bad at stands with the function that measures it: :func:`mean_over_trails` and
    :func:`worst_window` of the heat, :func:`against_the_stream`, :func:`nearest_distances`,
    :func:`find_companions`, :func:`dwell_scores`, :func:`speed_scores`. ``heat`` is good at long
    stays and ways off the beaten track and bad at a short excursion, which ``worst_window`` finds;
    both call every rare place anomalous, and neither sees a rare sequence of frequented places.

    Parameters
    ----------
    trails
        Trails of one scene.
    min_trails
        Classes with fewer trails are compared together; if even those are fewer, together with
        the most frequent class.
    longest_side_px
        Longest side of the heatmap.
    painted_width_px
        Width of a painted trail in px of the heatmap; chosen by leave-one-out likelihood
        if None.
    n_directions
        Bins of the direction of movement, 2 or more.
    blur_px
        Width of the square of the heatmap that a blur averages over.
    lower, upper
        Heat at which a place is as unusual, and as ordinary, as can be.
    unit
        Of these limits.
    scale
        What lies between them.
    weigh
        Whether ``heat`` and ``worst_window`` weigh places by time or by the length of the way.
    window
        Part of a trail that is its worst window.
    k
        Most similar trails whose distances are averaged for ``nearest``.
    n_points
        Points at which two trails are compared for it.

    Returns
    -------
    Scores
        The same trails and parameters give the same scores.

    Raises
    ------
    BadValueError
        If a parameter is outside its limits, or a position or time is not finite.
    """
    measured = measure_trails(
        trails,
        min_trails=min_trails,
        longest_side_px=longest_side_px,
        painted_width_px=painted_width_px,
        n_directions=n_directions,
        blur_px=blur_px,
        k=k,
        n_points=n_points,
        monitor=monitor.part(0.0, 0.9),
    )
    return score_measured(
        measured,
        lower=lower,
        upper=upper,
        unit=unit,
        scale=scale,
        weigh=weigh,
        window=window,
        monitor=monitor.part(0.9, 1.0),
    )


def measure_trails(
    trails: Trails,
    *,
    min_trails: Annotated[int, Ge(2)] = 10,
    longest_side_px: LongestSide = 240,
    painted_width_px: PaintedWidth | None = None,
    n_directions: Directions = 12,
    blur_px: BlurWidth = 7,
    k: Neighbours = 1,
    n_points: Annotated[int, Ge(2)] = 32,
    monitor: Monitor = SILENT,
) -> Measurements:
    """Measure all of :func:`score_trails` that limits of the heat do not change.

    Parameters are those of :func:`score_trails`.
    """
    if min_trails < 2:
        raise BadValueError(f"min_trails is at least 2, got {min_trails}")
    if n_directions < 2:
        raise BadValueError(f"n_directions is 2 or more for these scores, got {n_directions}")
    if k < 1:
        raise BadValueError(f"k is at least 1, got {k}")
    groups, problems = comparison_groups(trails, min_trails)
    footprints = paint_at_width(
        trails,
        longest_side_px=longest_side_px,
        painted_width_px=painted_width_px,
        n_directions=n_directions,
        monitor=monitor.part(0.0, 0.15),
    )
    heat = measure_heat(footprints, groups, blur_px=blur_px, monitor=monitor.part(0.15, 0.35))
    points = resample_along_arc(trails, n_points=n_points, monitor=monitor.part(0.35, 0.4))
    distances, similar = nearest_of_points(
        points, k=max(k, SIMILAR), groups=groups, monitor=monitor.part(0.4, 0.5)
    )
    companions = find_companions(
        trails, groups=groups, similar=similar, monitor=monitor.part(0.5, 0.95)
    )
    pace = measure_pace(trails, groups=groups, monitor=monitor.part(0.95, 1.0))
    against = mean_over_trails(footprints, against_the_stream(heat), weigh="arc")
    raw = {
        "direction": against.astype(np.float64),
        "nearest": mean_of_nearest(distances, k),
        "companion": mean_of_nearest(companions.distances, 2),
        "dwell": dwell_scores(pace),
        "speed": speed_scores(pace),
    }
    typical = _typical_px(companions.distances[:, 0], groups)
    shown = {name: _shown(name, values, groups) for name, values in raw.items()}
    table = problem_table(problems)
    return Measurements(trails, groups, heat, companions, raw, shown, typical, table)


def score_measured(
    measured: Measurements,
    *,
    lower: Limit = 0.0,
    upper: Limit = 0.5,
    unit: LimitUnit = "quantile",
    scale: HeatScale = "surprisal",
    weigh: Weigh = "time",
    window: Share = 0.2,
    monitor: Monitor = SILENT,
) -> Scores:
    """Rank trails that were measured, once limits are chosen.

    Parameters
    ----------
    measured
        What :func:`measure_trails` returned.
    lower, upper, unit, scale, weigh, window, monitor
        As of :func:`score_trails`.

    Returns
    -------
    Scores
        The same as :func:`score_trails` with the parameters of both.
    """
    trails, groups, heat = measured.trails, measured.groups, measured.heat
    footprints = heat.footprints
    ordinary = rescale(heat, lower=lower, upper=upper, unit=unit, scale=scale).at_points
    window_of = worst_window(footprints, ordinary, share=window, weigh=weigh)
    on_the_way = mean_over_trails(footprints, ordinary, weigh=weigh)
    by_heat = {
        "heat": 1.0 - on_the_way.astype(np.float64),
        "worst_window": 1.0 - window_of.mean.astype(np.float64),
    }
    monitor.update(0.4, "scores")
    found = combine({**by_heat, **measured.raw}, EVIDENCE, groups)
    at_samples = score_samples(
        trails, measured.companions, footprints, ordinary, measured.typical_px
    )
    stretches = departing_stretches(trails, at_samples, _thresholds(at_samples, trails, groups))
    monitor.update(1.0, "scores")
    shown = {name: _shown(name, values, groups) for name, values in by_heat.items()}
    shown |= measured.shown
    order = np.argsort(-found.anomaly, kind="stable")
    table = _table(trails, order, found.anomaly, found.p_value, shown, stretches)
    return Scores(table, order, at_samples, stretches[order], measured.problems)


def comparison_groups(trails: Trails, min_trails: int) -> tuple[Groups, list[tuple[str, str, str]]]:
    """Return what each trail is compared among, and which classes were too small for themselves.

    Classes with fewer than ``min_trails`` trails become one; if that has fewer still, it is added
    to the most frequent class, which a few strangers do not change.
    """
    counts = trails.classes
    small = [str(name) for name in counts.index[counts < min_trails]]
    groups = trails.table["class"].to_numpy(dtype=object, copy=True)
    if not small or len(counts) == 1:
        few = [("", "", _few(name, int(counts[name]), "nothing else")) for name in small]
        return groups, few
    together = int(counts[small].sum())
    with_most = together < min_trails and len(small) < len(counts)
    name = str(counts.index[0]) if with_most else "\0rare classes"
    groups[np.isin(groups.astype(str), small)] = name
    problems = []
    for kind in small:
        others = [name] if with_most else [other for other in small if other != kind]
        problems.append(
            ("", "", _few(kind, int(counts[kind]), ", ".join(others) or "nothing else"))
        )
    return groups, problems


def _few(kind: str, n: int, others: str) -> str:
    trails = "1 trail" if n == 1 else f"{n} trails"
    return f"class {kind} has {trails}, too few by themselves; compared with {others} as well"


def _members(groups: Groups) -> list[Bools]:
    """Return which trails belong to each group."""
    return [groups == group for group in np.unique(groups.astype(str))]


def _typical_px(distances: Floats, groups: Groups) -> Floats:
    """Return for each trail the 90th percentile of its group's distances, at least 1e-3 px."""
    typical = np.ones(len(distances))
    for mine in _members(groups):
        known = distances[mine][~np.isnan(distances[mine])]
        if len(known):
            typical[mine] = max(float(np.quantile(known, 0.9)), 1e-3)
    return typical


def _thresholds(at_samples: Floats32, trails: Trails, groups: Groups) -> Floats:
    """Return for each trail the score above which a sample departs.

    Half-way from what is typical of its group to its own peak, but no less than few samples of
    the group reach.
    """
    if not len(trails):
        return np.zeros(0)
    peaks = np.maximum.reduceat(at_samples, trails.offsets[:-1])
    thresholds = np.zeros(len(trails))
    members = _members(groups)

    def typical_and_rare(mine: Bools) -> Floats:
        of = at_samples[np.repeat(mine, trails.n_samples)]
        quantiles: Floats = np.quantile(of, [0.5, DEPARTING], overwrite_input=True)
        return quantiles

    for mine, (typical, rare) in zip(members, side_by_side(typical_and_rare, members), strict=True):
        thresholds[mine] = np.maximum(0.5 * (typical + peaks[mine]), rare)
    return thresholds


def _shown(name: str, values: Floats, groups: Groups) -> Floats:
    """Bring a score to 0..1; distances and times, by what is typical of the group."""
    if name in ("heat", "worst_window", "direction"):
        return np.clip(values, 0.0, 1.0)
    shown = np.zeros(len(values))
    for mine in _members(groups):
        known = values[mine][~np.isnan(values[mine])]
        typical = float(np.median(known)) if len(known) else 1.0
        shown[mine] = np.nan_to_num(relative(values[mine], typical))
    return shown


def _table(
    trails: Trails,
    order: Ints,
    anomaly: Floats,
    p_value: Floats,
    shown: Mapping[str, Floats],
    stretches: Ints,
) -> pd.DataFrame:
    columns = ["trail", "class", "n_samples"]
    table = trails.table.iloc[order][columns].reset_index(drop=True)
    table["rank"] = np.arange(1, len(order) + 1)
    table["anomaly"] = anomaly[order]
    table["p_value"] = p_value[order]
    for name in SCORES:
        table[name] = shown[name][order]
    first = trails.offsets[:-1]
    table["departs_from"] = trails.time[first + stretches[:, 0]][order]
    table["departs_to"] = trails.time[first + stretches[:, 1] - 1][order]
    return table
