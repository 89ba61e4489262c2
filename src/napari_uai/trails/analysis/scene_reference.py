"""What new trails are compared with: measured on the sample of a scene, and ready for searches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from napari_uai.monitor import SILENT, Monitor
from napari_uai.threads import one_blas_thread
from napari_uai.trails.analysis.scene_traffic import PAINTING, Traffic
from napari_uai.trails.heat.along_trails import mean_over_trails, worst_window
from napari_uai.trails.heat.footprints import Footprints, heatmap_grid, paint_footprints
from napari_uai.trails.heat.heat import TrailHeat, blurred_counts, heat_among, make_blur
from napari_uai.trails.heat.scaling import ClassScale, rescale
from napari_uai.trails.scores.combine_scores import Tail, total_surprise
from napari_uai.trails.scores.companion_index import CompanionIndex, companion_index
from napari_uai.trails.scores.companions import MOST, companions_among
from napari_uai.trails.scores.company import company_scores
from napari_uai.trails.scores.direction import against_the_stream
from napari_uai.trails.scores.jumps import usual_speeds
from napari_uai.trails.scores.motion import (
    UsualPace,
    dwell_scores,
    measure_and_learn_pace,
    speed_scores,
)
from napari_uai.trails.scores.nearest import (
    Tree,
    mean_of_nearest,
    nearest_of_points,
    search_trees,
)
from napari_uai.trails.scores.passers import PassageIndex, passage_index, passer_distances
from napari_uai.trails.scores.resampling import Paths, resample_along_arc
from napari_uai.trails.scores.scores import EVIDENCE, SIMILAR, groups_of_classes
from napari_uai.trails.scores.shape import HEADING, Ways, distances_from, fit_ways
from napari_uai.trails.scores.turning import excess_turning, turns_along
from napari_uai.trails.scores.walks import STEP, companion_paths
from napari_uai.trails.table import Scene
from napari_uai.typing import Floats, Floats32, Ints, Ints32


@dataclass(frozen=True, eq=False)
class Reference:
    """What was measured on the trails of the sample.

    Parameters
    ----------
    groups
        Names of the groups that trails are compared with.
    group_of_class
        Index of the group of each class.
    codes
        Group of each trail of the sample; int64.
    scales
        Scale of the heat of each group.
    points
        Positions along the trails: trails, points, (y, x); float32.
    paths
        Points of the trails that companions are looked for among.
    pace
        Usual times of a step.
    speeds
        Speed that 95 % of the moving steps of each group do not exceed, in px/s; float64.
    ways
        Low-rank model of the shapes of each group.
    raw
        Scores of the trails, as measured, by name; float64.
    total
        Their total surprise; float64.
    """

    groups: tuple[str, ...]
    group_of_class: Mapping[str, int]
    codes: Ints
    scales: tuple[ClassScale, ...]
    points: Floats32
    paths: Paths
    pace: UsualPace
    speeds: Floats
    ways: tuple[Ways, ...]
    raw: Mapping[str, Floats]
    total: Floats


@dataclass(frozen=True, eq=False)
class Prepared:
    """Maps and search trees of a reference, which take a moment and are not stored.

    Parameters
    ----------
    maps
        Counts and blurred counts of each group: groups, layers, rows, columns.
    trees
        Search tree of each group, and the rows of its trails.
    companions
        Index of the trails by place.
    passages
        Index of their stretches by heading and place.
    turns
        Turning along the trails: trails, points; float32.
    tails
        Distribution of each score that counts in each group.
    medians
        Median of each score in each group; 1 if it has none.
    totals
        Total surprises of each group, ascending.
    """

    maps: tuple[Ints32, Floats]
    trees: Mapping[int, Tree]
    companions: CompanionIndex
    passages: PassageIndex
    turns: Floats32
    tails: Mapping[str, tuple[Tail | None, ...]]
    medians: Mapping[str, Floats]
    totals: tuple[Floats, ...]


def learn_reference(
    traffic: Traffic, settings: Mapping[str, Any], *, monitor: Monitor = SILENT
) -> Reference:
    """Measure the trails of the sample, each without itself, against all trails of its group.

    Parameters
    ----------
    traffic
        All trails, added up, and the sample.
    settings
        Parameters of the scores, with the painted width.
    monitor
        Progress and cancellation.
    """
    sample = traffic.sample
    groups, group_of_class = _groups(traffic.n_trails, settings["min_trails"])
    codes = np.array([group_of_class[kind] for kind in sample.table["class"]], np.int64)
    names = np.array(groups, object)[codes]
    heat = _heat_of_sample(traffic, settings, groups, group_of_class, codes)
    monitor.update(0.3, "heat")
    scaled = rescale(heat, **{n: settings[n] for n in ("lower", "upper", "unit", "scale")})
    points = resample_along_arc(sample, n_points=settings["n_points"])
    distances, similar = nearest_of_points(
        points, k=max(settings["k"], SIMILAR), groups=names, monitor=monitor.part(0.3, 0.45)
    )
    diagonal = diagonal_of(sample.scene)
    paths = companion_paths(sample, STEP * diagonal)
    index = companion_index(paths, codes, sample.scene)
    companions = companions_among(
        index,
        paths,
        codes,
        similar=similar[:, :MOST],
        themselves=True,
        monitor=monitor.part(0.45, 0.75),
    )
    passages = passage_index(paths, codes, sample.scene)
    members = [np.flatnonzero(codes == code) for code in range(len(groups))]
    shape, ways = np.empty(len(codes)), []
    with one_blas_thread():
        for rows in members:
            ways.append(fit_ways(paths, rows, HEADING * diagonal))
            shape[rows] = distances_from(ways[-1], paths, rows, HEADING * diagonal)
    turns = turns_along(paths, monitor=monitor.part(0.85, 0.9))
    measured, pace = measure_and_learn_pace(sample, codes, monitor=monitor.part(0.9, 0.95))
    raw = {
        **scores_by_heat(heat.footprints, scaled.at_points, settings),
        "direction": scores_by_direction(heat),
        "nearest": mean_of_nearest(distances, settings["k"]),
        **company_scores(companions, codes),
        "passers": passer_distances(passages, paths, codes, themselves=True),
        "shape": shape,
        "turning": excess_turning(turns, turns, similar),
        "dwell": dwell_scores(measured),
        "speed": speed_scores(measured),
    }
    grouped = sample.table.assign(**{"class": names})
    fast = usual_speeds(replace(sample, table=grouped))
    speeds = np.array([fast[rows[0]] for rows in members])
    tails = tails_of(raw, codes, len(groups))
    total = total_surprise(surprises(tails, raw, codes), EVIDENCE)
    return Reference(
        groups, group_of_class, codes, scaled.scales, points, paths, pace, speeds, tuple(ways),
        raw, total,
    )  # fmt: skip


def prepare(reference: Reference, traffic: Traffic, settings: Mapping[str, Any]) -> Prepared:
    """Return maps and search trees of a reference."""
    n = len(reference.groups)
    members = [reference.codes == code for code in range(n)]
    return Prepared(
        group_maps(traffic, settings, reference.groups, reference.group_of_class),
        search_trees(reference.points, reference.codes),
        companion_index(reference.paths, reference.codes, traffic.sample.scene),
        passage_index(reference.paths, reference.codes, traffic.sample.scene),
        turns_along(reference.paths),
        tails_of(reference.raw, reference.codes, n),
        {
            name: np.array([_median(values[mine]) for mine in members])
            for name, values in reference.raw.items()
        },
        tuple(np.sort(reference.total[mine]) for mine in members),
    )


def group_maps(
    traffic: Traffic,
    settings: Mapping[str, Any],
    groups: tuple[str, ...],
    group_of_class: Mapping[str, int],
) -> tuple[Ints32, Floats]:
    """Return the counts and the blurred counts of each group."""
    scene, n_directions = traffic.sample.scene, settings["n_directions"]
    grid, _ = heatmap_grid(scene.width, scene.height, settings["longest_side_px"])
    shape = (n_directions + 1, *grid)
    counts = np.zeros((len(groups), *shape), np.int32)
    for kind, cells in traffic.cells.items():
        counts[group_of_class[kind]] += cells.on_map(shape)
    return counts, blurred_counts(counts, make_blur(settings["blur_px"]))


def scores_by_heat(
    footprints: Footprints, ordinary: Floats32, settings: Mapping[str, Any]
) -> dict[str, Floats]:
    """Return the scores that depend on the scale of heat, given how ordinary places are."""
    weigh = settings["weigh"]
    worst = worst_window(footprints, ordinary, share=settings["window"], weigh=weigh).mean
    mean = mean_over_trails(footprints, ordinary, weigh=weigh)
    return {"heat": 1.0 - mean.astype(np.float64), "worst_window": 1.0 - worst.astype(np.float64)}


def scores_by_direction(heat: TrailHeat) -> Floats:
    """Return how much each trail went against the stream."""
    against = mean_over_trails(heat.footprints, against_the_stream(heat), weigh="arc")
    return against.astype(np.float64)


def tails_of(
    raw: Mapping[str, Floats], codes: Ints, n_groups: int
) -> dict[str, tuple[Tail | None, ...]]:
    """Return the distribution of each score that counts, in each group."""
    return {
        name: tuple(Tail.of(raw[name][codes == code]) for code in range(n_groups))
        for name in EVIDENCE
    }


def surprises(
    tails: Mapping[str, tuple[Tail | None, ...]], raw: Mapping[str, Floats], codes: Ints
) -> dict[str, Floats]:
    """Return the surprise of scores in given distributions; that of the median for NaN."""
    surprise = {name: np.full(len(codes), np.log(2.0)) for name in EVIDENCE}
    for name, values in surprise.items():
        for code, tail in enumerate(tails[name]):
            mine = np.flatnonzero((codes == code) & ~np.isnan(raw[name]))
            if tail is not None:
                values[mine] = tail.surprise(raw[name][mine])
    return surprise


def diagonal_of(scene: Scene) -> float:
    """Return the diagonal of a scene, in px."""
    return float(np.hypot(scene.width, scene.height))


def _groups(n_trails: Mapping[str, int], min_trails: int) -> tuple[tuple[str, ...], dict[str, int]]:
    counts = pd.Series(dict(sorted(n_trails.items()))).sort_values(ascending=False, kind="stable")
    group_of, _ = groups_of_classes(counts, min_trails)
    groups = tuple(sorted(set(group_of.values())))
    return groups, {kind: groups.index(group) for kind, group in sorted(group_of.items())}


def _heat_of_sample(
    traffic: Traffic,
    settings: Mapping[str, Any],
    groups: tuple[str, ...],
    group_of_class: Mapping[str, int],
    codes: Ints,
) -> TrailHeat:
    footprints = paint_footprints(traffic.sample, **{name: settings[name] for name in PAINTING})
    everybody = np.zeros(len(groups), np.int64)
    for kind, n in traffic.n_trails.items():
        everybody[group_of_class[kind]] += n
    return heat_among(
        footprints,
        groups,
        codes.astype(np.int32),
        group_maps(traffic, settings, groups, group_of_class),
        included=np.ones(len(codes), bool),
        blur=make_blur(settings["blur_px"]),
        elsewhere=everybody - np.bincount(codes, minlength=len(groups)),
    )


def _median(values: Floats) -> float:
    valid = values[~np.isnan(values)]
    return float(np.median(valid)) if len(valid) else 1.0
