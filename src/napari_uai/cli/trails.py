"""``napari-uai trails``: ranking of the trails of a tracker."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_uai.cli.options import OptionalOut, Overwrite
from napari_uai.cli.progress import announced_compiling, progress_bar
from napari_uai.cli.terminal import notes
from napari_uai.cli.trail_models import refuse, score_with_model, watch_trails
from napari_uai.cli.trail_options import with_trail_options
from napari_uai.errors import BadValueError, counted, one_line

if TYPE_CHECKING:
    from napari_uai.trails.analysis.folder import TrailSource
    from napari_uai.trails.analysis.result import TrailResult

NAMED_CLASSES, NAMED_PROBLEMS = 8, 5
"""Maximum numbers of classes and problems printed; the files list all."""


def _show_trail_parameters(wanted: bool) -> None:
    if not wanted:
        return
    from napari_uai.trails.analysis.settings import settable_parameters

    for parameter in settable_parameters().values():
        typer.echo(
            f"{parameter.name}: {parameter.accepts}; default {parameter.default}\n"
            f"    {parameter.description}"
        )
    raise typer.Exit


@with_trail_options
def trails(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="INPUT",
            help="Report folder (locations/...), or table of a tracker: csv, MOT text, JSON, ...",
        ),
    ],
    options: TrailSource,
    out: OptionalOut = None,
    preset: Annotated[str | None, typer.Option(help="Preset: default or reference.")] = None,
    mask: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[CLASS=]MASK.png",
            help="Picture of the region in which trails count, for all classes or for one.",
        ),
    ] = None,
    top: Annotated[
        int | None, typer.Option(help="Number of trails per class in pictures; default 9.")
    ] = None,
    like: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN.json",
            help="Use the preset, parameters and masks of an earlier run or an export from napari.",
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Set a parameter, such as n_directions=16; repeatable; see --parameters.",
        ),
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Also write the trails as read: .csv, .txt (MOT), .json, .geojson or .parquet; "
            "csv, txt and json also with .gz.",
        ),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(
            metavar="SCENE.model",
            help="Score each trail alone against a model of `trails fit`; writes scores only.",
        ),
    ] = None,
    watch: Annotated[
        bool,
        typer.Option(
            "--watch",
            help="Follow INPUT while it grows, and print a line of JSON for each odd trail, once "
            "it has ended; needs --model. Ctrl-C ends it.",
        ),
    ] = False,
    threshold: Annotated[
        float | None,
        typer.Option(metavar="P", help="With --watch: largest p-value of an odd trail; 0.01."),
    ] = None,
    ended_after: Annotated[
        float | None,
        typer.Option(
            metavar="S",
            help="With --watch: seconds without a sample after which a trail has ended; by default "
            "twice the usual gap of its class.",
        ),
    ] = None,
    parameters: Annotated[
        bool,
        typer.Option(
            "--parameters",
            is_eager=True,
            callback=_show_trail_parameters,
            help="List the parameters for --set and exit.",
        ),
    ] = False,
    overwrite: Overwrite = False,
) -> None:
    """Rank trails by how unusual they are.

    Writes scores, heatmaps, pictures and regions.
    """
    from napari_uai.store.keeping import keeping
    from napari_uai.trails.analysis.earlier_settings import RunSettings, settings_of_run
    from napari_uai.trails.analysis.folder import rank_trails
    from napari_uai.trails.io.writing import check_trail_file, write_trails

    del parameters  # handled by its callback
    if export is not None:
        check_trail_file(export)
    own = {"--threshold": threshold, "--ended-after": ended_after}
    if not watch:
        refuse(own, "needs --watch")
    if watch or model is not None:
        others = {
            "--preset": preset,
            "--mask": mask,
            "--top": top,
            "--like": like,
            "--set": settings,
            "--export": export,
        }
        if watch:
            refuse({**others, "--out": out}, "cannot be combined with --watch")
            watch_trails(source, model, options, threshold=threshold, ended_after_s=ended_after)
            return
        refuse(others, "cannot be combined with --model")
    if out is None:
        raise BadValueError("--out FOLDER is missing: where to write the results")
    if model is not None:
        score_with_model(source, out, model, options)
        return
    earlier = settings_of_run(like) if like else RunSettings()
    if preset not in (None, earlier.preset):
        # Settings are relative to the defaults of their preset.
        earlier = dataclasses.replace(earlier, settings=())
    with keeping() as store, announced_compiling(), progress_bar(source.name) as monitor:
        result = rank_trails(
            source,
            out,
            source=options,
            preset=preset or earlier.preset,  # type: ignore[arg-type]  # checked there
            masks={**earlier.masks, **_masks(mask or ())},
            top=earlier.top if top is None else top,
            settings=[*earlier.settings, *(settings or ())],
            overwrite=overwrite,
            monitor=monitor,
        )
    _report_trails(result, out)
    notes(store.not_kept)
    if export is not None:
        path = write_trails(result.trails, export, frame_rate_hz=options.frame_rate_hz)
        typer.echo(f"trails written to {path}")


def _report_trails(result: TrailResult, out: Path) -> None:
    classes = result.trails.classes
    kinds = [f"{n} {one_line(kind)}" for kind, n in list(classes.items())[:NAMED_CLASSES]]
    if len(classes) > NAMED_CLASSES:
        kinds.append(counted(len(classes) - NAMED_CLASSES, "more class"))
    typer.echo(f"{counted(len(result.trails), 'trail')} ({', '.join(kinds)}) ranked in {out}")
    for row in result.scores.head(3).itertuples():
        typer.echo(f"  {row.rank:3}. {100 * float(str(row.anomaly)):.0f} %  {one_line(row.trail)}")
    lines = []
    for row in result.problems.head(NAMED_PROBLEMS).itertuples():
        source = " ".join(str(part) for part in (row.file, row.trail) if part)
        lines.append(f"{source}: {row.problem}" if source else str(row.problem))
    notes(lines)
    n_others = len(result.problems) - len(lines)
    if n_others > 0:
        notes([f"{counted(n_others, 'more problem')}, see {out / 'problems.csv'}"])


def _masks(texts: Sequence[str]) -> dict[str, Path]:
    """Return masks by class, ``""`` for all other classes; class and path may contain ``=``."""
    masks: dict[str, Path] = {}
    for text in texts:
        parts = text.split("=")
        choices = [("=".join(parts[:i]), "=".join(parts[i:])) for i in range(len(parts))]
        existing = [(kind, path) for kind, path in choices if Path(path).is_file()]
        kind, path = existing[0] if existing else choices[min(1, len(choices) - 1)]
        if kind in masks:
            owner = f"class {kind}" if kind else "all classes"
            raise BadValueError(f"--mask must be given once for {owner}, got {text!r} as well")
        masks[kind] = Path(path)
    return masks
