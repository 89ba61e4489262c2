"""Buttons in a stage of a recipe: move it, put another after it, remove it."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QMenu, QPushButton, QVBoxLayout, QWidget

from napari_uai.errors import RecipeError
from napari_uai.iscat.recipes.editing import (
    stages_to_insert,
    with_stage_after,
    with_stage_moved,
)
from napari_uai.stages import Menu

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_uai.iscat.recipes.recipe import Recipe

_UP, _DOWN = "↑", "↓"


class StageTools(QWidget):
    """What can be done with a stage of a recipe, and what it uses.

    Parameters
    ----------
    recipe
        The recipe.
    name
        Name of the stage in it.

    Attributes
    ----------
    restaged
        Emitted with the changed recipe.
    refused
        Emitted with the reason why the recipe cannot be changed so.
    """

    restaged = Signal(object)
    refused = Signal(str)

    def __init__(self, recipe: Recipe, name: str) -> None:
        super().__init__()
        self._recipe, self._name = recipe, name
        step = recipe.step(name)
        uses = QLabel(f"{name}, from {', '.join(step.inputs)}")
        uses.setWordWrap(True)
        uses.setToolTip("Name of the stage in the recipe, and whose results it uses.")
        self.menu = QMenu(self)
        self.menu.aboutToShow.connect(self.list_stages)
        self.up = self._button(_UP, "up", "Move the stage up.")
        self.down = self._button(_DOWN, "down", "Move the stage down.")
        self.add = self._button("Add after", "add", "Put another stage after this one.")
        self.remove = self._button("Remove", "remove", "Remove the stage from the recipe.")
        self.up.clicked.connect(lambda: self._try(lambda: with_stage_moved(recipe, name, -1)))
        self.down.clicked.connect(lambda: self._try(lambda: with_stage_moved(recipe, name, 1)))
        self.remove.clicked.connect(lambda: self._try(lambda: recipe.without([name])))
        self.add.setMenu(self.menu)
        self.up.setEnabled(step is not recipe.steps[0])
        self.down.setEnabled(step is not recipe.steps[-1])
        width = self.up.fontMetrics().height() + 12
        across = QHBoxLayout()
        for button in (self.up, self.down):
            button.setFixedWidth(width)
            across.addWidget(button)
        across.addWidget(self.add, 1)
        across.addWidget(self.remove, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(uses)
        layout.addLayout(across)

    def list_stages(self) -> None:
        """List the stages that fit after this one, by category."""
        self.menu.clear()
        stages = stages_to_insert(self._recipe, self._name)
        for category in get_args(Menu):
            fitting = [stage for stage in stages if stage.menu == category]
            if not fitting:
                continue
            group = self.menu.addMenu(category.capitalize())
            for stage in fitting:
                action = group.addAction(stage.title)
                action.setObjectName(stage.name)
                action.triggered.connect(lambda _=False, use=stage.name: self.put_after(use))
        if not stages:
            self.menu.addAction("No stage fits here").setEnabled(False)

    def put_after(self, use: str) -> None:
        """Put a stage after this one."""
        self._try(lambda: with_stage_after(self._recipe, use, after=self._name))

    def _button(self, text: str, name: str, tooltip: str) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(f"{name}_{self._name}")
        button.setToolTip(tooltip)
        return button

    def _try(self, edit: Callable[[], Recipe]) -> None:
        try:
            edited = edit()
        except RecipeError as error:
            self.refused.emit(str(error))
        else:
            self.restaged.emit(edited)
