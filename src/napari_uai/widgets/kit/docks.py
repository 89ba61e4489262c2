"""Docks in small windows: their content scrolls, and docks of this plugin are tabs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, QSize, Qt
from qtpy.QtWidgets import QDockWidget, QGridLayout, QMainWindow, QPushButton, QVBoxLayout, QWidget

from napari_uai.widgets.kit.forms import VerticalScrollArea
from napari_uai.widgets.kit.help import beside_help

if TYPE_CHECKING:
    from napari_uai.widgets.kit.help import Topic

_USUAL_WIDTH = 316
"""Width of the content of a dock, px, at which docks open."""

_OURS = "napari_uai_dock"
"""Name of the object that marks a dock of this plugin."""


def dock_layout(dock: QWidget, *below: QWidget, topic: Topic) -> QVBoxLayout:
    """Return the layout for the content of a dock, which scrolls where the window is too small.

    napari enlarges its window, beyond the screen if need be, until every dock has its minimum
    height. So that of a dock must be small, and docks of this plugin are shown as tabs.

    Parameters
    ----------
    dock
        Widget without a layout.
    below
        Widgets that stay in sight below the content, such as a Run button.
    topic
        What the "?" beside these widgets tells about.
    """
    share_place(dock)
    layout = scrolled_layout(dock)
    outer = dock.layout()
    if isinstance(outer, QVBoxLayout):
        outer.addLayout(beside_help(topic, *below))
    return layout


def scrolled_layout(widget: QWidget, *below: QWidget) -> QVBoxLayout:
    """Return the layout for the content of a part of a dock, which scrolls."""
    content = QWidget()
    layout = QVBoxLayout(content)
    outer = QVBoxLayout(widget)
    margins = outer.contentsMargins()
    layout.setContentsMargins(0, 0, 0, 0)
    outer.setContentsMargins(margins.left(), 4, margins.right(), 4)
    outer.addWidget(_Content(content), 1)
    for each in below:
        outer.addWidget(each)
    return layout


def share_place(dock: QWidget) -> None:
    """Show a dock as a tab beside the other docks of this plugin, once it is in a window."""
    _Tabs(dock)


def button_grid(*buttons: QPushButton, columns: int = 3) -> QGridLayout:
    """Return buttons of equal width in rows, which need less width than a single row."""
    grid = QGridLayout()
    for at, button in enumerate(buttons):
        grid.addWidget(button, *divmod(at, columns))
    for column in range(min(columns, len(buttons))):
        grid.setColumnStretch(column, 1)
    return grid


class _Content(VerticalScrollArea):
    """Content of a dock, which opens at a usual width and may be made narrower."""

    def sizeHint(self) -> QSize:
        """Return a width in which most labels stand beside their editors."""
        return super().sizeHint().expandedTo(QSize(_USUAL_WIDTH, 0))


class _Tabs(QObject):
    """Puts a dock beside the other docks of this plugin when it is first placed in a window."""

    def __init__(self, widget: QWidget) -> None:
        super().__init__(widget)
        self.setObjectName(_OURS)
        self._dock: QDockWidget | None = None
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Watch the dock that the widget is put into, and raise it when it is shown."""
        if event is None or not isinstance(watched, QWidget):
            return False
        if event.type() == QEvent.Type.ParentChange and self._dock is None:
            dock = _ancestor(watched, QDockWidget)
            if isinstance(dock, QDockWidget):
                self._dock = dock
                # Later than this, the window has grown to show the docks above each other.
                dock.dockLocationChanged.connect(self._placed)
        elif event.type() == QEvent.Type.Show and self._dock is not None:
            watched.removeEventFilter(self)
            self._dock.raise_()
        return False

    def _placed(self, area: Qt.DockWidgetArea) -> None:
        dock = self._dock
        window = None if dock is None else _ancestor(dock, QMainWindow)
        if dock is None or not isinstance(window, QMainWindow):
            return
        dock.dockLocationChanged.disconnect(self._placed)
        others = [
            other
            for other in window.findChildren(QDockWidget)
            if other is not dock
            and not other.isFloating()
            and not _was_closed(other)
            and window.dockWidgetArea(other) == area
            and other.findChild(QObject, _OURS) is not None
        ]
        if others:
            window.tabifyDockWidget(others[-1], dock)


def _was_closed(dock: QDockWidget) -> bool:
    """Return whether a dock was hidden by the user; one that is new is not shown yet."""
    return dock.isHidden() and dock.testAttribute(Qt.WidgetAttribute.WA_WState_ExplicitShowHide)


def _ancestor(widget: QWidget, kind: type[QWidget]) -> QWidget | None:
    parent = widget.parentWidget()
    while parent is not None and not isinstance(parent, kind):
        parent = parent.parentWidget()
    return parent
