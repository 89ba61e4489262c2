"""The recipe for particles that move, in the window."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from napari.layers import Layer, Tracks

from napari_uai.iscat.recipes.recipe import load_recipe
from napari_uai.simulate.iscat.recording import simulate_recording
from napari_uai.simulate.iscat.scenarios import scenario
from napari_uai.videos.recording import Recording
from napari_uai.widgets.iscat.add_results import add_results
from napari_uai.widgets.iscat.stage_call import RecipeCall
from napari_uai.widgets.iscat.stage_plots import StageTable
from napari_uai.widgets.kit.layers import recording_layer


@pytest.fixture
def video():
    settings = replace(scenario("diffusing", 1), frames=150, movers=5, rows=48, columns=48)
    return simulate_recording(settings).video


def test_a_run_adds_paths_in_the_colours_of_their_diffusion_and_tables(viewer, video):
    recording = Recording(video, pixel_size_um=0.05, frame_rate_hz=1000.0)
    layer = viewer.add_layer(Layer.create(*recording_layer(recording)))
    result = RecipeCall.of_layer(load_recipe("tracking"), layer).run()
    assert result.result is not None
    found = result.result.trajectories
    assert f"{len(found)} trajectories" in result.message
    list(add_results(result, viewer))
    tracks = viewer.layers[-1]
    assert isinstance(tracks, Tracks)
    assert tracks.color_by == "diffusion_um2_per_s"
    assert set(np.unique(tracks.data[:, 0])) == set(found["particle"])
    np.testing.assert_allclose(tracks.scale, layer.scale)
    names = [
        name.partition(" ")[0]
        for name, dock in viewer.window.dock_widgets.items()
        if isinstance(dock, StageTable)
    ]
    assert set(names) == {"population", "distribution", "displacements", "trajectories"}


def test_nothing_that_moves_is_said(viewer):
    noise = np.random.default_rng(0).poisson(1e4, (250, 32, 32)).astype(np.uint16)
    layer = viewer.add_layer(Layer.create(*recording_layer(Recording(noise))))
    recipe = load_recipe("tracking").with_values(candidates={"threshold": 7.0})
    result = RecipeCall.of_layer(recipe, layer).run()
    assert result.message == "no trajectories found"
    assert not result.layers
