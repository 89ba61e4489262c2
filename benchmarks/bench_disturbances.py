"""What disturbances of a recording cost: landings lost, false landings, and what is said of them.

Run it as ``python benchmarks/bench_disturbances.py --seeds 5``; only some with ``--disturbances
light-off bubble``. Every disturbed recording has an undisturbed twin of the same seed. Recall is
that of the reported landings among the true ones that are farther than a batch from a disturbance
that has a time, and farther than 4 px from one that has a place. False landings are reported rows
without a true landing of that sign within half a batch and 3 px; *near* are those within a batch,
or 4 px, of the disturbance that the twin does not have.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from napari_uai.evaluate.matching import match_landings
from napari_uai.files import whole_file
from napari_uai.iscat.recipes.run import RunResult, run_recipe
from napari_uai.simulate.iscat.disturbances import Disturbance
from napari_uai.simulate.iscat.recording import SimulatedFrames, simulate_recording
from napari_uai.simulate.iscat.scenarios import DISTURBED, disturbed, undisturbed
from napari_uai.simulate.settings import RecordingSettings
from napari_uai.typing import Bools, Ints

MATCH_PX = 3.0
FAR_PX = 4.0
RECALL_LOST = 0.03
"""Recall that a disturbance may cost elsewhere."""

JUMPS = ("focus_jump", "illumination_step")

NO_TWIN = ("narrow", "wide", "elliptic", "dense", "leaving", "random-walk")
"""Other landings than those of the twin: their recall is compared as a whole."""

TOLD = ("narrow", "wide")
"""Width told to the detector, as a user would."""


class Outcome(NamedTuple):
    """Figures of one recording."""

    disturbance: str
    seed: int
    true: int
    found: int
    twin_true: int
    twin_found: int
    false: int
    false_near: int
    twin_false: int
    ratio: float
    said: tuple[str, ...]


def main() -> None:
    """Print and write the figures."""
    arguments = parse_arguments()
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    outcomes = list(run_all(seeds, arguments.disturbances, arguments.processes))
    table = pd.DataFrame(outcomes)
    shown = summary(table)
    print(f"\n{len(seeds)} recordings each, seeds {seeds[0]} to {seeds[-1]}\n")
    print(shown.to_string(index=False))
    print(NOTE)
    for name in arguments.disturbances:
        said = table.loc[table["disturbance"] == name, "said"].iloc[0]
        print(f"{name}: {'; '.join(said) or '-'}")
    with whole_file(arguments.out) as path:
        table.to_csv(path, index=False)
    print(f"\nEach recording: {arguments.out}")


NOTE = (
    "\nRecall outside the disturbance / of the same landings in the undisturbed twin. False: rows\n"
    "per recording / in the twin, where one is accepted; near: those near the disturbance that\n"
    "the twin does not have.\n"
    "Contrast: found over true, median. What was said, first seed:\n"
)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5, help="recordings per disturbance")
    parser.add_argument("--first-seed", type=int, default=1000)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("build/disturbances.csv"))
    parser.add_argument("--disturbances", nargs="+", choices=DISTURBED, default=list(DISTURBED))
    arguments = parser.parse_args()
    if arguments.seeds < 1 or arguments.processes < 1 or arguments.first_seed < 0:
        parser.error("--seeds and --processes are 1 or more, --first-seed 0 or more")
    return arguments


def run_all(seeds: range, names: Sequence[str], processes: int) -> Iterator[Outcome]:
    """Analyse every recording; one twin serves all disturbances of a seed."""
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as workers:
        for seed_outcomes in workers.map(run_seed, seeds, [tuple(names)] * len(seeds)):
            yield from seed_outcomes


def run_seed(seed: int, names: Sequence[str]) -> list[Outcome]:
    """Analyse all recordings of one seed."""
    settings = undisturbed(seed)
    twin, twin_truth = found_in(settings), simulate_recording(settings).truth
    outcomes = []
    for name in names:
        settings = disturbed(name, seed)
        frames = SimulatedFrames(settings)
        result = found_in(settings, told=name in TOLD)
        disturbances, rows = frames.disturbances, result.landings
        outside = ~near_in_time(frames.truth["raw_frame"], disturbances, settings.batch_size)
        outside &= ~near_in_space(frames.truth, disturbances)
        own = matched(frames.truth, rows, disturbances, settings)
        other = matched(twin_truth, twin.landings, (), settings)
        false = rows.drop(index=own[own >= 0].tolist())
        near = near_in_time(false["raw_frame"], disturbances, settings.batch_size)
        near |= near_in_space(false, disturbances)
        near &= ~also_in(twin.landings, false, settings)
        same = outside if name not in NO_TWIN else np.ones(len(twin_truth), bool)
        outcome = Outcome(
            name, seed,
            int(outside.sum()), int((outside & (own >= 0)).sum()),
            int(same.sum()), int((same & (other >= 0)).sum()),
            len(false), int(near.sum()), len(twin.landings) - int((other >= 0).sum()),
            contrast_ratio(frames.truth, rows, own),
            result.problems,
        )  # fmt: skip
        print(
            f"{name} {seed}: {outcome.found} of {outcome.true} landings, {outcome.false} false, "
            f"{outcome.false_near} near",
            flush=True,
        )
        outcomes.append(outcome)
    return outcomes


def found_in(settings: RecordingSettings, *, told: bool = False) -> RunResult:
    """Run the recipe with its defaults, as in use."""
    chosen = [f"dra.batch_size={settings.batch_size}"]
    chosen += [f"steps.sigma_px={settings.sigma_px}"] if told else []
    return run_recipe(simulate_recording(settings).video, "matched", settings=chosen)


def near_in_time(frame: pd.Series, disturbances: Sequence[Disturbance], reach: int) -> Bools:
    """Return which frames are within reach of a disturbance that concerns the whole field."""
    numbers = frame.to_numpy()
    near = np.zeros(len(numbers), bool)
    for each in disturbances:
        if not np.isfinite(each.y):
            last = each.first if each.kind in JUMPS else each.last
            near |= (numbers >= each.first - reach) & (numbers <= last + reach)
    return near


def near_in_space(table: pd.DataFrame, disturbances: Sequence[Disturbance]) -> Bools:
    """Return which rows are near a disturbance that has a place."""
    y, x = table["y"].to_numpy(), table["x"].to_numpy()
    near = np.zeros(len(table), bool)
    for each in disturbances:
        if np.isfinite(each.y):
            near |= np.hypot(y - each.y, x - each.x) <= FAR_PX
    return near


def also_in(twin: pd.DataFrame, rows: pd.DataFrame, settings: RecordingSettings) -> Bools:
    """Return which rows the undisturbed twin has as well."""
    apart = [rows[name].to_numpy()[:, None] - twin[name].to_numpy() for name in ("y", "x")]
    late = rows["raw_frame"].to_numpy()[:, None] - twin["raw_frame"].to_numpy()
    same = (np.hypot(*apart) <= MATCH_PX) & (np.abs(late) <= settings.batch_size / 2)
    return np.asarray(same.any(axis=1))


def matched(
    truth: pd.DataFrame,
    found: pd.DataFrame,
    disturbances: Sequence[Disturbance],
    settings: RecordingSettings,
) -> Ints:
    """Return for each true landing the row that is nearest, or -1.

    What landed while there was nothing to see may be found at either end of that time.
    """
    index = np.full(len(truth), -1)
    unseen = near_in_time(truth["raw_frame"], disturbances, 0)
    longest = max((d.last - d.first for d in disturbances if d.kind not in JUMPS), default=0)
    half = settings.batch_size / 2
    for limit, possible in ((half, np.ones(len(truth), bool)), (half + longest, unseen)):
        open_ = np.flatnonzero(possible & (index < 0))
        free = np.setdiff1d(np.arange(len(found)), index)
        if not (len(open_) and len(free)):
            continue
        pairs = match_landings(
            found.iloc[free], truth.iloc[open_], max_frames=limit, max_px=MATCH_PX, same_sign=True
        )["true_index"].to_numpy()
        index[open_[pairs[pairs >= 0]]] = free[pairs >= 0]
    return index


def contrast_ratio(truth: pd.DataFrame, found: pd.DataFrame, index: Ints) -> float:
    """Return the median of found over true contrast."""
    real = index >= 0
    if not real.any():
        return float("nan")
    ratio = found["contrast"].to_numpy()[index[real]] / truth["contrast"].to_numpy()[real]
    return float(np.median(ratio))


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """One row per disturbance."""
    rows = []
    for name, each in table.groupby("disturbance", sort=False):
        recall = each["found"].sum() / max(each["true"].sum(), 1)
        twin = each["twin_found"].sum() / max(each["twin_true"].sum(), 1)
        fine = recall >= twin - RECALL_LOST and not each["false_near"].sum()
        rows.append(
            {
                "disturbance": name,
                "recall": f"{recall:.2f} / {twin:.2f}",
                "false": f"{each['false'].mean():.1f} / {each['twin_false'].mean():.1f}",
                "near": f"{each['false_near'].mean():.1f}",
                "contrast": f"{each['ratio'].mean():.2f}",
                "": "" if fine else "<",
            }
        )
    return pd.DataFrame(rows)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    main()
