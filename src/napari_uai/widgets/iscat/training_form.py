"""Form of the training dock: recording, weights and settings."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from napari_uai.errors import BadValueError, NapariUaiError
from napari_uai.iscat.fastdvdnet.settings import NetworkSettings, TrainingSettings
from napari_uai.iscat.fastdvdnet.training_files import SUFFIX
from napari_uai.iscat.recipes.catalogue import stage
from napari_uai.iscat.recipes.recipe import (
    PREDICTING,
    PREDICTION,
    landing_recipe_names,
    load_recipe,
)
from napari_uai.parameters import Parameters
from napari_uai.widgets.iscat.recipe_steps import toml_text
from napari_uai.widgets.iscat.training_call import (
    AVERAGING,
    TrainingCall,
    batch_size_of,
    looks_averaged,
    suggested_weights,
)
from napari_uai.widgets.iscat.weights_choice import WeightsChoice
from napari_uai.widgets.kit.choice import Choice
from napari_uai.widgets.kit.folds import Fold
from napari_uai.widgets.kit.forms import ParameterForm, add_row, form_layout
from napari_uai.widgets.kit.layer_choice import LayerChoice
from napari_uai.widgets.kit.plugin_docks import LANDINGS_TITLE

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image

    from napari_uai.iscat.fastdvdnet.training_files import Unfinished
    from napari_uai.iscat.recipes.recipe import Recipe


Contents: TypeAlias = Literal["raw", "average"]
CONTENTS: dict[Contents, str] = {"raw": "raw counts", "average": "rolling average"}
"""What the layer may contain."""

CONTENTS_HELP = (
    "<qt>Raw counts go through the stages of a recipe, up to its rolling average. The recipe is "
    "chosen under <i>More</i>.</qt>"
)
WEIGHTS_HELP = (
    f"<qt>NAME{SUFFIX} is written after each epoch that improves the loss, with a description "
    "(NAME.json) and the losses (NAME.csv) next to it.</qt>"
)
START_HELP = (
    "<qt>Initial weights instead of random ones; they determine the shape of the network. A file, "
    "or <i>{packaged}</i> for the weights that come with napari-uai.</qt>"
)
RECIPE_HELP = "Its stages compute the rolling average, including any correction of stage drift."
SUMMARY = (
    "Train a network on the recording itself to predict the background: each frame of the rolling "
    "average from frames before and after it."
)
_MAIN_SETTINGS = ("epochs", "channels")
"""Settings that are always visible; the others are under *More*."""


class TrainingForm(QWidget):
    """Recording, what it contains, weights to write, initial weights and settings.

    Parameters
    ----------
    viewer
        Viewer whose layers are the recordings.

    Attributes
    ----------
    weights_changed
        Emitted when the path of the weights was changed.
    contents_changed
        Emitted when the recording, or what it contains, was changed.
    """

    weights_changed = Signal()
    contents_changed = Signal()

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self.recording = LayerChoice(viewer, "video")
        self.contents = Choice()
        self.recipe_choice = Choice()
        self._groups = {
            "training": dict(Parameters.of_settings(TrainingSettings)),
            "network": dict(Parameters.of_settings(NetworkSettings)),
        }
        del self._groups["network"]["stride"]  # it is the batch size
        parameters = {**self._groups["training"], **self._groups["network"]}
        batch_size = stage(AVERAGING).parameters["batch_size"]
        self.form = ParameterForm([batch_size, *(parameters[name] for name in _MAIN_SETTINGS)])
        more = [p for name, p in parameters.items() if name not in _MAIN_SETTINGS]
        self.more = ParameterForm([*more, stage(PREDICTING).parameters["device"]])
        self.weights = WeightsChoice("Weights to write", "choose a file")
        self.start_from = WeightsChoice("Initial weights", "random", is_new=False)
        self._stopped: Unfinished | None = None
        self._shown_layer: str | None = None
        self._suggestion = ""
        self._lay_out()
        self.recording.currentIndexChanged.connect(self.show_layer)
        self.contents.currentIndexChanged.connect(self._show_contents)
        self.recipe_choice.currentIndexChanged.connect(self._show_batch_size)
        self.weights.line.textChanged.connect(self.weights_changed)
        self.start_from.line.textChanged.connect(self._show_network_rows)

    def call(self) -> TrainingCall:
        """Return the training with the values of the form.

        Raises
        ------
        NapariUaiError
            If something is missing or invalid.
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
        start_from = None if self._stopped else self.start_from.text() or None
        return TrainingCall.of_layer(
            layer,
            path,
            batch_size=batch_size,
            recipe=None if self.has_average() else self._recipe(batch_size),
            settings=tuple(self._settings({**values, **self.more.values()}, start_from)),
            start_from=start_from,
            device=self.more.values()["device"],
        )

    def has_average(self) -> bool:
        """Return whether the recording is a rolling average."""
        return bool(self.contents.currentData() == "average")

    def average_layer(self) -> Image | None:
        """Return the layer of the recording if it is a rolling average."""
        return self.recording.layer() if self.has_average() else None

    def use(self, layer: Image | None, recipe: Recipe) -> None:
        """Choose a recording, and a recipe that is not stored in a file.

        Parameters
        ----------
        layer
            Recording; None keeps the present one.
        recipe
            Recipe with the values of the workflow dock.
        """
        if layer is not None:
            self.recording.choose(layer.name)
            self.show_layer()
        for index in reversed(range(self.recipe_choice.count())):
            if not isinstance(self.recipe_choice.itemData(index), str):
                self.recipe_choice.removeItem(index)
        self.recipe_choice.addItem(f"{recipe.name}, as in {LANDINGS_TITLE}", recipe)
        self.recipe_choice.setCurrentIndex(self.recipe_choice.count() - 1)

    def reset_choices(self) -> bool:
        """Update the list of layers; return whether another layer is chosen."""
        self.recording.reset_choices()
        return bool(self.recording.currentData() != self._shown_layer)

    def show_layer(self, *_: object) -> None:
        """Suggest contents, batch size and path of the weights for the chosen layer."""
        self._shown_layer = self.recording.currentData()
        layer = self.recording.layer()
        if layer is not None:
            is_average = looks_averaged(layer)
            self.contents.setCurrentIndex(
                self.contents.findData("average" if is_average else "raw")
            )
            batch_size = batch_size_of(layer)
            if batch_size:
                self.form.set_values({"batch_size": batch_size})
            elif not is_average:
                self._show_batch_size()
            if self._weights_are_suggested():
                self._suggest_weights()
        self._show_contents()

    def show_stopped(self, stopped: Unfinished | None) -> None:
        """Show and lock the settings of a stopped training; unlock them if there is none."""
        self._stopped = stopped
        editors = {**self.form.editors, **self.more.editors, "start_from": self.start_from}
        for name, editor in editors.items():
            editor.setEnabled(stopped is None or name == "device")
        if stopped is not None:
            values = {**vars(stopped.training), **vars(stopped.network)}
            self.form.set_values({name: values[name] for name in _MAIN_SETTINGS})
            self.form.set_values({"batch_size": stopped.network.stride})
            self.more.set_values({n: values[n] for n in self.more.editors if n in values})
        self._show_network_rows()

    def avoid_overwriting(self) -> None:
        """Suggest another path if the suggested one was used by the last training."""
        is_resumed = self._stopped is not None
        if self._weights_are_suggested() and not is_resumed and self.recording.layer() is not None:
            self._suggest_weights()

    def _weights_are_suggested(self) -> bool:
        """Return whether the user has not chosen a path."""
        return self.weights.text() in ("", self._suggestion)

    def _suggest_weights(self) -> None:
        self._suggestion = str(suggested_weights(self.recording.layer()))
        self.weights.line.setText(self._suggestion)
        self.weights_changed.emit()

    def _show_contents(self, *_: object) -> None:
        self.recipe_choice.setEnabled(not self.has_average())
        self.contents_changed.emit()

    def _show_batch_size(self, *_: object) -> None:
        """Show the batch size of the chosen recipe."""
        from napari_uai.iscat.recipes.run import ROLLING_AVERAGE

        if not self.has_average() and self._stopped is None:
            with suppress(NapariUaiError):
                values = self._chosen_recipe().values(ROLLING_AVERAGE)
                self.form.set_values({"batch_size": values["batch_size"]})

    def _show_network_rows(self, *_: object) -> None:
        """Show the shape of the network unless the initial weights determine it."""
        is_given = self._stopped is None and bool(self.start_from.text())
        for form in (self.form, self.more):
            for name in self._groups["network"]:
                if name in form.editors:
                    form.rows.setRowVisible(form.editors[name], not is_given)

    def _chosen_recipe(self) -> Recipe:
        recipe = self.recipe_choice.currentData()
        return load_recipe(recipe) if isinstance(recipe, str) else recipe

    def _recipe(self, batch_size: int) -> Recipe:
        from napari_uai.iscat.recipes.run import ROLLING_AVERAGE

        return self._chosen_recipe().with_settings([f"{ROLLING_AVERAGE}.batch_size={batch_size}"])

    def _settings(self, values: dict[str, Any], start_from: str | None) -> list[str]:
        groups = ("training",) if start_from else ("training", "network")
        return [
            f"{group}.{name}={toml_text(values[name])}"
            for group in groups
            for name in self._groups[group]
        ]

    def _lay_out(self) -> None:
        from napari_uai.iscat.fastdvdnet.stages import PACKAGED

        for widget, name in (
            (self.recording, "recording"),
            (self.contents, "contents"),
            (self.recipe_choice, "recipe"),
            (self.weights, "weights"),
            (self.start_from, "start_from"),
        ):
            widget.setObjectName(name)
        for key, text in CONTENTS.items():
            self.contents.addItem(text, key)
        for name in landing_recipe_names():
            self.recipe_choice.addItem(name, name)
        self.recipe_choice.setCurrentText(PREDICTION)
        summary = QLabel(SUMMARY)
        summary.setWordWrap(True)
        rows = self.form.rows
        add_row(rows, "Layer", self.recording, "Recording whose background is learned.", row=0)
        add_row(rows, "Layer contains", self.contents, CONTENTS_HELP, row=1)
        add_row(rows, "Weights", self.weights, WEIGHTS_HELP)
        add_row(rows, "Start from", self.start_from, START_HELP.format(packaged=PACKAGED))
        recipe = QWidget()
        add_row(form_layout(recipe), "Recipe", self.recipe_choice, RECIPE_HELP)
        more = Fold("More")
        more.setObjectName("more")
        more.addWidget(recipe)
        more.addWidget(self.more)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (summary, self.form, more):
            layout.addWidget(widget)
        layout.addStretch()
