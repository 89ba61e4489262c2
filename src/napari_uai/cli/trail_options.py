"""How to read trails: options of all commands that open the files of a tracker."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from napari_uai.cli.options import Camera, FrameRate, Location, SceneSize, with_options_of

if TYPE_CHECKING:
    from napari_uai.trails.analysis.folder import TrailSource

Result = TypeVar("Result")


def with_trail_options(command: Callable[..., Result]) -> Callable[..., Result]:
    """Replace the parameter ``options`` of a command by the options of reading trails."""
    return with_options_of(_trail_options, command)


def _trail_options(
    location: Location = None,
    camera: Camera = None,
    scene: SceneSize = None,
    frame_rate: FrameRate = None,
    columns: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="Columns of a table: x=cx,y=cy,trail=tid, or all in order: frame,trail,x,_,y.",
        ),
    ] = None,
    where: Annotated[
        str | None,
        typer.Option(metavar="COLUMN=VALUE", help="Rows of a table to take, such as camera=A."),
    ] = None,
    time_format: Annotated[
        str | None,
        typer.Option(metavar="FORMAT", help="Times of a table: s, ms, us, ns, frame, or %d.%m.%Y."),
    ] = None,
    normalized: Annotated[
        bool | None,
        typer.Option(
            "--normalized/--pixels",
            help="Positions are fractions of the picture, or pixels; by default from the values.",
        ),
    ] = None,
    box_point: Annotated[
        str,
        typer.Option(
            metavar="POINT",
            help="Position of an object in its box: centre, bottom, top-left, ...",
        ),
    ] = "centre",
    drop_extrapolated: Annotated[
        bool,
        typer.Option("--drop-extrapolated", help="Ignore samples that the tracker extrapolated."),
    ] = False,
    split_jumps: Annotated[
        bool,
        typer.Option(
            "--split-jumps", help="Divide trails where the tracker jumped from object to object."
        ),
    ] = False,
) -> TrailSource:
    from napari_uai.trails.analysis.folder import TrailSource, scene_of_text
    from napari_uai.trails.io.table_options import TableOptions

    return TrailSource(
        location=location,
        camera=camera,
        keep_extrapolated=not drop_extrapolated,
        frame_rate_hz=frame_rate,
        table=TableOptions(columns, where, time_format, normalized, box_point),  # type: ignore[arg-type]  # checked there
        scene=scene_of_text(scene) if scene else None,
        split_jumps=split_jumps,
    )
