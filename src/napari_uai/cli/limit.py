"""``napari-uai limit``: what would be found on a recording."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_uai.cli.options import Out, named_recipe, with_read_options
from napari_uai.cli.progress import announced_compiling, progress_bar
from napari_uai.cli.terminal import notes
from napari_uai.errors import BadValueError, counted

if TYPE_CHECKING:
    from napari_uai.iscat.limit.result import DetectionLimit, LimitRun
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
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="STAGE.PARAMETER=VALUE",
            help="Set a parameter, such as events.false_landings=0.1; repeatable.",
        ),
    ] = None,
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
) -> None:
    """Measure what would be found on a recording, by landings injected into it.

    Writes recall against contrast, limits, errors, false rows, and a picture.
    """
    from napari_uai.iscat.limit.analysis import detection_limit
    from napari_uai.iscat.limit.outputs import write_limit
    from napari_uai.results import results_folder
    from napari_uai.videos.recording import read_recording

    masses = _calibration(calibration, contrast_per_kda)
    recipes = [named_recipe(name) for name in recipe or ("matched",)]
    with results_folder(out), announced_compiling(), progress_bar(source.name) as monitor:
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
        write_limit(result, out, monitor=monitor.part(0.98, 1.0))
    _report(result, out)
    notes(list(result.problems))


def _calibration(path: Path | None, slope: float | None) -> Calibration | None:
    from napari_uai.iscat.mass.calibration import Calibration, read_calibration

    if path is not None and slope is not None:
        raise BadValueError("one calibration is enough, got --calibration and --contrast-per-kda")
    if slope is not None:
        return Calibration(slope)
    return None if path is None else read_calibration(path)


def _report(result: DetectionLimit, out: Path) -> None:
    for run in result.runs:
        typer.echo(_limits_text(result, run))
        typer.echo(f"  {_found_text(run)}")
        if len(run.nulls):
            typer.echo(f"  {_nulls_text(run)}")
    if len(result.runs) > 1:
        typer.echo(f"lowest contrast at 50 %: {result.best.label}")
    if result.suggested:
        typer.echo(f"suggested: --set dra.batch_size={result.best.batch_size}")
    typer.echo(f"tables and pictures in {out}")


def _limits_text(result: DetectionLimit, run: LimitRun) -> str:
    rows = result.limits[result.limits["label"] == run.label]
    parts = []
    for row in rows.to_dict("records"):
        mass = f", {row['mass_kda']:.0f} kDa" if "mass_kda" in row else ""
        parts.append(
            f"{row['recall']:.0%} at {contrast_text(row['contrast'])} "
            f"({contrast_text(row['low'])} to {contrast_text(row['high'])}{mass})"
        )
    return f"{run.label}: {'; '.join(parts)}"


def _found_text(run: LimitRun) -> str:
    accepted = "" if run.accepted_false is None else f" at {run.accepted_false:g} accepted false"
    stopped = "" if run.complete else "; stopped early, another batch is better"
    return (
        f"{run.injections['found'].sum()} of {counted(len(run.injections), 'injected landing')} "
        f"found{accepted}; {counted(len(run.landings), 'landing')} without{stopped}"
    )


def _nulls_text(run: LimitRun) -> str:
    means = run.nulls.groupby("kind", sort=False)["reported"].mean()
    each = ", ".join(f"{mean:.3g} {kind}" for kind, mean in means.items())
    return f"reported in recordings without landings: {each}"


def contrast_text(value: float) -> str:
    """Return a contrast as in the tables, or that it is not reached."""
    import math

    return f"{value:.2e}".replace("e-0", "e-") if math.isfinite(value) else "not reached"
