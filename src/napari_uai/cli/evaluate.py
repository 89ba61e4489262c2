"""``napari-uai evaluate``: results against the truth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_uai.errors import VideoFormatError

if TYPE_CHECKING:
    import pandas as pd

    from napari_uai.evaluate.evaluation import Evaluation


def evaluate(
    found: Annotated[
        Path, typer.Argument(metavar="LANDINGS.csv|SCORES.csv", help="Found landings, or ranks.")
    ],
    truth: Annotated[
        Path, typer.Argument(metavar="TRUTH.json|TRUTH.csv", help="True landings, or anomalies.")
    ],
    max_frames: Annotated[
        float | None, typer.Option(help="Largest difference in time; half a batch by default.")
    ] = None,
    max_px: Annotated[float, typer.Option(help="Largest distance.")] = 2.5,
    same_sign: Annotated[
        bool, typer.Option("--same-sign", help="The sign of the contrast must be right.")
    ] = False,
) -> None:
    """Compare found landings, or the ranks of trails, with the truth."""
    if truth.suffix.lower() == ".csv":
        _evaluate_ranks(found, truth)
        return
    from napari_uai.evaluate.evaluation import evaluate_landings
    from napari_uai.evaluate.truth import read_truth

    figures = evaluate_landings(
        read_table(found),
        read_truth(truth),
        max_frames=max_frames,
        max_px=max_px,
        same_sign=same_sign,
    )
    typer.echo(figures.as_text())


def _evaluate_ranks(found: Path, truth: Path) -> None:
    from napari_uai.evaluate.ranking import evaluate_trail_scores, read_trail_truth

    scores = read_table(found, {"trail": str})
    figures = evaluate_trail_scores(scores, read_trail_truth(truth))
    typer.echo(figures.to_string(index=False, float_format="%.3f"))


def read_table(path: Path, types: dict[str, type] | None = None) -> pd.DataFrame:
    """Read a CSV table; a file that cannot be read is an error of one line."""
    import pandas as pd

    try:
        return pd.read_csv(path, dtype=types)
    except FileNotFoundError:
        raise VideoFormatError(f"{path} does not exist; check the path") from None
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise VideoFormatError(
            f"{path} cannot be read as a table: {reason}; give a landings.csv or scores.csv"
        ) from None


def comparison(figures: Evaluation) -> str:
    """Put what was found beside the truth, landing by landing."""
    lines = ["      frame      y      x  contrast   found: frame      y      x  contrast  score"]
    for _, row in figures.truth.iterrows():
        true = f"{row.raw_frame:11.0f} {row.y:6.1f} {row.x:6.1f}  {row.contrast:8.5f}"
        found = "   missed"
        if row.found_score == row.found_score:  # not NaN
            found = (
                f"{row.found_raw_frame:15.0f} {row.found_y:6.1f} {row.found_x:6.1f}"
                f"  {row.found_contrast:8.5f} {row.found_score:6.1f}"
            )
        lines.append(true + found)
    return "\n".join(lines)
