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
    from napari_uai.videos.read_options import FrameRange, ReadOptions


def _folder(text: str) -> Path:
    if not text.strip():
        raise typer.BadParameter("the name of the folder is empty")
    return Path(text)


Out = Annotated[
    Path,
    typer.Option("--out", parser=_folder, metavar="FOLDER", help="Folder for the results."),
]

OptionalOut = Annotated[
    Path | None,
    typer.Option("--out", parser=_folder, metavar="FOLDER", help="Folder for the results."),
]

Location = Annotated[str | None, typer.Option(help="Location; required if there are several.")]
Camera = Annotated[str | None, typer.Option(help="Camera; required if there are several.")]
SceneSize = Annotated[
    str | None,
    typer.Option("--scene", metavar="WxH|PICTURE", help="Size or picture of the scene."),
]
FrameRate = Annotated[
    float | None, typer.Option(metavar="HZ", help="Frame rate of files with frame numbers.")
]

Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite", help="Replace files of your own with the names of results as well."
    ),
]

RecipeSettings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="STAGE.PARAMETER=VALUE",
        help="Set a parameter, such as dra.batch_size=500; repeatable.",
    ),
]

Result = TypeVar("Result")


def with_read_options(command: Callable[..., Result]) -> Callable[..., Result]:
    """Replace the parameter ``options`` of a command by the options of reading a recording."""
    return with_options_of(_read_options, command)


def with_options_of(
    read: Callable[..., object], command: Callable[..., Result]
) -> Callable[..., Result]:
    """Replace the parameter ``options`` of a command by the parameters of a function."""
    # Types of options import numpy, which would slow down --help.
    types = {"ReadOptions": object, "TrailSource": object}
    names, own = (
        inspect.signature(each, eval_str=True, locals=types).parameters for each in (read, command)
    )

    @wraps(command)
    def with_options(**values: Any) -> Result:
        given = read(**{name: values.pop(name) for name in names})
        return command(**values, options=given)

    parameters = [
        each.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for name, parameter in own.items()
        for each in (names.values() if name == "options" else (parameter,))
    ]
    signature = inspect.Signature(parameters)
    with_options.__signature__ = signature  # type: ignore[attr-defined]
    with_options.__annotations__ = {each.name: each.annotation for each in parameters}
    return with_options


def _read_options(
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
    frame_header: Annotated[
        int | None,
        typer.Option(metavar="BYTES", help="Bytes before each frame of a headerless recording."),
    ] = None,
    axes: Annotated[
        str | None,
        typer.Option(metavar="TZYX", help="A letter for each axis, if the file does not say."),
    ] = None,
    plane: Annotated[
        int | None, typer.Option(metavar="N", help="Plane to take (axis Z), from 0.")
    ] = None,
    channel: Annotated[
        int | None, typer.Option(metavar="N", help="Channel to take (axis C), from 0.")
    ] = None,
    image: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Image to take from a file of several, or its number."),
    ] = None,
    *,
    trust_shape: Annotated[
        bool,
        typer.Option("--trust-shape", help="Open even if the pixels contradict the given shape."),
    ] = False,
) -> ReadOptions:
    from napari_uai.videos.read_options import ReadOptions

    return ReadOptions(
        height,
        width,
        dtype,
        offset,
        frame_range(frames),
        frame_header=frame_header,
        axes=axes,
        plane=plane,
        channel=channel,
        image=image,
        trust_shape=trust_shape,
    )


def words_of(options: ReadOptions) -> list[str]:
    """Return the words of a command line that state the options."""
    start, stop = ("" if end is None else end for end in options.frames or (None, None))
    stated = {
        **options.facts,
        "frames": f"{start}:{stop}" if options.frames else None,
        **{name: getattr(options, name) for name in ("axes", "plane", "channel", "image")},
    }
    words = [
        word
        for name, value in stated.items()
        if value is not None
        for word in (f"--{name.replace('_', '-')}", str(value))
    ]
    return [*words, "--trust-shape"] if options.trust_shape else words


def named_recipe(name: str) -> Recipe:
    """Load a recipe; print a note if its name is deprecated."""
    from napari_uai.iscat.recipes.recipe import load_recipe

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        recipe = load_recipe(name)
    notes([str(warning.message) for warning in caught])
    return recipe


def region_of(text: str | None) -> tuple[int, int, int, int] | None:
    """Parse ``TOP:BOTTOM,LEFT:RIGHT``."""
    if text is None:
        return None
    axes = [[part.strip() for part in axis.split(":")] for axis in text.split(",")]
    parts = [part for axis in axes for part in axis]
    if [len(axis) for axis in axes] != [2, 2] or not all(part.isdecimal() for part in parts):
        raise BadValueError(
            f"--region must be TOP:BOTTOM,LEFT:RIGHT in px, such as 40:120,30:90, got {text!r}"
        )
    top, bottom, left, right = map(int, parts)
    if bottom <= top or right <= left:
        raise BadValueError(
            f"--region {text} is empty: BOTTOM and RIGHT must be above TOP and LEFT"
        )
    return top, bottom, left, right


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
