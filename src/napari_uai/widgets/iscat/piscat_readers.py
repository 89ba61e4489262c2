"""Reader of the tables and trajectories that PiSCAT saved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_uai.iscat.piscat.recognition import piscat_kind

if TYPE_CHECKING:
    import pandas as pd

    from napari_uai.widgets.kit.layers import LayerTuple, Place, Reader, ReaderPath


def piscat_reader(path: ReaderPath) -> Reader | None:
    """Return a reader of what PiSCAT saved, or None for other files."""
    paths = path if isinstance(path, list) else [path]
    return _read if all(piscat_kind(Path(one)) is not None for one in paths) else None


def piscat_layers(path: Path) -> list[LayerTuple]:
    """Open each table of spots as points, and those of particles also as tracks.

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
    from napari_uai.iscat.piscat.recognition import keys_of_tables
    from napari_uai.iscat.piscat.spots import read_piscat_table
    from napari_uai.iscat.piscat.trajectories import read_piscat_trajectories
    from napari_uai.widgets.iscat.readers import place_of_chosen

    place = place_of_chosen(path)
    if piscat_kind(path) == "trajectories":
        return _layers(read_piscat_trajectories(path).spots, place, path.stem)
    keys = keys_of_tables(path)
    return [
        layer
        for key in keys
        for layer in _layers(
            read_piscat_table(path, key=key),
            place,
            path.stem if len(keys) == 1 else f"{path.stem}: {key}",
        )
    ]


def _layers(table: pd.DataFrame, place: Place, name: str) -> list[LayerTuple]:
    from napari_uai.iscat.piscat.spots import PARTICLE
    from napari_uai.widgets.iscat.linked_tracks import linked_tracks, tracks_layer
    from napari_uai.widgets.kit.layers import points_layer

    layers = [points_layer(table, place, name=name)]
    if PARTICLE in table.columns and len(tracks := linked_tracks(table)):
        layers.append(tracks_layer(tracks, place, name=f"{name}: tracks"))
    return layers


def _read(path: ReaderPath) -> list[LayerTuple | tuple[None]]:
    paths = map(Path, path if isinstance(path, list) else [path])
    return [layer for one in paths for layer in piscat_layers(one)]
