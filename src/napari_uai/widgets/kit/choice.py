"""Drop-down list that fits a narrow dock."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QHelpEvent
from qtpy.QtWidgets import QComboBox, QStyle, QStyleOptionComboBox, QStylePainter, QToolTip

if TYPE_CHECKING:
    from qtpy.QtGui import QPaintEvent

_TEXT_MARGIN = 8
"""Width, px, that the text needs beside itself."""


class Choice(QComboBox):
    """List that may be narrower than its texts: it elides them, and its tooltip shows them."""

    def __init__(self) -> None:
        super().__init__()
        policy = QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        self.setSizeAdjustPolicy(policy)
        self.setMinimumContentsLength(6)

    def showPopup(self) -> None:
        """Show the entries in full."""
        view = self.view()
        if view is not None:
            bar = view.verticalScrollBar()
            room = 0 if bar is None else bar.sizeHint().width()
            view.setTextElideMode(Qt.TextElideMode.ElideNone)
            view.setMinimumWidth(view.sizeHintForColumn(0) + room)
        super().showPopup()

    def elided_text(self) -> str:
        """Return the text as it is painted."""
        option, style = QStyleOptionComboBox(), self.style()
        self.initStyleOption(option)
        if style is None or self.isEditable():
            return self.currentText()
        kind, part = QStyle.ComplexControl.CC_ComboBox, QStyle.SubControl.SC_ComboBoxEditField
        width = style.subControlRect(kind, option, part, self).width() - _TEXT_MARGIN
        elide = Qt.TextElideMode.ElideRight
        return self.fontMetrics().elidedText(self.currentText(), elide, width)

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        """Paint the list with its text elided."""
        painter, option = QStylePainter(self), QStyleOptionComboBox()
        self.initStyleOption(option)
        option.currentText = self.elided_text()
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)
        painter.end()

    def event(self, event: QEvent | None) -> bool:
        """Show an elided text above the tooltip."""
        text = self.currentText()
        if isinstance(event, QHelpEvent) and self.elided_text() != text:
            shown = f"<qt><p>{html.escape(text)}</p>{self.toolTip()}</qt>"
            QToolTip.showText(event.globalPos(), shown, self)
            return True
        return super().event(event)
