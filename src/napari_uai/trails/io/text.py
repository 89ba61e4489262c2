"""Trails in text: csv with named columns, MOT text, plain columns of numbers."""

from __future__ import annotations

import io
import re
import warnings
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from napari_uai.errors import BadValueError, TrailFormatError
from napari_uai.monitor import SILENT, Monitor
from napari_uai.trails.io.columns import COLUMN_NAMES, BoxPoint, plain_samples, trails_of_samples
from napari_uai.trails.io.records import Problem
from napari_uai.trails.table import Trails

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
    """Read trails from a table in text; what its columns are is told by their names.

    - A first line of names: ``trail`` (or ``id``, ``track``, ``track_id``), ``frame`` (or ``t``,
      ``time`` in s or as date and time), ``x`` and ``y`` (or ``left``, ``top``, ``width``,
      ``height``), ``class`` (or ``label``), in any order and case.
    - Nine or ten columns of numbers between commas: MOT text, one box in one frame per line. Boxes
      without an identity (-1), and those that ground truth says to ignore, are dropped.
    - Other numbers: named by ``columns``.

    Parameters
    ----------
    data
        The text; UTF-8 or UTF-16; columns between commas, semicolons, tabs or blanks.
    path
        File that it stands in.
    columns
        What the columns are, in order: ``"frame,trail,x,_,y"``, where ``_`` is of no interest, as
        are those behind the last. None if the file tells.
    frame_rate_hz
        Frames per second; 1 if None.
    scene_size
        Width and height of the picture in px; as far as the positions reach if None.
    normalized
        Whether positions are shares (0 to 1) of the picture; if None, if all lie in 0 to 1.
    box_point
        Point of a box that is the position.
    monitor
        Progress and stop.

    Raises
    ------
    TrailFormatError
        If it is no text, its columns are not known, or nothing in it is usable.
    BadValueError
        If ``columns`` names something unknown.
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
    """How a text is to be read."""

    text: bytes
    separator: str
    decimal: str
    names: list[str] | None
    """None if the first line holds them."""
    skipped: int
    """Lines before the table."""
    mot: bool


def _layout(data: bytes, columns: str | None) -> _Layout:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        data = data.decode("utf-16", errors="replace").encode()
    data = data.removeprefix(b"\xef\xbb\xbf")
    if b"\0" in data[:_HEAD_BYTES]:
        raise TrailFormatError("no text, JSON, gz or zip: trails cannot be read from it")
    head = data[:_HEAD_BYTES].decode(errors="replace").splitlines()
    skipped = 0
    while skipped < len(head) and (
        not head[skipped].strip() or head[skipped].lstrip().startswith(("#", "%"))
    ):
        skipped += 1
    if skipped == len(head):
        raise TrailFormatError("it holds no rows: an empty file")
    first = head[skipped]
    separator = next((mark for mark in (";", "\t", ",") if mark in first), r"\s+")
    rows = head[skipped + 1 : skipped + 50]
    decimal = "," if separator == ";" and any("," in row for row in rows) else "."
    fields = _fields(first, separator)
    named = not all(_is_number(field, decimal) for field in fields)
    if named and columns is None and not _names_any(fields) and rows:
        # A broken first row of numbers is no row of names.
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
        f"{len(fields)} columns of numbers without names: say what they are, as in"
        " columns='frame,trail,x,y' (_ for one of no interest)"
    )


def _fields(line: str, separator: str) -> list[str]:
    return line.split() if separator == r"\s+" else line.split(separator)


def _names_any(fields: list[str]) -> bool:
    """Tell whether one of them is the name of a column."""
    known = {alias for aliases in COLUMN_NAMES.values() for alias in aliases}
    return any(field.strip().strip('"').lower() in known for field in fields)


def _is_number(field: str, decimal: str) -> bool:
    try:
        float(field.strip().strip('"').replace(decimal, ".") or "nan")
    except ValueError:
        return False
    return True


def _chosen_columns(columns: str, fields: list[str]) -> list[str]:
    """Names of all columns of the file; those of no interest differ from all that are known."""
    names = [name.strip().lower() for name in columns.split(",")]
    known = {alias for aliases in COLUMN_NAMES.values() for alias in aliases}
    unknown = [name for name in names if name not in known and name.strip("_")]
    if unknown:
        raise BadValueError(
            f"columns: {unknown[0]!r} is unknown; known are {', '.join(COLUMN_NAMES)}, and _"
        )
    if len(names) > len(fields):
        raise BadValueError(f"columns names {len(names)}, the file has {len(fields)}")
    names += ["_"] * (len(fields) - len(names))
    return [name if name.strip("_") else f"_{i}" for i, name in enumerate(names)]


def _table(layout: _Layout, file: str, problems: list[Problem]) -> pd.DataFrame:
    """Parse the rows; those of too many fields are skipped, and told."""
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
        said = str(error).strip().splitlines()[0][:120] if str(error).strip() else "broken"
        raise TrailFormatError(f"no table of text: {said}") from None
    lines = [
        int(number)
        for warning in caught
        if issubclass(warning.category, pd.errors.ParserWarning)
        for number in re.findall(r"[Ll]ine (\d+)", str(warning.message))
    ]
    if lines:
        text = f"{len(lines)} lines of too many columns, the first is {lines[0]}: skipped"
        problems.append((file, "", text))
    if table.empty:
        raise TrailFormatError("it holds no rows but the names of columns")
    return table


def _mot(table: pd.DataFrame, file: str, problems: list[Problem]) -> pd.DataFrame:
    """Drop boxes of nobody; in nine columns the seventh and eighth are a flag and a class."""
    nobody = pd.to_numeric(table["trail"], errors="coerce") < 0
    if nobody.any():
        problems.append((file, "", f"{nobody.sum()} boxes without an identity (-1): dropped"))
        table = table[~nobody]
    if "z" in table:
        return table.drop(columns=["kind"])
    ignored = pd.to_numeric(table["confidence"], errors="coerce") == 0
    if ignored.any():
        problems.append((file, "", f"{ignored.sum()} boxes marked as to be ignored: dropped"))
        table = table[~ignored]
    kinds = pd.to_numeric(table["kind"], errors="coerce")
    names = dict(enumerate(MOT_CLASSES, start=1))
    return table.assign(kind=kinds.map(names))
