"""The stages of a recipe as a list: switches, parameters and progress."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from napari_uai.iscat.recipes.recipe import is_reference
from napari_uai.widgets.iscat.recipe_tools import StageTools
from napari_uai.widgets.kit.folds import Fold
from napari_uai.widgets.kit.forms import ParameterForm

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from napari_uai.iscat.recipes.recipe import Recipe, Step

_ROOM = 10
_WIDEST = "✓ 9999 s"


Changes: TypeAlias = "dict[str, dict[str, Any]]"
"""Values by stage and parameter."""


class RecipeSteps(QWidget):
    """One collapsible section per stage of a recipe, with a switch if the stage is optional.

    The title of a stage counts its values that differ from the recipe; in the stage, they are bold
    and can be restored one by one.

    Parameters
    ----------
    recipe
        Recipe to show.
    edited
        The recipe with other stages, or in another order; None if the stages are those of the
        recipe.

    Attributes
    ----------
    loaded, edited
        As given; ``edited`` is None if its stages are those of the recipe after all.
    preset
        What is shown, without values that were changed.
    changed
        Emitted when a value or a switch was changed, by the user or by the program.
    restaged
        Emitted with the recipe that has a stage more, less or elsewhere, to be shown instead.
    refused
        Emitted with the reason why a stage cannot be added, removed or moved.
    """

    changed = Signal()
    restaged = Signal(object)
    refused = Signal(str)

    def __init__(self, recipe: Recipe, edited: Recipe | None = None) -> None:
        super().__init__()
        self.loaded = recipe
        self.edited = None if edited is None or edited.steps == recipe.steps else edited
        self.preset = recipe = self.edited or recipe
        self.forms: dict[str, ParameterForm] = {}
        self.switches: dict[str, QCheckBox] = {}
        self.states: dict[str, QLabel] = {}
        self._sections: dict[str, tuple[Fold, str]] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        for number, step in enumerate(recipe.steps, start=1):
            layout.addWidget(self._row(number, step))
        layout.addStretch()
        for form in self.forms.values():
            form.changed.connect(self._show_changes)
        for switch in self.switches.values():
            switch.toggled.connect(self._show_changes)

    def recipe(self) -> Recipe:
        """Return the recipe with the values of the forms, without stages that are switched off.

        Raises
        ------
        RecipeError
            If a value is invalid, or a stage that is switched off is required.
        """
        off = [name for name, switch in self.switches.items() if not switch.isChecked()]
        return self.preset.without(off).with_settings(self.settings())

    def settings(self) -> list[str]:
        """Return what differs from the recipe, in the notation of ``--set``."""
        return [
            f"{name}.{parameter}={toml_text(value)}"
            for name, values in self.changes().items()
            if self.switches[name].isChecked()
            for parameter, value in values.items()
        ]

    def changes(self) -> Changes:
        """Return the values that differ from the recipe."""
        changed = {name: form.differing() for name, form in self.forms.items()}
        return {name: values for name, values in changed.items() if values}

    def take(self, changes: Changes) -> list[str]:
        """Show values of another recipe, or earlier ones.

        Returns
        -------
        list of str
            Those that this recipe does not have, as ``stage.parameter``.
        """
        unknown = []
        for name, values in changes.items():
            form = self.forms.get(name)
            known = {} if form is None else {p: v for p, v in values.items() if p in form.editors}
            if form is not None:
                form.set_values(known)
            unknown += [f"{name}.{parameter}" for parameter in values if parameter not in known]
        return unknown

    def title(self, name: str) -> str:
        """Return the title of a stage as it is shown."""
        return str(self._sections[name][0].text())

    def opened(self) -> list[str]:
        """Return the names of the stages that are unfolded."""
        return [name for name, (section, _) in self._sections.items() if section.isExpanded()]

    def open(self, names: Iterable[str]) -> None:
        """Unfold stages, as far as they are there."""
        for name in names:
            if name in self._sections:
                self._sections[name][0].expand()

    def reset(self) -> None:
        """Show the values of the recipe, with all stages switched on."""
        for form in self.forms.values():
            form.reset()
        for switch in self.switches.values():
            switch.setChecked(True)

    def show_progress(self, shares: Mapping[str, float]) -> None:
        """Show the progress of each stage, 0 to 1."""
        for name, state in self.states.items():
            share = shares.get(name, 0.0)
            text = "✓" if share >= 1 else f"{share:.0%}" if share > 0 else ""
            if text != state.text():  # a change triggers a new layout
                state.setText(text)

    def show_seconds(self, seconds: Mapping[str, float]) -> None:
        """Show the computing time of each stage."""
        for name, state in self.states.items():
            state.setText(_time_text(seconds[name]) if name in seconds else "")

    def _show_changes(self, *_: object) -> None:
        """Count the values that differ in the titles of the stages."""
        changes = self.changes()
        for name, (section, title) in self._sections.items():
            n = len(changes.get(name, ()))
            text = f"{title} · {n} changed" if n else title
            if section.text() != text:
                section.setText(text)
        self.changed.emit()

    def _row(self, number: int, step: Step) -> QWidget:
        row = QWidget()
        across = QHBoxLayout(row)
        across.setContentsMargins(0, 0, 0, 0)
        across.setSpacing(4)
        section = self._section(number, step)
        height = self.fontMetrics().height() + _ROOM
        section.toggleButton().setFixedHeight(height)  # otherwise its style makes it taller later
        switch = self.switches[step.name] = self._switch(step)
        switch.toggled.connect(section.setEnabled)
        switch.setFixedHeight(height)
        state = self.states[step.name] = QLabel("")
        state.setObjectName(f"state_{step.name}")
        state.setFixedSize(self.fontMetrics().horizontalAdvance(_WIDEST), height)
        state.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        across.addWidget(switch, 0, Qt.AlignmentFlag.AlignTop)
        across.addWidget(section, 1)
        across.addWidget(state, 0, Qt.AlignmentFlag.AlignTop)
        return row

    def _switch(self, step: Step) -> QCheckBox:
        """Return a tick box, hidden if the stage is required."""
        switch = QCheckBox()
        switch.setObjectName(f"switch_{step.name}")
        switch.setChecked(True)
        switch.setToolTip("Untick to skip this stage.")
        optional = self.preset.can_be_left_out(step.name)
        switch.setEnabled(optional)
        policy = switch.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        switch.setSizePolicy(policy)
        switch.setVisible(optional)
        return switch

    def _section(self, number: int, step: Step) -> QWidget:
        title = f"{number}. {step.stage.title}"
        section = Fold(title)
        self._sections[step.name] = section, title
        section.setObjectName(step.name)
        section.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        section.setToolTip(f"<qt>{step.stage.summary.replace('`', '')}</qt>")
        section.layout().setContentsMargins(0, 0, 0, 0)
        section.layout().setSpacing(0)
        section.content().layout().setContentsMargins(2, 2, 0, 6)
        # A reference follows the value of another stage, so it has no editor.
        own = [
            p for p in step.stage.parameters.values() if not is_reference(step.parameters[p.name])
        ]
        if own:
            values = {p.name: step.parameters[p.name] for p in own}
            form = self.forms[step.name] = ParameterForm(own, values, origin="recipe")
            section.addWidget(form)
        else:
            section.addWidget(QLabel("No parameters"))
        tools = StageTools(self.preset, step.name)
        tools.restaged.connect(self.restaged)
        tools.refused.connect(self.refused)
        section.addWidget(tools)
        return section


def _time_text(seconds: float) -> str:
    return f"✓ {seconds:.1f} s" if seconds < 10 else f"✓ {seconds:.0f} s"


def toml_text(value: object) -> str:
    """Return a value in the notation of ``--set``."""
    import tomli_w

    if value is None:
        return "none"
    return tomli_w.dumps({"value": value}, multiline_strings=False).partition("=")[2].strip()
