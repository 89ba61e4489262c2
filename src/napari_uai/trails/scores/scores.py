"""Scores of trails: several ways in which a trail may depart from ordinary traffic."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd

from napari_uai.errors import counted
from napari_uai.monitor import SILENT, Monitor
from napari_uai.parameters import checked
from napari_uai.store.keeping import identity_of, is_keeping, kept, pieces_of
from napari_uai.trails.heat.along_trails import mean_over_trails, worst_window
from napari_uai.trails.heat.heat import TrailHeat, measure_heat
from napari_uai.trails.heat.painted_width import paint_at_width
from napari_uai.trails.heat.scaling import rescale
from napari_uai.trails.parallel import side_by_side
from napari_uai.trails.parameters import (
    BlurWidth,
    Fraction,
    GroupSize,
    HeatScale,
    Limit,
    LimitUnit,
    LongestSide,
    Neighbours,
    PaintedWidth,
    PathPoints,
    SeveralDirections,
    Weigh,
)
from napari_uai.trails.scores.combine_scores import Anomaly, Evidence, combine
from napari_uai.trails.scores.companions import MOST, Companions, find_companions
from napari_uai.trails.scores.company import company_scores, mean_apart
from napari_uai.trails.scores.direction import against_the_stream
from napari_uai.trails.scores.explanations import departing_stretches, score_samples
from napari_uai.trails.scores.jumps import find_jumps
from napari_uai.trails.scores.motion import dwell_scores, measure_pace, speed_scores
from napari_uai.trails.scores.nearest import mean_of_nearest, nearest_of_points, relative
from napari_uai.trails.scores.passers import passage_index, passer_distances
from napari_uai.trails.scores.resampling import resample_along_arc
from napari_uai.trails.scores.score_names import SCORES
from napari_uai.trails.scores.shape import shape_scores
from napari_uai.trails.scores.turning import turning_scores
from napari_uai.trails.table import Groups, Trails, group_codes, problem_table
from napari_uai.typing import Bools, Floats, Floats32, Ints

EVIDENCE: Mapping[str, Evidence] = MappingProxyType(
    {
        "companion": Evidence(1.0, above=2.0),
        "kink": Evidence(1.0, above=2.0),
        "followers": Evidence(1.5, above=2.0),
        "passers": Evidence(2.0, above=2.0),
        "worst_window": Evidence(2.0, above=2.0),
        "sparsity": Evidence(2.0),
        "rarity": Evidence(0.3, above=5.0, averaged=False),
        "shape": Evidence(0.25, above=3.0, averaged=False),
        "dwell": Evidence(0.25, above=4.0, averaged=False),
        "speed": Evidence(0.25, above=4.0, averaged=False),
    }
)
"""Contribution of each score to the anomaly."""

UNTOLD = ("sparsity",)
"""Scores that are not given as a reason: they rise with anything unusual, and do not say what."""

SIMILAR = 10
"""Number of most similar trails: their turning is usual, and the first are tried as companions."""

DEPARTING = 0.9
"""Quantile of the samples of the class below which no sample departs."""


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores of trails, and where each trail departs.

    Parameters
    ----------
    table
        One row per trail, most anomalous first: ``trail``, ``class``, ``n_samples``, ``rank``
        (from 1), ``anomaly``, ``p_value``, the scores of :data:`SCORES` (0 to 1, 1 is most
        anomalous), ``departs_from`` and ``departs_to`` (times of the departing stretch, in s),
        ``reason`` (the score that is most surprising, or a jump of the tracker).
    rows
        Row of ``trails.table`` of each row of ``table``; int64.
    at_samples
        How anomalous each sample of the trails is, 0 to 1; float32.
    stretches
        First sample of the departing stretch of each row of ``table``, and the sample after its
        last, counted within the trail: trails, 2; int64.
    problems
        Classes with too few trails: ``file``, ``trail``, ``problem``.
    """

    table: pd.DataFrame
    rows: Ints
    at_samples: Floats32
    stretches: Ints
    problems: pd.DataFrame


@dataclass(frozen=True, eq=False)
class Measurements:
    """Everything that the scores need and that does not depend on the limits of heat.

    Parameters
    ----------
    trails
        The trails.
    groups
        Group that each trail is compared with.
    heat
        Heat of the groups, with directions.
    companions
        Companions of the trails.
    raw
        Measured scores that do not depend on limits, by name; float64.
    shown
        The same scores, mapped to 0 to 1; float64.
    typical_px
        For each trail, the distance from a companion that maps to 0.5; float64.
    jumps
        What to tell about the jumps of trails, by row.
    problems
        Classes with too few trails: ``file``, ``trail``, ``problem``.
    """

    trails: Trails
    groups: Groups
    heat: TrailHeat
    companions: Companions
    raw: Mapping[str, Floats]
    shown: Mapping[str, Floats]
    typical_px: Floats
    jumps: Mapping[int, str]
    problems: pd.DataFrame


@checked
def score_trails(
    trails: Trails,
    *,
    min_trails: GroupSize = 10,
    longest_side_px: LongestSide = 240,
    painted_width_px: PaintedWidth | None = None,
    n_directions: SeveralDirections = 12,
    blur_px: BlurWidth = 7,
    lower: Limit = 0.0,
    upper: Limit = 0.5,
    unit: LimitUnit = "quantile",
    scale: HeatScale = "surprisal",
    weigh: Weigh = "time",
    window: Fraction = 0.2,
    k: Neighbours = 1,
    n_points: PathPoints = 32,
    monitor: Monitor = SILENT,
) -> Scores:
    """Rank trails by how little they fit the ordinary traffic of the scene.

    Each class is compared with itself. The ``anomaly`` is a mean of the surprises of
    ``companion``, ``kink``, ``followers``, ``passers``, ``worst_window`` and ``sparsity``
    (:func:`combine`); ``rarity``, ``shape``, ``dwell`` and ``speed`` contribute only where they
    are extreme.
    Strengths and weaknesses of each score are described with the function that measures it:
    :func:`mean_over_trails` and :func:`worst_window` of the heat, :func:`against_the_stream`,
    :func:`nearest_distances`, :func:`find_companions`, :func:`passer_distances`, :func:`rarity`,
    :func:`sparsity`, :func:`shape_scores`, :func:`turning_scores`, :func:`dwell_scores`,
    :func:`speed_scores`.
    ``heat`` detects long stays and routes off the beaten track but not short excursions, which
    ``worst_window`` detects; to both, every rare place is anomalous, and a rare sequence of
    ordinary places is not.

    Parameters
    ----------
    trails
        Trails of one scene.
    min_trails
        Classes with fewer trails are compared together; if they have fewer even together, they
        are added to the most frequent class.
    longest_side_px
        Longest side of the heatmap.
    painted_width_px
        Width of a painted trail in cells of the heatmap; if None, chosen by leave-one-out
        likelihood.
    n_directions
        Number of bins of the direction of movement.
    blur_px
        Width of the blur in cells of the heatmap.
    lower, upper
        Heat at and below which a place is as unusual as possible, and at and above which it is
        fully ordinary.
    unit
        Unit of these limits.
    scale
        Scale between the limits.
    weigh
        Weight of places in ``heat`` and ``worst_window``: time spent or distance covered.
    window
        Length of the worst window, as a fraction of a trail.
    k
        Number of most similar trails whose distances are averaged for ``nearest``.
    n_points
        Number of points at which two trails are compared for ``nearest``.
    monitor
        Progress and cancellation, once per block of trails.

    Returns
    -------
    Scores
        Ranked trails, their scores and departing stretches. The same trails and parameters give
        the same scores.

    Raises
    ------
    BadValueError
        If a parameter is outside its limits, or a position or time is not finite.

    Warnings
    --------
    The anomaly is not a probability: it ranks the trails of one scene. Where nothing unusual
    happened, some trail is still the first.

    Each trail is judged alone, by how unlike the others of its class it is: what is frequent is
    ordinary, whether or not it is allowed. Some dozens of trails per class are the minimum.

    A tracker that swaps two objects makes trails that are like no other.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from napari_uai.trails import score_trails, trails_of_frame
    >>> x, names = np.arange(0, 60, 6), [f"lane {i}" for i in range(12)]
    >>> lanes = [pd.DataFrame({"trail": name, "x": x, "y": 20 + i / 4, "frame": range(10)})
    ...          for i, name in enumerate(names)]
    >>> across = pd.DataFrame({"trail": "across", "x": 30, "y": x * 0.7, "frame": range(10)})
    >>> scores = score_trails(trails_of_frame(pd.concat([*lanes, across]), scene_size=(64, 48)))
    >>> scores.table["trail"].iloc[0]
    'across'
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


@checked
def measure_trails(
    trails: Trails,
    *,
    min_trails: GroupSize = 10,
    longest_side_px: LongestSide = 240,
    painted_width_px: PaintedWidth | None = None,
    n_directions: SeveralDirections = 12,
    blur_px: BlurWidth = 7,
    k: Neighbours = 1,
    n_points: PathPoints = 32,
    monitor: Monitor = SILENT,
) -> Measurements:
    """Measure everything in :func:`score_trails` that does not depend on the limits of heat.

    Parameters are those of :func:`score_trails`.
    """
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
    with pieces_of(_identity(trails, groups) if is_keeping() else None, "trails"):
        most, parts = max(k, SIMILAR), (monitor.part(0.4, 0.5), monitor.part(0.5, 0.75))
        distances, similar = kept(
            "most similar trails",
            [n_points, most],
            lambda: nearest_of_points(points, k=most, groups=groups, monitor=parts[0]),
        )
        companions = kept(
            "companions",
            [n_points],
            lambda: find_companions(
                trails, groups=groups, similar=similar[:, :MOST], monitor=parts[1]
            ),
        )
    codes, paths = group_codes(groups), companions.paths
    passed_by = passer_distances(
        passage_index(paths, codes, trails.scene),
        paths,
        codes,
        themselves=True,
        monitor=monitor.part(0.75, 0.8),
    )
    diagonal = float(np.hypot(trails.scene.width, trails.scene.height))
    shape = shape_scores(paths, diagonal, groups, monitor=monitor.part(0.8, 0.9))
    turning = turning_scores(paths, similar, monitor=monitor.part(0.9, 0.95))
    pace = measure_pace(trails, groups=groups, monitor=monitor.part(0.95, 1.0))
    against = mean_over_trails(footprints, against_the_stream(heat), weigh="arc")
    raw = {
        "direction": against.astype(np.float64),
        "nearest": mean_of_nearest(distances, k),
        **company_scores(companions, codes),
        "passers": passed_by,
        "shape": shape,
        "turning": turning,
        "dwell": dwell_scores(pace),
        "speed": speed_scores(pace),
    }
    typical = _typical_px(mean_apart(companions), groups)
    shown = {name: _shown(name, values, groups) for name, values in raw.items()}
    table = problem_table(problems)
    jumps = find_jumps(trails).texts()
    return Measurements(trails, groups, heat, companions, raw, shown, typical, jumps, table)


def _identity(trails: Trails, groups: Groups) -> str:
    """Return a checksum of all that the comparison of trails depends on."""
    digest = hashlib.sha256()
    for array in (trails.offsets, trails.y, trails.x, group_codes(groups)):
        digest.update(np.ascontiguousarray(array).tobytes())
    size = trails.scene.width, trails.scene.height
    return identity_of(len(trails), size, digest.hexdigest())


@checked
def score_measured(
    measured: Measurements,
    *,
    lower: Limit = 0.0,
    upper: Limit = 0.5,
    unit: LimitUnit = "quantile",
    scale: HeatScale = "surprisal",
    weigh: Weigh = "time",
    window: Fraction = 0.2,
    monitor: Monitor = SILENT,
) -> Scores:
    """Rank measured trails, given the limits of heat.

    Parameters
    ----------
    measured
        Measurements of :func:`measure_trails`.
    lower, upper, unit, scale, weigh, window, monitor
        As for :func:`score_trails`.

    Returns
    -------
    Scores
        Equal to those of :func:`score_trails` with the parameters of both functions.
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
    combined = combine({**by_heat, **measured.raw}, EVIDENCE, groups)
    at_samples = score_samples(
        trails, measured.companions, footprints, ordinary, measured.typical_px
    )
    stretches = departing_stretches(trails, at_samples, _thresholds(at_samples, trails, groups))
    monitor.update(1.0, "scores")
    shown = {name: _shown(name, values, groups) for name, values in by_heat.items()}
    shown |= measured.shown
    order = np.argsort(-combined.anomaly, kind="stable")
    table = _table(trails, order, combined.anomaly, combined.p_value, shown, stretches)
    table["reason"] = _reasons(measured, combined)[order]
    return Scores(table, order, at_samples, stretches[order], measured.problems)


def comparison_groups(trails: Trails, min_trails: int) -> tuple[Groups, list[tuple[str, str, str]]]:
    """Return the group that each trail is compared with, and the classes that are too small.

    Classes with fewer than ``min_trails`` trails become one group; if it is still too small, it is
    added to the most frequent class, which a few more trails do not change.
    """
    group_of, problems = groups_of_classes(trails.classes, min_trails)
    return trails.table["class"].map(group_of).to_numpy(dtype=object), problems


def groups_of_classes(
    counts: pd.Series[int], min_trails: int
) -> tuple[dict[str, str], list[tuple[str, str, str]]]:
    """Return the group of each class, and the classes that are too small.

    ``counts`` is the number of trails of each class, most frequent class first.
    """
    small = [str(name) for name in counts.index[counts < min_trails]]
    group_of = {str(kind): str(kind) for kind in counts.index}
    if not small or len(counts) == 1:
        few = [("", "", _few(name, int(counts[name]), "nothing else")) for name in small]
        return group_of, few
    together = int(counts[small].sum())
    with_most = together < min_trails and len(small) < len(counts)
    name = str(counts.index[0]) if with_most else "\0rare classes"
    problems = []
    for kind in small:
        group_of[kind] = name
        others = [name] if with_most else [other for other in small if other != kind]
        problems.append(
            ("", "", _few(kind, int(counts[kind]), ", ".join(others) or "nothing else"))
        )
    return group_of, problems


def _few(kind: str, n: int, others: str) -> str:
    return f"class {kind} has only {counted(n, 'trail')}: also compared with {others}"


def _members(groups: Groups) -> list[Bools]:
    """Return which trails belong to each group."""
    return [groups == group for group in np.unique(groups.astype(str))]


def _typical_px(distances: Floats, groups: Groups) -> Floats:
    """Return the 90th percentile of the distances of each trail's group, at least 1e-3 px."""
    typical = np.ones(len(distances))
    for members in _members(groups):
        valid = distances[members][~np.isnan(distances[members])]
        if len(valid):
            typical[members] = max(float(np.quantile(valid, 0.9)), 1e-3)
    return typical


def _thresholds(at_samples: Floats32, trails: Trails, groups: Groups) -> Floats:
    """Return for each trail the score above which a sample departs.

    This is the mean of the group's median and the trail's maximum, but at least the quantile
    :data:`DEPARTING` of the group.
    """
    if not len(trails):
        return np.zeros(0)
    peaks = np.maximum.reduceat(at_samples, trails.offsets[:-1])
    thresholds = np.zeros(len(trails))
    members = _members(groups)

    def typical_and_rare(mine: Bools) -> Floats:
        members = at_samples[np.repeat(mine, trails.n_samples)]
        quantiles: Floats = np.quantile(members, [0.5, DEPARTING], overwrite_input=True)
        return quantiles

    for mine, (typical, rare) in zip(members, side_by_side(typical_and_rare, members), strict=True):
        thresholds[mine] = np.maximum(0.5 * (typical + peaks[mine]), rare)
    return thresholds


def _shown(name: str, values: Floats, groups: Groups) -> Floats:
    """Map a score to 0 to 1; distances and times relative to the median of the group."""
    if name in ("heat", "worst_window", "direction"):
        return np.clip(values, 0.0, 1.0)
    shown = np.zeros(len(values))
    for members in _members(groups):
        valid = values[members][~np.isnan(values[members])]
        typical = float(np.median(valid)) if len(valid) else 1.0
        shown[members] = np.nan_to_num(relative(values[members], typical))
    return shown


def _reasons(measured: Measurements, combined: Anomaly) -> Groups:
    """Return a jump of each trail, or the score that contributes most to its anomaly; str."""
    reasons = strongest(combined.surprise)
    reasons[list(measured.jumps)] = list(measured.jumps.values())
    return reasons


def strongest(surprise: Mapping[str, Floats]) -> Groups:
    """Return the name of the score that tells best why each trail is anomalous; str.

    This is the most surprising one; of those that are not averaged, what they add counts.
    """
    told = [name for name in EVIDENCE if name not in UNTOLD]
    parts = np.stack([_told(surprise[name], EVIDENCE[name]) for name in told])
    return np.asarray(np.array(told, object)[parts.argmax(axis=0)])


def _told(surprise: Floats, part: Evidence) -> Floats:
    if part.averaged:
        return surprise
    return part.weight * np.maximum(surprise - part.above, 0.0)


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
