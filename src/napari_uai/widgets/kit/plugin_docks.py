"""Docks of the plugin in a window of napari."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_uai.widgets.kit.preferences import PLUGIN

if TYPE_CHECKING:
    from napari.viewer import Viewer

LANDINGS_TITLE, TRAILS_TITLE = "iSCAT workflow", "Trail workflow"
TRAINING_TITLE, LIMIT_TITLE, RAW_TITLE = "Train network", "Detection limit", "Open raw recording"
STAGE_TITLE = "iSCAT stage"
"""Names of widgets in the manifest."""


def shown_dock(viewer: Viewer, title: str, *, tabify: bool = True) -> Any:
    """Open a dock, or show the one that is open: hidden by its eye, or behind another tab.

    Parameters
    ----------
    viewer
        Viewer with a window.
    title
        Name of the widget in the manifest.
    tabify
        Whether a new dock is put behind the others, as a tab.

    Returns
    -------
    QWidget
        The widget in the dock.
    """
    dock, widget = viewer.window.add_plugin_dock_widget(PLUGIN, title, tabify=tabify)
    dock.show()
    dock.raise_()
    return widget
