"""How well anomalous trails are told from ordinary ones: simulated scenes with known anomalies.

Run it as ``python benchmarks/bench_trails_detection.py --seeds 5 --first-seed 0``. Each seed is
another place, and in the scenes of lanes another camera and tracker. Figures are means over the
seeds; a kind is compared with the ordinary trails alone.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from napari_uai.evaluate.ranking import ALL_KINDS, evaluate_trail_scores
from napari_uai.simulate.settings import TrailSettings
from napari_uai.simulate.trails.simulation import simulate_trails
from napari_uai.trails.scores.reference import reference_scores
from napari_uai.trails.scores.score_names import SCORES
from napari_uai.trails.scores.scores import score_trails
from napari_uai.trails.table import UNCLASSIFIED
from trail_baselines import BASELINES, baseline_scores

AUC_TARGET, PRECISION_TARGET = 0.95, 0.85
"""ROC AUC and average precision that ``anomaly`` is to reach over all kinds."""

COLUMNS = ("anomaly", *SCORES, "reference", *BASELINES, "route size")
"""What is evaluated. The last knows the truth, how few trails take the route of each: no method can
be much better where rare routes are looked for."""


@dataclass(frozen=True)
class Situation:
    """A way in which trails may come, and the average precision that is expected."""

    name: str
    settings: Callable[[TrailSettings], TrailSettings]
    target: float
    classes: bool = True


def varied_lanes(settings: TrailSettings) -> TrailSettings:
    """Return a scene of lanes whose size, tracker and traffic depend on the seed."""
    rng = np.random.default_rng([settings.seed, 77])
    slowest = float(rng.uniform(1.5, 8))
    return replace(
        settings,
        scene="lanes",
        trails=int(rng.choice([400, 800, 1500])),
        lanes=int(rng.integers(5, 30)),
        perspective=float(rng.uniform(1, 5)),
        occluders=int(rng.integers(0, 3)),
        rates_hz=(slowest, slowest * float(rng.uniform(1, 3))),
        jitter_px=float(rng.choice([0.2, 0.5, 0.8, 1.5])),
        spread=float(rng.uniform(0.5, 1.5)),
        lost_fraction=float(rng.choice([0, 0.05, 0.12])),
        gap_fraction=float(rng.choice([0, 0.1])),
        whims=float(rng.uniform(0, 1)),
        speed_variation=0.25,
        anomalies="movements",
    )


def plain_lanes(settings: TrailSettings) -> TrailSettings:
    """Return a scene as a plain method likes it: smooth, whole trails on many lanes of one class.

    The noise of the tracker and the width of the lanes depend on the seed, so that the plain
    methods reach what they do on labelled surveillance trails.
    """
    rng = np.random.default_rng([settings.seed, 78])
    return replace(
        settings,
        scene="lanes",
        lanes=int(rng.integers(12, 20)),
        perspective=float(rng.uniform(1.5, 4)),
        rates_hz=(8.0, 15.0),
        jitter_px=float(rng.uniform(0.05, 0.3)),
        spread=float(rng.uniform(1.0, 2.8)),
        lost_fraction=0.0,
        gap_fraction=0.0,
        whims=0.2,
        anomalies="movements",
    )


SITUATIONS = (
    Situation("roundabout, classes as the tracker gives them", lambda s: s, PRECISION_TARGET),
    Situation(
        "roundabout, classes unknown (then no wrong class either)", lambda s: s, 0.6, classes=False
    ),
    Situation("lanes, movements", varied_lanes, 0.7),
    Situation("plain lanes, movements", plain_lanes, 0.7),
    Situation(
        "roundabout, well travelled, movements",
        lambda s: replace(s, anomalies="movements", least_route_trails=20),
        0.7,
    ),
    Situation("roundabout, movements", lambda s: replace(s, anomalies="movements"), 0.7),
    Situation(
        "lanes, rare routes of five",
        lambda s: replace(varied_lanes(s), anomalies="rare routes"),
        0.7,
    ),
    Situation(
        "roundabout, well travelled, rare routes of five",
        lambda s: replace(s, anomalies="rare routes", least_route_trails=20),
        0.7,
    ),
    Situation(
        "roundabout, rare routes of five", lambda s: replace(s, anomalies="rare routes"), 0.7
    ),
)


def main() -> None:
    """Print the figures, and write them if asked to."""
    arguments = parse_arguments()
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    base = TrailSettings(trails=arguments.trails, anomalous_fraction=arguments.fraction)
    tables = []
    for situation in SITUATIONS:
        began = time.perf_counter()
        chosen = [situation.settings(replace(base, seed=seed)) for seed in seeds]
        figures = pd.concat(
            [evaluate(settings, situation).assign(seed=settings.seed) for settings in chosen]
        )
        print(
            f"\n{situation.name}: {arguments.seeds} scenes, seeds {seeds[0]} to {seeds[-1]}, "
            f"{100 * base.anomalous_fraction:g} % anomalous ({time.perf_counter() - began:.0f} s)"
        )
        show(figures)
        verdict(figures, situation.target)
        tables.append(figures.assign(situation=situation.name))
    if arguments.out:
        pd.concat(tables).to_csv(arguments.out, index=False)


def evaluate(settings: TrailSettings, situation: Situation) -> pd.DataFrame:
    """Simulate a scene, score its trails, compare with the truth."""
    simulated = simulate_trails(settings)
    trails, truth = simulated.trails, simulated.truth
    if not situation.classes:
        kept = (truth["anomaly"] != "wrong class").to_numpy()
        trails = trails.select(kept)
        trails = replace(trails, table=trails.table.assign(**{"class": UNCLASSIFIED}))
        truth = truth[kept]
    scores = score_trails(trails).table
    reference = pd.Series(
        reference_scores(trails).anomaly, index=trails.table["trail"], name="reference"
    )
    single = scores.set_index("trail")[list(SCORES)]
    table = scores.join(reference, on="trail").join(baseline_scores(trails, single), on="trail")
    rarity = -truth.groupby(["class", "route"])["trail"].transform("size")
    table = table.join(rarity.set_axis(truth["trail"]).rename("route size"), on="trail")
    return evaluate_trail_scores(table, truth, columns=COLUMNS)


def beaten_by(figures: pd.DataFrame) -> str:
    """Return the plain methods with a higher mean average precision than ``anomaly``."""
    everything = figures[figures["anomaly"] == ALL_KINDS]
    mean = everything.groupby("score")["average_precision"].mean()
    better = [name for name in ("reference", *BASELINES) if mean[name] > mean["anomaly"]]
    return ", ".join(better) or "none"


def show(figures: pd.DataFrame) -> None:
    """Print a row per kind of anomaly, a column per score."""
    kinds = list(dict.fromkeys(figures["anomaly"]))
    for figure, name in (("roc_auc", "ROC AUC"), ("average_precision", "average precision")):
        mean = figures.pivot_table(index="anomaly", columns="score", values=figure, aggfunc="mean")
        mean = mean.loc[kinds, list(COLUMNS)].round(3)
        spread = figures[figures["anomaly"] == ALL_KINDS].groupby("score")[figure].min()
        mean.loc["all, worst seed"] = spread.reindex(list(COLUMNS)).round(3)
        print(f"\n{name}")
        print(mean.rename_axis(index=None, columns=None).to_string())


def verdict(figures: pd.DataFrame, target: float) -> None:
    """Say whether the targets are met."""
    all_kinds = figures[(figures["score"] == "anomaly") & (figures["anomaly"] == ALL_KINDS)]
    for name, value, wanted in (
        ("ROC AUC", all_kinds["roc_auc"].mean(), AUC_TARGET),
        ("average precision", all_kinds["average_precision"].mean(), target),
    ):
        print(
            f"{name} of anomaly {value:.3f}, target {wanted}: "
            f"{'met' if np.round(value, 3) >= wanted else 'MISSED'}"
        )
    print(f"plain methods that are better: {beaten_by(figures)}")


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--trails", type=int, default=TrailSettings.trails)
    parser.add_argument("--fraction", type=float, default=TrailSettings.anomalous_fraction)
    parser.add_argument("--out", type=Path, help="csv of all figures")
    return parser.parse_args()


if __name__ == "__main__":
    main()
