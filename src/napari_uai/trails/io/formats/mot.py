"""MOT text: frame, id, box, and up to four more columns, also those of VisDrone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from napari_uai.trails.io.records import Problem
from napari_uai.trails.io.sample_table import SampleTable
from napari_uai.trails.io.times import numbers_of
from napari_uai.typing import Floats

MOT_CLASSES = (
    "pedestrian",
    "person on vehicle",
    "car",
    "bicycle",
    "motorbike",
    "non motorized vehicle",
    "static person",
    "distractor",
    "occluder",
    "occluder on the ground",
    "occluder full",
    "reflection",
)
"""Classes 1 to 12 of MOT ground truth (Milan et al. 2016, doi:10.48550/arXiv.1603.00831)."""

_COLUMNS = {"frame": 0, "trail": 1, "left": 2, "top": 3, "width": 4, "height": 5}
_MOST_CLASSES = 1000


def is_mot(table: pd.DataFrame) -> bool:
    """Return whether rows are frame, id, left, top, width, height, and up to four more numbers."""
    if table.shape[1] not in range(6, 12) or (
        table.shape[1] == 11 and table.iloc[:, 10].notna().any()
    ):
        return False
    frame, name, *box = (numbers_of(table[i]) for i in range(6))
    tracked = np.isfinite(frame) & np.isfinite(name) & (name >= 0)
    if not tracked.any():
        tracked = np.isfinite(frame) & (name < 0)  # detections
    if not tracked.any():
        return table.shape[1] in (9, 10) and bool(np.isfinite(frame).any())
    # Velocities, for example, would be negative.
    return bool((frame[tracked] % 1 == 0).all() and (box[2][tracked] > 0).mean() > 0.9
                and (box[3][tracked] > 0).mean() > 0.9)  # fmt: skip


def mot_table(table: pd.DataFrame, file: str, problems: list[Problem]) -> SampleTable:
    """Return the boxes of objects; those without an identity or marked as ignored are dropped.

    Of nine columns, the 7th and 8th are a flag and a class. Of eight or ten, the 8th is a class
    where it is a whole number other than -1, as in VisDrone.
    """
    nobody = numbers_of(table[1]) < 0
    if nobody.any():
        problems.append((file, "", f"{nobody.sum()} boxes without an identity (-1): dropped"))
        table = table[~nobody]
    width = min(table.shape[1], 10)
    columns: dict[str, Any] = dict(_COLUMNS)
    if width == 9:
        table = _without_ignored(table, file, problems)
        names = dict(enumerate(MOT_CLASSES, start=1))
        kinds = pd.Series(numbers_of(table[7]), index=table.index).map(names)
        table, columns["class"] = table.assign(kind=kinds), "kind"
    elif width in (8, 10) and _holds_classes(numbers_of(table[7])):
        if np.isin(numbers_of(table[6]), (0, 1)).all():
            table = _without_ignored(table, file, problems)
        kinds = pd.Series(numbers_of(table[7]), index=table.index)
        table, columns["class"] = table.assign(kind=kinds.where(kinds >= 0)), "kind"
    return SampleTable(
        table[[*columns.values()]],
        columns=columns,
        defined=True,
        unit="",
        noun="boxes",
        problems=tuple(problems),
    )


def _without_ignored(table: pd.DataFrame, file: str, problems: list[Problem]) -> pd.DataFrame:
    ignored = numbers_of(table[6]) == 0
    if not ignored.any():
        return table
    problems.append((file, "", f"{ignored.sum()} boxes marked as ignored: dropped"))
    kept: pd.DataFrame = table[~ignored]
    return kept


def _holds_classes(numbers: Floats) -> bool:
    """Return whether numbers are those of classes, not world positions."""
    known = numbers[np.isfinite(numbers)]
    classes = known[known != -1]
    return bool(
        len(classes)
        and (classes % 1 == 0).all()
        and classes.min() >= 0
        and len(np.unique(classes)) <= min(_MOST_CLASSES, max(len(classes) / 2, 1))
    )
