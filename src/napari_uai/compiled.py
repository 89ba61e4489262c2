"""Compiled kernels: single-threaded, without the GIL, cached on disk; compilation is announced."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any, ParamSpec, TypeVar, cast

import numba
from numba.core.event import Event, Listener, install_listener

from napari_uai.kernel_files import KernelFiles, kernel_store
from napari_uai.working_folders import working_folder

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def kernel(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Compile a function once per machine; it runs in one thread and releases the GIL.

    Floating-point operations keep their order; division by zero gives infinity or NaN, as in numpy.
    Kernels loop over slices of one row, because indices that may be negative, and then count from
    the end, make the loops of numba four times slower.
    """
    return _compiled(function)


def part_of_kernel(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Let kernels contain a copy of a function that one of them calls, at one place.

    A kernel that another one calls is compiled for itself first, and then once more with each of
    those around it; such a part only with the kernel. It computes as the kernel does.
    """
    return _compiled(function, inline="always")


def reordering_kernel(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Compile like :func:`kernel`, but allow reordering of sums; NaN and infinity are preserved."""
    return _compiled(function, fastmath={"reassoc", "nsz", "contract"})


def strict_kernel(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Compile like :func:`kernel`, but division by zero is an error, as in Python."""
    return _compiled(function, error_model="python")


def strict_reordering_kernel(
    function: Callable[Parameters, Result],
) -> Callable[Parameters, Result]:
    """Compile like :func:`strict_kernel`, but allow reordering of sums."""
    return _compiled(function, error_model="python", fastmath={"contract", "reassoc"})


def _compiled(
    function: Callable[Parameters, Result], **options: Any
) -> Callable[Parameters, Result]:
    # Nothing calls them as functions of C, whose wrappers would be compiled as well.
    options = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True, **options}
    compiled = numba.njit(**options)(function)
    if "inline" not in options:
        compiled._cache = KernelFiles(compiled)  # noqa: SLF001  # as enable_caching() does
    return cast("Callable[Parameters, Result]", compiled)


class _Announcement(Listener):  # type: ignore[misc]  # numba has no types
    """Calls a function at the first compilation."""

    def __init__(self, announce: Callable[[], None]) -> None:
        self.announce = announce
        self.lock = Lock()
        self.announced = False

    def on_start(self, event: Event) -> None:  # noqa: ARG002  # numba's signature
        """Announce the first compilation; loading a kernel from the cache is not an event."""
        with self.lock:
            announced, self.announced = self.announced, True
        if not announced:
            self.announce()

    def on_end(self, event: Event) -> None:
        """Do nothing."""


@contextmanager
def announced_compilation(announce: Callable[[], None]) -> Iterator[None]:
    """Call a function at the first compilation of a kernel in a ``with`` block, if there is any.

    Compilation takes half a minute in the first run on a machine, and users should know why.

    Parameters
    ----------
    announce
        Called from any thread.
    """
    with install_listener("numba:compile", _Announcement(announce)):
        yield


@dataclass
class Compilation:
    """What was compiled: kernels that are called from Python, and seconds of processor time."""

    kernels: int = 0
    seconds: float = 0.0


class _Count(Listener):  # type: ignore[misc]  # numba has no types
    """Adds up compilations, each with those inside it."""

    def __init__(self, total: Compilation) -> None:
        self.total = total
        self.lock = Lock()
        self.own = threading.local()

    def on_start(self, event: Event) -> None:  # noqa: ARG002  # numba's signature
        """Note when an outermost compilation begins."""
        self.own.depth = getattr(self.own, "depth", 0) + 1
        if self.own.depth == 1:
            self.own.began = time.thread_time()

    def on_end(self, event: Event) -> None:  # noqa: ARG002  # numba's signature
        """Add an outermost compilation."""
        self.own.depth -= 1
        if self.own.depth == 0:
            with self.lock:
                self.total.kernels += 1
                self.total.seconds += time.thread_time() - self.own.began


@contextmanager
def counted_compilation() -> Iterator[Compilation]:
    """Yield what is compiled in a ``with`` block, up to date when it ends.

    Examples
    --------
    >>> with counted_compilation() as compiled:
    ...     pass
    >>> compiled.kernels
    0
    """
    total = Compilation()
    with install_listener("numba:compile", _Count(total)):
        yield total


def kernels_can_be_kept() -> bool:
    """Return whether the folder of compiled kernels can be written."""
    folder = kernel_store().folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with working_folder(folder / "new"):
            return True
    except OSError:
        return False
