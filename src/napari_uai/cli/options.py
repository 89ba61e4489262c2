"""Options shared by several commands."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from napari_uai.cli.terminal import notes
from napari_uai.errors import BadValueError

if TYPE_CHECKING:
    from napari_uai.iscat.recipes.recipe import Recipe
    from napari_uai.videos.raw_shape import FrameRange, RawShape

Out = Annotated[Path, typer.Option("--out", help="Folder for the results.")]

Result = TypeVar("Result")


def with_shape(command: Callable[..., Result]) -> Callable[..., Result]:
    """Replace the parameter ``shape`` of a command by the options of a headerless file."""
    # RawShape imports numpy, which would slow down --help.
    options, own = (
        inspect.signature(each, eval_str=True, locals={"RawShape": object}).parameters
        for each in (_shape, command)
    )

    @wraps(command)
    def with_options(**values: Any) -> Result:
        shape = _shape(**{name: values.pop(name) for name in options})
        return command(**values, shape=shape)

    parameters = [
        each.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for name, parameter in own.items()
        for each in (options.values() if name == "shape" else (parameter,))
    ]
    signature = inspect.Signature(parameters)
    with_options.__signature__ = signature  # type: ignore[attr-defined]
    with_options.__annotations__ = {each.name: each.annotation for each in parameters}
    return with_options


def _shape(
    height: Annotated[int | None, typer.Option(help="Rows of a headerless recording.")] = None,
    width: Annotated[int | None, typer.Option(help="Columns of a headerless recording.")] = None,
    dtype: Annotated[
        str | None,
        typer.Option(help="Pixel type of a headerless recording with byte order, such as '<u2'."),
    ] = None,
    offset: Annotated[int | None, typer.Option(help="Bytes before the first frame.")] = None,
    frames: Annotated[
        str | None,
        typer.Option(metavar="START:STOP", help="Frames to use, from 0; STOP is excluded."),
    ] = None,
) -> RawShape:
    from napari_uai.videos.raw_shape import RawShape

    return RawShape(height, width, dtype, offset, frame_range(frames))


def shape_options(shape: RawShape) -> list[str]:
    """Return the command-line options that describe a shape."""
    start, stop = ("" if end is None else end for end in shape.frames or (None, None))
    options = {**shape.facts, "frames": f"{start}:{stop}" if shape.frames else None}
    return [
        word
        for name, value in options.items()
        if value is not None
        for word in (f"--{name}", str(value))
    ]


def named_recipe(name: str) -> Recipe:
    """Load a recipe; print a note if its name is deprecated."""
    from napari_uai.iscat.recipes.recipe import load_recipe

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        recipe = load_recipe(name)
    notes([str(warning.message) for warning in caught])
    return recipe


def frame_range(text: str | None) -> FrameRange | None:
    """Parse ``START:STOP``, in which either number may be omitted."""
    if text is None:
        return None
    parts = [part.strip() for part in text.split(":")]
    if len(parts) != 2 or not all(part.isdecimal() for part in parts if part):
        raise BadValueError(
            f"--frames must be START:STOP, such as 1000:90000 or 1000:, got {text!r}"
        )
    start, stop = (int(part) if part else None for part in parts)
    return start, stop
