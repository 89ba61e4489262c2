"""Time from a moved slider to heat, ranks, table and top trails in napari; needs a screen.

Run it as ``xvfb-run -a python benchmarks/bench_trail_dock.py [--trails 10000]``. Pauses are the
longest times between two beats of a timer in the thread of the window: beside what the dock does
they hold what napari takes to draw, on the processor where there is no graphics card.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable

import napari
import numpy as np
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

from napari_uai.simulate.settings import TrailSettings
from napari_uai.simulate.trails.simulation import simulate_trails
from napari_uai.widgets.trails.placement import source_of_trails

HANDLES = ((200, 900), (300, 850), (150, 990), (400, 800), (250, 700), (100, 600), (350, 950))
ROUNDS = 4
TARGET_MS = 150
BEAT_MS = 5


class Heartbeat:
    """Pauses of the window, in ms."""

    def __init__(self) -> None:
        self.longest = 0.0
        self.last = time.perf_counter()
        self.timer = QTimer()
        self.timer.timeout.connect(self.beat)
        self.timer.start(BEAT_MS)

    def beat(self) -> None:
        """Note how long the last beat was ago."""
        now = time.perf_counter()
        self.longest, self.last = max(self.longest, 1000 * (now - self.last)), now

    def read(self) -> float:
        """Return the longest pause since it was read last."""
        longest, self.longest = self.longest, 0.0
        return longest


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
    heart = Heartbeat()
    started = time.perf_counter()
    dock.show_source(source_of_trails(trails))
    wait(lambda: dock.result is not None)
    taken = time.perf_counter() - started
    settle(dock)
    print(f"  ranked and drawn after {taken:.1f} s; longest pause with all layers made anew "
          f"{heart.read():.0f} ms")  # fmt: skip
    dock.settings.linked.setChecked(True)
    settle(dock)
    bench_slider(dock, heart)
    for n in (n_trails, dock.display.tracks.at_most):
        heart.read()
        dock.view_options.n_tracks.setValue(n)
        settle(dock)
        print(f"  {n} trails drawn over time: longest pause {heart.read():.0f} ms")
    viewer.close()


def bench_slider(dock: object, heart: Heartbeat) -> None:
    """Time the answer to each move of a slider."""
    answered: list[float] = []
    dock.jobs.answered.connect(lambda *_: answered.append(time.perf_counter()))  # type: ignore[attr-defined]
    taken, pauses = [], []
    for handles in HANDLES * ROUNDS:
        answered.clear()
        heart.read()
        started = time.perf_counter()
        dock.settings.heat_limits.slider.setValue(handles)  # type: ignore[attr-defined]
        wait(lambda: bool(answered))
        taken.append(1000 * (answered[0] - started))
        settle(dock)
        pauses.append(heart.read())
    print(
        f"  slider to heat, ranks, table and top trails, {len(taken)} times: median "
        f"{np.median(taken):.0f} ms, {min(taken):.0f} to {max(taken):.0f} ms (target {TARGET_MS}); "
        f"pauses with drawing {np.median(pauses):.0f} ms, at most {max(pauses):.0f} ms"
    )


def settle(dock: object) -> None:
    """Wait until nothing is under way and all is drawn."""
    wait(lambda: not dock.jobs.busy)  # type: ignore[attr-defined]
    end = time.perf_counter() + 1.0
    wait(lambda: time.perf_counter() > end)


def wait(until: Callable[[], bool]) -> None:
    """Let Qt work until something is so."""
    while not until():
        QApplication.processEvents()
        time.sleep(0.001)


if __name__ == "__main__":
    main()
