"""``napari-uai iscat``: landings in recordings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_uai.cli.options import (
    Out,
    Overwrite,
    RecipeSettings,
    named_recipe,
    region_of,
    with_read_options,
)
from napari_uai.cli.progress import announced_compiling, progress_bar
from napari_uai.cli.terminal import FAILED, notes, say
from napari_uai.errors import counted, one_line

if TYPE_CHECKING:
    from napari_uai.iscat.recipes.batch import Outcome
    from napari_uai.videos.read_options import ReadOptions


@with_read_options
def iscat(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="INPUT", help="Recording, folder of recordings, or table (.csv, .toml) of them."
        ),
    ],
    out: Out,
    recipe: Annotated[str, typer.Option(help="Recipe: a name or a .toml file.")] = "matched",
    *,
    options: ReadOptions,
    settings: RecipeSettings = None,
    region: Annotated[
        str | None,
        typer.Option(
            metavar="TOP:BOTTOM,LEFT:RIGHT",
            help="Part of the field to analyse, px; BOTTOM and RIGHT are excluded.",
        ),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help="dask.distributed scheduler, such as tcp://host:8786."
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Processes that share the recordings of a folder or table, or the parts of one.",
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> int:
    """Detect landings in a recording, or in all recordings of a folder or table.

    Writes tables, a summary figure and a record of the run.
    """
    from napari_uai.iscat.recipes.batch import (
        analyse_folder,
        analyse_recording,
        is_folder_of_recordings,
    )
    from napari_uai.iscat.recipes.batch_table import analyse_table, is_table
    from napari_uai.iscat.recipes.editing import limited_to

    chosen = named_recipe(recipe).with_settings(settings or ())
    corners = region_of(region)
    if corners is not None:
        chosen = limited_to(chosen, corners)
    if is_table(source) or is_folder_of_recordings(source):
        analyse = analyse_table if is_table(source) else analyse_folder
        with announced_compiling(), progress_bar("recordings") as monitor:
            outcomes = analyse(
                source,
                out,
                chosen,
                options=options,
                scheduler=scheduler,
                workers=workers,
                overwrite=overwrite,
                monitor=monitor,
            )
        return _report_folder(outcomes, out)
    with announced_compiling(), progress_bar(source.name) as monitor:
        outcome = analyse_recording(
            source,
            out,
            chosen,
            options=options,
            scheduler=scheduler,
            workers=workers,
            overwrite=overwrite,
            monitor=monitor,
        )
    _report(outcome)
    return 0


def _report(outcome: Outcome) -> None:
    if outcome.n_trajectories is None:
        found = (
            f"{counted(outcome.n_landings, 'landing')}, "
            f"{counted(outcome.n_localizations, 'localization')}"
        )
    else:
        found = counted(outcome.n_trajectories, "trajectory")
    typer.echo(
        f"{found} in {one_line(outcome.folder)}{' (of an earlier run)' if outcome.earlier else ''}"
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
            f"{len(failed)} of {counted(len(outcomes), 'recording')} failed, the first with: "
            f"{first.error}; see {out / 'problems.csv'}",
            FAILED,
        )
    for outcome in failed:
        typer.echo(f"failed: {' '.join(outcome.error.split())}", err=True)
    if failed:
        typer.echo(f"{len(failed)} of {len(outcomes)} failed: see {out / 'problems.csv'}", err=True)
    return 0
