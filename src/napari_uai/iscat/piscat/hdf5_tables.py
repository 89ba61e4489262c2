"""Tables in HDF5 as pandas writes them, read without pickle and without its library.

pandas keeps the columns of one type together as a block: a dataset each in the format ``fixed``, a
field each in the format ``table``, of whose columns the names are a pickled list of texts.
"""

from __future__ import annotations

import pickletools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from napari_uai.errors import TableFormatError, counted, one_line
from napari_uai.iscat.tables import FIT_COLUMNS, SPOT_COLUMNS
from napari_uai.limits import CHUNK_BYTES, COLUMNS, FRAMES, MEMBERS
from napari_uai.typing import AnyArray
from napari_uai.videos.readers.hdf5 import check_storage, is_inside, small_array

Columns = dict[str, AnyArray]

PLACES = frozenset({"y", "x", "frame"})
"""Columns without which a table is not one of spots."""

_TEXTS = frozenset({"STRING", "UNICODE"})
_LISTS = frozenset({"MARK", "LIST", "APPEND", "PUT", "STOP"})
"""What a list of texts consists of in the oldest protocol of pickle, in which attributes are."""


def read_hdf5_table(path: Path, file: Any, key: str) -> pd.DataFrame:
    """Return the columns of numbers of a table.

    Parameters
    ----------
    path
        The file, for messages.
    file
        As opened by h5py.
    key
        Name under which pandas stored the table; empty if the file has one only.

    Raises
    ------
    TableFormatError
        If there is no table, or several and no name was given.
    """
    name = _chosen(path, tables_in(path, file), key)
    group = file[name] if name else file
    kind = _text(group.attrs.get("pandas_type", b""))
    if kind == "frame":
        columns = _fixed(path, file, name)
    elif kind == "frame_table":
        columns = _table(path, file, name)
    else:
        columns = _datasets(path, file, name)
    lengths = {column: len(values) for column, values in columns.items()}
    if len({*lengths.values()}) > 1:
        raise TableFormatError(
            f"{path}: columns of different lengths ({one_line(lengths, 120)}): save the table again"
        )
    return pd.DataFrame(columns)


def tables_in(path: Path, file: Any) -> list[str]:
    """Return the names of the tables of a file; the top level is ``""``."""
    import h5py

    found: list[str] = []
    waiting = [""]
    n = 0
    while waiting:
        name = waiting.pop()
        group = file[name] if name else file
        if "pandas_type" in group.attrs or {*group} >= PLACES:
            found.append(name)
            continue
        for child in group:
            n += 1
            MEMBERS.check(path, n, "contains", error=TableFormatError)
            below = f"{name}/{child}".strip("/")
            if is_inside(file, below) and isinstance(file.get(below), h5py.Group):
                waiting.append(below)
    return sorted(found)


def spot_tables(path: Path, file: Any) -> list[str]:
    """Return the names of the tables that have places of spots; no values are read."""
    return [name for name in tables_in(path, file) if {*_column_names(path, file, name)} >= PLACES]


def _column_names(path: Path, file: Any, name: str) -> list[str]:
    group = file[name] if name else file
    kind = _text(group.attrs.get("pandas_type", b""))
    if kind == "frame":
        blocks = [f"{name}/block{i}_items" for i in range(_n_blocks(path, group))]
        return [column for block in blocks for column in _items(path, file, block)]
    if kind == "frame_table":
        dataset = _dataset(path, file, f"{name}/table")
        return [c for field in dataset.dtype.names or () for c in _names_of(path, dataset, field)]
    return [] if kind else [*group]


def _n_blocks(path: Path, group: Any) -> int:
    n = int(group.attrs.get("nblocks", 0))
    COLUMNS.check(path, n, "has", error=TableFormatError)
    return n


def _chosen(path: Path, names: list[str], key: str) -> str:
    if key.strip("/") in names and (key or len(names) == 1):
        return key.strip("/")
    listed = one_line(", ".join(name or "/" for name in names), 160)
    if not names:
        raise TableFormatError(f"{path} contains no table: choose one that PiSCAT or pandas saved")
    if key:
        raise TableFormatError(f"{path} has no table {one_line(key, 80)!r}: choose from {listed}")
    if len(names) > 1:
        raise TableFormatError(
            f"{path} contains {counted(len(names), 'table')} ({listed}): choose one with key="
        )
    return names[0]


def _fixed(path: Path, file: Any, name: str) -> Columns:
    """Return the columns of the format ``fixed``; texts and objects are left out."""
    columns: Columns = {}
    group = file[name]
    total = 0
    for i in range(_n_blocks(path, group)):
        place = f"{name}/block{i}_values"
        names = _items(path, file, f"{name}/block{i}_items")
        values = small_array(path, file, place, error=TableFormatError)
        if values is None:  # pickled objects, maybe numbers and None
            _check_not_needed(path, names)
            continue
        attributes = file[place].attrs
        if "shape" in attributes:  # pandas stores one number where there are no rows
            values = np.empty((0, len(names)), values.dtype)
        elif not attributes.get("transposed", False):
            values = values.T
        if values.ndim != 2 or values.shape[1] != len(names):
            raise TableFormatError(f"{path}: {place} is not a block of columns: save it again")
        columns |= dict(zip(names, values.T, strict=True))
        total += values.nbytes
        CHUNK_BYTES.check(path, total, "has a table of", error=TableFormatError)
    return columns


def _check_not_needed(path: Path, names: list[str]) -> None:
    needed = [name for name in names if name in (*SPOT_COLUMNS, *FIT_COLUMNS, "particle")]
    if needed:
        raise TableFormatError(
            f"{path}: {', '.join(needed)} stored as objects of Python, which are not read: save "
            "the table as csv"
        )


def _items(path: Path, file: Any, name: str) -> list[str]:
    dataset = _dataset(path, file, name)
    COLUMNS.check(path, dataset.size, "has", error=TableFormatError)
    return [_text(each) for each in np.asarray(dataset[()]).ravel()]


def _dataset(path: Path, file: Any, name: str) -> Any:
    """Return a dataset of any type that is small enough for a table."""
    import h5py

    if not is_inside(file, name) or not isinstance(file.get(name), h5py.Dataset):
        raise TableFormatError(f"{path} has no {name}: save the table again")
    dataset = file[name]
    check_storage(path, name, dataset)
    FRAMES.check(path, dataset.size, "has a table of", error=TableFormatError)
    CHUNK_BYTES.check(path, dataset.nbytes, "has a table of", error=TableFormatError)
    return dataset


def _table(path: Path, file: Any, name: str) -> Columns:
    """Return the columns of the format ``table``; texts and objects are left out."""
    dataset = _dataset(path, file, f"{name}/table".strip("/"))
    fields = dataset.dtype.names or ()
    COLUMNS.check(path, len(fields), "has", error=TableFormatError)
    rows = np.asarray(dataset[()])
    columns: Columns = {}
    for field in fields:
        values = rows[field]
        names = _names_of(path, dataset, field)
        if values.dtype.kind not in "iufb":
            _check_not_needed(path, names)
        elif values.ndim == 2 and len(names) != values.shape[1]:
            raise TableFormatError(f"{path}: {field} has names of other columns: save it again")
        elif field != "index":
            columns |= dict(zip(names, values.reshape(len(rows), -1).T, strict=True))
    return columns


def _names_of(path: Path, dataset: Any, field: str) -> list[str]:
    """Return the names of the columns in a field.

    Those of a block are a pickled list, which is parsed and never loaded.

    Raises
    ------
    TableFormatError
        If it is anything else.
    """
    if not dataset.dtype[field].shape:
        return [field]
    pickled = dataset.attrs.get(f"{field}_kind", b"")
    data = bytes(pickled) if isinstance(pickled, bytes) else b""
    try:
        steps = [(operation.name, value) for operation, value, _ in pickletools.genops(data)]
    except ValueError:
        steps = []
    if not steps or any(name not in _TEXTS | _LISTS for name, _ in steps):
        raise TableFormatError(
            f"{path}: names of columns are not a list of texts: save the table with "
            "data_columns=True, or as csv"
        )
    return [str(value) for name, value in steps if name in _TEXTS]


def _datasets(path: Path, file: Any, name: str) -> Columns:
    """Return the datasets of a group, each a column."""
    columns: Columns = {}
    total = 0
    for child in file[name] if name else file:
        values = small_array(path, file, f"{name}/{child}".strip("/"), error=TableFormatError)
        if values is not None:
            columns[child] = values.ravel()
            total += values.nbytes
            CHUNK_BYTES.check(path, total, "has a table of", error=TableFormatError)
    return columns


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
