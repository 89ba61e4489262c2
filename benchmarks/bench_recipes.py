"""Time and memory of the whole recipe ``matched``, from a raw file to the results' files.

Run it as ``python benchmarks/bench_recipes.py``; it needs 2.5 GB in the temporary folder.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

RECIPE = "matched"
SIDE = 72
BATCH = 2000
DRIFT_PX = 0.05
SHORT, LONG = 20_000, 200_000
SECONDS_TARGET, GIB_TARGET = 15, 1.5

Result = TypeVar("Result")


@dataclass(frozen=True)
class Measured:
    """What runs of a recipe in one process took."""

    runs: tuple[dict[str, float], ...]
    landings: int
    peak_gib: float


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="leave the long recording out")
    long = 0 if parser.parse_args().short else LONG
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} cores, load {load:.1f}; recipe {RECIPE}; batch {BATCH}")
    with tempfile.TemporaryDirectory() as folder:
        check_space(Path(folder), long or SHORT)
        bench_short(Path(folder))
        if long:
            bench_long(Path(folder))


def check_space(folder: Path, frames: int) -> None:
    """Stop before a recording that the disk has no room for is simulated."""
    needed, free = 1.2 * frames * SIDE * SIDE * 2, shutil.disk_usage(folder).free
    if free < needed:
        sys.exit(
            f"{folder} has {free / 1e9:.1f} GB left, {needed / 1e9:.1f} are needed: "
            "set TMPDIR to another folder, or give --short"
        )


def bench_short(folder: Path) -> None:
    """Time: compiling, in the same process again, and in a new one."""
    path = folder / "short.bin"
    seconds = in_process(simulate, path, SHORT)
    print(f"{SHORT} frames of {SIDE} x {SIDE}: simulated in {seconds:.1f} s (target 20 s)")
    # Compiled code goes into an empty folder, so that the first run compiles all it needs.
    kept = os.environ.get("NUMBA_CACHE_DIR")
    os.environ["NUMBA_CACHE_DIR"] = str(folder / "compiled")
    twice = in_process(measure, path, 2)
    again = in_process(measure, path, 1)
    if kept is None:
        del os.environ["NUMBA_CACHE_DIR"]
    else:
        os.environ["NUMBA_CACHE_DIR"] = kept
    print(
        stage_table(("compiling", twice.runs[0]), ("again", twice.runs[1]), ("new", again.runs[0]))
    )
    print(
        f"  target of the recipe {SECONDS_TARGET} s; {twice.landings} landings; "
        f"peak memory {again.peak_gib:.2f} GiB"
    )
    path.unlink()


def bench_long(folder: Path) -> None:
    """Memory: a recording that does not fit into the limit."""
    path = folder / "long.bin"
    seconds = in_process(simulate, path, LONG)
    size = path.stat().st_size / 2**30
    print(f"{LONG} frames, {size:.1f} GiB: simulated in {seconds:.0f} s")
    measured = in_process(measure, path, 1)
    print(stage_table(("seconds", measured.runs[0])))
    print(
        f"  {measured.landings} landings; peak memory {measured.peak_gib:.2f} GiB "
        f"(target {GIB_TARGET} GiB)"
    )
    path.unlink()


def simulate(path: Path, frames: int) -> float:
    """Write a recording; return the seconds."""
    from napari_uai.simulate.files import write_recording
    from napari_uai.simulate.iscat.scenarios import SPECKLE_CONTRAST
    from napari_uai.simulate.settings import RecordingSettings

    settings = RecordingSettings(
        seed=1,
        frames=frames,
        rows=SIDE,
        columns=SIDE,
        batch_size=BATCH,
        landings=24 * frames // SHORT,
        drift_px=DRIFT_PX,
        speckle_contrast=SPECKLE_CONTRAST,
    )
    begin = time.perf_counter()
    write_recording(settings, path)
    return time.perf_counter() - begin


def measure(path: Path, times: int) -> Measured:
    """Run the recipe; return seconds per stage of each run, and the peak memory of the process."""
    from napari_uai import run_recipe, write_results

    runs = []
    for _ in range(times):
        begin = time.perf_counter()
        result = run_recipe(path, RECIPE, settings=[f"dra.batch_size={BATCH}"])
        found = len(result.landings)
        seconds = {"whole recipe": time.perf_counter() - begin, **result.timings_s}
        begin = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            write_results(result, folder)
        runs.append({**seconds, "writing the results": time.perf_counter() - begin})
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    unit = 1 if sys.platform == "darwin" else 1024
    return Measured(tuple(runs), found, peak * unit / 2**30)


def in_process(function: Callable[..., Result], *arguments: object) -> Result:
    """Call a function in a process of its own.

    This process stays small: what a process has taken counts in the peak of those it starts.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as worker:
        return worker.submit(function, *arguments).result()


def stage_table(*runs: tuple[str, dict[str, float]]) -> str:
    """Return seconds per stage, one column per run; stages that take no time left out."""
    lines = [f"  {'':22}" + "".join(f"{title:>12}" for title, _ in runs)]
    for stage in runs[0][1]:
        times = [seconds[stage] for _, seconds in runs]
        if max(times) >= 0.05:
            lines.append(f"  {stage:22}" + "".join(f"{t:10.2f} s" for t in times))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
