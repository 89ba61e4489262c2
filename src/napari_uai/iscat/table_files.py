"""Tables of results as files of other programs: csv, JSON, HDF5, MAT."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from napari_uai.errors import BadValueError, OutputError
from napari_uai.files import whole_file
from napari_uai.iscat.column_meanings import PlainMeaning, meanings_of
from napari_uai.option_names import option
from napari_uai.results import write_table

if TYPE_CHECKING:
    import pandas as pd

    from napari_uai.typing import AnyArray

_MOST_LETTERS = 60
"""MATLAB truncates names after 63 letters; three are left for a number."""

_NOT_MATLAB = re.compile(r"[^A-Za-z0-9_]+")
_EXACT = 2**53
"""Whole numbers up to this one are exact as float64."""


def export_table(table: pd.DataFrame, path: str | Path, *, overwrite: bool = False) -> Path:
    """Write a table of results in the format given by the suffix, with what its columns mean.

    - ``.csv``: one line per row, nine digits, without meanings, as in folders of results.
    - ``.json``: ``rows``, one object per row, and ``columns``, an object with unit and meaning of
      each column. Missing values are ``null``, infinite ones the texts ``"Infinity"`` and
      ``"-Infinity"``.
    - ``.h5``, ``.hdf5``: one dataset per column with the attributes ``unit`` and ``meaning``; the
      attribute ``columns`` of the file has their order.
    - ``.mat``: variable ``data``, a struct with one column vector per column
      (``struct2table(data)`` in MATLAB), texts as cells; variable ``columns``, a struct of the same
      fields with ``name``, ``unit`` and ``meaning``. Signs that MATLAB does not take in names
      become ``_``.

    Numbers are exact in all but csv. Whole numbers of which some are missing become float64 with
    NaN in HDF5 and MAT, and missing texts are empty there. Meanings are known for the tables of
    landings and trajectories: landings, localizations, traces, drift, tracks, trajectories,
    displacements, population, distribution.

    Parameters
    ----------
    table
        Columns of numbers, texts or truth values.
    path
        File to write; missing folders are created.
    overwrite
        Replace an existing file.

    Returns
    -------
    pathlib.Path
        Path of the file.

    Raises
    ------
    BadValueError
        If the suffix is not one of these, two columns have the same name, or a column has whole
        numbers beyond 2**53 of which some are missing.
    OutputError
        If the file exists or cannot be written.

    Examples
    --------
    >>> import json
    >>> import pandas as pd
    >>> import napari_uai as uai
    >>> landings = pd.DataFrame({"frame": [9], "y": [3.5], "x": [4.0], "contrast": [-0.01]})
    >>> path = uai.export_table(landings, "landings.json")
    >>> document = json.loads(path.read_text())
    >>> document["rows"], document["columns"]["y"]["unit"]
    ([{'frame': 9, 'y': 3.5, 'x': 4.0, 'contrast': -0.01}], 'px')
    """
    path = Path(path)
    write = writer_of(path)
    if path.is_dir() or (path.exists() and not overwrite):
        raise OutputError(
            f"{path} already exists: choose another name, or give {option('overwrite', True)}"
        )
    names = [_plain(name) for name in table.columns]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise BadValueError(f"two columns are named {twice!r}: rename one of them")
    with whole_file(path) as partial:
        write(table.set_axis(names, axis="columns"), partial)
    return path


def writer_of(path: Path) -> Callable[[pd.DataFrame, Path], None]:
    """Return the function that writes files of a suffix.

    Raises
    ------
    BadValueError
        If there is none.
    """
    try:
        return _WRITERS[path.suffix.lower()]
    except KeyError:
        known = ", ".join(TABLE_SUFFIXES)
        raise BadValueError(f"cannot write {path}: use one of the suffixes {known}") from None


def _write_csv(table: pd.DataFrame, path: Path) -> None:
    texts = {name: _texts(table[name]) for name in table.columns if not _is_number(table[name])}
    write_table(table.assign(**texts), path)


def _write_json(table: pd.DataFrame, path: Path) -> None:
    columns = {name: _json_values(table[name]) for name in table.columns}
    head = {
        name: {"unit": unit, "meaning": text}
        for name, (unit, text) in _meanings(table.columns).items()
    }
    encode = msgspec.json.encode
    rows = (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))
    path.write_bytes(
        b'{\n"columns": %b,\n"rows": [\n%b\n]\n}\n'
        % (encode(head), b",\n".join(encode(row) for row in rows))
    )


def _json_values(column: pd.Series[Any]) -> list[Any]:
    """Return values that JSON has: infinite ones as texts, missing ones as None."""
    missing = column.isna().to_numpy()
    values = column.tolist() if _is_number(column) else _texts(column)
    return [
        None if gone else value if _is_finite(value) else f"{'-' if value < 0 else ''}Infinity"
        for value, gone in zip(values, missing, strict=True)
    ]


def _is_finite(value: Any) -> bool:
    return not isinstance(value, float) or math.isfinite(value)


def _write_hdf5(table: pd.DataFrame, path: Path) -> None:
    import h5py

    meanings = _meanings(table.columns)
    fields = _distinct(table.columns, lambda name: name.strip(".").replace("/", "_") or "column")
    with h5py.File(path, "w") as file:
        file.attrs.create("columns", [*fields.values()], dtype=h5py.string_dtype())
        for name, field in fields.items():
            values = _array(table[name])
            texts = values.dtype.kind == "O"
            dataset = file.create_dataset(
                field, data=values, dtype=h5py.string_dtype() if texts else values.dtype
            )
            unit, text = meanings[name]
            dataset.attrs.update({"name": name, "unit": unit, "meaning": text})


def _write_mat(table: pd.DataFrame, path: Path) -> None:
    from scipy.io import savemat

    meanings = _meanings(table.columns)
    fields = _distinct(table.columns, _matlab_name)
    data = {field: _array(table[name])[:, np.newaxis] for name, field in fields.items()}
    about = {
        field: {"name": name, "unit": meanings[name][0], "meaning": meanings[name][1]}
        for name, field in fields.items()
    }
    variables = {"data": data, "columns": about}
    savemat(path, variables, long_field_names=True, do_compression=True)


def _matlab_name(name: str) -> str:
    plain = _NOT_MATLAB.sub("_", name)
    return plain[:_MOST_LETTERS] if plain[:1].isalpha() else f"x{plain}"[:_MOST_LETTERS]


def _distinct(names: Iterable[str], changed: Callable[[str], str]) -> dict[str, str]:
    """Return a name for each column that a format takes, no two of them equal."""
    fields: dict[str, str] = {}
    for name in names:
        field, n = changed(name), 1
        while field in fields.values():
            n += 1
            field = f"{changed(name)}_{n}"
        fields[name] = field
    return fields


def _array(column: pd.Series[Any]) -> AnyArray:
    """Return a column as an array: of numbers, NaN where one is missing, or of texts."""
    if not _is_number(column):
        return np.array(_texts(column), dtype=object)
    if not column.isna().any():
        kind = column.dtype.kind
        return column.to_numpy({"i": np.int64, "u": np.uint64, "b": np.bool_}.get(kind))
    if column.dtype.kind in "iu" and (column.dropna().abs() > _EXACT).any():
        raise BadValueError(
            f"column {column.name!r} has whole numbers beyond 2**53 and missing ones: use .json"
        )
    return column.to_numpy(np.float64, na_value=np.nan)


def _is_number(column: pd.Series[Any]) -> bool:
    """Return whether a column has numbers or truth values."""
    from pandas.api.types import is_bool_dtype, is_complex_dtype, is_numeric_dtype

    number = is_numeric_dtype(column) or is_bool_dtype(column)
    return bool(number and not is_complex_dtype(column) and hasattr(column.dtype, "kind"))


def _texts(column: pd.Series[Any]) -> list[str]:
    """Return a column as texts, empty where one is missing."""
    missing = column.isna().to_numpy()
    return ["" if gone else _plain(value) for value, gone in zip(column, missing, strict=True)]


def _plain(value: object) -> str:
    """Return a text that every format can hold."""
    return str(value).encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")


def _meanings(names: Iterable[str]) -> Mapping[str, PlainMeaning]:
    """Return unit and meaning of each column, empty where they are not known."""
    known = meanings_of([*names])
    return {name: known.get(name, PlainMeaning("", "")) for name in names}


_WRITERS: dict[str, Callable[[pd.DataFrame, Path], None]] = {
    ".csv": _write_csv,
    ".json": _write_json,
    ".h5": _write_hdf5,
    ".hdf5": _write_hdf5,
    ".mat": _write_mat,
}

TABLE_SUFFIXES = tuple(_WRITERS)
"""Suffixes of the files that :func:`export_table` writes."""
