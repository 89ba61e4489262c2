"""Time of a step of napari's slider: layers of frames against dask arrays; needs a screen.

Run it as ``xvfb-run -a python benchmarks/bench_window_frames.py [--frames 20000] [--side 72]``.
A step blocks the window for as long as ``set_point`` takes. Work is the time of all threads until
the frame is drawn, which hardly depends on what else the computer does; the drawing is in it, on
the processor where there is no graphics card. MB are what the process grew by with the layer.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from pathlib import Path

import napari
import numpy as np
from qtpy.QtWidgets import QApplication

from napari_uai.iscat.correct.rolling_average import differential_rolling_average
from napari_uai.videos import Frames, Video, frames_of, lazy_video
from napari_uai.videos.contrast import robust_limits
from napari_uai.widgets.iscat.stage_call import sums_behind


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=20_000)
    parser.add_argument("--side", type=int, default=72)
    parser.add_argument("--steps", type=int, default=30)
    chosen = parser.parse_args()
    shape = (chosen.frames, chosen.side, chosen.side)
    counts = np.random.default_rng(0).integers(20_000, 40_000, shape, np.uint16)
    average = differential_rolling_average(frames_of(counts), batch_size=chosen.frames // 50)
    sources = {
        "recording": frames_of(counts),
        "rolling average": frames_of(average),
    }
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {shape}; ms in the median")
    print("| source | layer holds | add | play: blocked, work | jump: blocked, work | MB more |")
    print("|---|---|---|---|---|---|")
    viewer = napari.Viewer()
    for name, frames in sources.items():
        for sums in sums_behind(frames):
            sums.prepare()
        for way, data, cache in ways(frames):
            print(f"| {name} | {way} | {measured(viewer, data, cache, chosen.steps)} |", flush=True)
    viewer.close()


def ways(frames: Frames) -> Iterator[tuple[str, Video, bool]]:
    """Yield what a layer may hold for the same pixels, and whether napari is to keep blocks."""
    yield "dask, cached by napari", lazy_video(frames), True
    yield "dask, not cached", lazy_video(frames), False
    yield "frames", frames, False


def measured(viewer: napari.Viewer, data: Video, cache: bool, steps: int) -> str:
    """Return columns of the table for one layer, alone in the viewer."""
    before, started = resident_mb(), time.perf_counter()
    limits = robust_limits(data)
    layer = viewer.add_image(data, contrast_limits=limits, cache=cache)
    QApplication.processEvents()
    columns = [f"{1000 * (time.perf_counter() - started):.0f}"]
    n = len(data)
    jumps = np.random.default_rng(1).integers(0, n, steps)
    for plan in (range(n // 3, n // 3 + steps), jumps):
        blocked, work = [], []
        for frame in plan:
            asked, worked = time.perf_counter(), time.process_time()
            viewer.dims.set_point(0, int(frame))
            blocked.append(time.perf_counter() - asked)
            while not layer.loaded:
                QApplication.processEvents()
            QApplication.processEvents()
            work.append(time.process_time() - worked)
        columns.append(f"{1000 * np.median(blocked):.1f}, {1000 * np.median(work):.0f}")
    columns.append(f"{resident_mb() - before:.0f}")
    viewer.layers.clear()
    QApplication.processEvents()
    return " | ".join(columns)


def resident_mb() -> float:
    """Return the memory of this process (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    main()
