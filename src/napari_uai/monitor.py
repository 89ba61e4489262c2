"""Progress reporting and cancellation of long work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from napari_uai.errors import CancelledError

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def _no_progress(fraction: float, message: str) -> None:
    """Report nothing."""


def _never() -> bool:
    return False


@dataclass(frozen=True)
class Monitor:
    """Two callables that every long function takes: one for progress, one for cancellation.

    The same pair serves a progress bar in a dock, one in a terminal, and a test. Long functions
    call :meth:`update` once per block of frames.

    Parameters
    ----------
    progress
        Called with the fraction done (0 to 1) and a short message; from any thread.
    cancelled
        Returns True once the work should stop; from any thread.

    Examples
    --------
    >>> import napari_uai as uai
    >>> monitor = uai.Monitor(lambda fraction, message: print(f"{fraction:.0%} {message}"))
    >>> monitor.part(0.5, 1.0, "fits").update(0.5, "frame 20")
    75% fits: frame 20
    """

    progress: Callable[[float, str], None] = _no_progress
    cancelled: Callable[[], bool] = _never

    def update(self, fraction: float, message: str = "") -> None:
        """Report progress, and stop here if the work is cancelled.

        Raises
        ------
        CancelledError
            If ``cancelled()`` returns True.
        """
        if self.cancelled():
            raise CancelledError("cancelled")
        self.progress(min(max(fraction, 0.0), 1.0), message)

    def part(self, start: float, stop: float, label: str = "") -> Monitor:
        """Return the monitor of a subtask that fills the interval from start to stop."""

        def progress(fraction: float, message: str) -> None:
            self.progress(
                start + fraction * (stop - start), ": ".join(m for m in (label, message) if m)
            )

        return Monitor(progress, self.cancelled)


SILENT = Monitor()
"""Reports nothing and never stops."""


_active: ContextVar[tuple[Monitor, ...]] = ContextVar("napari_uai_monitors", default=())
"""Monitors of the work under way, the innermost last."""


@contextmanager
def active_monitor(*monitors: Monitor) -> Iterator[None]:
    """Let monitors stop what runs in the block at its next :func:`raise_if_cancelled`.

    Frames are lazy: what takes long happens deep inside a chain of stages, when some of them are
    read, where no monitor is passed.
    """
    token = _active.set(_active.get() + monitors)
    try:
        yield
    finally:
        _active.reset(token)


def raise_if_cancelled() -> None:
    """Stop here if an active monitor is cancelled; do nothing where none is active.

    Raises
    ------
    CancelledError
        If one of them is cancelled.
    """
    for monitor in _active.get():
        if monitor.cancelled():
            raise CancelledError("cancelled")


def in_threads(
    function: Callable[Arguments, Result], *monitors: Monitor
) -> Callable[Arguments, Result]:
    """Return a function that runs in any thread under the monitors that are active here.

    Parameters
    ----------
    function
        Called in a copy of the present context, by several threads at a time if need be.
    monitors
        Further monitors that are active there.
    """
    context = copy_context()
    context.run(_active.set, _active.get() + monitors)

    def call(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        return context.copy().run(function, *args, **kwargs)

    return call
