"""A table of samples as a file holds it, before its columns and units are interpreted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from napari_uai.errors import TrailFormatError
from napari_uai.limits import COLUMNS
from napari_uai.trails.io.records import Problem


@dataclass(frozen=True, eq=False)
class SampleTable:
    """A table of samples as a file holds it.

    Parameters
    ----------
    table
        One row per sample.
    columns
        Names in the table by meaning, as far as the format defines them; all others are recognised
        by their names.
    defined
        Whether the format defines all columns, so that names are not interpreted.
    ignored
        Names that the format is known to have and that are not worth a note.
    frame_rate_hz
        Frames per second, if the file states it.
    scene_size
        Width and height of the picture in px, if the file states it.
    normalized
        Whether positions are fractions of the picture, if the format defines it.
    unit
        ``px``, ``m`` or ``deg``, if the format defines it.
    noun
        What a row is called: sample, box, spot.
    problems
        What was found while the file was read.
    format
        Name of the format, if it is not that of a text with a line of names.
    """

    table: pd.DataFrame
    columns: Mapping[str, Any] = field(default_factory=dict)
    defined: bool = False
    ignored: tuple[Any, ...] = ()
    frame_rate_hz: float | None = None
    scene_size: tuple[int, int] | None = None
    normalized: bool | None = None
    unit: str = ""
    noun: str = "sample"
    problems: tuple[Problem, ...] = ()
    format: str = ""

    def __post_init__(self) -> None:
        """Raise an error if there are too many columns, whose names take long to interpret."""
        COLUMNS.check("the table", self.table.shape[1], "has", error=TrailFormatError)
