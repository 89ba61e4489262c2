"""What an analysis of trails gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

import cv2
import numpy as np
import pandas as pd

from napari_uai.trails.heat.masks import Mask
from napari_uai.trails.heat.regions import Region
from napari_uai.trails.pictures.canvas import Stretch
from napari_uai.trails.table import Trails
from napari_uai.typing import Floats, Floats32, Ints

RECORD_FORMAT = "napari-uai trails 1"
"""First entry of run.json; changes when a reader has to know."""

RECORD = "run.json"
"""File that tells where the results come from."""

OTHERS = "default"
"""Stands in it for all classes without a mask of their own."""

Preset: TypeAlias = Literal["default", "reference"]
PRESETS: tuple[Preset, ...] = get_args(Preset)

EVERY_CLASS = ""
"""Stands for all classes without a mask of their own."""

MOST_CLASSES = 100
"""Classes that get heatmaps, regions and pictures of their own: the most frequent ones."""

TOP = 9
"""Trails that the pictures show, unless told otherwise: a sheet of three by three."""

Settings: TypeAlias = Mapping[str, Mapping[str, Any]]
"""Parameters by part of the analysis and name."""


@dataclass(frozen=True, eq=False)
class ClassHeat:
    """Ordinary traffic of a class.

    Parameters
    ----------
    kind
        The class.
    n_trails
        How many trails were counted.
    counts
        Trails that cross each cell, blurred; rows, columns; float32.
    shade
        The same after scaling, 0 to 1; float32.
    """

    kind: str
    n_trails: int
    counts: Floats32
    shade: Floats32


@dataclass(frozen=True, eq=False)
class TrailResult:
    """What was found of the trails of a scene.

    Attributes
    ----------
    trails
        Those that were scored: within the mask, if there is one.
    scores
        A row for each of them, most anomalous first: ``trail, class, n_samples, rank, anomaly,
        p_value``, the scores (0 to 1, 1 is most anomalous), the stretch that departs.
    rows
        Row of ``trails`` of each row of ``scores``; int64.
    stretches
        For each row of ``scores`` the samples (first, one after the last) of its trail that
        depart from ordinary traffic; int64, (rows, 2).
    at_samples
        How anomalous each sample of ``trails`` is, 0 to 1; NaN where not scored; float32.
    heat
        Ordinary traffic by class, the most frequent class first.
    regions
        Areas of ordinary traffic of all classes.
    preset
        Which scores and default parameters were used.
    parameters
        All parameters, by part of the analysis.
    masks
        Region in which trails count, by class; :data:`EVERY_CLASS` for the others.
    mask_records
        Where each of them is from.
    n_masked_out
        Trails that do not count because of them.
    n_top
        Trails that pictures show.
    problems
        ``file``, ``trail``, ``problem``: what could not be used, and why.
    options
        How the input was read.
    timings_s
        Seconds per part.
    """

    trails: Trails
    scores: pd.DataFrame
    rows: Ints
    stretches: Ints
    at_samples: Floats32
    heat: Mapping[str, ClassHeat]
    regions: tuple[Region, ...]
    preset: Preset
    parameters: Settings
    masks: Mapping[str, Mask] = field(default_factory=dict)
    mask_records: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    n_masked_out: int = 0
    n_top: int = TOP
    problems: pd.DataFrame = field(default_factory=pd.DataFrame)
    options: Mapping[str, Any] = field(default_factory=dict)
    timings_s: Mapping[str, float] = field(default_factory=dict)

    @property
    def region_threshold(self) -> float:
        """Scaled heat from which on traffic is ordinary."""
        return float(self.parameters["regions"]["region_threshold"])

    def stretches_at(self, places: slice | Ints) -> list[Stretch]:
        """Return the stretches of some rows of ``scores``."""
        return [(first, end) for first, end in self.stretches[places].tolist()]

    def mask_outlines(self, kind: str) -> list[Floats]:
        """Return the outlines (y, x; px of the scene) of the mask of a class, if it has one."""
        mask = self.masks.get(kind, self.masks.get(EVERY_CLASS))
        if mask is None:
            return []
        inside = mask.inside
        found, _ = cv2.findContours(inside.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
        sides = np.array([self.trails.scene.height, self.trails.scene.width], float)
        scale = (sides - 1) / np.maximum(np.array(inside.shape) - 1, 1)
        return [outline[:, 0, ::-1] * scale for outline in found]
