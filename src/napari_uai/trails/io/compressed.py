"""Reading files that may be compressed (gz, zip), up to a limit of size."""

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
from napari_uai.untrusted import GZIP, gunzipped, is_device, too_much, unpacked_limit

RECORD_LIMIT = 256 * 2**20
"""Largest record of one object, in bytes: 20 000 samples with outlines take less than 40 MB."""

FILE_LIMIT = 2 * 2**30
"""Largest file of many trails, in bytes."""

_BINARY = getattr(os, "O_BINARY", 0)
_AT_ONCE = getattr(os, "O_NONBLOCK", 0)
_ZIP = b"PK\x03\x04"
_EMPTY_ZIP = b"PK\x05\x06"
_ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    RuntimeError,  # encrypted, or an unsupported compression
    ValueError,
    struct.error,
    lzma.LZMAError,
)
_READABLE = (".json", ".csv", ".txt", ".gz", ".tsv", ".jsonl", ".ndjson", ".geojson", ".gpx",
             ".xml", ".npy", ".parquet", ".feather")  # fmt: skip
_WORKBOOKS = (b"xl/workbook", b"opendocument.spreadsheet")


def read_decompressed(path: str | Path, *, limit: int = FILE_LIMIT) -> bytes:
    """Read a file; gz and zip (with a single file) are recognized by content and decompressed.

    Parameters
    ----------
    path
        File to read.
    limit
        Maximum size after decompression, in bytes.

    Raises
    ------
    TrailFormatError
        If the file cannot be read, is corrupt or truncated, exceeds the limit, or is a zip with
        several files.
    """
    try:
        # A third of the time of Path.open. A pipe to which no program writes is empty.
        descriptor = os.open(path, os.O_RDONLY | _BINARY | _AT_ONCE)
        with open(descriptor, "rb", buffering=0) as file:  # noqa: PTH123
            status = os.fstat(descriptor)
            if is_device(status.st_mode):
                raise TrailFormatError("is a device, not a file")
            if status.st_size > limit:
                raise _too_much(limit)
            if _AT_ONCE:
                os.set_blocking(descriptor, True)
            # Pipes have no size and may never end.
            data = file.read() if stat.S_ISREG(status.st_mode) else file.read(limit + 1)
    except OSError as error:
        raise TrailFormatError(f"cannot be read: {error.strerror or error}") from None
    if len(data) > limit:
        raise _too_much(limit)
    limit = min(limit, unpacked_limit(len(data)))
    if data.startswith((_ZIP, _EMPTY_ZIP)) and not _is_workbook(data):
        data = _only_member(data, limit)
    if data.startswith(GZIP):
        data = gunzipped(data, limit=limit, error=TrailFormatError)
    return data


def _only_member(data: bytes, limit: int) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [member for member in archive.infolist() if _holds_trails(member)]
            if len(members) == 1:
                with archive.open(members[0]) as file:
                    content = file.read(limit + 1)
    except _ZIP_ERRORS:
        raise TrailFormatError("corrupt, truncated or encrypted zip file") from None
    if len(members) != 1:
        names = ", ".join(member.filename for member in members[:5]) or "none"
        raise TrailFormatError(
            "a zip file must contain exactly one file of trails (json, csv or txt); unpack it and "
            f"open one of: {names}"
        )
    if len(content) > limit:
        raise _too_much(limit)
    return content


def _is_workbook(data: bytes) -> bool:
    """Return whether a zip file is a workbook of a spreadsheet program."""
    return any(name in data[:8192] or name in data[-65536:] for name in _WORKBOOKS)


def _holds_trails(member: zipfile.ZipInfo) -> bool:
    path = Path(member.filename)
    hidden = any(part.startswith((".", "__MACOSX")) for part in path.parts)
    return not member.is_dir() and not hidden and path.suffix.lower() in _READABLE


def _too_much(limit: int) -> TrailFormatError:
    return TrailFormatError(too_much(limit))
