"""Dock for the review of landings: timeline, table and plots, linked to the viewer."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from napari_uai.errors import counted
from napari_uai.widgets.iscat.compared_run import ComparedRun
from napari_uai.widgets.iscat.landing_plots import LandingPlots
from napari_uai.widgets.iscat.landing_table import LandingTable
from napari_uai.widgets.iscat.landing_timeline import LandingTimeline
from napari_uai.widgets.iscat.listed_landings import ListedLandings
from napari_uai.widgets.iscat.review import Review
from napari_uai.widgets.iscat.review_keys import ReviewKeys
from napari_uai.widgets.kit.help import help_button
from napari_uai.widgets.kit.layer_choice import identity, layer_of
from napari_uai.widgets.kit.ring_looks import ACCEPTED, Verdict
from napari_uai.widgets.kit.rings import follow_rings, refresh_rings
from napari_uai.widgets.kit.saving import ask_and_save, saved
from napari_uai.widgets.kit.tables import TABLE_KINDS

if TYPE_CHECKING:
    from pathlib import Path

    from napari.components import ViewerModel
    from napari.layers import Points
    from napari.utils.events import Event
    from qtpy.QtGui import QHideEvent, QShowEvent

_BUTTONS: dict[Verdict, tuple[str, str]] = {
    "yes": ("✓ Accept", "A"),
    "no": ("✗ Reject", "R"),
    "": ("Undecided", "U"),
}

_SPACING = 2
"""Between rows, px: the dock shares a low window with others."""

_LOWEST = 176
"""Height, px: what all docks of the plugin leave of a window of 720."""


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
        self.listed = ListedLandings(review)
        self.view = LandingTable(self.listed)
        self.view.setToolTip("A: accept, R: reject, U: undecided; also for several selected rows.")
        self.timeline = LandingTimeline(review, viewer)
        self.plots = plots = LandingPlots(review)
        self.trace, self.picture, self.bars = plots.trace, plots.picture, plots.bars
        self.column, self.latest = plots.column, plots.latest
        self.compared = ComparedRun(review, viewer, layer)
        self.count = QLabel("")
        self.undo_button = QPushButton("Undo")
        judging = {key: partial(self.judge, verdict) for verdict, (_, key) in _BUTTONS.items()}
        self._keys = ReviewKeys(self, judging)
        QShortcut(QKeySequence.StandardKey.Undo, self, self.undo).setContext(
            Qt.ShortcutContext.WidgetWithChildrenShortcut
        )
        self._lay_out()
        self._connect(layer)
        self._show_counts()
        follow_rings(viewer)
        self.choose(0, go=go)

    def choose(self, row: int, *, go: bool = True) -> None:
        """Choose a landing by its row in the list; the viewer moves to it if ``go``."""
        if not 0 <= row < len(self.listed.table):
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
        """Return the selected rows of the review, or the landing that is seen but filtered out.

        Landings of another run are not among them: they are judged in its own review.
        """
        rows = self.view.chosen_rows() or [row for row in (self.row,) if row >= 0]
        return [row for row in rows if row < len(self.table)]

    def export(self, path: str | Path) -> None:
        """Write landings.csv, with a column ``accepted`` if there are verdicts."""
        from napari.utils.notifications import show_info

        if saved(self.review.export, path):
            show_info(f"{counted(len(self.table), 'landing')} written to {path}")

    def layer(self) -> Points | None:
        """Return the layer of the landings, or None if it was deleted."""
        return layer_of(self.viewer, self._layer_id)

    def _lay_out(self) -> None:
        left = QWidget()
        rows = QVBoxLayout(left)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(_SPACING)
        rows.addWidget(self.view.fields)
        rows.addWidget(self.view, 1)
        rows.addLayout(self._buttons())
        splitter = QSplitter(Qt.Orientation.Horizontal)
        for widget, stretch in ((left, 5), (self.plots, 9)):
            splitter.addWidget(widget)
            splitter.setStretchFactor(splitter.count() - 1, stretch)
        splitter.setSizes([520, 880])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, _SPACING, 4, _SPACING)
        layout.setSpacing(_SPACING)
        layout.addWidget(self.timeline)
        layout.addWidget(self.compared)
        layout.addWidget(splitter, 1)
        self.setMinimumHeight(_LOWEST)
        self.compared.offer()  # inside a layout, otherwise it is a window

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
        buttons.addWidget(help_button("landings"))
        return buttons

    def _connect(self, layer: Points | None) -> None:
        self.view.chosen.connect(self.choose)
        self.view.fields.changed.connect(self._show_counts)
        self.plots.rows_chosen.connect(self._choose_all)
        self.plots.jumped.connect(self._go_to_frame)
        self.compared.changed.connect(self._list)
        self.timeline.chosen.connect(self.choose)
        self.timeline.jumped.connect(self._go_to_frame)
        self.timeline.range_selected.connect(self._choose_between)
        follower = _ViewerEvents(self)
        self._follower = follower
        self.viewer.dims.events.current_step.connect(follower.moved)
        for event in (self.viewer.layers.events.inserted, self.viewer.layers.events.removed):
            event.connect(follower.layers_changed)
        self.review.when_changed.append(follower.columns_changed)
        if layer is not None:
            layer.selected_data.events.items_changed.connect(follower.points_chosen)

    def showEvent(self, event: QShowEvent | None) -> None:
        """Let the keys act in canvas and window; double the rings that only one run has."""
        super().showEvent(event)
        self._keys.bind(self.layer(), self.viewer)
        self.compared.draw()

    def hideEvent(self, event: QHideEvent | None) -> None:
        """Give the keys back, and the rings their single line."""
        super().hideEvent(event)
        self._keys.unbind()
        self.compared.draw(seen=False)

    def _judge(self, verdict: Verdict, *_: object) -> None:
        self.judge(verdict)

    def columns_changed(self) -> None:
        """List the landings with their new columns."""
        self.table = self.review.table
        self.compared.compare()

    def _list(self, listed: ListedLandings) -> None:
        """List other rows, with those that only another run found."""
        self.listed = listed
        row = self.row if self.row < len(listed.table) else 0
        self.view.show_listed(listed)
        self._show_counts()
        self.choose(row, go=False)

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
            rows = [row for row in rows if row < len(self.table)]
            layer.selected_data = set(self._points_of(layer, rows))

    def _points_of(self, layer: Points, rows: list[int]) -> list[int]:
        """Return the points of some rows, without those that were deleted."""
        if "landing" not in layer.features.columns:
            return []
        numbers = self.table["landing"].to_numpy()[rows]
        return [int(i) for i in np.flatnonzero(layer.features["landing"].isin(numbers))]

    def _show(self, row: int) -> None:
        self.plots.show_landing(*self.listed.at(row))
        self.moved()
        self.timeline.mark(row if row < len(self.table) else -1)

    def _show_counts(self) -> None:
        n, review = len(self.listed.table), self.review
        shown = self.view.n_shown()
        text = counted(n, "landing") if shown == n else f"{shown} of {counted(n, 'landing')}"
        if any(review.verdicts):
            text += f" · {review.count('yes')} accepted · {review.count('no')} rejected"
        self.count.setText(text)
        self.undo_button.setEnabled(review.can_undo)

    def _next_undecided(self) -> None:
        """Choose the next row without a verdict, in the order of the table."""
        own = (row for row in self.view.rows_after(self.row) if row < len(self.table))
        row = next((row for row in own if not self.review.verdicts[row]), None)
        if row is not None:
            self.choose(row)

    def _go_to(self, row: int) -> None:
        """Move the time slider to the landing, and the camera if it is out of view."""
        review, at = self.listed.at(row)
        world = review.world(at)
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
        self.plots.show_histogram()

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
        ask_and_save(self, "Export landings", "landings.csv", TABLE_KINDS, self.export)


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

    def columns_changed(self) -> None:
        if self._view is not None:
            with suppress(RuntimeError):
                self._view.columns_changed()

    def layers_changed(self, _event: Event | None = None) -> None:
        if self._view is not None:
            with suppress(RuntimeError):
                self._view.compared.offer()
