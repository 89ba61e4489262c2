"""``napari-uai demo``: analysis of the sample data, compared with the ground truth."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from napari_uai.cli.evaluate import comparison, read_table
from napari_uai.cli.progress import announced_compiling, progress_bar

DEMO_RECIPES = ("matched", "rescored", "prediction", "handcrafted", "classical")


def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for the results.")] = Path("demo"),
) -> None:
    """Analyse the sample data and compare the results with the truth."""
    _demo_landings(out)
    typer.echo("")
    _demo_trails(out / "trails")


def _demo_landings(out: Path) -> None:
    """Detect landings in the sample recording with several recipes."""
    from napari_uai.evaluate.evaluation import evaluate_landings
    from napari_uai.evaluate.truth import read_truth
    from napari_uai.iscat.fastdvdnet.loading import INSTALL, torch_is_installed
    from napari_uai.iscat.recipes.batch import analyse_recording
    from napari_uai.iscat.recipes.recipe import PREDICTING, load_recipe
    from napari_uai.sample_data import sample_path

    source, truth = sample_path("landings.bin"), read_truth(sample_path("landings_truth.json"))
    typer.echo(f"sample recording {source.name}: {len(truth.landings)} landings\n")
    typer.echo(f"{'recipe':12} {'found':>5} {'missed':>6} {'false':>5} {'seconds':>7}")
    compared = ""
    for name in DEMO_RECIPES:
        recipe = load_recipe(name).with_settings([f"dra.batch_size={truth.batch_size}"])
        if not torch_is_installed() and recipe.steps_of(PREDICTING):
            typer.echo(f"{name:12} needs torch: {INSTALL}")
            continue
        begin = time.perf_counter()
        with announced_compiling(), progress_bar(name) as monitor:
            outcome = analyse_recording(source, out / name, recipe, monitor=monitor)
        seconds = time.perf_counter() - begin
        figures = evaluate_landings(read_table(outcome.folder / "landings.csv"), truth)
        counts = f"{figures.n_found:5} {figures.n_missed:6} {figures.n_false:5}"
        typer.echo(f"{name:12} {counts} {seconds:7.1f}")
        compared = compared or f"recipe {name}, landing by landing:\n{comparison(figures)}"
    typer.echo(f"\n{compared}")
    typer.echo(f"results in {out / '<recipe>'}, overview in summary.png")


def _demo_trails(out: Path) -> None:
    """Rank the trails of the sample scene."""
    from napari_uai.evaluate.ranking import read_trail_truth, roc_auc
    from napari_uai.sample_data import sample_path
    from napari_uai.trails.analysis.folder import rank_trails

    source = sample_path("trails")
    truth = read_trail_truth(source / "truth.csv").set_index("trail")["anomaly"]
    anomalies = truth[truth != ""]
    n = len(anomalies)
    typer.echo(f"sample scene {source.name}: {len(truth)} trails, {n} of them anomalous")
    with announced_compiling(), progress_bar("trails") as monitor:
        result = rank_trails(source, out, top=n, monitor=monitor)
    scores = result.scores
    table = scores.set_index("trail").loc[anomalies.index].sort_values("rank")
    n_top = int((table["rank"] <= n).sum())
    area = roc_auc(scores["anomaly"].to_numpy(), scores["trail"].isin(anomalies.index).to_numpy())
    typer.echo(
        f"\n{n_top} of {n} anomalies are among the top {n} of the ranking, all among "
        f"the top {table['rank'].max()}; ROC AUC {area:.3f}"
    )
    typer.echo("  rank  anomaly  class        kind of anomaly    trail")
    for trail, row in table.iterrows():
        percentage, kind = f"{100 * row['anomaly']:5.1f} %", anomalies[str(trail)]
        typer.echo(f"{row['rank']:6}  {percentage}  {row['class']:12} {kind:18} {trail}")
    typer.echo(f"results in {out}, pictures in {out / 'tiles.png'} and top_<class>.png")
