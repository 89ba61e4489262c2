"""``napari-uai gui``: napari with a dock of this plugin."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from napari_uai.cli.progress import signals_end_the_process
from napari_uai.errors import BadValueError


def gui(
    source: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="Recording, folder of recordings, or trails."),
    ] = None,
    *,
    trails: Annotated[
        bool, typer.Option("--trails", help="Open the dock of trails, also without a file.")
    ] = False,
) -> None:
    """Open napari with the workflow of landings, or of trails, and a file in it."""
    if source is not None and not source.exists():
        raise BadValueError(f"{source} not found; check the path")
    if find_spec("napari") is None or find_spec("qtpy") is None:
        raise BadValueError("the window needs napari: pip install 'napari-uai[napari]' PyQt6")
    from napari_uai.widgets.window import run_window

    signals_end_the_process()
    run_window(source, trails=trails)
