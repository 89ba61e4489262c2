"""The iSCAT run: a recording and a recipe in, landings out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_uai.errors import NapariUaiError, RecipeError
from napari_uai.widgets.choices import LayerChoice
from napari_uai.widgets.forms import ParameterForm, add_row, form_layout
from napari_uai.widgets.running import RunBar, Task
from napari_uai.widgets.stages import scrolling, show
from napari_uai.workflow.recipes import Recipe, load_recipe, recipe_names

if TYPE_CHECKING:
    from napari_uai.widgets.computing import Made

DEFAULT_RECIPE = "matched"


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
        self.viewer = napari_viewer
        self.recording = LayerChoice(self.viewer, "video")
        self.recording.setObjectName("recording")
        self.recipe_choice = QComboBox()
        self.recipe_choice.setObjectName("recipe")
        self.recipe_choice.addItems(recipe_names())
        self.recipe_choice.setCurrentText(DEFAULT_RECIPE)
        self.description = QLabel("")
        self.description.setWordWrap(True)
        self.steps: _StepForms | None = None
        self.task = Task(self)
        self.run_bar = RunBar(self.task)
        self._lay_out()
        self.recipe_choice.currentTextChanged.connect(self.show_recipe)
        self.task.succeeded.connect(self._deliver)
        self.run_bar.run_asked.connect(self.run)
        if self.recipe_choice.count():
            self.show_recipe(self.recipe_choice.currentText())

    def recipe(self) -> Recipe:
        """Return the chosen recipe with the values that stand in the forms.

        Raises
        ------
        RecipeError
            If a value does not fit.
        """
        if self.steps is None:
            raise RecipeError("no recipe is chosen: choose or load one")
        return self.steps.recipe.with_settings(self.steps.settings())

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
        self.steps = _StepForms(loaded)
        self._area.setWidget(self.steps)

    def run(self) -> None:
        """Run the recipe in a thread; add what it found to the viewer."""
        from napari_uai.widgets.computing import RecipeCall

        try:
            call = RecipeCall.of_layer(self.recipe(), self.recording.layer())
        except NapariUaiError as error:
            self.run_bar.show_error(str(error))
            return
        self.run_bar.start(call.run)

    def save_recipe(self, path: str | Path) -> None:
        """Write the recipe as it stands; the command line then gives the same numbers."""
        Path(path).write_text(self.recipe().to_toml(), "utf-8")

    def reset_choices(self, event: Any = None) -> None:  # noqa: ARG002
        """List the viewer's layers anew; napari calls this when they change."""
        self.recording.reset_choices()

    def _lay_out(self) -> None:
        top = QWidget()
        rows = form_layout(top)
        add_row(rows, "Recording", self.recording, "The raw recording, in counts.")
        add_row(rows, "Recipe", self.recipe_choice, "Which stages it goes through.")
        self._area = scrolling(QWidget())
        self._area.setMinimumHeight(260)
        load, save = QPushButton("Load recipe…"), QPushButton("Save recipe…")
        load.clicked.connect(self._ask_and_load)
        save.clicked.connect(self._ask_and_save)
        files = QHBoxLayout()
        files.addWidget(load)
        files.addWidget(save)
        layout = QVBoxLayout(self)
        layout.addWidget(top)
        layout.addWidget(self.description)
        layout.addWidget(self._area, 1)
        layout.addLayout(files)
        layout.addWidget(self.run_bar)

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
                self.run_bar.show_error(f"recipe not saved: {error}")

    def _deliver(self, made: Made) -> None:
        show(made, self.viewer)
        self.run_bar.bar.setValue(1000)
        self.run_bar.say(f"Done: {made.message}")


class _StepForms(QWidget):
    """One folding section of parameters per stage of a recipe."""

    def __init__(self, recipe: Recipe) -> None:
        from superqt import QCollapsible

        super().__init__()
        self.recipe = recipe
        self.forms: dict[str, ParameterForm] = {}
        self._first: dict[str, dict[str, Any]] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        for number, step in enumerate(recipe.steps, start=1):
            section = QCollapsible(
                f"{number}. {step.stage.title}", expandedIcon="▾", collapsedIcon="▸"
            )
            section.layout().setContentsMargins(0, 0, 0, 0)
            section.layout().setSpacing(0)
            section.content().layout().setContentsMargins(16, 2, 0, 6)
            # A value that refers to another stage's follows it, so it is not asked for twice.
            own = [
                p for p in step.stage.parameters.values() if not _refers(step.parameters[p.name])
            ]
            if own:
                form = ParameterForm(own, {p.name: step.parameters[p.name] for p in own})
                self.forms[step.name] = form
                self._first[step.name] = form.values()
                section.addWidget(form)
            else:
                section.addWidget(QLabel("No parameters of its own."))
            section.setObjectName(step.name)
            layout.addWidget(section)
        layout.addStretch()

    def settings(self) -> list[str]:
        """Return what differs from the recipe, as the command line's ``--set`` takes it."""
        return [
            f"{name}.{parameter}={_toml(value)}"
            for name, form in self.forms.items()
            for parameter, value in form.values().items()
            if value != self._first[name][parameter]
        ]


def _refers(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("@")


def _toml(value: Any) -> str:
    import tomli_w

    if value is None:
        return "none"
    return tomli_w.dumps({"value": value}, multiline_strings=False).partition("=")[2].strip()
