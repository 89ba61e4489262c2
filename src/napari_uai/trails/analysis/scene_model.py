"""A model of a scene: what its ordinary traffic is, against which new trails are scored alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from napari_uai.errors import BadValueError, counted
from napari_uai.monitor import SILENT, Monitor
from napari_uai.parameters import checked
from napari_uai.trails.analysis.settings import SettingsLike, checked_settings, setting_texts
from napari_uai.trails.heat.along_trails import mean_over_trails, worst_window
from napari_uai.trails.heat.footprints import Footprints, paint_footprints
from napari_uai.trails.heat.heat import TrailHeat, heat_against
from napari_uai.trails.heat.scaling import ClassScale, rescale
from napari_uai.trails.scores.combine_scores import HALF, Tail, total_surprise
from napari_uai.trails.scores.companions import (
    MOST,
    STEP,
    companion_paths,
    companions_among,
)
from napari_uai.trails.scores.company import furthest, mean_spacing, sparsity, worst_stretches
from napari_uai.trails.scores.direction import against_the_stream
from napari_uai.trails.scores.jumps import find_jumps
from napari_uai.trails.scores.motion import (
    UsualPace,
    dwell_scores,
    measure_and_learn_pace,
    pace_against,
    speed_scores,
)
from napari_uai.trails.scores.nearest import mean_of_nearest, nearest_among, relative
from napari_uai.trails.scores.resampling import Paths, resample_along_arc
from napari_uai.trails.scores.score_names import SCORES
from napari_uai.trails.scores.scores import (
    EVIDENCE,
    SHORT,
    SIMILAR,
    measure_trails,
    strongest,
)
from napari_uai.trails.scores.shape import HEADING, Ways, distances_from, fit_ways
from napari_uai.trails.scores.turning import excess_turning, turns_along
from napari_uai.trails.table import Scene, Trails, group_codes
from napari_uai.typing import Bools, Floats, Floats32, Ints

IN_UNIT = ("heat", "worst_window", "direction")
"""Scores that are between 0 and 1 as they are measured."""

MEASURING = (
    "longest_side_px", "painted_width_px", "n_directions", "blur_px", "min_trails", "k", "n_points",
)  # fmt: skip
"""Settings that :func:`measure_trails` takes."""


@dataclass(frozen=True, eq=False)
class SceneModel:
    """Ordinary traffic of a scene.

    Parameters
    ----------
    scene
        The scene, without its picture.
    settings
        Parameters of the scores, with the painted width that was chosen.
    groups
        Names of the groups that trails are compared with.
    group_of_class
        Index of the group of each class.
    codes
        Group of each trail of the reference; int64.
    blurred
        Heat of each group: groups, layers, rows, columns; float64.
    scales
        Scale of the heat of each group.
    points
        Positions along the trails of the reference: trails, points, (y, x); float32.
    paths
        Points of the trails that companions are looked for among.
    pace
        Usual times of a step.
    ways
        Low-rank model of the shapes of each group.
    raw
        Scores of the trails of the reference, as measured, by name; float64.
    total
        Their total surprise; float64.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from napari_uai.trails import fit_scene, trails_of_frame
    >>> x = np.tile(np.arange(0, 60, 6), 20)
    >>> lanes = pd.DataFrame({"trail": np.repeat(range(20), 10), "x": x, "frame": x // 6,
    ...                       "y": 20 + np.repeat(np.arange(20), 10) / 4})
    >>> trails = trails_of_frame(lanes, scene_size=(64, 48))
    >>> model = fit_scene(trails)
    >>> len(model), model.settings["n_directions"]
    (20, 12)
    """

    scene: Scene
    settings: Mapping[str, Any]
    groups: tuple[str, ...]
    group_of_class: Mapping[str, int]
    codes: Ints
    blurred: Floats
    scales: tuple[ClassScale, ...]
    points: Floats32
    paths: Paths
    pace: UsualPace
    ways: tuple[Ways, ...]
    raw: Mapping[str, Floats]
    total: Floats

    def __len__(self) -> int:
        """Return the number of trails of the reference."""
        return len(self.codes)


@checked
def fit_scene(
    trails: Trails, *, settings: SettingsLike = (), monitor: Monitor = SILENT
) -> SceneModel:
    """Learn the ordinary traffic of a scene.

    Parameters
    ----------
    trails
        Trails of one scene; some hundreds per class, better some thousands.
    settings
        Parameters of the scores that differ from the defaults, as for
        :func:`~napari_uai.trails.analyse_trails`.
    monitor
        Progress and cancellation.

    Returns
    -------
    SceneModel
        Keeps reduced paths of all trails, heat, shapes, pace and the distributions of scores.

    Raises
    ------
    BadValueError
        If a position or time is not finite.
    RecipeError
        If a setting is unknown or its value does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from napari_uai.trails import fit_scene, score_against, trails_of_frame
    >>> x = np.tile(np.arange(0, 60, 6), 20)
    >>> lanes = pd.DataFrame({"trail": np.repeat(range(20), 10), "x": x, "frame": x // 6,
    ...                       "y": 20 + np.repeat(np.arange(20), 10) / 4})
    >>> model = fit_scene(trails_of_frame(lanes, scene_size=(64, 48)))
    >>> today = pd.DataFrame({"trail": np.repeat(["along", "across"], 10),
    ...                       "x": [*range(0, 60, 6), *[30] * 10], "frame": [*range(10)] * 2,
    ...                       "y": [*[22] * 10, *range(0, 40, 4)]})
    >>> table = score_against(model, trails_of_frame(today, scene_size=(64, 48)))
    >>> table["trail"].tolist(), bool(table["p_value"][0] < 0.05 < table["p_value"][1])
    (['across', 'along'], True)
    """
    parameters = checked_settings("default", setting_texts(settings))["scores"]
    measuring = {name: parameters[name] for name in MEASURING}
    measured = measure_trails(trails, **measuring, monitor=monitor.part(0, 0.8))
    heat, groups = measured.heat, measured.groups
    parameters = {**parameters, "painted_width_px": heat.footprints.painted_width_px}
    scaled = rescale(heat, **{n: parameters[n] for n in ("lower", "upper", "unit", "scale")})
    names = tuple(np.unique(groups.astype(str)).tolist())
    codes = group_codes(groups)
    order = [heat.classes.index(name) for name in names]
    heading = HEADING * _diagonal(trails.scene)
    members = [np.flatnonzero(codes == code) for code in range(len(names))]
    raw = {**_by_heat(heat.footprints, scaled.at_points, parameters), **measured.raw}
    _, pace = measure_and_learn_pace(trails, codes, monitor=monitor.part(0.8, 0.85))
    classes = trails.table["class"].to_numpy().astype(str)
    surprise = _surprise(raw, raw, codes, codes)
    return SceneModel(
        Scene(trails.scene.width, trails.scene.height),
        parameters,
        names,
        dict(zip(classes.tolist(), codes.tolist(), strict=True)),
        codes,
        heat.blurred[order],
        tuple(scaled.scales[k] for k in order),
        resample_along_arc(
            trails, n_points=parameters["n_points"], monitor=monitor.part(0.85, 0.9)
        ),
        measured.companions.paths,
        pace,
        tuple(fit_ways(measured.companions.paths, rows, heading) for rows in members),
        raw,
        total_surprise(surprise, EVIDENCE),
    )


@checked
def score_against(model: SceneModel, trails: Trails, *, monitor: Monitor = SILENT) -> pd.DataFrame:
    """Score new trails against a model, each alone.

    Parameters
    ----------
    model
        Model of the same scene.
    trails
        New trails. Their scores do not depend on each other; trails of the reference have the
        scores that they had in it.
    monitor
        Progress and cancellation.

    Returns
    -------
    pandas.DataFrame
        One row per trail, most anomalous first, with the columns of ``scores.csv`` up to the
        single scores, and ``reason``. ``p_value`` is the share of the trails of the reference, and
        this trail, that are at least as anomalous.

    Raises
    ------
    BadValueError
        If the scene has another size, or a position or time is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from napari_uai.trails import fit_scene, score_against, trails_of_frame
    >>> x = np.tile(np.arange(0, 60, 6), 20)
    >>> lanes = pd.DataFrame({"trail": np.repeat(range(20), 10), "x": x, "frame": x // 6,
    ...                       "y": 20 + np.repeat(np.arange(20), 10) / 4})
    >>> trails = trails_of_frame(lanes, scene_size=(64, 48))
    >>> table = score_against(fit_scene(trails), trails.select([3]))
    >>> table["trail"].tolist(), int(table["rank"][0])
    (['3'], 1)
    """
    same = (model.scene.width, model.scene.height) == (trails.scene.width, trails.scene.height)
    if not same:
        raise BadValueError(
            f"the scene of the trails is {trails.scene.width} x {trails.scene.height} px, that of "
            f"the model {model.scene.width} x {model.scene.height} px: give the same scene size"
        )
    new = _codes_of(model, trails)
    codes = np.concatenate([model.codes, new])
    points = resample_along_arc(trails, n_points=model.settings["n_points"])
    raw = _measured(model, trails, points, codes, monitor)
    known = _known(model, points, new)
    for name, values in raw.items():
        values[known >= 0] = model.raw[name][known[known >= 0]]
    surprise = _surprise(model.raw, raw, model.codes, new)
    total = total_surprise(surprise, EVIDENCE)
    order = np.argsort(-total, kind="stable")
    table = trails.table[["trail", "class", "n_samples"]].iloc[order].reset_index(drop=True)
    table["rank"] = np.arange(1, len(order) + 1)
    table["anomaly"] = (total / (total + HALF))[order]
    table["p_value"] = _p_values(model, total, new, known >= 0)[order]
    for name in SCORES:
        table[name] = _shown(name, model, raw[name], new)[order]
    reasons = strongest(surprise)
    jumps = find_jumps(trails).texts()
    reasons[list(jumps)] = list(jumps.values())
    return table.assign(reason=reasons[order])


def unknown_classes(model: SceneModel, trails: Trails) -> list[str]:
    """Return what to tell about classes of new trails that the model does not know."""
    counts = trails.classes
    most = model.groups[int(np.bincount(model.codes).argmax())].strip("\0")
    return [
        f"class {kind} is not in the model: {counted(int(n), 'trail')} compared with {most}"
        for kind, n in counts.items()
        if kind not in model.group_of_class
    ]


def _codes_of(model: SceneModel, trails: Trails) -> Ints:
    """Return the group of each new trail; the most frequent one for unknown classes."""
    most = int(np.bincount(model.codes).argmax())
    kinds = trails.table["class"].astype(str)
    return np.asarray([model.group_of_class.get(kind, most) for kind in kinds], np.int64)


def _measured(
    model: SceneModel, trails: Trails, points: Floats32, codes: Ints, monitor: Monitor
) -> dict[str, Floats]:
    """Return the scores of new trails, as measured."""
    chosen, diagonal = model.settings, _diagonal(model.scene)
    new = codes[len(model) :]
    footprints = paint_footprints(
        trails,
        longest_side_px=chosen["longest_side_px"],
        painted_width_px=chosen["painted_width_px"],
        n_directions=chosen["n_directions"],
        monitor=monitor.part(0, 0.1),
    )
    heat = heat_against(model.blurred, model.groups, footprints, new.astype(np.int32))
    distances, similar = nearest_among(
        model.points, points, codes, k=max(chosen["k"], SIMILAR), monitor=monitor.part(0.1, 0.3)
    )
    paths = companion_paths(trails, STEP * diagonal)
    companions = companions_among(
        model.paths,
        paths,
        codes,
        model.scene,
        similar=similar[:, :MOST],
        monitor=monitor.part(0.3, 0.8),
    )
    shape = np.empty(len(trails))
    for code, ways in enumerate(model.ways):
        members = np.flatnonzero(new == code)
        shape[members] = distances_from(ways, paths, members, HEADING * diagonal)
    pace = pace_against(model.pace, trails, new, monitor=monitor.part(0.9, 1))
    spacing = mean_spacing(companions.distances)
    return {
        **_by_heat(footprints, _ordinary(model, heat), chosen),
        "direction": _along(footprints, heat),
        "nearest": mean_of_nearest(distances, chosen["k"]),
        "companion": companions.distances[:, 0].copy(),
        "kink": worst_stretches(companions, SHORT),
        "followers": furthest(companions.distances),
        "spacing": spacing,
        "sparsity": sparsity(spacing, companions.rows, model.raw["spacing"], new, model.codes),
        "shape": shape,
        "turning": excess_turning(turns_along(paths), turns_along(model.paths), similar),
        "dwell": dwell_scores(pace),
        "speed": speed_scores(pace),
    }


def _along(footprints: Footprints, heat: TrailHeat) -> Floats:
    against = mean_over_trails(footprints, against_the_stream(heat), weigh="arc")
    return against.astype(np.float64)


def _ordinary(model: SceneModel, heat: TrailHeat) -> Floats32:
    """Return how ordinary the points of footprints are, on the scales of the model."""
    group = heat.class_of_trail[np.repeat(np.arange(len(heat.footprints)),
                                          np.diff(heat.footprints.offsets))]  # fmt: skip
    ordinary = np.empty_like(heat.at_points)
    for code, scale in enumerate(model.scales):
        mine = group == code
        ordinary[mine] = scale.apply(heat.at_points[mine])
    return ordinary


def _by_heat(
    footprints: Footprints, ordinary: Floats32, parameters: Mapping[str, Any]
) -> dict[str, Floats]:
    weigh = parameters["weigh"]
    worst = worst_window(footprints, ordinary, share=parameters["window"], weigh=weigh).mean
    mean = mean_over_trails(footprints, ordinary, weigh=weigh)
    return {"heat": 1.0 - mean.astype(np.float64), "worst_window": 1.0 - worst.astype(np.float64)}


def _surprise(
    reference: Mapping[str, Floats], raw: Mapping[str, Floats], known: Ints, new: Ints
) -> dict[str, Floats]:
    """Return the surprise of scores in the distributions of a reference."""
    surprise = {name: np.full(len(new), np.log(2.0)) for name in EVIDENCE}
    for name, values in surprise.items():
        for code in range(int(known.max(initial=-1)) + 1):
            tail = Tail.of(reference[name][known == code])
            mine = np.flatnonzero((new == code) & ~np.isnan(raw[name]))
            if tail is not None:
                values[mine] = tail.surprise(raw[name][mine])
    return surprise


def _known(model: SceneModel, points: Floats32, codes: Ints) -> Ints:
    """Return the row of the reference that each trail is itself, or -1.

    A trail of the reference must not be compared with itself: it keeps the scores that it had.
    """
    places = zip(model.codes.tolist(), model.points, strict=True)
    rows = {(code, place.tobytes()): row for row, (code, place) in enumerate(places)}
    new = zip(codes.tolist(), points, strict=True)
    return np.array([rows.get((code, place.tobytes()), -1) for code, place in new], np.int64)


def _p_values(model: SceneModel, total: Floats, codes: Ints, known: Bools) -> Floats:
    p_values = np.ones(len(total))
    for code in range(len(model.groups)):
        ascending, mine = np.sort(model.total[model.codes == code]), codes == code
        reached = len(ascending) - np.searchsorted(ascending, total[mine], side="left")
        counts_itself = (~known[mine]).astype(np.int64)
        p_values[mine] = (reached + counts_itself) / (len(ascending) + counts_itself)
    return p_values


def _shown(name: str, model: SceneModel, values: Floats, codes: Ints) -> Floats:
    """Map a score to 0 to 1, relative to the median of the group of the reference."""
    if name in IN_UNIT:
        return np.clip(values, 0.0, 1.0)
    shown = np.zeros(len(values))
    for code in range(len(model.groups)):
        known, mine = model.raw[name][model.codes == code], codes == code
        valid = known[~np.isnan(known)]
        typical = float(np.median(valid)) if len(valid) else 1.0
        shown[mine] = np.nan_to_num(relative(values[mine], typical))
    return shown


def _diagonal(scene: Scene) -> float:
    return float(np.hypot(scene.width, scene.height))
