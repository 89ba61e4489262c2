"""The training dock: trains a network on a recording, plots the losses, uses the weights."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLabel, QPushButton, QWidget

from napari_uai.errors import BadValueError, NapariUaiError
from napari_uai.iscat.fastdvdnet.loading import INSTALL, torch_is_installed
from napari_uai.iscat.recipes.recipe import PREDICTING, PREDICTION
from napari_uai.widgets.iscat.loss_plot import LossPlot
from napari_uai.widgets.iscat.stage_dock import shown_stage
from napari_uai.widgets.iscat.training_call import Losses, next_free, stopped_at
from napari_uai.widgets.iscat.training_form import TrainingForm
from napari_uai.widgets.kit.docks import button_grid, dock_layout
from napari_uai.widgets.kit.layer_choice import layer_of
from napari_uai.widgets.kit.plugin_docks import LANDINGS_TITLE, shown_dock
from napari_uai.widgets.kit.running import RunBar, Task

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Image
    from napari.utils.events import Event
    from napari.viewer import Viewer

    from napari_uai.iscat.fastdvdnet.training_files import Unfinished
    from napari_uai.iscat.recipes.recipe import Recipe
    from napari_uai.monitor import Monitor
    from napari_uai.widgets.iscat.training_call import Trained, TrainingCall
    from napari_uai.widgets.kit.layers import LayerTuple

_BUSY: set[Path] = set()
"""Weights that are being trained, in any window."""


class TrainingWidget(QWidget):
    """Choose a recording and a file for the weights; train, watch, cancel, resume, use the weights.

    Parameters
    ----------
    napari_viewer
        Viewer whose layers are the recordings.

    Attributes
    ----------
    averaged
        Emitted with the layer of the rolling average on which the network is trained.
    epoch_ended
        Emitted with the losses so far.
    """

    averaged = Signal(object)
    epoch_ended = Signal(object)

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.setObjectName("train_network")
        self.viewer = napari_viewer
        self.inputs = TrainingForm(self.viewer)
        self.recording, self.weights = self.inputs.recording, self.inputs.weights
        self.form, self.more = self.inputs.form, self.inputs.more
        self.note = QLabel("")
        self.new_file_button = QPushButton("Train into a new file")
        self.task = Task(self)
        self.run_bar = RunBar(self.task)
        self.plot = LossPlot()
        self.predict_button = QPushButton("Predict background")
        self.find_button = QPushButton("Find landings")
        self._stopped: Unfinished | None = None
        self._average: tuple[Path, LayerTuple] | None = None
        self._added: dict[Path, str] = {}
        self._call: TrainingCall | None = None
        self._outcome = ""
        self._lay_out()
        self._connect()
        self.reset_choices()
        if not torch_is_installed():
            self.run_bar.say(f"Training needs torch: {INSTALL}")

    def run(self) -> None:
        """Train in a thread, from the start or from where the training was stopped."""
        if self.task.running:
            return
        self.inputs.avoid_overwriting()
        try:
            call = self.inputs.call()
            key = call.weights.resolve()
            if key in _BUSY:
                raise BadValueError(
                    f"{call.weights} is already being trained: wait for it, or choose another file"
                )
        except NapariUaiError as error:
            self.run_bar.show_error(str(error))
            return
        _BUSY.add(key)
        self._call, self._outcome = call, ""
        stopped = self._stopped
        losses = Losses.of(stopped.history) if stopped else Losses()
        self.plot.show_losses(losses, int(self.form.values()["epochs"]))
        done = stopped.epochs / stopped.training.epochs if stopped else 0.0
        self.run_bar.start(self._work(call, key), done=min(done, 0.99))
        self._show_running(True)

    def use(self, layer: Image | None, recipe: Recipe) -> None:
        """Choose a recording, and a recipe with the values of another dock."""
        if not self.task.running:
            self.inputs.use(layer, recipe)

    def predict(self) -> None:
        """Open the stage that predicts the background, with these weights and a live preview."""
        path = self.weights.path()
        layer = self.average_layer()
        if path is None or layer is None:
            return
        dock = shown_stage(self.viewer, PREDICTING)
        dock.choices[0].choose(layer.name)
        dock.form.set_values({"weights": str(path)})
        dock.preview.tick.setChecked(True)
        dock.preview.refresh()

    def find_landings(self) -> None:
        """Open the workflow dock with a recipe that uses these weights."""
        from napari_uai.iscat.recipes.run import ROLLING_AVERAGE

        path = self.weights.path()
        if path is None:
            return
        dock = shown_dock(self.viewer, LANDINGS_TITLE)
        if dock.task.running:
            self.run_bar.show_error(
                f"{LANDINGS_TITLE} is running: wait for it or cancel it, then try again"
            )
            return
        self.run_bar.forget_error()
        dock.show_recipe(PREDICTION)
        batch_size = self.form.values()["batch_size"]
        dock.steps.forms[ROLLING_AVERAGE].set_values({"batch_size": batch_size})
        for form in dock.steps.forms.values():
            if "weights" in form.editors:
                form.set_values({"weights": str(path)})
        layer = self.recording.layer()
        if not self.inputs.has_average() and layer is not None:
            dock.recording.choose(layer.name)

    def average_layer(self) -> Image | None:
        """Return the layer of the rolling average; it is added if the viewer does not have it."""
        layer = self.inputs.average_layer()
        if layer is not None or self._average is None:
            return layer
        path, (data, attributes, kind) = self._average
        layer = layer_of(self.viewer, self._added.get(path))
        if layer is None:
            layer = getattr(self.viewer, f"add_{kind}")(data, **attributes)
            self._added[path] = str(layer.unique_id)
        return layer

    def reset_choices(self, event: Event | None = None) -> None:  # noqa: ARG002
        """Update the list of layers; napari calls this when layers change."""
        is_other_layer = self.inputs.reset_choices()
        if not self.task.running and is_other_layer:
            self.inputs.show_layer()

    def _work(self, call: TrainingCall, key: Path) -> Callable[[Monitor], Trained]:
        def work(monitor: Monitor) -> Trained:
            try:
                return call.run(self._emit_average, self._emit_losses, monitor)
            finally:
                _BUSY.discard(key)

        return work

    def _emit_average(self, layer: LayerTuple) -> None:
        with suppress(RuntimeError):  # the widget was deleted; the monitor stops the work
            self.averaged.emit(layer)

    def _emit_losses(self, losses: Losses) -> None:
        with suppress(RuntimeError):
            self.epoch_ended.emit(losses)

    def _keep_average(self, layer: LayerTuple) -> None:
        if self._call is not None:
            self._average = self._call.weights, layer

    def _show_epoch(self, losses: Losses) -> None:
        self.plot.show_losses(losses, self.plot.n_epochs)

    def _succeeded(self, trained: Trained) -> None:
        losses = trained.losses
        self.plot.show_losses(losses, self.plot.n_epochs)
        last = len(losses.epochs) - 1
        early = f" after {last} epochs" if last < self.plot.n_epochs else ""
        result = (
            f"{losses.text}; weights in {trained.weights.name}"
            if losses.best
            else "no epoch improved on the initial weights"
        )
        self._outcome = f"Done{early}: {result}"

    def _failed(self, message: str) -> None:
        self._outcome = message

    def _ended(self) -> None:
        is_done = self._outcome.startswith("Done")
        self._show_file()
        self._show_running(False)
        if is_done:
            self.run_bar.bar.setValue(self.run_bar.bar.maximum())
            self.run_bar.say(self._outcome)
            self.note.setVisible(False)
        elif not self._outcome:
            rest = "the training can be resumed" if self._stopped else "nothing was written"
            self.run_bar.say(f"Cancelled; {rest}.")

    def _train_into_new_file(self) -> None:
        path = self.weights.path()
        if path is not None:
            self.weights.line.setText(str(next_free(path)))
            self.plot.show_losses(Losses(), self.plot.n_epochs)

    def _show_file(self) -> None:
        """Show what is at the path of the weights, and whether Run trains or resumes."""
        self._stopped, note = stopped_at(self.weights.path())
        self.note.setText(note)
        self.note.setVisible(bool(note))
        self.new_file_button.setVisible(self._stopped is not None)
        self.run_bar.run_button.setText("Resume" if self._stopped else "Train")
        self.inputs.show_stopped(self._stopped)
        if self._stopped is not None:
            losses = Losses.of(self._stopped.history)
            self.plot.show_losses(losses, self._stopped.training.epochs)
        self._enable_use()

    def _enable_use(self) -> None:
        """Enable the buttons that use the weights once these exist."""
        path = self.weights.path()
        is_ready = path is not None and path.is_file() and not self.task.running
        is_kept = self._average is not None and self._average[0] == path
        has_average = is_kept or self.inputs.average_layer() is not None
        self.predict_button.setEnabled(is_ready and has_average)
        self.find_button.setEnabled(is_ready)

    def _show_running(self, running: bool) -> None:
        self.inputs.setEnabled(not running)
        self.new_file_button.setVisible(not running and self._stopped is not None)
        self.note.setVisible(not running and bool(self.note.text()))
        self._enable_use()

    def _connect(self) -> None:
        self.inputs.weights_changed.connect(self._show_file)
        self.inputs.contents_changed.connect(self._enable_use)
        for form in (self.form, self.more):
            form.changed.connect(self.run_bar.forget_error)
        for changed in (self.inputs.weights_changed, self.inputs.contents_changed):
            changed.connect(self.run_bar.forget_error)
        self.new_file_button.clicked.connect(self._train_into_new_file)
        self.run_bar.run_asked.connect(self.run)
        self.task.succeeded.connect(self._succeeded)
        self.task.failed.connect(self._failed)
        self.task.broke.connect(self._failed)
        self.task.ended.connect(self._ended)
        self.averaged.connect(self._keep_average)
        self.epoch_ended.connect(self._show_epoch)
        self.predict_button.clicked.connect(self.predict)
        self.find_button.clicked.connect(self.find_landings)

    def _lay_out(self) -> None:
        for widget, name in (
            (self.note, "note"),
            (self.new_file_button, "new_file"),
            (self.plot, "losses"),
            (self.predict_button, "predict"),
            (self.find_button, "find"),
        ):
            widget.setObjectName(name)
        self.note.setWordWrap(True)
        self.new_file_button.setToolTip("The stopped training is kept and can be resumed later.")
        self.predict_button.setToolTip(
            "<qt>Open the stage that predicts each frame of the rolling average, with a live "
            "preview.</qt>"
        )
        self.find_button.setToolTip(
            f"<qt>Open {LANDINGS_TITLE} with recipe {PREDICTION} and these weights.</qt>"
        )
        layout = dock_layout(self, self.run_bar, topic="train_network")
        for widget in (self.inputs, self.note, self.new_file_button):
            layout.addWidget(widget)
        layout.addWidget(self.plot, 1)
        layout.addWidget(QLabel("Use weights:"))
        layout.addLayout(button_grid(self.predict_button, self.find_button))
