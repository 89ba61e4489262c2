"""AI City Challenge: camera, id, frame, box, world position, between blanks."""

from __future__ import annotations

import numpy as np
import pandas as pd

from napari_uai.trails.io.records import Problem
from napari_uai.trails.io.sample_table import SampleTable
from napari_uai.trails.io.times import numbers_of

_COLUMNS = {"camera": 0, "trail": 1, "frame": 2, "left": 3, "top": 4, "width": 5, "height": 6}

_LOOKED_AT = 50_000
"""Number of rows that tell the order of columns."""


def is_aicity(table: pd.DataFrame) -> bool:
    """Return whether rows are camera, id, frame, left, top, width, height, and two more.

    MOT text of nine columns has frame and id in front, which occur together once only.
    """
    if table.shape[1] not in (7, 8, 9):
        return False
    head = table.head(_LOOKED_AT)
    numbers = np.column_stack([numbers_of(head[i]) for i in range(7)])
    if np.isnan(numbers).mean() > 0.01:
        return False
    whole = (numbers[:, :3] % 1 == 0).all() and (numbers[:, 5:7] > 0).mean() > 0.95
    # Detections of MOT text have no identity.
    whole = whole and (numbers[:, 1] >= 0).mean() > 0.95
    pairs = pd.DataFrame(numbers[:, :2]).duplicated().mean()
    triples = pd.DataFrame(numbers[:, :3]).duplicated().mean()
    return bool(whole and pairs > 0.3 and triples < 0.05)


def aicity_table(table: pd.DataFrame, file: str, problems: list[Problem]) -> SampleTable:
    """Return the boxes with their camera."""
    del file
    named = table.rename(columns={0: "camera"})
    columns = {**_COLUMNS, "camera": "camera"}
    return SampleTable(
        named[list(columns.values())],
        columns=columns,
        defined=True,
        unit="px",
        noun="box",
        problems=tuple(problems),
    )
