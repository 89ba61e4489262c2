"""The result of a trail analysis."""

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
"""First entry of run.json; changes whenever readers have to change."""

RECORD = "run.json"
"""File that records where the results come from."""

OTHERS = "default"
"""Name in run.json of the mask for classes without a mask of their own."""

Preset: TypeAlias = Literal["default", "reference"]
PRESETS: tuple[Preset, ...] = get_args(Preset)

EVERY_CLASS = ""
"""Key of the mask for classes without a mask of their own."""

MOST_CLASSES = 100
"""Largest number of classes with heatmaps, regions and pictures: the most frequent ones."""

TOP = 9
"""Default number of trails that pictures show: a sheet of three by three."""

Settings: TypeAlias = Mapping[str, Mapping[str, Any]]
"""Parameters, by part of the analysis and name."""


@dataclass(frozen=True, eq=False)
class ClassHeat:
    """Ordinary traffic of a class.

    Parameters
    ----------
    kind
        Name of the class.
    n_trails
        Number of its trails.
    counts
        Number of trails that cross each cell, blurred: rows, columns; float32.
    shade
        Scaled counts, 0 to 1; float32.
    """

    kind: str
    n_trails: int
    counts: Floats32
    shade: Floats32


@dataclass(frozen=True, eq=False)
class TrailResult:
    """Ranked trails of a scene, with heatmaps and regions of ordinary traffic.

    Attributes
    ----------
    trails
        The scored trails: those inside the masks, if there are any.
    scores
        One row per trail, most anomalous first: ``trail, class, n_samples, rank, anomaly,
        p_value``, the individual scores (0 to 1, 1 is most anomalous), and the times between which
        the trail departs from ordinary traffic.
    rows
        Row of ``trails`` of each row of ``scores``; int64.
    stretches
        First sample of the departing stretch of each row of ``scores``, and the sample after its
        last, counted within the trail: rows, 2; int64.
    at_samples
        How anomalous each sample of ``trails`` is, 0 to 1; NaN if not scored; float32.
    heat
        Ordinary traffic by class, most frequent class first.
    regions
        Regions of ordinary traffic of all classes.
    preset
        Preset of scores and default parameters.
    parameters
        All parameters, by part of the analysis.
    masks
        Masks by class; the key :data:`EVERY_CLASS` is for all other classes.
    mask_records
        Origin of each mask.
    n_masked_out
        Number of trails outside the masks.
    n_top
        Number of trails that pictures show.
    problems
        What could not be used: ``file``, ``trail``, ``problem``.
    options
        Options with which the input was read.
    timings_s
        Duration of each part, in s.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from napari_uai.trails import analyse_trails, trails_of_frame
    >>> samples = pd.DataFrame({"trail": np.repeat(np.arange(12), 10), "x": [*range(10)] * 12,
    ...                         "y": np.repeat(np.arange(12), 10), "frame": [*range(10)] * 12})
    >>> result = analyse_trails(trails_of_frame(samples, scene_size=(64, 48)))
    >>> len(result.scores), list(result.heat), result.region_threshold
    (12, ['unclassified'], 0.1)
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
        """Scaled heat above which traffic is ordinary."""
        return float(self.parameters["regions"]["region_threshold"])

    def stretches_at(self, places: slice | Ints) -> list[Stretch]:
        """Return the departing stretches of some rows of ``scores``."""
        return [(first, end) for first, end in self.stretches[places].tolist()]

    def mask_outlines(self, kind: str) -> list[Floats]:
        """Return the outlines (y, x; px of the scene) of the mask of a class; empty without."""
        mask = self.masks.get(kind, self.masks.get(EVERY_CLASS))
        if mask is None:
            return []
        inside = mask.inside
        outlines, _ = cv2.findContours(
            inside.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE
        )
        sides = np.array([self.trails.scene.height, self.trails.scene.width], float)
        scale = (sides - 1) / np.maximum(np.array(inside.shape) - 1, 1)
        return [outline[:, 0, ::-1] * scale for outline in outlines]
