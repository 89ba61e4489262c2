"""Work on many trails in threads: a block of trails at a time, in kernels that release the GIL."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed, wait
from functools import cache
from itertools import pairwise
from typing import TypeVar

import numpy as np

from napari_uai.monitor import SILENT, Monitor
from napari_uai.typing import Ints

Item = TypeVar("Item")
Result = TypeVar("Result")

BLOCKS_PER_THREAD = 4
"""So that a thread that met long trails is not waited for."""


def in_blocks(
    work: Callable[[int, int], None],
    offsets: Ints,
    *,
    text: str,
    min_samples: int = 20_000,
    monitor: Monitor = SILENT,
) -> None:
    """Call a function on runs of trails of about equally many samples.

    Parameters
    ----------
    work
        Called with the first trail of a run and the one behind its last, in any thread; must not
        itself call this.
    offsets
        First sample of each trail, and the number of all; one more than trails.
    text
        What the monitor is told.
    min_samples
        Samples for which a thread is worth its start.
    """
    borders = _borders(offsets, min_samples)
    if len(borders) <= 2:
        work(0, len(offsets) - 1)
        monitor.update(1.0, text)
        return
    pool = _pool()
    runs = [pool.submit(work, int(start), int(stop)) for start, stop in pairwise(borders)]
    try:
        for done, run in enumerate(as_completed(runs), 1):
            run.result()
            monitor.update(done / len(runs), text)
    except BaseException:
        for run in runs:
            run.cancel()
        wait(runs)  # what is under way writes into arrays of the caller
        raise


def side_by_side(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Call a function that releases the GIL on each item, in any thread; results in their order.

    The function must not itself call this, nor :func:`in_blocks`.
    """
    return list(_pool().map(function, items))


@cache
def _pool() -> ThreadPoolExecutor:
    """Return threads that stay: starting them takes longer than the work on a hundred trails."""
    return ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="trails")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # threads do not survive a fork


def _borders(offsets: Ints, min_samples: int) -> Ints:
    n, n_samples = len(offsets) - 1, int(offsets[-1])
    most = (os.cpu_count() or 1) * BLOCKS_PER_THREAD
    n_blocks = int(np.clip(n_samples // max(min_samples, 1), 1, most))
    marks = np.arange(1, n_blocks) * n_samples // n_blocks
    inner = np.searchsorted(offsets, marks)
    return np.unique(np.concatenate([[0], inner, [n]])).astype(np.int64)
