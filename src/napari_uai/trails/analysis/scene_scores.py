"""Scores of new trails against a model of their scene, each alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_uai.errors import counted
from napari_uai.monitor import SILENT, Monitor
from napari_uai.parameters import checked
from napari_uai.threads import n_threads, one_blas_thread
from napari_uai.trails.analysis.periods import has_dates, periods_of
from napari_uai.trails.analysis.scene_checks import check_scene, check_unit
from napari_uai.trails.analysis.scene_model import SceneModel
from napari_uai.trails.analysis.scene_reference import (
    Prepared,
    Reference,
    diagonal_of,
    scores_by_direction,
    scores_by_heat,
    surprises,
)
from napari_uai.trails.analysis.scene_traffic import PAINTING, fingerprints_of
from napari_uai.trails.heat.footprints import paint_footprints
from napari_uai.trails.heat.heat import TrailHeat, heat_among, make_blur
from napari_uai.trails.scores.combine_scores import HALF, total_surprise
from napari_uai.trails.scores.companions import MOST, companions_among
from napari_uai.trails.scores.company import company_scores
from napari_uai.trails.scores.jumps import find_jumps
from napari_uai.trails.scores.motion import dwell_scores, pace_against, speed_scores
from napari_uai.trails.scores.nearest import mean_of_nearest, nearest_among, relative
from napari_uai.trails.scores.passers import passer_distances
from napari_uai.trails.scores.resampling import resample_along_arc
from napari_uai.trails.scores.score_names import SCORES
from napari_uai.trails.scores.scores import EVIDENCE, SIMILAR, strongest
from napari_uai.trails.scores.shape import HEADING, distances_from
from napari_uai.trails.scores.turning import excess_turning, turns_along
from napari_uai.trails.scores.walks import STEP, companion_paths
from napari_uai.trails.table import Groups, Trails
from napari_uai.typing import Bools, Floats, Floats32, Ints

IN_UNIT = ("heat", "worst_window", "direction")
"""Scores that are between 0 and 1 as they are measured."""

BLOCK, MOST_BLOCKS = 2048, 4
"""Trails of a block, and largest number of blocks that are scored at a time."""

ENOUGH = 100
"""Trails of its class that the model of a period needs for a trail to be scored with it."""

WHOLE = "all"
"""Name of the model of all trails in the column ``model``."""


@checked
def score_against(model: SceneModel, trails: Trails, *, monitor: Monitor = SILENT) -> pd.DataFrame:
    """Score new trails against a model, each alone.

    Parameters
    ----------
    model
        Model of the same scene.
    trails
        New trails. Their scores do not depend on each other; trails of the model have the scores
        that they had in it.
    monitor
        Progress and cancellation, once per block of trails.

    Returns
    -------
    pandas.DataFrame
        One row per trail, most anomalous first, with the columns of ``scores.csv`` up to the
        single scores, and ``reason``. ``p_value`` is the share of the trails of the sample of the
        model, and this trail, that are at least as anomalous. If periods have models of their own,
        ``model`` says which was used: that of the hour or weekday in which the trail begins if it
        has a hundred trails of its class, otherwise that of all trails (``all``).

    Raises
    ------
    BadValueError
        If the scene has another size, positions or times seem to be in another unit, or a position
        or time is not finite.

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
    return checked_scores(model, trails, monitor=monitor)[0]


def checked_scores(
    model: SceneModel, trails: Trails, *, monitor: Monitor = SILENT
) -> tuple[pd.DataFrame, Ints]:
    """Return the table of :func:`score_against`, and the row of each of its trails."""
    check_scene(model.traffic, trails)
    check_unit(model.traffic, model.reference, model.settings, trails)
    return scores_of(model, trails, monitor=monitor)


def scores_of(
    model: SceneModel, trails: Trails, *, monitor: Monitor = SILENT
) -> tuple[pd.DataFrame, Ints]:
    """Return the same as :func:`checked_scores`, without any doubt about the unit."""
    used = _models_of(model, trails)
    scored = _Scored.room(len(trails))
    done = 0
    for name in np.unique(used).tolist():
        own = model if name == WHOLE else model.periods[name]
        rows = np.flatnonzero(used == name)
        part = monitor.part(done / len(trails), (done + len(rows)) / len(trails))
        for block, scores in _side_by_side(own, trails, rows, part):
            scored.put(block, scores)
        done += len(rows)
        if name != WHOLE:
            own.forget()
    table = scored.table(trails)
    if model.by:
        table.insert(3, "model", used[scored.order])
    return table, scored.order


def notes_on(model: SceneModel, trails: Trails) -> list[str]:
    """Return what to tell about new trails: classes that the model does not know, dates."""
    most = model.reference.groups[int(np.bincount(model.reference.codes).argmax())].strip("\0")
    notes = [
        f"class {kind} is not in the model: {counted(int(n), 'trail')} compared with {most}"
        for kind, n in trails.classes.items()
        if kind not in model.reference.group_of_class
    ]
    if model.by and not has_dates(trails):
        notes.append("times have no date: compared with all trails, not with those of their hour")
    return notes


@dataclass(frozen=True, eq=False)
class _Scored:
    """Scores of trails, in their order."""

    total: Floats
    p_value: Floats
    shown: Mapping[str, Floats]
    reasons: Groups

    @classmethod
    def room(cls, n: int) -> _Scored:
        shown = {name: np.empty(n) for name in SCORES}
        return cls(np.empty(n), np.empty(n), shown, np.empty(n, object))

    @property
    def order(self) -> Ints:
        """Rows of the trails, most anomalous first."""
        return np.argsort(-self.total, kind="stable")

    def put(self, rows: Ints, other: _Scored) -> None:
        """Fill in the scores of some trails."""
        self.total[rows], self.p_value[rows] = other.total, other.p_value
        self.reasons[rows] = other.reasons
        for name, values in self.shown.items():
            values[rows] = other.shown[name]

    def table(self, trails: Trails) -> pd.DataFrame:
        """Return the table of scores."""
        order = self.order
        table = trails.table[["trail", "class", "n_samples"]].iloc[order].reset_index(drop=True)
        table["rank"] = np.arange(1, len(order) + 1)
        table["anomaly"] = (self.total / (self.total + HALF))[order]
        table["p_value"] = self.p_value[order]
        for name in SCORES:
            table[name] = self.shown[name][order]
        return table.assign(reason=self.reasons[order])


def _models_of(model: SceneModel, trails: Trails) -> npt.NDArray[np.str_]:
    """Return the name of the model that each trail is scored with."""
    if not model.by or not has_dates(trails):
        return np.full(len(trails), WHOLE)
    names = periods_of(trails, model.by)
    kinds = trails.table["class"].astype(str)
    enough = {
        (name, kind)
        for name, period in model.periods.items()
        for kind, n in period.traffic.n_trails.items()
        if n >= ENOUGH
    }
    pairs = zip(names.tolist(), kinds, strict=True)
    return np.array([pair[0] if pair in enough else WHOLE for pair in pairs], str)


def _side_by_side(
    model: SceneModel, trails: Trails, rows: Ints, monitor: Monitor
) -> Iterator[tuple[Ints, _Scored]]:
    """Score trails in blocks, several at a time: each has parts that use one core only."""
    n = len(rows)
    blocks = [rows[start : start + BLOCK] for start in range(0, n, BLOCK)]
    model.prepared  # noqa: B018  # before several threads ask for it
    done = 0
    # Not the threads of the kernels, which the blocks wait for.
    with ThreadPoolExecutor(min(n_threads(), MOST_BLOCKS)) as pool:

        def score(block: Ints) -> _Scored:
            return _score_block(model, trails.select(block), Monitor(cancelled=monitor.cancelled))

        try:
            for block, scores in zip(blocks, pool.map(score, blocks), strict=True):
                done += len(block)
                monitor.update(done / n, f"trail {done} of {n}")
                yield block, scores
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _score_block(model: SceneModel, trails: Trails, monitor: Monitor) -> _Scored:
    reference, prepared = model.reference, model.prepared
    codes = _codes_of(reference, trails)
    prints = fingerprints_of(trails)
    included, rows = model.traffic.holds(prints), model.traffic.rows_of(prints)
    known = rows >= 0
    raw = _measured(model, trails, codes, included, monitor)
    for name, values in raw.items():
        # A trail of the sample is compared with all but itself: it keeps the scores it had there.
        values[known] = reference.raw[name][rows[known]]
    surprise = surprises(prepared.tails, raw, codes)
    total = total_surprise(surprise, EVIDENCE)
    reasons = strongest(surprise)
    jumps = find_jumps(trails, usual_speeds=reference.speeds[codes]).texts()
    reasons[list(jumps)] = list(jumps.values())
    shown = {name: _shown(name, prepared, raw[name], codes) for name in SCORES}
    return _Scored(total, _p_values(prepared, total, codes, known), shown, reasons)


def _codes_of(reference: Reference, trails: Trails) -> Ints:
    """Return the group of each new trail; the most frequent one for unknown classes."""
    most = int(np.bincount(reference.codes).argmax())
    group_of = {
        kind: reference.group_of_class.get(str(kind), most)
        for kind in trails.table["class"].unique()
    }
    return trails.table["class"].map(group_of).to_numpy(np.int64)


def _measured(
    model: SceneModel, trails: Trails, codes: Ints, included: Bools, monitor: Monitor
) -> dict[str, Floats]:
    """Return the scores of new trails, as measured."""
    reference, prepared, settings = model.reference, model.prepared, model.settings
    heading = HEADING * diagonal_of(model.scene)
    footprints = paint_footprints(trails, **{name: settings[name] for name in PAINTING})
    heat = heat_among(
        footprints,
        reference.groups,
        codes.astype(np.int32),
        prepared.maps,
        included=included,
        blur=make_blur(settings["blur_px"]),
    )
    monitor.update(0.2, "heat")
    points = resample_along_arc(trails, n_points=settings["n_points"])
    distances, similar = nearest_among(
        prepared.trees, points, codes, k=max(settings["k"], SIMILAR), monitor=monitor.part(0.2, 0.4)
    )
    paths = companion_paths(trails, STEP * diagonal_of(model.scene))
    companions = companions_among(
        prepared.companions,
        paths,
        codes,
        similar=similar[:, :MOST],
        monitor=monitor.part(0.4, 0.8),
    )
    shape = np.empty(len(trails))
    with one_blas_thread():
        for code, ways in enumerate(reference.ways):
            members = np.flatnonzero(codes == code)
            shape[members] = distances_from(ways, paths, members, heading)
    pace = pace_against(reference.pace, trails, codes)
    monitor.update(1.0, "pace")
    return {
        **scores_by_heat(footprints, _ordinary(reference, heat), settings),
        "direction": scores_by_direction(heat),
        "nearest": mean_of_nearest(distances, settings["k"]),
        **company_scores(companions, codes, (reference.raw, reference.codes)),
        "passers": passer_distances(prepared.passages, paths, codes),
        "shape": shape,
        "turning": excess_turning(turns_along(paths), prepared.turns, similar),
        "dwell": dwell_scores(pace),
        "speed": speed_scores(pace),
    }


def _ordinary(reference: Reference, heat: TrailHeat) -> Floats32:
    """Return how ordinary the points of footprints are, on the scales of the reference."""
    group = np.repeat(heat.class_of_trail, np.diff(heat.footprints.offsets))
    ordinary = np.empty_like(heat.at_points)
    for code, scale in enumerate(reference.scales):
        mine = group == code
        ordinary[mine] = scale.apply(heat.at_points[mine])
    return ordinary


def _p_values(prepared: Prepared, total: Floats, codes: Ints, known: Bools) -> Floats:
    p_values = np.ones(len(total))
    for code, ascending in enumerate(prepared.totals):
        mine = codes == code
        reached = len(ascending) - np.searchsorted(ascending, total[mine], side="left")
        counts_itself = (~known[mine]).astype(np.int64)
        p_values[mine] = (reached + counts_itself) / (len(ascending) + counts_itself)
    return p_values


def _shown(name: str, prepared: Prepared, values: Floats, codes: Ints) -> Floats:
    """Map a score to 0 to 1, relative to the median of the group of the reference."""
    if name in IN_UNIT:
        return np.clip(values, 0.0, 1.0)
    shown = np.zeros(len(values))
    for code, typical in enumerate(prepared.medians[name].tolist()):
        mine = codes == code
        shown[mine] = np.nan_to_num(relative(values[mine], typical))
    return shown
