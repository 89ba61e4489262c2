"""What a new user meets: an empty dock, the sample, a batch that fits, values that stay."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from napari.layers import Image, Points
from qtpy.QtWidgets import QPushButton

from napari_uai.iscat.recipes.recipe import load_recipe
from napari_uai.sample_data import sample_path
from napari_uai.widgets.kit.help import HelpWindow
from napari_uai.widgets.kit.layers import KEY
from napari_uai.widgets.kit.plugin_docks import RAW_TITLE
from napari_uai.widgets.window import open_window

TITLE = "iSCAT workflow"


@pytest.fixture
def dock(viewer, open_widget):
    return open_widget(viewer, TITLE)


@pytest.fixture
def other():
    """A recording of 6000 frames."""
    return np.random.default_rng(0).integers(900, 1100, (6000, 8, 8)).astype(np.uint16)


def batch(dock):
    return dock.steps.forms["dra"].values()["batch_size"]


def test_from_the_empty_dock_to_five_landings(viewer, dock, run, keep_picture):
    assert dock.start.isVisibleTo(dock)
    dock.findChild(QPushButton, "open_sample").click()
    assert not dock.start.isVisibleTo(dock)
    assert "1200 frames: batch 200 suggested" in dock.note.text()
    message = run(dock)
    assert "5 landings" in message
    truth = next(layer for layer in viewer.layers if "true" in layer.name.lower())
    landings = viewer.layers["landings · matched b200 · landings"]
    assert isinstance(landings, Points)
    distance = np.linalg.norm(
        np.asarray(landings.data)[:, None, -2:] - np.asarray(truth.data)[None, :, -2:], axis=2
    )
    assert (distance.min(axis=0) < 1).all()
    for row in range(5):
        frames, contrasts = dock.landings.review.trace(row)
        peak = frames[np.argmax(np.abs(contrasts))]
        event = dock.landings.table["raw_frame"].iloc[row]
        assert abs(peak - event) < 60  # a V has its tip at the landing
    keep_picture(viewer, "first-minutes")


def test_a_batch_is_suggested_only_where_none_was_chosen(viewer, dock, other, recording):
    viewer.add_image(other, name="long")
    assert batch(dock) == 500
    assert not dock.note.text()
    viewer.add_image(recording, name="short")
    assert batch(dock) == 100
    assert "600 frames: batch 100 suggested" in dock.note.text()
    dock.recording.choose("long")
    assert batch(dock) == 500
    dock.steps.forms["dra"].set_values({"batch_size": 300})
    viewer.add_image(recording[:500], name="shorter")
    assert batch(dock) == 300
    assert "two batches of 300 exceed a third" in dock.note.text()


def test_the_newest_recording_is_chosen_and_results_are_not_offered(viewer, dock, recording, run):
    viewer.add_image(recording, name="first")
    dock.show_recipe("classical")
    run(dock)
    average = next(layer for layer in viewer.layers if layer.name.startswith("average"))
    assert isinstance(average, Image)
    assert [dock.recording.itemText(i) for i in range(dock.recording.count())] == ["first"]
    viewer.add_image(recording[:500], name="second")
    assert dock.recording.layer().name == "second"
    viewer.layers["first"].metadata[KEY] = {
        "history": [{"stage": "dark_frame_subtraction", "parameters": {}, "inputs": ["raw"]}]
    }
    dock.reset_choices()
    assert dock.recording.findText("first") >= 0  # a corrected recording is still one


def test_values_stay_when_the_recipe_changes_and_lost_ones_are_named(dock):
    dock.steps.forms["dra"].set_values({"batch_size": 320})
    dock.steps.forms["events"].set_values({"false_landings": 4.0})
    dock.recipe_choice.setCurrentText("classical")
    assert batch(dock) == 320
    assert "Reset, not in this recipe: events.false_landings" in dock.note.text()
    dock.recipe_choice.setCurrentText("matched")
    assert batch(dock) == 320
    assert dock.steps.forms["events"].values()["false_landings"] == 1.0


def test_each_recording_keeps_its_values_even_if_the_dock_is_closed(
    viewer, dock, other, open_widget, plugin
):
    viewer.add_image(other, name="one")
    dock.steps.forms["dra"].set_values({"batch_size": 250})
    viewer.add_image(other[:5000], name="two")
    dock.recipe_choice.setCurrentText("classical")
    dock.steps.forms["dra"].set_values({"batch_size": 400})
    dock.recording.choose("one")
    assert (dock.recipe_choice.currentText(), batch(dock)) == ("matched", 250)
    dock.recording.choose("two")
    assert (dock.recipe_choice.currentText(), batch(dock)) == ("classical", 400)
    viewer.window.remove_dock_widget(dock)
    again = open_widget(viewer, TITLE)
    again.recording.choose("one")
    assert batch(again) == 250
    again.recording.choose("two")
    assert (again.recipe_choice.currentText(), batch(again)) == ("classical", 400)


def test_a_change_above_the_list_shows_in_it_and_back(dock):
    essentials = dock.essentials
    assert next(iter(essentials.stages)) == "batch_size"
    essentials.form.set_values({"batch_size": 260})
    assert batch(dock) == 260
    assert dock.recipe().values("dra")["batch_size"] == 260
    dock.steps.forms["dra"].set_values({"batch_size": 270})
    assert essentials.form.values()["batch_size"] == 270
    preset = load_recipe("matched").values("steps")["polarity"]
    assert essentials.form.values()["polarity"] == preset


def test_stages_with_changed_values_say_so(dock):
    title = dock.steps.title("dra")
    dock.steps.forms["dra"].set_values({"batch_size": 260})
    assert dock.steps.title("dra") == f"{title} · 1 changed"
    dock.findChild(QPushButton, "reset").click()
    assert dock.steps.title("dra") == title


def test_a_dock_that_is_closed_during_a_run_cancels_it_and_says_so(
    viewer, dock, recording, qtbot, notifications
):
    viewer.add_image(np.concatenate([recording] * 4), name="raw")
    go_on = threading.Event()

    def work(monitor):
        go_on.wait(30)
        monitor.update(0.5, "working")

    with qtbot.waitSignal(dock.task.ended):
        dock.run_bar.start(work)
        viewer.window.remove_dock_widget(dock)
        go_on.set()
    assert notifications == ["the run was cancelled, because its dock was closed"]


@pytest.mark.parametrize(
    ("name", "title"), [("landings.bin", "iSCAT workflow"), ("trails", "Trail workflow")]
)
def test_a_window_begins_with_the_dock_of_its_file(viewer, monkeypatch, name, title, qtbot):
    monkeypatch.setattr("napari.viewer.Viewer", lambda **_: viewer)
    assert open_window(sample_path(name)) is viewer
    assert list(viewer.window.dock_widgets) == [f"{title} (napari-uai)"]
    qtbot.waitUntil(lambda: len(viewer.layers) > 0)


def test_a_hidden_dock_is_shown_by_the_next_file_that_needs_it(viewer, tmp_path, recording):
    for name in ("one.bin", "two.bin"):
        (tmp_path / name).write_bytes(recording.tobytes() + b"odd")
    viewer.open(tmp_path / "one.bin", plugin="napari-uai")
    dock = viewer.window.dock_widgets[f"{RAW_TITLE} (napari-uai)"].parentWidget()
    dock.hide()
    assert not dock.isVisibleTo(dock.parent())
    viewer.open(tmp_path / "two.bin", plugin="napari-uai")
    assert dock.isVisibleTo(dock.parent())


def test_a_span_of_frames_is_analysed_and_keeps_the_numbers_of_the_file(
    viewer, dock, recording, run
):
    viewer.add_image(recording, name="raw", metadata={KEY: {"first_frame": 1000}})
    assert (dock.frames.first.value(), dock.frames.last.value()) == (1000, 1599)
    dock.show_recipe("classical")
    dock.frames.first.setValue(1150)
    dock.frames.last.setValue(1449)
    assert "300 frames: batch 50 suggested" in dock.note.text()
    dock.steps.forms["spots"].set_values({"threshold": 4.0})
    run(dock)
    average = next(layer for layer in viewer.layers if layer.name.startswith("average"))
    assert average.data.shape[0] == 300 - 2 * 50 + 1
    assert average.translate[0] == 150 + 50
    assert dock.landings is not None
    [row] = np.flatnonzero(np.abs(dock.landings.table["raw_frame"] - 1300) < 20)
    assert abs(dock.landings.review.world(row)[0] - 300) < 20  # the viewer counts from 0
    viewer.add_image(recording[:200], name="other")
    assert dock.frames.span() is None
    dock.recording.choose("raw")
    assert dock.frames.span() == (150, 450)


def test_a_run_replaces_the_last_one_on_its_recording_unless_that_is_kept(viewer, dock, run):
    video, truth = viewer.open_sample("napari-uai", "landings")
    opened = [video.name, truth.name]
    dock.recipe_choice.setCurrentText("classical")
    run(dock)
    first = {layer.name for layer in viewer.layers}
    assert first >= {"average · classical b200 · landings", "landings · classical b200 · landings"}
    dock.landings.judge("yes")
    dock.steps.forms["dra"].set_values({"batch_size": 150})
    run(dock)
    names = {layer.name for layer in viewer.layers}
    assert {name for name in names if "b200" in name} == set()
    assert "landings · classical b150 · landings" in names
    assert names >= set(opened)
    reviews = [d for d in viewer.window.dock_widgets if d.startswith("landings ·")]
    assert reviews == ["landings · classical b150 · landings"]
    assert dock.landings.review.count("yes") == 1
    dock.keep_earlier.setChecked(True)
    dock.steps.forms["dra"].set_values({"batch_size": 100})
    run(dock)
    names = {layer.name for layer in viewer.layers}
    assert {"landings · classical b150 · landings", "landings · classical b100 · landings"} <= names


def test_an_empty_dock_leads_to_the_tutorial(viewer, dock):
    dock.start.findChild(QPushButton, "tutorial").click()
    [window] = viewer.window._qt_window.findChildren(HelpWindow)
    assert window.page.name == "tutorial-napari"
    window.close()
