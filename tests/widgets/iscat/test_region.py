from __future__ import annotations

import json
import tomllib

import numpy as np
import pytest

from napari_uai.widgets.iscat.region_choice import WHOLE
from napari_uai.widgets.iscat.shape_choice import rectangle
from napari_uai.widgets.kit.plugin_docks import (
    LANDINGS_TITLE,
    LIMIT_TITLE,
    TRAINING_TITLE,
    shown_dock,
)


@pytest.fixture
def dock(viewer, open_widget, recording):
    viewer.add_image(recording, name="raw", scale=(1, 0.5, 0.5), translate=(0, 2, 1))
    return open_widget(viewer, LANDINGS_TITLE)


def draw(dock, viewer, top, bottom, left, right):
    """Draw a rectangle from the middle of one pixel to that of another, as the mouse does."""
    dock.region.draw_button.click()
    corners = [[top, left], [top, right], [bottom, right], [bottom, left]]
    viewer.layers[-1].add_rectangles(np.array(corners, float))


def test_pixels_whose_centres_are_in_the_rectangle_are_the_region():
    corners = np.array([[3.2, 1.6], [3.2, 9.9], [7.8, 9.9], [7.8, 1.6]])
    assert rectangle(corners, (24, 20)) == {"region": [4, 8, 2, 10]}
    assert rectangle(corners + 16, (24, 20)) == {"region": [20, 24, 18, 20]}  # beyond the field
    assert rectangle(corners - 40, (24, 20)) == {"region": [0, 1, 0, 1]}


def test_draw_region_makes_a_layer_in_which_the_mouse_draws_a_rectangle(dock, viewer):
    dock.region.draw_button.click()
    shapes = viewer.layers[-1]
    assert shapes.name == "raw: region"
    assert viewer.layers.selection.active.name == shapes.name
    assert str(shapes.mode) == "add_rectangle"
    assert dock.region.text.text() == WHOLE


def test_a_run_in_a_region_has_the_places_of_the_whole_recording(dock, viewer, run, tmp_path):
    draw(dock, viewer, 2, 20, 1, 17)
    assert dock.region.region == (2, 21, 1, 18)
    assert dock.region.text.text() == "2-21 x 1-18"
    assert "region 2-21 x 1-18" in dock.note.text()
    dock.recipe_choice.setCurrentText("classical")
    dock.steps.forms["dra"].set_values({"batch_size": 100})
    dock.steps.forms["spots"].set_values({"threshold": 4.0})
    dock.results_folder.line.setText(str(tmp_path / "results"))
    assert run(dock).startswith("Done")
    average = next(layer for layer in viewer.layers if layer.name.startswith("average"))
    assert average.data.shape[1:] == (19, 17)
    np.testing.assert_allclose(average.translate, (100, 2 + 2 * 0.5, 1 + 1 * 0.5))
    table = dock.landings.table
    [row] = np.flatnonzero(np.hypot(table["y"] - 10, table["x"] - 8) < 1)
    np.testing.assert_allclose(dock.landings.review.world(row)[1:], (2 + 5.0, 1 + 4.0), atol=0.5)
    record = json.loads((tmp_path / "results" / "run.json").read_text())
    assert record["stages"][0]["parameters"] == {"region": [2, 21, 1, 18]}
    recipe = tomllib.loads((tmp_path / "results" / "recipe.toml").read_text("utf-8"))
    assert recipe["stage"][0]["parameters"]["region"] == [2, 21, 1, 18]


@pytest.mark.parametrize("title", [LIMIT_TITLE, TRAINING_TITLE])
def test_docks_that_take_the_recipe_take_the_region_too(dock, viewer, title):
    draw(dock, viewer, 2, 20, 1, 17)
    (dock.limit if title == LIMIT_TITLE else dock.train)()
    other = shown_dock(viewer, title)
    if title == TRAINING_TITLE:
        other = other.inputs
        other.weights.line.setText("weights.safetensors")
    assert other.call().recipe.values("crop")["region"] == (2, 21, 1, 18)


def test_the_region_is_kept_with_its_recording(dock, viewer, recording):
    draw(dock, viewer, 2, 20, 1, 17)
    viewer.add_image(recording, name="other")
    assert dock.region.region is None
    dock.recording.choose("raw")
    assert dock.region.region == (2, 21, 1, 18)


def test_the_whole_field_is_chosen_again_by_button_and_by_deleting_the_layer(dock, viewer):
    draw(dock, viewer, 2, 20, 1, 17)
    dock.region.clear_button.click()
    assert dock.region.region is None
    assert [layer.name for layer in viewer.layers] == ["raw"]
    draw(dock, viewer, 3, 9, 1, 17)
    assert dock.region.region == (3, 10, 1, 18)
    viewer.layers.remove("raw: region")
    assert dock.region.region is None
    assert dock.region.text.text() == WHOLE


def test_a_rectangle_that_is_moved_is_the_new_region(dock, viewer):
    draw(dock, viewer, 2, 8, 1, 7)
    shapes = viewer.layers[-1]
    shapes.add_rectangles(np.array([[4, 1], [4, 7], [12, 7], [12, 1]], float))
    assert dock.region.region == (4, 13, 1, 8)
    shapes.data = [np.array([[5, 1], [5, 7], [12, 7], [12, 1]], float)]
    assert dock.region.region == (5, 13, 1, 8)


def test_the_stage_takes_its_region_from_a_rectangle(viewer, open_widget, recording, run):
    viewer.add_image(recording, name="raw")
    form = open_widget(viewer, "Crop to a region")
    form.shape.draw_button.click()
    viewer.layers[-1].add_rectangles(np.array([[4, 1], [4, 7], [12, 7], [12, 1]], float))
    assert run(form).startswith("Done: 600 x 9 x 7 px")
    np.testing.assert_array_equal(np.asarray(viewer.layers[-1].data[5]), recording[5, 4:13, 1:8])
    assert tuple(viewer.layers[-1].translate) == (0, 4, 1)
