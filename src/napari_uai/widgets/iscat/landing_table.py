"""The table of landings: verdicts and signs, filtered, copied as text."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QItemSelectionModel, QModelIndex, Qt, Signal
from qtpy.QtGui import QFont, QGuiApplication, QKeySequence
from qtpy.QtWidgets import QAbstractItemView, QTableView, QWidget

from napari_uai.iscat.column_meanings import column_meaning
from napari_uai.widgets.iscat.landing_filter import LandingFilter, WantedRows
from napari_uai.widgets.iscat.listed_landings import FOUND_BY
from napari_uai.widgets.iscat.review import CONTRASTS
from napari_uai.widgets.kit.palette import sign_colour
from napari_uai.widgets.kit.plots import seen_on
from napari_uai.widgets.kit.ring_looks import ACCEPTED, VERDICT_SIGNS
from napari_uai.widgets.kit.tables import ROWS_MEASURED, TableModel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtGui import QKeyEvent

    from napari_uai.widgets.iscat.listed_landings import ListedLandings

_HIDDEN = ("frame", "y_error", "x_error", "frame_error", "frame_before", "frame_after")
_VERDICT_HELP = "✓ accepted, ✗ rejected, empty: undecided"
_FOUND_BY_HELP = "both runs, this one, or the other"
_TOOLTIP_WIDTH = 70
_LOWEST = 34
"""Height, px, of the header in a small window, from which a drag of the border shows more."""

_ROOM_FOR_BOLD = 8
"""Width, px, that an accepted row needs more than others."""

_FLAGS = QItemSelectionModel.SelectionFlag


class LandingTable(QTableView):
    """Landings of a review, one per row; rows are told by their number in the review.

    Attributes
    ----------
    chosen
        Emitted with the row that the user chose.
    fields
        What limits the rows; to be placed beside the table.
    """

    chosen = Signal(int)

    def __init__(self, listed: ListedLandings) -> None:
        super().__init__()
        self.setObjectName("table")
        self._choosing = False
        self._rows = LandingModel(listed, self)
        self.fields = LandingFilter(listed)
        self._sorted = WantedRows(self.fields, self)
        self._sorted.setSourceModel(self._rows)
        self.setModel(self._sorted)
        self.setSortingEnabled(True)
        self.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.verticalHeader().setVisible(False)
        self.verticalHeader().setDefaultSectionSize(22)
        self.setMinimumHeight(_LOWEST)
        self._give_columns_room()
        self.selectionModel().currentRowChanged.connect(self._on_current)

    def show_listed(self, listed: ListedLandings) -> None:
        """List other rows."""
        self._rows = LandingModel(listed, self)
        self.fields.show_listed(listed)
        self._sorted.setSourceModel(self._rows)
        self._give_columns_room()

    def show_rows(self, rows: Sequence[int]) -> None:
        """Select rows without emitting; the first becomes the current one."""
        self._choosing = True
        try:
            flags = _FLAGS.ClearAndSelect | _FLAGS.Rows
            for row in rows:
                index = self._sorted.mapFromSource(self._rows.index(row, 0))
                if flags & _FLAGS.Clear:
                    self.selectionModel().setCurrentIndex(index, flags)
                    self.scrollTo(index)
                    flags = _FLAGS.Select | _FLAGS.Rows
                else:
                    self.selectionModel().select(index, flags)
        finally:
            self._choosing = False

    def chosen_rows(self) -> list[int]:
        """Return the selected rows."""
        selected = self.selectionModel().selectedRows()
        return sorted(self._sorted.mapToSource(index).row() for index in selected)

    def n_shown(self) -> int:
        """Return how many rows the filter leaves."""
        return int(self._sorted.rowCount())

    def rows_after(self, row: int) -> list[int]:
        """Return the other rows in the order of the table, from the next one and round."""
        at = self._sorted.mapFromSource(self._rows.index(row, 0)).row()
        n = self._sorted.rowCount()
        order = [self._sorted.mapToSource(self._sorted.index(i, 0)).row() for i in range(n)]
        return [*order[at + 1 :], *order[: max(at, 0)]]

    def changed(self, rows: list[int]) -> None:
        """Show changed verdicts."""
        self._rows.changed(rows)

    def copy(self) -> None:
        """Copy the selected rows as text: a line of names, then one per row, tabs between cells."""
        model = self._sorted
        columns = range(model.columnCount())
        horizontal = Qt.Orientation.Horizontal
        rows = sorted(self.selectionModel().selectedRows(), key=QModelIndex.row)
        lines = [
            [str(model.headerData(column, horizontal)) for column in columns],
            *([str(row.siblingAtColumn(column).data()) for column in columns] for row in rows),
        ]
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None:
            clipboard.setText("\n".join("\t".join(line) for line in lines))

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Copy rows; other keys move as usual."""
        if event is not None and event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
        else:
            super().keyPressEvent(event)

    def _give_columns_room(self) -> None:
        self.horizontalHeader().setResizeContentsPrecision(ROWS_MEASURED)
        self.resizeColumnsToContents()
        for column in range(self.horizontalHeader().count()):
            self.setColumnWidth(column, self.columnWidth(column) + _ROOM_FOR_BOLD)

    def _on_current(self, current: QModelIndex, _previous: QModelIndex) -> None:
        if not self._choosing and current.isValid():
            self.chosen.emit(self._sorted.mapToSource(current).row())


class LandingModel(TableModel):
    """Model of the table with the verdicts in the first column."""

    def __init__(self, listed: ListedLandings, parent: QWidget) -> None:
        shown = listed.table.drop(columns=list(_HIDDEN), errors="ignore")
        super().__init__(shown.assign(**{ACCEPTED: ""})[[ACCEPTED, *shown]], parent)
        self._listed, self._view = listed, parent
        self._names[0] = "✓"

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the text of a cell; its font shows the verdict, the hue of a contrast its sign."""
        verdict = self._listed.verdict(index.row())
        if role == Qt.ItemDataRole.FontRole and verdict:
            font = QFont(self._view.font())
            font.setBold(verdict == "yes")
            font.setStrikeOut(verdict == "no" and index.column() > 0)
            return font
        if role == Qt.ItemDataRole.ForegroundRole and self._names[index.column()] in CONTRASTS:
            return seen_on(self._view, sign_colour(self._columns[index.column()][index.row()]))
        if index.column():
            return super().data(index, role)
        if role == Qt.ItemDataRole.DisplayRole:
            return VERDICT_SIGNS[verdict]
        if role == Qt.ItemDataRole.UserRole:
            return {"yes": 0.0, "": 1.0, "no": 2.0}[verdict]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignCenter
        return None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> str | None:
        """Return the name of a column, and its meaning as a tooltip."""
        if role == Qt.ItemDataRole.ToolTipRole and orientation == Qt.Orientation.Horizontal:
            name = self._names[section]
            if not section or name == FOUND_BY:
                return _FOUND_BY_HELP if section else _VERDICT_HELP
            return _in_lines(column_meaning(name))
        return super().headerData(section, orientation, role)

    def changed(self, rows: list[int]) -> None:
        """Update rows in the view."""
        for row in rows:
            last = self.index(row, self.columnCount() - 1)
            self.dataChanged.emit(self.index(row, 0), last)


def _in_lines(text: str) -> str:
    """Break a long tooltip, which Qt would show in one line."""
    return "\n".join(wrap(text, _TOOLTIP_WIDTH))
