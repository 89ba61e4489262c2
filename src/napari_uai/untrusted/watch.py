"""A limit of the time that opening a file takes, whichever library opens it.

Size limits bound what a single call into compiled code can take. Loops in Python around such
calls, ours or those of a library, are interrupted from another thread.
"""

from __future__ import annotations

import ctypes
import os
import stat
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from napari_uai.errors import VideoFormatError
from napari_uai.limits import SECONDS, ErrorType

_TICK = 0.5
_SECONDS_PER_BYTE = 10 / 2**20
"""A workbook, the slowest of all formats, takes about 5 s per MiB."""

_ARRIVED_WITHIN_MS = 20

_LONGEST = 30
"""Large files have at most so many times the limit."""


@contextmanager
def time_limited(
    path: str | Path, *, n_bytes: int | None = None, error: ErrorType = VideoFormatError
) -> Iterator[None]:
    """Interrupt the ``with`` block when it has computed for too long for a file of that size.

    Waiting for a disk or another program, imports and the compilation of kernels are not counted.
    Compiled code is interrupted only when it returns to Python. Blocks within the block of another
    file of the same thread have the limit of that one.

    Parameters
    ----------
    path
        The file or folder.
    n_bytes
        Size of what is read; if None, that of the file or folder.
    error
        Type of the error.

    Raises
    ------
    NapariUaiError
        Of the given type, when the time is up.
    """
    if getattr(_local, "watched", False):
        yield
        return
    watch = _Watch(path, n_bytes)
    _local.watched = True
    try:
        try:
            watch.start()
            yield
        finally:
            watch.stop()
    except _TimeUpError:
        raise error(f"{path} takes too long to open{SECONDS.advice}") from None
    finally:
        _local.watched = False


_local = threading.local()


class _TimeUpError(BaseException):
    """Not an Exception, which libraries catch."""


class _Watch:
    """Measures the work of the thread that makes it, and interrupts it."""

    def __init__(self, path: str | Path, n_bytes: int | None) -> None:
        self._path = path
        self._n_bytes = n_bytes
        self._seconds = SECONDS.value
        self._target = threading.get_ident()
        self._over = self._fired = False
        self._firing = threading.Lock()
        self._spent, self._last = 0.0, _clocks()

    def start(self) -> None:
        _WATCHER.add(self)

    def stop(self) -> None:
        """From now on, nothing is interrupted; an interruption on its way arrives here."""
        _WATCHER.remove(self)
        for _ in range(_ARRIVED_WITHIN_MS):
            try:
                with self._firing:
                    self._over = True
                if not self._fired:
                    return
                time.sleep(1e-3)
            except _TimeUpError:
                continue

    def look(self) -> None:
        """Add the work since the last look; interrupt the thread if it is too much."""
        now = _clocks()
        # Of a thread that waits, other threads may use the processor.
        worked = min(a - b for a, b in zip(now, self._last, strict=True))
        self._last = now
        if _is_preparing(sys._current_frames().get(self._target)):  # noqa: SLF001
            return
        self._spent += worked
        if self._spent > self._seconds and self._spent > self._allowed(self._spent):
            with self._firing:
                if not self._over:
                    self._fired = True
                    _interrupt(self._target)

    def _allowed(self, spent: float) -> float:
        """Return the seconds for a file of this size; a folder is measured when it is needed."""
        enough = spent / _SECONDS_PER_BYTE
        size = self._n_bytes if self._n_bytes is not None else _size(self._path, enough)
        return min(max(1.0, size * _SECONDS_PER_BYTE / max(SECONDS.default, 1)), _LONGEST) * (
            self._seconds
        )


class _Watcher:
    """One thread that looks at all watches, as long as there are any: files are opened often."""

    def __init__(self) -> None:
        self._watches: set[_Watch] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, watch: _Watch) -> None:
        with self._lock:
            self._watches.add(watch)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="napari-uai watch", daemon=True
                )
                self._thread.start()

    def remove(self, watch: _Watch) -> None:
        with self._lock:
            self._watches.discard(watch)

    def _run(self) -> None:
        while True:
            time.sleep(_TICK)
            with self._lock:
                watches = list(self._watches)
                if not watches:
                    self._thread = None
                    return
            for watch in watches:
                watch.look()


_WATCHER = _Watcher()
if hasattr(os, "register_at_fork"):
    # Its lock may have been held by a thread that the child does not have.
    os.register_at_fork(after_in_child=_WATCHER.__init__)  # type: ignore[misc]


def _clocks() -> tuple[float, float]:
    return time.monotonic(), time.process_time()


def _interrupt(thread: int) -> None:
    """Raise an error in a thread at its next step in Python.

    It cannot be taken back: without an error on its way the interpreter would look for it before
    every step from then on, and for ever under a profiler.
    """
    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread), ctypes.py_object(_TimeUpError)
    )


def _is_preparing(frame: FrameType | None) -> bool:
    """Return whether a thread imports a module or compiles a kernel, which files do not cause."""
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith("<frozen importlib") or f"{os.sep}numba{os.sep}" in file:
            return True
        frame = frame.f_back
    return False


def _size(path: str | Path, enough: float) -> float:
    """Return the size of a file, or of the files in a folder up to what is enough, in bytes."""
    try:
        status = os.stat(path)  # noqa: PTH116  # may be a text
    except (OSError, ValueError):
        return 0.0
    if not stat.S_ISDIR(status.st_mode):
        return float(status.st_size)
    total = 0.0
    for root, _, files in os.walk(path):
        for name in files:
            try:
                total += os.stat(os.path.join(root, name)).st_size  # noqa: PTH116, PTH118
            except OSError:
                continue
            if total > enough:
                return total
    return total
