"""Tables in a dock: sortable, saved as files; choosing a row moves the viewer to its position."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from napari_uai.widgets.kit.saving import ask_and_save

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from napari.components import ViewerModel

    from napari_uai.widgets.kit.layers import Place

_NO_PARENT = QModelIndex()

ROWS_MEASURED = 100
"""Rows by whose texts the width of columns is chosen; more would hold up the window."""


TABLE_KINDS = "CSV (*.csv);;MATLAB (*.mat);;HDF5 (*.h5);;JSON (*.json)"
"""Kinds of files in a dialog that saves a table."""


def save_table(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table in the format of its suffix, with what its columns mean.

    Raises
    ------
    NapariUaiError
        If the suffix is not known, or the file cannot be written.
    """
    from napari_uai.iscat.table_files import export_table

    export_table(table, path, overwrite=True)  # the dialog has asked


class TableView(QWidget):
    """A table whose rows lead to positions in the viewer.

    Parameters
    ----------
    table
        Rows to show.
    viewer, place
        If the rows are positions: the viewer to move, and the place of their video.

    Attributes
    ----------
    row_chosen
        Emitted with the number of the row of ``table`` that was chosen.
    """

    row_chosen = Signal(int)

    def __init__(
        self, table: pd.DataFrame, viewer: ViewerModel | None = None, place: Place | None = None
    ) -> None:
        super().__init__()
        self.table = table
        self._viewer = viewer
        self._place = place
        self.view = QTableView()
        self.view.setObjectName("table")
        self._model = SortableTable(table, self.view)
        self._lay_out()
        self.view.selectionModel().currentRowChanged.connect(self._go_to)

    def save(self, path: str | Path) -> None:
        """Write the table in the format of its suffix.

        Raises
        ------
        NapariUaiError
            If the suffix is not known, or the file cannot be written.
        """
        save_table(self.table, path)

    def _lay_out(self) -> None:
        self.view.setModel(self._model)
        self.view.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
        self.view.setSortingEnabled(True)
        self.view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.view.verticalHeader().setVisible(False)
        self.view.verticalHeader().setDefaultSectionSize(22)
        self.view.horizontalHeader().setResizeContentsPrecision(ROWS_MEASURED)
        self.view.resizeColumnsToContents()
        self.view.setMinimumHeight(120)
        save = QPushButton("Save…")
        save.setObjectName("save")
        save.clicked.connect(self._ask_and_save)
        rows = len(self.table)
        self.below = below = QHBoxLayout()
        below.addWidget(QLabel(f"{rows} row{'' if rows == 1 else 's'}"), 1)
        below.addWidget(save)
        layout = QVBoxLayout(self)
        layout.addWidget(self.view, 1)
        layout.addLayout(below)

    def _ask_and_save(self) -> None:
        ask_and_save(self, "Save table", "table.csv", TABLE_KINDS, self.save)

    def _go_to(self, current: QModelIndex, _previous: QModelIndex) -> None:
        from napari_uai.widgets.kit.layers import AXES, has_positions

        if not current.isValid():
            return
        at = self._model.row_at(current)
        self.row_chosen.emit(at)
        if self._viewer is None or self._place is None or not has_positions(self.table):
            return
        row = self.table.iloc[at]
        position = row[list(AXES)].to_numpy(float)
        if not np.isfinite(position).all():
            return
        world = self._place.to_world(position)
        first = self._viewer.dims.ndim - 3
        if first >= 0:
            self._viewer.dims.set_point((first, first + 1, first + 2), world)


class TableModel(QAbstractTableModel):
    """Qt model of a DataFrame."""

    def __init__(self, table: pd.DataFrame, parent: QWidget) -> None:
        super().__init__(parent)
        self._columns = [table[column].to_numpy() for column in table.columns]
        self._names = [str(column) for column in table.columns]
        self._rows = len(table)

    def rowCount(self, parent: QModelIndex = _NO_PARENT) -> int:
        """Return the number of rows."""
        return 0 if parent.isValid() else self._rows

    def columnCount(self, parent: QModelIndex = _NO_PARENT) -> int:
        """Return the number of columns."""
        return 0 if parent.isValid() else len(self._columns)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the text of a cell, its alignment, or its value to sort by."""
        value = self._columns[index.column()][index.row()]
        number = isinstance(value, (float, int, np.number)) and not isinstance(value, bool)
        if role == Qt.ItemDataRole.UserRole:
            return float(value) if number else str(value)
        if role == Qt.ItemDataRole.DisplayRole:
            return f"{value:.4g}" if isinstance(value, (float, np.floating)) else str(value)
        if role == Qt.ItemDataRole.TextAlignmentRole and number:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> str | None:
        """Return the name of a column."""
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return self._names[section]
        return None


def _sort_keys(column: pd.Series) -> pd.Series:
    """Return a column as numbers if all that it has are numbers, else as texts."""
    import pandas as pd

    numbers = pd.to_numeric(column, errors="coerce")
    return numbers if numbers.notna().equals(column.notna()) else column.astype(str)


class SortableTable(TableModel):
    """Qt model of a DataFrame that sorts whole columns at once, which a proxy does cell by cell."""

    def __init__(self, table: pd.DataFrame, parent: QWidget) -> None:
        super().__init__(table, parent)
        self._table = table.reset_index(drop=True)
        self._order = np.arange(len(table))

    def row_at(self, index: QModelIndex) -> int:
        """Return the row of the DataFrame that is shown at an index."""
        return int(self._order[index.row()])

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what the model of the table has of a cell."""
        return super().data(self.index(self.row_at(index), index.column()), role)

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column, -1 for the order of the DataFrame; missing values come last."""
        if column < 0:
            rows = np.arange(self._rows)
        else:
            ascending = order == Qt.SortOrder.AscendingOrder
            keys = _sort_keys(self._table.iloc[:, column])
            rows = keys.sort_values(ascending=ascending, kind="stable").index.to_numpy()
        self.layoutAboutToBeChanged.emit()
        kept = self.persistentIndexList()
        place = np.argsort(rows)
        moved = [self.index(int(place[self.row_at(i)]), i.column()) for i in kept]
        self._order = rows
        self.changePersistentIndexList(kept, moved)
        self.layoutChanged.emit()
