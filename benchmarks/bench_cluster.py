"""Workers on one recording: how runs scale, and how many parts a scheduler hands out.

``python benchmarks/bench_cluster.py`` analyses a simulated recording of 80 000 frames without
workers (one thread), and with one and two of them, compares the results byte for byte, and prints
wall and processor time of each process. ``--scheduling`` hands tiny parts to workers for 1000 parts
at a time, all in one process, and prints what each part costs the scheduler and the run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_uai.monitor import SILENT

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

FRAMES, SIDE, BATCH = 80_000, 72, 500
WORKERS, THREADS, PARTS, ROWS = 100, 10, 10_000, 20
SEARCH_S = 2.5
"""Processor seconds of a search of a part of 72 x 72 px, for the extrapolation."""


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scheduling", action="store_true", help="what the scheduler carries")
    parser.add_argument("--frames", type=int, default=FRAMES)
    parser.add_argument("--workers", type=int, default=WORKERS)
    parser.add_argument("--parts", type=int, default=PARTS)
    chosen = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    if chosen.scheduling:
        bench_scheduling(chosen.workers, chosen.parts)
        return
    os.environ["NAPARI_UAI_CACHE_GIB"] = "0"
    os.environ["NAPARI_UAI_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        bench_scaling(Path(folder), chosen.frames)


# scaling --------------------------------------------------------------------------------------


def bench_scaling(folder: Path, frames: int) -> None:
    """Run the same recording on no, one and two workers."""
    from napari_uai.simulate.files import write_recording
    from napari_uai.simulate.iscat.scenarios import scenario

    settings = replace(scenario("living"), frames=frames, rows=SIDE, columns=SIDE)
    path, short = folder / "long.bin", folder / "short.bin"
    write_recording(settings, path)
    write_recording(replace(settings, frames=4 * BATCH), short)
    measured(short, folder / "short", 0)  # compiles
    found = []
    for n in (0, 1, 2):
        wall, own, others = measured(path, folder / str(n), n)
        each = ", ".join(f"{seconds:.1f}" for seconds in others)
        print(f"{n} workers: {wall:6.1f} s; processor time here {own:.1f} s, workers {each}")
        found.append(contents(folder / str(n)))
    print("equal bytes:", all(each == found[0] for each in found))


def measured(path: Path, out: Path, n: int) -> tuple[float, float, list[float]]:
    """Analyse a recording; return wall seconds, and processor seconds here and of the workers."""
    from napari_uai.iscat.recipes.batch import analyse_recording
    from napari_uai.iscat.recipes.cluster import cluster_of
    from napari_uai.iscat.recipes.recipe import load_recipe

    recipe = load_recipe("matched").with_settings([f"dra.batch_size={BATCH}"])
    if not n:
        began, own = time.perf_counter(), time.process_time()
        analyse_recording(path, out, recipe)
        return time.perf_counter() - began, time.process_time() - own, []
    with cluster_of(None, n) as client:
        address = client.scheduler_info()["address"]
        before = client.run(time.process_time)
        began, own = time.perf_counter(), time.process_time()
        analyse_recording(path, out, recipe, scheduler=address)
        wall, own = time.perf_counter() - began, time.process_time() - own
        after = client.run(time.process_time)
    return wall, own, [after[worker] - before[worker] for worker in before]


def contents(folder: Path) -> dict[str, Any]:
    """Return the files of results, without the times in the record."""
    files: dict[str, Any] = {path.name: path.read_bytes() for path in folder.iterdir()}
    record = json.loads(files.pop("run.json"))
    for each in (record, *record["stages"]):
        each.pop("seconds")
    record.pop("written")
    return {**files, "run.json": record}


# scheduling -----------------------------------------------------------------------------------


def bench_scheduling(n_workers: int, n_parts: int) -> None:
    """Hand out tiny parts by the same way as those of a search."""
    from napari_uai.iscat.recipes.cluster import ClusterWorkers, cluster_of

    context = multiprocessing.get_context("spawn")
    os.environ["DASK_LOGGING__DISTRIBUTED"] = "error"
    here, there = context.Pipe()
    processes = [context.Process(target=schedule, args=(there,))]
    processes[0].start()
    address = here.recv()
    processes.append(context.Process(target=work, args=(address, n_workers)))
    processes[1].start()
    try:
        with cluster_of(address, None) as client:
            client.wait_for_workers(n_workers, timeout=600)
            print(f"{n_workers} workers of {THREADS} threads, {n_parts} parts")
            workers = ClusterWorkers(client)
            before = client.run_on_scheduler(time.process_time)
            began, own = time.perf_counter(), time.process_time()
            calls = [(i, i + 1) for i in range(n_parts)]
            done = sum(1 for _ in workers.each(events_of, calls, SILENT, "parts"))
            wall, own = time.perf_counter() - began, time.process_time() - own
            scheduler = client.run_on_scheduler(time.process_time) - before
        report(done, wall, scheduler, own, n_workers * THREADS)
    finally:
        for process in processes:
            process.terminate()
            process.join()


def report(n: int, wall: float, scheduler: float, own: float, at_once: int) -> None:
    """Print the costs per part, and those of a million."""
    print(
        f"{n} parts in {wall:.0f} s ({n / wall:.0f} per second, all on this machine); processor "
        f"time per part: scheduler {1e3 * scheduler / n:.2f} ms, run {1e3 * own / n:.2f} ms"
    )
    slowest = max(scheduler, own) / n
    print(
        f"a million parts: {1e6 * scheduler / n / 3600:.1f} h of the scheduler, "
        f"{1e6 * own / n / 3600:.1f} h of the run; a part of {SEARCH_S} s keeps "
        f"{SEARCH_S / slowest:.0f} threads busy, and {at_once} take "
        f"{1e6 * max(SEARCH_S / at_once, slowest) / 3600:.1f} h"
    )


def events_of(start: int, stop: int) -> list[Any]:
    """Return tables as large as those of a search."""
    import pandas as pd

    columns = [f"column {k}" for k in range(16)]
    return [pd.DataFrame(np.full((ROWS, 16), i), columns=columns) for i in range(start, stop)]


def schedule(connection: Connection) -> None:
    """Be the scheduler, in a process of its own."""
    from distributed import Scheduler

    async def run() -> None:
        async with Scheduler(port=0, dashboard_address=None, host="127.0.0.1") as scheduler:
            connection.send(scheduler.address)
            await scheduler.finished()

    asyncio.run(run())


def work(address: str, n: int) -> None:
    """Be all workers: they do next to nothing."""
    from distributed import Worker

    async def run() -> None:
        workers = [
            await Worker(address, nthreads=THREADS, dashboard=False, memory_limit=0)
            for _ in range(n)
        ]
        await workers[0].finished()

    asyncio.run(run())


if __name__ == "__main__":
    main()
