"""What bfloat16 costs in detection: recipe prediction with the packaged, trained weights.

Run it as ``python benchmarks/bench_precision.py --seeds 2 --first-seed 1000``. The same recordings
go through the recipe in either precision; residuals are compared in standard deviations of the
rolling average's noise. What it gains in time is told by ``bench_network.py``.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from napari_uai.evaluate.evaluation import evaluate_landings
from napari_uai.evaluate.truth import truth_of
from napari_uai.iscat.detect.spots import detect_spots
from napari_uai.iscat.fastdvdnet.stages import background_weights
from napari_uai.iscat.measure.amplitudes import amplitude_noise
from napari_uai.iscat.measure.gaussian_fits import fit_spots
from napari_uai.iscat.measure.landings import landings_from_tracks
from napari_uai.iscat.measure.linking import link_spots
from napari_uai.iscat.measure.spot_filters import symmetric_spots
from napari_uai.iscat.recipes.recipe import Recipe, load_recipe
from napari_uai.iscat.recipes.run import ROLLING_AVERAGE, run_recipe
from napari_uai.simulate.files import truth_document
from napari_uai.simulate.iscat.recording import simulate_recording
from napari_uai.simulate.iscat.scenarios import SCENARIOS, ScenarioName, scenario
from napari_uai.videos.frames import compute_video

Floats = np.ndarray[Any, np.dtype[np.float32]]

PRECISIONS = ("float32", "bfloat16")
STEP = 50
"""From one compared frame to the next."""


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
        "deviations of a pixel of the rolling average; noise left: of a spot's contrast in one\n"
        "frame, residual against rolling average; AP: of the reported landings."
    )


def figures(name: ScenarioName, seed: int) -> dict[str, Any]:
    """Put one recording through the recipe in either precision, each frame predicted once."""
    settings = scenario(name, seed)
    recording = simulate_recording(settings)
    truth = truth_of(truth_document(settings, recording.truth))
    row: dict[str, Any] = {"situation": name, "seed": seed}
    residuals = []
    for precision in PRECISIONS:
        chosen = f"dra.batch_size={settings.batch_size}", f"background.precision={precision}"
        recipe = load_recipe("prediction").with_settings(chosen)
        upto = recipe.steps.index(recipe.step("residual")) + 1
        lazy = replace(recipe, steps=recipe.steps[:upto], outputs={})
        videos = run_recipe(recording.video, lazy).videos
        drift = compute_video(videos["drift"])
        residuals.append(compute_video(videos["residual"]))
        found = evaluate_landings(landings_of(recipe, residuals[-1], drift), truth)
        row |= {f"AP {precision}": found.average_precision}
    exact, rounded = (r[::STEP] for r in residuals)
    noise = 1.4826 * float(np.median(np.abs(drift[::STEP] - np.median(drift[::STEP]))))
    row["difference rms"] = float(np.sqrt(np.mean((rounded - exact) ** 2))) / noise
    row["difference max"] = float(np.abs(rounded - exact).max()) / noise
    row["noise left"] = amplitude_noise(residuals[0]) / amplitude_noise(drift)
    told = (f"{k} {v:.4g}" if isinstance(v, float) else str(v) for k, v in row.items())
    print(", ".join(told), flush=True)
    return row


def landings_of(recipe: Recipe, residual: Floats, drift: Floats) -> pd.DataFrame:
    """Return what the recipe's later steps find, in frames of the recording."""
    spots = detect_spots(residual, **recipe.values("spots"))
    fits = fit_spots(spots, drift, **recipe.values("fits"))
    tracks = link_spots(symmetric_spots(fits, **recipe.values("round")), **recipe.values("tracks"))
    landings = landings_from_tracks(tracks, residual, **recipe.values("measured"))
    batch_size = recipe.values(ROLLING_AVERAGE)["batch_size"]
    return landings.assign(raw_frame=landings["frame"] + batch_size)


if __name__ == "__main__":
    main()
