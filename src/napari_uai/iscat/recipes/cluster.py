"""Work on the workers of dask.distributed: those of a scheduler, or some that are started here."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError as FutureCancelledError
from contextlib import contextmanager, suppress
from functools import partial
from importlib.metadata import version
from typing import Any, TypeVar
from uuid import uuid4

from napari_uai import __version__
from napari_uai.errors import BadValueError, NapariUaiError
from napari_uai.monitor import SILENT, Monitor, active_monitor, raise_if_cancelled
from napari_uai.results import versions
from napari_uai.store.keeping import code_digest, identity_of
from napari_uai.threads import THREADS, n_threads, one_blas_thread

Task = TypeVar("Task")
Result = TypeVar("Result")

CONNECT_S, NO_WORKERS_S, LOST_S = 10.0, 60.0, 15.0
"""How long a scheduler may take to answer, to get workers, and to come back (s)."""

AHEAD = 4
"""Tasks that wait on the scheduler per thread of the workers; the others wait here."""

_LOOK_S, _COUNT_S = 0.1, 2.0


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
                scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},  # 8787 may be another run's
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


class ClusterWorkers:
    """Workers of a cluster as those that compute the parts of a run (:mod:`napari_uai.workers`).

    Parameters
    ----------
    client
        As from :func:`cluster_of`.

    Raises
    ------
    BadValueError
        If the code of a worker is another one, or a package below it has another version.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        here = code_in_use()
        for worker, found in client.run(code_in_use, on_error="return").items():
            if found != here:
                raise BadValueError(
                    f"worker {worker} has other code, or other versions of Python, numpy, numba or "
                    "scipy, so that its results may differ: install the same there"
                )

    def size(self) -> int:
        """Return the number of their threads, at least 1."""
        return max(_n_slots(self._client), 1)

    def each(
        self,
        function: Callable[[int, int], Result],
        calls: Sequence[tuple[int, int]],
        monitor: Monitor,
        message: str,
    ) -> Iterator[tuple[int, Result]]:
        """Yield the number of each call and its result, as they are done."""
        # As the result of a task, which the scheduler can repeat if the worker that has it dies.
        sent = self._client.submit(_as_it_is, partial(_called, function), pure=False)
        for i, result in on_workers(self._client, sent, calls, monitor, message):
            if isinstance(result, NapariUaiError):
                raise result
            if isinstance(result, Exception):
                reason = " ".join(f"{type(result).__name__}: {result}".split())
                raise BadValueError(f"{message}: no worker could do number {i + 1}: {reason}")
            yield i, result


def code_in_use() -> str:
    """Return a checksum of the code of this package and the versions of those below it."""
    return identity_of(code_digest(), versions())


def _as_it_is(value: Result) -> Result:
    return value


def _called(
    function: Callable[[int, int], Result], call: tuple[int, int], monitor: Monitor
) -> Result:
    with active_monitor(monitor), one_blas_thread():
        return function(*call)


def on_workers(
    client: Any,
    function: Any,
    tasks: Sequence[Task],
    monitor: Monitor = SILENT,
    what: str = "recordings",
) -> Iterator[tuple[int, Any]]:
    """Call a function for each task on some worker; yield as they are done.

    Parameters
    ----------
    client
        As from :func:`cluster_of`.
    function
        Takes a task and a monitor; can be pickled, as the tasks and results can. Or its future.
    tasks
        What it is called with.
    monitor
        Progress, once per task, and cancellation, which reaches the workers.
    what
        What the tasks are, for messages.

    Yields
    ------
    tuple
        Number of the task, and its result; or the reason why there is none: an error, or that
        several workers died of it.

    Raises
    ------
    BadValueError
        If the scheduler does not answer any more, or has no workers any more. Those that were
        started here are started again.
    """
    from distributed import KilledWorker

    suspects = []
    together = _Together(client, function, len(tasks), monitor, what)
    for i, result in together.results(dict(enumerate(tasks))):
        if isinstance(result, KilledWorker):
            suspects.append(i)  # or another task that its workers had
        else:
            yield i, result
    for i in suspects:
        yield from together.results({i: tasks[i]})


class _Together:
    """Tasks on the workers of a cluster, a few for each of their threads at a time."""

    def __init__(self, client: Any, function: Any, n: int, monitor: Monitor, what: str) -> None:
        self._client, self._function, self._monitor = client, function, monitor
        self._n, self._what = n, what
        self._done = 0

    def results(self, tasks: dict[int, Any]) -> Iterator[tuple[int, Any]]:
        """Yield the results of some tasks as they are done."""
        client, name = self._client, uuid4().hex
        waiting = deque(tasks.items())
        left: dict[int, Any] = {}
        seen = staffed = time.monotonic()
        counted_at, n_slots = -_COUNT_S, 1
        try:
            while waiting or left:
                self._monitor.update(self._done / self._n, self._progress(n_slots))
                raise_if_cancelled()
                lost = client.status != "running" or any(f.cancelled() for f in left.values())
                now = time.monotonic()
                seen = seen if lost else now
                if now - seen > LOST_S:
                    raise BadValueError(
                        f"the dask scheduler does not answer any more, after {self._progress()}: "
                        "what is complete is kept; start it, and then the same command again"
                    )
                if not lost and now - counted_at > _COUNT_S:
                    with suppress(OSError):
                        n_slots, counted_at = _n_slots(client), now
                        staffed = now if n_slots else staffed
                        self._staff(n_slots, now - staffed)
                while waiting and not lost and len(left) < AHEAD * max(n_slots, 1):
                    i, task = waiting.popleft()
                    left[i] = client.submit(
                        _on_worker, self._function, task, name, pure=False, retries=0
                    )
                for i, result in _finished(client, left) if not lost else ():
                    del left[i]
                    self._done += 1
                    yield i, result
                    staffed = time.monotonic()  # whoever takes the result may take long
                time.sleep(_LOOK_S)
        finally:
            if left and client.status == "running":
                with suppress(OSError):
                    client.run(_stop, name, on_error="return")
                client.cancel(list(left.values()))

    def _staff(self, n_slots: int, seconds: float) -> None:
        """Start workers of this machine again that are not; those of others must come back."""
        cluster = self._client.cluster
        if cluster is not None and n_slots < len(cluster.worker_spec):
            cluster.scale(len(cluster.worker_spec))  # does nothing to those that are starting
        if seconds > NO_WORKERS_S:
            raise BadValueError(
                f"the dask cluster has had no workers for {NO_WORKERS_S:.0f} s, after "
                f"{self._progress()}: what is complete is kept; start some, and then the same "
                "command again"
            )

    def _progress(self, n_slots: int = 1) -> str:
        lacking = "" if n_slots else ", which has no workers"
        return f"{self._done} of {self._n} {self._what} on the cluster{lacking}"


def _n_slots(client: Any) -> int:
    n: int = sum(client.nthreads().values())
    return n


def _finished(client: Any, left: dict[int, Any]) -> list[tuple[int, Any]]:
    """Return the results, or errors, of the tasks that are done."""
    done = {i: future for i, future in left.items() if future.done() and not future.cancelled()}
    well = {i: future for i, future in done.items() if future.status == "finished"}
    try:
        results = client.gather(list(well.values()), errors="skip") if well else []
    except (OSError, FutureCancelledError):  # the scheduler has died
        return []
    if len(results) < len(well):  # a worker died with its results: they are computed again
        return []
    failed = [(i, future.exception()) for i, future in done.items() if i not in well]
    return [*zip(well, results, strict=True), *failed]


_STOPPED: set[str] = set()
"""On a worker: names of the tasks that should stop; threads cannot be killed."""


def _stop(name: str) -> None:
    _STOPPED.add(name)


def _on_worker(function: Callable[[Task, Monitor], Result], task: Task, name: str) -> Result:
    """Call a function on a worker."""
    import dask

    with dask.config.set(scheduler="threads"):  # not the cluster, which waits for this task
        return function(task, Monitor(cancelled=lambda: name in _STOPPED))


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
