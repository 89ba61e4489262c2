"""How well masses come back: mixtures of 20, 30 and 60 kDa, simulated with noise.

Run it as ``python benchmarks/bench_mass.py``; other mixtures with ``--landings 300 --noise 1e-4
1e-4 --trials 100``. A trial succeeds if as many components are found as there are, and the means of
all of them lie within their stated intervals. The coverage of single intervals is printed, too:
of the stated ones, of those of one standard error (68 %), and of 95 % for each mean alone.
"""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from napari_uai.iscat.mass import Calibration, analyse_masses, intervals, landing_table
from napari_uai.iscat.mass.mixtures import resample_mixture
from napari_uai.typing import Bools

MASSES_KDA = (20.0, 30.0, 60.0)
CONTRAST_PER_KDA = 3.2e-5
NEEDED = 0.9
"""Share of the trials that must succeed: 18 of 20."""


@dataclass(frozen=True)
class Case:
    """A simulated experiment.

    Parameters
    ----------
    landings
        Number of landings, drawn from the masses with equal probability.
    noise
        Lowest and highest error of a contrast.
    width_kda
        True width of each mass.
    bright
        Share of landings of positive contrast.
    slope_error
        Relative error of the calibration, which is drawn for each trial.
    """

    landings: int
    noise: tuple[float, float]
    width_kda: float = 0.0
    bright: float = 0.0
    slope_error: float = 0.0


@dataclass(frozen=True)
class Trial:
    """Means and what they are within."""

    means: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    stated: Bools
    one_error: Bools
    alone: Bools
    success: bool


CASES = {
    "300 landings": Case(300, (1e-4, 2e-4)),
    "500 landings": Case(500, (1e-4, 2e-4)),
    "1000 landings": Case(1000, (1e-4, 2e-4)),
    "500 landings, noise 1e-4": Case(500, (1e-4, 1e-4)),
    "1500 landings, width 2 kDa": Case(1500, (1e-4, 2e-4), width_kda=2.0),
    "500 landings, calibration 1 %": Case(500, (1e-4, 2e-4), slope_error=0.01),
}


def simulated(case: Case, seed: int) -> tuple[pd.DataFrame, Calibration]:
    """Return landings, and the calibration that an experimenter would have."""
    rng = np.random.default_rng(seed)
    masses = rng.choice(MASSES_KDA, case.landings) + case.width_kda * rng.normal(size=case.landings)
    errors = rng.uniform(*case.noise, case.landings)
    contrasts = CONTRAST_PER_KDA * masses + errors * rng.normal(size=case.landings)
    signs = np.where(rng.random(case.landings) < case.bright, 1, -1)
    spread = CONTRAST_PER_KDA * case.slope_error
    calibration = Calibration(CONTRAST_PER_KDA + spread * rng.normal(), slope_error=spread)
    return pd.DataFrame({"contrast": signs * contrasts, "contrast_error": errors}), calibration


def run_trial(seed: int, case: Case, replicates: int) -> Trial:
    """Analyse one simulated experiment."""
    table, calibration = simulated(case, seed)
    result = analyse_masses(
        [landing_table(table, "trial")], calibration=calibration, replicates=replicates, seed=seed
    )
    found = result.pooled[0]
    assert found.mixture is not None
    rows = found.components
    means, low, high = (rows[name].to_numpy() for name in ("mean_kda", "mean_low", "mean_high"))
    if len(means) != len(MASSES_KDA):
        nothing = np.empty(0, bool)
        return Trial(tuple(means), tuple(low), tuple(high), nothing, nothing, nothing, False)
    truth = np.array(MASSES_KDA)
    stated = (low <= truth) & (truth <= high)
    error = np.hypot(rows["mean_error_kda"], rows["calibration_error_kda"]).to_numpy()
    noise = result.landings["mass_noise_kda"]
    drawn = resample_mixture(
        found.mixture, result.landings["mass_kda"], noise, replicates=replicates, seed=seed
    )
    lowest, highest = intervals(drawn.means, simultaneous=False)
    # These do not contain the error of the calibration.
    as_calibrated = truth * CONTRAST_PER_KDA / calibration.slope
    return Trial(
        tuple(means),
        tuple(low),
        tuple(high),
        stated,
        np.abs(means - truth) <= error,
        (lowest <= as_calibrated) & (as_calibrated <= highest),
        bool(stated.all()),
    )


def report(name: str, case: Case, trials: list[Trial], seconds: float, *, every: bool) -> None:
    """Print all trials, and what they have in common."""
    print(f"\n{name}: contrast error {case.noise[0]:g} to {case.noise[1]:g}, {len(trials)} trials")
    if every:
        for i, trial in enumerate(trials):
            texts = [
                f"{m:6.2f} ({a:5.2f} to {b:5.2f})"
                for m, a, b in zip(trial.means, trial.low, trial.high, strict=True)
            ]
            print(f"  {i + 1:3}  {'yes' if trial.success else 'NO ':3}  {'  '.join(texts)}")
    n = sum(trial.success for trial in trials)
    resolved = [trial for trial in trials if len(trial.stated)]
    verdict = "reached" if n >= NEEDED * len(trials) else "MISSED"
    print(f"  {n} of {len(trials)} with all means within their intervals: {verdict}")
    print(f"  {len(resolved)} of {len(trials)} with {len(MASSES_KDA)} components")
    if resolved:
        for what, kind in (("stated (95 % together)", "stated"), ("95 % alone", "alone"),
                           ("one standard error", "one_error")):  # fmt: skip
            inside = np.mean([getattr(trial, kind) for trial in resolved], axis=0)
            texts = ", ".join(f"{share:.0%}" for share in inside)
            print(f"  coverage {what}: {texts}; mean {inside.mean():.0%}")
        bias = np.mean([trial.means for trial in resolved], axis=0) - MASSES_KDA
        print(f"  bias of the means: {', '.join(f'{b:+.2f}' for b in bias)} kDa")
    print(f"  {seconds / len(trials):.1f} s per trial")


def main() -> None:
    """Run the cases."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--replicates", type=int, default=400)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--cases", nargs="*", choices=CASES, default=list(CASES))
    parser.add_argument("--landings", type=int)
    parser.add_argument("--noise", type=float, nargs=2, default=(1e-4, 2e-4))
    parser.add_argument("--short", action="store_true", help="do not print every trial")
    chosen = parser.parse_args()
    cases = {name: CASES[name] for name in chosen.cases}
    if chosen.landings:
        cases = {f"{chosen.landings} landings": Case(chosen.landings, tuple(chosen.noise))}
    seeds = range(chosen.first_seed, chosen.first_seed + chosen.trials)
    with ProcessPoolExecutor(chosen.processes) as pool:
        for name, case in cases.items():
            start = time.perf_counter()
            trials = list(
                pool.map(partial(run_trial, case=case, replicates=chosen.replicates), seeds)
            )
            report(name, case, trials, time.perf_counter() - start, every=not chosen.short)


if __name__ == "__main__":
    main()
