"""Parts of an analysis of trails beside the scores: which trails count, the heat of each class."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from napari_uai.monitor import SILENT, Monitor
from napari_uai.trails.analysis.result import (
    EVERY_CLASS,
    MOST_CLASSES,
    ClassHeat,
)
from napari_uai.trails.heat.heat import BlurKind, measure_heat
from napari_uai.trails.heat.masks import Mask, apply_masks
from napari_uai.trails.heat.painted_width import paint_at_width
from napari_uai.trails.heat.scaling import rescale
from napari_uai.trails.parameters import (
    BlurWidth,
    HeatScale,
    Limit,
    LimitUnit,
    LongestSide,
    PaintedWidth,
    Threshold,
    Weigh,
)
from napari_uai.trails.table import Trails


def heat_of_classes(
    trails: Trails,
    *,
    longest_side_px: LongestSide = 360,
    painted_width_px: PaintedWidth | None = None,
    blur_px: BlurWidth = 7,
    blur_kind: BlurKind = "box",
    heat_lower: Limit = 5.0,
    heat_upper: Limit = 1000.0,
    heat_unit: LimitUnit = "permille",
    heat_scale: HeatScale = "log",
    monitor: Monitor = SILENT,
) -> dict[str, ClassHeat]:
    """Map the ordinary traffic of each class, for pictures and regions.

    Parameters
    ----------
    trails
        Of one scene.
    longest_side_px
        Longest side of the heatmap.
    painted_width_px
        Width of a painted trail in cells of the heatmap; chosen by leave-one-out likelihood if
        None.
    blur_px
        Width of the square of the heatmap that a blur averages over.
    blur_kind
        Shape of that blur.
    heat_lower, heat_upper
        Heat at which colours begin and end; they end at the hottest place of a class at the
        latest.
    heat_unit
        Of these limits; by default colours begin where 5 of 1000 trails of the class pass.
    heat_scale
        What lies between them.
    monitor
        Progress and cancelling.

    Returns
    -------
    dict
        By class, the most frequent first; at most :data:`MOST_CLASSES`.
    """
    shown = trails.classes.head(MOST_CLASSES)
    if len(shown) < len(trails.classes):
        trails = trails.select(trails.table["class"].isin(shown.index).to_numpy())
    footprints = paint_at_width(
        trails,
        longest_side_px=longest_side_px,
        painted_width_px=painted_width_px,
        monitor=monitor.part(0.0, 0.4),
    )
    kinds = trails.table["class"].to_numpy()
    heat = measure_heat(
        footprints, kinds, blur_px=blur_px, blur_kind=blur_kind, monitor=monitor.part(0.4, 0.9)
    )
    scaled = rescale(
        heat, lower=heat_lower, upper=heat_upper, unit=heat_unit, scale=heat_scale,
        monitor=monitor.part(0.9, 1.0),
    )  # fmt: skip
    maps = {}
    for kind, n_trails in shown.items():
        counts = heat.map_of(str(kind))
        shade = scaled.scales[heat.classes.index(str(kind))].apply(counts)
        maps[str(kind)] = ClassHeat(str(kind), int(n_trails), counts, shade)
    return maps


def within_masks(
    trails: Trails,
    masks: Mapping[str, Mask],
    *,
    mask_threshold: Threshold = 0.5,
    mask_weigh: Weigh = "time",
) -> tuple[npt.NDArray[np.bool_], tuple[str, ...]]:
    """Tell which trails count, and what is to be said of the masks.

    Parameters
    ----------
    trails
        Of one scene.
    masks
        By class.
    mask_threshold
        Share of a trail that must lie inside the mask of its class.
    mask_weigh
        Whether that is a share of its time or of its length.
    """
    of_classes = {kind: mask for kind, mask in masks.items() if kind != EVERY_CLASS}
    found = apply_masks(
        trails, of_classes, masks.get(EVERY_CLASS), threshold=mask_threshold, weigh=mask_weigh
    )
    return found.included, found.notes
