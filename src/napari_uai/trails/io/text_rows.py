"""Rows of a text table, parsed by pandas; identities and classes stay texts."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_uai.compiled import kernel
from napari_uai.csv_cells import rearmed_text
from napari_uai.errors import TrailFormatError, counted
from napari_uai.trails.io.pieces import joined_pieces
from napari_uai.trails.io.records import Problem
from napari_uai.trails.io.table_options import NOTHING_SAID, TableOptions
from napari_uai.trails.io.text_layout import BLANKS, Layout
from napari_uai.trails.io.vocabulary import meaning_of, roles_of

_PIECE = 2**17
"""Rows that are parsed at once."""

_WORD = 8
"""Bytes that are compared at once."""

_AS_TEXT = ("trail", "class", "camera", "date")
"""Columns that are read as they are: leading zeros and 64-bit numbers stay."""


def rows_of_text(
    layout: Layout,
    names: Sequence[Any],
    file: str,
    problems: list[Problem],
    options: TableOptions = NOTHING_SAID,
) -> pd.DataFrame:
    """Parse the rows of a text; those with too many fields are skipped and reported.

    Parameters
    ----------
    layout
        The text and its layout.
    names
        Names of the columns.
    file
        Name of the file, for problems.
    problems
        List of problems; extended.
    options
        What the caller says about the table: columns of trails and classes stay texts.

    Returns
    -------
    pandas.DataFrame
        Columns of texts are categorical: names of trails and classes occur in thousands of rows.

    Raises
    ------
    TrailFormatError
        If the text is no table, or has no rows.
    """
    unique = _unique(names)
    texts = _text_columns(layout, unique, options)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            table = _parsed(layout, unique, texts)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError, OverflowError) as error:
        reason = str(error).strip().splitlines()[0][:120] if str(error).strip() else "corrupt"
        raise TrailFormatError(f"not a text table: {reason}") from None
    lines = [
        layout.skipped + int(number)
        for warning in caught
        if issubclass(warning.category, pd.errors.ParserWarning)
        for number in re.findall(r"[Ll]ine (\d+)", str(warning.message))
    ]
    if lines:
        what = f"{counted(len(lines), 'line')} with too many columns"
        problems.append((file, "", f"{what}, the first is line {lines[0]}: skipped"))
    if table.empty:
        raise TrailFormatError("no rows below the header")
    for name in texts:
        if (column := _rearmed(table[name])) is not None:
            table = table.copy(deep=False)
            table[name] = column
    return table


def _rearmed(column: pd.Series[Any]) -> pd.Series[Any] | None:
    """Return texts without the apostrophes that disarm formulas; None if there are none."""
    names = [rearmed_text(name) for name in column.cat.categories]
    if names == list(column.cat.categories):
        return None
    if len(set(names)) == len(names):
        return column.cat.rename_categories(names)
    return column.map(rearmed_text).astype("category")


def _text_columns(layout: Layout, names: list[Any], options: TableOptions) -> list[Any]:
    """Return the columns to read as texts; whole numbers that are written plainly need not be."""
    return [
        name
        for name in _columns_of_texts(layout, names, options)
        if not _holds_whole_numbers(layout, names.index(name))
    ]


def _columns_of_texts(layout: Layout, names: list[Any], options: TableOptions) -> list[Any]:
    chosen = [column for name, column in options.by_meaning.items()
              if meaning_of(name).role in _AS_TEXT and column in names]  # fmt: skip
    if not layout.names and not isinstance(names[0], str):
        return names[1:2]
    roles = roles_of(names)
    known = [c for role in _AS_TEXT for c in roles.candidates.get(role, [])]
    return list(dict.fromkeys([*known, *chosen]))


def _parsed(layout: Layout, names: list[Any], texts: list[Any]) -> pd.DataFrame:
    """Return the rows; columns of mixed types are parsed in one piece."""
    last = _last_row(layout, names, texts)
    how: dict[str, Any] = {
        "sep": layout.separator,
        "decimal": layout.decimal,
        "names": names,
        "header": None,
        "skipinitialspace": _has_initial_blanks(layout),
        "index_col": False,
        "dtype": dict.fromkeys(texts, "category"),
        "on_bad_lines": "warn",
        "low_memory": False,
    }
    rows = _Rows(layout.text, layout.start, last)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pd.read_csv(rows, chunksize=_PIECE, **how) as pieces:  # type: ignore[call-overload]
            table = joined_pieces(pieces, rows.n_expected)
    if table is None:
        table = pd.read_csv(_Rows(layout.text, layout.start, last), **how)  # type: ignore[call-overload]
    else:
        for w in caught:
            warnings.warn_explicit(w.message, w.category, w.filename, w.lineno)
    whole: pd.DataFrame = table.iloc[:-1]
    return whole


def _holds_whole_numbers(layout: Layout, column: int) -> bool:
    """Return whether all cells of a column are whole numbers that read back as they are written.

    The text must have no quotes.
    """
    text, mark = layout.text, layout.separator
    blanks = mark == BLANKS
    if not (blanks or len(mark.encode()) == 1):
        return False
    separator = ord(" ") if blanks else ord(mark)
    if len(text) < 2 * _WORD:
        return False
    words = tuple(
        np.frombuffer(text, np.uint64, (len(text) - shift) // _WORD, shift)
        for shift in range(_WORD)
    )
    row = np.frombuffer(text, np.uint8)
    return bool(_is_plain(row, words, layout.start, separator, column, blanks))


@kernel
def _is_plain(
    text: npt.NDArray[np.uint8],
    words: tuple[npt.NDArray[np.uint64], ...],
    start: int,
    separator: int,
    column: int,
    blanks: bool,
) -> bool:
    """Return whether cells are whole numbers: digits without a leading zero, or a minus.

    ``words`` are the same bytes, eight at a time, from the first, the second, ... on: most of a
    line is passed in such steps.
    """
    place, end = np.uint64(start), np.uint64(len(text))
    one, eight, newline = np.uint64(1), np.uint64(8), np.uint64(0x0A0A0A0A0A0A0A0A)
    low, high = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)
    seven, top, places = np.uint64(7), np.uint64(56), np.uint64(0x0001020304050607)
    cell, length, n_digits = 0, 0, 0
    leading_zero = False
    while place < end:
        byte = text[place]
        place += one
        if byte in (separator, 10) or (blanks and byte == 9):
            if blanks and length == 0 and byte != 10:
                continue
            if cell == column and (length > 0 or column > 0 or byte != 10):
                if n_digits == 0 or n_digits > 18 or (leading_zero and length > 1):
                    return False
                while byte != 10 and place + eight <= end:
                    word = words[place % eight][place // eight] ^ newline
                    ends = (word - low) & ~word & high
                    if ends == 0:
                        place += eight
                        continue
                    # The lowest bit that is set is that of the first newline.
                    place += (((ends & (~ends + one)) >> seven) * places >> top) + one
                    byte = text[place - one]
                while byte != 10 and place < end:
                    byte = text[place]
                    place += one
            elif cell < column and byte == 10 and (cell > 0 or length > 0):
                return False
            cell = 0 if byte == 10 else cell + 1
            length = n_digits = 0
        elif byte == 13:
            continue
        elif cell < column:
            length += 1
        elif 48 <= byte <= 57:
            if n_digits == 0:
                leading_zero = byte == 48
            n_digits += 1
            length += 1
        elif byte == 45 and length == 0:
            length = 1
        else:
            return False
    return True


def _has_initial_blanks(layout: Layout) -> bool:
    """Return whether cells may begin with a blank; to skip them takes half as long again."""
    text = layout.text
    if layout.separator == BLANKS or b" " not in text:
        return False
    return text[layout.start : layout.start + 1] == b" " or any(
        before + b" " in text for before in (layout.separator.encode(), b"\n", b"\r")
    )


def _last_row(layout: Layout, names: list[Any], texts: list[Any]) -> bytes:
    """Return a row to append: words in columns of texts, so that pandas makes none a number."""
    mark = " " if layout.separator == BLANKS else layout.separator
    row = mark.join("text" if name in texts else "0" for name in names)
    return ("" if layout.text.endswith((b"\n", b"\r")) else "\n").encode() + row.encode() + b"\n"


class _Rows:
    """A text and a last row as a file that pandas reads without copies or decoding."""

    def __init__(self, text: bytes, start: int, last: bytes) -> None:
        self._text, self._last = memoryview(text), last
        self._start = self._place = start

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes."""
        end = self._place + size if size >= 0 else len(self._text)
        part = bytes(self._text[self._place : end])
        self._place += len(part)
        if not part:
            part, self._last = self._last, b""
        return part

    def n_expected(self, n: int) -> int:
        """Return how many rows there will be, if there were n up to here, and some more."""
        read = max(self._place - self._start, 1)
        return int(1.3 * n * (len(self._text) - self._start) / read) + _PIECE

    def __iter__(self) -> Iterator[bytes]:
        """Return nothing: pandas asks whether this is possible, and reads."""
        return iter(())


def _unique(names: Sequence[Any]) -> list[Any]:
    """Return names of which none is empty or occurs twice."""
    unique: list[Any] = []
    for i, name in enumerate(names):
        plain = name if name != "" else f"Unnamed: {i}"
        unique.append(plain if plain not in unique else f"{plain}.{i}")
    return unique
