"""Trails in text: named columns, or rows of numbers in one of the known orders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from napari_uai.errors import BadValueError, TrailFormatError, counted
from napari_uai.monitor import SILENT, Monitor
from napari_uai.trails.io.assembling import trails_of_table
from napari_uai.trails.io.formats.headerless import HEADERLESS
from napari_uai.trails.io.formats.trackmate import is_spot_table, spot_table
from napari_uai.trails.io.records import Problem
from napari_uai.trails.io.sample_table import SampleTable
from napari_uai.trails.io.table_options import NOTHING_SAID, BoxPoint, ColumnsLike, TableOptions
from napari_uai.trails.io.text_layout import Layout, layout_of
from napari_uai.trails.io.text_rows import rows_of_text
from napari_uai.trails.io.vocabulary import meaning_of, roles_of
from napari_uai.trails.table import Trails


def read_text(
    data: bytes,
    path: Path,
    *,
    columns: ColumnsLike | None = None,
    frame_rate_hz: float | None = None,
    scene_size: tuple[int, int] | None = None,
    normalized: bool | None = None,
    box_point: BoxPoint = "centre",
    monitor: Monitor = SILENT,
) -> Trails:
    """Read trails from a text table; see :func:`~napari_uai.trails.open_trails`."""
    options = TableOptions(columns=columns, normalized=normalized, box_point=box_point)
    monitor.update(0.0, "reading text")
    table = text_table(data, path.name, options)
    monitor.update(0.6, counted(len(table.table), "row"))
    return trails_of_table(
        table,
        options=options,
        frame_rate_hz=frame_rate_hz,
        scene_size=scene_size,
        file=path.name,
        source=path,
    )


def text_table(data: bytes, file: str, options: TableOptions = NOTHING_SAID) -> SampleTable:
    """Return the table of samples in a text.

    - With a header line: names as in :data:`~napari_uai.trails.io.vocabulary.VOCABULARY`, in any
      order, case and spelling. The names may be in a comment above the rows.
    - Rows of numbers in an order that is known: MOT text, KITTI, SDD, AI City, VisDrone.
    - Other rows: the columns are named by the options.

    Parameters
    ----------
    data
        Text in UTF-8, UTF-16 or Windows-1252, separated by commas, semicolons, tabs, bars or
        blanks.
    file
        Name of the file, for problems.
    options
        Names of the columns, if they are not in the file.

    Raises
    ------
    TrailFormatError
        If the data is not text, or its columns are unknown.
    BadValueError
        If there are more names than columns.
    """
    layout = layout_of(data)
    problems: list[Problem] = [(file, "", note) for note in layout.notes]
    if options.in_order is not None:
        names = _names_in_order(options.in_order, layout.width)
        table = rows_of_text(layout, names, file, problems)
        return SampleTable(table, frame_rate_hz=layout.frame_rate_hz, problems=tuple(problems))
    if layout.names:
        table = rows_of_text(layout, layout.names, file, problems, options)
        table = _without_headers(table, file, problems)
        if is_spot_table(table):
            return spot_table(table, layout.above, tuple(problems))
        return SampleTable(table, frame_rate_hz=layout.frame_rate_hz, problems=tuple(problems))
    if options.by_meaning:
        by_number = [str(i + 1) for i in range(layout.width)]
        table = rows_of_text(layout, by_number, file, problems, options)
        return SampleTable(table, frame_rate_hz=layout.frame_rate_hz, problems=tuple(problems))
    table = rows_of_text(layout, list(range(layout.width)), file, problems)
    for known in HEADERLESS:
        if known.looks_like(table):
            return replace(known.columns_of(table, file, problems), format=known.name)
    raise TrailFormatError(
        f"{counted(layout.width, 'column')} of numbers without names; name them, for example "
        "columns='frame,trail,x,y' (_ to ignore one) or 'frame=1,trail=2,x=3,y=5'"
    )


def _names_in_order(columns: Sequence[str], width: int) -> list[str]:
    """Return names of all columns of the file; ignored columns have unique names."""
    names = [name.strip().lower() for name in columns]
    if len(names) > width:
        given, there = counted(len(names), "name"), counted(width, "column")
        raise BadValueError(f"columns has {given}, but the file has {there}")
    names += ["_"] * (width - len(names))
    return [name if name.strip("_") else f"_{i}" for i, name in enumerate(names)]


def _without_headers(table: pd.DataFrame, file: str, problems: list[Problem]) -> pd.DataFrame:
    """Drop header lines among the rows: of files that were joined one below the other."""
    column = roles_of(table.columns).first("trail")
    if column is None or pd.api.types.is_numeric_dtype(table[column]):
        return table
    header = np.asarray(table[column].astype("str") == str(column))
    n = int(np.count_nonzero(header))
    if not n:
        return table
    if is_spot_table(table):
        raise TrailFormatError(
            f"spots of {n + 1} positions one below the other, whose tracks are numbered from 0 in "
            "each: export each alone, and open one of them or their folder"
        )
    verb = "repeats" if n == 1 else "repeat"
    text = f"{counted(n, 'line')} {verb} the header: dropped; equal ids are taken as one trail"
    problems.append((file, "", text))
    return table[~header]


def nameless_rows(layout: Layout) -> pd.DataFrame:
    """Return the rows of a text without names; columns are numbered."""
    return rows_of_text(layout, list(range(layout.width)), "", [])


def names_trails(fields: Sequence[str]) -> bool:
    """Return whether names of columns include a trail, a position and a time."""
    roles = roles_of(fields)
    return (
        roles.has("trail")
        and (roles.has("x", "y") or roles.has("left", "top"))
        and any(roles.has(role) for role in ("time", "frame", "t", "date"))
    ) and any(meaning_of(field).role == "trail" for field in fields)
