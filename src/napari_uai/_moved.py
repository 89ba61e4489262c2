"""Modules that have moved since earlier documentation named them."""

from __future__ import annotations

import sys

MOVED = {
    "napari_uai.fastdvdnet": "napari_uai.iscat.fastdvdnet",
    "napari_uai.iscat.noise_floor": "napari_uai.iscat",
    "napari_uai.iscat.power": "napari_uai.iscat",
    "napari_uai.simulate.optics": "napari_uai.simulate.iscat.optics",
    "napari_uai.workflow.catalogue": "napari_uai.iscat.recipes.catalogue",
    "napari_uai.workflow.training": "napari_uai.iscat.recipes.training",
}


class MovedFinder:
    """Import finder that names the new place of modules that have moved."""

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:
        """Raise ModuleNotFoundError for a module that has moved; never find a module."""
        del path, target
        if fullname in MOVED:
            raise ModuleNotFoundError(
                f"{fullname} has moved: import from {MOVED[fullname]} instead", name=fullname
            )


def install() -> None:
    """Append :class:`MovedFinder` to the import finders."""
    if not any(isinstance(finder, MovedFinder) for finder in sys.meta_path):
        # It does not derive from importlib.abc.MetaPathFinder, whose import is slow.
        sys.meta_path.append(MovedFinder())
