"""``napari-uai iscat`` and ``info``: landings in recordings, and descriptions of recordings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_uai.cli.options import Out, named_recipe, with_shape
from napari_uai.cli.progress import announced_compiling, progress_bar
from napari_uai.cli.terminal import FAILED, notes, say

if TYPE_CHECKING:
    from napari_uai.iscat.recipes.batch import Outcome
    from napari_uai.videos.raw_shape import RawShape


@with_shape
def iscat(
    source: Annotated[
        Path, typer.Argument(metavar="INPUT", help="Recording, or folder of recordings.")
    ],
    out: Out,
    recipe: Annotated[str, typer.Option(help="Recipe: a name or a .toml file.")] = "matched",
    *,
    shape: RawShape,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="STAGE.PARAMETER=VALUE",
            help="Set a parameter, such as dra.batch_size=500; repeatable.",
        ),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help="dask.distributed scheduler, such as tcp://host:8786."
        ),
    ] = None,
) -> int:
    """Detect landings in a recording, or in all recordings of a folder.

    Writes tables, a summary figure and a record of the run.
    """
    from napari_uai.iscat.recipes.batch import (
        analyse_folder,
        analyse_recording,
        is_folder_of_recordings,
    )

    chosen = named_recipe(recipe).with_settings(settings or ())
    if is_folder_of_recordings(source):
        with announced_compiling(), progress_bar("recordings") as monitor:
            outcomes = analyse_folder(
                source, out, chosen, shape=shape, scheduler=scheduler, monitor=monitor
            )
        return _report_folder(outcomes, out)
    with announced_compiling(), progress_bar(source.name) as monitor:
        outcome = analyse_recording(
            source, out, chosen, shape=shape, scheduler=scheduler, monitor=monitor
        )
    _report(outcome)
    return 0


@with_shape
def info(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="Recording.")],
    *,
    shape: RawShape,
) -> None:
    """Describe a recording: shape, type, status line."""
    from napari_uai.videos.formats import open_frames
    from napari_uai.videos.frames import lazy_video
    from napari_uai.videos.status_line import find_status_line, read_status_line
    from napari_uai.videos.status_report import status_report

    frames, description = open_frames(source, shape)
    n, rows, columns = description.shape
    first, total = description.first_frame, description.file_frames
    pixel_size, frame_rate = description.pixel_size_um, description.frame_rate_hz
    lines = {
        "file": str(source),
        "format": f"{description.format} ({description.file_bytes} bytes)",
        "video": f"{n} frames of {rows} x {columns} px, {description.dtype}",
        "frames of the file": f"{first} to {first + n - 1} of {total}",
        "shape from": ", ".join(description.source),
        "pixel size": f"{pixel_size:g} um" if pixel_size else "unknown",
        "frame rate": f"{frame_rate:g} Hz" if frame_rate else "unknown",
    }
    for name, text in lines.items():
        typer.echo(f"{name + ':':20}{text}")
    video = lazy_video(frames)
    if find_status_line(video) is None:
        typer.echo("no status line")
    else:
        with progress_bar("status line") as monitor:
            report = status_report(read_status_line(video, monitor=monitor))
        typer.echo(report.text)
    notes(description.warnings)


def _report(outcome: Outcome) -> None:
    typer.echo(
        f"{outcome.n_landings} landings, {outcome.n_localizations} localizations "
        f"in {outcome.folder}"
    )
    notes(outcome.problems)


def _report_folder(outcomes: Sequence[Outcome], out: Path) -> int:
    failed = [outcome for outcome in outcomes if outcome.error]
    for outcome in outcomes:
        if not outcome.error:
            _report(outcome)
    if len(failed) == len(outcomes):
        first = failed[0]
        return say(
            f"{len(failed)} of {len(outcomes)} recordings failed, the first with: {first.error}; "
            f"see {out / 'problems.csv'}",
            FAILED,
        )
    for outcome in failed:
        typer.echo(f"failed: {' '.join(outcome.error.split())}", err=True)
    if failed:
        typer.echo(f"{len(failed)} of {len(outcomes)} failed: see {out / 'problems.csv'}", err=True)
    return 0
