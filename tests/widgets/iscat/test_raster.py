"""Outputs of stages whose pixels are finer, or in a space of their own, lie where they belong."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from napari.layers import Image, Layer

from napari_uai.iscat.recipes.catalogue import STAGES
from napari_uai.videos.recording import Recording
from napari_uai.widgets.iscat.add_results import add_results
from napari_uai.widgets.iscat.linked_tracks import tracks_layer
from napari_uai.widgets.iscat.stage_call import StageCall
from napari_uai.widgets.kit.layers import place_of, points_layer, recording_layer

SPOTS = pd.DataFrame({"frame": [3, 40], "y": [2.0, 20.6], "x": [5.0, 11.3]})


@pytest.fixture
def recording():
    video = np.random.default_rng(0).poisson(1000, (50, 24, 30)).astype(np.uint16)
    layer = Layer.create(*recording_layer(Recording(video, pixel_size_um=0.05)))
    layer.translate = (0, 1.0, -2.0)
    return layer


def made(name, layers, **parameters):
    [layer] = StageCall.of_layers(STAGES[name], layers, parameters).run().layers
    return Layer.create(*layer)


@pytest.mark.parametrize("pixel", [0.5, 0.4, 2.0])
def test_a_map_lies_over_its_recording(recording, pixel):
    spots = Layer.create(*points_layer(SPOTS, place_of(recording), name="spots"))
    picture = made("localization_map", [spots, recording], pixel_px=pixel)
    assert isinstance(picture, Image)
    assert tuple(picture.units) == tuple(recording.units)
    found = np.argwhere(np.asarray(picture.data)[0])
    for row, column in found:
        world = picture.data_to_world((0, row, column))
        distances = [
            np.abs(np.subtract(world, recording.data_to_world(place))[1:]).max()
            for place in SPOTS.to_numpy()
        ]
        assert min(distances) <= 0.05 * pixel / 2 + 1e-9
    # one picture for the whole recording is seen at each of its frames
    ends = [picture.data_to_world((edge, 0, 0))[0] for edge in (-0.5, 0.5)]
    np.testing.assert_allclose(ends, [-0.5, 49.5])


def test_maps_over_time_lie_at_their_frames(recording):
    spots = Layer.create(*points_layer(SPOTS, place_of(recording), name="spots"))
    maps = made("localization_map", [spots, recording], frames_per_map=10)
    assert np.asarray(maps.data).sum(axis=(1, 2)).tolist() == [1, 0, 0, 0, 1]
    assert maps.data_to_world((4, 0, 0))[0] == pytest.approx(44.5)


def test_the_axes_of_a_spectrum_are_frequencies(recording, viewer, keep_picture):
    spectrum = made("power_spectrum", [recording])
    np.testing.assert_allclose(spectrum.data_to_world((7, 12, 15)), (7, 0, 0), atol=1e-12)
    np.testing.assert_allclose(spectrum.data_to_world((7, 0, 0)), (7, -0.5, -0.5))
    viewer.add_layer(recording)
    result = StageCall.of_layers(STAGES["power_spectrum"], [recording], {}).run()
    list(add_results(result, viewer))
    assert len(viewer.layers) == 2
    np.testing.assert_allclose(viewer.scene.camera.center[1:], 0, atol=0.03)  # half a pixel
    keep_picture(viewer, "power-spectrum")


def test_the_form_draws_the_paths_of_a_tracks_layer(viewer, open_widget, run, recording):
    viewer.add_layer(recording)
    tracks = np.array([[1, 0, 3.0, 4.0], [1, 1, 3.1, 4.1], [2, 5, 10.0, 20.0], [2, 6, 11.0, 20.0]])
    viewer.add_layer(Layer.create(*tracks_layer(tracks, place_of(recording), name="tracks")))
    form = open_widget(viewer, "Map of localizations")
    form.form.set_values({"pixel_px": 0.5})
    assert run(form) == "Done: 1 x 48 x 60 px, lazy"
    picture = viewer.layers[-1]
    assert np.asarray(picture.data).sum() == 4
    np.testing.assert_allclose(picture.scale[1:], recording.scale[1:] / 2)
