"""The form of a stage, built from its signature and docstring."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QPushButton, QWidget

from napari_uai.errors import NapariUaiError
from napari_uai.iscat.recipes.catalogue import stage
from napari_uai.widgets.iscat.add_results import add_results, made_layers
from napari_uai.widgets.iscat.in_view import can_be_seen
from napari_uai.widgets.iscat.preview import LivePreview
from napari_uai.widgets.iscat.shape_choice import SHAPE_HELP, ShapeChoice
from napari_uai.widgets.kit.docks import scrolled_layout
from napari_uai.widgets.kit.forms import ParameterForm, add_row, label_of
from napari_uai.widgets.kit.layer_choice import LayerChoice
from napari_uai.widgets.kit.running import RunBar, Task

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari.layers import Layer
    from napari.utils.events import Event
    from napari.viewer import Viewer

    from napari_uai.widgets.iscat.stage_call import CallResult, StageCall

MAX_LAYERS = 10
"""Layers that can be chosen for a stage that takes any number of videos."""


class StageWidget(QWidget):
    """Inputs, parameters, live preview and Run button of one stage.

    Parameters
    ----------
    napari_viewer
        Viewer whose layers are the inputs and to which the result is added.
    name
        Name of the stage.
    """

    def __init__(self, napari_viewer: Viewer, name: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self.viewer = napari_viewer
        self.stage = stage(name)
        self.inputs = self.stage.inputs_of(MAX_LAYERS)
        self.choices = [LayerChoice(self.viewer, i.kind, required=i.required) for i in self.inputs]
        self.form = ParameterForm(self.stage.parameters.values())
        self.preview = LivePreview(self.viewer, self.call, self._inputs)
        self.preview.setVisible(can_be_seen(self.stage))
        self.keep = QCheckBox("Keep all frames in memory")
        self.keep.setObjectName("keep")
        self.keep.setToolTip(
            "<qt>Compute all frames now; by default each is computed when it is displayed.</qt>"
        )
        self.keep.setVisible(self.stage.output == "video")
        self.shape: ShapeChoice | None = None
        if self.stage.drawn:
            self.shape = ShapeChoice(self.viewer, self.stage.drawn, self._inputs)
            self.shape.drawn.connect(self.form.set_values)
        self.task = Task(self)
        self.run_bar = RunBar(self.task)
        self.task.succeeded.connect(lambda result: self.task.show(self._show_result(result)))
        self.run_bar.run_asked.connect(self.run)
        self.form.changed.connect(self.preview.refresh)
        self.form.changed.connect(self.run_bar.forget_error)
        self._lay_out()

    def call(self) -> StageCall:
        """Return the stage with the chosen layers and the values of the form.

        Raises
        ------
        NapariUaiError
            If a value is invalid or a layer is missing.
        """
        from napari_uai.widgets.iscat.stage_call import StageCall

        return StageCall.of_layers(
            self.stage, self._inputs(), self.form.values(), keep=self.keep.isChecked()
        )

    def run(self) -> None:
        """Run the stage in a thread and add the result to the viewer."""
        call = self.run_bar.tried(self.call)
        if call is not None:
            self.run_bar.start(lambda monitor: made_layers(call.run(monitor)))

    def copy_as_recipe(self) -> None:
        """Copy the stage with its parameters to the clipboard, in the format of a recipe."""
        from qtpy.QtWidgets import QApplication

        from napari_uai.widgets.iscat.stage_call import recipe_entry

        try:
            text = recipe_entry(self.stage, self.stage.check(self.form.values()))
        except NapariUaiError as error:
            self.run_bar.show_error(str(error))
            return
        QApplication.clipboard().setText(text)
        self.run_bar.say("Copied; paste into a recipe file (.toml).")

    def reset_choices(self, event: Event | None = None) -> None:  # noqa: ARG002
        """Update the lists of layers; napari calls this when layers change."""
        before = [choice.currentData() for choice in self.choices]
        for choice in self.choices:
            choice.reset_choices()
        if self.shape is not None:
            self.shape.reset_choices()
        self.preview.look_after()
        if before != [choice.currentData() for choice in self.choices]:
            self.preview.refresh()
            self.run_bar.forget_error()

    def _inputs(self) -> list[Layer | None]:
        return [choice.layer() for choice in self.choices]

    def _lay_out(self) -> None:
        summary = QLabel(self.stage.summary.replace("`", ""))
        summary.setWordWrap(True)
        for row, (wanted, choice) in enumerate(zip(self.inputs, self.choices, strict=True)):
            choice.setObjectName(wanted.name)
            meaning = wanted.description.replace("`", "")
            choice.currentIndexChanged.connect(self.preview.refresh)
            choice.currentIndexChanged.connect(lambda _: self.run_bar.forget_error())
            add_row(self.form.rows, label_of(wanted.name), choice, meaning, row=row)
        if self.shape is not None:
            add_row(self.form.rows, "From shape", self.shape, SHAPE_HELP)
        reset, copy = QPushButton("Defaults"), QPushButton("Copy as recipe")
        reset.setObjectName("reset")
        reset.setToolTip("Restore the default values.")
        reset.clicked.connect(self.form.reset)
        copy.setObjectName("copy")
        copy.setToolTip("Copy the stage with these values in the format of a recipe file.")
        copy.clicked.connect(self.copy_as_recipe)
        below = QHBoxLayout()
        if self.stage.parameters:
            below.addWidget(reset)
        below.addWidget(copy)
        layout = scrolled_layout(self, self.run_bar)
        layout.addWidget(summary)
        layout.addWidget(self.form)
        layout.addLayout(below)
        layout.addWidget(self.preview)
        layout.addWidget(self.keep)
        layout.addStretch()

    def _show_result(self, result: CallResult) -> Iterator[None]:
        self.preview.tick.setChecked(False)
        yield
        yield from add_results(result, self.viewer)
        self.run_bar.bar.setValue(self.run_bar.bar.maximum())
        self.run_bar.say(f"Done: {result.message}")
