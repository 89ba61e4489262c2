"""``napari-uai info``: what a file contains, as it would be read."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_uai.cli.options import with_shape
from napari_uai.cli.progress import progress_bar
from napari_uai.errors import one_line

if TYPE_CHECKING:
    from napari_uai.videos.frames import Frames
    from napari_uai.videos.raw_shape import RawShape

_NARROWEST, _BROADEST = 60, 110


@with_shape
def info(
    source: Annotated[
        Path, typer.Argument(metavar="FILE", help="A recording: file, folder of images or store.")
    ],
    *,
    shape: RawShape,
    picture: Annotated[
        Path | None,
        typer.Option(metavar="FILE.png", help="Write the first, middle and last frame as PNG."),
    ] = None,
) -> None:
    """Describe a recording: how it is read, what was assumed, what its status line tells."""
    _describe_recording(source, shape, picture)


def _describe_recording(source: Path, shape: RawShape, picture: Path | None) -> None:
    from napari_uai.videos.description import describe
    from napari_uai.videos.formats import open_frames
    from napari_uai.videos.thumbnails import write_thumbnails

    frames, known = open_frames(source, shape)
    rows = describe(known)
    rows["status line"] = _status(frames)
    if picture is not None:
        rows["picture"] = one_line(write_thumbnails(frames, picture))
    _print(rows, known.warnings)


def _status(frames: Frames) -> str:
    from napari_uai.videos.status_line import find_status_line, read_status_line
    from napari_uai.videos.status_report import status_report

    if find_status_line(frames) is None:
        return "none found"
    with progress_bar("status line") as monitor:
        report = status_report(read_status_line(frames, monitor=monitor))
    return report.text.removeprefix("status line: ")


def _print(rows: Mapping[str, str], problems: Sequence[str]) -> None:
    """Print names and values as two columns, and below what was assumed or left out."""
    wide = max(map(len, rows)) + 2
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
