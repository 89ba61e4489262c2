"""``napari-uai gui``: napari with a dock of this plugin."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

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
    _need_window()
    import napari

    from napari_uai.widgets.window import open_window

    open_window(source, trails=trails)
    napari.run()


def _need_window() -> None:
    """Raise an error if there is no napari, no Qt, or no screen, without which Qt aborts."""
    if find_spec("napari") is None or find_spec("qtpy") is None:
        raise BadValueError("the window needs napari: pip install 'napari-uai[napari]' PyQt6")
    try:
        import qtpy.QtWidgets  # noqa: F401
    except ImportError as error:
        raise BadValueError(f"the window needs Qt ({error}): pip install PyQt6") from None
    screens = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    if sys.platform == "linux" and not any(os.environ.get(name) for name in screens):
        raise BadValueError(
            "no screen found: set DISPLAY, or use the command line (napari-uai --help)"
        )
