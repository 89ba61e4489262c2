"""The list of classes: shown or hidden, number of trails, region mask."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTreeWidget, QTreeWidgetItem, QWidget

from napari_uai.widgets.kit.palette import class_colours

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

NAME, TRAILS, INSIDE, MASK = range(4)


class ClassList(QTreeWidget):
    """Classes of trails, with a tick for each.

    Attributes
    ----------
    changed
        Emitted when the user ticked or unticked a class.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("classes")
        self.setHeaderLabels(["Class", "Trails", "Inside", "Mask"])
        self.headerItem().setToolTip(INSIDE, "Trails inside the region mask; only these count.")
        self.headerItem().setToolTip(MASK, "Region mask: of the class (own), of all classes (all).")
        self.setRootIsDecorated(False)
        self.setUniformRowHeights(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setToolTip("Ticked classes are shown. All classes are ranked, each by its own heat.")
        header = self.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        for column in (TRAILS, INSIDE, MASK):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        self.itemChanged.connect(lambda _item, column: column == NAME and self.changed.emit())

    def show_classes(self, counts: Mapping[str, int]) -> None:
        """List classes and their numbers of trails, all of them ticked."""
        self.blockSignals(True)
        self.clear()
        colours = class_colours(counts)
        for kind, n in counts.items():
            item = QTreeWidgetItem([str(kind), str(n), "", ""])
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(NAME, Qt.CheckState.Checked)
            item.setIcon(NAME, _swatch(colours[str(kind)]))
            for column in (TRAILS, INSIDE):
                item.setTextAlignment(column, Qt.AlignmentFlag.AlignRight)
            self.addTopLevelItem(item)
        self.blockSignals(False)
        rows = min(max(len(counts), 2), 6)
        self.setFixedHeight(rows * 24 + 34)

    def show_masks(self, inside: Mapping[str, int], masked: Collection[str]) -> None:
        """Show how many trails are inside the region masks.

        Parameters
        ----------
        inside
            Number of trails inside, by class.
        masked
            Classes with their own region mask; an empty string is a mask of all classes.
        """
        self.blockSignals(True)
        for item in self._items():
            kind = item.text(NAME)
            item.setText(INSIDE, str(inside.get(kind, 0)))
            item.setText(MASK, "own" if kind in masked else "all" if "" in masked else "-")
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
        items = (self.topLevelItem(i) for i in range(self.topLevelItemCount()))
        return [item for item in items if item is not None]


def _swatch(colour: str) -> QIcon:
    pixmap = QPixmap(12, 12)
    pixmap.fill(QColor(colour))
    return QIcon(pixmap)
