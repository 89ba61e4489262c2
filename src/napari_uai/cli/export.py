"""``napari-uai export``: a recording, a step of a recipe or a table in another format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_uai.cli.evaluate import read_table
from napari_uai.cli.options import named_recipe, with_read_options
from napari_uai.cli.progress import announced_compiling, progress_bar
from napari_uai.cli.terminal import notes
from napari_uai.errors import BadValueError, nearest
from napari_uai.parameters import with_texts

if TYPE_CHECKING:
    import pandas as pd

    from napari_uai.iscat.recipes.recipe import Recipe
    from napari_uai.monitor import Monitor
    from napari_uai.videos.frames import Video
    from napari_uai.videos.read_options import ReadOptions
    from napari_uai.videos.recording import Recording


@dataclass(frozen=True)
class PixelSettings:
    """How pixels are stored in a file that keeps their values.

    Parameters
    ----------
    dtype
        Type, with byte order for headerless files; None: that of the video. Floats are rounded if
        it is an integer type.
    """

    dtype: str | None = None


@with_read_options
def export(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="A recording: file, folder of images or store; or a table of results (.csv).",
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            help=".raw .bin .tif .ome.tif .zarr .h5 .npy keep the values; .avi .mp4 .gif are "
            "movies with scale bar, time and marks. Of a table: .mat .h5 .json .csv.",
        ),
    ],
    *,
    options: ReadOptions,
    recipe: Annotated[
        str | None, typer.Option(help="Recipe of which a step is exported; name or .toml file.")
    ] = None,
    step: Annotated[
        str | None, typer.Option(help="Step of the recipe, such as dra; or recording.")
    ] = None,
    landings: Annotated[
        Path | None,
        typer.Option(metavar="LANDINGS.csv", help="Landings to mark in a movie."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="For example step=10, rate=50, low=900, high=1100, zoom=4 or time=false of a "
            "movie, dtype=<f4 of other formats, dra.batch_size=200 of the recipe.",
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the file if it exists.")
    ] = False,
) -> None:
    """Write a recording, a step of a recipe, or a table of results, in another format."""
    from napari_uai.videos.read_options import UNKNOWN
    from napari_uai.videos.recording import read_recording

    if source.name.lower().endswith(_TABLES):
        others = (recipe, step, landings, settings, None if options == UNKNOWN else options)
        typer.echo(str(_write_table(source, out, others, overwrite=overwrite)))
        return
    from napari_uai.videos.writing.movies import MOVIE_SUFFIXES

    recording = read_recording(source, options)
    with announced_compiling(), progress_bar(out.name) as monitor:
        part = _Part(recording, recording.video, recording.problems)
        steps, own = _by_kind(settings or (), has_recipe=recipe is not None)
        if recipe is not None or step is not None:
            marked = out.suffix.lower() in MOVIE_SUFFIXES and landings is None
            chosen = _chosen(recipe, step, steps)
            part = _part_of_recipe(recording, *chosen, monitor.part(0.0, 0.5), marked=marked)
        if landings is not None:
            part.landings = read_table(landings)
        written = _write(part, out, own, overwrite=overwrite, monitor=monitor.part(0.5, 1.0))
    typer.echo(str(written))
    notes(part.problems)


_TABLES = (".csv", ".csv.gz")


def _write_table(table: Path, out: Path, others: Sequence[object], *, overwrite: bool) -> Path:
    """Write a table; ``others`` are the options of recordings, of which none may be given."""
    from napari_uai.iscat.table_files import export_table, writer_of

    if any(others):
        raise BadValueError(f"{table} is a table: give --out and --overwrite only")
    writer_of(out)
    return export_table(_with_whole_numbers(read_table(table)), out, overwrite=overwrite)


def _with_whole_numbers(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table from csv whose columns of whole numbers stay so where some are missing."""
    whole = [
        name
        for name, column in table.select_dtypes("float").items()
        if column.isna().any()
        and ((column % 1 == 0) & (abs(column) < 2**53)).eq(column.notna()).all()
    ]
    return table.astype(dict.fromkeys(whole, "Int64"))


@dataclass
class _Part:
    """A video to export, where it starts in its recording, and landings to mark."""

    recording: Recording
    video: Video
    problems: tuple[str, ...] = ()
    origin: tuple[int, int, int] = (0, 0, 0)
    landings: pd.DataFrame | None = None


def _chosen(recipe: str | None, step: str | None, settings: Sequence[str]) -> tuple[Recipe, str]:
    """Return a recipe and the name of one of its videos."""
    from napari_uai.iscat.recipes.recipe import RECORDING

    if recipe is None or step is None:
        raise BadValueError("--recipe and --step belong together: give both, or neither")
    chosen = named_recipe(recipe).with_settings(settings)
    videos = [RECORDING, *(each.name for each in chosen.steps if each.stage.output == "video")]
    if step not in videos:
        raise BadValueError(f"recipe {chosen.name} has no video {step!r}; {nearest(step, videos)}")
    return chosen, step


def _part_of_recipe(
    recording: Recording, recipe: Recipe, step: str, monitor: Monitor, *, marked: bool
) -> _Part:
    """Run a recipe as far as its step needs it, or to its end if landings are to be marked."""
    from napari_uai.iscat.recipes.run import run_recipe

    result = run_recipe(recording, recipe if marked else _up_to(recipe, step), monitor=monitor)
    return _Part(
        recording,
        result.videos[step],
        result.problems,
        result.origins[step],
        result.landings if marked else None,
    )


def _up_to(recipe: Recipe, step: str) -> Recipe:
    """Return the steps of a recipe on which one depends, and that one."""
    needed = {step}
    for each in reversed(recipe.steps):
        if each.name in needed:
            needed |= {*each.inputs}
    # Values may refer to steps that are not needed.
    steps = [replace(s, parameters=recipe.values(s.name)) for s in recipe.steps if s.name in needed]
    return replace(recipe, steps=tuple(steps), outputs={})


def _by_kind(settings: Sequence[str], *, has_recipe: bool) -> tuple[list[str], list[str]]:
    """Return settings of the steps of a recipe, and those of the file."""
    steps = [text for text in settings if has_recipe and "." in text.partition("=")[0]]
    return steps, [text for text in settings if text not in steps]


def _write(
    part: _Part, out: Path, settings: Sequence[str], *, overwrite: bool, monitor: Monitor
) -> Path:
    from napari_uai.videos.writing.movies import MOVIE_SUFFIXES, MovieSettings, write_movie
    from napari_uai.videos.writing.writers import VIDEO_SUFFIXES, write_video

    pixel_size, rate = part.recording.pixel_size_um, part.recording.frame_rate_hz
    suffix = out.suffix.lower()
    if suffix in MOVIE_SUFFIXES:
        frame, row, column = part.origin
        return write_movie(
            part.video,
            out,
            with_texts(MovieSettings(), settings, label="export"),
            landings=part.landings,
            origin=(part.recording.first_frame + frame, row, column),
            pixel_size_um=pixel_size,
            frame_rate_hz=rate,
            overwrite=overwrite,
            monitor=monitor,
        )
    if suffix not in VIDEO_SUFFIXES:
        known = ", ".join((*VIDEO_SUFFIXES, *MOVIE_SUFFIXES))
        raise BadValueError(f"cannot write {out}: use one of the suffixes {known}")
    return write_video(
        part.video,
        out,
        dtype=with_texts(PixelSettings(), settings, label="export").dtype,
        pixel_size_um=pixel_size,
        frame_rate_hz=rate,
        overwrite=overwrite,
        monitor=monitor,
    )
