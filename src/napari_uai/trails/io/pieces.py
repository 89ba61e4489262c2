"""A table that is parsed in pieces, each of which goes where it belongs at once.

Joined at the end, pieces and table would be in memory together, which is twice as much.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

import numpy as np
import pandas as pd

from napari_uai.typing import AnyArray


class _Column(Protocol):
    def append(self, piece: pd.Series[Any], start: int, capacity: int) -> bool: ...
    def whole(self, n: int) -> Any: ...


def joined_pieces(
    pieces: Iterable[pd.DataFrame], n_expected: Callable[[int], int]
) -> pd.DataFrame | None:
    """Return the table of which pieces are parsed one after the other.

    Parameters
    ----------
    pieces
        Tables of the same columns: numbers, categories or texts.
    n_expected
        Number of rows of the whole table to expect, as a function of those so far; memory that is
        not filled is not used.

    Returns
    -------
    pandas.DataFrame or None
        None if a column is of several types.

    Examples
    --------
    >>> pieces = [pd.DataFrame({"x": [1, 2]}), pd.DataFrame({"x": [3.5]})]
    >>> joined_pieces(pieces, lambda n: 4)["x"].tolist()
    [1.0, 2.0, 3.5]
    """
    columns: dict[Any, _Column] = {}
    n = 0
    for piece in pieces:
        if not columns:
            columns = {name: _column_for(piece[name]) for name in piece.columns}
        capacity = max(n_expected(n + len(piece)), n + len(piece))
        if not all(c.append(piece[name], n, capacity) for name, c in columns.items()):
            return None
        n += len(piece)
    return pd.DataFrame({name: c.whole(n) for name, c in columns.items()}, copy=False)


def _column_for(piece: pd.Series[Any]) -> _Column:
    if isinstance(piece.dtype, pd.CategoricalDtype):
        return _Names()
    return _Numbers() if _is_number(piece) else _Texts()


def _is_number(piece: pd.Series[Any]) -> bool:
    return isinstance(piece.dtype, np.dtype) and piece.dtype.kind in "iuf"


class _Numbers:
    """Whole numbers, or floats as soon as a piece has them."""

    def __init__(self) -> None:
        self._values: AnyArray = np.empty(0, np.int64)

    def append(self, piece: pd.Series[Any], start: int, capacity: int) -> bool:
        if not _is_number(piece) or piece.dtype.kind == "u":
            return False
        floats = "f" in (piece.dtype.kind, self._values.dtype.kind)
        self._values = _grown(self._values, np.float64 if floats else np.int64, start, piece,
                              capacity)  # fmt: skip
        self._values[start : start + len(piece)] = piece.to_numpy()
        return True

    def whole(self, n: int) -> AnyArray:
        return self._values[:n]


class _Names:
    """Categories, of which each piece has some."""

    def __init__(self) -> None:
        self._known: dict[Any, int] = {}
        self._codes: AnyArray = np.empty(0, np.int32)

    def append(self, piece: pd.Series[Any], start: int, capacity: int) -> bool:
        known = self._known
        places = [known.setdefault(name, len(known)) for name in piece.cat.categories]
        self._codes = _grown(self._codes, np.int32, start, piece, capacity)
        codes = np.array([*places, -1], np.int32)[piece.cat.codes.to_numpy()]
        self._codes[start : start + len(piece)] = codes
        return True

    def whole(self, n: int) -> pd.Categorical:
        names = pd.Index(list(self._known), dtype="str" if self._known else object)
        return pd.Categorical.from_codes(self._codes[:n], categories=names)


class _Texts:
    """Anything else, such as dates, joined at the end."""

    def __init__(self) -> None:
        self._pieces: list[pd.Series[Any]] = []

    def append(self, piece: pd.Series[Any], start: int, capacity: int) -> bool:
        del start, capacity
        self._pieces.append(piece)
        return piece.dtype == self._pieces[0].dtype

    def whole(self, n: int) -> pd.Series[Any]:
        del n
        return pd.concat(self._pieces, ignore_index=True)


def _grown(
    values: AnyArray, dtype: type[np.generic], n: int, piece: pd.Series[Any], capacity: int
) -> AnyArray:
    """Return an array with room for a piece after the first n values."""
    if len(values) >= n + len(piece) and values.dtype == dtype:
        return values
    grown = np.empty(capacity, dtype)
    grown[:n] = values[:n]
    return grown
