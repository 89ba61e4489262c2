"""Annotations of the Stanford Drone Dataset: corners, three flags, class in quotes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from napari_uai.trails.io.records import Problem
from napari_uai.trails.io.sample_table import SampleTable
from napari_uai.trails.io.times import numbers_of

_COLUMNS = {"trail": 0, "x1": 1, "y1": 2, "x2": 3, "y2": 4, "frame": 5, "lost": 6,
            "generated": 8, "class": 9}  # fmt: skip


def is_sdd(table: pd.DataFrame) -> bool:
    """Return whether rows are id, corners, frame, lost, occluded, generated, "class"."""
    if table.shape[1] != 10 or not pd.isna(numbers_of(table[9].head(100))).all():
        return False
    flags = np.concatenate([numbers_of(table[i].head(1000)) for i in (6, 7, 8)])
    return bool(np.isin(flags, (0, 1)).all())


def sdd_table(table: pd.DataFrame, file: str, problems: list[Problem]) -> SampleTable:
    """Return the boxes; those outside of the view (lost) are dropped."""
    del file
    return SampleTable(
        table,
        columns=_COLUMNS,
        defined=True,
        ignored=(7,),
        unit="px",
        noun="box",
        problems=tuple(problems),
    )
