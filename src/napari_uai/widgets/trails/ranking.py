"""Which trails are listed, in which order: by a score, filtered by class, score and time."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from napari_uai.trails.analysis.result import TrailResult
    from napari_uai.trails.table import Trails

SCORE_NAMES = (
    "anomaly",
    "heat",
    "worst_window",
    "direction",
    "nearest",
    "companion",
    "dwell",
    "speed",
)


@dataclass(frozen=True)
class Filter:
    """Which trails are shown.

    Parameters
    ----------
    score
        Column that ranks them.
    hidden
        Classes that are not.
    least
        Score from which on.
    from_s, to_s
        They are shown if they are there at any time in between.
    """

    score: str = "anomaly"
    hidden: Collection[str] = field(default=frozenset())
    least: float = 0.0
    from_s: float = -np.inf
    to_s: float = np.inf


@dataclass(frozen=True, eq=False)
class Ranking:
    """Trails that are shown, most anomalous first.

    Parameters
    ----------
    result
        What was found.
    score
        Column that ranks them.
    places
        Rows of ``result.scores``, in order; int64.
    rows
        Rows of ``result.trails`` of the same; int64.
    values
        Score of each, 0 to 1; float64.
    """

    result: TrailResult
    score: str
    places: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]

    def __len__(self) -> int:
        """Return the number of trails that are shown."""
        return len(self.rows)


def rank(result: TrailResult, shown: Filter) -> Ranking:
    """Choose and order the trails that are shown; equal scores stay in the order of the anomaly."""
    scores = result.scores
    rows = result.rows
    values = np.nan_to_num(scores[shown.score].to_numpy(np.float64))
    table = result.trails.table
    start, end = (table[key].to_numpy(np.float64)[rows] for key in ("start", "end"))
    keep = (values >= shown.least) & (end >= shown.from_s) & (start <= shown.to_s)
    if shown.hidden:
        keep &= ~scores["class"].isin(list(shown.hidden)).to_numpy()
    places = np.flatnonzero(keep)
    order = places[np.argsort(-values[places], kind="stable")]
    return Ranking(result, shown.score, order, rows[order], values[order])


def nearest_trail(
    result: TrailResult,
    rows: npt.NDArray[np.int64],
    at: tuple[float, float],
    *,
    within_px: float,
) -> int | None:
    """Return the trail (row) that passes closest to a point, the earlier listed one if equal.

    Parameters
    ----------
    result
        What was found.
    rows
        Trails that are looked at.
    at
        y and x in px of the scene.
    within_px
        Farther ones do not count.
    """
    trails = result.trails
    y, x = at
    near = rows[_boxes_near(trails, y, x, within_px)[rows]]
    best, found = within_px, None
    for row in near.tolist():
        here = trails.trail(row)
        apart = _distance(trails.y[here].astype(float) - y, trails.x[here].astype(float) - x)
        if apart < best - 1e-9:
            best, found = apart, row
    return found


def _boxes_near(trails: Trails, y: float, x: float, within_px: float) -> npt.NDArray[np.bool_]:
    """Tell which trails have a bounding box that reaches to a point."""
    starts = trails.offsets[:-1]
    near = np.ones(len(trails), bool)
    for values, at in ((trails.y, y), (trails.x, x)):
        near &= np.minimum.reduceat(values, starts) <= at + within_px
        near &= np.maximum.reduceat(values, starts) >= at - within_px
    return near


def _distance(y: npt.NDArray[np.float64], x: npt.NDArray[np.float64]) -> float:
    """Return how far a broken line passes from 0, 0."""
    if len(y) == 1:
        return float(np.hypot(y[0], x[0]))
    dy, dx = np.diff(y), np.diff(x)
    length = np.maximum(dy * dy + dx * dx, 1e-12)
    part = np.clip(-(y[:-1] * dy + x[:-1] * dx) / length, 0, 1)
    return float(np.hypot(y[:-1] + part * dy, x[:-1] + part * dx).min())
