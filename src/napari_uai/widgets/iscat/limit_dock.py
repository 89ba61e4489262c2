"""The dock of detection limits: what a recipe would find on a recording, with which batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QLabel,
    QLineEdit,
    QPushButton,
    QWidget,
)

from napari_uai.iscat.recipes.recipe import Recipe, landing_recipe_names, load_recipe
from napari_uai.parameters import Parameters
from napari_uai.widgets.iscat.limit_call import LimitCall, batches_of
from napari_uai.widgets.iscat.recall_plot import RecallPlot
from napari_uai.widgets.kit.choice import Choice
from napari_uai.widgets.kit.docks import dock_layout
from napari_uai.widgets.kit.forms import ParameterForm, add_row, form_layout, scrolling
from napari_uai.widgets.kit.layer_choice import LayerChoice
from napari_uai.widgets.kit.path_choice import FolderChoice
from napari_uai.widgets.kit.plugin_docks import LANDINGS_TITLE, shown_dock
from napari_uai.widgets.kit.running import RunBar, Task

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.utils.events import Event
    from napari.viewer import Viewer

    from napari_uai.iscat.limit.result import LimitResult

_SHOWN = ("injections", "nulls")
"""Parameters of the analysis that the form shows."""

_REPORT_LINES = 8
"""Height of the report, beyond which it scrolls."""

_BATCHES_HELP = "Frames, separated by spaces, to compare; empty for the batch of the recipe."
_SUGGEST_HELP = (
    "<qt>Compare a series of batches that the recording is long enough for, and suggest the one "
    "that finds half of the landings at the lowest contrast.</qt>"
)
_CALIBRATION_HELP = "<qt>calibration.toml of napari-uai mass, to state masses as well.</qt>"


class LimitWidget(QWidget):
    """Choose a recording, a recipe and batches; measure; see curves; use the best batch.

    Parameters
    ----------
    napari_viewer
        Viewer whose layers are the recordings.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        from napari_uai.iscat.limit.analysis import detection_limit

        super().__init__()
        self.setObjectName("detection_limit")
        self.viewer = napari_viewer
        self.recording = LayerChoice(self.viewer, "recording")
        self.recipe_choice = Choice()
        for name in landing_recipe_names():
            self.recipe_choice.addItem(name)
        self.recipe_choice.setCurrentText("matched")
        self.batches = QLineEdit()
        self.batches.setPlaceholderText("batch of the recipe")
        self.suggest = QCheckBox("Suggest a batch")
        parameters = Parameters.of(detection_limit)
        self.form = ParameterForm([parameters[name] for name in _SHOWN])
        self.calibration = _CalibrationChoice()
        self.results_folder = FolderChoice("Folder for the results", "not saved")
        self.task = Task(self)
        self.run_bar = RunBar(self.task)
        self.plot = RecallPlot()
        self.report = QLabel("")
        self.use_button = QPushButton("Use this batch")
        self.result: LimitResult | None = None
        self._lay_out()
        self.suggest.toggled.connect(self.batches.setDisabled)
        self.form.changed.connect(self.run_bar.forget_error)
        for changed in (self.recording.currentIndexChanged, self.batches.textChanged):
            changed.connect(lambda _: self.run_bar.forget_error())
        self.task.succeeded.connect(self._show_result)
        self.run_bar.run_asked.connect(self.run)
        self.use_button.clicked.connect(self.use_batch)

    def use(self, layer: Image | None, recipe: Recipe) -> None:
        """Choose a recording, and a recipe with the values of another dock."""
        if self.task.running:
            return
        if layer is not None:
            self.recording.choose(layer.name)
        text = f"{recipe.name}, as in {LANDINGS_TITLE}"
        index = self.recipe_choice.findText(text)
        if index < 0:
            self.recipe_choice.addItem(text, recipe)
            index = self.recipe_choice.count() - 1
        self.recipe_choice.setItemData(index, recipe)
        self.recipe_choice.setCurrentIndex(index)

    def call(self) -> LimitCall:
        """Return the measurement with the chosen inputs.

        Raises
        ------
        NapariUaiError
            If something is missing or invalid.
        """
        suggest = self.suggest.isChecked()
        recipe = self.recipe_choice.currentData()
        return LimitCall.of_layer(
            load_recipe(self.recipe_choice.currentText()) if recipe is None else recipe,
            self.recording.layer(),
            batch_sizes=() if suggest else batches_of(self.batches.text()),
            suggest=suggest,
            calibration=self.calibration.path(),
            folder=self.results_folder.path(),
            values=self.form.values(),
        )

    def run(self) -> None:
        """Measure in a thread and show the curves."""
        call = self.run_bar.tried(self.call)
        if call is not None:
            self.run_bar.start(call.run)

    def use_batch(self) -> None:
        """Open the workflow dock with the recipe and the batch of the best run."""
        from napari_uai.iscat.recipes.run import ROLLING_AVERAGE

        if self.result is None:
            return
        best = self.result.best
        dock = shown_dock(self.viewer, LANDINGS_TITLE)
        if dock.task.running:
            self.run_bar.show_error(
                f"{LANDINGS_TITLE} is running: wait for it or cancel it, then try again"
            )
            return
        self.run_bar.forget_error()
        if dock.recipe_choice.currentText() != best.recipe.name:
            dock.show_recipe(best.recipe.name)
        form = None if dock.steps is None else dock.steps.forms.get(ROLLING_AVERAGE)
        if form is not None:
            form.set_values({"batch_size": best.batch_size})
        layer = self.recording.layer()
        if layer is not None:
            dock.recording.choose(layer.name)

    def reset_choices(self, event: Event | None = None) -> None:  # noqa: ARG002
        """Update the list of layers; napari calls this when layers change."""
        self.recording.reset_choices()

    def _show_result(self, result: LimitResult) -> None:
        from napari_uai.iscat.limit.wording import report_lines

        self.result = result
        self.plot.show_limit(result)
        self.report.setText("\n".join([*report_lines(result), *result.problems]))
        self.use_button.setText(f"Use batch {result.best.batch_size}")
        self.use_button.setEnabled(True)
        self.run_bar.bar.setValue(self.run_bar.bar.maximum())
        self.run_bar.say(f"Done: best at {result.best.label}")

    def _lay_out(self) -> None:
        for widget, name in (
            (self.recording, "recording"),
            (self.recipe_choice, "recipe"),
            (self.batches, "batches"),
            (self.suggest, "suggest"),
            (self.calibration, "calibration"),
            (self.results_folder, "results_folder"),
            (self.plot, "recall"),
            (self.report, "report"),
            (self.use_button, "use"),
        ):
            widget.setObjectName(name)
        top, bottom = QWidget(), QWidget()
        rows = form_layout(top)
        add_row(rows, "Recording", self.recording, "Raw recording, in counts.")
        add_row(rows, "Recipe", self.recipe_choice, "What would be run on the recording.")
        add_row(rows, "Batches", self.batches, _BATCHES_HELP)
        add_row(rows, "", self.suggest, _SUGGEST_HELP)
        more = form_layout(bottom)
        add_row(more, "Calibration", self.calibration, _CALIBRATION_HELP)
        add_row(more, "Results folder", self.results_folder, "Tables, pictures and record.")
        self.report.setWordWrap(True)
        self.report.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._report_area = scrolling(self.report)
        self._report_area.setFixedHeight(_REPORT_LINES * self.fontMetrics().lineSpacing())
        self.report.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.use_button.setEnabled(False)
        self.use_button.setToolTip(f"Open {LANDINGS_TITLE} with this recipe and batch.")
        layout = dock_layout(self, self.run_bar, topic="limit")
        for part in (top, self.form, bottom):
            layout.addWidget(part)
        layout.addWidget(self.plot, 1)
        layout.addWidget(self._report_area)
        layout.addWidget(self.use_button)


class _CalibrationChoice(FolderChoice):
    """Line with the path of a calibration, and a button that opens a dialog."""

    def __init__(self) -> None:
        super().__init__("Calibration", "no masses")

    def _ask(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Calibration", "", "Calibration (*.toml)")
        if path:
            self.line.setText(path)
