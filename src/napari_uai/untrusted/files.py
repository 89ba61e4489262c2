"""Any file: errors of libraries on one line, no pipes and devices, no way out of a folder."""

from __future__ import annotations

import mmap
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from napari_uai.errors import NapariUaiError, VideoFormatError, one_line
from napari_uai.limits import FILE_BYTES, ErrorType, Limit
from napari_uai.untrusted.watch import time_limited


@contextmanager
def refusing(path: str | Path, what: str, *, error: ErrorType = VideoFormatError) -> Iterator[None]:
    """Turn whatever a library raises about a damaged file into one line, and limit its time.

    Pipes and devices are refused before any library waits for them. Libraries raise any type of
    error on damaged files; one guard where they are called is complete, a list of types per library
    never is. See :func:`time_limited` for the time.

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
        check_regular(Path(path), error=error)
        with time_limited(path, error=error):
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
    """Raise an error if a store holds a pipe or device, or a link that leads outside it.

    Such a link may be any file of the user.
    """
    top = os.path.realpath(folder)
    waiting = [str(folder)]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_symlink():
                    if os.path.commonpath([top, os.path.realpath(entry.path)]) != top:
                        name = os.path.relpath(entry.path, folder)
                        raise error(
                            f"{folder}: {name} is a link to a file outside: copy that file here"
                        )
                elif entry.is_dir():
                    waiting.append(entry.path)
                elif not entry.is_file():
                    name = os.path.relpath(entry.path, folder)
                    raise error(f"{folder}: {name} is a pipe or device: remove it")


def inside(folder: Path, name: object, *, source: str | Path, error: ErrorType) -> Path:
    """Return the path of a file that a document names, which must be in a folder.

    Parameters
    ----------
    folder
        Where it must be.
    name
        As the document states it: a name, or a path below the folder.
    source
        The document, for the message.
    error
        Type of the error.

    Raises
    ------
    NapariUaiError
        Of the given type, if the name leads outside the folder, is too long, or is not a name.

    Examples
    --------
    >>> from pathlib import Path
    >>> from napari_uai.errors import BadValueError
    >>> from napari_uai.untrusted import inside
    >>> inside(Path("results"), "mask.png", source="run.json", error=BadValueError).name
    'mask.png'
    """
    text = name if isinstance(name, str) else ""
    longest = max(map(len, text.replace("\\", "/").split("/")))
    if not text or "\0" in text or longest > _LONGEST_NAME or len(text) > _LONGEST_PATH:
        raise error(f"{source}: {one_line(name, 80)} is not the name of a file: correct it")
    path = folder / text
    top = os.path.realpath(folder)
    try:
        within = os.path.commonpath([top, os.path.realpath(path)]) == top
    except (ValueError, OSError):  # another drive
        within = False
    if not within:
        raise error(f"{source}: {one_line(name, 80)} is outside {folder}: copy that file into it")
    return path


_LONGEST_NAME = 255
_LONGEST_PATH = 4096
