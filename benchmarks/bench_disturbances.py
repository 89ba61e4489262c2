"""What disturbances of a recording cost: landings lost, false landings, and what is said of them.

Run it as ``python benchmarks/bench_disturbances.py --seeds 5``; only some with ``--disturbances
light-off bubble``. Every disturbed recording has an undisturbed twin of the same seed. Recall is
that of the reported landings, in pairs: of the true landings that are farther than a batch from a
disturbance that has a time, and farther than 4 px from one that has a place. False landings are
reported rows without a true landing within half a batch and 3 px, near in time or not.
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
from napari_uai.typing import Bools

MATCH_PX = 3.0
FAR_PX = 4.0
RECALL_LOST = 0.03
"""Recall that a disturbance may cost elsewhere."""

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
    "\nRecall outside the disturbance / of the same landings in the undisturbed twin; false: rows\n"
    "per recording / in the twin; contrast: found over true, median. What was said, first seed:\n"
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
        outside = away(frames.truth, frames.disturbances, settings)
        own = matched(frames.truth, result.landings, settings)
        other = matched(twin_truth, twin.landings, settings)
        same = outside if name not in NO_TWIN else np.ones(len(twin_truth), bool)
        outcome = Outcome(
            name, seed,
            int(outside.sum()), int((outside & (own >= 0)).sum()),
            int(same.sum()), int((same & (other >= 0)).sum()),
            len(result.landings) - len(np.unique(own[own >= 0])),
            len(twin.landings) - len(np.unique(other[other >= 0])),
            contrast_ratio(frames.truth, result.landings, own),
            result.problems,
        )  # fmt: skip
        print(outcome[:-1], flush=True)
        outcomes.append(outcome)
    return outcomes


def found_in(settings: RecordingSettings, *, told: bool = False) -> RunResult:
    """Run the recipe with its defaults, as in use."""
    chosen = [f"dra.batch_size={settings.batch_size}"]
    chosen += [f"steps.sigma_px={settings.sigma_px}"] if told else []
    return run_recipe(simulate_recording(settings).video, "matched", settings=chosen)


def away(
    truth: pd.DataFrame, disturbances: Sequence[Disturbance], settings: RecordingSettings
) -> Bools:
    """Return which landings are away from all disturbances, in time or in space."""
    outside = np.ones(len(truth), bool)
    for each in disturbances:
        if np.isfinite(each.y):
            near = np.hypot(truth["y"] - each.y, truth["x"] - each.x) <= FAR_PX
        else:
            last = each.first if each.kind in {"focus_jump", "illumination_step"} else each.last
            near = truth["raw_frame"] >= each.first - settings.batch_size
            near &= truth["raw_frame"] <= last + settings.batch_size
        outside &= ~near.to_numpy()
    return outside


def matched(truth: pd.DataFrame, found: pd.DataFrame, settings: RecordingSettings) -> np.ndarray:
    """Return for each true landing the row that is nearest, or -1."""
    pairs = match_landings(
        found, truth, max_frames=settings.batch_size / 2, max_px=MATCH_PX, same_sign=True
    )["true_index"].to_numpy()
    index = np.full(len(truth), -1)
    index[pairs[pairs >= 0]] = np.flatnonzero(pairs >= 0)
    return index


def contrast_ratio(truth: pd.DataFrame, found: pd.DataFrame, index: np.ndarray) -> float:
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
        more = each["false"].mean() - each["twin_false"].mean()
        fine = recall >= twin - RECALL_LOST and more <= 0
        rows.append(
            {
                "disturbance": name,
                "recall": f"{recall:.2f} / {twin:.2f}",
                "false": f"{each['false'].mean():.1f} / {each['twin_false'].mean():.1f}",
                "contrast": f"{each['ratio'].mean():.2f}",
                "": "" if fine else "<",
            }
        )
    return pd.DataFrame(rows)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    main()
