"""``napari-uai limit``: what would be found on a recording."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_uai.cli.options import Out, Overwrite, RecipeSettings, named_recipe, with_read_options
from napari_uai.cli.progress import announced_compiling, progress_bar
from napari_uai.cli.terminal import notes
from napari_uai.errors import BadValueError

if TYPE_CHECKING:
    from napari_uai.iscat.mass.calibration import Calibration
    from napari_uai.videos.read_options import ReadOptions


@with_read_options
def limit(
    source: Annotated[Path, typer.Argument(metavar="RECORDING", help="Recording.")],
    out: Out,
    recipe: Annotated[
        list[str] | None,
        typer.Option(
            help="Recipe: a name or a .toml file; repeatable, to compare.", show_default="matched"
        ),
    ] = None,
    *,
    batch: Annotated[
        list[int] | None,
        typer.Option(metavar="FRAMES", help="Batch (dra.batch_size); repeatable, to compare."),
    ] = None,
    suggest: Annotated[
        bool, typer.Option("--suggest", help="Compare a series of batches, and suggest one.")
    ] = False,
    options: ReadOptions,
    settings: RecipeSettings = None,
    injections: Annotated[int, typer.Option(help="Injected landings per recipe and batch.")] = 180,
    point_spread_function: Annotated[
        str,
        typer.Option(
            metavar="IMAGE",
            help="Image of a point: fitted, gaussian or a file; by default that of the recipe.",
        ),
    ] = "",
    nulls: Annotated[
        int, typer.Option(help="Recordings without landings, of each kind, per recipe and batch.")
    ] = 1,
    calibration: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="calibration.toml of napari-uai mass, for masses."),
    ] = None,
    contrast_per_kda: Annotated[
        float | None, typer.Option(metavar="SLOPE", help="Calibration as a number: 3.2e-5.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of everything that is random.")] = 0,
    overwrite: Overwrite = False,
) -> None:
    """Measure what would be found on a recording, by landings injected into it.

    Writes recall against contrast, limits, errors, false rows, and a picture.
    """
    from napari_uai.iscat.limit.analysis import detection_limit
    from napari_uai.iscat.limit.outputs import FILES, RECORD, write_limit_files
    from napari_uai.iscat.limit.wording import report_lines
    from napari_uai.results import results_folder
    from napari_uai.store.keeping import keeping
    from napari_uai.videos.recording import read_recording

    masses = _calibration(calibration, contrast_per_kda)
    recipes = [named_recipe(name) for name in recipe or ("matched",)]
    with (
        keeping() as store,
        results_folder(out, replaces=FILES, record=RECORD, overwrite=overwrite) as partial,
        announced_compiling(),
        progress_bar(source.name) as monitor,
    ):
        result = detection_limit(
            read_recording(source, options),
            recipes,
            batch_sizes=batch or (),
            suggest=suggest,
            settings=settings or (),
            injections=injections,
            point_spread_function=point_spread_function,
            calibration=masses,
            nulls=nulls,
            seed=seed,
            monitor=monitor.part(0.0, 0.98),
        )
        write_limit_files(result, partial, monitor=monitor.part(0.98, 1.0))
    for line in report_lines(result):
        typer.echo(line)
    typer.echo(f"tables and pictures in {out}")
    notes([*result.problems, *store.not_kept])


def _calibration(path: Path | None, slope: float | None) -> Calibration | None:
    from napari_uai.iscat.mass.calibration import Calibration, read_calibration

    if path is not None and slope is not None:
        raise BadValueError("one calibration is enough, got --calibration and --contrast-per-kda")
    if slope is not None:
        return Calibration(slope)
    return None if path is None else read_calibration(path)
