"""The few parameters of a recipe that a user changes first, above the list of its stages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_uai.widgets.kit.forms import ParameterForm

if TYPE_CHECKING:
    from napari_uai.widgets.iscat.recipe_steps import RecipeSteps

ESSENTIAL = {
    "batch_size": "Batch",
    "sigma_px": "Spot width",
    "false_landings": "False landings",
    "false_positives": "False spots",
    "threshold": "Threshold",
    "polarity": "Polarity",
}
"""Names of parameters, in order, and their labels."""


class Essentials(QWidget):
    """Parameters that the list of stages has, too; a change in either shows in both.

    Parameters
    ----------
    steps
        Stages of a recipe.
    """

    def __init__(self, steps: RecipeSteps) -> None:
        super().__init__()
        self._steps = steps
        self.stages: dict[str, str] = {}
        for name, form in steps.forms.items():
            for parameter in form.parameters:
                if parameter in ESSENTIAL:
                    self.stages.setdefault(parameter, name)
        ordered = [name for name in ESSENTIAL if name in self.stages]
        parameters = [steps.forms[self.stages[name]].parameters[name] for name in ordered]
        self.form = ParameterForm(parameters, self._values(), origin="recipe")
        for name in ordered:
            self.form.captions[name].setText(ESSENTIAL[name])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.form)
        self.form.changed.connect(self._to_steps)
        steps.changed.connect(self._from_steps)

    def _values(self) -> dict[str, object]:
        forms = self._steps.forms
        return {p: forms[name].editors[p].value() for p, name in self.stages.items()}

    def _to_steps(self) -> None:
        shown = self._values()
        for parameter, value in self.form.values().items():
            if value != shown[parameter]:
                self._steps.forms[self.stages[parameter]].set_values({parameter: value})

    def _from_steps(self) -> None:
        shown, own = self._values(), self.form.values()
        self.form.set_values({p: value for p, value in shown.items() if value != own[p]})
