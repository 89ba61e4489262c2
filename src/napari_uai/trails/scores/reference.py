"""Scores of the reference program: the mean of the scaled heat at the samples of a trail.

The reference is the trail heatmap of Pacefactory (2023) with its default settings. Each trail is
painted once, contributes to its own heat, and is scored by the mean heat at its samples; the heat
is not blurred. It serves for comparison: the other scores detect more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import cv2
import numpy as np
import pandas as pd
from annotated_types import Ge

from napari_uai.errors import BadValueError, counted
from napari_uai.monitor import SILENT, Monitor
from napari_uai.parameters import checked
from napari_uai.trails.heat.footprints import heatmap_grid
from napari_uai.trails.heat.masks import MaskLike, as_mask
from napari_uai.trails.parameters import Fraction, Limit, LongestSide
from napari_uai.trails.scores.combine_scores import conformal_p_values
from napari_uai.trails.scores.scores import Scores, score_trails
from napari_uai.trails.table import Trails, problem_table
from napari_uai.typing import Floats, Floats32, Ints, Ints32

THICKNESS = 2
"""Thickness of a line for OpenCV, which paints 3 px."""

BLUR_PX = 7
MIN_TRAILS = 50


@dataclass(frozen=True, eq=False)
class ReferenceScores:
    """Scores of the reference.

    Parameters
    ----------
    anomaly
        Anomaly of each trail, 0 to 1, 1 is most anomalous; float64. NaN for trails outside the
        mask or of classes with too few trails.
    at_samples
        How ordinary the place of each sample is, 0 to 1; float32. NaN likewise.
    maps
        How ordinary each cell is, by class: rows, columns; float32.
    """

    anomaly: Floats
    at_samples: Floats32
    maps: dict[str, Floats32]


@checked
def reference_scores(
    trails: Trails,
    mask: MaskLike | None = None,
    *,
    longest_side_px: LongestSide = 360,
    lower: Limit = 3.0,
    upper: Limit = 50.0,
    blurred: bool = False,
    threshold: Fraction = 0.5,
    min_trails: Annotated[int, Ge(1)] = MIN_TRAILS,
    monitor: Monitor = SILENT,
) -> ReferenceScores:
    """Score trails as the reference program does.

    Parameters
    ----------
    trails
        Trails of one scene.
    mask
        Mask of the scene; only trails with more than ``threshold`` of their samples inside count.
        All if None.
    longest_side_px
        Longest side of the heatmap.
    lower, upper
        Numbers of trails between which heat is scaled logarithmically.
    blurred
        Whether to blur the heat over 7 x 7 cells, as documented but not done by the reference.
    threshold
        Fraction of its samples that a trail must have inside the mask.
    min_trails
        Classes with fewer trails are not scored.
    monitor
        Progress and cancellation, once per class.

    Returns
    -------
    ReferenceScores
        Anomaly of each trail, and maps of each class.

    Raises
    ------
    BadValueError
        If a parameter is outside its limits, the limits of heat are not in ascending order, or the
        mask is empty.

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
    >>> from napari_uai.trails import reference_scores, trails_of_frame
    >>> samples = pd.DataFrame({"trail": np.repeat(range(6), 10), "x": [*range(0, 60, 6)] * 6,
    ...                         "y": np.repeat([20, 20, 20, 20, 20, 40], 10)})
    >>> trails = trails_of_frame(samples, scene_size=(64, 48))
    >>> reference_scores(trails, lower=1, upper=5, min_trails=2).anomaly
    array([0., 0., 0., 0., 0., 1.])
    """
    if not lower < upper:
        raise BadValueError(f"lower must be less than upper, got {lower:g} and {upper:g}")
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
        Progress and cancellation, once per block of trails.
    **parameters
        Parameters of :func:`reference_scores`.

    Returns
    -------
    Scores
        Scores of the trails that the reference scores; ``anomaly`` and ``heat`` are those of the
        reference.

    Raises
    ------
    BadValueError
        If no class has enough trails, or a parameter is outside its limits.
    """
    reference = reference_scores(trails, **parameters, monitor=monitor.part(0.0, 0.4))
    least = parameters.get("min_trails", MIN_TRAILS)
    scored = np.flatnonzero(np.isfinite(reference.anomaly))
    if not len(scored):
        raise BadValueError(
            f"no class has {counted(least, 'trail')}, as preset reference requires: choose another "
            "preset or a lower min_trails"
        )
    counts = trails.classes
    problems = [
        (
            "",
            "",
            f"class {kind} has {counted(n, 'trail')}, fewer than min_trails ({least}): not scored",
        )
        for kind, n in counts[counts < least].items()
    ]
    scores = score_trails(trails.select(scored), monitor=monitor.part(0.4, 1.0))
    rows = scored[scores.rows]
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
    """Count the trails that cross each cell: each is drawn on a canvas, its bounding box added."""
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
    """Scale heat between its limits logarithmically; all 0 if no place reaches the lower limit."""
    scaled = np.log(np.clip(heat, lower, upper) - np.float32(lower - 1.0))
    hottest = scaled.max()
    return np.asarray(scaled / hottest if hottest > 0 else scaled, np.float32)
