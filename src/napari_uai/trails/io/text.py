"""Trails in text: named columns, or rows of numbers in one of the known orders."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from napari_uai.errors import BadValueError, TrailFormatError
from napari_uai.monitor import SILENT, Monitor
from napari_uai.trails.io.assembling import trails_of_table
from napari_uai.trails.io.formats.headerless import HEADERLESS
from napari_uai.trails.io.formats.trackmate import is_spot_table, spot_table
from napari_uai.trails.io.records import Problem
from napari_uai.trails.io.sample_table import SampleTable
from napari_uai.trails.io.table_options import NOTHING_SAID, BoxPoint, ColumnsLike, TableOptions
from napari_uai.trails.io.text_layout import BLANKS, Layout, layout_of
from napari_uai.trails.io.vocabulary import meaning_of, roles_of
from napari_uai.trails.table import Trails

_AS_TEXT = ("trail", "class", "camera", "date")
"""Columns that are read as they are: leading zeros and 64-bit numbers stay."""


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
    monitor.update(0.6, f"{len(table.table)} rows")
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
        table = _table(layout, names, file, problems)
        return SampleTable(table, frame_rate_hz=layout.frame_rate_hz, problems=tuple(problems))
    if layout.names:
        table = _table(layout, layout.names, file, problems, options)
        if is_spot_table(table):
            return spot_table(table, layout.above, tuple(problems))
        return SampleTable(table, frame_rate_hz=layout.frame_rate_hz, problems=tuple(problems))
    if options.by_meaning:
        by_number = [str(i + 1) for i in range(layout.width)]
        table = _table(layout, by_number, file, problems, options)
        return SampleTable(table, frame_rate_hz=layout.frame_rate_hz, problems=tuple(problems))
    table = _table(layout, list(range(layout.width)), file, problems)
    for known in HEADERLESS:
        if known.looks_like(table):
            return known.columns_of(table, file, problems)
    raise TrailFormatError(
        f"{layout.width} columns of numbers without names; name them, for example "
        "columns='frame,trail,x,y' (_ to ignore one) or 'frame=1,trail=2,x=3,y=5'"
    )


def _names_in_order(columns: Sequence[str], width: int) -> list[str]:
    """Return names of all columns of the file; ignored columns have unique names."""
    names = [name.strip().lower() for name in columns]
    if len(names) > width:
        raise BadValueError(f"columns has {len(names)} names, but the file has {width} columns")
    names += ["_"] * (width - len(names))
    return [name if name.strip("_") else f"_{i}" for i, name in enumerate(names)]


def _table(
    layout: Layout,
    names: Sequence[Any],
    file: str,
    problems: list[Problem],
    options: TableOptions = NOTHING_SAID,
) -> pd.DataFrame:
    """Parse the rows; rows with too many fields are skipped and reported."""
    unique = _unique(names)
    chosen = [column for name, column in options.by_meaning.items()
              if meaning_of(name).role in _AS_TEXT and column in unique]  # fmt: skip
    if layout.names or isinstance(unique[0], str):
        roles = roles_of(unique)
        known = [c for role in _AS_TEXT for c in roles.candidates.get(role, [])]
        texts = list(dict.fromkeys([*known, *chosen]))
    else:
        texts = unique[1:2]
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            table = pd.read_csv(
                io.BytesIO(layout.text),
                sep=layout.separator,
                decimal=layout.decimal,
                names=unique,
                header=None,
                skiprows=layout.skipped,
                skipinitialspace=layout.separator != BLANKS,
                index_col=False,
                dtype=dict.fromkeys(texts, "str"),
                on_bad_lines="warn",
                low_memory=False,
                encoding_errors="replace",
            )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError, OverflowError) as error:
        reason = str(error).strip().splitlines()[0][:120] if str(error).strip() else "corrupt"
        raise TrailFormatError(f"not a text table: {reason}") from None
    lines = [
        int(number)
        for warning in caught
        if issubclass(warning.category, pd.errors.ParserWarning)
        for number in re.findall(r"[Ll]ine (\d+)", str(warning.message))
    ]
    if lines:
        text = f"{len(lines)} lines with too many columns, the first is line {lines[0]}: skipped"
        problems.append((file, "", text))
    if table.empty:
        raise TrailFormatError("no rows below the header")
    return table


def _unique(names: Sequence[Any]) -> list[Any]:
    """Return names of which none is empty or occurs twice."""
    unique: list[Any] = []
    for i, name in enumerate(names):
        plain = name if name != "" else f"Unnamed: {i}"
        unique.append(plain if plain not in unique else f"{plain}.{i}")
    return unique


def nameless_rows(layout: Layout) -> pd.DataFrame:
    """Return the rows of a text without names; columns are numbered."""
    return _table(layout, list(range(layout.width)), "", [])


def names_trails(fields: Sequence[str]) -> bool:
    """Return whether names of columns include a trail, a position and a time."""
    roles = roles_of(fields)
    return (
        roles.has("trail")
        and (roles.has("x", "y") or roles.has("left", "top"))
        and any(roles.has(role) for role in ("time", "frame", "t", "date"))
    ) and any(meaning_of(field).role == "trail" for field in fields)
