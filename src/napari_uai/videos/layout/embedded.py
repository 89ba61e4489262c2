"""Sizes that parts of a file state for themselves, checked before a library believes them."""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from napari_uai.errors import VideoFormatError
from napari_uai.limits import FRAME_BYTES
from napari_uai.untrusted import (
    bytes_of_picture,
    check_chunk,
    check_ome,
    check_page_index,
    check_regular,
    inside,
)

_HEAD_BYTES = 4096
_SELF_DESCRIBED = frozenset(
    {
        *(6, 7, 33007, 34892),  # JPEG
        *(33003, 33004, 33005, 34712),  # JPEG 2000
        *(22610, 34934, 50002, 52546),  # JPEG XR, JPEG XL
        *(34887, 34927, 50001, 34933),  # LERC, WebP, PNG
    }
)
"""TIFF compressions whose data have a header with a size of their own."""


def check_segments(page: Any) -> None:
    """Raise an error if a piece of a TIFF page, or a picture in it, is too large to be decoded.

    Decoders allocate what the piece or picture states, whatever the page states.

    Parameters
    ----------
    page
        Of tifffile; its file is open, and no other thread reads from it.
    """
    keyframe = page.keyframe
    file = page.parent.filehandle
    if keyframe.is_tiled:
        samples = keyframe.samplesperpixel if keyframe.planarconfig == 1 else 1
        sides = (keyframe.tiledepth, keyframe.tilelength, keyframe.tilewidth, samples)
        check_chunk(file.path, sides, keyframe.dtype.itemsize)
    compression = int(keyframe.compression)
    if compression != 1 and max(page.databytecounts, default=0) > file.size:
        raise VideoFormatError(
            f"{file.path} states pieces that are larger than the file: copy or export it again"
        )
    if compression not in _SELF_DESCRIBED:
        return
    for offset, n_bytes in zip(page.dataoffsets, page.databytecounts, strict=False):
        file.seek(offset)
        stated = bytes_of_picture(file.read(min(n_bytes, file.size)))
        FRAME_BYTES.check(file.path, stated, "has pictures of")


def check_other_files(path: Path, tiff: Any) -> None:
    """Raise an error if a TIFF file names pages in files elsewhere, or more than memory holds.

    Parameters
    ----------
    path
        The file.
    tiff
        As opened by tifffile; its series are not read yet.
    """
    if tiff.is_ome:
        check_ome(path, tiff.ome_metadata or "")
    if "_MMStack" in path.name:
        for other in path.parent.glob("*_MMStack*.tif"):
            check_regular(other)
    if tiff.is_ndtiff:
        _check_ndtiff(path)


def _check_ndtiff(path: Path) -> None:
    from tifffile import read_ndtiff_index

    index = path.parent / "NDTiff.index"
    check_regular(index)
    if not index.is_file():
        return
    most: dict[str, int] = {}
    names = set()
    for axes, name, *_ in read_ndtiff_index(index):
        names.add(name)
        for axis, place in axes.items():
            most[axis] = max(most.get(axis, 0), place) if isinstance(place, int) else 0
    check_page_index(path, math.prod(place + 1 for place in most.values()))
    for name in names:
        check_regular(inside(path.parent, name, source=path, error=VideoFormatError))


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
