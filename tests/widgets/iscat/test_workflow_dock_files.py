"""The iSCAT workflow dock: a recipe is edited, run and stored, as on the command line."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QApplication, QPushButton
from typer.testing import CliRunner

from napari_uai.cli.app import app
from napari_uai.iscat.recipes.recipe import load_recipe
from napari_uai.sample_data import sample_path
from napari_uai.videos.frames import Frames
from napari_uai.videos.writing.writers import write_video
from napari_uai.widgets.iscat.landings import LandingsView
from napari_uai.widgets.kit.plugin_docks import RAW_TITLE

TITLE = "iSCAT workflow"
QUICK = """
description = "For a test."

[[stage]]
name = "power"
use = "power_normalization"

[[stage]]
name = "dra"
use = "differential_rolling_average"
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
def quick(tmp_path):
    path = tmp_path / "quick.toml"
    path.write_text(QUICK)
    return str(path)


@pytest.fixture
def dock(viewer, open_widget, quick, recording):
    viewer.add_image(recording, name="raw")
    widget = open_widget(viewer, TITLE)
    widget.show_recipe(quick)
    return widget


def test_a_recipe_saved_by_the_dock_gives_the_same_landings_on_the_command_line(
    viewer, open_widget, run, tmp_path
):
    path = sample_path("landings.bin")
    [layer] = viewer.open(path, plugin="napari-uai")
    widget = open_widget(viewer, TITLE)
    widget.recording.choose(layer.name)
    widget.show_recipe("matched")
    widget.steps.forms["dra"].set_values({"batch_size": 150})
    widget.steps.switches["moved"].setChecked(False)
    widget.results_folder.line.setText(str(tmp_path / "dock"))
    assert "landing" in run(widget)
    widget.save_recipe(tmp_path / "saved.toml")
    widget.landings.export(tmp_path / "exported.csv")
    done = CliRunner().invoke(
        app,
        [
            "iscat",
            str(path),
            "--out",
            str(tmp_path / "cli"),
            "--recipe",
            str(tmp_path / "saved.toml"),
        ],
    )
    assert done.exit_code == 0, done.output
    expected = (tmp_path / "cli" / "landings.csv").read_bytes()
    assert expected.count(b"\n") > 3
    assert (tmp_path / "exported.csv").read_bytes() == expected
    assert (tmp_path / "dock" / "landings.csv").read_bytes() == expected
    localizations = (tmp_path / "cli" / "localizations.csv").read_bytes()
    assert (tmp_path / "dock" / "localizations.csv").read_bytes() == localizations
    assert not (tmp_path / "cli" / "drift.csv").exists()


def test_a_stage_is_switched_off_where_the_recipe_does_without_it(viewer, dock, run, tmp_path):
    assert dock.steps.switches["power"].isEnabled()
    assert not dock.steps.switches["spots"].isEnabled()
    dock.steps.switches["power"].setChecked(False)
    assert [step.name for step in dock.recipe().steps] == ["dra", "spots"]
    dock.save_recipe(tmp_path / "saved.toml")
    assert load_recipe(tmp_path / "saved.toml").step("dra").inputs == ("recording",)
    assert run(dock).startswith("Done")
    assert "power" not in viewer.layers[1].metadata["napari_uai"]["history"][-1]["parameters"][
        "toml"
    ].replace("power_normalization", "power")
    dock.steps.reset()
    assert [step.name for step in dock.recipe().steps] == ["power", "dra", "spots"]


def test_each_stage_shows_its_computing_time(dock, run):
    run(dock)
    assert all(state.text().endswith(" s") for state in dock.steps.states.values())


def test_progress_is_shown_for_each_stage(dock):
    dock.steps.show_progress({"power": 1.0, "dra": 0.5, "spots": 0.0})
    texts = {name: state.text() for name, state in dock.steps.states.items()}
    assert texts == {"power": "✓", "dra": "50%", "spots": ""}


@pytest.mark.parametrize(("average", "kind"), [("memory", np.ndarray), ("stored", Frames)])
def test_the_rolling_average_is_kept_as_asked(viewer, dock, run, tmp_path, average, kind):
    dock.results_folder.line.setText(str(tmp_path / "out"))
    assert str(tmp_path / "out") in run(dock)
    lazy = np.asarray(viewer.layers[1].data)
    dock.average.setCurrentIndex(dock.average.findData(average))
    dock.recording.choose("raw")
    run(dock)
    made = [layer for layer in viewer.layers if layer.name.startswith("average")][-1]
    assert isinstance(made.data, kind)
    np.testing.assert_array_equal(np.asarray(made.data), lazy)
    assert (tmp_path / "out" / "run.json").exists()
    assert (tmp_path / "out" / "rolling_average.zarr").exists() == (average == "stored")


def test_a_folder_of_recordings_gives_a_table_and_a_folder_each(
    viewer, open_widget, run, quick, recording, tmp_path, notifications
):
    for name in ("one", "two"):
        write_video(recording, tmp_path / "in" / f"{name}.npy")
    (tmp_path / "in" / "bad.npy").write_bytes(b"nothing")
    widget = open_widget(viewer, TITLE)
    widget.show_recipe(quick)
    widget.source_kind.setCurrentIndex(1)
    widget.source_folder.line.setText(str(tmp_path / "in"))
    widget.results_folder.line.setText(str(tmp_path / "out"))
    (tmp_path / "in" / "odd.bin").write_bytes(recording.tobytes() + b"odd")
    message = run(widget)
    assert "2 of 4 recordings" in message
    assert "2 failed" in message
    assert (tmp_path / "out" / "one" / "localizations.csv").exists()
    shown = widget.batch.list
    rows = [[shown.topLevelItem(i).text(column) for column in range(3)] for i in range(4)]
    assert rows == [["bad.npy", "failed", ""], ["odd.bin", "failed", ""], ["one.npy", "done", "0"],
                    ["two.npy", "done", "0"]]  # fmt: skip
    assert float(shown.topLevelItem(2).text(3)) > 0
    assert "bad.npy" in shown.topLevelItem(0).toolTip(0)
    widget.batch.open(shown.topLevelItem(0))
    assert "bad.npy" in notifications[-1]
    widget.batch.open(shown.topLevelItem(1))
    raw = viewer.window.dock_widgets[f"{RAW_TITLE} (napari-uai)"]
    assert raw.parentWidget().isVisibleTo(raw.parentWidget().parentWidget())


def test_landings_of_a_folder_are_counted_together_while_it_runs(
    viewer, open_widget, run, tmp_path
):
    for name in ("one", "two"):
        shutil.copy(sample_path("landings.bin"), tmp_path / f"{name}.bin")
        shutil.copy(sample_path("landings.json"), tmp_path / f"{name}.json")
    widget = open_widget(viewer, TITLE)
    widget.show_recipe("classical")
    widget.steps.forms["dra"].set_values({"batch_size": 200})
    widget.source_kind.setCurrentIndex(1)
    widget.source_folder.line.setText(str(tmp_path))
    widget.results_folder.line.setText(str(tmp_path / "out"))
    run(widget)
    batch = widget.batch
    each = int(batch.list.topLevelItem(0).text(2))
    assert each > 0
    assert batch.list.topLevelItem(1).text(2) == str(each)
    assert batch.bars.title == f"{2 * each} landings of 2 recordings"
    assert batch.count.text() == "2 of 2 recordings"


def test_dropped_files_and_folders_are_opened_without_a_question(
    viewer, open_widget, quick, recording, notifications, tmp_path
):
    dock = open_widget(viewer, TITLE)

    def drop(path):
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(path))])
        position, buttons = QPointF(5, 5), Qt.MouseButton.LeftButton
        action, keys = Qt.DropAction.CopyAction, Qt.KeyboardModifier.NoModifier
        entered = QDragEnterEvent(position.toPoint(), action, data, buttons, keys)
        QApplication.sendEvent(dock, entered)
        assert entered.isAccepted()
        QApplication.sendEvent(dock, QDropEvent(position, action, data, buttons, keys))

    drop(write_video(recording, tmp_path / "in" / "one.raw"))
    assert dock.recording.layer().name == "one"
    drop(tmp_path / "in")
    assert dock.source_kind.currentData() == "folder"
    assert dock.source_folder.path() == tmp_path / "in"
    drop(quick)
    assert dock.recipe_choice.currentText() == quick
    (tmp_path / "text.docx").write_text("no recording")
    drop(tmp_path / "text.docx")
    assert "cannot open text.docx" in notifications[-1]


def test_missing_inputs_are_reported_and_the_dock_goes_on(
    viewer, open_widget, quick, run, recording, notifications, tmp_path
):
    widget = open_widget(viewer, TITLE)
    widget.show_recipe(quick)
    widget.run_bar.run_button.click()
    assert "open a recording first" in notifications[-1]
    widget.source_kind.setCurrentIndex(1)
    widget.run_bar.run_button.click()
    assert "needs two folders" in notifications[-1]
    widget.source_folder.line.setText(str(tmp_path / "missing"))
    widget.results_folder.line.setText(str(tmp_path / "out"))
    run(widget)
    assert "choose the folder of the recordings" in notifications[-1]
    widget.source_kind.setCurrentIndex(0)
    viewer.add_image(recording, name="raw")
    assert run(widget).startswith("Done")


def test_an_unwritable_folder_is_reported_before_the_run(dock, run, tmp_path, notifications):
    (tmp_path / "file").write_text("")
    dock.results_folder.line.setText(str(tmp_path / "file" / "out"))
    run(dock)
    assert "choose another folder" in notifications[-1]
    assert len(dock.viewer.layers) == 1
    dock.results_folder.line.setText("")
    assert run(dock).startswith("Done")


@pytest.mark.parametrize(
    ("data", "options"),
    [
        (np.zeros((4, 4, 3), np.uint8), {"rgb": True}),
        (np.zeros((2, 3, 8, 8)), {}),
    ],
)
def test_layers_that_are_not_videos_are_not_offered(viewer, open_widget, data, options):
    viewer.add_image(data, name="odd", **options)
    viewer.add_labels(np.zeros((8, 8), int), name="empty")
    widget = open_widget(viewer, TITLE)
    assert widget.recording.layer() is None
    assert "add a recording first" in widget.recording.currentText()


def test_an_image_of_one_frame_is_reported_as_too_short(viewer, open_widget, run, quick, recording,
                                                         notifications):  # fmt: skip
    viewer.add_image(recording[0], name="one frame")
    widget = open_widget(viewer, TITLE)
    widget.show_recipe(quick)
    run(widget)
    assert "a longer video" in notifications[-1]


def test_a_file_that_vanished_is_one_clear_message(
    viewer, open_widget, run, quick, recording, tmp_path, notifications
):
    path = write_video(recording, tmp_path / "recording.bin")
    [layer] = viewer.open(path, plugin="napari-uai")
    widget = open_widget(viewer, TITLE)
    widget.show_recipe(quick)
    widget.recording.choose(layer.name)
    path.write_bytes(b"short")
    run(widget)
    assert "open it again" in notifications[-1]
    viewer.add_image(recording, name="raw")
    widget.recording.choose("raw")
    assert run(widget).startswith("Done")


def test_verdicts_are_kept_when_the_recipe_runs_again(viewer, open_widget, run, tmp_path):
    [layer] = viewer.open(sample_path("landings.bin"), plugin="napari-uai")
    widget = open_widget(viewer, TITLE)
    widget.recording.choose(layer.name)
    widget.show_recipe("classical")
    widget.steps.forms["dra"].set_values({"batch_size": 150})
    run(widget)
    first = widget.landings
    first.choose(0)
    first.judge("yes")
    widget.recording.choose(layer.name)
    run(widget)
    assert widget.landings is not first
    assert widget.landings.review.verdicts[0] == "yes"
    widget.landings.export(tmp_path / "landings.csv")
    assert pd.read_csv(tmp_path / "landings.csv")["accepted"][0] == "yes"


def test_closing_the_window_during_a_run_and_a_preview_ends_both(
    plugin, make_napari_viewer_proxy, open_widget, qtbot
):
    viewer = make_napari_viewer_proxy()
    [layer] = viewer.open(sample_path("landings.bin"), plugin="napari-uai")
    stage = open_widget(viewer, "Differential rolling average")
    stage.form.set_values({"batch_size": 200})
    with qtbot.waitSignal(stage.preview.shown):
        stage.preview.tick.setChecked(True)
    widget = open_widget(viewer, TITLE)
    widget.recording.choose(layer.name)
    widget.run_bar.run_button.click()
    qtbot.waitUntil(lambda: widget.run_bar.bar.value() > 0)
    stop = widget.task._stop
    viewer.close()
    qtbot.waitUntil(stop.is_set)


def test_landings_are_reviewed_again_from_their_layer(viewer, dock, notifications):
    dock.review()
    assert "run a recipe" in notifications[-1]
    table = pd.DataFrame({"landing": [1], "raw_frame": [300], "contrast": [0.02], "score": [9.0]})
    viewer.add_points([[300, 10, 8]], features=table, name="found")
    dock.review()
    assert isinstance(dock.landings, LandingsView)
    assert len(dock.landings.table) == 1


def test_the_whole_window_in_use_is_pictured(viewer, open_widget, run, keep_picture, qtbot):
    viewer.window.resize(1500, 940)
    [layer] = viewer.open(sample_path("landings.bin"), plugin="napari-uai")
    widget = open_widget(viewer, TITLE)
    widget.recording.choose(layer.name)
    widget.show_recipe("classical")
    widget.steps.forms["dra"].set_values({"batch_size": 150})
    run(widget)
    widget.landings.judge("yes")
    widget.landings.judge("no")
    qtbot.waitUntil(lambda: "average" in widget.landings.picture.title)
    picture = keep_picture(viewer, "iscat-workflow").astype(int)
    ring = np.abs(picture - (0xFF, 0xB0, 0x00)).max(axis=2) < 40  # of a landing, and bars
    assert ring.sum() > 200


def test_a_layer_that_is_renamed_or_deleted_mid_way_does_not_matter(viewer, open_widget, qtbot):
    [layer] = viewer.open(sample_path("landings.bin"), plugin="napari-uai")
    widget = open_widget(viewer, TITLE)
    widget.recording.choose(layer.name)
    widget.show_recipe("classical")
    widget.steps.forms["dra"].set_values({"batch_size": 150})
    with qtbot.waitSignal(widget.task.ended):
        widget.run_bar.run_button.click()
        layer.name = "renamed"
        qtbot.waitUntil(lambda: widget.run_bar.bar.value() > 100)
        viewer.layers.remove(layer)
    assert "landing" in widget.run_bar.status.text()
    assert any("landings · classical" in made.name for made in viewer.layers)
    assert widget.recording.layer() is None  # the rolling average is no recording


def test_two_docks_of_two_viewers_keep_to_themselves(
    plugin, make_napari_viewer_proxy, open_widget, quick, recording, qtbot
):
    viewers = [make_napari_viewer_proxy() for _ in range(2)]
    docks = []
    for number, viewer in enumerate(viewers):
        viewer.add_image(recording[number:], name=f"raw {number}")
        docks.append(open_widget(viewer, TITLE))
        docks[-1].show_recipe(quick)
    for dock in docks:
        dock.run_bar.run_button.click()
    for number, (dock, viewer) in enumerate(zip(docks, viewers, strict=True)):
        qtbot.waitUntil(lambda dock=dock: not dock.task.running)
        assert dock.run_bar.status.text().startswith("Done")
        assert all(layer.name.endswith(f"raw {number}") for layer in viewer.layers)
        assert viewer.layers[1].data.shape[0] == 600 - number - 199


def test_a_recipe_that_cannot_be_saved_is_reported(dock, notifications, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setattr(
        "napari_uai.widgets.iscat.workflow_dock.QFileDialog.getSaveFileName",
        lambda *_: (str(tmp_path / "file" / "own.toml"), ""),
    )
    dock.findChild(QPushButton, "save").click()
    assert "choose another folder" in notifications[-1]
