"""Compiled kernels: one thread, without the GIL, kept on disk, announced when they must be made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import ParamSpec, TypeVar, cast

import numba
from numba.core.event import Event, Listener, install_listener

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def kernel(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Compile a function once per machine; it runs in one thread and releases the GIL.

    Arithmetic is done as written, in the order in which it is written; a division by zero gives
    infinity or NaN, as in numpy. Loops over pixels run over slices of one row: with an index that
    might be negative (which counts from the end) numba's loops are four times as slow.
    """
    compiled = numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    return cast("Callable[Parameters, Result]", compiled)


def reordering_kernel(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Compile as :func:`kernel` does, but let sums be reordered; NaN and infinity stay."""
    reordering = {"reassoc", "nsz", "contract"}
    options = {"cache": True, "nogil": True, "error_model": "numpy", "fastmath": reordering}
    compiled = numba.njit(**options)(function)
    return cast("Callable[Parameters, Result]", compiled)


class _Announcement(Listener):  # type: ignore[misc]  # numba has no types
    """Calls a function at the first compilation."""

    def __init__(self, announce: Callable[[], None]) -> None:
        self.announce = announce
        self.lock = Lock()
        self.said = False

    def on_start(self, event: Event) -> None:  # noqa: ARG002  # numba's signature
        """Say it once; kernels that come from the cache on disk are no event."""
        with self.lock:
            said, self.said = self.said, True
        if not said:
            self.announce()

    def on_end(self, event: Event) -> None:
        """Say nothing."""


@contextmanager
def announced_compilation(announce: Callable[[], None]) -> Iterator[None]:
    """Call a function if, and when, a kernel has to be compiled; at most once.

    A first run on a machine spends half a minute on that, and its user should know why.

    Parameters
    ----------
    announce
        Called from any thread.
    """
    with install_listener("numba:compile", _Announcement(announce)):
        yield
