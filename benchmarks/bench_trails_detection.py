"""How well anomalous trails are told from ordinary ones: simulated scenes with known anomalies.

Run it as ``python benchmarks/bench_trails_detection.py --seeds 5 --first-seed 0``. Each seed is
another place. Figures are means over the seeds; a kind is told from the ordinary trails alone.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from napari_uai.evaluate.ranking import ALL_KINDS, evaluate_trail_scores
from napari_uai.simulate.settings import TrailSettings
from napari_uai.simulate.trails.simulation import simulate_trails
from napari_uai.simulate.trails.traffic import ANOMALY_KINDS
from napari_uai.trails.scores.reference import reference_scores
from napari_uai.trails.scores.scores import SCORES, score_trails
from napari_uai.trails.table import UNCLASSIFIED

AUC_TARGET, PRECISION_TARGET = 0.95, 0.6
"""ROC AUC and average precision that ``anomaly`` is to reach over all kinds."""

COLUMNS = ("anomaly", *SCORES, "reference")


@dataclass(frozen=True)
class Situation:
    """A way in which trails may come."""

    name: str
    classes: bool = True


SITUATIONS = (
    Situation("classes as the tracker tells them"),
    Situation("no classes told (then no wrong class either)", classes=False),
)


def main() -> None:
    """Print the figures, and write them if asked to."""
    arguments = parse_arguments()
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    settings = TrailSettings(trails=arguments.trails, anomalous_fraction=arguments.fraction)
    tables = []
    for situation in SITUATIONS:
        began = time.perf_counter()
        figures = pd.concat(
            [evaluate(replace(settings, seed=seed), situation).assign(seed=seed) for seed in seeds]
        )
        seconds = time.perf_counter() - began
        print(
            f"\n{situation.name}: {arguments.seeds} scenes, seeds {seeds[0]} to {seeds[-1]}, "
            f"{settings.trails} trails, {100 * settings.anomalous_fraction:g} % anomalous "
            f"({seconds:.0f} s)"
        )
        show(figures)
        tables.append(figures.assign(situation=situation.name))
    verdict(tables[0])
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
    table = scores.join(reference, on="trail")
    return evaluate_trail_scores(table, truth, columns=COLUMNS)


def show(figures: pd.DataFrame) -> None:
    """Print a row per kind of anomaly, a column per score."""
    kinds = [kind for kind in (ALL_KINDS, *ANOMALY_KINDS) if kind in set(figures["anomaly"])]
    for figure, name in (("roc_auc", "ROC AUC"), ("average_precision", "average precision")):
        mean = figures.pivot_table(index="anomaly", columns="score", values=figure, aggfunc="mean")
        mean = mean.loc[kinds, list(COLUMNS)].round(3)
        spread = figures[figures["anomaly"] == ALL_KINDS].groupby("score")[figure].min()
        mean.loc["all, worst seed"] = spread.reindex(list(COLUMNS)).round(3)
        print(f"\n{name}")
        print(mean.rename_axis(index=None, columns=None).to_string())


def verdict(figures: pd.DataFrame) -> None:
    """Say whether the targets are met."""
    all_kinds = figures[(figures["score"] == "anomaly") & (figures["anomaly"] == ALL_KINDS)]
    auc, precision = all_kinds["roc_auc"].mean(), all_kinds["average_precision"].mean()
    for name, value, target in (
        ("ROC AUC", auc, AUC_TARGET),
        ("average precision", precision, PRECISION_TARGET),
    ):
        print(
            f"\n{name} of anomaly {value:.3f}, target {target}: "
            f"{'met' if np.round(value, 3) >= target else 'MISSED'}",
            end="",
        )
    print()


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
