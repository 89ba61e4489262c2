"""Files from strangers: they may not run code, take all memory, or never end.

A file of a few kilobytes can state that it holds a terabyte, unpack to one, or nest a hundred
thousand brackets. The functions here are called wherever a file is opened; they ask
:mod:`napari_uai.limits` before a library allocates or unpacks what the file states.
"""

from __future__ import annotations

import io
import json
import math
import mmap
import os
import re
import stat
import struct
import tomllib
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from napari_uai.errors import NapariUaiError, VideoFormatError, one_line
from napari_uai.limits import (
    CHUNK_BYTES,
    DEPTH,
    DIGITS,
    DOCUMENT_BYTES,
    FILE_BYTES,
    FRAME_BYTES,
    FRAMES,
    HEADER_BYTES,
    MEMBERS,
    PIXELS,
    UNPACKED_BYTES,
    UNPACKED_RATIO,
    ErrorType,
    Limit,
)

# any file -------------------------------------------------------------------------------------


@contextmanager
def refusing(path: str | Path, what: str, *, error: ErrorType = VideoFormatError) -> Iterator[None]:
    """Turn whatever a library raises about a damaged file into one line.

    Libraries raise any type of error on damaged files; one guard where they are called is complete,
    a list of types per library never is.

    Parameters
    ----------
    path
        The file.
    what
        What it should be, such as ``"a TIFF file"``.
    error
        Type of the error.

    Raises
    ------
    NapariUaiError
        Of the given type, instead of any other exception.
    """
    try:
        yield
    except NapariUaiError:
        raise
    except PermissionError as cause:
        raise error(f"{path} cannot be read: permission denied") from cause
    except MemoryError as cause:
        raise error(
            f"{path} does not fit into memory: close other programs, or split it"
        ) from cause
    except RecursionError as cause:
        raise error(f"{path} is nested too deeply to be {what}: save it again") from cause
    except Exception as cause:
        reason = one_line(cause, 160) or type(cause).__name__
        raise error(f"{path}: corrupt or not {what} ({reason}): copy or export it again") from cause


def is_device(mode: int) -> bool:
    """Return whether the mode of a file is that of a device, which may never end."""
    return stat.S_ISCHR(mode) or stat.S_ISBLK(mode)


def check_regular(path: Path, *, error: ErrorType = VideoFormatError) -> None:
    """Raise an error for pipes and devices, which may never end.

    A path that does not exist or cannot be asked is left to whoever opens it.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise error(f"{path} is a pipe or device, not a file: copy its content into a file")


def read_whole(path: Path, *, limit: Limit = FILE_BYTES, error: ErrorType) -> bytes:
    """Read a file into memory.

    Raises
    ------
    OSError
        If it does not exist or cannot be read.
    NapariUaiError
        Of the given type, if it is a pipe or device, or larger than the limit.
    """
    check_regular(path, error=error)
    limit.check(path, path.stat().st_size, "has", error=error)
    return path.read_bytes()


@contextmanager
def mapped_file(path: Path) -> Iterator[Any]:
    """Open a file for a library that asks for as many bytes as the file states.

    A read from a file reserves the memory first; one from a map takes what there is.

    Yields
    ------
    mmap.mmap
        A file, for reading.

    Raises
    ------
    OSError, ValueError
        If it cannot be read, or is empty.
    """
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
    ):
        yield content


def check_links(folder: Path, *, error: ErrorType = VideoFormatError) -> None:
    """Raise an error if a link inside a store leads outside it: it may be any file of the user."""
    top = os.path.realpath(folder)
    left = [os.fspath(folder)]
    while left:
        with os.scandir(left.pop()) as entries:
            for entry in entries:
                if not entry.is_symlink():
                    if entry.is_dir():
                        left.append(entry.path)
                elif os.path.commonpath([top, os.path.realpath(entry.path)]) != top:
                    name = os.path.relpath(entry.path, folder)
                    raise error(
                        f"{folder}: {name} is a link to a file outside: copy that file here"
                    )


# documents ------------------------------------------------------------------------------------


def read_json(path: Path, *, error: ErrorType) -> Any:
    """Read a JSON document, in UTF-8.

    Raises
    ------
    OSError
        If it does not exist or cannot be read.
    NapariUaiError
        Of the given type, if it is not valid JSON, or exceeds a limit.
    """
    return parse_json(read_whole(path, limit=DOCUMENT_BYTES, error=error), path, error=error)


def parse_json(text: str | bytes, path: str | Path, *, error: ErrorType) -> Any:
    """Parse a JSON document within the limits of nesting and numbers.

    Raises
    ------
    NapariUaiError
        Of the given type, if it is not valid JSON, or exceeds a limit.
    """
    try:
        document = json.loads(text, parse_int=_integer)
    except RecursionError:
        raise error(f"{path} is nested too deeply{DEPTH.advice}") from None
    except ValueError as cause:
        raise error(f"{path} is not valid JSON ({one_line(cause, 160)}): save it again") from cause
    _check_depth(document, path, error)
    return document


def read_text(path: Path, *, error: ErrorType) -> str:
    """Read a text in UTF-8.

    Raises
    ------
    OSError
        If it does not exist or cannot be read.
    NapariUaiError
        Of the given type, if it is not such a text, or larger than a document may be.
    """
    data = read_whole(path, limit=DOCUMENT_BYTES, error=error)
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as cause:
        raise error(f"{path} is not UTF-8 text ({cause}): save it again") from cause


def parse_toml(text: str, path: str | Path, *, error: ErrorType) -> dict[str, Any]:
    """Parse TOML within the limits of nesting and numbers.

    The standard library needs time and memory that grow with the square of the length of dotted
    keys, so that nesting is limited before it parses.

    Raises
    ------
    NapariUaiError
        Of the given type, if it is not valid TOML, or exceeds a limit.
    """
    _check_toml_depth(text, path, error)
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise error(f"{path} is nested too deeply{DEPTH.advice}") from None
    except ValueError as cause:  # TOMLDecodeError, and numbers of thousands of digits
        raise error(f"{path} is not valid TOML: {one_line(cause, 160)}") from cause


def check_xml(data: bytes, path: str | Path, *, error: ErrorType) -> None:
    """Raise an error if XML declares a document type or is nested too deeply.

    Entities are declared in the document type: they make a short file long, or stand for other
    files. No format of recordings or trails needs them.
    """
    if b"\0" in data[:200]:  # UTF-16 or UTF-32
        data = data.replace(b"\0", b"")
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise error(f"{path} declares entities (DOCTYPE), which are not read: remove them")
    depth = 0
    for tag in re.finditer(rb"<(/)?[A-Za-z_][^<>]{0,65536}?(/)?>", data):
        closing, empty = tag.groups()
        if not empty:
            depth += -1 if closing else 1
        if depth > DEPTH.value:
            raise error(f"{path} is nested too deeply{DEPTH.advice}")


def check_header(data: bytes, path: str | Path, *, error: ErrorType) -> None:
    """Raise an error if the first line of a table, after blank lines and comments, is too long.

    A parser needs time that grows with the square of the number of names in it.
    """
    most = HEADER_BYTES.value
    line = re.compile(rb"(?:[ \t]*(?:[#%%][^\r\n]*)?[\r\n])*[^\r\n]{%d}" % (most + 1))
    if line.match(data[: 64 * most]):
        raise error(f"{path} has a first line that is too long{HEADER_BYTES.advice}")


def _integer(text: str) -> int:
    if len(text) > DIGITS.value:
        raise ValueError(f"a number of {len(text)} digits")
    return int(text)


def _check_depth(document: Any, path: str | Path, error: ErrorType) -> None:
    """Raise an error if lists and tables are nested too deeply."""
    most, level = DEPTH.value, [document]
    for _ in range(most + 1):
        inner: list[Any] = []
        for item in level:
            if isinstance(item, Mapping):
                inner += [value for value in item.values() if isinstance(value, (dict, list))]
            elif isinstance(item, list):
                inner += [value for value in item if isinstance(value, (dict, list))]
        if not inner:
            return
        level = inner
    raise error(f"{path} is nested too deeply{DEPTH.advice}")


# Texts and comments. One that is not closed goes to the end of the line or file, so that the search
# takes linear time.
_TOML_TEXT = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*+(?:""")?'
    r"|'''(?:[^']|'(?!''))*+(?:''')?"
    r'|"(?:[^"\\\n]|\\.)*+"?'
    r"|'[^'\n]*+'?"
    r"|#[^\n]*+",
    re.DOTALL,
)


def _check_toml_depth(text: str, path: str | Path, error: ErrorType) -> None:
    most = DEPTH.value
    bare = _TOML_TEXT.sub("_", text)
    depth = 0
    for mark in re.finditer(r"[\[\]{}]", bare):
        depth = depth + 1 if mark[0] in "[{" else max(depth - 1, 0)
        if depth > most:
            raise error(f"{path} is nested too deeply{DEPTH.advice}")
    dotted = re.compile(rf"(?<![\w-])(?:[\w-]+[ \t]*\.[ \t]*){{{most}}}")
    for line in bare.splitlines():
        if line.count(".") > most and dotted.search(line):
            raise error(f"{path} is nested too deeply{DEPTH.advice}")


# packed files ---------------------------------------------------------------------------------


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
        data = head[8:16] if big else head[4:8]
        while len(data) == offsets.size and (offset := offsets.unpack(data)[0]):
            if offset in seen:
                raise VideoFormatError(
                    f"{path} is damaged: its page {len(seen)} is followed by an earlier one; "
                    "copy or export it again"
                )
            seen.add(offset)
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


# pixels ---------------------------------------------------------------------------------------


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


def check_chunk(
    path: Path, chunk: Sequence[int], itemsize: int, *, error: ErrorType = VideoFormatError
) -> None:
    """Raise an error if the chunks of a stored array are too large to be unpacked."""
    CHUNK_BYTES.check(path, math.prod(chunk) * itemsize, "has chunks of", error=error)
