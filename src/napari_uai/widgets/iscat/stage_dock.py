"""The dock *iSCAT stage*: all stages in one list, and the form of the one that is chosen.

The layer menus open it on a stage: the manifest refers to
``napari_uai.widgets.iscat.stage_dock:<stage>``, functions that are made when they are asked for, so
that a new stage needs no code here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QLabel, QLineEdit, QSplitter, QVBoxLayout, QWidget

from napari_uai.iscat.recipes.catalogue import STAGES
from napari_uai.widgets.iscat.stage_list import StageList
from napari_uai.widgets.kit.docks import share_place
from napari_uai.widgets.kit.help import beside_help
from napari_uai.widgets.kit.plugin_docks import STAGE_TITLE, shown_dock

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.utils.events import Event
    from napari.viewer import Viewer

    from napari_uai.widgets.iscat.stages import StageWidget

HINT = "Choose a stage, or type a word of what it does: its inputs and parameters appear here."


class StageDock(QWidget):
    """A search field, the stages by category, and the form of the chosen one.

    Parameters
    ----------
    napari_viewer
        Viewer whose layers are the inputs and to which results are added.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.setObjectName("stage")
        self.viewer = napari_viewer
        self.forms: dict[str, StageWidget] = {}
        self.search = QLineEdit()
        self.search.setObjectName("search")
        self.search.setPlaceholderText("Search stages")
        self.search.setClearButtonEnabled(True)
        self.list = StageList(self.viewer)
        self.hint = QLabel(HINT)
        self.hint.setWordWrap(True)
        self.hint.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.parts = QSplitter(Qt.Orientation.Vertical)
        self._shown: StageWidget | None = None
        self._lay_out()
        share_place(self)
        self.search.textChanged.connect(self.list.show_matches)
        self.search.returnPressed.connect(self.list.choose_first)
        self.list.chosen.connect(self.show_stage)

    def sizeHint(self) -> QSize:
        """Return a height at which list and form can both be used."""
        return super().sizeHint().expandedTo(QSize(0, 480))

    def show_stage(self, name: str) -> StageWidget:
        """Show the form of a stage, with the values that it had.

        Raises
        ------
        RecipeError
            If there is no such stage.
        """
        form = self.forms.get(name) or self._made(name)
        if form is not self._shown:
            if self._shown is not None:
                self._shown.preview.tick.setChecked(False)
                self._shown.hide()
            form.reset_choices()
            form.show()
            if self._shown is None:
                self.hint.hide()
                self.parts.setSizes([100, 200])  # shares of the height
            self._shown = form
        self.list.mark(name)
        return form

    def reset_choices(self, event: Event | None = None) -> None:  # noqa: ARG002
        """Update lists of layers, and which stages fit them; napari calls this."""
        self.list.show_fitting()
        for form in self.forms.values():
            form.reset_choices()

    def _made(self, name: str) -> StageWidget:
        from napari_uai.widgets.iscat.stages import StageWidget

        form = self.forms[name] = StageWidget(self.viewer, name)
        self.installEventFilter(form.task)  # closing this dock cancels the run
        form.layout().setContentsMargins(0, 4, 0, 0)
        self._place.addWidget(form, 1)
        return form

    def _lay_out(self) -> None:
        above, below = QWidget(), QWidget()
        listed, self._place = QVBoxLayout(above), QVBoxLayout(below)
        for layout in (listed, self._place):
            layout.setContentsMargins(0, 0, 0, 0)
        listed.addLayout(beside_help("stage", self.search))
        listed.addWidget(self.list, 1)
        self._place.addWidget(self.hint)
        self.parts.setChildrenCollapsible(False)
        self.parts.addWidget(above)
        self.parts.addWidget(below)
        for part, share in enumerate((1, 2)):
            self.parts.setStretchFactor(part, share)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(9, 4, 9, 4)
        layout.addWidget(self.parts)


def shown_stage(viewer: Viewer, name: str) -> StageWidget:
    """Open the dock, or show the one that is open, on a stage; return the form of the stage."""
    dock: StageDock = shown_dock(viewer, STAGE_TITLE)
    return dock.show_stage(name)


def __getattr__(name: str) -> Callable[[Viewer], Any]:
    """Return a function that opens the dock on a stage.

    Raises
    ------
    AttributeError
        If there is no such stage.
    """
    if name not in STAGES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from napari.viewer import Viewer

    def opened(viewer: Viewer) -> None:
        shown_stage(viewer, name)

    # napari looks at the type itself to know that it must pass the viewer.
    opened.__annotations__ = {"viewer": Viewer, "return": None}
    opened.__name__ = name
    return opened
