"""How long work tells its progress and learns that it should stop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from napari_uai.errors import CancelledError


def _no_progress(fraction: float, message: str) -> None:
    """Tell nobody."""


def _never() -> bool:
    return False


@dataclass(frozen=True)
class Monitor:
    """Two plain callables that every long function takes.

    The same pair serves a progress bar in a dock, one in a terminal and a test. Long functions
    call :meth:`update` once per block of frames.

    Parameters
    ----------
    progress
        Called with the fraction done (0 to 1) and a short message; from any thread.
    cancelled
        Returns True once the work should stop; from any thread.
    """

    progress: Callable[[float, str], None] = _no_progress
    cancelled: Callable[[], bool] = _never

    def update(self, fraction: float, message: str = "") -> None:
        """Report progress, and stop here if the user asked to.

        Raises
        ------
        CancelledError
            If ``cancelled()`` returns True.
        """
        if self.cancelled():
            raise CancelledError("cancelled")
        self.progress(min(max(fraction, 0.0), 1.0), message)

    def part(self, start: float, stop: float, label: str = "") -> Monitor:
        """Give the monitor of a sub-task that fills the interval from start to stop."""

        def progress(fraction: float, message: str) -> None:
            self.progress(
                start + fraction * (stop - start), ": ".join(m for m in (label, message) if m)
            )

        return Monitor(progress, self.cancelled)


SILENT = Monitor()
"""Reports nothing and never stops."""


class _Overseers(threading.local):
    """Monitors of the work that a thread is doing, the innermost last."""

    def __init__(self) -> None:
        self.monitors: tuple[Monitor, ...] = ()


_overseers = _Overseers()


@contextmanager
def overseen(*monitors: Monitor) -> Iterator[None]:
    """Let monitors stop whatever this thread does at its next :func:`checkpoint`.

    Frames are lazy: what takes long happens deep inside a chain of stages, when some of them are
    read, where no monitor is at hand.
    """
    before = _overseers.monitors
    _overseers.monitors = before + monitors
    try:
        yield
    finally:
        _overseers.monitors = before


def overseers() -> tuple[Monitor, ...]:
    """Return the monitors that oversee this thread, for threads that work for it."""
    return _overseers.monitors


def checkpoint() -> None:
    """Stop here if a monitor that oversees this thread says so; nothing where none does.

    Raises
    ------
    CancelledError
        If one of them was cancelled.
    """
    if any(monitor.cancelled() for monitor in _overseers.monitors):
        raise CancelledError("cancelled")
