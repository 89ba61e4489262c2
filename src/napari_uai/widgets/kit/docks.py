"""Docks in small windows: their content scrolls, and docks of this plugin are tabs."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QDockWidget, QGridLayout, QMainWindow, QPushButton, QVBoxLayout, QWidget

from napari_uai.widgets.kit.forms import VerticalScrollArea

_OURS = "napari_uai_dock"
"""Name of the object that marks a dock of this plugin."""


def dock_layout(dock: QWidget, *below: QWidget) -> QVBoxLayout:
    """Return the layout for the content of a dock, which scrolls where the window is too small.

    napari enlarges its window, beyond the screen if need be, until every dock has its minimum
    height. So that of a dock must be small, and docks of this plugin are shown as tabs.

    Parameters
    ----------
    dock
        Widget without a layout.
    below
        Widgets that stay in sight below the content, such as a Run button.
    """
    content = QWidget()
    layout = QVBoxLayout(content)
    outer = QVBoxLayout(dock)
    margins = outer.contentsMargins()
    layout.setContentsMargins(0, 0, 0, 0)
    outer.setContentsMargins(margins.left(), 4, margins.right(), 4)
    outer.addWidget(VerticalScrollArea(content), 1)
    for widget in below:
        outer.addWidget(widget)
    share_place(dock)
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


class _Tabs(QObject):
    """Puts a dock behind the other docks of this plugin when it is first shown."""

    def __init__(self, widget: QWidget) -> None:
        super().__init__(widget)
        self.setObjectName(_OURS)
        self._widget = widget
        widget.installEventFilter(self)

    def eventFilter(self, _watched: QObject | None, event: QEvent | None) -> bool:
        """Make the tab once the widget is in a window."""
        if event is not None and event.type() == QEvent.Type.Show:
            dock = _ancestor(self._widget, QDockWidget)
            window = None if dock is None else _ancestor(dock, QMainWindow)
            if isinstance(dock, QDockWidget) and isinstance(window, QMainWindow):
                self._widget.removeEventFilter(self)
                _tabify(window, dock)
        return False


def _tabify(window: QMainWindow, dock: QDockWidget) -> None:
    area = window.dockWidgetArea(dock)
    others = [
        other
        for other in window.findChildren(QDockWidget)
        if other is not dock
        and not other.isFloating()
        and not other.isHidden()
        and window.dockWidgetArea(other) == area
        and other.findChild(QObject, _OURS) is not None
    ]
    if others and others[-1] not in window.tabifiedDockWidgets(dock):
        window.tabifyDockWidget(others[-1], dock)
        dock.raise_()


def _ancestor(widget: QWidget, kind: type[QWidget]) -> QWidget | None:
    parent = widget.parentWidget()
    while parent is not None and not isinstance(parent, kind):
        parent = parent.parentWidget()
    return parent
