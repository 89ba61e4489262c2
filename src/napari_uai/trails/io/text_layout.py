"""Layout of a text table: encoding, separator, decimal mark, comments, lines above the rows."""

from __future__ import annotations

import csv
import re
from collections import Counter
from typing import NamedTuple

from napari_uai.errors import TrailFormatError
from napari_uai.limits import COLUMNS
from napari_uai.trails.io.vocabulary import meaning_of
from napari_uai.untrusted import check_header

BLANKS = r"\s+"
"""Separator of columns between blanks."""

_HEAD_BYTES = 65536
_MARKS = (";", "\t", ",", "|")
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+")
_DECIMAL_POINT = re.compile(r"[+-]?\d*\.\d+([eE][+-]?\d+)?")
_SEPARATOR_LINE = re.compile(r'^"?sep=(.)"?;*$', re.IGNORECASE)
_RATE = re.compile(r"(?:frame[\s_-]*rate|fps)\D{0,12}?([0-9]+(?:\.[0-9]+)?)", re.IGNORECASE)


class Layout(NamedTuple):
    """Layout of a text table.

    Parameters
    ----------
    text
        The text in UTF-8.
    separator, decimal
        Marks between columns and in numbers.
    names
        Names of the columns; empty if there are none.
    above
        Fields of further lines of the header.
    skipped, start
        Number of lines before the first row, and of their bytes.
    width
        Number of columns.
    frame_rate_hz
        Frame rate in a comment; None if there is none.
    notes
        What was assumed.
    """

    text: bytes
    separator: str
    decimal: str
    names: list[str]
    above: list[list[str]]
    skipped: int
    start: int
    width: int
    frame_rate_hz: float | None
    notes: tuple[str, ...]


def layout_of(data: bytes) -> Layout:
    """Return the layout of a text table.

    Raises
    ------
    TrailFormatError
        If the data is not text, is empty, or has too many columns.
    """
    text, notes = decoded(data)
    check_header(text, "the table", error=TrailFormatError)
    lines = text[:_HEAD_BYTES].decode(errors="replace").splitlines(keepends=True)
    head = [line.rstrip("\r\n") for line in lines]
    comments: list[str] = []
    skipped, mark = 0, ""
    while skipped < len(head):
        line = head[skipped].strip()
        if match := _SEPARATOR_LINE.match(line):
            mark = match[1]
        elif line.startswith(("#", "%", "//")):
            comments.append(line.lstrip("#%/ \t"))
        elif line:
            break
        skipped += 1
    if skipped == len(head):
        raise TrailFormatError("empty file: export it again")
    rows = [line for line in head[skipped : skipped + 50] if line.strip()]
    separator = mark or _separator(rows)
    decimal = _decimal(rows[1:] or rows, separator)
    fields = fields_of(rows[0], separator)
    COLUMNS.check("the table", len(fields), "has", error=TrailFormatError)
    names: list[str] = []
    above: list[list[str]] = []
    if is_header(fields, decimal) and not _is_broken_row(fields, rows[1:], separator, decimal):
        names = fields
        skipped += 1
        for row in rows[1:4]:  # descriptions and units
            others = fields_of(row, separator)
            if len(rows) < 5 or any(is_number(f, decimal) for f in others if f) or not any(others):
                break
            above.append(others)
            skipped += 1
    else:
        names = _names_in_comment(comments, len(fields), separator)
    rates = [float(match[1]) for comment in comments if (match := _RATE.search(comment))]
    rate = rates[0] if rates and rates[0] > 0 else None
    if rate is not None:
        notes = (*notes, f"frame rate {rate:g} Hz, from a comment of the file")
    start = len("".join(lines[:skipped]).encode())
    return Layout(text, separator, decimal, names, above, skipped, start, len(fields), rate, notes)


def decoded(data: bytes) -> tuple[bytes, tuple[str, ...]]:
    """Return text in UTF-8, without a byte-order mark, and what was assumed.

    Raises
    ------
    TrailFormatError
        If it is not text.
    """
    if data.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        return data.decode("utf-32", errors="replace").encode(), ()
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace").encode(), ()
    data = data.removeprefix(b"\xef\xbb\xbf")
    head = data[:_HEAD_BYTES]
    if b"\0" in head:
        for order, start in (("le", 1), ("be", 0)):
            others = head[1 - start :: 2]
            if head[start::2].count(0) > 0.8 * len(others) and others.count(0) == 0:
                text = "without a byte-order mark: read as UTF-16"
                return data.decode(f"utf-16-{order}", errors="replace").encode(), (text,)
        raise TrailFormatError("not a text, JSON, gz or zip file: export the trails as csv")
    if data.isascii():
        return data, ()
    try:
        data.decode()
    except UnicodeDecodeError:
        text = "not in UTF-8: read as Windows-1252"
        return data.decode("cp1252", errors="replace").encode(), (text,)
    return data, ()


def fields_of(line: str, separator: str) -> list[str]:
    """Return the fields of a line, without quotes."""
    if separator == BLANKS:
        fields = next(csv.reader([" ".join(line.split())], delimiter=" "), [])
    else:
        fields = next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])
    return [field.strip() for field in fields]


def is_number(field: str, decimal: str) -> bool:
    """Return whether a field is a number; empty ones are."""
    try:
        float(field.strip().strip('"').replace(decimal, ".") or "nan")
    except ValueError:
        return False
    return True


def is_header(fields: list[str], decimal: str) -> bool:
    """Return whether fields are names: words, most of them, or known ones."""
    words = [field for field in fields if not is_number(field, decimal)]
    filled = [field for field in fields if field]
    known = sum(bool(meaning_of(field).role) for field in words)
    return bool(words) and (known >= 2 or 2 * len(words) > len(filled))


def _is_broken_row(fields: list[str], rows: list[str], separator: str, decimal: str) -> bool:
    """Return whether what looks like a header is a broken row of MOT text."""
    if not rows or any(meaning_of(field).role for field in fields):
        return False
    second = fields_of(rows[0], separator)
    return len(second) in range(6, 11) and all(is_number(f, decimal) for f in second)


def _separator(rows: list[str]) -> str:
    present = [mark for mark in _MARKS if mark in rows[0]]
    for mark in present:
        counts = Counter(len(fields_of(row, mark)) for row in rows[1:20])
        if counts and counts.most_common(1)[0][0] == len(fields_of(rows[0], mark)):
            return mark
    return present[0] if present else BLANKS


def _decimal(rows: list[str], separator: str) -> str:
    """Return the decimal mark: a comma if whole cells are such numbers."""
    if not any("," in row for row in rows):
        return "."
    cells = [field for row in rows for field in fields_of(row, separator)]
    commas = [cell for cell in cells if _DECIMAL_COMMA.fullmatch(cell)]
    points = any(_DECIMAL_POINT.fullmatch(cell) for cell in cells)
    plain = any(not _THOUSANDS.fullmatch(cell) for cell in commas)
    return "," if commas and plain and not points else "."


def _names_in_comment(comments: list[str], width: int, separator: str) -> list[str]:
    """Return the names of columns in the last comment that holds as many; empty if none does."""
    for comment in reversed(comments):
        for mark in dict.fromkeys((separator, ",", ";", "\t", BLANKS)):
            names = fields_of(comment, mark)
            known = sum(bool(meaning_of(name).role) for name in names)
            if len(names) == width and known >= 2:
                return names
    return []
