from __future__ import annotations

import time

import numpy as np
import pytest
from numba.core import event
from qtpy.QtWidgets import QWidget

from napari_uai.errors import BadValueError
from napari_uai.videos.writing.writers import write_video
from napari_uai.widgets.kit.running import RunBar, Task, time_left


@pytest.mark.parametrize(
    ("fraction", "elapsed", "text"),
    [
        (0.5, 10.0, "10 s left"),
        (0.1, 60.0, "9 min left"),
        (0.05, 1000.0, "5.3 h left"),
        (0.01, 100.0, ""),
        (0.5, 1.0, ""),
        (1.0, 100.0, ""),
    ],
)
def test_the_time_left_is_estimated(fraction, elapsed, text):
    assert time_left(fraction, elapsed) == text


@pytest.fixture
def bar(qtbot):
    owner = QWidget()
    yield RunBar(Task(owner), owner)
    owner.deleteLater()


def test_a_first_compilation_is_announced(bar, qtbot):
    def work(monitor):
        with event.trigger_event("numba:compile"):
            monitor.update(0.5, "working")
        monitor.update(0.6, "working on")
        for _ in range(400):  # until the widget is closed
            time.sleep(0.05)
            monitor.update(0.7, "working on")

    bar.start(work)
    qtbot.waitUntil(lambda: "compiling takes up to half a minute" in bar.status.text())
    qtbot.waitUntil(lambda: "working on · 70% · first run" in bar.status.text())


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (PermissionError(13, "Permission denied", "out/landings.csv"), "out/landings.csv"),
        (MemoryError(), "use fewer frames"),
    ],
)
def test_what_the_system_refuses_is_one_line(bar, qtbot, notifications, error, message):
    def work(_monitor):
        raise error

    with qtbot.waitSignal(bar.task.ended):
        bar.start(work)
    assert message in bar.status.text()
    assert message in notifications[-1]
    assert bar.run_button.isEnabled()


def test_a_preview_and_a_run_work_with_any_kind_of_slicing(
    slicing, viewer, open_widget, run, recording, qtbot
):
    viewer.add_image(recording, name="raw")
    widget = open_widget(viewer, "Differential rolling average")
    widget.form.set_values({"batch_size": 100})
    with qtbot.waitSignal(widget.preview.shown):
        widget.preview.tick.setChecked(True)
    for frame in (150, 250, 350):
        with qtbot.waitSignal(widget.preview.shown):
            viewer.dims.set_point(0, frame)
    seen = widget.preview.layer().data
    assert run(widget).startswith("Done")
    average = viewer.layers[-1]
    np.testing.assert_array_equal(np.asarray(average.data[250]), seen)
    viewer.dims.set_point(0, 350)
    qtbot.waitUntil(lambda: average.loaded)
    assert average.get_value((350, 10, 8), world=True) == seen[10, 8]


def test_a_layer_shows_the_file_that_was_opened_also_once_it_was_replaced_or_removed(
    slicing, viewer, recording, tmp_path, qtbot
):
    path = write_video(recording, tmp_path / "recording.bin")
    [layer] = viewer.open(path, plugin="napari-uai")
    viewer.dims.set_point(0, 5)
    write_video(recording[::-1], path, overwrite=True)
    viewer.dims.set_point(0, 500)
    qtbot.waitUntil(lambda: layer.loaded)
    assert layer.get_value((500, 3, 4), world=True) == recording[500, 3, 4]
    [again] = viewer.open(path, plugin="napari-uai")
    viewer.dims.set_point(0, 5)
    viewer.dims.set_point(0, 500)
    qtbot.waitUntil(lambda: again.loaded and layer.loaded)
    assert again.get_value((500, 3, 4), world=True) == recording[99, 3, 4]
    assert layer.get_value((500, 3, 4), world=True) == recording[500, 3, 4]
    path.unlink()
    viewer.dims.set_point(0, 400)
    qtbot.waitUntil(lambda: again.loaded and layer.loaded)
    assert again.get_value((400, 3, 4), world=True) == recording[199, 3, 4]


def test_an_overwritten_file_shows_its_new_frames(viewer, recording, tmp_path):
    path = write_video(recording, tmp_path / "recording.bin")
    [first] = viewer.open(path, plugin="napari-uai")
    np.testing.assert_array_equal(np.asarray(first.data[5]), recording[5])
    viewer.layers.clear()
    write_video(recording[::-1], path, overwrite=True)
    [again] = viewer.open(path, plugin="napari-uai")
    np.testing.assert_array_equal(np.asarray(again.data[5]), recording[-6])


def test_an_error_goes_with_the_next_success(bar, notifications):
    def fails():
        raise BadValueError("too few frames: choose a smaller batch")

    assert bar.tried(fails) is None
    assert "too few frames" in bar.status.text()
    assert bar.tried(lambda: 1) == 1
    assert bar.status.text() == ""
    bar.say("Done: 3 landings")
    assert bar.tried(lambda: 1) == 1
    assert bar.status.text() == "Done: 3 landings"
