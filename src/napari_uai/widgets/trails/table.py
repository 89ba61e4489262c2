"""The table of ranked trails, with thumbnails; fast for tens of thousands of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QAbstractTableModel, QModelIndex, QSize, Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from napari_uai.widgets.trails.ranking import SCORE_NAMES
from napari_uai.widgets.trails.thumbnails import SIZE, Thumbnails

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_uai.typing import AnyArray, Ints
    from napari_uai.widgets.trails.ranking import Ranking

FIRST_COLUMNS = ("path", "rank", "score", "class", "end", "trail")
_WIDTHS = (72, 52, 54, 88, 72, 170)
_NO_PARENT = QModelIndex()
_RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)


class RankedTable(QTableView):
    """Listed trails by rank.

    Attributes
    ----------
    chosen
        Emitted with the row of the trail that the user chose.
    """

    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("ranking")
        self.ranks = RankingModel(self)
        self.setModel(self.ranks)
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

    def _emit_chosen(self, current: QModelIndex, _previous: QModelIndex) -> None:
        if self._emits and current.isValid():
            self.chosen.emit(self.ranks.trail_at(current.row()))


class RankingModel(QAbstractTableModel):
    """Qt model of a :class:`~napari_uai.widgets.trails.ranking.Ranking`, sorted by numpy.

    A *place* is a row of the table, a *row* is that of a trail among all trails.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._names = (*FIRST_COLUMNS, *SCORE_NAMES)
        self._ranking: Ranking | None = None
        self._order: Ints = np.empty(0, np.int64)
        self._columns: dict[str, AnyArray] = {}
        self._sorted_by = (FIRST_COLUMNS.index("rank"), Qt.SortOrder.AscendingOrder)
        self._thumbnails = Thumbnails()
        self.class_colours: Mapping[str, str] = {}

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
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(name, place)
        if role == Qt.ItemDataRole.TextAlignmentRole and name not in ("class", "trail"):
            return _RIGHT
        if role == Qt.ItemDataRole.ToolTipRole and name in ("class", "trail"):
            return self._text(name, place)
        return None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> str | None:
        """Return the name of a column, or its meaning as a tooltip."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        name = self._names[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return "" if name == "path" else name.replace("_", " ")
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
        values = self._columns.get(self._names[column], self._columns["rank"])
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
        value = self._columns[name][place]
        if name == "score":
            return f"{100 * value:.0f} %"
        return f"{value:.3f}" if name in SCORE_NAMES else str(value)


def meaning_of(name: str) -> str:
    """Return the meaning of a column."""
    from napari_uai.trails.scores.scores import SCORES

    meanings = {
        "rank": "rank by the chosen score among the listed trails",
        "score": "the chosen score in per cent",
        "end": "time at which the trail ends",
        "anomaly": "combination of all scores: 1 is most anomalous",
        **SCORES,
    }
    return meanings.get(name, "")
