"""KITTI tracking labels: 17 or 18 columns between blanks, class in words."""

from __future__ import annotations

import pandas as pd

from napari_uai.errors import counted
from napari_uai.trails.io.records import Problem
from napari_uai.trails.io.sample_table import SampleTable
from napari_uai.trails.io.times import numbers_of

_COLUMNS = {"frame": 0, "trail": 1, "class": 2, "x1": 6, "y1": 7, "x2": 8, "y2": 9}


def is_kitti(table: pd.DataFrame) -> bool:
    """Return whether rows are frame, id, class, truncation, occlusion, angle, box, ..."""
    if table.shape[1] not in range(10, 19):
        return False
    words = numbers_of(table[2].head(100))
    return bool(pd.isna(words).all()) and all(
        pd.notna(numbers_of(table[i].head(100))).mean() > 0.9 for i in (0, 1, *range(6, 10))
    )


def kitti_table(table: pd.DataFrame, file: str, problems: list[Problem]) -> SampleTable:
    """Return the boxes; regions that are labelled *DontCare* are dropped."""
    ignored = table[2].astype("str").str.lower() == "dontcare"
    if ignored.any():
        problems.append((file, "", f"{counted(ignored.sum(), 'box')} of class DontCare: dropped"))
        table = table[~ignored]
    table = table.assign(**{"2": table[2]})
    return SampleTable(
        table[list(_COLUMNS.values())],
        columns=_COLUMNS,
        defined=True,
        unit="px",
        noun="box",
        problems=tuple(problems),
    )
