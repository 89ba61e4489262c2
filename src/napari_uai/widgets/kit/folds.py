"""Sections that fold."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFrame, QPushButton, QVBoxLayout, QWidget

_EXPANDED, _COLLAPSED = "▾", "▸"


class Fold(QFrame):
    """A title with an arrow, and a content that is shown or hidden by a click on it.

    The arrow is text, so that it has the colour of the theme, and the content has the height that
    it needs at the width of the dock; both are what superqt's ``QCollapsible`` lacks.

    Parameters
    ----------
    title
        Shown beside the arrow.

    Attributes
    ----------
    toggled
        Emitted with whether the content is shown, when that changes.
    """

    toggled = Signal(bool)

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = title
        self._button = QPushButton()
        self._button.setCheckable(True)
        self._button.setStyleSheet("text-align: left; border: none; outline: none;")
        self._button.toggled.connect(self._show_content)
        self._content = QWidget()
        inner = QVBoxLayout(self._content)
        inner.setContentsMargins(5, 0, 0, 0)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._button)
        layout.addWidget(self._content)
        self._show_content(False)

    def toggleButton(self) -> QPushButton:
        """Return the button with the title."""
        return self._button

    def content(self) -> QWidget:
        """Return the widget that is shown or hidden."""
        return self._content

    def addWidget(self, widget: QWidget) -> None:
        """Add a widget to the content."""
        layout = self._content.layout()
        if layout is not None:
            layout.addWidget(widget)

    def isExpanded(self) -> bool:
        """Return whether the content is shown."""
        return self._button.isChecked()

    def expand(self) -> None:
        """Show the content."""
        self._button.setChecked(True)

    def collapse(self) -> None:
        """Hide the content."""
        self._button.setChecked(False)

    def text(self) -> str:
        """Return the title."""
        return self._title

    def setText(self, title: str) -> None:
        """Show another title."""
        self._title = title
        self._show_arrow()

    def _show_content(self, shown: bool) -> None:
        self._content.setVisible(shown)
        self._show_arrow()
        self.toggled.emit(shown)

    def _show_arrow(self) -> None:
        self._button.setText(f"{_EXPANDED if self.isExpanded() else _COLLAPSED}  {self._title}")
