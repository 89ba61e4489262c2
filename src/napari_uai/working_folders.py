"""Hidden folders of work under way: their owner holds a lock, those of dead processes are swept.

The operating system gives a lock back when its process ends, however it ends. So whoever gets the
lock of a folder knows that nobody works in it any more. Numbers of processes do not tell that: they
are used again, and mean nothing on another machine or in another container.
"""

from __future__ import annotations

import glob
import os
import shutil
import socket
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

LOCK = ".lock"
"""Name of the lock in such a folder."""

_ENDING = ".partial"
_LONGEST_STEM = 100
"""Bytes of a name that are kept in that of its folder, which may have 255."""
_OLD = ".old"
_ATTEMPTS = 20
"""How often a folder is made at most; another writer takes one for a leftover very rarely."""


class HeldError(Exception):
    """Another process, or another thread of this one, holds the lock; its text says which."""


@contextmanager
def working_folder(path: Path) -> Iterator[Path]:
    """Yield a hidden folder beside a path, and remove it at the end.

    Those that killed processes have left beside the same path are removed first.

    Parameters
    ----------
    path
        What the work is for.

    Yields
    ------
    Path
        An empty folder except for its lock.

    Raises
    ------
    OSError
        If it cannot be made.
    """
    for left in path.parent.glob(f"{glob.escape(_stem(path))}.*{_ENDING}"):
        _sweep(left, path)
    with ExitStack() as stack:
        for _ in range(_ATTEMPTS):
            folder = _new_name(path)
            folder.mkdir()
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            # Until it is locked, another one that sweeps may take it for one of the dead.
            with suppress(HeldError, OSError):
                stack.enter_context(held(folder))
                if folder.is_dir():
                    break
        yield folder


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the lock of an existing folder; where a file system has no locks, hold nothing.

    Raises
    ------
    HeldError
        If it is held already.
    """
    from filelock import FileLock, Timeout

    owner = folder / f"{LOCK}-of"
    lock = FileLock(folder / LOCK, thread_local=False)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise HeldError(_text_of(owner) or "another process") from None
    except OSError:
        if not folder.is_dir():
            raise
    try:
        with suppress(OSError):  # a full disk: the lock is what counts
            owner.write_text(f"process {os.getpid()} on {socket.gethostname()}", encoding="utf-8")
        yield
    finally:
        lock.release()


def put_in_place(folder: Path, path: Path) -> None:
    """Move what was written in a working folder to its path.

    A folder cannot replace another one in a single step. If the process is killed between the two
    steps, the next one that works there takes the second.

    Parameters
    ----------
    folder
        The working folder, in which the new file or folder has its final name.
    path
        Where it goes.
    """
    new = folder / path.name
    if new.is_file() or not path.is_dir():
        new.replace(path)  # fails if the path is a folder, whose content would be lost
        return
    path.rename(folder / _OLD)
    new.rename(path)


def _sweep(folder: Path, path: Path) -> None:
    """Remove a folder if it is certain that nobody holds its lock, which is held meanwhile."""
    from filelock import FileLock, Timeout

    with suppress(OSError, Timeout), FileLock(folder / LOCK, thread_local=False, blocking=False):
        new = folder / path.name
        if (folder / _OLD).exists() and new.exists() and not path.exists():
            new.rename(path)
        gone = _new_name(path)
        try:  # at once, or files that its owner makes meanwhile would be removed as well
            folder.rename(gone)
        except OSError:  # Windows, while the lock is open
            gone = folder
        shutil.rmtree(gone, ignore_errors=True)


def _stem(path: Path) -> str:
    """Return how the names of working folders for a path begin."""
    return "." + os.fsdecode(os.fsencode(path.name)[:_LONGEST_STEM])


def _new_name(path: Path) -> Path:
    return path.with_name(f"{_stem(path)}.{uuid.uuid4().hex[:8]}{_ENDING}")


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
