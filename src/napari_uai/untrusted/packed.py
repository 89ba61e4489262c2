"""Packed files: archives and arrays that unpack to more than memory holds."""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Any

from napari_uai.errors import VideoFormatError
from napari_uai.limits import (
    CHUNK_BYTES,
    FRAME_BYTES,
    MEMBERS,
    UNPACKED_BYTES,
    UNPACKED_RATIO,
    ErrorType,
)
from napari_uai.untrusted.files import check_regular, refusing


def unpacked_limit(packed_bytes: int) -> int:
    """Return to how many bytes a packed table of a size may unpack.

    Tables pack to a tenth to a third of their size, and need ten times their size when parsed.
    """
    return max(UNPACKED_BYTES.value, UNPACKED_RATIO.value * packed_bytes)


def check_unpacked(path: Path, n_bytes: float, *, error: ErrorType = VideoFormatError) -> None:
    """Raise an error if an array that is unpacked at once is large, and its file is not.

    Parameters
    ----------
    path
        The packed file.
    n_bytes
        Size of the array.
    error
        Type of the error.
    """
    if not n_bytes <= UNPACKED_RATIO.value * path.stat().st_size:
        CHUNK_BYTES.check(path, n_bytes, "unpacks to", error=error)


GZIP = b"\x1f\x8b"
"""The first bytes of a gz file."""


def gunzipped(data: bytes, *, limit: int, error: ErrorType, path: str | Path = "") -> bytes:
    """Unpack gz with one or more concatenated members, up to a limit.

    Parameters
    ----------
    data
        Content of the file.
    limit
        Most bytes to unpack to.
    error
        Type of the error.
    path
        The file, for messages; empty if the caller adds it.

    Raises
    ------
    NapariUaiError
        Of the given type, if it is corrupt or truncated, or exceeds the limit.
    """
    where = f"{path}: " if path else ""
    pieces: list[bytes] = []
    room = limit
    while data.startswith(GZIP):
        stream = zlib.decompressobj(wbits=31)
        try:
            piece = stream.decompress(data, room + 1)
        except zlib.error:
            raise error(f"{where}corrupt gz file; copy it again") from None
        room -= len(piece)
        if room < 0:
            raise error(f"{where}{too_much(limit)}")
        if not stream.eof:
            raise error(f"{where}truncated gz file; copy it again")
        pieces.append(piece)
        data = stream.unused_data
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def too_much(limit: int) -> str:
    """Return the message for a table that unpacks to more than a limit."""
    size = f"{limit / 2**20:.0f} MiB" if limit >= 2**20 else f"{limit} bytes"
    return (
        f"larger than {size} after decompression: not read; if you trust it, unpack it, or raise "
        f"{UNPACKED_BYTES.variable}"
    )


def check_archive(path: Path, *, error: ErrorType = VideoFormatError) -> None:
    """Raise an error if a zip has too many members, or names that lead outside it."""
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
    MEMBERS.check(path, len(members), "contains", error=error)
    for member in members:
        name = member.filename.replace("\\", "/")
        parts = PurePosixPath(name).parts
        if ".." in parts or name.startswith("/") or name[1:2] == ":":
            raise error(f"{path} contains {member.filename!r}, outside the archive: pack it again")


def check_npy(data: bytes, path: str | Path, *, error: ErrorType) -> None:
    """Raise an error if an npy file in memory is shorter than the array that it states.

    Raises
    ------
    ValueError
        If it is not such a file.
    """
    shape, dtype = _npy_header(io.BytesIO(data))
    if math.prod(shape) * dtype.itemsize > len(data):
        raise error(f"{path} is shorter than it states: save it again")


def _npy_header(file: Any) -> tuple[tuple[int, ...], Any]:
    from numpy.lib import format as npy

    first = npy.read_magic(file)[0] == 1
    shape, _, dtype = (npy.read_array_header_1_0 if first else npy.read_array_header_2_0)(file)
    return shape, dtype


def check_npz(path: Path, *, error: ErrorType = VideoFormatError) -> None:
    """Raise an error if arrays of an npz file are far larger than the file, or than they state."""
    check_archive(path, error=error)
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            check_unpacked(path, member.file_size, error=error)
            with archive.open(member) as file:
                shape, dtype = _npy_header(file)
            if math.prod(shape) * dtype.itemsize > member.file_size:
                raise error(f"{path}: {member.filename} is shorter than it states: save it again")


def read_npy(path: Path, *, error: ErrorType) -> Any:
    """Read the array of a small npy file.

    Raises
    ------
    NapariUaiError
        Of the given type, if it cannot be read, is not such a file, or exceeds a limit.
    """
    import numpy as np

    check_regular(path, error=error)
    with refusing(path, "an npy file", error=error):
        array = np.load(path, mmap_mode="r", allow_pickle=False)  # checks the size of the file
    FRAME_BYTES.check(path, array.nbytes, "has", error=error)
    return np.array(array)
