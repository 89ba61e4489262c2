"""Whether detection limits are true: injected landings against the true ones of simulations.

Run it as ``python benchmarks/bench_limit.py --recordings 10``. Each recording has its own optics,
noise, drift, camera pattern and share of dark landings, drawn by its seed. Its detection limit is
measured with several batches. The truth is what the same recipe finds of its true landings, and of
those of sister recordings (same settings, other seeds), which are not shown to the analysis.

- *recall*: number of true landings found, against the interval that the curve of recall foretells
  for landings of just these contrasts, between and beside which no other one is near;
- *batch*: contrast of half the recall, by truth, with the batch that the analysis prefers, over
  that with the best batch.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import napari_uai as uai
from napari_uai.files import whole_file
from napari_uai.iscat.limit import LimitRun, fit_recall
from napari_uai.iscat.limit.matching import matched
from napari_uai.iscat.limit.placing import NEAR_BATCHES, NEAR_SIGMAS
from napari_uai.simulate.settings import RecordingSettings

BATCHES = (400, 800)
SISTER_SEED = 100_000
DRAWS = 4000
LEVEL = 0.95
TOLERANCE = 1.1
"""Largest ratio of the limits of the preferred and of the best batch."""


def main() -> None:
    """Print and write the figures."""
    arguments = parse_arguments()
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.recordings)
    tables, batches = [], []
    for seed in seeds:
        begin = time.process_time()
        recalls, batch = run_recording(seed, arguments)
        tables.append(recalls)
        batches.append(batch)
        own = recalls.iloc[0]
        print(
            f"{seed}: {own.found:.0f} of {own.landings:.0f} found, foretold {own.low:.0f} to "
            f"{own.high:.0f}; batch {batch['preferred']} at {batch['ratio']:.2f} of the best "
            f"({time.process_time() - begin:.0f} s)",
            flush=True,
        )
        print(recalls.round(6).to_string(index=False), flush=True)
    table, choice = pd.concat(tables, ignore_index=True), pd.DataFrame(batches)
    with (
        whole_file(arguments.out / "recall.csv") as recall_file,
        whole_file(arguments.out / "batches.csv") as batch_file,
    ):
        table.to_csv(recall_file, index=False, float_format="%.5g")
        choice.to_csv(batch_file, index=False, float_format="%.5g")
    report(table, choice)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recordings", type=int, default=10)
    parser.add_argument("--sisters", type=int, default=6, help="more recordings for the truth")
    parser.add_argument("--first-seed", type=int, default=2000)
    parser.add_argument("--injections", type=int, default=80)
    parser.add_argument("--out", type=Path, default=Path("build/limit"), help="folder")
    arguments = parser.parse_args()
    if arguments.recordings < 1 or arguments.sisters < 0 or arguments.first_seed < 0:
        parser.error("--recordings is 1 or more, --sisters and --first-seed 0 or more")
    return arguments


def report(table: pd.DataFrame, choice: pd.DataFrame) -> None:
    """Print how often the truth was within the interval, and how good the batches were."""
    for name, batch in table.groupby("batch"):
        for which in ("", "all_"):
            inside = batch[f"{which}found"].between(batch[f"{which}low"], batch[f"{which}high"])
            found, landings = batch[f"{which}found"].sum(), batch[f"{which}landings"].sum()
            print(
                f"batch {name}, {'own and sisters' if which else 'own'} landings: within the "
                f"interval in {inside.sum()} of {len(batch)}; recall {found / landings:.3f}, "
                f"foretold {batch[f'{which}expected'].sum() / landings:.3f}"
            )
    good = choice["ratio"] <= TOLERANCE
    print(f"batch within {TOLERANCE - 1:.0%} of the best by truth: {good.sum()} of {len(choice)}")


def settings_of(seed: int) -> RecordingSettings:
    """Draw the settings of one recording."""
    rng = np.random.default_rng(seed)
    return RecordingSettings(
        seed=seed,
        frames=4000,
        rows=int(rng.integers(52, 69)),
        columns=int(rng.integers(52, 69)),
        batch_size=max(BATCHES) // 2,  # landings are where they are injected, too
        electrons=float(rng.uniform(1e4, 6e4)),
        electrons_per_count=float(rng.uniform(1, 20)),
        sigma_px=float(rng.uniform(1.5, 2.0)),
        ringing=float(rng.uniform(0, 1)),
        speckle_contrast=float(rng.uniform(0.03, 0.12)),
        illumination_drop=float(rng.uniform(0, 0.3)),
        landings=10,
        landing_snr=(1.0, 7.0),
        margin_px=2.0,
        dark_fraction=float(rng.choice([0.0, 0.3, 0.5, 1.0])),
        drift_px=float(rng.choice([0.0, 0.03, 0.1, 0.2])),
        laser_noise=float(rng.uniform(5e-4, 3e-3)),
        line_pattern=float(rng.uniform(1e-4, 6e-4)),
        hot_pixels=int(rng.integers(0, 8)),
    )


def run_recording(seed: int, arguments: argparse.Namespace) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return recalls of each batch, and how good the preferred one is."""
    settings = settings_of(seed)
    simulated = uai.simulate_recording(settings)
    result = uai.detection_limit(
        simulated.video, batch_sizes=BATCHES, injections=arguments.injections, nulls=0, seed=seed
    )
    truths = {
        run.batch_size: [matched_truth(simulated.truth, run.landings, settings, run)]
        for run in result.runs
    }
    for sister in range(arguments.sisters):
        other = replace(settings, seed=SISTER_SEED + 1000 * sister + seed)
        recording = uai.simulate_recording(other)
        for run in result.runs:
            events = events_of(recording.video, run)
            truths[run.batch_size].append(matched_truth(recording.truth, events, other, run))
    rng = np.random.default_rng(seed)
    rows, limits = [], {}
    for run in result.runs:
        every = pd.concat(truths[run.batch_size], ignore_index=True)
        truth = fit_recall(every["contrast"], every["found"]).contrast_at(0.5)
        limits[run.batch_size] = truth[0]
        predicted = run.curve.contrast_at(0.5)
        rows.append(
            {
                "seed": seed,
                "batch": run.batch_size,
                **foretold(run, truths[run.batch_size][0], rng),
                **{f"all_{k}": v for k, v in foretold(run, every, rng).items()},
                "half": predicted[0],
                "half_low": predicted[1],
                "half_high": predicted[2],
                "true_half": truth[0],
                "true_half_low": truth[1],
                "true_half_high": truth[2],
            }
        )
    preferred = result.best.batch_size
    best = min(limits, key=lambda batch: limits[batch])
    ratio = limits[preferred] / limits[best]
    return pd.DataFrame(rows), {"seed": seed, "preferred": preferred, "best": best, "ratio": ratio}


def events_of(video: Any, run: LimitRun) -> pd.DataFrame:
    """Return what the recipe of a run accepts in another recording."""
    steps = run.recipe.values("steps")
    events = uai.iscat.detect_steps(uai.iscat.power_normalization(video), **steps)
    return uai.iscat.accept_events(events, **run.recipe.values("events"))


def matched_truth(
    truth: pd.DataFrame, reported: pd.DataFrame, settings: RecordingSettings, run: LimitRun
) -> pd.DataFrame:
    """Return the true landings that are asked for: in the window, no other one near them."""
    landings = truth.rename(columns={"raw_frame": "frame"})
    values = landings[["frame", "y", "x"]].to_numpy(np.float64)
    gap = np.abs(values[:, None] - values[None])
    near = gap[..., 0] < NEAR_BATCHES * run.batch_size
    near &= np.hypot(gap[..., 1], gap[..., 2]) < NEAR_SIGMAS * settings.sigma_px
    alone = near.sum(axis=1) == 1
    inside = landings["frame"].between(run.window[0], run.window[1] - 1)
    return matched(landings[alone & inside], reported, run.batch_size)


def foretold(run: LimitRun, truth: pd.DataFrame, rng: np.random.Generator) -> dict[str, float]:
    """Return the number of true landings found, and what the curve says of that number."""
    contrasts = truth["contrast"].abs().to_numpy(np.float64)
    recalls = run.curve.of_draws(run.curve.draws(DRAWS, rng), contrasts)
    numbers = rng.binomial(1, recalls).sum(axis=1)
    low, high = np.quantile(numbers, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return {
        "landings": len(truth),
        "found": int(truth["found"].sum()),
        "expected": float(recalls.mean(axis=0).sum()),
        "low": float(low),
        "high": float(high),
    }


if __name__ == "__main__":
    main()
