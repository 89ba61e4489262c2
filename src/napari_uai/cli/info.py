"""``napari-uai info``: what a file contains, as it would be read."""

from __future__ import annotations

import os
import re
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_uai.cli.options import with_read_options
from napari_uai.cli.progress import progress_bar
from napari_uai.cli.terminal import colours_of
from napari_uai.errors import NapariUaiError, one_line

if TYPE_CHECKING:
    from napari_uai.trails.table import Trails
    from napari_uai.videos.frames import Frames
    from napari_uai.videos.read_options import ReadOptions

_NARROWEST, _BROADEST = 60, 110
_NAMED_PROBLEMS = 12


@with_read_options
def info(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="A recording (file, folder of images or store), or trails (table or folder).",
        ),
    ],
    *,
    options: ReadOptions,
    picture: Annotated[
        Path | None,
        typer.Option(metavar="FILE.png", help="Write the first, middle and last frame as PNG."),
    ] = None,
    disturbances: Annotated[
        bool,
        typer.Option(
            "--disturbances",
            help="Read the whole recording and say what disturbs it, as runs of recipes do.",
        ),
    ] = False,
) -> None:
    """Describe a recording or trails: how they are read, what was assumed or left out."""
    from napari_uai.errors import TrailFormatError, VideoFormatError
    from napari_uai.trails.io.reading import open_trails

    if _may_be_tracks(source):
        with suppress(TrailFormatError):
            _describe_trails(source, open_trails(source), picture)
            return
    try:
        _describe_recording(source, options, picture)
        if disturbances:
            _describe_disturbances(source, options)
    except VideoFormatError as no_recording:
        if not _may_be_trails(source):
            raise
        try:
            trails = open_trails(source)
        except TrailFormatError:
            # A folder is more likely one of pictures, an array one of frames.
            if source.is_dir() or source.suffix.lower() in _recording_suffixes():
                raise no_recording from None
            raise
        _describe_trails(source, trails, picture)


def _may_be_tracks(source: Path) -> bool:
    """Return whether a file is an array of four columns, as napari's tracks."""
    import numpy as np

    if source.suffix.lower() != ".npy" or not source.is_file():
        return False
    try:
        array = np.load(source, mmap_mode="r", allow_pickle=False)
    except Exception:  # noqa: BLE001  # damaged headers raise any type; reading says why
        return False
    return isinstance(array, np.memmap) and array.ndim == 2 and array.shape[1] == 4


def _may_be_trails(source: Path) -> bool:
    """Return whether a path is not one of a recording by its name."""
    return source.exists() and source.suffix.lower() not in _recording_suffixes() - {".npy"}


def _recording_suffixes() -> set[str]:
    from napari_uai.videos.folders import IMAGE_SUFFIXES, RECORDING_SUFFIXES

    return {*RECORDING_SUFFIXES, *IMAGE_SUFFIXES}


def _describe_trails(source: Path, trails: Trails, picture: Path | None) -> None:
    from napari_uai.errors import BadValueError
    from napari_uai.trails.io.description import describe_trails

    if picture is not None:
        raise BadValueError("--picture is of recordings: omit it for trails")
    problems = [
        f"{' '.join(filter(None, (str(row.file), str(row.trail))))}: {row.problem}"
        for row in trails.problems.itertuples()
    ]
    _print({"file": one_line(source), **describe_trails(trails)}, problems[:_NAMED_PROBLEMS])
    if len(problems) > _NAMED_PROBLEMS:
        typer.echo(f"{len(problems) - _NAMED_PROBLEMS} more problems")


def _describe_recording(source: Path, options: ReadOptions, picture: Path | None) -> None:
    from napari_uai.videos.description import describe
    from napari_uai.videos.formats import open_frames
    from napari_uai.videos.writing.thumbnails import write_thumbnails

    frames, known = open_frames(source, options)
    rows = describe(known)
    rows["status line"] = _status(frames)
    if picture is not None:
        rows["picture"] = one_line(write_thumbnails(frames, picture))
    _print(rows, known.warnings)
    for line in _thumbnails(frames):
        typer.echo(line)


def _describe_disturbances(source: Path, options: ReadOptions) -> None:
    """Search a whole recording, without the status line of the camera."""
    from napari_uai.iscat.disturbances.finding import find_disturbances
    from napari_uai.videos.formats import open_frames
    from napari_uai.videos.health import finite_video, recording_health
    from napari_uai.videos.status_line import remove_status_line

    frames, known = open_frames(source, options)
    with progress_bar("disturbances") as monitor:
        video = remove_status_line(frames)
        health = recording_health(video, monitor=monitor.part(0.0, 0.4))
        found = find_disturbances(finite_video(video, health), monitor=monitor.part(0.4, 1.0))
    said = (*health.of_not_finite, *found.sentences(known.first_frame))
    _print({} if said else {"disturbances": "none found"}, said)


def _thumbnails(frames: Frames) -> list[str]:
    """Return three frames as lines of the terminal; none if it does not show colours."""
    from napari_uai.videos.writing.thumbnails import terminal_thumbnails

    colours = colours_of(sys.stdout, os.environ)
    if colours is None:
        return []
    width = shutil.get_terminal_size().columns
    try:
        return ["", *terminal_thumbnails(frames, columns=width, true_colour=colours == "true")]
    except NapariUaiError as error:
        return [f"frames cannot be shown: {error}"]


def _status(frames: Frames) -> str:
    from napari_uai.videos.status_line import find_status_line, read_status_line
    from napari_uai.videos.status_report import status_report

    if find_status_line(frames) is None:
        return "none found"
    with progress_bar("status line") as monitor:
        report = status_report(read_status_line(frames, monitor=monitor))
    return re.sub(r"^status line[^:]*: ", "", report.text)


def _print(rows: Mapping[str, str], problems: Sequence[str]) -> None:
    """Print names and values as two columns, and below what was assumed or left out."""
    wide = max(map(len, rows), default=len("note:") + 1) + 2
    for name, text in rows.items():
        typer.echo(_folded(f"{name + ':':{wide}}", text))
    for problem in problems:
        typer.echo(_folded(f"{'note:':{wide}}", one_line(problem)))


def _folded(name: str, text: str) -> str:
    """Return a row that fits the terminal; where it is not one, lines stay whole for programs."""
    if not sys.stdout.isatty():
        return name + text
    width = min(max(shutil.get_terminal_size().columns, _NARROWEST), _BROADEST)
    return textwrap.fill(
        text, width, initial_indent=name, subsequent_indent=" " * len(name), break_long_words=False
    )
