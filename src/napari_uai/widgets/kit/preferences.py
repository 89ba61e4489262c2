"""What the user has set for this plugin in napari's preferences; the manifest declares it."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

PLUGIN = "napari-uai"
Section: TypeAlias = Literal["recordings", "workflow"]


def preferences(section: Section) -> Any:
    """Return a section of the preferences; what is set in it is kept by napari.

    Parameters
    ----------
    section
        One of the keys of ``configurations`` in the manifest.
    """
    from napari.settings import get_plugin_settings

    return getattr(get_plugin_settings(PLUGIN), section)
