"""The list of classes: which are shown, how many trails each has, where its region is painted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTreeWidget, QTreeWidgetItem, QWidget

from napari_uai.widgets.trails.drawing import class_colour

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

NAME, TRAILS, COUNTED, REGION = range(4)


class ClassList(QTreeWidget):
    """Classes of trails.

    Attributes
    ----------
    changed
        The user ticked or unticked one.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("classes")
        self.setHeaderLabels(["Class", "Trails", "Counted", "Region"])
        self.setRootIsDecorated(False)
        self.setUniformRowHeights(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setToolTip("Ticked classes are shown; all are ranked, each among its own.")
        header = self.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        for column in (TRAILS, COUNTED, REGION):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        self.itemChanged.connect(lambda _item, column: column == NAME and self.changed.emit())

    def show_classes(self, counts: Mapping[str, int]) -> None:
        """List other classes, all of them ticked."""
        self.blockSignals(True)
        self.clear()
        for number, (kind, n) in enumerate(counts.items()):
            item = QTreeWidgetItem([str(kind), str(n), "", ""])
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(NAME, Qt.CheckState.Checked)
            item.setIcon(NAME, _swatch(class_colour(number)))
            for column in (TRAILS, COUNTED):
                item.setTextAlignment(column, Qt.AlignmentFlag.AlignRight)
            self.addTopLevelItem(item)
        self.blockSignals(False)
        rows = min(max(len(counts), 2), 6)
        self.setFixedHeight(rows * 24 + 34)

    def show_counted(self, counts: Mapping[str, int], masked: Collection[str]) -> None:
        """Tell how many trails count, and which classes have a region.

        Parameters
        ----------
        counts
            Trails that lie inside, by class.
        masked
            Classes with a region of their own; an empty text stands for the others.
        """
        self.blockSignals(True)
        for item in self._items():
            kind = item.text(NAME)
            item.setText(COUNTED, str(counts.get(kind, 0)))
            item.setText(REGION, "own" if kind in masked else "shared" if "" in masked else "-")
        self.blockSignals(False)

    def hidden(self) -> frozenset[str]:
        """Return the classes that are not ticked."""
        unticked = Qt.CheckState.Unchecked
        return frozenset(i.text(NAME) for i in self._items() if i.checkState(NAME) == unticked)

    def set_shown(self, kind: str, shown: bool) -> None:
        """Tick or untick a class."""
        for item in self._items():
            if item.text(NAME) == kind:
                state = Qt.CheckState.Checked if shown else Qt.CheckState.Unchecked
                item.setCheckState(NAME, state)

    def _items(self) -> list[QTreeWidgetItem]:
        found = (self.topLevelItem(i) for i in range(self.topLevelItemCount()))
        return [item for item in found if item is not None]


def _swatch(colour: str) -> QIcon:
    pixmap = QPixmap(12, 12)
    pixmap.fill(QColor(colour))
    return QIcon(pixmap)
