"""Bytes of a file that may be packed (gz, zip), never more of them than a stated limit."""

from __future__ import annotations

import io
import lzma
import os
import stat
import struct
import zipfile
import zlib
from pathlib import Path

from napari_uai.errors import TrailFormatError

RECORD_LIMIT = 256 * 2**20
"""Bytes of one object's record: 20 000 samples with their outlines are below 40 MB."""

FILE_LIMIT = 2 * 2**30
"""Bytes of one file of many trails."""

_GZIP = b"\x1f\x8b"
_ZIP = b"PK\x03\x04"
_EMPTY_ZIP = b"PK\x05\x06"
_ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    RuntimeError,  # encrypted, or packed in a way that is not built in
    ValueError,
    struct.error,
    lzma.LZMAError,
)
_READABLE = (".json", ".csv", ".txt", ".gz", ".tsv")


def unpacked(path: str | Path, *, limit: int = FILE_LIMIT) -> bytes:
    """Read a file, unpacking it if it is gz, or zip with one file in it, whatever its name.

    Parameters
    ----------
    path
        File to read.
    limit
        Most bytes that it may hold, once unpacked.

    Raises
    ------
    TrailFormatError
        If it cannot be read, is broken or truncated, holds more than the limit, or is a zip that
        holds several files.
    """
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123  # a third of Path.open's time
            status = os.fstat(file.fileno())
            if status.st_size > limit:
                raise _too_much(limit)
            # What is no plain file (a pipe) has no size and may never end.
            data = file.read() if stat.S_ISREG(status.st_mode) else file.read(limit + 1)
    except OSError as error:
        raise TrailFormatError(f"cannot be read: {error.strerror or error}") from None
    if len(data) > limit:
        raise _too_much(limit)
    if data.startswith((_ZIP, _EMPTY_ZIP)):
        data = _only_member(data, limit)
    if data.startswith(_GZIP):
        data = _gunzipped(data, limit)
    return data


def _gunzipped(data: bytes, limit: int) -> bytes:
    """Unpack gz of one or more members, as they stand one behind the other."""
    pieces: list[bytes] = []
    room = limit
    while data.startswith(_GZIP):
        stream = zlib.decompressobj(wbits=31)
        try:
            piece = stream.decompress(data, room + 1)
        except zlib.error:
            raise TrailFormatError("broken gz: copy it again") from None
        room -= len(piece)
        if room < 0:
            raise _too_much(limit)
        if not stream.eof:
            raise TrailFormatError("truncated gz: copy it again")
        pieces.append(piece)
        data = stream.unused_data
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _only_member(data: bytes, limit: int) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [member for member in archive.infolist() if _holds_trails(member)]
            if len(members) == 1:
                with archive.open(members[0]) as file:
                    content = file.read(limit + 1)
    except _ZIP_ERRORS:
        raise TrailFormatError("broken, truncated or encrypted zip: unpack it first") from None
    if len(members) != 1:
        names = ", ".join(member.filename for member in members[:5]) or "none"
        raise TrailFormatError(
            f"a zip must hold one file of trails (json, csv or txt), this has: {names};"
            " unpack it and open the file or report folder"
        )
    if len(content) > limit:
        raise _too_much(limit)
    return content


def _holds_trails(member: zipfile.ZipInfo) -> bool:
    path = Path(member.filename)
    hidden = any(part.startswith((".", "__MACOSX")) for part in path.parts)
    return not member.is_dir() and not hidden and path.suffix.lower() in _READABLE


def _too_much(limit: int) -> TrailFormatError:
    size = f"{limit / 2**20:.0f} MiB" if limit >= 2**20 else f"{limit} bytes"
    return TrailFormatError(f"holds more than {size}: not read (a decompression bomb?)")
