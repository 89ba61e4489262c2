from __future__ import annotations

import threading
from functools import partial

import numpy as np
import pandas as pd
import pytest
from napari.layers import Image, Points
from qtpy.QtWidgets import QLabel

from napari_uai.iscat import anomaly_scores
from napari_uai.iscat.recipes.catalogue import STAGES
from napari_uai.monitor import SILENT, Monitor
from napari_uai.stages import REGISTERED, Stage
from napari_uai.videos.frames import Frames, Video
from napari_uai.widgets.iscat.stages import MAX_LAYERS, StageWidget
from napari_uai.widgets.kit.layers import KEY

DRA = "Differential rolling average"
released = threading.Event()


def slow_stage(video: Video, *, steps: int = 2000, monitor: Monitor = SILENT) -> Video:
    """Take a long time."""
    for step in range(steps):
        monitor.update(step / steps, "working")
        if released.wait(0.005):
            break
    return video


def broken_stage(video: Video) -> Video:
    """Have a bug."""
    raise ZeroDivisionError("a bug")


def count_frames(video: Video) -> pd.DataFrame:
    """Give a table without positions."""
    return pd.DataFrame({"frames": [len(video)]})


@pytest.fixture
def own_stage(monkeypatch):
    """The form of a function of this module, as if it stood in the catalogue."""

    def make(function):
        stage = Stage(function, function.__name__, "filter")
        monkeypatch.setitem(REGISTERED, function.__name__, stage)
        released.clear()
        return partial(StageWidget, name=function.__name__)

    return make


@pytest.mark.parametrize("name", STAGES)
def test_every_stage_has_a_widget_with_its_inputs_parameters_and_summary(name, viewer, open_widget):
    stage = STAGES[name]
    widget = open_widget(viewer, stage.title)
    inputs = stage.inputs_of(MAX_LAYERS)
    assert [choice.objectName() for choice in widget.choices] == [i.name for i in inputs]
    assert list(widget.form.editors) == list(stage.parameters)
    texts = [label.text() for label in widget.findChildren(QLabel)]
    assert stage.summary.replace("`", "") in texts


def test_a_rolling_average_becomes_a_lazy_layer_over_its_recording(
    viewer, open_widget, run, recording
):
    viewer.add_image(recording, name="raw", scale=(1, 0.5, 0.5), translate=(0, 2, 0))
    widget = open_widget(viewer, DRA)
    widget.form.set_values({"batch_size": 100})
    assert "401 x 24 x 20 px, lazy" in run(widget)
    layer = viewer.layers[-1]
    assert layer.name == "raw: differential rolling average"
    assert isinstance(layer.data, Frames)
    assert layer.data.dtype == np.float32
    assert tuple(layer.scale) == (1, 0.5, 0.5)
    assert tuple(layer.translate) == (100, 2, 0)
    low, high = layer.contrast_limits
    assert low == -high
    assert layer.colormap.name == "gray"
    history = layer.metadata[KEY]["history"]
    assert history[-1]["stage"] == "differential_rolling_average"
    assert history[-1]["parameters"]["batch_size"] == 100
    assert history[-1]["inputs"] == ["raw"]
    first, second = recording[200:300].mean(0), recording[300:400].mean(0)
    frame = np.asarray(layer.data[200])
    assert abs(frame[10, 8] - (second / first - 1)[10, 8]) < 0.002


def test_a_result_is_kept_in_memory_if_asked(viewer, open_widget, run, recording):
    viewer.add_image(recording, name="raw")
    widget = open_widget(viewer, DRA)
    widget.form.set_values({"batch_size": 100})
    lazy = run(widget), viewer.layers[-1].data
    widget.keep.setChecked(True)
    widget.choices[0].choose("raw")
    assert "in memory" in run(widget)
    kept = viewer.layers[-1].data
    assert isinstance(kept, np.ndarray)
    np.testing.assert_array_equal(kept, np.asarray(lazy[1]))


def test_spots_become_rings_with_features_where_they_were_found(
    viewer, open_widget, run, recording
):
    viewer.add_image(recording, name="raw", scale=(1, 0.5, 0.5))
    average = open_widget(viewer, DRA)
    average.form.set_values({"batch_size": 100})
    run(average)
    widget = open_widget(viewer, "Detect spots")
    widget.choices[0].choose("raw: differential rolling average")
    widget.form.set_values({"threshold": 8.0})
    run(widget)
    layer = viewer.layers[-1]
    assert isinstance(layer, Points)
    assert "center_intensity" in layer.features.columns
    strongest = layer.features["center_intensity"].to_numpy().argmax()
    world = layer.data_to_world(layer.data[strongest])
    np.testing.assert_allclose(world[1:], (5.0, 4.0), atol=0.5)
    assert abs(world[0] - 300) < 20
    assert (np.asarray(layer.face_color)[:, 3] == 0).all()
    assert layer.metadata[KEY]["history"][-1]["stage"] == "detect_spots"


def test_spots_go_from_a_layer_into_the_next_stage(viewer, open_widget, run, recording):
    viewer.add_image(recording, name="raw")
    average = open_widget(viewer, DRA)
    average.form.set_values({"batch_size": 100})
    run(average)
    spots = open_widget(viewer, "Detect spots")
    spots.choices[0].choose("raw: differential rolling average")
    spots.form.set_values({"threshold": 12.0})
    run(spots)
    found = viewer.layers[-1]
    fits = open_widget(viewer, "Fit spots")
    for choice, wanted in zip(fits.choices, fits.stage.inputs, strict=True):
        choice.choose(found.name if wanted.kind == "table" else "raw: differential rolling average")
    run(fits)
    fitted = viewer.layers[-1]
    assert len(fitted.data) == len(found.data) > 0
    assert "Fit_Amplitude" in fitted.features.columns
    np.testing.assert_allclose(fitted.translate, found.translate)


def test_features_of_anomaly_scores_are_layers_of_which_some_are_left_out(viewer, open_widget, run):
    videos = np.random.default_rng(0).normal(size=(3, 12, 8, 8))
    for name, video in zip("abc", videos, strict=True):
        viewer.add_image(video, name=name)
    widget = open_widget(viewer, "Anomaly scores")
    for choice, name in zip(widget.choices, ["a", "(none)", "c"], strict=False):
        choice.choose(name)
    run(widget)
    np.testing.assert_array_equal(viewer.layers[-1].data, anomaly_scores(videos[0], videos[2]))
    assert viewer.layers[-1].metadata[KEY]["history"][-1]["inputs"] == ["a", "c"]


def test_a_table_without_positions_opens_in_a_dock(viewer, own_stage, run, recording):
    widget = own_stage(count_frames)(viewer)
    viewer.window.add_dock_widget(widget)
    viewer.add_image(recording, name="raw")
    assert run(widget) == "Done: 1 row"
    assert any("count_frames" in name for name in viewer.window.dock_widgets)


def test_cancel_ends_the_work_and_adds_nothing(viewer, own_stage, qtbot, recording, notifications):
    viewer.add_image(recording, name="raw")
    widget = own_stage(slow_stage)(viewer)
    viewer.window.add_dock_widget(widget)
    widget.run_bar.run_button.click()
    qtbot.waitUntil(lambda: widget.run_bar.bar.value() > 0)
    assert not widget.run_bar.run_button.isEnabled()
    with qtbot.waitSignal(widget.task.ended):
        widget.run_bar.cancel_button.click()
    assert widget.run_bar.status.text().startswith("Cancelled")
    assert [layer.name for layer in viewer.layers] == ["raw"]
    assert widget.run_bar.run_button.isEnabled()
    assert not widget.run_bar.cancel_button.isEnabled()
    assert notifications == []


def test_progress_arrives_in_the_bar(viewer, own_stage, qtbot, recording):
    viewer.add_image(recording, name="raw")
    widget = own_stage(slow_stage)(viewer)
    viewer.window.add_dock_widget(widget)
    seen = []
    widget.task.progressed.connect(lambda fraction, message: seen.append((fraction, message)))
    widget.run_bar.run_button.click()
    qtbot.waitUntil(lambda: len(seen) > 3)
    with qtbot.waitSignal(widget.task.ended):
        released.set()
    fractions = [fraction for fraction, _ in seen]
    assert fractions == sorted(fractions)
    assert any("working" in message for _, message in seen)


def test_a_value_that_does_not_fit_is_a_notification_and_the_widget_goes_on(
    viewer, open_widget, run, recording, notifications
):
    viewer.add_image(recording, name="raw")
    widget = open_widget(viewer, DRA)
    widget.form.set_values({"batch_size": 301})
    message = run(widget)
    assert "300" in message
    assert notifications == [message]
    assert len(viewer.layers) == 1
    widget.form.set_values({"batch_size": 300})
    assert run(widget).startswith("Done")
    assert len(viewer.layers) == 2


def test_an_invalid_text_is_refused_before_the_run(viewer, open_widget, recording, notifications):
    viewer.add_image(recording, name="raw")
    widget = open_widget(viewer, "Power normalisation")
    widget.form.editors["region"].setText("everywhere")
    widget.run_bar.run_button.click()
    assert not widget.task.running
    assert "region" in notifications[0]


def test_run_without_a_layer_reports_the_missing_input(viewer, open_widget, notifications):
    widget = open_widget(viewer, DRA)
    widget.run_bar.run_button.click()
    assert "needs an Image layer" in notifications[0]
    assert not widget.task.running


def test_a_bug_is_reported_and_the_widget_goes_on(viewer, own_stage, run, qtbot, recording):
    viewer.add_image(recording, name="raw")
    widget = own_stage(broken_stage)(viewer)
    viewer.window.add_dock_widget(widget)
    with qtbot.capture_exceptions() as reported:
        assert run(widget) == "ZeroDivisionError: a bug"
        qtbot.waitUntil(lambda: len(reported) > 0)
    assert reported[0][0] is ZeroDivisionError
    assert widget.run_bar.run_button.isEnabled()


def test_a_layer_deleted_during_the_run_does_not_matter(viewer, own_stage, qtbot, recording):
    layer = viewer.add_image(recording, name="raw", translate=(5, 0, 0))
    widget = own_stage(slow_stage)(viewer)
    viewer.window.add_dock_widget(widget)
    widget.run_bar.run_button.click()
    qtbot.waitUntil(lambda: widget.run_bar.bar.value() > 0)
    viewer.layers.remove(layer)
    with qtbot.waitSignal(widget.task.ended):
        released.set()
    assert [made.name for made in viewer.layers] == ["raw: slow_stage"]
    assert tuple(viewer.layers[0].translate) == (5, 0, 0)


def test_closing_the_widget_cancels_its_work(viewer, own_stage, qtbot, recording, drain):
    viewer.add_image(recording, name="raw")
    widget = own_stage(slow_stage)(viewer)
    dock = viewer.window.add_dock_widget(widget)
    widget.run_bar.run_button.click()
    qtbot.waitUntil(lambda: widget.run_bar.bar.value() > 0)
    stop, worker = widget.task._stop, widget.task._worker
    viewer.window.remove_dock_widget(dock)
    widget.deleteLater()
    qtbot.waitUntil(stop.is_set)
    qtbot.waitUntil(lambda: not worker.is_running)
    drain()
    assert [layer.name for layer in viewer.layers] == ["raw"]


def test_two_viewers_keep_apart(plugin, make_napari_viewer_proxy, open_widget, run, recording):
    one, other = make_napari_viewer_proxy(), make_napari_viewer_proxy()
    one.add_image(recording, name="one")
    other.add_image(recording, name="other")
    widgets = [open_widget(viewer, DRA) for viewer in (one, other)]
    for widget in widgets:
        widget.form.set_values({"batch_size": 50})
        run(widget)
    assert [layer.name for layer in one.layers] == ["one", "one: differential rolling average"]
    assert [layer.name for layer in other.layers] == [
        "other",
        "other: differential rolling average",
    ]


def test_the_list_of_layers_follows_the_viewer(viewer, open_widget, recording):
    widget = open_widget(viewer, DRA)
    choice = widget.choices[0]
    assert choice.layer() is None
    first = viewer.add_image(recording, name="first")
    viewer.add_points(np.zeros((1, 3)), name="points")
    viewer.add_image(np.zeros((4, 4, 3), np.uint8), rgb=True, name="colour")
    assert [choice.itemText(i) for i in range(choice.count())] == ["first"]
    first.name = "renamed"
    assert choice.layer().name == "renamed"
    viewer.add_image(recording, name="second")
    assert choice.layer().name == "renamed"
    viewer.layers.remove("renamed")
    assert choice.layer().name == "second"
    assert isinstance(choice.layer(), Image)
