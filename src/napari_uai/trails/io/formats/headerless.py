"""Rows of numbers without names, in the orders of columns of benchmarks."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pandas as pd

from napari_uai.trails.io.formats.aicity import aicity_table, is_aicity
from napari_uai.trails.io.formats.kitti import is_kitti, kitti_table
from napari_uai.trails.io.formats.mot import is_mot, mot_table
from napari_uai.trails.io.formats.sdd import is_sdd, sdd_table
from napari_uai.trails.io.records import Problem
from napari_uai.trails.io.sample_table import SampleTable


class Headerless(NamedTuple):
    """Order of columns that a benchmark defines.

    Parameters
    ----------
    name
        Name of the format.
    looks_like
        Whether a table with columns 0, 1, ... is of this order.
    columns_of
        Table of samples; the list of problems is extended.
    """

    name: str
    looks_like: Callable[[pd.DataFrame], bool]
    columns_of: Callable[[pd.DataFrame, str, list[Problem]], SampleTable]


HEADERLESS = (
    Headerless("KITTI tracking labels", is_kitti, kitti_table),
    Headerless("SDD annotations", is_sdd, sdd_table),
    Headerless("AI City", is_aicity, aicity_table),
    Headerless("MOT text", is_mot, mot_table),
)
"""Orders of columns without names; the first that fits is taken."""
