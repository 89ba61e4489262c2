"""Whether diffusion constants and their errors are true.

``make bench-tracking`` prints how often the 95 % interval holds the known constant, for pure
trajectories of several lengths and localisation errors, and for simulated recordings analysed by
the recipe ``tracking``. ARGS="--seeds 4 --count 200".
"""

from __future__ import annotations

import argparse
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd

from napari_uai.evaluate.trajectories import evaluate_trajectories
from napari_uai.evaluate.truth import Truth
from napari_uai.iscat.measure.diffusion import diffusion_constants
from napari_uai.iscat.recipes.run import run_recipe
from napari_uai.simulate.iscat.recording import simulate_recording
from napari_uai.simulate.iscat.scenarios import scenario

SUBSTEPS = 16
UNIT = "px2_per_frame"


def pure_spots(rng: np.random.Generator, count: int, n: int, sigma: float) -> pd.DataFrame:
    """Return linked spots of particles of 1 px^2 per frame, always exposed."""
    walk = np.sqrt(2 / SUBSTEPS) * rng.normal(size=(2, count, n * SUBSTEPS))
    places = walk.cumsum(axis=2).reshape(2, count, n, SUBSTEPS).mean(axis=3)
    y, x = (places + sigma * rng.normal(size=places.shape)).reshape(2, -1)
    particle, frame = np.divmod(np.arange(count * n), n)
    return pd.DataFrame({"particle": particle, "frame": frame, "y": y, "x": x})


def pure(count: int) -> None:
    """Print the figures of pure trajectories."""
    print("spots  sigma (px)  mean D / true  in 95 % interval  scatter / stated error")
    for n in (10, 20, 50, 200):
        for sigma in (3.0, 1.0, 0.3, 0.1):
            rng = np.random.default_rng([n, round(10 * sigma)])
            found = diffusion_constants(pure_spots(rng, count, n, sigma))
            value = found[f"diffusion_{UNIT}"]
            within = found[f"diffusion_low_{UNIT}"].le(1) & found[f"diffusion_high_{UNIT}"].ge(1)
            stated = np.sqrt((found[f"diffusion_error_{UNIT}"] ** 2).mean())
            print(
                f"{n:5d}  {sigma:10.1f}  {value.mean():7.3f} +- {value.std() / np.sqrt(count):.3f}"
                f"  {within.mean():16.1%}  {value.std() / stated:10.2f}"
            )


def rendered(seeds: int) -> None:
    """Print the figures of the recipe on simulated recordings."""
    print("\nD (px^2/frame)  seed  population D / true (95 % interval)  weighted mean / true  in")
    for diffusion in (0.1, 0.5, 1.0):
        for seed in range(100, 100 + seeds):
            settings = replace(scenario("diffusing", seed), mover_diffusion=(diffusion, diffusion))
            made = simulate_recording(settings)
            result = run_recipe(made.video, "tracking")
            assert result.population is not None
            assert result.trajectories is not None
            row = result.population.iloc[0] / diffusion
            truth = Truth(made.truth, movers=made.movers, shape=made.video.shape[1:])
            figures = evaluate_trajectories(result.trajectories, truth)
            print(
                f"{diffusion:14.1f}  {seed:4d}  {row[f'diffusion_{UNIT}']:.3f} "
                f"({row[f'diffusion_low_{UNIT}']:.3f} to {row[f'diffusion_high_{UNIT}']:.3f})  "
                f"{row[f'mean_{UNIT}']:.3f} +- {row[f'mean_error_{UNIT}']:.3f}  "
                f"{figures.matched['within'].mean():.0%} of {len(figures.matched)}"
            )


def main() -> None:
    """Run both parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=400, help="Pure trajectories per line.")
    parser.add_argument("--seeds", type=int, default=4, help="Recordings per constant.")
    chosen = parser.parse_args()
    warnings.simplefilter("ignore", UserWarning)
    pure(chosen.count)
    rendered(chosen.seeds)


if __name__ == "__main__":
    main()
