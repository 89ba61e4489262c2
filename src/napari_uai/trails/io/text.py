"""Trails in text: csv with named columns, MOT text, plain columns of numbers."""

from __future__ import annotations

import io
import re
import warnings
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from napari_uai.errors import BadValueError, TrailFormatError
from napari_uai.limits import COLUMNS
from napari_uai.monitor import SILENT, Monitor
from napari_uai.trails.io.columns import COLUMN_NAMES, BoxPoint, plain_samples, trails_of_samples
from napari_uai.trails.io.records import Problem
from napari_uai.trails.table import Trails
from napari_uai.untrusted import check_header

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

_MOT = ("frame", "trail", "left", "top", "width", "height", "confidence")
_HEAD_BYTES = 65536


def read_text(
    data: bytes,
    path: Path,
    *,
    columns: str | None = None,
    frame_rate_hz: float | None = None,
    scene_size: tuple[int, int] | None = None,
    normalized: bool | None = None,
    box_point: BoxPoint = "centre",
    monitor: Monitor = SILENT,
) -> Trails:
    """Read trails from a text table.

    - With a header line: ``trail`` (or ``id``, ``track``, ``track_id``), ``frame`` (or ``t``, or
      ``time`` in s or as date and time), ``x`` and ``y`` (or ``left``, ``top``, ``width``,
      ``height``), ``class`` (or ``label``), in any order and case.
    - Nine or ten comma-separated columns of numbers: MOT text, one box per line. Boxes without an
      identity (-1), and those marked as ignored in ground truth, are dropped.
    - Other numbers: the columns are named by ``columns``.

    Parameters
    ----------
    data
        Text in UTF-8 or UTF-16, separated by commas, semicolons, tabs or blanks.
    path
        Its file.
    columns
        Names of the columns in order, such as ``"frame,trail,x,_,y"``; ``_`` and all further
        columns are ignored. If None, the names are in the file.
    frame_rate_hz
        Frames per second; 1 if None.
    scene_size
        Width and height of the picture, in px; if None, derived from the positions.
    normalized
        Whether positions are fractions (0 to 1) of the picture; if None, whether all are between
        0 and 1.
    box_point
        Point of an object's box that is its position.
    monitor
        Progress and cancellation.

    Raises
    ------
    TrailFormatError
        If the data is not text, its columns are unknown, or no trail is usable.
    BadValueError
        If ``columns`` contains an unknown name.
    """
    monitor.update(0.0, "reading text")
    layout = _layout(data, columns)
    problems: list[Problem] = []
    table = _table(layout, path.name, problems)
    monitor.update(0.6, f"{len(table)} rows")
    if layout.mot:
        table = _mot(table, path.name, problems)
    samples = plain_samples(table, frame_rate_hz=frame_rate_hz, box_point=box_point)
    del table
    monitor.update(0.8, "sorting samples by trail")
    return trails_of_samples(
        samples,
        file=path.name,
        scene_size=scene_size,
        normalized=normalized,
        problems=problems,
        source=path,
    )


class _Layout(NamedTuple):
    """Layout of a text table."""

    text: bytes
    separator: str
    decimal: str
    names: list[str] | None
    """None if they are in the first line."""
    skipped: int
    """Number of lines before the table."""
    mot: bool


def _layout(data: bytes, columns: str | None) -> _Layout:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        data = data.decode("utf-16", errors="replace").encode()
    data = data.removeprefix(b"\xef\xbb\xbf")
    check_header(data, "the table", error=TrailFormatError)
    if b"\0" in data[:_HEAD_BYTES]:
        raise TrailFormatError("not a text, JSON, gz or zip file")
    head = data[:_HEAD_BYTES].decode(errors="replace").splitlines()
    skipped = 0
    while skipped < len(head) and (
        not head[skipped].strip() or head[skipped].lstrip().startswith(("#", "%"))
    ):
        skipped += 1
    if skipped == len(head):
        raise TrailFormatError("empty file")
    first = head[skipped]
    separator = next((mark for mark in (";", "\t", ",") if mark in first), r"\s+")
    rows = head[skipped + 1 : skipped + 50]
    decimal = "," if separator == ";" and any("," in row for row in rows) else "."
    fields = _fields(first, separator)
    COLUMNS.check("the table", len(fields), "has", error=TrailFormatError)
    named = not all(_is_number(field, decimal) for field in fields)
    if named and columns is None and not _names_any(fields) and rows:
        # This may be a header, or a corrupt first row of numbers.
        second = _fields(rows[0], separator)
        named = not (len(second) in (9, 10) and all(_is_number(f, decimal) for f in second))
        fields = fields if named else second
    if columns is not None:
        return _Layout(
            data, separator, decimal, _chosen_columns(columns, fields), skipped + named, mot=False
        )
    if named:
        return _Layout(data, separator, decimal, None, skipped, mot=False)
    if separator == "," and len(fields) in (9, 10):
        names = [*_MOT, "kind", "visibility", "z"][: len(fields)]
        return _Layout(data, separator, decimal, names, skipped, mot=True)
    raise TrailFormatError(
        f"{len(fields)} columns of numbers without names; name them, for example "
        "columns='frame,trail,x,y' (_ to ignore one)"
    )


def _fields(line: str, separator: str) -> list[str]:
    return line.split() if separator == r"\s+" else line.split(separator)


def _names_any(fields: list[str]) -> bool:
    """Return whether any field is the name of a known column."""
    known = {alias for aliases in COLUMN_NAMES.values() for alias in aliases}
    return any(field.strip().strip('"').lower() in known for field in fields)


def _is_number(field: str, decimal: str) -> bool:
    try:
        float(field.strip().strip('"').replace(decimal, ".") or "nan")
    except ValueError:
        return False
    return True


def _chosen_columns(columns: str, fields: list[str]) -> list[str]:
    """Return names of all columns of the file; ignored columns have unique names."""
    names = [name.strip().lower() for name in columns.split(",")]
    known = {alias for aliases in COLUMN_NAMES.values() for alias in aliases}
    unknown = [name for name in names if name not in known and name.strip("_")]
    if unknown:
        raise BadValueError(
            f"columns: unknown name {unknown[0]!r}; choose from {', '.join(COLUMN_NAMES)}, and _"
        )
    if len(names) > len(fields):
        raise BadValueError(
            f"columns has {len(names)} names, but the file has {len(fields)} columns"
        )
    names += ["_"] * (len(fields) - len(names))
    return [name if name.strip("_") else f"_{i}" for i, name in enumerate(names)]


def _table(layout: _Layout, file: str, problems: list[Problem]) -> pd.DataFrame:
    """Parse the rows; rows with too many fields are skipped and reported."""
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            table = pd.read_csv(
                io.BytesIO(layout.text),
                sep=layout.separator,
                decimal=layout.decimal,
                names=layout.names,
                header=0 if layout.names is None else None,
                skiprows=layout.skipped,
                skipinitialspace=True,
                index_col=False,
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


def _mot(table: pd.DataFrame, file: str, problems: list[Problem]) -> pd.DataFrame:
    """Drop boxes without identity; of nine columns, the 7th and 8th are a flag and a class."""
    nobody = pd.to_numeric(table["trail"], errors="coerce") < 0
    if nobody.any():
        problems.append((file, "", f"{nobody.sum()} boxes without an identity (-1): dropped"))
        table = table[~nobody]
    if "z" in table:
        return table.drop(columns=["kind"])
    ignored = pd.to_numeric(table["confidence"], errors="coerce") == 0
    if ignored.any():
        problems.append((file, "", f"{ignored.sum()} boxes marked as ignored: dropped"))
        table = table[~ignored]
    kinds = pd.to_numeric(table["kind"], errors="coerce")
    names = dict(enumerate(MOT_CLASSES, start=1))
    return table.assign(kind=kinds.map(names))
