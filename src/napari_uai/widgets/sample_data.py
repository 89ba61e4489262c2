"""Sample data for the menu File > Open Sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_uai.widgets.kit.layers import LayerTuple

RECORDING = "landings.bin"
FLUORESCENCE = "fluorescence.bin"


def landing_recording() -> list[LayerTuple]:
    """Open the sample recording lazily, with squares around its true landings."""
    import napari

    from napari_uai.sample_data import sample_path
    from napari_uai.widgets.iscat.readers import raw_layers
    from napari_uai.widgets.kit.layers import Place, sample_truth
    from napari_uai.widgets.kit.rings import follow_rings

    path = sample_path(RECORDING)
    [video] = raw_layers(path)
    attributes = video[1]
    place = Place(
        name=attributes["name"],
        scale=attributes["scale"],
        translate=attributes["translate"],
        units=attributes["units"],
        record={"source": str(path), "history": []},
    )
    follow_rings(napari.current_viewer())
    return [video, sample_truth(sample_path(f"{path.stem}_truth.json"), place)]


def fluorescence_recording() -> list[LayerTuple]:
    """Open the fluorescence recording of the same field, with larger pixels and a lower rate."""
    from napari_uai.sample_data import sample_path
    from napari_uai.widgets.iscat.readers import raw_layers

    [(data, attributes, kind)] = raw_layers(sample_path(FLUORESCENCE))
    return [(data, {**attributes, "colormap": "green", "blending": "additive"}, kind)]


def street_trails() -> list[LayerTuple]:
    """Open the sample trails of a roundabout, with the image of the scene."""
    from napari_uai.sample_data import sample_path
    from napari_uai.widgets.trails.readers import trail_layers

    return trail_layers(sample_path("trails"))
