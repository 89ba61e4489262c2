"""``napari-uai trails fit``, and ``napari-uai trails --model``: yesterday's traffic for today."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_uai.cli.options import Camera, FrameRate, Location, SceneSize
from napari_uai.cli.progress import announced_compiling, progress_bar
from napari_uai.cli.terminal import notes
from napari_uai.errors import BadValueError, counted, one_line

if TYPE_CHECKING:
    from napari_uai.trails.analysis.folder import TrailSource


def fit_trails(
    source: Annotated[
        Path, typer.Argument(metavar="INPUT", help="Report folder or table of a tracker.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="SCENE.model", help="File of the model.")],
    location: Location = None,
    camera: Camera = None,
    scene: SceneSize = None,
    frame_rate: FrameRate = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Set a parameter of the scores."),
    ] = None,
) -> None:
    """Learn the ordinary traffic of a scene, to score later trails against it."""
    from napari_uai.trails.analysis.folder import TrailSource, scene_of_text
    from napari_uai.trails.analysis.model_file import write_model
    from napari_uai.trails.analysis.scene_model import fit_scene

    options = TrailSource(
        location=location,
        camera=camera,
        frame_rate_hz=frame_rate,
        scene=scene_of_text(scene) if scene else None,
    )
    with announced_compiling(), progress_bar(source.name) as monitor:
        trails = options.open(source, monitor=monitor.part(0.0, 0.4))
        model = fit_scene(trails, settings=settings or (), monitor=monitor.part(0.4, 1.0))
    write_model(model, out)
    typer.echo(f"model of {counted(len(model), 'trail')} written to {out}")


def score_with_model(
    source: Path, out: Path, model: Path, options: TrailSource, unused: Sequence[str]
) -> None:
    """Score the trails of a file against a model, write the scores and print the first."""
    from napari_uai.trails.analysis.model_folder import rank_against

    if unused:
        raise BadValueError(f"{', '.join(unused)} cannot be combined with --model: leave it out")
    with announced_compiling(), progress_bar(source.name) as monitor:
        scores, problems = rank_against(source, out, model, source=options, monitor=monitor)
    typer.echo(f"{counted(len(scores), 'trail')} scored against {model.name} in {out}")
    for row in scores.head(3).itertuples():
        percent = 100 * float(str(row.anomaly))
        typer.echo(f"  {row.rank:3}. {percent:.0f} %  p {row.p_value:.2g}  {one_line(row.trail)}")
    notes([str(problem) for problem in problems["problem"].head(5)])
