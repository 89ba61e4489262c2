"""The stages of a recipe as a list: switched on and off, opened for their parameters, followed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from napari_uai.widgets.kit.forms import ParameterForm

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_uai.iscat.recipes.recipe import Recipe, Step

_ROOM = 10
_WIDEST = "✓ 99999 s"


class RecipeSteps(QWidget):
    """One folding section per stage of a recipe, with a switch where the recipe does without it.

    Parameters
    ----------
    recipe
        What to begin with.
    """

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self._recipe = recipe
        self.forms: dict[str, ParameterForm] = {}
        self.switches: dict[str, QCheckBox] = {}
        self.states: dict[str, QLabel] = {}
        self._first: dict[str, dict[str, Any]] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        for number, step in enumerate(recipe.steps, start=1):
            layout.addWidget(self._row(number, step))
        layout.addStretch()

    def recipe(self) -> Recipe:
        """Return the recipe without what is switched off, with what stands in the forms.

        Raises
        ------
        RecipeError
            If a value does not fit, or a stage that is switched off is needed after all.
        """
        off = [name for name, switch in self.switches.items() if not switch.isChecked()]
        return self._recipe.without(off).with_settings(self.settings())

    def settings(self) -> list[str]:
        """Return what differs from the recipe, as the command line's ``--set`` takes it."""
        return [
            f"{name}.{parameter}={toml_text(value)}"
            for name, form in self.forms.items()
            if self.switches[name].isChecked()
            for parameter, value in form.values().items()
            if value != self._first[name][parameter]
        ]

    def reset(self) -> None:
        """Show the recipe as it was loaded."""
        for form in self.forms.values():
            form.reset()
        for switch in self.switches.values():
            switch.setChecked(True)

    def show_progress(self, shares: Mapping[str, float]) -> None:
        """Show how much of each stage is done, 0 to 1."""
        for name, state in self.states.items():
            share = shares.get(name, 0.0)
            text = "✓" if share >= 1 else f"{share:.0%}" if share > 0 else ""
            if text != state.text():  # each change lays the list out anew
                state.setText(text)

    def show_seconds(self, seconds: Mapping[str, float]) -> None:
        """Show what each stage took."""
        for name, state in self.states.items():
            state.setText(_took(seconds[name]) if name in seconds else "")

    def _row(self, number: int, step: Step) -> QWidget:
        row = QWidget()
        across = QHBoxLayout(row)
        across.setContentsMargins(0, 0, 0, 0)
        across.setSpacing(4)
        section = self._section(number, step)
        height = self.fontMetrics().height() + _ROOM
        section.toggleButton().setFixedHeight(height)  # its style would make it higher later
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
        """Return a tick that is seen only where the recipe does without the stage."""
        switch = QCheckBox()
        switch.setObjectName(f"switch_{step.name}")
        switch.setChecked(True)
        switch.setToolTip("Untick to leave this stage out.")
        optional = self._recipe.can_be_left_out(step.name)
        switch.setEnabled(optional)
        policy = switch.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        switch.setSizePolicy(policy)
        switch.setVisible(optional)
        return switch

    def _section(self, number: int, step: Step) -> QWidget:
        from superqt import QCollapsible

        section = QCollapsible(f"{number}. {step.stage.title}", expandedIcon="▾", collapsedIcon="▸")
        section.setObjectName(step.name)
        section.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        section.setToolTip(f"<qt>{step.stage.summary.replace('`', '')}</qt>")
        section.layout().setContentsMargins(0, 0, 0, 0)
        section.layout().setSpacing(0)
        section.content().layout().setContentsMargins(2, 2, 0, 6)
        # A value that refers to another stage's follows it, so it is not asked for twice.
        own = [p for p in step.stage.parameters.values() if not _refers(step.parameters[p.name])]
        if not own:
            section.addWidget(QLabel("No parameters of its own."))
            return section
        form = ParameterForm(own, {p.name: step.parameters[p.name] for p in own})
        self.forms[step.name] = form
        self._first[step.name] = form.values()
        section.addWidget(form)
        return section


def _took(seconds: float) -> str:
    return f"✓ {seconds:.1f} s" if seconds < 10 else f"✓ {seconds:.0f} s"


def _refers(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("@")


def toml_text(value: Any) -> str:
    """Write a value as ``--set`` takes it."""
    import tomli_w

    if value is None:
        return "none"
    return tomli_w.dumps({"value": value}, multiline_strings=False).partition("=")[2].strip()
