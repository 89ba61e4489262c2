"""The listed trails and their order: ranked by a score, filtered by class, score and time."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from napari_uai.monitor import SILENT, Monitor
from napari_uai.trails.scores.score_names import SCORES

if TYPE_CHECKING:
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


def rank(result: TrailResult, criteria: Filter, likeness: Likeness | None = None) -> Ranking:
    """Filter and sort trails; equal scores keep the order of the anomaly.

    Parameters
    ----------
    result
        Result of the analysis.
    criteria
        Score and filters.
    likeness
        Similarity of the trails of the result to one of them, which ranks them instead of a score.
    """
    scores = result.scores
    rows = result.rows
    by = criteria.score if likeness is None else f"like {likeness.trail}"
    values = (
        scores[criteria.score].to_numpy(np.float64) if likeness is None else likeness.values[rows]
    )
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
