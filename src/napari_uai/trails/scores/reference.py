"""Scores as the reference program computes them: mean of the scaled heat over a trail's samples.

The reference is the trail heatmap of Pacefactory (2023) with its default settings. Each trail is
painted once, counts for its own heat, and is scored by the mean of the heat at its samples. Its
blur has no effect unless asked for. Kept to compare with; the other scores find more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pandas as pd

from napari_uai.errors import BadValueError
from napari_uai.monitor import SILENT, Monitor
from napari_uai.trails.heat.footprints import heatmap_grid
from napari_uai.trails.heat.masks import MaskLike, as_mask
from napari_uai.trails.parameters import Limit, LongestSide, Threshold
from napari_uai.trails.scores.combine_scores import conformal_p_values
from napari_uai.trails.scores.scores import Scores, score_trails
from napari_uai.trails.table import Trails, problem_table
from napari_uai.typing import Floats, Floats32, Ints, Ints32

THICKNESS = 2
"""Of a line as OpenCV counts it; it paints 3 px."""

BLUR_PX = 7
MIN_TRAILS = 50


@dataclass(frozen=True, eq=False)
class ReferenceScores:
    """Scores of the reference.

    Parameters
    ----------
    anomaly
        Of each trail, 0 to 1, 1 most anomalous; NaN if it lies outside the mask, or its class has
        too few trails; float64.
    at_samples
        How ordinary the place of each sample is, 0 to 1; NaN likewise; float32.
    maps
        How ordinary each cell is, by class: rows, columns; float32.
    """

    anomaly: Floats
    at_samples: Floats32
    maps: dict[str, Floats32]


def reference_scores(
    trails: Trails,
    mask: MaskLike | None = None,
    *,
    longest_side_px: LongestSide = 360,
    lower: Limit = 3.0,
    upper: Limit = 50.0,
    blurred: bool = False,
    threshold: Threshold = 0.5,
    min_trails: int = MIN_TRAILS,
    monitor: Monitor = SILENT,
) -> ReferenceScores:
    """Score trails as the reference does.

    Parameters
    ----------
    trails
        Of one scene.
    mask
        Trails with more than ``threshold`` of their samples inside count; all if None.
    longest_side_px
        Longest side of the heatmap.
    lower, upper
        Numbers of trails between which heat is scaled by its logarithm.
    blurred
        Blur the heat over 7 x 7 cells, as the reference's text promises but its program does not.
    threshold
        Share of its samples that a trail must have inside the mask.
    min_trails
        Classes of fewer trails are left out.
    monitor
        Told of each class.

    Returns
    -------
    ReferenceScores

    Raises
    ------
    BadValueError
        If limits are not in order, or the mask is empty.
    """
    if not 0 <= lower < upper:
        raise BadValueError(f"limits are {lower} and {upper}: choose 0 <= lower < upper")
    shape, (scale_y, scale_x) = heatmap_grid(
        trails.scene.width, trails.scene.height, longest_side_px
    )
    row = _rounded(trails.y, scale_y, shape[0])
    column = _rounded(trails.x, scale_x, shape[1])
    included = np.ones(len(trails), bool)
    if mask is not None:
        region = as_mask(mask, trails.scene).inside.astype(np.uint8)
        small = cv2.resize(region, shape[::-1], interpolation=cv2.INTER_NEAREST)
        hits = np.add.reduceat(small[row, column], trails.offsets[:-1], dtype=np.int64)
        included = hits > threshold * trails.n_samples
    anomaly = np.full(len(trails), np.nan)
    at_samples = np.full(len(trails.y), np.nan, np.float32)
    maps: dict[str, Floats32] = {}
    codes, kinds = pd.factorize(trails.table["class"].to_numpy().astype(object))
    points = np.stack([column, row], axis=1)
    for k, kind in enumerate(kinds):
        monitor.update(k / len(kinds), f"heat of {kind}")
        members = np.flatnonzero((codes == k) & included)
        if (codes == k).sum() < min_trails or len(members) == 0:
            continue
        heat = _paint_class(points, trails.offsets, members, shape)
        if blurred:
            heat = cv2.blur(heat, (BLUR_PX, BLUR_PX))
        ordinary = _scaled(heat, lower, upper)
        maps[str(kind)] = ordinary
        for i in members.tolist():
            own = trails.trail(i)
            at_samples[own] = ordinary[row[own], column[own]]
            anomaly[i] = 1.0 - at_samples[own].mean(dtype=np.float64)
    return ReferenceScores(anomaly, at_samples, maps)


def rank_by_reference(trails: Trails, *, monitor: Monitor = SILENT, **parameters: Any) -> Scores:
    """Rank trails by the score of the reference; all other scores are given beside it.

    Parameters
    ----------
    trails
        Trails of one scene.
    monitor
        Progress and cancellation.
    **parameters
        Parameters of :func:`reference_scores`.

    Returns
    -------
    Scores
        Of the trails that the reference scores; ``anomaly`` and ``heat`` are its score.

    Raises
    ------
    BadValueError
        If no class has enough trails, or a parameter is outside its limits.
    """
    reference = reference_scores(trails, **parameters, monitor=monitor.part(0.0, 0.4))
    least = parameters.get("min_trails", MIN_TRAILS)
    known = np.flatnonzero(np.isfinite(reference.anomaly))
    if not len(known):
        raise BadValueError(
            f"no class has {least} trails, as preset reference requires: choose another preset or "
            "a lower min_trails"
        )
    counts = trails.classes
    problems = [
        ("", "", f"class {kind} has {n} trails, fewer than min_trails ({least}): not scored")
        for kind, n in counts[counts < least].items()
    ]
    scores = score_trails(trails.select(known), monitor=monitor.part(0.4, 1.0))
    rows = known[scores.rows]
    anomaly = reference.anomaly[rows]
    table = scores.table.assign(anomaly=anomaly, heat=anomaly)
    codes = pd.factorize(table["class"])[0].astype(np.int64)
    table["p_value"] = conformal_p_values(anomaly, codes)
    order = np.argsort(-anomaly, kind="stable")
    table = table.iloc[order].reset_index(drop=True)
    table["rank"] = np.arange(1, len(table) + 1)
    return Scores(
        table,
        rows[order],
        1.0 - reference.at_samples,
        scores.stretches[order],
        problem_table(problems),
    )


def _rounded(positions: Floats32, scale: float, limit: int) -> Ints32:
    """Return the cell of each position."""
    cells = np.rint(positions.astype(np.float64) * scale)
    return np.clip(cells, 0, limit - 1).astype(np.int32)


def _paint_class(
    points: Ints32,
    offsets: Ints,
    members: Ints,
    shape: tuple[int, int],
) -> Floats32:
    """Count the trails that cross each cell, each drawn on one canvas and added by its box."""
    counts = np.zeros(shape, np.int32)
    canvas = np.zeros(shape, np.uint8)
    for i in members:
        path = points[offsets[i] : offsets[i + 1]]
        path = path[np.concatenate([[True], (np.diff(path, axis=0) != 0).any(axis=1)])]
        low = np.maximum(path.min(axis=0) - THICKNESS, 0)
        high = np.minimum(path.max(axis=0) + THICKNESS + 1, shape[::-1])
        cv2.polylines(canvas, [path], isClosed=False, color=1, thickness=THICKNESS)
        box = (slice(low[1], high[1]), slice(low[0], high[0]))
        counts[box] += canvas[box]
        canvas[box] = 0
    return counts.astype(np.float32)


def _scaled(heat: Floats32, lower: float, upper: float) -> Floats32:
    """Return heat between its limits on a logarithmic scale; all 0 if no place is hot enough."""
    scaled = np.log(np.clip(heat, lower, upper) - np.float32(lower - 1.0))
    hottest = scaled.max()
    return np.asarray(scaled / hottest if hottest > 0 else scaled, np.float32)
