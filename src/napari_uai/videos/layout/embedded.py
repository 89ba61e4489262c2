"""Sizes that parts of a file state for themselves, checked before a library believes them."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from napari_uai.errors import VideoFormatError
from napari_uai.limits import FRAME_BYTES

_HEAD_BYTES = 4096
_SELF_DESCRIBED = {6, 7, 33003, 33005, 34712, 34887, 34933}
"""TIFF compressions with a header of their own: JPEG, JPEG 2000, LERC, PNG."""

_JPEG_SIZE = re.compile(rb"\xff[\xc0-\xc3\xc5-\xc7\xc9-\xcb\xcd-\xcf]..(.)(..)(..)(.)", re.DOTALL)


def check_segments(page: Any) -> None:
    """Raise an error if a segment of a TIFF page holds a picture much larger than a frame.

    Decoders allocate what the picture states, whatever the page states.

    Parameters
    ----------
    page
        Of tifffile; its file is open, and no other thread reads from it.
    """
    keyframe = page.keyframe
    if int(keyframe.compression) not in _SELF_DESCRIBED:
        return
    file = page.parent.filehandle
    for offset, n_bytes in zip(page.dataoffsets, page.databytecounts, strict=False):
        file.seek(offset)
        samples = stated_samples(file.read(min(n_bytes, _HEAD_BYTES)))
        FRAME_BYTES.check(file.path, samples * keyframe.dtype.itemsize, "has pictures of")


def stated_samples(data: bytes) -> int:
    """Return how many samples a PNG, JPEG, JPEG 2000 or LERC picture states; 0 if unknown.

    Examples
    --------
    >>> import cv2
    >>> import numpy as np
    >>> from napari_uai.videos.layout.embedded import stated_samples
    >>> stated_samples(cv2.imencode(".jpg", np.zeros((30, 40, 3), np.uint8))[1].tobytes())
    3600
    """
    try:
        if data.startswith(b"\x89PNG"):
            columns, rows = struct.unpack_from(">II", data, 16)
            return int(columns * rows * 4)  # room for alpha
        if data.startswith(b"Lerc2 "):
            version = struct.unpack_from("<i", data, 6)[0]
            place = 10 if version < 3 else 14
            rows, columns, depth = struct.unpack_from("<III", data, place)
            return int(rows * columns * (depth if version >= 4 else 1))
        if data.startswith(b"\xff\xd8") and (found := _JPEG_SIZE.search(data)):
            rows, columns = (int.from_bytes(found[i], "big") for i in (2, 3))
            return rows * columns * found[4][0]
        place = data.find(b"\xff\x4f\xff\x51")
        if place >= 0:
            right, bottom, left, top = struct.unpack_from(">IIII", data, place + 8)
            parts = struct.unpack_from(">H", data, place + 40)[0]
            return int(max(right - left, 0) * max(bottom - top, 0) * parts)
    except struct.error:  # the decoder says it better
        return 0
    return 0


def check_mat5(path: Path) -> None:
    """Raise an error if an array of a MATLAB 5 file has pixels of an unknown type.

    scipy looks types up in a table without checking them, and crashes beyond its end.
    """
    with path.open("rb") as file:
        order = {b"IM": "<", b"MI": ">"}.get(file.read(128)[126:])
        if order is None:  # version 4
            return
        for start in _matrices(file, order):
            if not _is_sound(start, order):
                raise VideoFormatError(f"{path} has an array of unknown type: save it again")


_MATRIX, _PACKED = 14, 15
_NUMBERS = {1, 2, 3, 4, 5, 6, 7, 9, 12, 13, 16, 17, 18}
_NUMERIC_CLASSES = range(4, 16)
_SPARSE, _COMPLEX = 5, 0x800


def _matrices(file: Any, order: str) -> Iterator[Any]:
    """Yield a reader of the content of each array."""
    tag = struct.Struct(order + "II")
    place = 128
    while True:
        file.seek(place)
        head = file.read(8)
        if len(head) < 8:
            return
        kind, n_bytes = tag.unpack(head)
        place += 8 + n_bytes
        if kind == _MATRIX:
            yield _Stream(file, packed=False)
        elif kind == _PACKED:
            stream = _Stream(file, packed=True)
            inner = stream.take(8)
            if len(inner) == 8 and tag.unpack(inner)[0] == _MATRIX:
                yield stream


class _Stream:
    """Bytes of an array, unpacked as far as they are asked for."""

    def __init__(self, file: Any, *, packed: bool) -> None:
        self.file = file
        self.unpacker = zlib.decompressobj() if packed else None
        self.rest = b""

    def take(self, n: int) -> bytes:
        """Return the next bytes; fewer at the end."""
        while self.unpacker is not None and len(self.rest) < n:
            more = self.unpacker.unconsumed_tail or self.file.read(_HEAD_BYTES)
            try:
                unpacked = self.unpacker.decompress(more, _HEAD_BYTES)
            except zlib.error:
                return b""
            if not unpacked and not more:
                break
            self.rest += unpacked
        if self.unpacker is None:
            return bytes(self.file.read(n))
        taken, self.rest = self.rest[:n], self.rest[n:]
        return taken

    def skip(self, n: int) -> None:
        """Leave bytes out."""
        if self.unpacker is None:
            self.file.seek(n, 1)
        while self.unpacker is not None and n > 0:
            taken = len(self.take(min(n, _HEAD_BYTES)))
            if not taken:
                return
            n -= taken


def _is_sound(stream: _Stream, order: str) -> bool:
    """Return whether the types of the parts of an array are known, as far as they are there."""
    flags = stream.take(16)
    if len(flags) < 16:
        return True
    stated = struct.unpack_from(order + "I", flags, 8)[0]
    kind, is_complex = stated & 0xFF, bool(stated & _COMPLEX)
    if kind not in _NUMERIC_CLASSES or kind == _SPARSE:
        return True
    for part in range(4 if is_complex else 3):  # sizes, name, numbers
        head = stream.take(8)
        if len(head) < 8:
            return True
        word, n_bytes = struct.unpack(order + "II", head)
        small = word >> 16
        if small:
            word, n_bytes = word & 0xFFFF, 0
        if word not in _NUMBERS:
            return False
        if part < 2 or is_complex:
            stream.skip(n_bytes + -n_bytes % 8)
    return True
