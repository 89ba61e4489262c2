"""Modules that earlier documentation named, and where what they held is now."""

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
    """The last to be asked for a module: says where one that is not found has gone."""

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:
        """Raise ModuleNotFoundError for a module that moved; find nothing else."""
        del path, target
        if fullname in MOVED:
            raise ModuleNotFoundError(
                f"{fullname} has moved: import from {MOVED[fullname]} instead", name=fullname
            )


def install() -> None:
    """Ask :class:`MovedFinder` after all other finders."""
    if not any(isinstance(finder, MovedFinder) for finder in sys.meta_path):
        sys.meta_path.append(MovedFinder())  # not of importlib.abc, which loads a lot
