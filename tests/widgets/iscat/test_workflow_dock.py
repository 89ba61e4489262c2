from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image, Points
from qtpy.QtWidgets import QTableView

from napari_uai.iscat.recipes.recipe import load_recipe, recipe_names
from napari_uai.widgets.iscat.landings import LandingsView
from napari_uai.widgets.kit.layers import KEY

TITLE = "iSCAT workflow"
RECIPE = """
description = "For a test."

[[stage]]
name = "dra"
use = "differential_rolling_average"
input = "recording"
[stage.parameters]
batch_size = 100

[[stage]]
name = "spots"
use = "detect_spots"
[stage.parameters]
threshold = 8.0

[outputs]
localizations = "spots"
"""


@pytest.fixture
def recipe_file(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(RECIPE)
    return path


def test_the_recipes_of_the_package_are_offered(viewer, open_widget):
    widget = open_widget(viewer, TITLE)
    choice = widget.recipe_choice
    assert [choice.itemText(i) for i in range(choice.count())] == recipe_names()
    for name in recipe_names():
        widget.show_recipe(name)
        assert widget.recipe().steps == load_recipe(name).steps
        assert widget.description.text() == load_recipe(name).description


def test_a_run_gives_the_rolling_average_and_the_spots_over_it(
    viewer, open_widget, run, recording, recipe_file
):
    viewer.add_image(recording, name="raw", scale=(1, 0.5, 0.5))
    widget = open_widget(viewer, TITLE)
    widget.show_recipe(str(recipe_file))
    run(widget)
    average, spots = viewer.layers[1:]
    assert isinstance(average, Image)
    assert tuple(average.translate) == (100, 0, 0)
    assert isinstance(spots, Points)
    strongest = spots.features["center_intensity"].to_numpy().argmax()
    world = spots.data_to_world(spots.data[strongest])
    np.testing.assert_allclose(world[1:], (5.0, 4.0), atol=0.5)
    assert abs(world[0] - 300) < 20
    toml = average.metadata[KEY]["history"][-1]["parameters"]["toml"]
    assert "batch_size = 100" in toml


def test_what_is_changed_in_the_form_is_what_runs_and_is_saved(
    viewer, open_widget, run, recording, recipe_file, tmp_path
):
    viewer.add_image(recording, name="raw")
    widget = open_widget(viewer, TITLE)
    widget.show_recipe(str(recipe_file))
    widget.steps.forms["dra"].set_values({"batch_size": 60})
    assert widget.steps.settings() == ["dra.batch_size=60"]
    run(widget)
    assert viewer.layers[1].data.shape[0] == 600 - 2 * 60 + 1
    widget.save_recipe(tmp_path / "saved.toml")
    assert load_recipe(tmp_path / "saved.toml").values("dra")["batch_size"] == 60


def test_a_recording_that_is_too_short_is_one_clear_message(
    viewer, open_widget, run, recording, recipe_file, notifications
):
    viewer.add_image(recording[:50], name="raw")
    widget = open_widget(viewer, TITLE)
    widget.show_recipe(str(recipe_file))
    message = run(widget)
    assert "dra" in message
    assert "50" in message
    assert notifications == [message]
    assert len(viewer.layers) == 1


def test_a_recipe_file_that_is_not_valid_is_one_clear_message(
    viewer, open_widget, tmp_path, notifications
):
    path = tmp_path / "bad.toml"
    path.write_text("description = 3 +")
    widget = open_widget(viewer, TITLE)
    widget.show_recipe(str(path))
    assert "not valid TOML" in notifications[0]


def test_a_row_of_the_landings_leads_to_its_frame_and_place(viewer, open_widget, run):
    video, truth = viewer.open_sample("napari-uai", "landings")
    widget = open_widget(viewer, TITLE)
    widget.recording.choose(video.name)
    widget.show_recipe("classical")
    widget.steps.forms["dra"].set_values({"batch_size": 200})
    message = run(widget)
    assert "landing" in message
    [table] = [
        inner
        for dock in viewer.window.dock_widgets.values()
        for inner in dock.findChildren(QTableView)
    ]
    landings = viewer.layers["landings · classical b200 · landings"]
    assert table.model().rowCount() == len(landings.data)
    table.selectRow(0)
    first = next(
        view for view in viewer.window.dock_widgets.values() if isinstance(view, LandingsView)
    ).table.iloc[0]
    assert viewer.dims.current_step[0] == first["raw_frame"]
    nearest = np.abs(truth.data[:, 0] - first["raw_frame"]).argmin()
    np.testing.assert_allclose(truth.data[nearest, 1:], first[["y", "x"]].to_numpy(float), atol=1)
