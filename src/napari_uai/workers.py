"""Where independent parts of a run are computed: here, or on the workers of a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol, TypeVar

from napari_uai.monitor import Monitor

Result = TypeVar("Result")


class Workers(Protocol):
    """Other processes that compute parts of a run.

    They have the same code, and see the same files under the same paths.
    """

    def size(self) -> int:
        """Return how many parts they compute at a time."""

    def each(
        self,
        function: Callable[[int, int], Result],
        calls: Sequence[tuple[int, int]],
        monitor: Monitor,
        message: str,
    ) -> Iterator[tuple[int, Result]]:
        """Yield the number of each call and its result, as they are done.

        Parameters
        ----------
        function
            Can be pickled, with all that it needs to read; returns what it computes, and does
            not warn. Sent to each worker once.
        calls
            What it is called with, ``(start, stop)``.
        monitor
            Progress, once per call, and cancellation, which reaches the workers.
        message
            What the calls are about.
        """


_active: ContextVar[Workers | None] = ContextVar("napari_uai_workers", default=None)


@contextmanager
def computed_by(workers: Workers) -> Iterator[None]:
    """Let workers compute the parts of the work in a ``with`` block that can be sent to them."""
    token = _active.set(workers)
    try:
        yield
    finally:
        _active.reset(token)


def active_workers() -> Workers | None:
    """Return the workers that compute parts of the current work, None if it is all done here."""
    return _active.get()


CHUNKS_AT_LEAST, CALLS_PER_WORKER = 8, 4
"""Fewest chunks of frames in a call, and how many calls each worker gets if there are as many."""


def chunks_on(
    workers: Workers,
    function: Callable[[int, int], list[Result]],
    starts: range,
    stop: int,
    monitor: Monitor,
    message: str,
) -> Iterator[list[Result]]:
    """Yield the results of runs of chunks, in order."""
    at_once = max(-(-len(starts) // (CALLS_PER_WORKER * workers.size())), CHUNKS_AT_LEAST)
    firsts = starts[::at_once]
    calls = list(zip(firsts, (*firsts[1:], stop), strict=True))
    early: dict[int, list[Result]] = {}
    following = 0
    for i, results in workers.each(function, calls, monitor, message):
        early[i] = results
        while following in early:
            yield early.pop(following)
            following += 1
