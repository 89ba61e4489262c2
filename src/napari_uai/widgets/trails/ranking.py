"""The listed trails and their order: ranked by a score, filtered by class, score and time."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from napari_uai.monitor import SILENT, Monitor
from napari_uai.trails.scores.score_names import SCORES

if TYPE_CHECKING:
    from pathlib import Path

    from napari_uai.trails.analysis.result import TrailResult
    from napari_uai.trails.table import Trails
    from napari_uai.typing import Bools, Floats, Ints

SCORE_NAMES = ("anomaly", *SCORES)


@dataclass(frozen=True)
class Filter:
    """Which trails are listed, and by which score.

    Parameters
    ----------
    score
        Column of the scores that ranks the trails.
    hidden
        Classes that are not listed.
    least
        Lowest score, 0 to 1.
    from_s, to_s
        Interval of time, s; trails that are present at any time in it are listed.
    """

    score: str = "anomaly"
    hidden: Collection[str] = field(default=frozenset())
    least: float = 0.0
    from_s: float = -np.inf
    to_s: float = np.inf


@dataclass(frozen=True, eq=False)
class Ranking:
    """Listed trails, the most anomalous first.

    Parameters
    ----------
    result
        Result of the analysis.
    score
        Column of the scores that ranks the trails.
    places
        Rows of ``result.scores``, in order; int64.
    rows
        Rows of ``result.trails``, in the same order; int64.
    values
        Scores, 0 to 1, in the same order; float64.
    """

    result: TrailResult
    score: str
    places: Ints
    rows: Ints
    values: Floats

    def __len__(self) -> int:
        """Return the number of listed trails."""
        return len(self.rows)


@dataclass(frozen=True, eq=False)
class Likeness:
    """How similar trails are to one of them.

    Parameters
    ----------
    trail
        Its name.
    trails
        The trails.
    values
        Similarity of each of them, 1 for the same path; float64.
    """

    trail: str
    trails: Trails
    values: Floats

    @property
    def label(self) -> str:
        """What trails are ranked by."""
        return f"like {self.trail}"


@dataclass(frozen=True, eq=False)
class Comparison:
    """How anomalous trails are for a model of their scene.

    Parameters
    ----------
    model
        Name of its file.
    trails
        The trails.
    values
        Anomaly of each of them; float64.
    n_odd
        Number of trails with a p-value up to that of the command line.
    notes
        What to tell about the trails.
    """

    model: str
    trails: Trails
    values: Floats
    n_odd: int
    notes: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """What trails are ranked by."""
        return f"model {self.model}"


Order: TypeAlias = Likeness | Comparison
"""What ranks trails instead of a score of their analysis."""


def comparison_with(trails: Trails, path: Path, *, monitor: Monitor = SILENT) -> Comparison:
    """Score trails against the model in a file.

    Raises
    ------
    NapariUaiError
        If the file is not a model, or one of another scene.
    """
    from napari_uai.trails.analysis.follow import ODD
    from napari_uai.trails.analysis.model_file import read_model
    from napari_uai.trails.analysis.scene_scores import checked_scores, notes_on

    monitor.update(0.0, "reading the model")
    model = read_model(path)
    table, rows = checked_scores(model, trails, monitor=monitor.part(0.1, 1.0))
    values = np.empty(len(trails))
    values[rows] = table["anomaly"].to_numpy()
    n_odd = int((table["p_value"] <= ODD).sum())
    return Comparison(path.name, trails, values, n_odd, tuple(notes_on(model, trails)))


def likeness_to(trails: Trails, row: int, *, monitor: Monitor = SILENT) -> Likeness:
    """Compare all trails with one, by the distance of the score *nearest*.

    Parameters
    ----------
    trails
        Trails of one scene.
    row
        Row of the trail to compare with.
    monitor
        Progress and cancellation.
    """
    from napari_uai.trails.scores.nearest import relative
    from napari_uai.trails.scores.resampling import resample_along_arc

    points = resample_along_arc(trails, monitor=monitor).astype(np.float64)
    apart = np.sqrt(np.square(points - points[row]).sum(axis=2).mean(axis=1))
    name = str(trails.table["trail"].iloc[row])
    return Likeness(name, trails, 1 - relative(apart, float(np.median(apart))))


def rank(result: TrailResult, criteria: Filter, other: Order | None = None) -> Ranking:
    """Filter and sort trails; equal scores keep the order of the anomaly.

    Parameters
    ----------
    result
        Result of the analysis.
    criteria
        Score and filters.
    other
        What ranks the trails of the result instead of a score.
    """
    scores = result.scores
    rows = result.rows
    by = criteria.score if other is None else other.label
    values = scores[criteria.score].to_numpy(np.float64) if other is None else other.values[rows]
    values = np.nan_to_num(values)
    table = result.trails.table
    start, end = (table[key].to_numpy(np.float64)[rows] for key in ("start", "end"))
    keep = (values >= criteria.least) & (end >= criteria.from_s) & (start <= criteria.to_s)
    if criteria.hidden:
        keep &= ~scores["class"].isin(list(criteria.hidden)).to_numpy()
    places = np.flatnonzero(keep)
    order = places[np.argsort(-values[places], kind="stable")]
    return Ranking(result, by, order, rows[order], values[order])


def nearest_trail(
    result: TrailResult, rows: Ints, at: tuple[float, float], *, within_px: float
) -> int | None:
    """Return the trail that passes closest to a point.

    Parameters
    ----------
    result
        Result of the analysis.
    rows
        Candidate rows of the trails, in order of preference at equal distance.
    at
        y and x in px of the scene.
    within_px
        Largest distance.

    Returns
    -------
    int or None
        Row of the trail, or None if no candidate is close enough.
    """
    trails = result.trails
    y, x = at
    nearby = rows[_boxes_near(trails, y, x, within_px)[rows]]
    best, nearest = within_px, None
    for row in nearby.tolist():
        samples = trails.trail(row)
        distance = _distance_from_origin(
            trails.y[samples].astype(float) - y, trails.x[samples].astype(float) - x
        )
        if distance < best - 1e-9:
            best, nearest = distance, row
    return nearest


def _boxes_near(trails: Trails, y: float, x: float, within_px: float) -> Bools:
    """Return which trails have a bounding box within a distance of a point."""
    starts = trails.offsets[:-1]
    near = np.ones(len(trails), bool)
    for values, at in ((trails.y, y), (trails.x, x)):
        near &= np.minimum.reduceat(values, starts) <= at + within_px
        near &= np.maximum.reduceat(values, starts) >= at - within_px
    return near


def _distance_from_origin(y: Floats, x: Floats) -> float:
    """Return the distance of a polyline from the origin."""
    if len(y) == 1:
        return float(np.hypot(y[0], x[0]))
    dy, dx = np.diff(y), np.diff(x)
    length = np.maximum(dy * dy + dx * dx, 1e-12)
    part = np.clip(-(y[:-1] * dy + x[:-1] * dx) / length, 0, 1)
    return float(np.hypot(y[:-1] + part * dy, x[:-1] + part * dx).min())
