from __future__ import annotations

import numpy as np
import pytest
from napari._app_model import get_app_model
from qtpy.QtWidgets import QDockWidget

from napari_uai.iscat.recipes.catalogue import STAGES, listed_stages
from napari_uai.widgets.iscat.stage_dock import shown_stage
from napari_uai.widgets.iscat.stage_list import missing_layers
from napari_uai.widgets.kit.plugin_docks import STAGE_TITLE


@pytest.fixture
def dock(viewer, open_widget):
    return open_widget(viewer, STAGE_TITLE)


def texts(dock):
    """What the list shows, by name of the stage."""
    return {item.data(0, 0x100): item.text(0) for item in dock.list._items()}


def test_the_list_knows_of_every_stage_what_its_module_says():
    for name, listed in listed_stages().items():
        stage = STAGES[name]
        assert (listed.title, listed.menu) == (stage.title, stage.menu)
        assert (listed.output, listed.selects) == (stage.output, stage.selects)
        assert listed.needs == tuple(i.kind for i in stage.inputs if i.required)
        assert listed.summary == stage.summary


def test_only_stages_that_fit_the_layers_can_be_chosen_and_others_say_why(viewer, dock, recording):
    assert dock.list.enabled() == []
    assert texts(dock)["median_filter"] == "Median filter · needs an Image layer"
    viewer.add_image(recording, name="raw")
    assert "median_filter" in dock.list.enabled()
    assert texts(dock)["median_filter"] == "Median filter"
    assert texts(dock)["fit_spots"] == "Fit spots · needs a Points layer"
    assert texts(dock)["residual"] == "Residual of a prediction · needs two Image layers"
    viewer.add_points(np.zeros((1, 3)))
    assert "fit_spots" in dock.list.enabled()
    viewer.layers.clear()
    assert dock.list.enabled() == []


def test_what_is_missing_is_told_for_both_kinds():
    there = {"video": 0, "table": 0}
    assert missing_layers(("table", "video"), there) == "needs an Image layer and a Points layer"
    assert missing_layers(("table", "table"), there) == "needs two Points layers"


def test_words_find_stages_and_return_opens_the_first(viewer, dock, recording, qtbot):
    viewer.add_image(recording, name="raw")
    dock.search.setText("rolling average")
    assert "differential_rolling_average" in dock.list.enabled()
    assert "gaussian_filter" not in dock.list.enabled()
    dock.search.setText("shot noise or nothing")
    assert dock.list.enabled() == []
    dock.search.setText("median filter")
    dock.search.returnPressed.emit()
    assert list(dock.forms) == ["median_filter"]
    assert not dock.forms["median_filter"].isHidden()


def test_a_stage_runs_from_the_dock(viewer, dock, recording, run):
    viewer.add_image(recording, name="raw")
    form = dock.show_stage("gaussian_filter")
    assert run(form).startswith("Done")
    assert viewer.layers[-1].name == "raw: gaussian filter"


def test_each_stage_keeps_its_values_while_another_is_shown(viewer, dock, recording):
    viewer.add_image(recording, name="raw")
    dock.show_stage("differential_rolling_average").form.set_values({"batch_size": 77})
    dock.show_stage("median_filter")
    assert dock.forms["differential_rolling_average"].isHidden()
    form = dock.show_stage("differential_rolling_average")
    assert not form.isHidden()
    assert form.form.values()["batch_size"] == 77


def test_the_preview_of_a_stage_ends_when_another_is_shown(viewer, dock, recording, qtbot):
    viewer.add_image(recording, name="raw")
    form = dock.show_stage("gaussian_filter")
    form.preview.tick.setChecked(True)
    qtbot.waitUntil(lambda: len(viewer.layers) == 2)
    dock.show_stage("median_filter")
    assert [layer.name for layer in viewer.layers] == ["raw"]


def test_an_entry_of_a_layer_menu_opens_the_dock_on_its_stage(viewer, recording):
    viewer.add_image(recording, name="raw")
    command = get_app_model().commands["napari-uai.gaussian_filter"]
    command.run_injected()
    dock = viewer.window.dock_widgets[f"{STAGE_TITLE} (napari-uai)"]
    assert not dock.forms["gaussian_filter"].isHidden()
    assert dock.list.currentItem().text(0) == "Gaussian filter"


def test_closing_the_dock_cancels_the_run_of_its_stage(viewer, dock, recording, notifications):
    viewer.add_image(recording, name="raw")
    form = dock.show_stage("noise_floor")
    form.run()
    assert form.task.running
    stop = form.task._stop
    viewer.window.remove_dock_widget(dock)
    assert stop.is_set()
    assert "cancelled" in notifications[-1]


def test_a_stage_is_shown_again_by_the_dock_that_is_open(viewer, recording):
    viewer.add_image(recording, name="raw")
    first = shown_stage(viewer, "median_filter")
    second = shown_stage(viewer, "gaussian_filter")
    assert first.window() is second.window()
    docks = viewer.window._qt_window.findChildren(QDockWidget)
    assert sum(STAGE_TITLE in dock.objectName() for dock in docks) == 1
