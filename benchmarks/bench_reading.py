"""Reading of every format against its own library: part of `make bench`.

Both open a recording and read all its frames from the cache of the system, ours block by block
through `open_frames`, the library in its own fastest way. Ratios are given of both together, and of
all but opening, which takes as long for a recording of any length. Times are of the processor, all
threads together, which hardly depend on what else the machine does; the best of several rounds, in
which the two take turns. Memory is
the peak above that before opening, for the same recording and for one four times as long, read in
the same blocks: it is flat if the second is not larger. Of memory maps, the pages that are resident
count, too.
"""

from __future__ import annotations

import argparse
import gc
import re
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

import napari_uai as uai
from napari_uai.videos import ReadOptions, open_frames
from reading_cases import BLOCK, CASES, SIDE, Case, recording

ROUNDS = 5
SECONDS = 1.0
"""Short cases go on for so long: one round of them says little."""
LONGER = 4


def main() -> None:
    """Write each file, read it both ways, print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=2000)
    parser.add_argument("--only", default="", help="formats whose names contain this")
    parser.add_argument("--no-memory", action="store_true", help="times only")
    arguments = parser.parse_args()
    video = recording(arguments.frames)
    print(
        f"{len(video)} frames of {SIDE} x {SIDE} px, uint16, "
        f"{video.nbytes / 1e6:.0f} MB; ms of the processor, MB of memory at its peak"
    )
    print(
        f"{'format':22}{'library':10}{'open':>7}{'theirs':>8}{'all':>8}{'theirs':>8}"
        f"{'ratio':>7}{'reading':>9}"
        f"{'memory':>9}{f'{LONGER} x as long':>14}"
    )
    for case in CASES:
        if arguments.only in case.name:
            with TemporaryDirectory() as folder:
                print_row(case, Path(folder), video, memory=not arguments.no_memory)
    if arguments.only in "trails csv":
        with TemporaryDirectory() as folder:
            trails(Path(folder))


def print_row(case: Case, folder: Path, video: np.ndarray, *, memory: bool) -> None:
    """Measure one format."""
    path = case.write(folder / "recording", video)
    opening = best(lambda: opened(path, video), lambda: case.open(path))
    mine, theirs = best(lambda: ours(path, video), lambda: case.read(path))
    reading = (mine - opening[0]) / (theirs - opening[1])
    print(
        f"{case.name:22}{case.library:10}{opening[0]:7.1f}{opening[1]:8.1f}"
        f"{mine:8.1f}{theirs:8.1f}{mine / theirs:7.2f}{reading:9.2f}",
        end="",
        flush=True,
    )
    if memory:
        longer = case.write(folder / "longer", np.concatenate([video] * LONGER))
        peaks = [peak(lambda p=each: ours(p, video)) for each in (path, longer)]
        print(f"{peaks[0]:9.0f}{peaks[1]:14.0f}", end="")
    print(flush=True)


def opened(path: Path, video: np.ndarray) -> Any:
    """Open a recording."""
    raw = ReadOptions(*video.shape[1:], "<u2") if path.suffix == ".bin" else ReadOptions()
    return open_frames(path, raw)[0]


def ours(path: Path, video: np.ndarray) -> None:
    """Open a recording and read all its frames."""
    frames = opened(path, video)
    for start in range(0, len(frames), BLOCK):
        frames.read(start, start + BLOCK)


def trails(folder: Path) -> None:
    """Read tables of trails of several formats; pandas reads and sorts them."""
    n = 2_000_000
    table = pd.DataFrame(
        {
            "trail": np.repeat(np.arange(n // 100), 100),
            "class": "car",
            "time": np.tile(np.arange(100) / 10, n // 100),
            "x": np.random.default_rng(0).uniform(0, 1280, n).round(2),
            "y": np.random.default_rng(1).uniform(0, 720, n).round(2),
        }
    )
    mot = pd.DataFrame({"frame": (10 * table["time"]).astype(int) + 1, "id": table["trail"] + 1})
    mot = mot.join(table[["x", "y"]]).assign(width=30, height=20, confidence=1, a=-1, b=-1, c=-1)
    few = table.head(n // 10)
    by_trail = ["trail", "time"]
    table.to_csv(folder / "trails.csv", index=False)
    mot.sort_values(["frame", "id"]).to_csv(folder / "mot.txt", index=False, header=False)
    table.to_parquet(folder / "trails.parquet", index=False)
    few.to_json(folder / "trails.jsonl", orient="records", lines=True)
    cases: dict[str, Callable[[Path], object]] = {
        "trails.csv": lambda path: pd.read_csv(path).sort_values(by_trail),
        "mot.txt": lambda path: pd.read_csv(path, header=None).sort_values([1, 0]),
        "trails.parquet": lambda path: pd.read_parquet(path).sort_values(by_trail),
        "trails.jsonl": lambda path: pd.read_json(path, lines=True).sort_values(by_trail),
    }
    for name, theirs in cases.items():
        path = folder / name
        mine, other = best(partial(uai.open_trails, path), partial(theirs, path))
        print(
            f"{name:22}{'pandas':10}{'':15}{mine:8.1f}{other:8.1f}{mine / other:7.2f}", flush=True
        )


def best(*calls: Callable[[], object]) -> list[float]:
    """Return the shortest of several times of each call, in ms; they take turns."""
    times: list[list[float]] = []
    start = time.perf_counter()
    while len(times) < ROUNDS or time.perf_counter() - start < SECONDS:
        times.append([])
        for call in calls:
            gc.collect()
            before = time.process_time()
            call()
            times[-1].append(1e3 * (time.process_time() - before))
    return [min(each) for each in zip(*times, strict=True)]


def peak(call: Callable[[], object]) -> float:
    """Return how far the memory of this process rises during a call, in MB; NaN if not Linux."""
    gc.collect()
    try:
        Path("/proc/self/clear_refs").write_text("5")  # forgets the peak so far
        before = resident("VmRSS")
        call()
        return resident("VmHWM") - before
    except OSError:
        return float("nan")


def resident(what: str) -> float:
    """Return a memory figure of this process in MB."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(rf"{what}:\s+(\d+)", status)[1]) / 1e3


if __name__ == "__main__":
    main()
