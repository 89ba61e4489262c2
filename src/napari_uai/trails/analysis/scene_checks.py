"""Doubts about new trails: another scene than that of a model, or other units."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from napari_uai.errors import BadValueError
from napari_uai.trails.analysis.scene_reference import Reference, group_maps
from napari_uai.trails.analysis.scene_traffic import PAINTING, Traffic
from napari_uai.trails.heat.footprints import paint_footprints
from napari_uai.trails.scores.motion import pace_against
from napari_uai.trails.table import Trails

FEW, MANY = 20, 500
"""Trails from which on their unit is doubted, and largest number that is looked at."""

ON_TRACK = 0.05
"""Least share of the places of new trails where trails of the model passed."""

TIMES = 12.0
"""How many times faster or slower than those of the model new trails may be, by their median."""


def check_scene(traffic: Traffic, trails: Trails) -> None:
    """Raise BadValueError if the scene of trails has another size than that of a model."""
    scene, own = trails.scene, traffic.sample.scene
    if (own.width, own.height) != (scene.width, scene.height):
        raise BadValueError(
            f"the scene of the trails is {scene.width} x {scene.height} px, that of the model "
            f"{own.width} x {own.height} px: give the same scene size"
        )


def check_unit(
    traffic: Traffic, reference: Reference, settings: Mapping[str, Any], trails: Trails
) -> None:
    """Raise BadValueError if trails are not where, or not as fast as, those of a model."""
    n = len(trails)
    if n < FEW:
        return
    some = trails.select(np.linspace(0, n - 1, MANY).astype(np.int64)) if n > MANY else trails
    groups = (reference.groups, reference.group_of_class)
    anywhere = group_maps(traffic, settings, *groups)[1].max(axis=(0, 1)).ravel()
    cells = paint_footprints(some, **{name: settings[name] for name in PAINTING}).cells
    share = float(np.mean(anywhere[cells % len(anywhere)] > 0))
    if share < ON_TRACK:
        raise BadValueError(
            f"only {100 * share:.2g} % of the places are where trails of the model passed: another "
            "camera, or another unit of positions?"
        )
    _check_pace(reference, some)


def _check_pace(reference: Reference, trails: Trails) -> None:
    kinds = trails.table["class"].astype(str)
    codes = np.array([reference.group_of_class.get(kind, 0) for kind in kinds], np.int64)
    pace = pace_against(reference.pace, trails, codes)
    usual = reference.pace.middle[len(reference.pace.keys) :]
    steps = pace.whole & (pace.times_s > 0)
    if np.count_nonzero(steps) < FEW:
        return
    excess = np.log(pace.times_s[steps]) - usual[codes[pace.paths.owner[steps]]]
    middle = float(np.median(excess))
    times = float(np.exp(abs(middle)))
    if times > TIMES:
        raise BadValueError(
            f"trails are {times:.0f} times {'slower' if middle > 0 else 'faster'} than those of "
            "the model: another frame rate (--frame-rate) or unit of times?"
        )
