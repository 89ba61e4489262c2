"""TrackMate: the spots table with its four lines of header, and tracks in XML."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from napari_uai.trails.io.records import Problem
from napari_uai.trails.io.sample_table import SampleTable
from napari_uai.trails.io.vocabulary import meaning_of

_SPOTS = {"trail": "TRACK_ID", "x": "POSITION_X", "y": "POSITION_Y"}


def is_spot_table(table: pd.DataFrame) -> bool:
    """Return whether a table has the names of TrackMate's spots."""
    return set(_SPOTS.values()) <= set(table.columns)


def spot_table(
    table: pd.DataFrame, above: Sequence[Sequence[str]], problems: tuple[Problem, ...]
) -> SampleTable:
    """Return the spots in tracks; the last line of the header has the units."""
    columns: dict[str, object] = dict(_SPOTS)
    if "POSITION_T" in table and table["POSITION_T"].notna().any():
        columns["time"] = "POSITION_T"
    if "FRAME" in table:
        columns["frame"] = "FRAME"
    at = list(table.columns).index("POSITION_X")
    units = [row[at] for row in above if at < len(row) and row[at].startswith("(")]
    unit = meaning_of(f"x {units[-1]}").kind if units else ""
    return SampleTable(
        table,
        columns=columns,
        defined=True,
        ignored=tuple(str(name) for name in table.columns),
        unit=unit,
        noun="spot",
        problems=problems,
    )
