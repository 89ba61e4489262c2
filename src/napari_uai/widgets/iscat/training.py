"""Training in a dock: a recording in, weights out, the loss drawn epoch by epoch."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_uai.errors import BadValueError, NapariUaiError
from napari_uai.iscat.fastdvdnet.loading import INSTALL, torch_is_installed
from napari_uai.iscat.fastdvdnet.settings import NetworkSettings, TrainingSettings
from napari_uai.iscat.fastdvdnet.training_files import SUFFIX
from napari_uai.iscat.recipes.catalogue import stage
from napari_uai.iscat.recipes.recipe import PREDICTING, PREDICTION, load_recipe, recipe_names
from napari_uai.parameters import Parameters
from napari_uai.widgets.iscat.loss_plot import LossPlot
from napari_uai.widgets.iscat.recipe_steps import toml_text
from napari_uai.widgets.iscat.training_call import (
    AVERAGING,
    Losses,
    Trained,
    TrainingCall,
    batch_size_of,
    found_at,
    looks_averaged,
    next_free,
    suggested_weights,
)
from napari_uai.widgets.iscat.weights_choice import WeightsChoice
from napari_uai.widgets.kit.forms import ParameterForm, add_row, form_layout, scrolling
from napari_uai.widgets.kit.layer_choice import LayerChoice, layer_of
from napari_uai.widgets.kit.running import RunBar, Task

if TYPE_CHECKING:
    from qtpy.QtGui import QResizeEvent

    from napari_uai.iscat.fastdvdnet.training_files import Unfinished
    from napari_uai.iscat.recipes.recipe import Recipe
    from napari_uai.monitor import Monitor
    from napari_uai.widgets.kit.layers import LayerTuple

LANDINGS_TITLE = "iSCAT workflow"

HOLDS = {"raw": "the recording, in counts", "average": "its rolling average"}
"""What a layer may hold."""

_SEEN = ("epochs", "channels")
_FOLDED_HEIGHT = 380

_BUSY: set[Path] = set()
"""Files into which networks are trained now, by any window."""


class TrainingWidget(QWidget):
    """Choose a recording and where the weights go; train, watch, cancel, go on, use the weights.

    Parameters
    ----------
    napari_viewer
        The viewer whose layers are taken.

    Attributes
    ----------
    averaged
        The rolling average that is learnt, as a layer to be added.
    epoch_ended
        Losses so far.
    """

    averaged = Signal(object)
    epoch_ended = Signal(object)

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self.setObjectName("train_network")
        self.viewer = napari_viewer
        self.recording = LayerChoice(self.viewer, "video")
        self.holds = QComboBox()
        self.recipe_choice = QComboBox()
        self._groups = {
            "training": dict(Parameters.of_settings(TrainingSettings)),
            "network": dict(Parameters.of_settings(NetworkSettings)),
        }
        del self._groups["network"]["stride"]  # the batch size
        known = {**self._groups["training"], **self._groups["network"]}
        batch_size = stage(AVERAGING).parameters["batch_size"]
        self.form = ParameterForm([batch_size, *(known[name] for name in _SEEN)])
        more = [p for name, p in known.items() if name not in _SEEN]
        self.more = ParameterForm([*more, stage(PREDICTING).parameters["device"]])
        self.weights = WeightsChoice("Weights to write", "choose a file")
        self.start_from = WeightsChoice("Weights to begin with", "random ones", is_new=False)
        self.note = QLabel("")
        self.anew_button = QPushButton("Train anew into another file")
        self.task = Task(self)
        self.run_bar = RunBar(self.task)
        self.plot = LossPlot()
        self.predict_button = QPushButton("Predict the background")
        self.find_button = QPushButton("Find landings")
        self._state: Unfinished | None = None
        self._layer_id: str | None = None
        self._learnt: tuple[Path, LayerTuple] | None = None
        self._added: dict[Path, str] = {}
        self._call: TrainingCall | None = None
        self._said = ""
        self._suggestion = ""
        self._lay_out()
        self._connect()
        self.reset_choices()
        if not torch_is_installed():
            self.run_bar.say(f"Training needs torch: {INSTALL}")

    def call(self) -> TrainingCall:
        """Return what Train will do.

        Raises
        ------
        NapariUaiError
            If something is missing or does not fit.
        """
        layer, path = self.recording.layer(), self.weights.path()
        if layer is None:
            raise BadValueError(
                "training needs an Image layer (frames, rows, columns): open a recording first"
            )
        if path is None:
            raise BadValueError(f"choose a file for the weights (NAME{SUFFIX})")
        values = self.form.values()
        batch_size = values.pop("batch_size")
        begin = None if self._state else self.start_from.text() or None
        return TrainingCall.of_layer(
            layer,
            path,
            batch_size=batch_size,
            recipe=self._recipe(batch_size) if self.holds.currentData() == "raw" else None,
            settings=tuple(self._settings({**values, **self.more.values()}, begin)),
            start_from=begin,
            device=self.more.values()["device"],
        )

    def run(self) -> None:
        """Train in a thread, from the beginning or from where it was stopped."""
        if self.task.running:
            return
        if self._is_suggested() and self._state is None and self.recording.layer() is not None:
            self._suggest()  # not over the weights that were trained last
        try:
            call = self.call()
            key = call.weights.resolve()
            if key in _BUSY:
                raise BadValueError(
                    f"{call.weights} is being trained already: wait for it, or choose another file"
                )
        except NapariUaiError as error:
            self.run_bar.show_error(str(error))
            return
        _BUSY.add(key)
        self._call, self._said = call, ""
        losses = Losses.of(self._state.history) if self._state else Losses()
        self.plot.show_losses(losses, int(self.form.values()["epochs"]))
        done = self._state.epochs / self._state.training.epochs if self._state else 0.0
        self.run_bar.start(self._work(call, key), done=min(done, 0.99))
        self._show_running(True)

    def take_over(self, layer: Any, recipe: Recipe) -> None:
        """Choose a recording, and a recipe as it stands elsewhere."""
        if self.task.running:
            return
        if layer is not None:
            self.recording.choose(layer.name)
            self._show_layer()
        for index in reversed(range(self.recipe_choice.count())):
            if not isinstance(self.recipe_choice.itemData(index), str):
                self.recipe_choice.removeItem(index)
        self.recipe_choice.addItem(f"{recipe.name}, as in {LANDINGS_TITLE}", recipe)
        self.recipe_choice.setCurrentIndex(self.recipe_choice.count() - 1)

    def predict(self) -> None:
        """Open the stage that predicts the background, with these weights and a live preview."""
        path = self.weights.path()
        layer = self._learnt_layer()
        if path is None or layer is None:
            return
        title = stage(PREDICTING).title
        _, opened = self.viewer.window.add_plugin_dock_widget("napari-uai", title, tabify=True)
        opened.reset_choices()
        opened.choices[0].choose(layer.name)
        opened.form.set_values({"weights": str(path)})
        opened.preview.tick.setChecked(True)
        opened.preview.refresh()

    def find_landings(self) -> None:
        """Open the dock that finds landings, with a recipe that uses these weights."""
        from napari_uai.iscat.recipes.run import ROLLING_AVERAGE

        path = self.weights.path()
        if path is None:
            return
        _, opened = self.viewer.window.add_plugin_dock_widget(
            "napari-uai", LANDINGS_TITLE, tabify=True
        )
        if opened.task.running:
            self.run_bar.show_error(
                f"{LANDINGS_TITLE} is at work: wait for it, or cancel it, then press again"
            )
            return
        opened.show_recipe(PREDICTION)
        batch_size = self.form.values()["batch_size"]
        opened.steps.forms[ROLLING_AVERAGE].set_values({"batch_size": batch_size})
        for form in opened.steps.forms.values():
            if "weights" in form.editors:
                form.set_values({"weights": str(path)})
        if self.holds.currentData() == "raw" and self.recording.layer() is not None:
            opened.recording.choose(self.recording.layer().name)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Give texts that break into lines their height."""
        super().resizeEvent(event)
        QTimer.singleShot(0, self._fit)

    def reset_choices(self, event: Any = None) -> None:  # noqa: ARG002
        """List the viewer's layers anew; napari calls this when they change."""
        self.recording.reset_choices()
        if not self.task.running and self.recording.currentData() != self._layer_id:
            self._show_layer()

    # what is shown ---------------------------------------------------------------------------

    def _lay_out(self) -> None:
        for widget, name in (
            (self.recording, "recording"),
            (self.holds, "holds"),
            (self.recipe_choice, "recipe"),
            (self.weights, "weights"),
            (self.start_from, "start_from"),
            (self.note, "note"),
            (self.anew_button, "anew"),
            (self.plot, "losses"),
            (self.predict_button, "predict"),
            (self.find_button, "find"),
        ):
            widget.setObjectName(name)
        for key, text in HOLDS.items():
            self.holds.addItem(text, key)
        for name in recipe_names():
            self.recipe_choice.addItem(name, name)
        self.recipe_choice.setCurrentText(PREDICTION)
        self.note.setWordWrap(True)
        self.anew_button.setToolTip("The training that was stopped stays; it can go on later.")
        self.predict_button.setToolTip(
            "<qt>Show what the network expects in each frame of the rolling average: a live "
            "preview of the stage that predicts it.</qt>"
        )
        self.find_button.setToolTip(
            f"<qt>Open {LANDINGS_TITLE} with recipe {PREDICTION} and these weights.</qt>"
        )
        self.settings = self._settings_part()
        self._area = scrolling(self.settings)
        use = QHBoxLayout()
        use.addWidget(QLabel("Use the weights:"))
        use.addWidget(self.predict_button)
        use.addWidget(self.find_button)
        use.addStretch()
        layout = QVBoxLayout(self)
        layout.addWidget(self._area, 3)
        for widget in (self.note, self.anew_button, self.run_bar):
            layout.addWidget(widget)
        layout.addWidget(self.plot, 1)
        layout.addLayout(use)

    def _settings_part(self) -> QWidget:
        from superqt import QCollapsible

        from napari_uai.iscat.fastdvdnet.stages import PACKAGED

        summary = QLabel(
            "A network learns the background of a recording from the recording itself: to "
            "predict each frame of its rolling average from frames before and after."
        )
        summary.setWordWrap(True)
        rows = self.form.rows
        add_row(rows, "Layer", self.recording, "Whose background is learnt.", row=0)
        add_row(rows, "It holds", self.holds, HOLDS_HELP, row=1)
        add_row(rows, "Weights", self.weights, WEIGHTS_HELP)
        add_row(rows, "Start from", self.start_from, START_HELP.format(packaged=PACKAGED))
        recipe = QWidget()
        add_row(form_layout(recipe), "Recipe", self.recipe_choice, RECIPE_HELP)
        folded = QCollapsible("More", expandedIcon="▾", collapsedIcon="▸")
        folded.setObjectName("more")
        folded.setDuration(0)
        folded.addWidget(recipe)
        folded.addWidget(self.more)
        folded.toggled.connect(lambda _: QTimer.singleShot(0, self._fit))
        part = QWidget()
        layout = QVBoxLayout(part)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (summary, self.form, folded):
            layout.addWidget(widget)
        layout.addStretch()
        return part

    def _connect(self) -> None:
        self.recording.currentIndexChanged.connect(self._show_layer)
        self.holds.currentIndexChanged.connect(self._show_source)
        self.recipe_choice.currentIndexChanged.connect(self._show_recipe)
        self.weights.line.textChanged.connect(self._show_file)
        self.start_from.line.textChanged.connect(self._show_begin)
        self.anew_button.clicked.connect(self._train_anew)
        self.run_bar.run_asked.connect(self.run)
        self.task.succeeded.connect(self._deliver)
        self.task.failed.connect(self._note_error)
        self.task.broke.connect(self._note_error)
        self.task.ended.connect(self._end)
        self.averaged.connect(self._keep_layer)
        self.epoch_ended.connect(self._show_epoch)
        self.predict_button.clicked.connect(self.predict)
        self.find_button.clicked.connect(self.find_landings)

    def _fit(self) -> None:
        """Give the settings the height they need; folded out, they scroll where there is less."""
        bar = self._area.verticalScrollBar()
        width = self._area.width() - (bar.sizeHint().width() if bar is not None else 0)
        layout, height = self.settings.layout(), self.settings.sizeHint().height()
        if layout is not None and layout.hasHeightForWidth():
            height = max(height, layout.totalHeightForWidth(width))
        self._area.setMinimumHeight(min(height, _FOLDED_HEIGHT))
        self._area.setMaximumHeight(height)

    def _show_layer(self, *_: object) -> None:
        """Suggest what fits the chosen layer."""
        self._layer_id = self.recording.currentData()
        layer = self.recording.layer()
        if layer is not None:
            averaged = looks_averaged(layer)
            self.holds.setCurrentIndex(self.holds.findData("average" if averaged else "raw"))
            known = batch_size_of(layer)
            if known:
                self.form.set_values({"batch_size": known})
            elif not averaged:
                self._show_recipe()
            if self._is_suggested():
                self._suggest()
        self._show_source()

    def _show_source(self, *_: object) -> None:
        self.recipe_choice.setEnabled(self.holds.currentData() == "raw")
        self._show_use()

    def _show_recipe(self, *_: object) -> None:
        if self.holds.currentData() == "raw" and self._state is None:
            with suppress(NapariUaiError):
                self._take_batch_size(self._chosen_recipe())

    def _show_file(self, *_: object) -> None:
        """Show what stands at the path of the weights, and what Train will do about it."""
        self._state, text = found_at(self.weights.path())
        self.note.setText(text)
        self.note.setVisible(bool(text))
        self.anew_button.setVisible(self._state is not None)
        self.run_bar.run_button.setText("Resume" if self._state else "Train")
        settings = {**self.form.editors, **self.more.editors, "start_from": self.start_from}
        for name, widget in settings.items():
            widget.setEnabled(self._state is None or name == "device")
        if self._state is not None:
            state = self._state
            known = {**vars(state.training), **vars(state.network)}
            self.form.set_values({name: known[name] for name in _SEEN})
            self.form.set_values({"batch_size": state.network.stride})
            self.more.set_values({n: known[n] for n in self.more.editors if n in known})
            self.plot.show_losses(Losses.of(state.history), state.training.epochs)
        self._show_begin()
        self._show_use()
        QTimer.singleShot(0, self._fit)

    def _show_begin(self, *_: object) -> None:
        """Ask for the shape of the network only where weights do not bring theirs."""
        brought = self._state is None and bool(self.start_from.text())
        for form in (self.form, self.more):
            for name in self._groups["network"]:
                if name in form.editors:
                    form.rows.setRowVisible(form.editors[name], not brought)

    def _show_use(self) -> None:
        path = self.weights.path()
        ready = path is not None and path.is_file() and not self.task.running
        self.predict_button.setEnabled(ready and self._has_average())
        self.find_button.setEnabled(ready)

    def _show_running(self, running: bool) -> None:
        self.settings.setEnabled(not running)
        self.anew_button.setVisible(not running and self._state is not None)
        self.note.setVisible(not running and bool(self.note.text()))
        self._show_use()

    def _show_epoch(self, losses: Losses) -> None:
        self.plot.show_losses(losses, self.plot.n_epochs)

    # what is done ----------------------------------------------------------------------------

    def _work(self, call: TrainingCall, key: Path) -> Any:
        def work(monitor: Monitor) -> Trained:
            try:
                return call.run(self._tell_layer, self._tell_epoch, monitor)
            finally:
                _BUSY.discard(key)

        return work

    def _tell_layer(self, layer: LayerTuple) -> None:
        with suppress(RuntimeError):  # the widget is gone; the monitor stops the work
            self.averaged.emit(layer)

    def _tell_epoch(self, losses: Losses) -> None:
        with suppress(RuntimeError):
            self.epoch_ended.emit(losses)

    def _keep_layer(self, layer: LayerTuple) -> None:
        if self._call is not None:
            self._learnt = self._call.weights, layer

    def _deliver(self, trained: Trained) -> None:
        self.plot.show_losses(trained.losses, self.plot.n_epochs)
        losses = trained.losses
        last = len(losses.epochs) - 1
        early = f", ended after {last}" if last < self.plot.n_epochs else ""
        if losses.best:
            self._said = f"Done{early}: {losses.text}; weights in {trained.weights.name}"
        else:
            self._said = f"Done{early}: no epoch was better than the weights it began with"

    def _note_error(self, message: str) -> None:
        self._said = message

    def _end(self) -> None:
        done = self._said.startswith("Done")
        self._show_file()
        self._show_running(False)
        if done:
            self.run_bar.bar.setValue(self.run_bar.bar.maximum())
            self.run_bar.say(self._said)
            self.note.setVisible(False)
        elif not self._said:
            kept = "what was learnt is kept" if self._state else "nothing was written"
            self.run_bar.say(f"Cancelled; {kept}.")

    def _train_anew(self) -> None:
        path = self.weights.path()
        if path is not None:
            self.weights.line.setText(str(next_free(path)))
            self.plot.show_losses(Losses(), self.plot.n_epochs)

    def _is_suggested(self) -> bool:
        """Whether the user has left the choice of the file to us."""
        return self.weights.text() in ("", self._suggestion)

    def _suggest(self) -> None:
        self._suggestion = str(suggested_weights(self.recording.layer()))
        self.weights.line.setText(self._suggestion)
        self._show_file()

    def _chosen_recipe(self) -> Recipe:
        chosen = self.recipe_choice.currentData()
        return load_recipe(chosen) if isinstance(chosen, str) else chosen

    def _recipe(self, batch_size: int) -> Recipe:
        from napari_uai.iscat.recipes.run import ROLLING_AVERAGE

        return self._chosen_recipe().with_settings([f"{ROLLING_AVERAGE}.batch_size={batch_size}"])

    def _take_batch_size(self, recipe: Recipe) -> None:
        from napari_uai.iscat.recipes.run import ROLLING_AVERAGE

        values = recipe.values(ROLLING_AVERAGE)
        self.form.set_values({"batch_size": values["batch_size"]})

    def _settings(self, values: dict[str, Any], begin: str | None) -> list[str]:
        groups = ("training",) if begin else ("training", "network")
        return [
            f"{group}.{name}={toml_text(values[name])}"
            for group in groups
            for name in self._groups[group]
        ]

    def _has_average(self) -> bool:
        learnt = self._learnt is not None and self._learnt[0] == self.weights.path()
        return learnt or (
            self.holds.currentData() == "average" and self.recording.layer() is not None
        )

    def _learnt_layer(self) -> Any:
        """Return the layer of the rolling average, added if the viewer does not have it."""
        if self.holds.currentData() == "average" and self.recording.layer() is not None:
            return self.recording.layer()
        if self._learnt is None:
            return None
        path, (data, attributes, kind) = self._learnt
        layer = layer_of(self.viewer, self._added.get(path))
        if layer is None:
            layer = getattr(self.viewer, f"add_{kind}")(data, **attributes)
            self._added[path] = str(layer.unique_id)
        return layer


HOLDS_HELP = "A recording goes through the stages of a recipe (see More) up to its rolling average."
WEIGHTS_HELP = (
    f"<qt>NAME{SUFFIX} is written after each epoch that is the best so far, with what it is "
    "(NAME.json) and its losses (NAME.csv) beside it.</qt>"
)
START_HELP = (
    "<qt>Weights to begin with instead of random ones, whose shape the network then has: a file, "
    "or <i>{packaged}</i> for those that come with napari-uai.</qt>"
)
RECIPE_HELP = "Whose stages make the rolling average, its stage drift corrected where it does that."
