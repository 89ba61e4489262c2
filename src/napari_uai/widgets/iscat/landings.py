"""Dock for the review of landings: table, trace, cut-out and histogram, linked to the viewer."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QItemSelectionModel, QModelIndex, QSortFilterProxyModel, Qt
from qtpy.QtGui import QColor, QKeySequence, QShortcut
from qtpy.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSplitter,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from napari_uai.errors import NapariUaiError, counted
from napari_uai.widgets.iscat.review import ACCEPTED, CONTRASTS, CutOut, Review, Verdict
from napari_uai.widgets.kit.latest_request import LatestRequest
from napari_uai.widgets.kit.layer_choice import identity, layer_of
from napari_uai.widgets.kit.palette import VERDICT_COLOURS
from napari_uai.widgets.kit.plots import Bars, Curve, Picture
from napari_uai.widgets.kit.tables import TableModel

if TYPE_CHECKING:
    from pathlib import Path

    from napari.components import ViewerModel
    from napari.layers import Points
    from napari.utils.events import Event

    from napari_uai.monitor import Monitor

SIGNS: dict[Verdict, str] = {"yes": "✓", "no": "✗", "": ""}
_BUTTONS: dict[Verdict, tuple[str, str]] = {
    "yes": ("✓ Accept", "A"),
    "no": ("✗ Reject", "R"),
    "": ("Undecided", "U"),
}
_HIDDEN = ("y_error", "x_error", "frame_error", "frame_before", "frame_after")


class LandingsView(QWidget):
    """Landings of a run; a landing chosen in table, viewer or histogram is chosen everywhere.

    Parameters
    ----------
    review
        Landings and their verdicts.
    viewer
        Viewer in which the landings are shown.
    layer
        Points layer of the landings, with a feature ``landing``; None if there is none.
    """

    def __init__(self, review: Review, viewer: ViewerModel, layer: Points | None = None) -> None:
        super().__init__()
        self.setObjectName("landings")
        self.review = review
        self.viewer = viewer
        self.table = review.table
        self.row = -1
        self._layer_id = identity(layer) if layer is not None else ""
        self._choosing = False
        self.view = QTableView()
        self._model = _LandingModel(review, self.view)
        self._sorted = QSortFilterProxyModel(self.view)
        self.trace = Curve(x_label="frame of the file", y_label="contrast")
        self.picture = Picture()
        self.bars = Bars(y_label="landings")
        self.column = QComboBox()
        self.count = QLabel("")
        self.latest = LatestRequest(self)
        self._lay_out()
        self._connect(layer)
        self._show_counts()
        self._show_histogram()
        self._recolour()
        if len(self.table):
            self.view.selectRow(0)

    def choose(self, row: int, *, go: bool = True) -> None:
        """Choose a landing by its row in the review; the viewer moves to it if ``go``."""
        if not 0 <= row < len(self.table):
            return
        self.row = row
        self._choosing = True
        try:
            index = self._sorted.mapFromSource(self._model.index(row, 0))
            flags = QItemSelectionModel.SelectionFlag
            self.view.selectionModel().setCurrentIndex(index, flags.ClearAndSelect | flags.Rows)
            self.view.scrollTo(index)
            self._select_points([row])
        finally:
            self._choosing = False
        self._show(row)
        if go:
            self._go_to(row)

    def judge(self, verdict: Verdict) -> None:
        """Set the verdict of the chosen landings and move on to the next undecided one."""
        rows = self.chosen_rows()
        if not rows:
            return
        self.review.judge(rows, verdict)
        self._store_in_layer(rows, verdict)
        self._model.changed(rows)
        self._show_counts()
        self._show_histogram()
        if verdict and len(rows) == 1:
            self._next_undecided()

    def chosen_rows(self) -> list[int]:
        """Return the selected rows of the table."""
        selected = self.view.selectionModel().selectedRows()
        return sorted(self._sorted.mapToSource(index).row() for index in selected)

    def export(self, path: str | Path) -> None:
        """Write landings.csv, with a column ``accepted`` if there are verdicts."""
        from napari.utils.notifications import show_error, show_info

        try:
            self.review.export(path)
        except NapariUaiError as error:
            show_error(str(error))
            return
        show_info(f"{counted(len(self.table), 'landing')} written to {path}")

    def layer(self) -> Points | None:
        """Return the layer of the landings, or None if it was deleted."""
        return layer_of(self.viewer, self._layer_id)

    def _lay_out(self) -> None:
        self._lay_out_table()
        self.picture.setObjectName("cut_out")
        self.trace.setObjectName("trace")
        self.bars.setObjectName("histogram")
        self.column.addItems([c for c in CONTRASTS if c in self.table.columns])
        self.column.setToolTip("Contrast shown in the histogram; rejected landings are excluded.")
        left, right = QWidget(), QWidget()
        rows = QVBoxLayout(left)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.addWidget(self.view, 1)
        rows.addLayout(self._buttons())
        bars = QVBoxLayout(right)
        bars.setContentsMargins(0, 0, 0, 0)
        bars.addWidget(self.bars, 1)
        bars.addWidget(self.column)
        splitter = QSplitter(Qt.Orientation.Horizontal)
        for widget, stretch in ((left, 5), (self.trace, 4), (self.picture, 2), (right, 3)):
            splitter.addWidget(widget)
            splitter.setStretchFactor(splitter.count() - 1, stretch)
        splitter.setSizes([520, 380, 220, 280])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addWidget(splitter)
        self.setMinimumHeight(170)

    def _lay_out_table(self) -> None:
        self._sorted.setSourceModel(self._model)
        self._sorted.setSortRole(Qt.ItemDataRole.UserRole)
        self.view.setObjectName("table")
        self.view.setModel(self._sorted)
        self.view.setSortingEnabled(True)
        self.view.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
        self.view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.view.verticalHeader().setVisible(False)
        self.view.verticalHeader().setDefaultSectionSize(22)
        self.view.resizeColumnsToContents()
        self.view.setToolTip("A: accept, R: reject, U: undecided; also for several selected rows.")

    def _buttons(self) -> QHBoxLayout:
        buttons = QHBoxLayout()
        for verdict, (text, key) in _BUTTONS.items():
            button = QPushButton(text)
            button.setObjectName(f"judge_{verdict or 'open'}")
            button.setToolTip(f"Key {key} while the table has focus.")
            button.clicked.connect(partial(self._judge, verdict))
            shortcut = QShortcut(QKeySequence(key), self.view)
            shortcut.setContext(Qt.ShortcutContext.WidgetShortcut)
            shortcut.activated.connect(partial(self._judge, verdict))
            buttons.addWidget(button)
        buttons.addWidget(self.count, 1)
        save = QPushButton("Export…")
        save.setObjectName("export")
        save.setToolTip("Write landings.csv with the verdicts in a column 'accepted'.")
        save.clicked.connect(self._ask_and_export)
        buttons.addWidget(save)
        return buttons

    def _connect(self, layer: Points | None) -> None:
        self.view.selectionModel().currentRowChanged.connect(self._on_row)
        self.bars.chosen.connect(self._on_bar)
        self.column.currentIndexChanged.connect(self._show_histogram)
        self.trace.clicked.connect(self._on_trace)
        self.latest.done.connect(self._show_cut_out)
        follower = _ViewerEvents(self)
        self._follower = follower
        self.viewer.dims.events.current_step.connect(follower.moved)
        if layer is not None:
            layer.selected_data.events.items_changed.connect(follower.points_chosen)

    def _judge(self, verdict: Verdict, *_: object) -> None:
        self.judge(verdict)

    def _on_row(self, current: QModelIndex, _previous: QModelIndex) -> None:
        if not self._choosing and current.isValid():
            self.choose(self._sorted.mapToSource(current).row())

    def _on_bar(self, bar: int) -> None:
        rows = self.review.rows_in_bar(bar, self.column.currentText())
        if not rows:
            return
        self.choose(rows[0])
        self._choosing = True
        try:
            self._select_points(rows)
            flags = QItemSelectionModel.SelectionFlag
            for row in rows[1:]:
                index = self._sorted.mapFromSource(self._model.index(row, 0))
                self.view.selectionModel().select(index, flags.Select | flags.Rows)
        finally:
            self._choosing = False

    def points_chosen(self) -> None:
        """Choose the landing of the point that is selected in the layer."""
        layer = self.layer()
        if self._choosing or layer is None:
            return
        selected = sorted(layer.selected_data)
        if selected and "landing" in layer.features.columns:
            row = self.review.row_of(layer.features["landing"].iloc[selected[0]])
            if row != self.row:
                self.choose(row, go=False)

    def moved(self) -> None:
        """Mark the current frame in the trace."""
        dims = self.viewer.dims
        if self.row >= 0 and dims.ndim >= 3:
            now = dims.point[dims.ndim - 3]
            self.trace.show_now(self.review.raw_frame(self.row, now))

    def _select_points(self, rows: list[int]) -> None:
        layer = self.layer()
        if layer is not None:
            layer.selected_data = set(self._points_of(layer, rows))

    def _points_of(self, layer: Points, rows: list[int]) -> list[int]:
        """Return the points of some rows, without those that were deleted."""
        if "landing" not in layer.features.columns:
            return []
        numbers = self.table["landing"].to_numpy()[rows]
        return [int(i) for i in np.flatnonzero(layer.features["landing"].isin(numbers))]

    def _show(self, row: int) -> None:
        landing = self.table.iloc[row]
        error = f" ± {landing['contrast_error']:.1e}" if "contrast_error" in landing else ""
        frames, contrasts = self.review.trace(row)
        self.trace.show_curve(
            frames,
            contrasts,
            event=float(landing["raw_frame"]),
            title=f"landing {int(landing['landing'])}: {landing['contrast']:.2e}{error}, "
            f"score {landing['score']:.1f}",
        )
        self.moved()
        self.bars.mark(self.review.bar_of(row, self.column.currentText()))
        self.latest.ask(partial(_cut_out, self.review, row))

    def _show_cut_out(self, cut: CutOut | None) -> None:
        if cut is None:
            self.picture.say("no rolling average\navailable")
        elif cut.row == self.row:
            self.picture.show_picture(
                cut.image,
                (-cut.limit, cut.limit),
                ring=(*cut.centre, 4.5),
                title=f"average, frame {cut.frame}",
            )

    def _show_histogram(self, *_: object) -> None:
        column = self.column.currentText()
        if column:
            self.bars.x_label = column.replace("_", " ")
            self.bars.show_bars(*self.review.histogram(column), title="Contrasts")
            if self.row >= 0:
                self.bars.mark(self.review.bar_of(self.row, column))

    def _show_counts(self) -> None:
        n, review = len(self.table), self.review
        text = counted(n, "landing")
        if any(review.verdicts):
            text += f" · {review.count('yes')} accepted · {review.count('no')} rejected"
        self.count.setText(text)

    def _next_undecided(self) -> None:
        """Choose the next row without a verdict, in the order of the table."""
        at = self._sorted.mapFromSource(self._model.index(self.row, 0)).row()
        n = self._sorted.rowCount()
        for step in range(1, n):
            index = self._sorted.mapToSource(self._sorted.index((at + step) % n, 0))
            if not self.review.verdicts[index.row()]:
                self.choose(index.row())
                return

    def _go_to(self, row: int) -> None:
        """Move the time slider to the landing, and the camera if it is out of view."""
        world = self.review.world(row)
        if not np.isfinite(world).all():
            return
        first = self.viewer.dims.ndim - 3
        if first < 0:
            return
        self.viewer.dims.set_point((first, first + 1, first + 2), world)
        camera = self.viewer.scene.camera
        half = np.array(self.viewer.canvas.size) / (2 * camera.zoom)
        if (np.abs(world[1:] - np.array(camera.center[-2:])) > half).any():
            camera.center = (*camera.center[:-2], *world[1:])

    def _on_trace(self, x: float, _y: float) -> None:
        axis = self.viewer.dims.ndim - 3
        if self.row >= 0 and axis >= 0:
            self.viewer.dims.set_point(axis, self.review.world_frame(self.row, x))

    def _store_in_layer(self, rows: list[int], verdict: Verdict) -> None:
        """Write verdicts into the features of the layer, so that a new review finds them."""
        layer = self.layer()
        if layer is None:
            return
        points = self._points_of(layer, rows)
        if ACCEPTED not in layer.features.columns:
            layer.features[ACCEPTED] = [""] * len(layer.features)
        layer.features.loc[layer.features.index[points], ACCEPTED] = verdict
        self._recolour()

    def _recolour(self) -> None:
        layer = self.layer()
        if layer is None or not any(self.review.verdicts) or not len(layer.data):
            return
        verdicts = dict(zip(self.table["landing"], self.review.verdicts, strict=True))
        colours = [VERDICT_COLOURS[verdicts.get(n, "")] for n in layer.features["landing"]]
        layer.border_color = colours

    def _ask_and_export(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self, "Export landings", "landings.csv", "CSV (*.csv)"
        )
        if path:
            self.export(path)


class _ViewerEvents:
    """Forwards events of the viewer until the widget is deleted."""

    def __init__(self, view: LandingsView) -> None:
        self._view: LandingsView | None = view
        view.destroyed.connect(self.end)

    def end(self) -> None:
        self._view = None

    def moved(self, _event: Event | None = None) -> None:
        if self._view is not None:
            with suppress(RuntimeError):
                self._view.moved()

    def points_chosen(self, _event: Event | None = None) -> None:
        if self._view is not None:
            with suppress(RuntimeError):
                self._view.points_chosen()


class _LandingModel(TableModel):
    """Model of the table with the verdicts in the first column."""

    def __init__(self, review: Review, parent: QWidget) -> None:
        shown = review.table.drop(columns=list(_HIDDEN), errors="ignore")
        super().__init__(shown.assign(**{ACCEPTED: review.verdicts})[[ACCEPTED, *shown]], parent)
        self._review = review
        self._names[0] = "✓"

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the text of a cell, or its colour, which shows the verdict."""
        verdict = self._review.verdicts[index.row()]
        if role == Qt.ItemDataRole.ForegroundRole and verdict:
            return QColor(VERDICT_COLOURS[verdict])
        if index.column():
            return super().data(index, role)
        if role == Qt.ItemDataRole.DisplayRole:
            return SIGNS[verdict]
        if role == Qt.ItemDataRole.UserRole:
            return {"yes": 0.0, "": 1.0, "no": 2.0}[verdict]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignCenter
        return None

    def changed(self, rows: list[int]) -> None:
        """Update rows in the view."""
        for row in rows:
            last = self.index(row, self.columnCount() - 1)
            self.dataChanged.emit(self.index(row, 0), last)


def _cut_out(review: Review, row: int, _monitor: Monitor) -> CutOut | None:
    return review.cut_out(row)
