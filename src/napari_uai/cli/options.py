"""Options that several commands share."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_uai.cli.terminal import notes
from napari_uai.errors import BadValueError

if TYPE_CHECKING:
    from napari_uai.iscat.recipes.recipe import Recipe
    from napari_uai.videos.formats import FrameRange

Out = Annotated[Path, typer.Option("--out", help="Folder for the results; made if needed.")]
Height = Annotated[int | None, typer.Option(help="Rows of a headerless recording.")]
Width = Annotated[int | None, typer.Option(help="Columns of a headerless recording.")]
Dtype = Annotated[
    str | None, typer.Option(help="Pixel type with byte order of a headerless recording: '<u2'.")
]
Offset = Annotated[int | None, typer.Option(help="Bytes before the first frame.")]
FrameText = Annotated[
    str | None, typer.Option("--frames", metavar="START:STOP", help="Frames to take, from 0.")
]


def named_recipe(name: str) -> Recipe:
    """Load a recipe; print a note if its name is a former one."""
    from napari_uai.iscat.recipes.recipe import load_recipe

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        recipe = load_recipe(name)
    notes([str(warning.message) for warning in caught])
    return recipe


def frame_range(text: str | None) -> FrameRange | None:
    """Read ``START:STOP``; either may be left out."""
    if text is None:
        return None
    parts = [part.strip() for part in text.split(":")]
    if len(parts) != 2 or not all(part.isdecimal() for part in parts if part):
        raise BadValueError(
            f"--frames {text!r} is not understood; write START:STOP, such as 1000:90000 or 1000:"
        )
    start, stop = (int(part) if part else None for part in parts)
    return start, stop
