"""The training dock: train, watch, cancel, resume, use the weights; what may go wrong."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch")

from qtpy.QtWidgets import QPushButton  # noqa: E402

from napari_uai.iscat.fastdvdnet import train  # noqa: E402
from napari_uai.iscat.fastdvdnet.settings import TrainingSettings  # noqa: E402
from napari_uai.iscat.fastdvdnet.train import train_network  # noqa: E402
from napari_uai.iscat.fastdvdnet.training_files import state_path, unfinished_training  # noqa: E402
from napari_uai.iscat.fastdvdnet.weights import load_weights  # noqa: E402
from napari_uai.widgets.iscat import training_call  # noqa: E402
from napari_uai.widgets.iscat.stage_dock import shown_stage  # noqa: E402
from napari_uai.widgets.iscat.training_call import Losses  # noqa: E402

TITLE = "Train network"
LANDINGS = "iSCAT workflow"
STRIDE = 3
SMALL = {
    "steps": 4,
    "windows": 4,
    "crop_px": 16,
    "learning_rate": 0.01,
    "spread": 2,
    "patience": 9,
}


@pytest.fixture(autouse=True)
def one_order_of_sums():
    """Train with one thread: with more, sums may differ in the last bit, and soon the losses."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def average():
    """A pattern that swells and fades, in noise: what stands in the frames around tells it."""
    rng = np.random.default_rng(3)
    pattern = rng.normal(size=(16, 16))
    swell = np.sin(np.arange(90) / 15)[:, None, None]
    return (swell * pattern + 0.1 * rng.normal(size=(90, 16, 16))).astype(np.float32)


@pytest.fixture
def dock(viewer, open_widget, average, tmp_path):
    viewer.add_image(average, name="average")
    return prepared(open_widget(viewer, TITLE), tmp_path / "w.safetensors")


def prepared(dock, path, epochs=2):
    dock.weights.line.setText(str(path))
    dock.form.set_values({"batch_size": STRIDE, "epochs": epochs, "channels": 2})
    dock.more.set_values(SMALL)
    return dock


@pytest.fixture
def slow(monkeypatch):
    """Cancel is pressed in the middle of an epoch, whenever a test says so."""
    presses = {}
    real = train._Run._epoch

    def epoch(self, model, optimizer, number, monitor):
        press = presses.pop(number, None)
        if press is not None:
            press()
        return real(self, model, optimizer, number, monitor)

    monkeypatch.setattr(train._Run, "_epoch", epoch)
    return presses


def test_training_in_the_dock_equals_training_in_python(dock, run, average, tmp_path, monkeypatch):
    # In bfloat16 another number of threads, so another order of sums, changes the fifth digit.
    monkeypatch.setattr(train, "chosen_precision", lambda *_: torch.float32)
    seen = []
    dock.epoch_ended.connect(seen.append)
    assert dock.inputs.contents.currentData() == "average"
    assert run(dock).startswith("Done: best epoch ")
    weights = load_weights(tmp_path / "w.safetensors")
    settings = {name: SMALL[name] for name in ("steps", "windows", "crop_px", "learning_rate")}
    how = TrainingSettings(epochs=2, patience=9, **settings)
    _, history = train_network(
        average, tmp_path / "same.safetensors", network=weights.settings, training=how
    )
    assert (weights.settings.stride, weights.settings.channels) == (STRIDE, 2)
    np.testing.assert_allclose(dock.plot.losses.validation, history["validation_loss"], rtol=1e-5)
    assert [len(losses.epochs) for losses in seen] == [2, 3]
    assert dock.plot.losses.best == int(np.argmin(history["validation_loss"]))


def test_a_cancelled_and_resumed_training_equals_an_uninterrupted_one(
    viewer, open_widget, dock, run, average, tmp_path, slow, keep_picture
):
    slow[2] = dock.run_bar.cancel_button.click
    dock.form.set_values({"epochs": 3})
    assert run(dock) == "Cancelled; the training can be resumed."
    assert unfinished_training(tmp_path / "w.safetensors").epochs == 1
    assert dock.note.text().startswith("Stopped after 1 of 3 epochs")
    assert dock.run_bar.run_button.text() == "Resume"
    assert not dock.form.editors["epochs"].isEnabled()
    keep_picture(viewer, "train-network")

    again = open_widget(viewer, TITLE)  # as after a restart: only the name of the file is known
    again.weights.line.setText("")
    again.form.set_values({"epochs": 20, "batch_size": 7, "channels": 16})
    again.weights.line.setText(str(tmp_path / "w.safetensors"))
    assert len(again.plot.losses.epochs) == 2
    assert run(again).startswith("Done")
    assert again.run_bar.run_button.text() == "Train"
    how = TrainingSettings(
        epochs=3, **{n: v for n, v in SMALL.items() if n in vars(TrainingSettings())}
    )
    weights = load_weights(tmp_path / "w.safetensors")
    _, history = train_network(
        average, tmp_path / "same.safetensors", network=weights.settings, training=how
    )
    np.testing.assert_allclose(again.plot.losses.validation, history["validation_loss"], rtol=1e-4)


def test_training_into_a_new_file_keeps_the_stopped_training(dock, run, tmp_path, slow):
    slow[2] = dock.run_bar.cancel_button.click
    run(dock)
    kept = state_path(tmp_path / "w.safetensors").read_bytes()
    dock.new_file_button.click()
    assert dock.weights.path() == tmp_path / "w_2.safetensors"
    assert dock.run_bar.run_button.text() == "Train"
    assert dock.form.editors["epochs"].isEnabled()
    assert run(dock).startswith("Done")
    assert state_path(tmp_path / "w.safetensors").read_bytes() == kept


def test_a_recording_goes_through_the_stages_of_the_recipe(
    viewer, open_widget, run, recording, tmp_path
):
    viewer.add_image(recording[:300], name="raw")
    landings = open_widget(viewer, LANDINGS)
    landings.steps.forms["dra"].set_values({"batch_size": 60})
    landings.findChild(QPushButton, "train").click()
    dock = open_widget(viewer, TITLE)
    assert dock.inputs.contents.currentData() == "raw"
    assert dock.inputs.recipe_choice.currentText() == f"matched, as in {LANDINGS}"
    assert dock.form.values()["batch_size"] == 60
    prepared(dock, tmp_path / "w.safetensors", epochs=1)
    dock.form.set_values({"batch_size": 40})
    run(dock)  # which may end in noise that teaches nothing
    assert dock.average_layer().name == "raw: rolling average"
    made = viewer.layers["raw: rolling average"]
    assert made.data.shape == (300 - 2 * 40 + 1, 24, 20)
    assert made.translate[0] == 40
    assert training_call.batch_size_of(made) == 40
    assert dock.average_layer().name == made.name  # not added twice


def test_the_weights_are_used_by_a_preview_and_by_a_recipe(viewer, dock, run, qtbot, tmp_path):
    assert not dock.predict_button.isEnabled()
    run(dock)
    dock.predict_button.click()
    stage = shown_stage(viewer, "predict_background")
    assert stage.choices[0].layer().name == "average"
    with qtbot.waitSignal(stage.preview.shown):
        viewer.dims.set_point(0, 40)
    assert np.isfinite(stage.preview.layer().data).all()
    stage.preview.tick.setChecked(False)
    dock.find_button.click()
    landings = viewer.window.add_plugin_dock_widget("napari-uai", LANDINGS)[1]
    background = landings.recipe().values("background")
    assert background["weights"] == str(tmp_path / "w.safetensors")
    assert background["stride"] == STRIDE
    landings.show_recipe("matched")
    landings.task._worker = object()  # as while it runs
    dock.find_button.click()
    landings.task._worker = None
    assert "is running" in dock.run_bar.status.text()
    assert landings.recipe().name == "matched"


def test_initial_weights_determine_the_shape_of_the_network(dock, run, tmp_path):
    run(dock)
    first = dock.plot.losses
    dock.weights.line.setText(str(tmp_path / "second.safetensors"))
    dock.form.set_values({"channels": 16})
    dock.inputs.start_from.line.setText(str(tmp_path / "w.safetensors"))
    assert not dock.form.editors["channels"].isVisibleTo(dock.form)
    assert dock.form.editors["epochs"].isVisibleTo(dock.form)
    run(dock)
    assert dock.plot.losses.validation[0] == pytest.approx(min(first.validation), rel=1e-4)
    dock.inputs.start_from.line.setText(str(tmp_path / "missing.safetensors"))
    dock.weights.line.setText(str(tmp_path / "third.safetensors"))
    assert "missing.safetensors: cannot be read" in run(dock)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda video: video[:5], "training with stride 3 needs 12 frames"),
        (np.zeros_like, "the video is constant"),
        (lambda video: np.where(video > 2, np.nan, video), "NaN or infinite pixels"),
    ],
)
def test_an_unusable_video_is_reported_in_one_line(
    viewer, dock, run, average, notifications, tmp_path, change, message
):
    viewer.add_image(change(average), name="bad", contrast_limits=(-1, 1))
    dock.recording.choose("bad")
    prepared(dock, tmp_path / "w.safetensors")
    assert message in run(dock)
    assert message in notifications[-1]
    assert not (tmp_path / "w.safetensors").exists()
    dock.recording.choose("average")
    prepared(dock, tmp_path / "w.safetensors")
    assert run(dock).startswith("Done")


def test_missing_inputs_are_reported(viewer, open_widget, dock, run, notifications, tmp_path):
    (tmp_path / "file").write_text("")
    dock.weights.line.setText(str(tmp_path / "file" / "w.safetensors"))
    assert "another folder" in run(dock)
    dock.weights.line.setText(str(tmp_path / "w.txt"))
    assert ".safetensors" in run(dock)
    viewer.layers.clear()
    dock.weights.line.setText(str(tmp_path / "w.safetensors"))
    dock.run_bar.run_button.click()
    assert "open a recording first" in notifications[-1]


def test_without_torch_the_command_to_install_it_is_shown(dock, run, notifications, monkeypatch):
    monkeypatch.delitem(sys.modules, "napari_uai.iscat.fastdvdnet.train")
    monkeypatch.setitem(sys.modules, "torch", None)
    run(dock)
    assert 'pip install "napari-uai[torch]"' in notifications[-1]


def test_the_layer_may_be_removed_during_training(viewer, dock, run, slow, tmp_path):
    dock.epoch_ended.connect(lambda losses: len(losses.epochs) == 2 and viewer.layers.clear())
    assert run(dock).startswith("Done")
    assert dock.weights.path() == tmp_path / "w.safetensors"
    assert dock.average_layer() in viewer.layers  # added again


def test_closing_the_window_ends_the_training_and_keeps_its_last_epoch(
    plugin, make_napari_viewer_proxy, open_widget, qtbot, average, tmp_path
):
    viewer = make_napari_viewer_proxy()
    viewer.add_image(average, name="average")
    dock = prepared(open_widget(viewer, TITLE), tmp_path / "w.safetensors", epochs=500)
    dock.more.set_values({"patience": 500})
    dock.run_bar.run_button.click()
    qtbot.waitUntil(lambda: len(dock.plot.losses.epochs) > 1)
    viewer.close()
    qtbot.waitUntil(lambda: not training_now())
    state = unfinished_training(tmp_path / "w.safetensors")
    assert 1 <= state.epochs < 500
    assert len(state.history["validation_loss"]) == state.epochs + 1


def training_now():
    from napari_uai.widgets.iscat.training import _BUSY

    return bool(_BUSY)


def test_two_windows_do_not_train_into_one_file(
    dock, make_napari_viewer_proxy, open_widget, qtbot, average, notifications, tmp_path
):
    other = make_napari_viewer_proxy()
    other.add_image(average, name="average")
    second = prepared(open_widget(other, TITLE), tmp_path / "w.safetensors", epochs=500)
    prepared(dock, tmp_path / "w.safetensors", epochs=500)
    with qtbot.waitSignal(dock.epoch_ended):
        dock.run_bar.run_button.click()
    second.run_bar.run_button.click()
    assert "is already being trained" in notifications[-1]
    with qtbot.waitSignal(dock.task.ended):
        dock.run_bar.cancel_button.click()
    other.close()


def test_an_unused_path_next_to_the_recording_is_suggested(
    viewer, open_widget, recording, tmp_path
):
    path = tmp_path / "one_type_uint16_shape(600, 24, 20).raw"
    recording.tofile(path)
    viewer.open(path, plugin="napari-uai")
    dock = open_widget(viewer, TITLE)
    first = dock.weights.path()
    assert (first.parent, first.name) == (tmp_path, f"{path.stem}_weights.safetensors")
    first.write_bytes(b"weights")
    dock.inputs.show_layer()
    assert dock.weights.path().name == f"{path.stem}_weights_2.safetensors"
    dock.weights.line.setText(str(first))
    assert "Train overwrites it" in dock.note.text()


def test_an_unreadable_state_is_reported(dock, tmp_path):
    path = tmp_path / "broken.safetensors"
    state_path(path).write_bytes(b"cut")
    dock.weights.line.setText(str(path))
    assert "delete it to start over" in dock.note.text()
    assert dock.run_bar.run_button.text() == "Train"


def test_losses_of_a_history_without_numbers_have_a_best_epoch():
    losses = Losses.of(json.loads(
        '{"epoch": [0, 1, 2], "training_loss": [NaN, 1, 2], "validation_loss": [2, 1, NaN]}'
    ))  # fmt: skip
    assert losses.best == 1
    assert "2.0000 before training" in losses.text
