"""Threads: as many of ours as cores may be used, and one of BLAS beside them.

Idle threads of OpenBLAS wait busily for 0.1 s after each product, and so take the cores from those
that compute: a run takes half as long again, and up to three times the processor time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

THREADS = "NAPARI_UAI_THREADS"
"""Environment variable with the number of threads, where it is not that of the cores."""


def n_threads() -> int:
    """Return how many threads may compute at a time.

    As many as the cores that this process may use (those of a job on a shared machine, for
    instance), unless the environment variable ``NAPARI_UAI_THREADS`` says otherwise.

    Examples
    --------
    >>> n_threads() >= 1
    True
    """
    asked = os.environ.get(THREADS, "")
    if asked.isdecimal() and int(asked) > 0:
        return int(asked)
    # Of macOS and Windows, processes may use all.
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return allowed or 1


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let the BLAS libraries of numpy and scipy use one thread in a ``with`` block.

    The limit is one of the process, and belongs to the thread that has set it first: while that is
    in its block, those of other threads change nothing.

    Examples
    --------
    >>> import numpy as np
    >>> with one_blas_thread():
    ...     float(np.ones(3) @ np.ones(3))
    3.0
    """
    with _libraries().limit(limits=1, user_api="blas"):
        yield


@cache
def _libraries() -> Any:
    """Return the handles of the libraries; looking for them takes a few milliseconds."""
    import scipy.linalg  # noqa: F401  # has its own library, which must be loaded to be found
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
