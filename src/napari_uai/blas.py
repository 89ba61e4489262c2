"""One thread for BLAS where our own threads, one per core, do the work.

Idle threads of OpenBLAS wait busily for 0.1 s after each product, and so take the cores from those
that compute: a run takes half as long again, and up to three times the processor time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any

_lock = Lock()
_active = 0
_outermost: Any = None


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let the BLAS libraries of numpy and scipy use one thread in a ``with`` block.

    The limit is one of the process; it is taken back when the last block has ended, in whichever
    thread.

    Examples
    --------
    >>> import numpy as np
    >>> with one_blas_thread():
    ...     float(np.ones(3) @ np.ones(3))
    3.0
    """
    global _active, _outermost  # noqa: PLW0603  # so is the limit
    with _lock:
        if _active == 0:
            _outermost = _libraries().limit(limits=1, user_api="blas")
        _active += 1
    try:
        yield
    finally:
        with _lock:
            _active -= 1
            if _active == 0:
                _outermost.restore_original_limits()


@cache
def _libraries() -> Any:
    """Return the handles of the libraries; looking for them takes a few milliseconds."""
    import scipy.linalg  # noqa: F401  # has its own library, which must be loaded to be found
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
