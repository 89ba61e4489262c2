"""The plugin's section of napari's preferences, declared in the manifest."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

PLUGIN = "napari-uai"
Section: TypeAlias = Literal["recordings", "workflow", "movies"]


def preferences(section: Section) -> Any:
    """Return a section of the preferences; napari stores what is assigned to its attributes.

    Parameters
    ----------
    section
        Key of ``configurations`` in the manifest.
    """
    from napari.settings import get_plugin_settings

    return getattr(get_plugin_settings(PLUGIN), section)
