"""A window of napari that begins with a dock of this plugin: ``napari-uai gui``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from napari_uai.errors import BadValueError
from napari_uai.widgets.kit.plugin_docks import LANDINGS_TITLE, TRAILS_TITLE, shown_dock
from napari_uai.widgets.trails.readers import trail_reader

if TYPE_CHECKING:
    from napari.viewer import Viewer


_SCREENS = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
"""Variables of which Linux needs one to show a window."""


def run_window(path: Path | None = None, *, trails: bool = False) -> None:
    """Open a window as :func:`open_window` does, and wait until it is closed.

    Raises
    ------
    BadValueError
        If there is no Qt, or no screen, without which Qt would abort.
    """
    try:
        import qtpy.QtWidgets  # noqa: F401
    except ImportError as error:
        raise BadValueError(f"the window needs Qt ({error}): pip install PyQt6") from None
    if sys.platform == "linux" and not any(os.environ.get(name) for name in _SCREENS):
        raise BadValueError(
            "no screen found: set DISPLAY, or use the command line (napari-uai --help)"
        )
    import napari

    open_window(path, trails=trails)
    napari.run()


def open_window(path: Path | None = None, *, trails: bool = False) -> Viewer:
    """Open a window with a workflow dock, and a file in it.

    Parameters
    ----------
    path
        A recording, a folder of recordings, or trails; None for none.
    trails
        Whether the dock is that of trails, which it is for trails in any case.

    Returns
    -------
    napari.Viewer
        Its window is shown; ``napari.run()`` waits until it is closed.
    """
    from napari.viewer import Viewer

    viewer = Viewer(title="napari-uai")
    trails = trails or (path is not None and trail_reader(str(path)) is not None)
    dock = shown_dock(viewer, TRAILS_TITLE if trails else LANDINGS_TITLE, tabify=False)
    if path is not None:
        dock.open(path)
    return viewer
