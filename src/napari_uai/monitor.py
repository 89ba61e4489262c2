"""Progress reporting and cancellation of long work."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from functools import partial
from threading import Lock
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
    """Progress reporting and cancellation of long functions.

    Long functions call :meth:`update` once per block of frames or trails.

    Parameters
    ----------
    progress
        Called with the fraction done (0 to 1) and a short message, from any thread.
    cancelled
        Returns whether the work should stop; called from any thread.

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
        """Report progress, or raise an error if the work is cancelled.

        Parameters
        ----------
        fraction
            Fraction done, 0 to 1.
        message
            Short message.

        Raises
        ------
        CancelledError
            If ``cancelled()`` returns True.
        """
        if self.cancelled():
            raise CancelledError("cancelled")
        self.progress(min(max(fraction, 0.0), 1.0), message)

    def part(self, start: float, stop: float, label: str = "") -> Monitor:
        """Return the monitor of a subtask, whose progress is mapped to the given interval.

        Parameters
        ----------
        start, stop
            Fractions at which the subtask begins and ends.
        label
            Prefix of its messages.

        Returns
        -------
        Monitor
            Monitor of the subtask.
        """

        def progress(fraction: float, message: str) -> None:
            self.progress(
                start + fraction * (stop - start), ": ".join(m for m in (label, message) if m)
            )

        return Monitor(progress, self.cancelled)

    def side_by_side(self, labels: Sequence[str]) -> list[Monitor]:
        """Return the monitors of subtasks in several threads, of whose progress the mean is told.

        Parameters
        ----------
        labels
            Prefix of the messages of each.

        Returns
        -------
        list of Monitor
            One per label.
        """
        done = [0.0] * len(labels)
        lock = Lock()

        def progress(i: int, fraction: float, message: str) -> None:
            with lock:
                done[i] = max(done[i], fraction)
                mean = sum(done) / len(done)
            self.progress(mean, ": ".join(m for m in (labels[i], message) if m))

        return [Monitor(partial(progress, i), self.cancelled) for i in range(len(labels))]


SILENT = Monitor()
"""Monitor that reports nothing and is never cancelled."""


_active: ContextVar[tuple[Monitor, ...]] = ContextVar("napari_uai_monitors", default=())
"""Monitors of the current work, the innermost last."""


@contextmanager
def active_monitor(*monitors: Monitor) -> Iterator[None]:
    """Let monitors cancel the work in a ``with`` block at its next :func:`raise_if_cancelled`.

    Frames are lazy: long computations happen deep inside a chain of stages when frames are read,
    where no monitor is passed.
    """
    token = _active.set(_active.get() + monitors)
    try:
        yield
    finally:
        _active.reset(token)


def raise_if_cancelled() -> None:
    """Raise an error if an active monitor is cancelled.

    Raises
    ------
    CancelledError
        If an active monitor is cancelled.
    """
    for monitor in _active.get():
        if monitor.cancelled():
            raise CancelledError("cancelled")


def monitor_for_cancelling() -> Monitor:
    """Return a monitor that is cancelled when one of those is that are active now."""
    monitors = _active.get()
    return Monitor(cancelled=lambda: any(monitor.cancelled() for monitor in monitors))


def in_threads(
    function: Callable[Arguments, Result], *monitors: Monitor
) -> Callable[Arguments, Result]:
    """Return a function that runs in other threads with the currently active monitors.

    Parameters
    ----------
    function
        Called in a copy of the current context, possibly by several threads at a time.
    monitors
        Additional monitors that are active in these threads.

    Returns
    -------
    Callable
        Function with the same parameters.
    """
    context = copy_context()
    context.run(_active.set, _active.get() + monitors)

    def call(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        return context.copy().run(function, *args, **kwargs)

    return call
