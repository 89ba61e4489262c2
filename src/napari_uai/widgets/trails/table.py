"""The ranked table: sorted and refreshed at once at tens of thousands of rows, with thumbnails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QAbstractTableModel, QModelIndex, QPointF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QImage, QPainter, QPen, QPixmap, QPolygonF
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from napari_uai.widgets.trails.ranking import SCORE_NAMES

if TYPE_CHECKING:
    from napari_uai.trails.table import Trails
    from napari_uai.widgets.trails.ranking import Ranking

THUMBNAIL = QSize(64, 36)
FIRST_COLUMNS = ("way", "rank", "score", "class", "ends", "trail")
_NOWHERE = QModelIndex()
_RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)


class RankedTable(QTableView):
    """Trails by rank.

    Attributes
    ----------
    chosen
        The user chose a trail: its row among the trails.
    """

    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("ranking")
        self.ranks = RankingModel(self)
        self.setModel(self.ranks)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setIconSize(THUMBNAIL)
        self.setSortingEnabled(True)
        self.setWordWrap(False)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setShowGrid(False)
        header = self.horizontalHeader()
        header.setSortIndicator(1, Qt.SortOrder.AscendingOrder)
        header.setHighlightSections(False)
        rows = self.verticalHeader()
        rows.setVisible(False)
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setDefaultSectionSize(THUMBNAIL.height() + 4)
        for column, width in enumerate((72, 52, 54, 88, 72, 170)):
            self.setColumnWidth(column, width)
        for column in range(len(FIRST_COLUMNS), self.ranks.columnCount()):
            self.setColumnWidth(column, 84)
        self._telling = True
        self.selectionModel().currentRowChanged.connect(self._tell)

    def show_ranking(self, ranking: Ranking) -> None:
        """List other trails; the chosen one stays chosen if it is among them."""
        index = self.currentIndex()
        before = self.ranks.name_at(index.row()) if index.isValid() else None
        self._telling = False
        self.ranks.show_ranking(ranking)
        self._telling = True
        place = None if before is None else self.ranks.place_of_name(before)
        if place is not None:
            self.choose(self.ranks.trail_at(place), tell=False)

    def choose(self, row: int, *, tell: bool = True) -> None:
        """Choose a trail by its row among the trails; nothing happens if it is not listed."""
        place = self.ranks.place_of(row)
        if place is None:
            return
        self._telling = tell
        self.selectRow(place)
        self._telling = True
        self.scrollTo(self.ranks.index(place, 0))

    def chosen_row(self) -> int | None:
        """Return the row among the trails of the chosen one."""
        index = self.currentIndex()
        return self.ranks.trail_at(index.row()) if index.isValid() else None

    def _tell(self, current: QModelIndex, _previous: QModelIndex) -> None:
        if self._telling and current.isValid():
            self.chosen.emit(self.ranks.trail_at(current.row()))


class RankingModel(QAbstractTableModel):
    """A :class:`~napari_uai.widgets.trails.ranking.Ranking` for Qt; sorts by arrays."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._names = (*FIRST_COLUMNS, *SCORE_NAMES)
        self._ranking: Ranking | None = None
        self._order = np.empty(0, np.int64)
        self._columns: dict[str, Any] = {}
        self._sorted_by = (1, Qt.SortOrder.AscendingOrder)
        self._thumbnails = Thumbnails()

    def show_ranking(self, ranking: Ranking) -> None:
        """List other trails, sorted as before."""
        self.beginResetModel()
        known = self._ranking is not None and self._ranking.result.trails is ranking.result.trails
        if not known:
            self._thumbnails = Thumbnails(ranking.result.trails)
        self._ranking = ranking
        scores = ranking.result.scores
        table = ranking.result.trails.table
        self._columns = {
            "rank": np.arange(1, len(ranking) + 1),
            "score": ranking.values,
            "class": scores["class"].to_numpy()[ranking.places],
            "trail": scores["trail"].to_numpy()[ranking.places],
            "ends": table["end"].to_numpy(float)[ranking.rows],
            **{name: scores[name].to_numpy()[ranking.places] for name in SCORE_NAMES},
        }
        self._order = self._sorted()
        self.endResetModel()

    def trail_at(self, place: int) -> int:
        """Return the row among the trails of a row of the table."""
        if self._ranking is None:
            raise IndexError(place)
        return int(self._ranking.rows[self._order[place]])

    def place_of(self, row: int) -> int | None:
        """Return the row of the table of a trail, or None if it is not listed."""
        if self._ranking is None:
            return None
        found = np.flatnonzero(self._ranking.rows[self._order] == row)
        return int(found[0]) if len(found) else None

    def name_at(self, place: int) -> str:
        """Return the name of the trail in a row of the table."""
        return str(self._columns["trail"][self._order[place]])

    def place_of_name(self, name: str) -> int | None:
        """Return the row of the table of a trail by its name, which no mask changes."""
        if self._ranking is None:
            return None
        found = np.flatnonzero(self._columns["trail"][self._order] == name)
        return int(found[0]) if len(found) else None

    def rowCount(self, parent: QModelIndex = _NOWHERE) -> int:
        """Return how many trails are listed."""
        return 0 if parent.isValid() else len(self._order)

    def columnCount(self, parent: QModelIndex = _NOWHERE) -> int:
        """Return how many columns there are."""
        return 0 if parent.isValid() else len(self._names)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the text of a cell, its alignment, or the thumbnail of its trail."""
        if self._ranking is None or not 0 <= index.row() < len(self._order):
            return None
        place, name = int(self._order[index.row()]), self._names[index.column()]
        if name == "way":
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
    ) -> Any:
        """Return the name of a column, and what its score tells."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        name = self._names[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return "" if name == "way" else name.replace("_", " ")
        if role == Qt.ItemDataRole.ToolTipRole:
            return meaning_of(name)
        return None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column; equal values stay by rank."""
        self._sorted_by = (column, order)
        if self._ranking is None:
            return
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        trails = [self._order[index.row()] for index in before]
        self._order = self._sorted()
        now = np.empty(len(self._order), np.int64)
        now[self._order] = np.arange(len(self._order))
        moved = [
            self.index(int(now[trail]), index.column())
            for trail, index in zip(trails, before, strict=True)
        ]
        self.changePersistentIndexList(before, moved)
        self.layoutChanged.emit()

    def _sorted(self) -> Any:
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
        if name == "ends":
            from napari_uai.trails.pictures.labels import when

            return when(self._ranking.result.trails, int(self._ranking.rows[place]))
        value = self._columns[name][place]
        if name == "score":
            return f"{100 * value:.0f} %"
        return f"{value:.3f}" if name in SCORE_NAMES else str(value)


class Thumbnails:
    """Small pictures of the ways of trails over their scene, drawn when they are first seen."""

    _MOST = 4000

    def __init__(self, trails: Trails | None = None) -> None:
        self._trails = trails
        self._made: dict[int, QPixmap] = {}
        self._ground: QPixmap | None = None

    def of(self, row: int) -> QPixmap | None:
        """Return the picture of a trail."""
        if self._trails is None:
            return None
        if row not in self._made:
            if len(self._made) >= self._MOST:
                self._made.clear()
            self._made[row] = self._draw(self._trails, row)
        return self._made[row]

    def _draw(self, trails: Trails, row: int) -> QPixmap:
        from napari_uai.widgets.trails.drawing import path_of

        if self._ground is None:
            self._ground = _ground(trails)
        picture = self._ground.copy()
        scale_y = picture.height() / max(trails.scene.height, 1)
        scale_x = picture.width() / max(trails.scene.width, 1)
        corners = [QPointF(x * scale_x, y * scale_y) for y, x in path_of(trails, row).tolist()]
        painter = QPainter(picture)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor("#ffd166"), 1.6))
        painter.drawPolyline(QPolygonF(corners))
        painter.setBrush(QColor("#ffffff"))
        painter.drawEllipse(corners[0], 1.8, 1.8)
        painter.end()
        return picture


def meaning_of(name: str) -> str:
    """Return what a column tells."""
    from napari_uai.trails.scores.scores import SCORES

    known = {
        "rank": "by the chosen score, among those that are shown",
        "score": "the chosen score in per cent",
        "ends": "when the trail ends",
        "anomaly": "all evidence together: 1 is most anomalous",
        **SCORES,
    }
    return known.get(name, "")


def _ground(trails: Trails) -> QPixmap:
    """Return the darkened scene in the size of a thumbnail."""
    scene = trails.scene
    size = QSize(scene.width, scene.height).scaled(THUMBNAIL, Qt.AspectRatioMode.KeepAspectRatio)
    ground = QPixmap(max(size.width(), 4), max(size.height(), 4))
    ground.fill(QColor("#2a2d34"))
    if scene.image is None:
        return ground
    pixels = np.ascontiguousarray(scene.image[..., :3])
    rows, columns = pixels.shape[:2]
    image = QImage(pixels.data, columns, rows, 3 * columns, QImage.Format.Format_RGB888)
    small = image.scaled(
        ground.size(),
        Qt.AspectRatioMode.IgnoreAspectRatio,
        Qt.TransformationMode.SmoothTransformation,
    )
    painter = QPainter(ground)
    painter.setOpacity(0.6)
    painter.drawImage(0, 0, small)
    painter.end()
    return ground
