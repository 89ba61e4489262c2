"""Workers of dask.distributed: what they do, and what happens when they or the scheduler die."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from napari_uai import __version__
from napari_uai.errors import BadValueError, CancelledError
from napari_uai.iscat.recipes import cluster
from napari_uai.iscat.recipes.batch import analyse_recording
from napari_uai.iscat.recipes.cluster import _check_versions, cluster_of, on_workers
from napari_uai.iscat.recipes.recipe import load_recipe
from napari_uai.monitor import Monitor, raise_if_cancelled
from napari_uai.sample_data import sample_path
from napari_uai.store.folder import default_store

ROOT = str(Path(__file__).parents[3])
PATHS = os.pathsep.join([ROOT, *sys.path])

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")


def squared(n, _monitor):
    return n * n, os.environ.get("NAPARI_UAI_THREADS")


def failing(n, _monitor):
    if n == 2:
        raise BadValueError("two is not accepted")
    return n


def killing(n, _monitor):
    if n == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return n


def killing_once(path, _monitor):
    if not path.exists():
        path.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return path.name


def waiting(path, monitor):
    path.touch()
    for _ in range(600):
        monitor.update(0.0)
        raise_if_cancelled()
        time.sleep(0.05)


@pytest.fixture(scope="module")
def two():
    sys.path.insert(0, ROOT)  # the workers import the functions above
    try:
        with cluster_of(None, 2) as client:
            yield client
    finally:
        sys.path.remove(ROOT)


def test_workers_share_the_cores_of_this_machine(two):
    results = dict(on_workers(two, squared, [3, 4, 5]))
    assert [results[i][0] for i in range(3)] == [9, 16, 25]
    assert all(int(threads) >= 1 for _, threads in results.values())


def test_a_task_that_fails_does_not_stop_the_others(two):
    results = dict(on_workers(two, failing, [1, 2, 3]))
    assert (results[0], results[2]) == (1, 3)
    assert str(results[1]) == "two is not accepted"


@pytest.mark.slow
def test_a_worker_that_dies_is_replaced_and_its_task_done_again(two, tmp_path):
    assert dict(on_workers(two, killing_once, [tmp_path / "seen"])) == {0: "seen"}


@pytest.mark.slow
def test_a_task_that_kills_every_worker_is_given_up(two):
    results = dict(on_workers(two, killing, [1, 7]))
    assert results[1] == 7
    assert isinstance(results[0], distributed.KilledWorker)


@pytest.mark.slow
def test_workers_that_were_too_slow_to_come_back_are_started_again(tmp_path):
    """dask closes those of this machine for good that are not back in time, as on a busy one."""
    sys.path.insert(0, ROOT)
    try:
        with (
            dask.config.set({"distributed.deploy.lost-worker-timeout": "1ms"}),
            cluster_of(None, 1) as client,
        ):
            results = dict(on_workers(client, killing_once, [tmp_path / "seen"]))
            assert results == {0: "seen"}
    finally:
        sys.path.remove(ROOT)


def test_cancelling_reaches_the_worker(two, tmp_path):
    started = tmp_path / "started"
    with pytest.raises(CancelledError):
        list(on_workers(two, waiting, [started], Monitor(cancelled=started.exists)))
    deadline = time.monotonic() + 20
    while any(two.processing().values()) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(two.processing().values())


def test_workers_of_another_version_are_refused():
    _check_versions({"tcp://a:1": __version__})
    with pytest.raises(BadValueError, match=r"worker tcp://b:1 has napari-uai 0\.0\.1"):
        _check_versions({"tcp://a:1": __version__, "tcp://b:1": "0.0.1"})
    lacking = ModuleNotFoundError("No module named 'napari_uai'")
    with pytest.raises(BadValueError, match=r"has no napari-uai .*install version"):
        _check_versions({"tcp://a:1": lacking})


@pytest.fixture
def scheduler(tmp_path):
    """Return a scheduler without workers, in a process of its own, and its address."""
    code = (
        "import asyncio, distributed, sys\n"
        "async def main():\n"
        "    s = await distributed.Scheduler(port=0, dashboard_address=None, host='127.0.0.1')\n"
        "    print(s.address, flush=True)\n"
        "    await s.finished()\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": PATHS},
    ) as process:
        yield process, process.stdout.readline().strip()
        process.kill()


@pytest.mark.slow
def test_a_scheduler_without_workers_is_told(scheduler, monkeypatch):
    monkeypatch.setattr(cluster, "NO_WORKERS_S", 1.0)
    told = []
    with (
        pytest.raises(BadValueError, match="no workers for 1 s: start some"),
        cluster_of(scheduler[1], None, Monitor(lambda _, message: told.append(message))),
    ):
        pass
    assert "waiting for workers" in told


@pytest.mark.slow
def test_a_scheduler_that_dies_is_told(scheduler, monkeypatch, tmp_path):
    monkeypatch.setattr(cluster, "LOST_S", 1.0)
    process, address = scheduler
    started = tmp_path / "started"
    with (
        _worker(address, tmp_path),
        cluster_of(address, None) as client,
        pytest.raises(BadValueError, match="does not answer any more, after 0 of 1"),
    ):
        for _ in on_workers(
            client,
            waiting,
            [started],
            Monitor(lambda *_: process.kill() if started.exists() else None),
        ):
            pass


@pytest.mark.slow
def test_that_the_last_worker_is_gone_is_told(scheduler, monkeypatch, tmp_path):
    monkeypatch.setattr(cluster, "NO_WORKERS_S", 3.0)
    started, told = tmp_path / "started", []
    with _worker(scheduler[1], tmp_path) as worker, cluster_of(scheduler[1], None) as client:

        def watch(_, message):
            told.append(message)
            if started.exists():
                worker.kill()

        with pytest.raises(BadValueError, match=r"no workers for 3 s, after 0 of 1 .*complete"):
            list(on_workers(client, waiting, [started], Monitor(watch)))
    assert "0 of 1 recordings on the cluster, which has no workers" in told


@contextmanager
def _worker(address, folder):
    """Start a worker of one thread in a process of its own."""
    code = (
        "import asyncio, distributed\n"
        "async def main():\n"
        f"    w = await distributed.Worker({address!r}, nthreads=1, dashboard_address=None)\n"
        "    await w.finished()\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": PATHS}, cwd=folder
    ) as worker:
        try:
            yield worker
        finally:
            worker.kill()


@pytest.mark.slow
def test_a_scheduler_that_dies_within_one_recording_loses_no_part_of_it(
    scheduler, monkeypatch, tmp_path
):
    monkeypatch.setattr(cluster, "LOST_S", 1.0)
    monkeypatch.setenv("NAPARI_UAI_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NAPARI_UAI_CACHE_GIB", "1")
    process, address = scheduler
    recipe = load_recipe("matched").with_settings(["dra.batch_size=40"])
    run = partial(analyse_recording, sample_path("landings.bin"), recipe=recipe)

    def kill(_, message):
        if re.search("[23] of 4 parts of the search", message):  # two may be done at once
            process.kill()

    with _worker(address, tmp_path), _worker(address, tmp_path):
        lost = r"after [23] of 4 parts of the search on the cluster: what is complete is kept"
        with pytest.raises(BadValueError, match=lost):
            run(tmp_path / "out", scheduler=address, monitor=Monitor(kill))
    assert not (tmp_path / "out").exists()
    parts = [each for each in default_store().pieces() if ": part " in each.what]
    assert len(parts) in {2, 3}
    before = {each.path: each.path.stat().st_ino for each in parts}
    run(tmp_path / "out")
    assert all(path.stat().st_ino == number for path, number in before.items())
    assert len([each for each in default_store().pieces() if ": part " in each.what]) == 4
    monkeypatch.setenv("NAPARI_UAI_CACHE_GIB", "0")
    run(tmp_path / "whole")
    for path in (tmp_path / "whole").glob("*.csv"):
        assert (tmp_path / "out" / path.name).read_bytes() == path.read_bytes()
