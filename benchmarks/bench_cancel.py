"""How soon a wish to stop acts: in every stage of the catalogue and in whole recipes.

Run it as ``python benchmarks/bench_cancel.py [--frames 100000] [--seconds 6]``; it needs 1 GB in
the temporary folder. Work learns that it should stop when it looks at its monitor, so the longest
time between two looks is the latest that a wish can act; what follows (threads finish the chunk
that they are at) is seen when each stage is cancelled after some seconds.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_uai.errors import CancelledError, NapariUaiError
from napari_uai.iscat.recipes.catalogue import STAGES
from napari_uai.iscat.recipes.run import run_recipe
from napari_uai.monitor import Monitor, active_monitor
from napari_uai.stages import Stage
from napari_uai.videos.recording import open_recording
from napari_uai.widgets.iscat.stage_call import StageCall
from napari_uai.widgets.kit.layers import Place

if TYPE_CHECKING:
    from collections.abc import Callable

TARGET_S = 1.0
RECIPES = ("classical", "rescored", "handcrafted")
SIDE, BATCH, BLOCK = 72, 2000, 1000
LANDINGS = 100
SETTINGS = {"polygonal_mask": {"vertices": ((5.0, 5.0), (5.0, 60.0), (60.0, 30.0))}}

INPUTS = {
    "dark": "recording",
    "reference": "power",
    "predicted": "power",
    "mask": "mask",
    "scores": "anomalies",
    "control": "anomalies",
    "table": "spots",
    "events": "steps",
    "landings": "summary",
    "localizations": "localizations",
    "traces": "traces",
    "trajectories": "trajectories",
}
"""Step of a recipe whose result is given to an input of that name, unless the stage says else."""

OF_STAGE = {
    ("stage_drift_correction", "video"): "dra",
    ("fit_spots", "video"): "median",
    ("symmetric_spots", "table"): "fits",
    ("remove_side_lobes", "table"): "fits",
    ("link_spots", "table"): "fits",
    ("landings_from_tracks", "table"): "tracks",
    ("landings_from_tracks", "video"): "median",
    ("assign_spots", "table"): "tracks",
    ("assign_spots", "landings"): "measured",
    ("diffusion_constants", "table"): "tracks",
    ("mean_squared_displacement", "table"): "tracks",
    ("diffusion_population", "table"): "tracks",
    ("localize_landings", "video"): "dra",
    ("contrast_traces", "video"): "dra",
    ("contrast_histogram", "landings"): "landings",
    ("anomaly_scores", "features"): "dog",
    ("locate_spots", "table"): "spots",
    ("detect_spots", "video"): "dra",
    ("minimum_threshold_map", "video"): "dra",
    ("niblack_threshold_map", "video"): "dra",
    ("fixed_pattern_correction", "video"): "dra",
    ("difference_of_gaussians_3d", "video"): "dra",
}


@dataclass
class Looks:
    """When a monitor was looked at."""

    last: float = field(default_factory=time.perf_counter)
    longest: float = 0.0
    where: str = ""
    stopped_at: float | None = None
    message: str = ""
    worst: dict[str, float] = field(default_factory=dict)
    lock: Any = field(default_factory=threading.Lock)

    def look(self) -> bool:
        """Note the time; tell whether to stop."""
        with self.lock:
            now = time.perf_counter()
            gap, self.last = now - self.last, now
            stage = self.message.partition(":")[0]
            self.worst[stage] = max(self.worst.get(stage, 0.0), gap)
            if gap > self.longest:
                self.longest, self.where = gap, self.message
            return self.stopped_at is not None

    def hear(self, _: float, message: str) -> None:
        """Note what is being done."""
        self.message = message


@dataclass(frozen=True)
class Measured:
    """How a piece of work went."""

    seconds: float
    ended: bool
    looks: Looks
    stopping: float
    error: str


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=6.0, help="after which a stage is stopped")
    parser.add_argument("--recipes", nargs="*", default=RECIPES)
    parser.add_argument("--stages", nargs="*", default=list(STAGES))
    given = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {given.frames} frames of "
          f"{SIDE} x {SIDE}, batch {BATCH}")  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        path = write_recording(Path(folder), given.frames)
        print(f"\ntarget: {TARGET_S:.0f} s\n{'recipe':28s} {'took':>8s}  between looks")
        made: dict[str, Any] = {"recording": open_recording(path).video}
        for name in given.recipes:
            made |= bench_recipe(path, name)
        print(f"\n{'stage':28s} {'ran':>8s} {'between looks':>14s} {'stopped in':>11s}")
        for name in given.stages:
            bench_stage(STAGES[name], made, given.seconds)


def write_recording(folder: Path, n_frames: int) -> Path:
    """Write noise with steps: the same thousand frames of noise, moved sideways."""
    rng = np.random.default_rng(0)
    path = folder / f"long_type_uint16_shape({n_frames}, {SIDE}, {SIDE}).raw"
    noise = 1 + 0.004 * rng.standard_normal((BLOCK, SIDE, SIDE), dtype=np.float32)
    y, x = np.mgrid[:SIDE, :SIDE]
    at = rng.uniform(6, SIDE - 6, (LANDINGS, 2))
    spots = np.exp(-((y - at[:, :1, None]) ** 2 + (x - at[:, 1:, None]) ** 2) / 6)
    contrasts = rng.uniform(-0.005, 0.005, LANDINGS)
    landed = np.sort(rng.integers(0, n_frames // BLOCK, LANDINGS))
    with path.open("wb") as file:
        for block in range(n_frames // BLOCK):
            there = landed <= block
            image = 30_000 * (1 + np.tensordot(contrasts[there], spots[there], 1))
            counts = np.roll(noise, block, axis=2) * image.astype(np.float32)
            file.write(counts.astype("<u2").tobytes())
    return path


def bench_recipe(path: Path, name: str) -> dict[str, Any]:
    """Run a recipe to its end; return its videos and tables."""
    kept = {}

    def work(monitor: Monitor) -> None:
        result = run_recipe(path, name, settings=[f"dra.batch_size={BATCH}"], monitor=monitor)
        kept.update({**result.videos, **result.tables})

    measured = measure(work, np.inf)
    looks = measured.looks
    print(f"{name:28s} {measured.seconds:6.1f} s  {looks.longest:5.2f} s  {measured.error}")
    for stage, gap in sorted(looks.worst.items(), key=lambda item: -item[1]):
        if gap > TARGET_S / 4:
            print(f"  {stage or 'before the first stage':40s} {gap:5.2f} s")
    return kept


def bench_stage(stage: Stage, made: dict[str, Any], seconds: float) -> None:
    """Run a stage as its widget does, its video kept in memory; stop it after some seconds."""
    steps = [
        OF_STAGE.get((stage.name, wanted.name), INPUTS.get(wanted.name, "recording"))
        for wanted in stage.inputs
        if wanted.required
    ]
    lacking = [step for step in steps if step not in made]
    if lacking:
        print(f"{stage.name:28s} not run: no recipe gave {', '.join(lacking)}")
        return
    given = dict(SETTINGS.get(stage.name, {}))
    if "batch_size" in stage.parameters:
        given["batch_size"] = BATCH
    inputs = tuple(made[step] for step in steps)
    if stage.name == "dark_frame_subtraction":
        inputs = inputs[0], np.full((1, SIDE, SIDE), 100, np.uint16)
    call = StageCall(stage, inputs, stage.check(given), Place(), keep=stage.output == "video")
    measured = measure(call.run, seconds)
    looks = measured.looks
    stopping = f"{measured.stopping:9.2f} s" if not measured.ended else f"{'ended':>11s}"
    worst = max(looks.longest, 0.0 if measured.ended else measured.stopping)
    print(
        f"{stage.name:28s} {measured.seconds:6.1f} s {looks.longest:12.2f} s {stopping}"
        f"{'  over the target' if worst > TARGET_S else ''}  {measured.error}"
        f"{looks.where if worst > TARGET_S else ''}"
    )


def measure(work: Callable[[Monitor], Any], seconds: float) -> Measured:
    """Run work in a thread; stop it after some seconds."""
    looks = Looks()
    errors: list[str] = []

    def run() -> None:
        try:
            monitor = Monitor(looks.hear, looks.look)
            with active_monitor(monitor):  # as the docks and the command line do
                work(monitor)
        except CancelledError:
            pass
        except NapariUaiError as error:
            errors.append(str(error))
        looks.look()

    thread = threading.Thread(target=run)
    started = time.perf_counter()
    thread.start()
    thread.join(None if np.isinf(seconds) else seconds)
    ended = not thread.is_alive()
    asked = looks.stopped_at = time.perf_counter()
    thread.join()
    now = time.perf_counter()
    return Measured(asked - started, ended, looks, now - asked, "".join(errors)[:80])


if __name__ == "__main__":
    main()
