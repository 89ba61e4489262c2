"""The iSCAT workflow dock: runs a recipe on a recording, or on a folder of recordings."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QGridLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_uai.errors import BadValueError, NapariUaiError, RecipeError
from napari_uai.files import whole_file
from napari_uai.iscat.recipes.recipe import Recipe, load_recipe, recipe_names
from napari_uai.widgets.iscat.add_results import add_results, made_layers, opened_review
from napari_uai.widgets.iscat.chosen_values import ChosenValues, suggest_batch
from napari_uai.widgets.iscat.essentials import Essentials
from napari_uai.widgets.iscat.recipe_notes import notes_of_recipe
from napari_uai.widgets.iscat.recipe_steps import RecipeSteps
from napari_uai.widgets.iscat.region_choice import RegionChoice
from napari_uai.widgets.iscat.shown_run import ShownRun
from napari_uai.widgets.iscat.start_panel import StartPanel
from napari_uai.widgets.kit.choice import Choice
from napari_uai.widgets.kit.docks import button_grid, dock_layout
from napari_uai.widgets.kit.forms import add_row, form_layout, stacked
from napari_uai.widgets.kit.frame_choice import FrameChoice
from napari_uai.widgets.kit.layer_choice import LayerChoice
from napari_uai.widgets.kit.layers import KEY
from napari_uai.widgets.kit.path_choice import FolderChoice
from napari_uai.widgets.kit.plugin_docks import LIMIT_TITLE, TRAINING_TITLE, shown_dock
from napari_uai.widgets.kit.preferences import PLUGIN, preferences
from napari_uai.widgets.kit.running import RunBar, Task

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari.utils.events import Event
    from napari.viewer import Viewer
    from qtpy.QtGui import QDragEnterEvent, QDropEvent

    from napari_uai.widgets.iscat.batch_list import BatchList
    from napari_uai.widgets.iscat.landings import LandingsView
    from napari_uai.widgets.iscat.recipe_steps import Changes
    from napari_uai.widgets.iscat.stage_call import Average, CallResult, FolderCall, RecipeCall

DEFAULT_RECIPE = "matched"

AVERAGES: dict[Average, str] = {
    "lazy": "compute on display",
    "memory": "keep in memory",
    "stored": "store with the results (zarr)",
}
"""What to do with the rolling average."""

REGION_HELP = "Part of the field that is analysed; places count from the whole of it."

RESULTS_HELP = "Tables, summary image, recipe and record of the run, as by the command line."


class RecipeWidget(QWidget):
    """Choice of recording and recipe, the stages of the recipe, and the Run button.

    Parameters
    ----------
    napari_viewer
        Viewer whose layers are the recordings and to which the results are added.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.setObjectName("iscat_run")
        self.setAcceptDrops(True)
        self.viewer = napari_viewer
        self.recording = LayerChoice(self.viewer, "recording")
        self.source_kind = Choice()
        self.source_folder = FolderChoice("Folder of recordings", "folder of recordings")
        self.frames = FrameChoice()
        self.region = RegionChoice(self.viewer)
        self.recipe_choice = Choice()
        self._names = recipe_names()
        self.recipe_choice.addItems(self._names)
        self.description = QLabel("")
        self.description.setWordWrap(True)
        self.note = QLabel("")
        self.note.setWordWrap(True)
        self.steps: RecipeSteps | None = None
        self.essentials: Essentials | None = None
        self.start = StartPanel(self._open_sample, self._ask_and_open)
        self._suggested: Changes = {}
        self._reset_values: list[str] = []
        self.results_folder = FolderChoice("Folder for the results", "not saved")
        self.average = Choice()
        self.landings: LandingsView | None = None
        self.shown: ShownRun | None = None
        self.keep_earlier = QCheckBox("Keep the layers of earlier runs")
        self.keep_earlier.setObjectName("keep_earlier")
        self.keep_earlier.setToolTip("Otherwise a run on the same recording replaces the last one.")
        self.batch: BatchList | None = None
        self._running: RecipeCall | FolderCall | None = None
        self.task = Task(self)
        self.run_bar = RunBar(self.task)
        self._lay_out()
        self.recipe_choice.currentTextChanged.connect(self._change_recipe)
        self.recording.layer_changed.connect(self._show_recording)
        self.frames.first.valueChanged.connect(self._change_frames)
        self.frames.last.valueChanged.connect(self._change_frames)
        self.region.changed.connect(self._keep_values)
        self.source_kind.currentIndexChanged.connect(self._show_source)
        self.task.succeeded.connect(lambda result: self.task.show(self._show_result(result)))
        self.task.progressed.connect(self._show_progress)
        self.task.ended.connect(self._show_outcomes)
        self.run_bar.run_asked.connect(self.run)
        self._show_source()
        self._apply_preferences()
        self._show_recording()

    def recipe(self) -> Recipe:
        """Return the chosen recipe with the values of the forms.

        Raises
        ------
        RecipeError
            If a value is invalid.
        """
        if self.steps is None:
            raise RecipeError("no recipe chosen: choose or load a recipe")
        return self.steps.recipe()

    def show_recipe(self, recipe: str) -> None:
        """Show the stages and parameters of a recipe, given by name or path."""
        try:
            loaded = load_recipe(recipe)
        except NapariUaiError as error:
            self.run_bar.show_error(str(error))
            return
        if self.recipe_choice.findText(recipe) < 0:
            self.recipe_choice.addItem(recipe)
        self.recipe_choice.blockSignals(True)
        self.recipe_choice.setCurrentText(recipe)
        self.recipe_choice.blockSignals(False)
        self.run_bar.forget_error()
        self.description.setText(loaded.description)
        self._reset_values = []
        self._show_steps(RecipeSteps(loaded))

    def _show_steps(self, steps: RecipeSteps) -> None:
        """Show a list of stages, with a batch that fits, instead of the one before."""
        self.steps, self._suggested = steps, {}
        self.essentials = Essentials(steps)
        shown = self._list.takeAt(0)
        if shown is not None and shown.widget() is not None:
            shown.widget().deleteLater()
        self._list.addWidget(stacked(self.essentials, steps))
        self._suggest()
        steps.changed.connect(self._keep_values)
        steps.restaged.connect(self._restage)
        steps.refused.connect(self.run_bar.show_error)

    def _restage(self, edited: Recipe) -> None:
        """Show the recipe with a stage more, less or elsewhere, and the values so far."""
        if self.steps is None:
            return
        chosen, opened = ChosenValues.shown("", self.steps), self.steps.opened()
        self._show_steps(RecipeSteps(self.steps.loaded, edited))
        chosen.show(self.steps)
        self.steps.open(opened)
        self._keep_values()

    def call(self) -> RecipeCall | FolderCall:
        """Return the run of the recipe with the chosen inputs.

        Raises
        ------
        NapariUaiError
            If something is missing or invalid.
        """
        from napari_uai.widgets.iscat.stage_call import FolderCall, RecipeCall

        folder, average = self.results_folder.path(), self.average.currentData()
        if self.source_kind.currentData() == "folder":
            source = self.source_folder.path()
            if source is None or folder is None:
                raise BadValueError(
                    "a run on a folder needs two folders: one with the recordings and one for "
                    "the results"
                )
            return FolderCall(self.recipe(), source, folder)
        if average == "stored" and folder is None:
            raise BadValueError(
                "to store the rolling average, choose a folder for the results first"
            )
        return RecipeCall.of_layer(
            self.recipe(),
            self.recording.layer(),
            span=self.frames.span(),
            region=self.region.region,
            folder=folder,
            average=average,
        )

    def run(self) -> None:
        """Run the recipe in a thread and add the results to the viewer."""
        call = self.run_bar.tried(self.call)
        if call is None:
            return
        self._running = call
        if self.steps is not None:
            self.steps.show_progress({})
        self.batch = self._list_of(call)
        self.run_bar.start(lambda monitor: made_layers(call.run(monitor)))

    def save_recipe(self, path: str | Path) -> None:
        """Save the recipe with the present values, for the command line or another session.

        Raises
        ------
        NapariUaiError
            If a value is invalid or the file cannot be written.
        """
        with whole_file(Path(path)) as partial:
            partial.write_text(self.recipe().to_toml(), "utf-8")

    def review(self) -> None:
        """Open the landings of a layer for review, with their verdicts."""
        view = opened_review(self.viewer)
        if view is None:
            self.run_bar.show_error(
                "no layer with landings found: run a recipe, or open a landings.csv, then review"
            )
        else:
            self.landings = view

    def train(self) -> None:
        """Open the dock that trains a network on the recording."""
        self._hand_over(TRAINING_TITLE)

    def limit(self) -> None:
        """Open the dock that measures what the recipe would find on the recording."""
        self._hand_over(LIMIT_TITLE)

    def open(self, path: str | Path) -> None:
        """Open a recording, a folder of recordings or of results, or a recipe."""
        from napari_uai.widgets.iscat.saved_files import is_saved_run

        path = Path(path)
        if path.is_dir() and path.suffix.lower() != ".zarr" and not is_saved_run(path):
            self.source_kind.setCurrentIndex(self.source_kind.findData("folder"))
            self.source_folder.line.setText(str(path))
            return
        if path.suffix.lower() == ".toml":
            self.show_recipe(str(path))
            return
        try:
            layers = self.viewer.open(path, plugin=PLUGIN)
        except (NapariUaiError, ValueError, OSError) as error:
            self.run_bar.show_error(f"cannot open {path.name}: {error}")
            return
        self.source_kind.setCurrentIndex(self.source_kind.findData("layer"))
        if layers and self.recording.findText(layers[0].name) >= 0:
            self.recording.choose(layers[0].name)

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:
        """Accept files and folders."""
        if event is not None and event.mimeData() is not None and event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:
        """Open dropped files and folders; on the canvas, napari might ask for the plugin."""
        data = None if event is None else event.mimeData()
        for url in [] if data is None else data.urls():
            if url.isLocalFile():
                self.open(url.toLocalFile())

    def reset_choices(self, event: Event | None = None) -> None:  # noqa: ARG002
        """Update the list of layers; napari calls this when layers change."""
        self.recording.reset_choices()
        self.region.look_after()

    def _change_recipe(self, recipe: str) -> None:
        """Show another recipe with the values so far, as far as it has them."""
        before, suggested = self.steps, self._suggested
        chosen = None if before is None else ChosenValues.shown(recipe, before)
        self.show_recipe(recipe)
        if chosen is None or self.steps is None or self.steps is before:
            return
        for name, values in suggested.items():  # not chosen by the user
            if chosen.changes.get(name) == values:
                del chosen.changes[name]
        self._reset_values = self.steps.take(chosen.changes)
        if chosen.edited is not None:
            self._reset_values.append("stages added, removed or moved")
        self._suggest()

    def _show_recording(self) -> None:
        """Show the values that were chosen for a recording, or a batch that fits it."""
        layer = self.recording.layer()
        self._show_start()
        n = 0 if layer is None else layer.data.shape[0] if layer.ndim == 3 else 1
        record = {} if layer is None else layer.metadata.get(KEY, {})
        self.frames.show_recording(int(record.get("first_frame") or 0), n)
        chosen = None if layer is None else ChosenValues.of_layer(layer)
        self.region.show_recording(layer, None if chosen is None else chosen.region)
        if chosen is not None:
            self.show_recipe(chosen.recipe)
            if self.steps is not None and chosen.edited is not None:
                self._show_steps(RecipeSteps(self.steps.loaded, chosen.edited))
            if self.steps is not None:
                chosen.show(self.steps)
            self.frames.choose(chosen.span)
        self._suggest()

    def _change_frames(self, *_: object) -> None:
        self._suggest()
        self._keep_values()

    def _suggest(self) -> None:
        """Suggest a batch for the recording where none was chosen, and say so.

        A recipe of the user's own has the batch that he wants.
        """
        layer, is_own = self.recording.layer(), self.recipe_choice.currentText() not in self._names
        if layer is not None and self.steps is not None and not is_own:
            self._suggested = suggest_batch(self.steps, self.frames.count(), self._suggested)
        self._show_note()

    def _keep_values(self) -> None:
        """Keep what is shown with the recording, so that it survives another one and the dock."""
        self.run_bar.forget_error()
        layer = self.recording.layer()
        if layer is not None and self.steps is not None:
            recipe = self.recipe_choice.currentText()
            chosen = ChosenValues.shown(recipe, self.steps, self.frames.span(), self.region.region)
            chosen.keep(layer)
        self._show_note()

    def _show_note(self) -> None:
        """Say what was suggested, what is unwise, and which values the recipe does not have."""
        lines: list[str] = []
        if self.recording.layer() is not None and self.steps is not None:
            n, region = self.frames.count(), self.region.region
            lines += notes_of_recipe(self.steps, n, self._suggested, region)
        if self._reset_values:
            lines.append(f"Reset, not in this recipe: {', '.join(self._reset_values)}.")
        self.note.setText("\n".join(lines))
        self.note.setVisible(bool(lines))

    def _open_sample(self) -> None:
        self.viewer.open_sample(PLUGIN, "landings")

    def _ask_and_open(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open recording")
        if path:
            self.open(path)

    def _hand_over(self, title: str) -> None:
        """Open another dock with the recording and the recipe, in the region if there is one."""
        from napari_uai.iscat.recipes.editing import limited_to

        recipe = self.run_bar.tried(self.recipe)
        if recipe is not None:
            region = self.region.region
            dock = shown_dock(self.viewer, title)
            dock.use(
                self.recording.layer(), recipe if region is None else limited_to(recipe, region)
            )

    def _apply_preferences(self) -> None:
        """Start with the recipe and the rolling average of the preferences."""
        settings = preferences("workflow")
        self.average.setCurrentIndex(max(self.average.findData(settings.average), 0))
        for recipe in (settings.recipe, DEFAULT_RECIPE):
            if self.steps is None:
                self.show_recipe(recipe)

    def _lay_out(self) -> None:
        for widget, name in (
            (self.recording, "recording"),
            (self.source_kind, "source"),
            (self.source_folder, "source_folder"),
            (self.recipe_choice, "recipe"),
            (self.results_folder, "results_folder"),
            (self.average, "average"),
        ):
            widget.setObjectName(name)
        self.source_kind.addItem("one layer", "layer")
        self.source_kind.addItem("all recordings in a folder", "folder")
        for key, text in AVERAGES.items():
            self.average.addItem(text, key)
        top, bottom = QWidget(), QWidget()
        self._rows = form_layout(top)
        add_row(self._rows, "Run on", self.source_kind, "A layer, or all files in a folder.")
        add_row(self._rows, "Recording", self.recording, "Raw recording, in counts.")
        add_row(self._rows, "Folder", self.source_folder, "Subfolders are included.")
        add_row(self._rows, "Frames", self.frames, "First and last frame that are analysed.")
        add_row(self._rows, "Region", self.region, REGION_HELP)
        add_row(self._rows, "Recipe", self.recipe_choice, "Sequence of stages to run.")
        rows = form_layout(bottom)
        add_row(rows, "Results folder", self.results_folder, RESULTS_HELP)
        add_row(rows, "Average", self.average, "What to do with the rolling average.")
        self._list = QVBoxLayout()
        layout = dock_layout(self, self.run_bar, topic="iscat_run")
        layout.addWidget(self.start)
        layout.addWidget(top)
        layout.addWidget(self.description)
        layout.addWidget(self.note)
        layout.addLayout(self._list)
        layout.addLayout(self._buttons())
        layout.addWidget(bottom)
        layout.addWidget(self.keep_earlier)
        layout.addStretch()

    def _buttons(self) -> QGridLayout:
        buttons = []
        for text, name, action, tooltip in (
            ("Load…", "load", self._ask_and_load, "Load a recipe from a file (.toml)."),
            ("Save…", "save", self._ask_and_save, "Save the recipe with the present values."),
            ("Reset", "reset", self._reset, "Restore the values of the recipe."),
            ("Review", "review", self.review, "Review the landings of a layer."),
            ("Train…", "train", self.train, "Train a network on the background of the recording."),
            ("Limit…", "limit", self.limit, "Measure what would be found on the recording."),
        ):  # fmt: skip
            button = QPushButton(text)
            button.setObjectName(name)
            button.setToolTip(tooltip)
            button.clicked.connect(lambda _=False, act=action: act())
            buttons.append(button)
        return button_grid(*buttons)

    def _reset(self) -> None:
        if self.steps is not None and self.steps.edited is not None:
            self.show_recipe(self.recipe_choice.currentText())
            self._keep_values()
        elif self.steps is not None:
            self.steps.reset()
            self._reset_values = []
            self._suggest()

    def _show_source(self, *_: object) -> None:
        is_folder = self.source_kind.currentData() == "folder"
        self._rows.setRowVisible(self.recording, not is_folder)
        self._rows.setRowVisible(self.frames, not is_folder)
        self._rows.setRowVisible(self.region, not is_folder)
        self._rows.setRowVisible(self.source_folder, is_folder)
        self.average.setEnabled(not is_folder)
        self._show_start()

    def _show_start(self) -> None:
        """Show how to begin as long as there is nothing to run on."""
        is_folder = self.source_kind.currentData() == "folder"
        self.start.setVisible(not is_folder and self.recording.layer() is None)

    def _list_of(self, call: RecipeCall | FolderCall) -> BatchList | None:
        """Open a list of the recordings of a folder."""
        from napari_uai.widgets.iscat.batch_list import BatchList
        from napari_uai.widgets.iscat.stage_call import FolderCall

        if not isinstance(call, FolderCall) or not (paths := call.recordings()):
            return None
        batch = BatchList(paths, call.source, self.viewer)
        name = f"{call.source.name}: recordings"
        self.viewer.window.add_dock_widget(batch, name=name, area="bottom", tabify=True)
        return batch

    def _show_outcomes(self) -> None:
        outcomes = getattr(self._running, "outcomes", None)
        if self.batch is not None and outcomes is not None:
            with suppress(RuntimeError):  # its dock was closed
                self.batch.show_outcomes(outcomes, running=self.task.running)

    def _show_progress(self, fraction: float, _message: str) -> None:
        self._show_outcomes()
        if self._running is not None and self.steps is not None and self.task.running:
            self.steps.show_progress(self._running.progress(fraction))

    def _ask_and_load(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Load recipe", "", "Recipe (*.toml)")
        if path:
            self.show_recipe(path)

    def _ask_and_save(self) -> None:
        suggested = f"{Path(self.recipe_choice.currentText()).stem}.toml"
        path, _ = QFileDialog.getSaveFileName(self, "Save recipe", suggested, "Recipe (*.toml)")
        if path:
            try:
                self.save_recipe(path)
            except NapariUaiError as error:
                self.run_bar.show_error(str(error))

    def _show_result(self, result: CallResult) -> Iterator[None]:
        if result.review is None:
            yield from add_results(result, self.viewer)
        else:
            keep = self.keep_earlier.isChecked()
            self.shown = yield from ShownRun.of(result, self.viewer, self.shown, keep=keep)
            self.landings = self.shown.view or self.landings
        if result.result is not None and self.steps is not None:
            self.steps.show_seconds(result.result.timings_s)
        self.run_bar.bar.setValue(self.run_bar.bar.maximum())
        self.run_bar.say(f"Done: {result.message}")
