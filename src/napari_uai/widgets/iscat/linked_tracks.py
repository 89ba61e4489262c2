"""Tracks of linked spots as napari has them; uses no Qt and no viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_uai.widgets.kit.layers import AXES, KEY

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from napari_uai.typing import Floats
    from napari_uai.widgets.kit.layers import LayerTuple, Place

PARTICLE = "particle"
"""Column that tells to which track a linked spot belongs."""


def is_newly_linked(table: pd.DataFrame, inputs: Iterable[Any]) -> bool:
    """Return whether a stage linked the spots of its inputs."""
    return PARTICLE in table.columns and not any(
        PARTICLE in getattr(each, "columns", ()) for each in inputs
    )


def linked_tracks(table: pd.DataFrame) -> Floats:
    """Return the tracks of linked spots, of at least two spots each.

    Returns
    -------
    numpy.ndarray
        (spots, 4): particle, frame, y, x, as :func:`napari_uai.iscat.link_spots` places them,
        sorted by particle and frame.
    """
    from napari_uai.iscat.measure.linking import spot_places

    spots = np.c_[table[[PARTICLE, "frame"]].to_numpy(float), spot_places(table)]
    spots = spots[np.isfinite(spots).all(axis=1)]
    spots = spots[np.lexsort((spots[:, 1], spots[:, 0]))]
    _, particle, counts = np.unique(spots[:, 0], return_inverse=True, return_counts=True)
    return spots[counts[particle] > 1]


def trajectories_layer(
    spots: pd.DataFrame, trajectories: pd.DataFrame, place: Place, name: str
) -> LayerTuple:
    """Return the paths of trajectories as a layer, in the colours of their diffusion constants.

    Parameters
    ----------
    spots
        Linked spots, in frames and px of the video.
    trajectories
        As from :func:`napari_uai.iscat.diffusion_constants`; other spots are left out.
    place
        Place of the video.
    name
        Name of the layer.
    """
    tracks = linked_tracks(spots[spots[PARTICLE].isin(trajectories[PARTICLE])])
    shown = [
        c for c in trajectories.columns if c.startswith(("diffusion_", "diameter", "contrast"))
    ]
    features = trajectories.set_index(PARTICLE)[shown].loc[tracks[:, 0].astype(int)]
    data, attributes, kind = tracks_layer(tracks, place, name=name)
    attributes |= {"features": features.reset_index(drop=True), "color_by": shown[0]}
    return data, attributes, kind


def tracks_layer(tracks: Floats, place: Place, *, name: str) -> LayerTuple:
    """Return tracks, (spots, 4), as a layer over the video at a place.

    Parameters
    ----------
    tracks
        Track, frame, y and x of each spot, sorted by track and frame.
    place
        Place of the video.
    name
        Name of the layer.
    """
    attributes = {
        "name": name,
        "scale": place.scale,
        "translate": place.translate,
        "affine": np.asarray(place.affine),
        "units": place.units,
        "axis_labels": AXES,
        "metadata": {KEY: {**place.record, "kind": "tracks"}},
    }
    return tracks, attributes, "tracks"
