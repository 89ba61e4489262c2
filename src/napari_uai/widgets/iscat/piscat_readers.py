"""Reader of the tables and trajectories that PiSCAT saved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_uai.iscat.piscat.recognition import piscat_kind

if TYPE_CHECKING:
    from napari_uai.widgets.kit.layers import LayerTuple, Reader, ReaderPath


def piscat_reader(path: ReaderPath) -> Reader | None:
    """Return a reader of what PiSCAT saved, or None for other files."""
    paths = path if isinstance(path, list) else [path]
    return _read if all(piscat_kind(Path(one)) is not None for one in paths) else None


def piscat_layers(path: Path) -> list[LayerTuple]:
    """Open spots as points, and those of particles also as tracks.

    Frames, rows and columns are those of the video in which PiSCAT found them. They are drawn over
    the selected video of this plugin, else over the newest.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    TableFormatError
        If it cannot be read.
    """
    from napari_uai.iscat.piscat.spots import PARTICLE, read_piscat_table
    from napari_uai.iscat.piscat.trajectories import read_piscat_trajectories
    from napari_uai.widgets.iscat.linked_tracks import linked_tracks, tracks_layer
    from napari_uai.widgets.iscat.readers import place_of_chosen
    from napari_uai.widgets.kit.layers import points_layer

    has_tracks = piscat_kind(path) == "trajectories"
    table = read_piscat_trajectories(path).spots if has_tracks else read_piscat_table(path)
    place = place_of_chosen(path)
    layers = [points_layer(table, place, name=path.stem)]
    if PARTICLE in table.columns and len(tracks := linked_tracks(table)):
        layers.append(tracks_layer(tracks, place, name=f"{path.stem}: tracks"))
    return layers


def _read(path: ReaderPath) -> list[LayerTuple | tuple[None]]:
    paths = map(Path, path if isinstance(path, list) else [path])
    return [layer for one in paths for layer in piscat_layers(one)]
