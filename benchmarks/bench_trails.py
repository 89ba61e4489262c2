"""Speed and memory of trail scores, beside a plain re-implementation of the reference's text.

Run it as ``python benchmarks/bench_trails.py``; it needs 4 GB of memory, with ``--short`` 1 GB.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score

from napari_uai.simulate.settings import TrailSettings
from napari_uai.simulate.trails.simulation import simulate_trails
from napari_uai.trails.analysis.model_file import read_model, write_model
from napari_uai.trails.analysis.scene_model import SAMPLE, fit_scene, update_scene
from napari_uai.trails.analysis.scene_scores import score_against
from napari_uai.trails.heat.along_trails import mean_over_trails, worst_window
from napari_uai.trails.heat.footprints import paint_footprints
from napari_uai.trails.heat.heat import (
    TrailHeat,
    measure_heat,
    update_heat,
)
from napari_uai.trails.heat.masks import apply_masks
from napari_uai.trails.heat.painted_width import choose_painted_width
from napari_uai.trails.heat.scaling import rescale
from napari_uai.trails.io.reading import open_trails
from napari_uai.trails.io.writing import write_trails
from napari_uai.trails.scores.reference import reference_scores
from napari_uai.trails.scores.score_names import SCORES
from napari_uai.trails.scores.scores import score_trails
from napari_uai.trails.table import Trails
from trail_baselines import by_class, forest, outlier_factor

EXAMPLE = Path(__file__).parents[1] / "../shared/data/trails/example_data_for_heatmap.zip"
MANY, LARGE = 10_000, 100_000
LONGEST_SIDE = 360
N_DIRECTIONS = 12
PEERS = {"forest": "isolation forest", "lof": "local outlier factor"}

Result = TypeVar("Result")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="leave the 100 000 trails out")
    short = parser.parse_args().short
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; kernels compiled before")
    bench_example()
    trails = bench_many()
    bench_peers()
    today = simulate_trails(TrailSettings(trails=MANY, seed=1)).trails
    bench_model(trails, today, short=short)
    if not short:
        bench_large(trails)


def bench_example() -> None:
    """Print what the example takes."""
    if not EXAMPLE.exists():
        print("the example recording is not here")
        return
    trails, loading = timed(lambda: open_trails(EXAMPLE))
    print(f"\nexample: {len(trails)} trails, {len(trails.y)} samples")
    line("loading (zip, JSON)", loading)
    everywhere = np.ones((trails.scene.height, trails.scene.width), bool)
    plain, plain_s = timed(lambda: plain_scores(trails, everywhere))
    ours, ours_s = timed(lambda: reference_scores(trails, everywhere).anomaly)
    line("reference's scores, plain loops", plain_s)
    line("reference's scores, preset", ours_s)
    print(f"  largest difference between both {np.abs(plain - ours).max():.1e}")
    line("all scores", timed(lambda: score_trails(trails))[1], target_ms=60)


def bench_many() -> Trails:
    """Print what ten thousand simulated trails take."""
    trails = simulate_trails(TrailSettings(trails=MANY)).trails
    print(f"\nsimulated: {len(trails)} trails, {len(trails.y)} samples, 3 classes")
    everywhere = np.ones((trails.scene.height, trails.scene.width), bool)
    line("reference's scores, plain loops", timed(lambda: plain_scores(trails, everywhere), 1)[1])
    line("reference's scores, preset", timed(lambda: reference_scores(trails, everywhere))[1])
    footprints, seconds = timed(lambda: paint_footprints(trails, n_directions=N_DIRECTIONS))
    line(f"paths in {N_DIRECTIONS} directions ({len(footprints.cells)} points)", seconds)
    heat, seconds = timed(lambda: measure_heat(footprints, trails.table["class"]))
    line("heat with leave-one-out", seconds)
    line("heat scores, from the choice of the width on", timed(lambda: heat_scores(trails))[1])
    line("choice of the painted width", timed(lambda: choose_painted_width(trails))[1])
    line("change of limits or scale", timed(lambda: rescored(heat))[1], target_ms=30)
    mask = everywhere.copy()
    mask[:, : mask.shape[1] // 4] = False
    line("change of the mask", timed(lambda: remasked(trails, heat, mask))[1], target_ms=100)
    line("all scores", timed(lambda: score_trails(trails))[1], target_ms=2000)
    return trails


def bench_peers() -> None:
    """Print what outlier detectors take on the single scores, and how well each method ranks."""
    simulated = simulate_trails(TrailSettings(trails=MANY))
    odd = (simulated.truth["anomaly"] != "").to_numpy()
    measured = score_trails(simulated.trails)
    table = measured.table[list(SCORES)].to_numpy(float)
    kinds = measured.table["class"].to_numpy().astype(str)
    print(f"\n{MANY} trails, {len(SCORES)} scores of each; average precision beside the truth")
    with tempfile.TemporaryDirectory() as folder:
        day = Path(folder) / "day.csv"
        write_trails(simulated.trails, day)
        from_csv = partial(open_trails, day, scene_size=(1280, 720))
        worked("all scores and anomaly, from csv (target 4000)", lambda: score_trails(from_csv()))
    precision = average_precision_score(odd[measured.rows], measured.table["anomaly"])
    print(f"  anomaly: average precision {precision:.3f}")
    for name in ("forest", "lof"):
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            origin, scores, work, mib = pool.submit(peer_scores, name, table, kinds).result()
        precision = average_precision_score(odd[measured.rows], scores)
        what = f"{PEERS[name]} ({origin}) on the same scores"
        print(f"  {what:62s} work {1000 * work:7.1f} ms, {mib:.0f} MiB; AP {precision:.3f}")


def peer_scores(
    name: str, table: np.ndarray, kinds: np.ndarray
) -> tuple[str, np.ndarray, float, float]:
    """Return who made an outlier detector, its scores, processor time (s) and added memory (MiB).

    PyOD's is used if it is installed, otherwise that of scikit-learn, which PyOD calls.
    """
    try:
        from pyod.models.iforest import IForest
        from pyod.models.lof import LOF

        origin = "PyOD"
        detectors = {"forest": lambda: IForest(random_state=0), "lof": LOF}
    except ImportError:
        origin, detectors = "scikit-learn", None
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    if detectors is not None:
        scores = by_class(kinds, lambda rows: detectors[name]().fit(table[rows]).decision_scores_)
    elif name == "forest":
        scores = by_class(kinds, lambda rows: forest(table[rows]))
    else:
        scores = by_class(kinds, lambda rows: outlier_factor(table[rows], 20))
    work = time.process_time() - start
    return (
        origin,
        scores,
        work,
        (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024,
    )


def bench_large(trails: Trails) -> None:
    """Print time and memory for a hundred thousand trails, in a process of their own."""
    print(f"\n{LARGE} trails (the same, each ten times, a little beside itself)")
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        wall, work, gib, n_samples = pool.submit(score_large, trails).result()
    print(
        f"  all scores ({n_samples} samples): wall {wall:.1f} s, work {work:.1f} s (target 60); "
        f"peak memory of the process {gib:.2f} GiB (target 2)"
    )


def score_large(trails: Trails) -> tuple[float, float, float, int]:
    """Return wall and processor time (s), peak memory (GiB) and samples of very many trails."""
    large = beside(trails, LARGE // len(trails))
    wall, work = time.perf_counter(), time.process_time()
    score_trails(large)
    wall, work = time.perf_counter() - wall, time.process_time() - work
    return wall, work, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, len(large.y)


def bench_model(yesterday: Trails, today: Trails, *, short: bool = False) -> None:
    """Print what a model of a scene takes: wall time and, where others may disturb it, work."""
    print(f"\nmodel of {len(yesterday)} trails, at most {SAMPLE} of a class to compare with")
    with tempfile.TemporaryDirectory() as folder:
        path, day = Path(folder) / "scene.model", Path(folder) / "today.csv"
        write_trails(today, day)
        model = worked("fitting", lambda: fit_scene(yesterday))
        worked("writing", lambda: write_model(model, path))
        print(f"  file of {path.stat().st_size / 1e6:.1f} MB")
        worked("reading", lambda: read_model(path))
        month = model
        for i in range(2 if short else 6):
            if i in (0, 3, 5):
                what = f"adding {len(today)} trails to {len(month)}"
                worked(what, lambda month=month: update_scene(month, today))
            other = beside(today, i + 2).select(np.arange(MANY * (i + 1), MANY * (i + 2)))
            month = update_scene(month, other)
        worked("scoring a day, from the table to scores", lambda: score_day(path, day))
        if short:
            return
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            wall, work, gib = pool.submit(score_many, path, today).result()
    rate = LARGE / (work / 2)
    print(
        f"  {LARGE} trails scored: wall {wall:.1f} s, work {work:.1f} s: {rate:.0f} trails/s on "
        f"two cores (target 10000); {gib:.2f} GiB more than the trails and the model"
    )


def score_day(model: Path, day: Path) -> None:
    """Score the trails of a table."""
    score_against(read_model(model), open_trails(day, scene_size=(1280, 720)))


def score_many(path: Path, today: Trails) -> tuple[float, float, float]:
    """Return wall time and processor time (s) of many trails, and how much memory they add."""
    model, trails = read_model(path), beside(today, LARGE // len(today))
    score_against(model, trails.select(np.arange(1000)))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wall, work = time.perf_counter(), time.process_time()
    score_against(model, trails)
    wall, work = time.perf_counter() - wall, time.process_time() - work
    return wall, work, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**20


def worked(what: str, work: Callable[[], Result]) -> Result:
    """Print wall time and processor time of the second call of a function."""
    result = work()
    wall, processor = time.perf_counter(), time.process_time()
    result = work()
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    print(f"  {what:48s} {1000 * wall:9.1f} ms, work {1000 * processor:9.1f} ms")
    return result


def heat_scores(trails: Trails) -> np.ndarray:
    """Score trails by their heat alone, from the choice of the width on."""
    width = choose_painted_width(trails).painted_width_px
    footprints = paint_footprints(trails, painted_width_px=width, n_directions=N_DIRECTIONS)
    return rescored(measure_heat(footprints, trails.table["class"]))


def rescored(heat: TrailHeat) -> np.ndarray:
    """Score heat that was measured before on another scale."""
    scaled = rescale(heat, lower=1, upper=10, unit="permille", scale="log")
    mean = mean_over_trails(heat.footprints, scaled.at_points, weigh="arc")
    worst = worst_window(heat.footprints, scaled.at_points, weigh="arc").mean
    return 1 - np.stack([mean, worst])


def remasked(trails: Trails, heat: TrailHeat, mask: np.ndarray) -> np.ndarray:
    """Score heat after another region was painted."""
    included = apply_masks(trails, default=mask).included
    return rescored(update_heat(heat, included=included))


def plain_scores(trails: Trails, mask: np.ndarray) -> np.ndarray:
    """Score trails by the reference's text, one after the other, with OpenCV and numpy."""
    scene = trails.scene
    rows = round(LONGEST_SIDE * scene.height / scene.width)
    scale = np.array([LONGEST_SIDE - 1, rows - 1]) / (scene.width - 1, scene.height - 1)
    small = cv2.resize(mask.astype(np.uint8), (LONGEST_SIDE, rows))
    cells, inside = [], []
    for i in range(len(trails)):
        own = trails.trail(i)
        xy = np.stack([trails.x[own], trails.y[own]], axis=1).astype(float)
        cell = np.clip(np.rint(xy * scale), 0, [LONGEST_SIDE - 1, rows - 1]).astype(np.int32)
        cells.append(cell)
        inside.append(np.mean([small[y, x] for x, y in cell]) > 0.5)
    scores = np.full(len(trails), np.nan)
    kinds = trails.table["class"].to_numpy()
    for kind in np.unique(kinds):
        members = [i for i in range(len(trails)) if kinds[i] == kind and inside[i]]
        heat = np.zeros((rows, LONGEST_SIDE), np.float32)
        for i in members:
            canvas = np.zeros((rows, LONGEST_SIDE), np.float32)
            cv2.polylines(canvas, [cells[i]], isClosed=False, color=1, thickness=2)
            cv2.blur(canvas, (7, 7))  # the reference throws the result away
            heat += canvas
        level = np.log(np.clip(heat, 3, 50) - 3 + 1)
        ordinary = level / level.max()
        for i in members:
            scores[i] = 1 - np.mean([ordinary[y, x] for x, y in cells[i]])
    return scores


def beside(trails: Trails, times: int) -> Trails:
    """Return trails several times over, each moved a little."""
    rng = np.random.default_rng(0)
    n, n_samples = len(trails), len(trails.y)
    moved = [rng.normal(0, 3, (2, n)).astype(np.float32) for _ in range(times)]
    owner = trails.owner
    starts = [trails.offsets[:-1] + i * n_samples for i in range(times)]
    table = pd.concat([trails.table] * times, ignore_index=True)
    table["trail"] = np.arange(len(table)).astype(str)
    return replace(
        trails,
        offsets=np.concatenate([*starts, [times * n_samples]]),
        y=np.concatenate([trails.y + d[0][owner] for d in moved]),
        x=np.concatenate([trails.x + d[1][owner] for d in moved]),
        time=np.tile(trails.time, times),
        table=table,
        hulls=(),
    )


def timed(work: Callable[[], Result], repeats: int = 3) -> tuple[Result, float]:
    """Return what a function returns, and the least time that it took after a first run; s."""
    result = work()
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = work()
        taken.append(time.perf_counter() - start)
    return result, min(taken)


def line(what: str, seconds: float, target_ms: float | None = None) -> None:
    """Print one figure."""
    target = "" if target_ms is None else f"  (target {target_ms:.0f})"
    print(f"  {what:48s} {1000 * seconds:9.1f} ms{target}")


if __name__ == "__main__":
    main()
