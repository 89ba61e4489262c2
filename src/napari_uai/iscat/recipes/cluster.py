"""Work on the workers of dask.distributed: those of a scheduler, or some that are started here."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any, TypeVar
from uuid import uuid4

from napari_uai import __version__
from napari_uai.errors import BadValueError, counted
from napari_uai.monitor import SILENT, Monitor
from napari_uai.threads import THREADS, n_threads

Task = TypeVar("Task")
Result = TypeVar("Result")

CONNECT_S, NO_WORKERS_S, LOST_S = 10.0, 60.0, 15.0
"""How long a scheduler may take to answer, to get workers, and to come back (s)."""

_ASK_S, _LOOK_S = 0.5, 0.1


@contextmanager
def cluster_of(
    scheduler: str | None, workers: int | None, monitor: Monitor = SILENT
) -> Iterator[Any]:
    """Connect to a scheduler, or start workers on this machine.

    Parameters
    ----------
    scheduler
        Address of a scheduler; None: workers are started here.
    workers
        How many of them.
    monitor
        Cancellation while waiting for workers.

    Yields
    ------
    distributed.Client
        All of its workers have this version of the package.

    Raises
    ------
    BadValueError
        If there is no scheduler, none of its workers answers, or one of them lacks the package.
    """
    if scheduler is not None and workers is not None:
        raise BadValueError(
            "give either a scheduler, which has its workers, or a number of workers"
        )
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        raise BadValueError(
            f"{'workers' if scheduler is None else 'a scheduler'} need dask.distributed, which is "
            'not installed: pip install "napari-uai[cluster]"'
        ) from None
    if scheduler is None:
        with (
            LocalCluster(
                n_workers=workers,
                threads_per_worker=1,  # a task has threads of its own
                dashboard_address=None,
                env={THREADS: str(max(n_threads() // (workers or 1), 1))},
            ) as cluster,
            Client(cluster, set_as_default=False) as client,
        ):
            yield client
        return
    try:
        client = Client(scheduler, timeout=CONNECT_S, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        reason = " ".join(str(error).split())
        raise BadValueError(
            f"no dask scheduler at {scheduler}: {reason}; check the address"
        ) from None
    try:
        _wait_for_workers(client, scheduler, monitor)
        # A function of this package would make workers that lack it hang.
        _check_versions(client.run(version, "napari-uai", on_error="return"))
        yield client
    finally:
        client.close(timeout=CONNECT_S)


def on_workers(
    client: Any,
    function: Callable[[Task, Monitor], Result],
    tasks: Sequence[Task],
    monitor: Monitor = SILENT,
) -> Iterator[tuple[int, Result | Exception]]:
    """Call a function for each task on some worker; yield as they are done.

    Parameters
    ----------
    client
        As from :func:`cluster_of`.
    function
        Can be pickled by its name, as the tasks and results can.
    tasks
        What it is called with.
    monitor
        Progress, once per task, and cancellation, which reaches the workers.

    Yields
    ------
    tuple
        Number of the task, and its result; or the reason why there is none: an error, or that
        several workers died of it.

    Raises
    ------
    BadValueError
        If the scheduler does not answer any more.
    """
    from distributed import KilledWorker

    suspects = []
    for i, result in _together(client, function, dict(enumerate(tasks)), len(tasks), monitor):
        if isinstance(result, KilledWorker):
            suspects.append(i)  # or another task that its workers had
        else:
            yield i, result
    for n, i in enumerate(suspects, start=len(tasks) - len(suspects)):
        part = monitor.part(n / len(tasks), (n + 1) / len(tasks))
        yield from _together(client, function, {i: tasks[i]}, 1, part)


def _together(
    client: Any,
    function: Callable[[Task, Monitor], Result],
    tasks: dict[int, Task],
    n_all: int,
    monitor: Monitor,
) -> Iterator[tuple[int, Result | Exception]]:
    from distributed import Event

    stop = Event(f"napari-uai-stop-{uuid4().hex}", client=client)
    left = {
        i: client.submit(_on_worker, function, task, stop.name, pure=False, retries=0)
        for i, task in tasks.items()
    }
    seen = time.monotonic()
    try:
        while left:
            done = n_all - len(left)
            monitor.update(done / n_all, f"{done} of {n_all} on the cluster")
            lost = client.status != "running" or any(f.cancelled() for f in left.values())
            seen = seen if lost else time.monotonic()
            if time.monotonic() - seen > LOST_S:
                raise BadValueError(
                    f"the dask scheduler does not answer any more, after {done} of "
                    f"{counted(n_all, 'recording')}: what is complete is kept; start it, and then "
                    "the same command again"
                )
            for i in [i for i, future in left.items() if not lost and future.done()]:
                future = left.pop(i)
                yield i, future.exception() or future.result()
            time.sleep(_LOOK_S)
    finally:
        if left and client.status == "running":
            stop.set()
            client.cancel(list(left.values()))


def _on_worker(function: Callable[[Task, Monitor], Result], task: Task, stop: str) -> Result:
    """Call a function on a worker, whose threads cannot be killed and so ask whether to stop."""
    import dask
    from distributed import Client, Event, get_worker

    asked, answer = -_ASK_S, False
    own_thread = threading.get_ident()

    def cancelled() -> bool:
        nonlocal asked, answer
        # Only this thread may ask dask; the threads that work for it use its latest answer.
        if threading.get_ident() == own_thread and time.monotonic() - asked >= _ASK_S:
            asked, answer = time.monotonic(), bool(event.is_set())
        return answer

    worker = get_worker()
    # A client of its own: the worker's would become the default of the process and outlive it.
    with (
        Client(worker.scheduler.address, security=worker.security, set_as_default=False) as client,
        dask.config.set(scheduler="threads"),  # not the cluster, which waits for this task
    ):
        event = Event(stop, client=client)
        return function(task, Monitor(cancelled=cancelled))


def _wait_for_workers(client: Any, scheduler: str, monitor: Monitor) -> None:
    began = time.monotonic()
    while not client.nthreads():
        monitor.update(0.0, "waiting for workers")
        if time.monotonic() - began > NO_WORKERS_S:
            raise BadValueError(
                f"the dask scheduler at {scheduler} has had no workers for {NO_WORKERS_S:.0f} s: "
                f"start some, such as dask worker {scheduler}"
            )
        time.sleep(_LOOK_S)


def _check_versions(versions: dict[str, Any]) -> None:
    """Raise an error unless all workers have this version of the package."""
    for worker, found in versions.items():
        if isinstance(found, Exception):
            reason = " ".join(str(found).split())
            raise BadValueError(
                f"worker {worker} has no napari-uai ({reason}): install version {__version__} there"
            )
        if found != __version__:
            raise BadValueError(
                f"worker {worker} has napari-uai {found}, and not {__version__}: install the "
                "same version there"
            )
