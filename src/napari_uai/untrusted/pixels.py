"""Pixels: what a file states of frames, chunks and pages."""

from __future__ import annotations

import html
import math
import re
import struct
from collections.abc import Sequence
from pathlib import Path

from napari_uai.errors import VideoFormatError
from napari_uai.limits import (
    CHUNK_BYTES,
    FRAME_BYTES,
    FRAMES,
    MEMBERS,
    PIXELS,
    ErrorType,
)
from napari_uai.untrusted.documents import check_xml
from napari_uai.untrusted.files import check_regular, inside


def check_video(path: Path, sizes: Sequence[int]) -> None:
    """Raise an error if an array states more frames or pixels than any recording has.

    Parameters
    ----------
    path
        The file.
    sizes
        Length of each axis.
    """
    FRAMES.check(path, max(sizes, default=0), "has an axis of")
    PIXELS.check(path, math.prod(sizes), "contains")


def check_frame(
    path: Path, rows: int, columns: int, itemsize: int, *, error: ErrorType = VideoFormatError
) -> None:
    """Raise an error if a frame does not fit, before it is decoded."""
    FRAME_BYTES.check(path, rows * columns * itemsize, "has frames of", error=error)


def check_pieces(path: Path, sizes: Sequence[int], chunk: Sequence[int], axes: str) -> None:
    """Raise an error if a frame of a stored array is in more pieces than an archive has members.

    Parameters
    ----------
    path
        The file.
    sizes, chunk
        Length of each axis, of the array and of a chunk.
    axes
        A letter for each axis; rows and columns are Y and X.
    """
    if len(sizes) == len(chunk) == len(axes):
        sides = zip(axes, sizes, chunk, strict=True)
        pieces = [-(-size // max(side, 1)) for axis, size, side in sides if axis in "YXS"]
        MEMBERS.check(path, math.prod(pieces), "has frames in pieces, of which each has")


def check_chunk(
    path: Path, chunk: Sequence[int], itemsize: int, *, error: ErrorType = VideoFormatError
) -> None:
    """Raise an error if the chunks of a stored array are too large to be unpacked."""
    CHUNK_BYTES.check(path, math.prod(chunk) * itemsize, "has chunks of", error=error)


def check_tiff_pages(path: Path) -> None:
    """Raise an error if the chain of pages of a TIFF file is a loop, which would be read for ever.

    Other damage is left to the reader.
    """
    with path.open("rb") as file:
        head = file.read(16)
        order = ">" if head[:2] == b"MM" else "<"
        big = head[2:4] in {b"+\0", b"\0+"}
        count, number, entry = ("Q", "Q", 20) if big else ("H", "I", 12)
        counts, offsets = struct.Struct(order + count), struct.Struct(order + number)
        seen: set[int] = set()
        most = FRAMES.value
        data = head[8:16] if big else head[4:8]
        while len(data) == offsets.size and (offset := offsets.unpack(data)[0]):
            if offset in seen:
                raise VideoFormatError(
                    f"{path} is damaged: its page {len(seen)} is followed by an earlier one; "
                    "copy or export it again"
                )
            seen.add(offset)
            if len(seen) > most:
                FRAMES.check(path, len(seen), "has")
            file.seek(min(offset, 2**62))
            data = file.read(counts.size)
            if len(data) < counts.size:
                return
            n_bytes = counts.unpack(data)[0] * entry
            if n_bytes > _MOST_TAGS * entry:
                return
            data = file.read(n_bytes + offsets.size)[n_bytes:]


_MOST_TAGS = 4096  # as in tifffile


# OME ------------------------------------------------------------------------------------------

# Without a word boundary at their start, which makes the search several times slower.
_OME_NUMBER = re.compile(r'(Size[ZCT]|IFD|PlaneCount|First[ZCT])\s*=\s*["\']\s*(\d+)')
_OME_FILE = re.compile(r'(?:FileName|MetadataFile)\s*=\s*"([^"<>]*)"')
_BYTES_PER_PAGE = 32  # in the lists of a reader


def check_ome(path: Path, metadata: str) -> None:
    """Raise an error if OME metadata list files elsewhere, or far more planes than memory holds.

    Parameters
    ----------
    path
        The TIFF file.
    metadata
        XML in it.
    """
    check_xml(metadata.encode(errors="replace"), path, error=VideoFormatError)
    sizes: dict[str, int] = {}
    for key, digits in _OME_NUMBER.findall(metadata):
        sizes[key] = max(sizes.get(key, 1), int(digits[:30]))
    planes = math.prod(sizes.get(f"Size{letter}", 1) for letter in "ZCT")
    check_page_index(path, max(planes, *sizes.values(), 1))
    for name in {*_OME_FILE.findall(metadata)}:
        other = inside(path.parent, html.unescape(name), source=path, error=VideoFormatError)
        check_regular(other)


def check_page_index(path: Path, n_pages: int) -> None:
    """Raise an error if a list of all pages that a file states does not fit."""
    CHUNK_BYTES.check(path, n_pages * _BYTES_PER_PAGE, "states pages whose index has")
