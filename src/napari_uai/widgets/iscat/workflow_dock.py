"""The iSCAT workflow: a recording and a recipe in, landings out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_uai.errors import BadValueError, NapariUaiError, RecipeError
from napari_uai.iscat.recipes.recipe import Recipe, load_recipe, recipe_names
from napari_uai.widgets.iscat.add_results import show
from napari_uai.widgets.iscat.recipe_steps import RecipeSteps
from napari_uai.widgets.kit.forms import add_row, form_layout, scrolling
from napari_uai.widgets.kit.layer_choice import LayerChoice
from napari_uai.widgets.kit.preferences import PLUGIN, preferences
from napari_uai.widgets.kit.running import RunBar, Task

if TYPE_CHECKING:
    from qtpy.QtGui import QDragEnterEvent, QDropEvent

    from napari_uai.widgets.iscat.landings import LandingsView
    from napari_uai.widgets.iscat.review import Review
    from napari_uai.widgets.iscat.stage_call import FolderCall, Made, RecipeCall

DEFAULT_RECIPE = "matched"
TRAINING_TITLE = "Train network"
_SAME_RECORDING = ("name", "source")

AVERAGES = {
    "lazy": "computed when looked at",
    "memory": "all frames in memory",
    "stored": "stored with the results (zarr)",
}
"""What may become of the rolling average."""


class RecipeWidget(QWidget):
    """Choose a recording and a recipe, set what differs, run; landings come as layers and a table.

    Parameters
    ----------
    napari_viewer
        The viewer whose layers are taken and to which the results are added.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self.setObjectName("iscat_run")
        self.setAcceptDrops(True)
        self.viewer = napari_viewer
        self.recording = LayerChoice(self.viewer, "video")
        self.source_kind = QComboBox()
        self.source_folder = FolderChoice("Folder with recordings", "a folder of recordings")
        self.recipe_choice = QComboBox()
        self.recipe_choice.addItems(recipe_names())
        self.description = QLabel("")
        self.description.setWordWrap(True)
        self.steps: RecipeSteps | None = None
        self.results_folder = FolderChoice("Folder for the results", "only in the viewer")
        self.average = QComboBox()
        self.landings: LandingsView | None = None
        self._running: RecipeCall | FolderCall | None = None
        self.task = Task(self)
        self.run_bar = RunBar(self.task)
        self._lay_out()
        self.recipe_choice.currentTextChanged.connect(self.show_recipe)
        self.source_kind.currentIndexChanged.connect(self._show_source)
        self.task.succeeded.connect(self._deliver)
        self.task.progressed.connect(self._show_progress)
        self.run_bar.run_asked.connect(self.run)
        self._show_source()
        self._begin(preferences("workflow"))

    def recipe(self) -> Recipe:
        """Return the chosen recipe with the values that stand in the forms.

        Raises
        ------
        RecipeError
            If a value does not fit.
        """
        if self.steps is None:
            raise RecipeError("no recipe is chosen: choose or load one")
        return self.steps.recipe()

    def show_recipe(self, recipe: str) -> None:
        """Show the stages of a recipe, given by name or path, with its parameters."""
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
        self.description.setText(loaded.description)
        self.steps = RecipeSteps(loaded)
        self._area.setWidget(self.steps)

    def call(self) -> RecipeCall | FolderCall:
        """Return what Run will do.

        Raises
        ------
        NapariUaiError
            If something is missing or does not fit.
        """
        from napari_uai.widgets.iscat.stage_call import FolderCall, RecipeCall

        folder, average = self.results_folder.path(), self.average.currentData()
        if self.source_kind.currentData() == "folder":
            source = self.source_folder.path()
            if source is None or folder is None:
                raise BadValueError(
                    "a run on a folder needs both folders: that of the recordings and one for "
                    "the results"
                )
            return FolderCall(self.recipe(), source, folder)
        if average == "stored" and folder is None:
            raise BadValueError(
                "to store the rolling average, choose a folder for the results first"
            )
        return RecipeCall.of_layer(
            self.recipe(), self.recording.layer(), folder=folder, average=average
        )

    def run(self) -> None:
        """Run the recipe in a thread; add what it found to the viewer."""
        try:
            call = self.call()
        except NapariUaiError as error:
            self.run_bar.show_error(str(error))
            return
        self._running = call
        if self.steps is not None:
            self.steps.show_progress({})
        self.run_bar.start(call.run)

    def save_recipe(self, path: str | Path) -> None:
        """Write the recipe as it stands; the command line then gives the same numbers."""
        Path(path).write_text(self.recipe().to_toml(), "utf-8")

    def review(self) -> None:
        """Open the landings of a layer, with what was accepted and rejected, once more."""
        from napari_uai.widgets.iscat.landings import LandingsView
        from napari_uai.widgets.iscat.review import Review

        active = self.viewer.layers.selection.active
        layers = [active, *reversed(self.viewer.layers)]
        for layer in layers:
            if layer is None or not hasattr(layer, "features"):
                continue
            try:
                review = Review.of_layer(layer)
            except NapariUaiError:
                continue
            self.landings = LandingsView(review, self.viewer, layer)
            self.viewer.window.add_dock_widget(
                self.landings, name=f"{layer.name} (review)", area="bottom", tabify=True
            )
            return
        self.run_bar.show_error(
            "no layer holds landings: run a recipe, or open a landings.csv, then review"
        )

    def train(self) -> None:
        """Open the dock in which a network learns the background of the recording."""
        try:
            recipe = self.recipe()
        except NapariUaiError as error:
            self.run_bar.show_error(str(error))
            return
        _, dock = self.viewer.window.add_plugin_dock_widget(
            "napari-uai", TRAINING_TITLE, tabify=True
        )
        dock.take_over(self.recording.layer(), recipe)

    def take(self, path: str | Path) -> None:
        """Take a recording or a folder of recordings: opened by this plugin, without a question."""
        path = Path(path)
        if path.is_dir() and path.suffix.lower() != ".zarr":
            self.source_kind.setCurrentIndex(self.source_kind.findData("folder"))
            self.source_folder.line.setText(str(path))
            return
        if path.suffix.lower() == ".toml":
            self.show_recipe(str(path))
            return
        try:
            opened = self.viewer.open(path, plugin=PLUGIN)
        except (NapariUaiError, ValueError, OSError) as error:
            self.run_bar.show_error(f"{path.name} cannot be opened: {error}")
            return
        self.source_kind.setCurrentIndex(self.source_kind.findData("layer"))
        if opened:
            self.recording.choose(opened[0].name)

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:
        """Take files and folders; dropped on the canvas, napari may ask by which plugin."""
        if event is not None and event.mimeData() is not None and event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:
        """Open what was dropped."""
        data = None if event is None else event.mimeData()
        for url in [] if data is None else data.urls():
            if url.isLocalFile():
                self.take(url.toLocalFile())

    def reset_choices(self, event: Any = None) -> None:  # noqa: ARG002
        """List the viewer's layers anew; napari calls this when they change."""
        self.recording.reset_choices()

    def _begin(self, wishes: Any) -> None:
        """Show what the user's preferences say."""
        self.average.setCurrentIndex(max(self.average.findData(wishes.average), 0))
        for recipe in (wishes.recipe, DEFAULT_RECIPE):
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
        self.source_kind.addItem("one open layer", "layer")
        self.source_kind.addItem("all recordings of a folder", "folder")
        for key, text in AVERAGES.items():
            self.average.addItem(text, key)
        top, bottom = QWidget(), QWidget()
        self._rows = form_layout(top)
        add_row(self._rows, "Run on", self.source_kind, "A layer, or files one after the other.")
        add_row(self._rows, "Recording", self.recording, "The raw recording, in counts.")
        add_row(self._rows, "Folder", self.source_folder, "Folders below it are searched, too.")
        add_row(self._rows, "Recipe", self.recipe_choice, "Which stages it goes through.")
        rows = form_layout(bottom)
        add_row(rows, "Results in", self.results_folder, RESULTS_HELP)
        add_row(rows, "Average", self.average, "What becomes of the rolling average.")
        self._area = scrolling(QWidget())
        self._area.setMinimumHeight(200)
        layout = QVBoxLayout(self)
        layout.addWidget(top)
        layout.addWidget(self.description)
        layout.addWidget(self._area, 1)
        layout.addLayout(self._buttons())
        layout.addWidget(bottom)
        layout.addWidget(self.run_bar)

    def _buttons(self) -> QHBoxLayout:
        buttons = QHBoxLayout()
        for text, name, action, tip in (
            ("Load…", "load", self._ask_and_load, "Load a recipe from a file (.toml)."),
            ("Save…", "save", self._ask_and_save, "Save the recipe, for the command line, too."),
            ("Reset", "reset", self._reset, "Show the recipe as it was loaded."),
            ("Review", "review", self.review, "Open the landings of a layer once more."),
            ("Train…", "train", self.train, "Train a network on the recording's background."),
        ):  # fmt: skip
            button = QPushButton(text)
            button.setObjectName(name)
            button.setToolTip(tip)
            button.clicked.connect(lambda _=False, act=action: act())
            buttons.addWidget(button)
        return buttons

    def _reset(self) -> None:
        if self.steps is not None:
            self.steps.reset()

    def _show_source(self, *_: object) -> None:
        is_folder = self.source_kind.currentData() == "folder"
        self._rows.setRowVisible(self.recording, not is_folder)
        self._rows.setRowVisible(self.source_folder, is_folder)
        self.average.setEnabled(not is_folder)

    def _show_progress(self, fraction: float, _message: str) -> None:
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
            except (NapariUaiError, OSError) as error:
                self.run_bar.show_error(f"recipe not saved: {error}; choose another place")

    def _deliver(self, made: Made) -> None:
        if made.review is not None and self.landings is not None:
            self._take_over(made.review)
        view = show(made, self.viewer)
        self.landings = view or self.landings
        if made.result is not None and self.steps is not None:
            self.steps.show_seconds(made.result.timings_s)
        self.run_bar.bar.setValue(1000)
        self.run_bar.say(f"Done: {made.message}")

    def _take_over(self, review: Review) -> None:
        """Keep what was accepted and rejected of the same recording."""
        before = self.landings.review if self.landings is not None else review
        if all(review.place.record.get(k) == before.place.record.get(k) for k in _SAME_RECORDING):
            review.take_over(before)


class FolderChoice(QWidget):
    """A line for the path of a folder, and a button that asks for it."""

    def __init__(self, title: str, empty: str) -> None:
        super().__init__()
        self._title = title
        self.line = QLineEdit()
        self.line.setPlaceholderText(empty)
        self.line.setClearButtonEnabled(True)
        button = QPushButton("…")
        button.setToolTip(title)
        button.setFixedWidth(30)
        button.clicked.connect(self._ask)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.line, 1)
        layout.addWidget(button)

    def path(self) -> Path | None:
        """Return the folder, None if none is given."""
        text = self.line.text().strip()
        return Path(text).expanduser() if text else None

    def _ask(self) -> None:
        path = QFileDialog.getExistingDirectory(self, self._title, self.line.text())
        if path:
            self.line.setText(path)


RESULTS_HELP = "Tables, picture, recipe and record of the run, as the command line writes them."
