"""Attacks on one recording that is divided over the workers of a cluster."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from survival_rounds import Bench, Job, contents, difference, gone_on, is_clear, strays

Attack = Callable[[Bench], Iterator[str]]

DIVIDED = ("--set", "dra.batch_size=40")
"""Short batches, so that there are parts for two workers."""

START_S = 120


def cluster_attacks(recording: Job) -> dict[str, Attack]:
    """Return the attacks by name."""
    job = Job("cluster", (*recording.words[:2], *DIVIDED))
    return {
        "cluster, run killed": partial(attacked, job=job, victim="run"),
        "cluster, a worker lost": partial(attacked, job=job, victim="worker"),
        "cluster, the scheduler lost": partial(attacked, job=job, victim="scheduler"),
    }


class Cluster:
    """A scheduler and two workers in processes of their own."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "scheduler.json"
        own = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
        self.scheduler = _dask("scheduler", [*own, "--scheduler-file", str(self._file)], folder)
        self.workers: list[subprocess.Popen[bytes]] = []
        deadline = time.monotonic() + START_S
        while not self.address and time.monotonic() < deadline:
            time.sleep(0.1)
        for _ in range(2):
            one = [self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard"]
            self.workers.append(_dask("worker", one, folder))

    @property
    def address(self) -> str:
        """Of the scheduler; empty until it has one."""
        try:
            return str(json.loads(self._file.read_bytes())["address"])
        except (FileNotFoundError, ValueError):
            return ""

    def close(self) -> None:
        """End all."""
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


def _dask(what: str, words: list[str], folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", f"distributed.cli.dask_{what}", *words]
    silent = subprocess.DEVNULL
    return subprocess.Popen(command, cwd=folder, stdout=silent, stderr=silent)


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """Start a scheduler and its workers, and end them."""
    folder.mkdir(parents=True)
    started = Cluster(folder)
    try:
        yield started
    finally:
        started.close()


def attacked(bench: Bench, job: Job, victim: str) -> Iterator[str]:
    """Kill the run, a worker or the scheduler at a random moment.

    Without a worker, the run goes on. Without the scheduler, it ends with one line that says what
    is kept. In each case the next run gives the results of a run without a cluster.
    """
    expected, _ = bench.undisturbed(job)
    whole = bench.top / "whole"
    with cluster(bench.top / "dask") as workers:
        began = time.perf_counter()
        bench.run(_on(job, workers), whole)
        seconds = time.perf_counter() - began
    for i in range(bench.rounds):
        folder = bench.top / f"{victim}-{i}"
        with cluster(bench.top / f"dask-{i}") as workers:
            _ready(workers)
            process = bench.start(_on(job, workers), folder)
            time.sleep(bench.rng.uniform(0.3, 1.0) * seconds)
            one = {"run": process, "worker": workers.workers[0], "scheduler": workers.scheduler}
            ended_before = process.poll() is not None
            one[victim].kill()
            _, error = process.communicate()
        problem = _ended_well(victim, process.returncode, error, ended_before=ended_before)
        if victim != "run":
            problem = problem or strays(folder)
        if victim == "worker":
            problem = problem or difference(contents(folder), expected)
        yield problem or gone_on(bench, job, folder, expected)
        shutil.rmtree(folder)


def _ready(workers: Cluster) -> None:
    """Wait until the workers have answered once."""
    script = "import sys, distributed; distributed.Client(sys.argv[1]).wait_for_workers(2)"
    subprocess.run([sys.executable, "-c", script, workers.address], check=True, timeout=START_S)


def _on(job: Job, workers: Cluster) -> Job:
    return replace(job, words=(*job.words, "--scheduler", workers.address))


def _ended_well(victim: str, code: int, error: str, *, ended_before: bool) -> str:
    """Return what is wrong with how a run has ended."""
    lines = [line for line in error.splitlines() if line.startswith("napari-uai:")]
    if not is_clear(error):
        return error[-300:]
    if victim == "run" or ended_before:
        return ""
    if victim == "scheduler" and code == 2:
        return "" if len(lines) == 1 and "scheduler" in lines[0] else error[-300:]
    return f"ended with {code}: {error[-300:]}" if code else ""
