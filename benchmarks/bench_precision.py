"""What bfloat16 costs in detection: recipe prediction with the packaged, trained weights.

Run it as ``python benchmarks/bench_precision.py --seeds 2 --first-seed 1000``. The same recordings
go through the recipe in either precision; residuals are compared in standard deviations of the
rolling average's noise.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import pandas as pd

from napari_uai.evaluate.evaluation import evaluate_landings
from napari_uai.evaluate.truth import truth_of
from napari_uai.fastdvdnet.stages import background_weights
from napari_uai.iscat.landings import amplitude_noise
from napari_uai.simulate.files import truth_document
from napari_uai.simulate.recording import simulate_recording
from napari_uai.simulate.scenarios import SCENARIOS, ScenarioName, scenario
from napari_uai.videos.frames import frames_of
from napari_uai.workflow.run import RunResult, run_recipe

PRECISIONS = ("float32", "bfloat16")
COMPARED_FRAMES = 100


def main() -> None:
    """Print a line for each situation."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=2, help="recordings per situation")
    parser.add_argument("--first-seed", type=int, default=1000)
    parser.add_argument("--scenarios", nargs="+", choices=SCENARIOS, default=SCENARIOS)
    arguments = parser.parse_args()
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    rows = [figures(name, seed) for name in arguments.scenarios for seed in seeds]
    table = pd.DataFrame(rows).groupby("situation", sort=False).mean()
    digest = background_weights().sha256[:12]
    print(f"seeds {seeds[0]} to {seeds[-1]}, means; weights {digest}...\n")
    print(table.drop(columns="seed").to_string(float_format="{:.4f}".format))
    print(
        "difference: root mean square and largest of the residuals' difference, in standard\n"
        "deviations of a pixel of the rolling average; noise: of a spot's contrast in one frame,\n"
        "residual against rolling average; AP: of the reported landings."
    )


def figures(name: ScenarioName, seed: int) -> dict[str, Any]:
    """Put one recording through the recipe in either precision."""
    settings = scenario(name, seed)
    recording = simulate_recording(settings)
    truth = truth_of(truth_document(settings, recording.truth))
    batch = f"dra.batch_size={settings.batch_size}"
    row: dict[str, Any] = {"situation": name, "seed": seed}
    runs: list[RunResult] = []
    for precision in PRECISIONS:
        chosen = f"background.precision={precision}"
        runs.append(run_recipe(recording.video, "prediction", settings=[batch, chosen]))
        found = evaluate_landings(runs[-1].landings, truth)
        row |= {f"AP {precision}": found.average_precision}
        row |= {f"seconds {precision}": sum(runs[-1].timings_s.values())}
    drift, exact, rounded = (
        sampled(run, step)
        for run, step in ((runs[0], "drift"), (runs[0], "residual"), (runs[1], "residual"))
    )
    noise = 1.4826 * float(np.median(np.abs(drift - np.median(drift))))
    videos = runs[0].videos
    row["difference rms"] = float(np.sqrt(np.mean((rounded - exact) ** 2))) / noise
    row["difference max"] = float(np.abs(rounded - exact).max()) / noise
    row["noise"] = amplitude_noise(videos["residual"]) / amplitude_noise(videos["drift"])
    print(", ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{v}" for k, v in row.items()))
    return row


def sampled(run: RunResult, step: str) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return frames spread over the video of a step."""
    frames = frames_of(run.videos[step])
    chosen = np.linspace(0, len(frames) - 1, COMPARED_FRAMES).round().astype(int)
    return np.stack([frames.read(i, i + 1)[0] for i in chosen])


if __name__ == "__main__":
    main()
