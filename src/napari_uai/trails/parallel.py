"""Work on many trails in threads, one block of trails at a time, in kernels without the GIL."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed, wait
from functools import cache
from itertools import pairwise
from typing import TypeVar

import numpy as np

from napari_uai.monitor import SILENT, Monitor
from napari_uai.threads import n_threads
from napari_uai.typing import Ints

Item = TypeVar("Item")
Result = TypeVar("Result")

BLOCKS_PER_THREAD = 4
"""Several, so that no thread waits long for another with long trails."""


def in_blocks(
    work: Callable[[int, int], None],
    offsets: Ints,
    *,
    text: str,
    min_samples: int = 20_000,
    monitor: Monitor = SILENT,
) -> None:
    """Call a function on blocks of trails with about the same number of samples.

    Parameters
    ----------
    work
        Called with the first trail of a block and the trail after its last, in any thread; must
        not call this function itself.
    offsets
        Index of the first sample of each trail, followed by the total number of samples; int64.
    text
        Message for the monitor.
    min_samples
        Minimum number of samples per block.
    monitor
        Progress and cancellation, once per block.
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
        wait(runs)  # running blocks still write into arrays of the caller
        raise


def side_by_side(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Call a function that releases the GIL on each item, in threads; return results in order.

    The function must call neither this function nor :func:`in_blocks`.
    """
    return list(_pool().map(function, items))


@cache
def _pool() -> ThreadPoolExecutor:
    """Return a persistent pool: starting threads takes longer than the work on 100 trails."""
    return ThreadPoolExecutor(n_threads(), thread_name_prefix="trails")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # threads do not survive a fork


def _borders(offsets: Ints, min_samples: int) -> Ints:
    n, n_samples = len(offsets) - 1, int(offsets[-1])
    most = n_threads() * BLOCKS_PER_THREAD
    n_blocks = int(np.clip(n_samples // max(min_samples, 1), 1, most))
    marks = np.arange(1, n_blocks) * n_samples // n_blocks
    inner = np.searchsorted(offsets, marks)
    return np.unique(np.concatenate([[0], inner, [n]])).astype(np.int64)
