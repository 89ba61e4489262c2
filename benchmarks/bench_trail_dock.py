"""Time from a moved slider to heat, ranks, table and top trails in napari; needs a screen.

Run it as ``xvfb-run -a python benchmarks/bench_trail_dock.py [--trails 10000]``.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable

import napari
import numpy as np
from qtpy.QtWidgets import QApplication

from napari_uai.simulate.settings import TrailSettings
from napari_uai.simulate.trails import simulate_trails
from napari_uai.widgets.trails.grounds import source_of_trails

HANDLES = ((200, 900), (300, 850), (150, 990), (400, 800), (250, 700), (100, 600), (350, 950))
TARGET_MS = 150


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trails", type=int, default=10_000)
    n_trails = parser.parse_args().trails
    trails = simulate_trails(TrailSettings(trails=n_trails)).trails
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"{len(trails)} trails, {len(trails.y)} samples")
    viewer = napari.Viewer()
    _, dock = viewer.window.add_plugin_dock_widget("napari-uai", "Trail workflow")
    started = time.perf_counter()
    dock.show_source(source_of_trails(trails))
    wait(lambda: dock.result is not None)
    print(f"  ranked and drawn after {time.perf_counter() - started:.1f} s")
    settle(dock)
    dock.settings.linked.setChecked(True)
    settle(dock)
    answered: list[float] = []
    dock.work.answered.connect(lambda *_: answered.append(time.perf_counter()))
    taken = []
    for handles in HANDLES:
        answered.clear()
        started = time.perf_counter()
        dock.settings.heat_limits.slider.setValue(handles)
        wait(lambda: bool(answered))
        taken.append(1000 * (answered[0] - started))
        settle(dock)
    print(
        f"  slider to heat, ranks, table and top trails: median {np.median(taken):.0f} ms, "
        f"{min(taken):.0f} to {max(taken):.0f} ms (target {TARGET_MS})"
    )
    viewer.close()


def settle(dock: object) -> None:
    """Wait until nothing is under way and all is drawn."""
    wait(lambda: not dock.work.busy)  # type: ignore[attr-defined]
    end = time.perf_counter() + 1.0
    wait(lambda: time.perf_counter() > end)


def wait(until: Callable[[], bool]) -> None:
    """Let Qt work until something is so."""
    while not until():
        QApplication.processEvents()
        time.sleep(0.001)


if __name__ == "__main__":
    main()
