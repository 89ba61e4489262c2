"""``napari-uai evaluate``: comparison of results with the ground truth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_uai.csv_cells import rearmed
from napari_uai.errors import VideoFormatError
from napari_uai.untrusted import read_csv

if TYPE_CHECKING:
    import pandas as pd

    from napari_uai.evaluate.evaluation import Evaluation


def evaluate(
    found: Annotated[
        Path,
        typer.Argument(
            metavar="LANDINGS.csv|TRAJECTORIES.csv|SCORES.csv",
            help="Detected landings, trajectories of particles, or scores of trails.",
        ),
    ],
    truth: Annotated[
        Path,
        typer.Argument(
            metavar="TRUTH.json|TRUTH.csv",
            help="True landings or particles, or true anomalies of trails.",
        ),
    ],
    max_frames: Annotated[
        float | None,
        typer.Option(help="Largest difference in time, in frames; default half a batch."),
    ] = None,
    max_px: Annotated[float, typer.Option(help="Largest distance, in px.")] = 2.5,
    same_sign: Annotated[
        bool, typer.Option("--same-sign", help="Require the sign of the true contrast.")
    ] = False,
) -> None:
    """Compare landings, trajectories, or scores of trails, with the truth."""
    if truth.suffix.lower() == ".csv":
        _evaluate_trails(found, truth)
        return
    from napari_uai.evaluate.evaluation import evaluate_landings
    from napari_uai.evaluate.truth import read_truth

    table = read_table(found)
    if "first_frame" in table.columns:
        from napari_uai.evaluate.trajectories import evaluate_trajectories

        typer.echo(evaluate_trajectories(table, read_truth(truth), max_px=max_px).as_text())
        return
    figures = evaluate_landings(
        table,
        read_truth(truth),
        max_frames=max_frames,
        max_px=max_px,
        same_sign=same_sign,
    )
    typer.echo(figures.as_text())


def _evaluate_trails(scores: Path, truth: Path) -> None:
    from napari_uai.evaluate.ranking import evaluate_trail_scores, read_trail_truth

    table = read_table(scores, {"trail": str})
    figures = evaluate_trail_scores(table, read_trail_truth(truth))
    typer.echo(figures.to_string(index=False, float_format="%.3f"))


_TABLES = ("landings.csv", "trajectories.csv", "scores.csv")
"""Tables of results that have a truth to be compared with."""


def read_table(path: Path, types: dict[str, type] | None = None) -> pd.DataFrame:
    """Read a table of results; raise an error with a one-line message if that fails."""
    if path.is_dir():
        name = next((name for name in _TABLES if (path / name).exists()), _TABLES[0])
        raise VideoFormatError(f"{path} is a folder: give a table, such as {path / name}")
    return rearmed(read_csv(path, types=types, error=VideoFormatError))


def comparison(figures: Evaluation) -> str:
    """Return a table of true landings and the detections matched to them, for a terminal."""
    lines = ["      frame      y      x  contrast   found: frame      y      x  contrast  score"]
    for _, row in figures.truth.iterrows():
        true = f"{row.raw_frame:11.0f} {row.y:6.1f} {row.x:6.1f}  {row.contrast:8.5f}"
        detected = "   missed"
        if row.found_score == row.found_score:  # not NaN
            detected = (
                f"{row.found_raw_frame:15.0f} {row.found_y:6.1f} {row.found_x:6.1f}"
                f"  {row.found_contrast:8.5f} {row.found_score:6.1f}"
            )
        lines.append(true + detected)
    return "\n".join(lines)
