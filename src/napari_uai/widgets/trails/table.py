"""The table of ranked trails, with thumbnails; fast for tens of thousands of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QAbstractTableModel, QModelIndex, QSize, Qt, Signal
from qtpy.QtGui import QFont
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from napari_uai.widgets.trails.ranking import SCORE_NAMES
from napari_uai.widgets.trails.thumbnails import SIZE, Thumbnails
from napari_uai.widgets.trails.verdicts import NOTE, SIGNS, VERDICT, Verdicts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_uai.typing import AnyArray, Ints
    from napari_uai.widgets.trails.ranking import Ranking

FIRST_COLUMNS = ("path", "rank", VERDICT, "score", "class", "end", "trail", NOTE)
_WIDTHS = (72, 46, 28, 54, 80, 72, 120, 120)
_TEXTS = ("class", "trail", NOTE)
_HEADERS = {"path": "", VERDICT: "✓"}
_NO_PARENT = QModelIndex()
_RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)


def _font(*, bold: bool = False, crossed_out: bool = False) -> QFont:
    font = QFont()
    font.setBold(bold)
    font.setStrikeOut(crossed_out)
    return font


class RankedTable(QTableView):
    """Listed trails by rank.

    Attributes
    ----------
    chosen
        Emitted with the row of the trail that the user chose.
    noted
        Emitted with the name of a trail and the note that the user wrote about it.
    """

    chosen = Signal(int)
    noted = Signal(str, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("ranking")
        self.ranks = RankingModel(self)
        self.setModel(self.ranks)
        self.ranks.noted.connect(self.noted)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setIconSize(QSize(*SIZE))
        self.setSortingEnabled(True)
        self.setWordWrap(False)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setShowGrid(False)
        header = self.horizontalHeader()
        header.setSortIndicator(FIRST_COLUMNS.index("rank"), Qt.SortOrder.AscendingOrder)
        header.setHighlightSections(False)
        rows = self.verticalHeader()
        rows.setVisible(False)
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setDefaultSectionSize(SIZE[1] + 4)
        for column, width in enumerate(_WIDTHS):
            self.setColumnWidth(column, width)
        for column in range(len(_WIDTHS), self.ranks.columnCount()):
            self.setColumnWidth(column, 84)
        self._emits = True
        self.selectionModel().currentRowChanged.connect(self._emit_chosen)

    def show_ranking(self, ranking: Ranking) -> None:
        """List other trails; the chosen trail stays chosen if it is among them."""
        index = self.currentIndex()
        chosen = self.ranks.name_at(index.row()) if index.isValid() else None
        self._emits = False
        self.ranks.show_ranking(ranking)
        self._emits = True
        place = None if chosen is None else self.ranks.place_of_name(chosen)
        if place is not None:
            self.choose(self.ranks.trail_at(place), emit=False)

    def choose(self, row: int, *, emit: bool = True) -> None:
        """Choose a trail by its row; ignored if the trail is not listed."""
        place = self.ranks.place_of(row)
        if place is None:
            return
        self._emits = emit
        self.selectRow(place)
        self._emits = True
        self.scrollTo(self.ranks.index(place, 0))

    def chosen_row(self) -> int | None:
        """Return the row of the chosen trail, or None."""
        index = self.currentIndex()
        return self.ranks.trail_at(index.row()) if index.isValid() else None

    def choose_next_undecided(self) -> None:
        """Choose the next trail without a verdict, in the order of the table."""
        n = self.ranks.rowCount()
        at = self.currentIndex().row()
        for step in range(1, n):
            place = (at + step) % n
            if not self.ranks.verdicts.of(self.ranks.name_at(place)).verdict:
                self.choose(self.ranks.trail_at(place))
                return

    def edit_note(self) -> None:
        """Begin to write the note about the chosen trail."""
        place = self.currentIndex().row()
        if place >= 0:
            self.edit(self.ranks.index(place, FIRST_COLUMNS.index(NOTE)))

    def _emit_chosen(self, current: QModelIndex, _previous: QModelIndex) -> None:
        if self._emits and current.isValid():
            self.chosen.emit(self.ranks.trail_at(current.row()))


class RankingModel(QAbstractTableModel):
    """Qt model of a :class:`~napari_uai.widgets.trails.ranking.Ranking`, sorted by numpy.

    A *place* is a row of the table, a *row* is that of a trail among all trails.

    Attributes
    ----------
    class_colours
        Colour of each class.
    verdicts
        Verdicts and notes about the trails.
    noted
        Emitted with the name of a trail and the note that the user wrote about it.
    """

    noted = Signal(str, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._names = (*FIRST_COLUMNS, *SCORE_NAMES)
        self._ranking: Ranking | None = None
        self._order: Ints = np.empty(0, np.int64)
        self._columns: dict[str, AnyArray] = {}
        self._sorted_by = (FIRST_COLUMNS.index("rank"), Qt.SortOrder.AscendingOrder)
        self._thumbnails = Thumbnails()
        self.class_colours: Mapping[str, str] = {}
        self.verdicts = Verdicts()

    def show_ranking(self, ranking: Ranking) -> None:
        """List other trails, sorted as before."""
        self.beginResetModel()
        trails = ranking.result.trails
        if self._ranking is None or self._ranking.result.trails is not trails:
            self._thumbnails = Thumbnails(trails, self.class_colours)
        self._ranking = ranking
        scores = ranking.result.scores
        self._columns = {
            "rank": np.arange(1, len(ranking) + 1),
            "score": ranking.values,
            "class": scores["class"].to_numpy()[ranking.places],
            "trail": scores["trail"].to_numpy()[ranking.places],
            "end": trails.table["end"].to_numpy(float)[ranking.rows],
            **{name: scores[name].to_numpy()[ranking.places] for name in SCORE_NAMES},
        }
        self._order = self._sorted()
        self.endResetModel()

    def trail_at(self, place: int) -> int:
        """Return the row of the trail at a place."""
        if self._ranking is None:
            raise IndexError(place)
        return int(self._ranking.rows[self._order[place]])

    def place_of(self, row: int) -> int | None:
        """Return the place of a trail, or None if it is not listed."""
        if self._ranking is None:
            return None
        places = np.flatnonzero(self._ranking.rows[self._order] == row)
        return int(places[0]) if len(places) else None

    def name_at(self, place: int) -> str:
        """Return the name of the trail at a place."""
        return str(self._columns["trail"][self._order[place]])

    def place_of_name(self, name: str) -> int | None:
        """Return the place of a trail by its name, which does not depend on region masks."""
        if self._ranking is None:
            return None
        places = np.flatnonzero(self._columns["trail"][self._order] == name)
        return int(places[0]) if len(places) else None

    def rowCount(self, parent: QModelIndex = _NO_PARENT) -> int:
        """Return the number of listed trails."""
        return 0 if parent.isValid() else len(self._order)

    def columnCount(self, parent: QModelIndex = _NO_PARENT) -> int:
        """Return the number of columns."""
        return 0 if parent.isValid() else len(self._names)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the text of a cell, its alignment, or the thumbnail of its trail."""
        if self._ranking is None or not 0 <= index.row() < len(self._order):
            return None
        place, name = int(self._order[index.row()]), self._names[index.column()]
        if name == "path":
            if role == Qt.ItemDataRole.DecorationRole:
                return self._thumbnails.of(int(self._ranking.rows[place]))
            return None
        if role == Qt.ItemDataRole.DisplayRole or (
            role == Qt.ItemDataRole.EditRole and name == NOTE
        ):
            return self._text(name, place)
        if role == Qt.ItemDataRole.TextAlignmentRole and name not in _TEXTS:
            return _RIGHT
        if role == Qt.ItemDataRole.ToolTipRole and name in _TEXTS:
            return self._text(name, place)
        if role == Qt.ItemDataRole.FontRole:
            verdict = self.verdicts.of(self.name_at(index.row())).verdict
            return _font(bold=verdict == "accepted", crossed_out=verdict == "rejected")
        return None

    def flags(self, index: QModelIndex) -> Qt.ItemFlag:
        """Return what can be done with a cell: notes can be edited."""
        flags = super().flags(index)
        is_note = index.isValid() and self._names[index.column()] == NOTE
        return flags | Qt.ItemFlag.ItemIsEditable if is_note else flags

    def setData(
        self, index: QModelIndex, value: object, role: int = Qt.ItemDataRole.EditRole
    ) -> bool:
        """Pass on the note that the user wrote."""
        if role != Qt.ItemDataRole.EditRole or self._names[index.column()] != NOTE:
            return False
        self.noted.emit(self.name_at(index.row()), str(value))
        return True

    def show_opinions(self) -> None:
        """Show changed verdicts and notes."""
        if len(self._order):
            last = self.index(len(self._order) - 1, len(self._names) - 1)
            self.dataChanged.emit(self.index(0, 0), last)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> str | None:
        """Return the name of a column, or its meaning as a tooltip."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        name = self._names[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return _HEADERS.get(name, name.replace("_", " "))
        if role == Qt.ItemDataRole.ToolTipRole:
            return meaning_of(name)
        return None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column; equal values keep the order of their ranks."""
        self._sorted_by = (column, order)
        if self._ranking is None:
            return
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        trails = [self._order[index.row()] for index in before]
        self._order = self._sorted()
        place_of = np.empty(len(self._order), np.int64)
        place_of[self._order] = np.arange(len(self._order))
        after = [
            self.index(int(place_of[trail]), index.column())
            for trail, index in zip(trails, before, strict=True)
        ]
        self.changePersistentIndexList(before, after)
        self.layoutChanged.emit()

    def _sorted(self) -> Ints:
        column, order = self._sorted_by
        name = self._names[column]
        values = self._columns.get(name, self._columns["rank"])
        if name in (VERDICT, NOTE):
            values = np.array([self._opinion(name, trail) for trail in self._columns["trail"]])
            values = values.astype(object)
        if values.dtype == object:
            values = np.unique(values.astype(str), return_inverse=True)[1]
        values = np.nan_to_num(values.astype(np.float64))
        return np.argsort(
            values if order == Qt.SortOrder.AscendingOrder else -values, kind="stable"
        )

    def _text(self, name: str, place: int) -> str:
        if self._ranking is None:
            return ""
        if name == "end":
            from napari_uai.trails.pictures.labels import when

            return when(self._ranking.result.trails, int(self._ranking.rows[place]))
        if name in (VERDICT, NOTE):
            return self._opinion(name, self._columns["trail"][place])
        value = self._columns[name][place]
        if name == "score":
            return f"{100 * value:.0f} %"
        return f"{value:.3f}" if name in SCORE_NAMES else str(value)

    def _opinion(self, name: str, trail: object) -> str:
        """Return the sign of the verdict on a trail, or the note about it."""
        opinion = self.verdicts.of(trail)
        return opinion.note if name == NOTE else SIGNS[opinion.verdict]


def meaning_of(name: str) -> str:
    """Return the meaning of a column."""
    from napari_uai.trails.scores.score_names import SCORES

    meanings = {
        "path": "path over the scene, from the dot, in the colour of its class",
        "rank": "rank by the chosen score among the listed trails",
        VERDICT: "your verdict: ✓ accepted (key A), ✗ rejected (R); U: undecided, Ctrl+Z: undo",
        "class": "class of the trail by the tracker",
        "trail": "name of the trail",
        NOTE: "your note: double click or N to write",
        "score": "the chosen score in per cent",
        "end": "time at which the trail ends",
        "anomaly": "combination of all scores: 1 is most anomalous",
        **SCORES,
    }
    return meanings.get(name, "")
