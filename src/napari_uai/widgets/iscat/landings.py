"""Dock for the review of landings: table, trace, cut-out and histogram, linked to the viewer."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from napari_uai.errors import NapariUaiError, counted
from napari_uai.widgets.iscat.landing_table import LandingTable
from napari_uai.widgets.iscat.landing_timeline import LandingTimeline
from napari_uai.widgets.iscat.review import CONTRASTS, CutOut, Review
from napari_uai.widgets.iscat.review_keys import ReviewKeys
from napari_uai.widgets.kit.curve import Curve
from napari_uai.widgets.kit.latest_request import LatestRequest
from napari_uai.widgets.kit.layer_choice import identity, layer_of
from napari_uai.widgets.kit.palette import sign_colour
from napari_uai.widgets.kit.plots import Bars, Picture
from napari_uai.widgets.kit.ring_looks import ACCEPTED, Verdict
from napari_uai.widgets.kit.rings import follow_rings, refresh_rings

if TYPE_CHECKING:
    from pathlib import Path

    from napari.components import ViewerModel
    from napari.layers import Points
    from napari.utils.events import Event
    from qtpy.QtGui import QHideEvent, QShowEvent

    from napari_uai.monitor import Monitor

_BUTTONS: dict[Verdict, tuple[str, str]] = {
    "yes": ("✓ Accept", "A"),
    "no": ("✗ Reject", "R"),
    "": ("Undecided", "U"),
}

_LOWEST_PLOT = 56
"""Height of plots, px, in a small window."""


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
    go
        Whether the viewer moves to the first landing at once.
    """

    def __init__(
        self,
        review: Review,
        viewer: ViewerModel,
        layer: Points | None = None,
        *,
        go: bool = True,
    ) -> None:
        super().__init__()
        self.setObjectName("landings")
        self.review = review
        self.viewer = viewer
        self.table = review.table
        self.row = -1
        self._layer_id = identity(layer) if layer is not None else ""
        self._choosing = False
        self.view = LandingTable(review)
        self.view.setToolTip("A: accept, R: reject, U: undecided; also for several selected rows.")
        self.timeline = LandingTimeline(review, viewer)
        self.trace = Curve(x_label="frame of the file", y_label="contrast")
        self.picture = Picture()
        self.bars = Bars(y_label="landings")
        self.column = QComboBox()
        self.count = QLabel("")
        self.undo_button = QPushButton("Undo")
        self.latest = LatestRequest(self)
        judging = {key: partial(self.judge, verdict) for verdict, (_, key) in _BUTTONS.items()}
        self._keys = ReviewKeys(self, judging)
        QShortcut(QKeySequence.StandardKey.Undo, self, self.undo).setContext(
            Qt.ShortcutContext.WidgetWithChildrenShortcut
        )
        self._lay_out()
        self._connect(layer)
        self._show_counts()
        self._show_histogram()
        follow_rings(viewer)
        self.choose(0, go=go)

    def choose(self, row: int, *, go: bool = True) -> None:
        """Choose a landing by its row in the review; the viewer moves to it if ``go``."""
        if not 0 <= row < len(self.table):
            return
        self.row = row
        self._choosing = True
        try:
            self.view.show_rows([row])
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
        self._show_verdicts(rows)
        if verdict and len(rows) == 1 and self.row in rows:  # the filter may have moved on
            self._next_undecided()

    def undo(self) -> None:
        """Take back the last verdict and return to its landing."""
        rows = self.review.undo()
        if rows:
            self._show_verdicts(rows)
            self.choose(rows[0])

    def chosen_rows(self) -> list[int]:
        """Return the selected rows of the table, or the landing that is seen but filtered out."""
        return self.view.chosen_rows() or [row for row in (self.row,) if row >= 0]

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
        self.picture.setObjectName("cut_out")
        self.trace.setObjectName("trace")
        self.bars.setObjectName("histogram")
        self.column.addItems([c for c in CONTRASTS if c in self.table.columns])
        self.column.setToolTip("Contrast shown in the histogram; rejected landings are excluded.")
        left, right = QWidget(), QWidget()
        rows = QVBoxLayout(left)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.addWidget(self.view.fields)
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
        layout.addWidget(self.timeline)
        layout.addWidget(splitter, 1)
        for plot in (self.trace, self.picture, self.bars):
            plot.setMinimumHeight(_LOWEST_PLOT)
        self.setMinimumHeight(170)

    def _buttons(self) -> QHBoxLayout:
        buttons = QHBoxLayout()
        for verdict, (text, key) in _BUTTONS.items():
            button = QPushButton(text)
            button.setObjectName(f"judge_{verdict or 'open'}")
            button.setToolTip(f"Key {key}, also in the canvas.")
            button.clicked.connect(partial(self._judge, verdict))
            buttons.addWidget(button)
        self.undo_button.setObjectName("undo")
        self.undo_button.setToolTip("Take back the last verdict (Ctrl+Z).")
        self.undo_button.clicked.connect(lambda _=False: self.undo())
        buttons.addWidget(self.undo_button)
        buttons.addWidget(self.count, 1)
        save = QPushButton("Export…")
        save.setObjectName("export")
        save.setToolTip("Write landings.csv with the verdicts in a column 'accepted'.")
        save.clicked.connect(self._ask_and_export)
        buttons.addWidget(save)
        return buttons

    def _connect(self, layer: Points | None) -> None:
        self.view.chosen.connect(self.choose)
        self.view.fields.changed.connect(self._show_counts)
        self.bars.chosen.connect(self._on_bar)
        self.column.currentIndexChanged.connect(self._show_histogram)
        self.timeline.chosen.connect(self.choose)
        self.timeline.jumped.connect(self._go_to_frame)
        self.timeline.range_selected.connect(self._choose_between)
        self.trace.clicked.connect(lambda frame, _: self._go_to_frame(frame))
        self.latest.done.connect(self._show_cut_out)
        follower = _ViewerEvents(self)
        self._follower = follower
        self.viewer.dims.events.current_step.connect(follower.moved)
        if layer is not None:
            layer.selected_data.events.items_changed.connect(follower.points_chosen)

    def showEvent(self, event: QShowEvent | None) -> None:
        """Let the keys act in canvas and window."""
        super().showEvent(event)
        self._keys.bind(self.layer(), self.viewer)

    def hideEvent(self, event: QHideEvent | None) -> None:
        """Give the keys back."""
        super().hideEvent(event)
        self._keys.unbind()

    def _judge(self, verdict: Verdict, *_: object) -> None:
        self.judge(verdict)

    def _on_bar(self, bar: int) -> None:
        self._choose_all(self.review.rows_in_bar(bar, self.column.currentText()))

    def _choose_between(self, first: int, last: int) -> None:
        """Choose the landings in a range of frames of the file."""
        self._choose_all(self.review.rows_between(first, last))

    def _choose_all(self, rows: list[int]) -> None:
        if not rows:
            return
        self.choose(rows[0])
        self._choosing = True
        try:
            self._select_points(rows)
            self.view.show_rows(rows)
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
        """Mark the current frame in trace and timeline."""
        dims = self.viewer.dims
        if dims.ndim >= 3:
            now = self.review.file_frame(dims.point[dims.ndim - 3])
            self.timeline.show_now(now)
            if self.row >= 0:
                self.trace.show_now(now)

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
        model, model_error = self.review.fitted(row, frames)
        self.trace.show_curve(
            frames,
            contrasts,
            event=float(landing["raw_frame"]),
            title=f"landing {int(landing['landing'])}: {landing['contrast']:.2e}{error}, "
            f"score {landing['score']:.1f}",
            model=model,
            error=model_error,
        )
        self.moved()
        self.timeline.mark(row)
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
                colour=sign_colour(float(self.table["contrast"].iloc[cut.row])),
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
        shown = self.view.n_shown()
        text = counted(n, "landing") if shown == n else f"{shown} of {counted(n, 'landing')}"
        if any(review.verdicts):
            text += f" · {review.count('yes')} accepted · {review.count('no')} rejected"
        self.count.setText(text)
        self.undo_button.setEnabled(review.can_undo)

    def _next_undecided(self) -> None:
        """Choose the next row without a verdict, in the order of the table."""
        left = (row for row in self.view.rows_after(self.row) if not self.review.verdicts[row])
        row = next(left, None)
        if row is not None:
            self.choose(row)

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

    def _go_to_frame(self, frame: float) -> None:
        """Move the time slider to a frame of the file."""
        axis = self.viewer.dims.ndim - 3
        if axis >= 0:
            self.viewer.dims.set_point(axis, self.review.world_frame(frame))

    def _show_verdicts(self, rows: list[int]) -> None:
        """Show changed verdicts everywhere, and keep them in the layer for a new review."""
        self._store_in_layer(rows)
        self.view.changed(rows)
        self.timeline.show_verdicts(self.review.verdicts)
        self._show_counts()
        self._show_histogram()

    def _store_in_layer(self, rows: list[int]) -> None:
        layer = self.layer()
        if layer is None:
            return
        if ACCEPTED not in layer.features.columns:
            layer.features[ACCEPTED] = [""] * len(layer.features)
        points = self._points_of(layer, rows)
        numbers = self.table["landing"].to_numpy()
        verdicts = {numbers[row]: self.review.verdicts[row] for row in rows}
        judged = [verdicts[number] for number in layer.features["landing"].iloc[points]]
        layer.features.loc[layer.features.index[points], ACCEPTED] = judged
        refresh_rings(layer, self.viewer)

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


def _cut_out(review: Review, row: int, _monitor: Monitor) -> CutOut | None:
    return review.cut_out(row)
