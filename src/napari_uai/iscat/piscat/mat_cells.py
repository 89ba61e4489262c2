"""Cells of arrays in MATLAB files of version 5, within limits at every level.

The library that reads such files looks types up in tables without checking them, and makes arrays
as large as a cell states; cells of strangers are therefore read here. Format: MathWorks, MAT-File
Format, chapter 1.
"""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import numpy as np

from napari_uai.errors import TableFormatError
from napari_uai.limits import COLUMNS, DEPTH, MEMBERS
from napari_uai.typing import AnyArray
from napari_uai.untrusted import read_whole, refusing, unpacked_limit

_HEAD, _PEEK = 128, 1024
_MATRIX, _PACKED = 14, 15
_CELL = 1
_COMPLEX = 0x800
_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8",
          13: "u8"}  # fmt: skip
_NUMERIC = range(6, 16)


@dataclass(frozen=True)
class Cell:
    """A cell array.

    Attributes
    ----------
    shape
        Length of each axis.
    items
        Arrays and cells, the first axis fastest; None for anything else.
    """

    shape: tuple[int, ...] = (0, 0)
    items: list[Item] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.items)


Item: TypeAlias = "Cell | AnyArray | None"


def read_cells(path: Path) -> Cell:
    """Return the first cell array of a file; empty if there is none.

    Raises
    ------
    TableFormatError
        If it cannot be read, is not such a file, or exceeds a limit.
    """
    with refusing(path, "a MATLAB file", error=TableFormatError):
        data = read_whole(path, error=TableFormatError)
        order = {b"IM": "<", b"MI": ">"}.get(data[_HEAD - 2 : _HEAD])
        if order is None:
            raise TableFormatError(
                f"{path} is neither HDF5 nor a MATLAB file of version 5: save it again as one"
            )
        reader = _Reader(path, order, unpacked_limit(len(data)))
        for kind, content in reader.parts(data, _HEAD):
            inner = reader.unpacked(content) if kind == _PACKED else (kind, content)
            if inner[0] == _MATRIX:
                item = reader.matrix(inner[1], 0)
                if isinstance(item, Cell):
                    return item
    return Cell()


def begins_with_cells(path: Path) -> bool:
    """Return whether the first variable of a MATLAB file is a cell array; its head is read only."""
    with path.open("rb") as file:
        head = file.read(_HEAD + _PEEK)
    order = {b"IM": "<", b"MI": ">"}.get(head[_HEAD - 2 : _HEAD])
    if order is None or len(head) < _HEAD + 32:
        return False
    tag = struct.Struct(order + "II")
    part = head[_HEAD:]
    try:
        if tag.unpack_from(part)[0] == _PACKED:
            part = zlib.decompressobj().decompress(part[8:], _PEEK)
        kind, flags = tag.unpack_from(part)[0], tag.unpack_from(part, 16)[0]
    except (struct.error, zlib.error):
        return False
    return bool(kind == _MATRIX and flags & 0xFF == _CELL)


class _Reader:
    """Reads parts: a type, a number of bytes, and the bytes, at multiples of eight."""

    def __init__(self, path: Path, order: str, limit: int) -> None:
        self._path = path
        self._order = order
        self._limit = limit
        self._n_items = 0

    def parts(self, data: bytes, at: int) -> list[tuple[int, bytes]]:
        """Return the parts of a matrix or file."""
        found = []
        while at + 8 <= len(data):
            word, size = struct.unpack_from(self._order + "II", data, at)
            start = at + 8
            if word >> 16:  # up to four bytes within the tag
                word, size, start = word & 0xFFFF, word >> 16, at + 4
            if start + size > len(data) or (start == at + 4 and size > 4):
                raise ValueError("truncated")
            found.append((word, data[start : start + size]))
            MEMBERS.check(self._path, len(found), "contains", error=TableFormatError)
            padding = -size % 8 if word != _PACKED else 0
            at = at + 8 if start == at + 4 else start + size + padding
        return found

    def unpacked(self, content: bytes) -> tuple[int, bytes]:
        """Return the part that a packed one holds."""
        stream = zlib.decompressobj()
        data = stream.decompress(content, self._limit + 1)
        self._limit -= len(data)
        if self._limit < 0:
            raise TableFormatError(f"{self._path} unpacks to far more than its size: not read")
        [part] = self.parts(data, 0)
        return part

    def matrix(self, content: bytes, depth: int) -> Item:
        """Return an array or cell; None for texts, structures and all else."""
        DEPTH.check(self._path, depth, "is nested over", error=TableFormatError)
        parts = self.parts(content, 0)
        if len(parts) < 3 or len(parts[0][1]) < 8:
            return None
        flags = struct.unpack(self._order + "II", parts[0][1][:8])[0]
        shape = tuple(map(int, np.frombuffer(parts[1][1], self._order + "i4")))
        if not 2 <= len(shape) <= 8 or min(shape) < 0:
            raise ValueError("an array has no valid size")
        n = math.prod(shape)
        if flags & 0xFF == _CELL:
            COLUMNS.check(self._path, n, "has cells with", error=TableFormatError)
            self._n_items += n
            MEMBERS.check(self._path, self._n_items, "contains", error=TableFormatError)
            if len(parts) != n + 3:
                raise ValueError("a cell is not complete")
            return Cell(shape, [self.matrix(part, depth + 1) for _, part in parts[3:]])
        if flags & 0xFF not in _NUMERIC or flags & _COMPLEX or len(parts) < 4:
            return None
        kind, values = parts[3]
        if kind not in _TYPES or len(values) != n * np.dtype(_TYPES[kind]).itemsize:
            raise ValueError("an array is not complete")
        return np.frombuffer(values, self._order + _TYPES[kind]).reshape(shape, order="F")
