"""Sizes that Parquet and Arrow (Feather) files state for each packed part.

Both libraries allocate what a page or buffer states before they unpack it, and a column of equal
values packs to nothing, so that a small file may ask for any amount of memory.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

_DEEPEST = 16
"""Levels of structures in structures; files have six."""

# Parquet --------------------------------------------------------------------------------------


def parquet_bytes(data: bytes, facts: Any) -> int:
    """Return how many bytes the table in a Parquet file takes, by its footer and page headers.

    Parameters
    ----------
    data
        Content of the file.
    facts
        Its metadata, of pyarrow.

    Returns
    -------
    int
        Bytes of all pages when unpacked, but at least eight per value.
    """
    total = 0
    for column in _column_chunks(data):
        offsets = (column.get(9), column.get(11))
        starts = [place for place in offsets if isinstance(place, int) and place > 0]
        if starts:
            packed = column.get(7)
            length = packed if isinstance(packed, int) else 0
            end = min(min(starts) + max(length, 0), len(data))
            total += sum(_page_sizes(data, min(starts), end))
    return int(max(total, 8 * facts.num_rows * max(facts.num_columns, 1)))


def _column_chunks(data: bytes) -> Iterator[dict[int, Any]]:
    """Yield the metadata of each column of each group of rows, by field of the format.

    pyarrow ends the process when it is asked for those of a damaged file.
    """
    n = int.from_bytes(data[-8:-4], "little")
    try:
        footer = _Compact(data, max(len(data) - 8 - n, 0)).structure()
    except (IndexError, RecursionError):
        return
    for group in _structures(footer.get(4)):
        for chunk in _structures(group.get(1)):
            yield from _structures([chunk.get(3)])


def _structures(values: Any) -> list[dict[int, Any]]:
    """Return the structures in a list; what else a damaged file has there is left out."""
    return [each for each in values if isinstance(each, dict)] if isinstance(values, list) else []


def _page_sizes(data: bytes, at: int, end: int) -> Iterator[int]:
    """Yield the unpacked sizes of the pages of a column; a damaged header ends them."""
    while at < end:
        try:
            header = _Compact(data, at)
            facts = header.structure()
        except (IndexError, RecursionError):
            return
        unpacked, packed = (each if isinstance(each, int) else 0 for each in map(facts.get, (2, 3)))
        yield max(unpacked, 0)
        at = header.at + max(packed, 0)


class _Compact:
    """Reader of Thrift's compact protocol: https://thrift.apache.org/docs/specs."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self.at = at

    def structure(self, depth: int = 0) -> dict[int, Any]:
        """Read a structure; return numbers, structures and lists by field, None for all else."""
        return {field: self._value(kind, depth) for field, kind in self._fields()}

    def _fields(self) -> Iterator[tuple[int, int]]:
        field = 0
        while (head := self._byte()) != 0:
            step, kind = head >> 4, head & 15
            if step:
                field += step
            else:
                coded = self._varint()
                field = (coded >> 1) ^ -(coded & 1)
            yield field, kind

    def _byte(self) -> int:
        self.at += 1
        return self._data[self.at - 1]

    def _varint(self) -> int:
        number = shift = 0
        while True:
            byte = self._byte()
            number |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80 or shift > 63:
                return number

    def _value(self, kind: int, depth: int) -> Any:
        if depth > _DEEPEST:
            raise RecursionError
        if kind == 3:
            self.at += 1
        elif kind in {4, 5, 6}:
            coded = self._varint()
            return (coded >> 1) ^ -(coded & 1)
        elif kind == 7:
            self.at += 8
        elif kind == 8:
            n = self._varint()
            self.at += n
        elif kind in {9, 10}:
            head = self._byte()
            n = head >> 4 if head >> 4 < 15 else self._varint()
            return [self._value(head & 15, depth + 1) for _ in range(min(n, len(self._data)))]
        elif kind == 12:
            return self.structure(depth + 1)
        elif kind not in {1, 2}:  # booleans are in the field header
            raise IndexError
        return None


# Arrow ----------------------------------------------------------------------------------------

_BLOCK = struct.Struct("<qi4xq")
_PAIR = struct.Struct("<qq")


def arrow_bytes(data: bytes) -> int:
    """Return how many bytes the table in an Arrow file takes, by its footer and messages.

    Parameters
    ----------
    data
        Content of the file.

    Returns
    -------
    int
        Bytes of all buffers when unpacked, but at least eight per value.

    Raises
    ------
    ValueError
        If it is not such a file.
    """
    if not data.endswith(b"ARROW1"):
        raise ValueError("it is truncated")
    try:
        [n] = struct.unpack_from("<i", data, len(data) - 10)
        footer = _Table.root(data, len(data) - 10 - n)
        blocks = [*footer.structs(2, _BLOCK), *footer.structs(3, _BLOCK)]
        return sum(_batch_bytes(data, offset, head) for offset, head, _ in blocks)
    except (struct.error, IndexError) as error:
        raise ValueError("its index is damaged") from error


def _batch_bytes(data: bytes, offset: int, head: int) -> int:
    """Return the size of a batch of rows, or of the values of a dictionary."""
    new = data[offset : offset + 4] == b"\xff\xff\xff\xff"
    message = _Table.root(data, offset + (8 if new else 4))
    batch = message.table(2)
    if batch is not None and message.number(1, "<B") == 2:  # a dictionary
        batch = batch.table(1)
    if batch is None:
        return 0
    rows, n_nodes = batch.number(0, "<q"), sum(1 for _ in batch.structs(1, _PAIR))
    total = 0
    packed = batch.table(3) is not None
    for place, size in batch.structs(2, _PAIR):
        unpacked = size
        if packed and size >= 8:
            [stated] = struct.unpack_from("<q", data, offset + head + place)
            unpacked = stated if stated >= 0 else size
        total += max(unpacked, 0)
    return max(total, 8 * rows * max(n_nodes, 1))


class _Table:
    """A table of a flatbuffer: https://flatbuffers.dev/internals."""

    def __init__(self, data: bytes, at: int) -> None:
        if at < 0:
            raise IndexError
        self._data = data
        self._at = at
        self._fields = at - struct.unpack_from("<i", data, at)[0]
        if self._fields < 0:
            raise IndexError
        self._size = struct.unpack_from("<H", data, self._fields)[0]

    @classmethod
    def root(cls, data: bytes, at: int) -> _Table:
        """Return the table that a buffer begins with."""
        if at < 0:
            raise IndexError
        return cls(data, at + struct.unpack_from("<I", data, at)[0])

    def _place(self, field: int) -> int:
        """Return where a field is; 0 if it is not there."""
        entry = 4 + 2 * field
        if entry + 2 > self._size:
            return 0
        offset = struct.unpack_from("<H", self._data, self._fields + entry)[0]
        return self._at + offset if offset else 0

    def number(self, field: int, kind: str) -> int:
        """Return a number; 0 if it is not there."""
        place = self._place(field)
        return int(struct.unpack_from(kind, self._data, place)[0]) if place else 0

    def table(self, field: int) -> _Table | None:
        """Return a table within this one; None if it is not there."""
        place = self._place(field)
        if not place:
            return None
        return _Table(self._data, place + struct.unpack_from("<I", self._data, place)[0])

    def structs(self, field: int, kind: struct.Struct) -> Iterator[tuple[int, ...]]:
        """Yield the items of a vector."""
        place = self._place(field)
        if not place:
            return
        at = place + struct.unpack_from("<I", self._data, place)[0]
        [n] = struct.unpack_from("<I", self._data, at)
        for i in range(n):
            yield kind.unpack_from(self._data, at + 4 + i * kind.size)
