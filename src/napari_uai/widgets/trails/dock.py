"""The trail workflow: from a tracker's files, or any tracks, to a ranked table over the scene."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QSignalBlocker, Qt, QTimer
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSplitter,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from napari_uai.errors import NapariUaiError
from napari_uai.widgets.kit.layer_choice import LayerChoice
from napari_uai.widgets.kit.layers import KEY
from napari_uai.widgets.trails.classes import ClassList
from napari_uai.widgets.trails.display import REGIONS, TOP, Display
from napari_uai.widgets.trails.job_queue import Work
from napari_uai.widgets.trails.placement import (
    own_trails,
    painted_on,
    source_of_layer,
    source_of_trails,
)
from napari_uai.widgets.trails.ranking import SCORE_NAMES, rank
from napari_uai.widgets.trails.settings import SettingsPage
from napari_uai.widgets.trails.sources import SourcePanel
from napari_uai.widgets.trails.table import RankedTable, meaning_of
from napari_uai.widgets.trails.view_options import ShowingPage

if TYPE_CHECKING:
    from pathlib import Path

    from napari_uai.monitor import Monitor
    from napari_uai.trails.analysis.result import TrailResult
    from napari_uai.trails.analysis.session import Request
    from napari_uai.widgets.trails.placement import Source
    from napari_uai.widgets.trails.ranking import Ranking

EVERY_CLASS_TEXT = "every class"
_LIVE_MS, _PAINTED_MS, _TRACKS_MS = 0, 250, 350

_NEXT_MS = 30
"""Until the next layer is made; the window is drawn, and answers, in between."""


class TrailWorkflow(QWidget):
    """Open trails, paint what matters, rank, look.

    Parameters
    ----------
    napari_viewer
        The viewer in which all is drawn.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self.setObjectName("trail_workflow")
        self.viewer = napari_viewer
        self.source: Source | None = None
        self.result: TrailResult | None = None
        self.question: Request | None = None
        self.ranking: Ranking | None = None
        self.work = Work(self)
        self.task, self.run_bar = self.work.task, self.work.run_bar
        self.display = Display(self.viewer)
        self.sources = SourcePanel(self.viewer)
        self.classes = ClassList()
        self.settings = SettingsPage()
        self.showing = ShowingPage()
        self.table = RankedTable()
        self.score = QComboBox()
        self.region_class = QComboBox()
        self.mask_layer = LayerChoice(self.viewer, "labels")
        self.take_mask_button = QPushButton("Take layer")
        self.new_mask_button = QPushButton("New region mask")
        self.tiles_button = QPushButton("Tile sheet…")
        self.export_button = QPushButton("Export…")
        self.listed = QLabel("No trails yet.")
        self._timers = {
            "ask": self._timer(_LIVE_MS, self.ask),
            "painted": self._timer(_PAINTED_MS, self.ask),
            "heat": self._timer(_NEXT_MS, self._draw_heat),
            "top": self._timer(_NEXT_MS, self._draw_top),
            "tracks": self._timer(_TRACKS_MS, self._draw_tracks),
        }
        self._painted: list[Any] = []
        self._lay_out()
        self._connect()

    def open(self, path: str | Path | None = None) -> None:
        """Open a folder or file of trails; the one that the panel names if None."""
        if path is not None:
            self.sources.set_path(path)
        try:
            wanted, how = self.sources.wanted()
        except NapariUaiError as error:
            self.run_bar.show_error(str(error))
            return

        def load(monitor: Monitor) -> Source:
            return source_of_trails(how.open(wanted, monitor=monitor), options=how.record)

        self.work.do(load, self.show_source, first=True)

    def use_layer(self) -> None:
        """Take the trails of the chosen Tracks layer, or of linked spots."""
        tracks, picture = self.sources.chosen_layers()
        if (
            tracks is not None
            and own_trails(tracks)
            and KEY not in getattr(picture, "metadata", ())
        ):
            picture = None  # the trails know their scene better

        def take(monitor: Monitor) -> Source:
            # In the thread: a lazy picture is computed for it.
            monitor.update(0.0, "taking the layer")
            return source_of_layer(tracks, picture)

        def show(source: Source) -> None:
            scene = picture if picture is not None and picture in self.viewer.layers else None
            self.show_source(source, scene=scene, tracks=tracks)

        self.work.do(take, show, first=True)

    def show_source(self, source: Source, *, scene: Any = None, tracks: Any = None) -> None:
        """Draw and rank other trails; painted regions of a scene of this size stay."""
        from napari_uai.trails.analysis.session import TrailSession

        self.result = self.ranking = self.question = None
        self.source = source
        trails = source.trails
        self.work.set_session(TrailSession(trails))
        self.display.show_source(source, scene=scene, tracks=tracks)
        counts = {str(kind): int(n) for kind, n in trails.classes.items()}
        self.classes.show_classes(counts)
        with QSignalBlocker(self.region_class):
            self.region_class.clear()
            self.region_class.addItem(EVERY_CLASS_TEXT, "")
            for kind in counts:
                self.region_class.addItem(kind, kind)
        self.showing.set_times(float(trails.time.min()), float(trails.time.max()), 9)
        for button in (
            self.new_mask_button,
            self.take_mask_button,
            self.export_button,
            self.tiles_button,
        ):
            button.setEnabled(True)
        self.pages.setCurrentIndex(1)
        self._tell_problems(trails.problems)
        self.ask()

    def ask(self) -> None:
        """Have the trails ranked as the controls say; what is known already is not done anew."""
        if self.source is None:
            return
        from napari_uai.trails.analysis.session import Request

        self._watch_masks()
        try:
            masks = self._masks()
        except NapariUaiError as error:
            self.run_bar.show_error(str(error))
            return
        question = Request(
            preset=self.settings.chosen_preset(),
            settings=self.settings.settings(),
            masks=masks,
            top=self.showing.n_top.value(),
            regions=self.showing.parts[REGIONS].isChecked(),
        )
        self.work.ask(question)

    def new_mask(self) -> None:
        """Add a layer to paint the region of the chosen class in."""
        try:
            self.display.new_mask(self.region_class.currentData() or "")
        except NapariUaiError as error:
            self.run_bar.show_error(str(error))
            return
        self._watch_masks()
        self.run_bar.say("Paint the region in which trails count; Ctrl+Z takes a stroke back.")

    def take_mask(self) -> None:
        """Take a Labels layer of the user as the region of the chosen class."""
        layer, kind = self.mask_layer.layer(), self.region_class.currentData() or ""
        if layer is None:
            self.run_bar.show_error("there is no Labels layer: add one, or a new region mask")
            return
        try:
            self.display.take_mask(layer, kind)
        except NapariUaiError as error:
            self.run_bar.show_error(str(error))
            return
        self.reset_choices()
        self.ask()
        if not np.asarray(layer.data).any():
            self.run_bar.say("Nothing is painted in it: trails count everywhere until you do.")

    def load_settings(self, path: str | Path) -> None:
        """Show the settings and masks of an earlier run, or of an export."""
        from napari_uai.trails.analysis.earlier_settings import settings_of_run
        from napari_uai.trails.heat.masks import read_mask

        try:
            found = settings_of_run(path)
            regions = {kind: read_mask(mask).inside for kind, mask in found.masks.items()}
        except NapariUaiError as error:
            self.run_bar.show_error(str(error))
            return
        self.settings.show_settings(found.preset, found.settings)
        self.showing.n_top.setValue(found.top)
        if self.source is not None:
            self.display.show_masks(regions)
            self.reset_choices()
        self.ask()

    def export(self, folder: str | Path) -> None:
        """Write what the command line writes into a folder."""
        session, question = self.work.session, self.question
        if session is None or question is None:
            self.run_bar.show_error("there is nothing to export: wait until trails are ranked")
            return
        whole = replace(question, regions=True)
        options = self.source.options if self.source is not None else {}

        def write(monitor: Monitor) -> dict[str, Path]:
            from napari_uai.trails.analysis.outputs import write_trail_results

            result = session.run(whole, monitor=monitor.part(0.0, 0.3))
            result = replace(result, options=options)
            return write_trail_results(result, folder, monitor=monitor.part(0.3, 1.0))

        self.work.do(write, lambda paths: self._exported(paths, folder))

    def show_tiles(self) -> None:
        """Show snapshots of the top trails in a window of its own."""
        ranking, n = self.ranking, self.showing.n_top.value()
        if ranking is None or not len(ranking):
            self.run_bar.show_error("no trail is listed: show more classes, or lower the score")
            return

        def draw(monitor: Monitor) -> Any:
            from napari_uai.widgets.trails.tiles import tile_picture

            return tile_picture(ranking, n, monitor=monitor)

        self.work.do(draw, self._show_tiles)

    def reset_choices(self, event: Any = None) -> None:  # noqa: ARG002
        """List the viewer's layers anew; napari calls this when they change."""
        self.sources.reset_choices()
        self.mask_layer.reset_choices()
        self.take_mask_row.setVisible(self.mask_layer.layer() is not None)
        if self.source is not None and {id(m) for m in self._painted} != {
            id(m) for _, m in self.display.masks()
        }:
            self._timers["painted"].start()

    def _masks(self) -> dict[str, Any]:
        """Return what is painted, as copies; layers without a stroke do not count."""
        masks: dict[str, Any] = {}
        if self.source is None:
            return masks
        kinds = {"", *self.source.trails.classes.index}
        for kind, layer in self.display.masks():
            inside = painted_on(layer, self.source)
            if kind in kinds and inside.any():
                masks[kind] = inside | masks[kind] if kind in masks else inside
        return masks

    def stop_watching(self) -> None:
        """Take no notice of what is painted from now on."""
        for layer in self._painted:
            for event in _strokes(layer):
                event.disconnect(self._repaint)
        self._painted.clear()

    def _watch_masks(self) -> None:
        """Rank anew after every stroke, undo and fill in a mask."""
        masks = [layer for _, layer in self.display.masks()]
        for layer in masks:
            if layer not in self._painted:
                for event in _strokes(layer):
                    event.connect(self._repaint)
        self._painted[:] = masks

    def _repaint(self, event: Any = None) -> None:  # noqa: ARG002
        self._timers["painted"].start()

    def _answered(self, question: Request, result: TrailResult) -> None:
        before = self.result
        self.question, self.result = question, result
        self.run_bar.bar.setValue(1000)  # draws the window at once: before there is more to draw
        hidden = self.classes.hidden()
        if before is None or before.heat is not result.heat:
            hottest = max((float(h.counts.max(initial=0)) for h in result.heat.values()), default=1)
            self.settings.heat_limits.set_most(hottest)
            if self.settings.score_limits is not None:
                self.settings.score_limits.set_most(hottest)
            self._draw_heat()
        if before is None or before.regions is not result.regions:
            self.display.show_regions(result, hidden)
        counted = {kind: heat.n_trails for kind, heat in result.heat.items()}
        self.classes.show_counted(counted, set(result.masks))
        if (
            before is None
            or before.scores is not result.scores
            or before.trails is not result.trails
        ):
            self._list()
        masked = f", {result.n_masked_out} outside the region" if result.n_masked_out else ""
        n = len(result.scores)
        few = self.showing.drawn(n)
        drawn = f"; the first {few} are drawn over time" if few < n else ""
        self.run_bar.say(f"{n} trail{'' if n == 1 else 's'} ranked{masked}{drawn}.")

    def _list(self) -> None:
        """List and draw the trails that pass the filters."""
        if self.result is None:
            return
        shown = self.showing.filter(self.score.currentText(), self.classes.hidden())
        self.ranking = ranking = rank(self.result, shown)
        self.table.show_ranking(ranking)
        if self.table.chosen_row() is None:
            self.display.hide_chosen()
        self._tell_listed()
        self._draw_top()
        self._timers["tracks"].start()

    def _tell_listed(self) -> None:
        """Say how many trails are listed, and how many of them are drawn over time."""
        if self.ranking is not None and self.result is not None:
            listed = len(self.ranking)
            self.listed.setText(f"{listed} of {len(self.result.scores)} trails")
            self.showing.tell_listed(listed)

    def _show_other_classes(self) -> None:
        self.display.show_classes(self.classes.hidden())
        if self.result is not None:
            self.display.show_regions(self.result, self.classes.hidden())
        self._list()

    def _draw_heat(self) -> None:
        if self.result is not None and self.display.show_heat(self.result, self.classes.hidden()):
            self._timers["heat"].start()

    def _draw_top(self) -> None:
        if self._timers["heat"].isActive():  # one new layer at a time, and the window in between
            self._timers["top"].start()
            return
        n = self.showing.n_top.value()
        if self.ranking is not None and self.display.show_top(self.ranking, n):
            self._timers["top"].start()

    def _draw_tracks(self) -> None:
        if self._timers["heat"].isActive() or self._timers["top"].isActive():
            self._timers["tracks"].start()
            return
        self.display.colour_by = self.showing.colour_by.currentText()
        self.display.time_shown = self.showing.time_shown.currentText()
        self.display.tracked_at_most = self.showing.n_tracks.value()
        self._tell_listed()
        if self.ranking is not None:
            self.display.show_tracks(self.ranking)

    def _show_part(self, part: str, shown: bool) -> None:
        self.display.set_part(part, shown)
        self.ask()
        if shown and self.result is not None and self.ranking is not None:
            self._draw_heat()
            self.display.show_regions(self.result, self.classes.hidden())
            self._draw_top()
            self._timers["tracks"].start()

    def _choose(self, row: int) -> None:
        if self.ranking is not None:
            self.display.show_chosen(self.ranking, row)

    def _clicked(self, viewer: Any, event: Any) -> Any:
        """Choose the trail that was clicked at, unless the mouse was dragged or has a tool."""
        from napari_uai.widgets.trails.picking import has_tool, trail_under

        if event.button != 1 or has_tool(viewer.layers.selection.active):
            return
        start = tuple(event.pos)
        yield
        while event.type == "mouse_move":
            yield
        if np.hypot(*(np.array(event.pos) - start)) > 3 or self.ranking is None:
            return
        if self.source is not None:
            n_drawn = self.showing.n_top.value() if self.showing.parts[TOP].isChecked() else 0
            row = trail_under(self.ranking, self.source, viewer, event.position, n_drawn=n_drawn)
            if row is not None:
                self.table.choose(row)

    def _exported(self, paths: dict[str, Path], folder: Any) -> None:
        self.run_bar.bar.setValue(1000)
        self.run_bar.say(f"{len(paths)} files written to {folder}")

    def _show_tiles(self, picture: Any) -> None:
        from napari_uai.widgets.trails.tiles import TileWindow

        self.tiles = TileWindow(picture, self)
        self.tiles.show()
        self.run_bar.bar.setValue(1000)
        self.run_bar.say("Tile sheet drawn.")

    def _tell_problems(self, problems: Any) -> None:
        from napari.utils.notifications import show_warning

        if len(problems):
            first = problems["problem"].iloc[0]
            more = (
                f" (and {len(problems) - 1} more; Export lists them)" if len(problems) > 1 else ""
            )
            show_warning(f"not all could be used: {first}{more}")

    def _ask_and_export(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder for the results")
        if folder:
            self.export(folder)

    def _ask_and_load(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self, "Record of an earlier run", "", "Record of a run (run.json *.json)"
        )
        if path:
            self.load_settings(path)

    def _timer(self, milliseconds: int, slot: Any) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(milliseconds)
        timer.timeout.connect(slot)
        return timer

    def _connect(self) -> None:
        self.sources.open_asked.connect(lambda: self.open())  # noqa: PLW0108  # it takes no path
        self.sources.layer_asked.connect(self.use_layer)
        self.settings.changed.connect(self._timers["ask"].start)
        self.settings.threshold_moved.connect(lambda: self.showing.parts[REGIONS].setChecked(True))
        self.classes.changed.connect(self._show_other_classes)
        self.showing.filtered.connect(self._list)
        self.showing.n_top.valueChanged.connect(self._timers["ask"].start)
        self.showing.part_shown.connect(self._show_part)
        self.showing.drawn_otherwise.connect(self._timers["tracks"].start)
        self.score.currentTextChanged.connect(self._list)
        self.table.chosen.connect(self._choose)
        self.new_mask_button.clicked.connect(self.new_mask)
        self.tiles_button.clicked.connect(self.show_tiles)
        self.take_mask_button.clicked.connect(self.take_mask)
        self.export_button.clicked.connect(self._ask_and_export)
        self.settings.load_asked.connect(self._ask_and_load)
        self.work.answered.connect(self._answered)
        self.run_bar.run_asked.connect(self._run_asked)
        self.viewer.mouse_drag_callbacks.append(self._clicked)
        # A slot of the dock itself would not be called any more.
        self.destroyed.connect(lambda: _let_go(self.viewer, self.display, self._clicked, self))

    def _run_asked(self) -> None:
        self.ask()
        self.work.ask_again()

    def _lay_out(self) -> None:
        from napari_uai.widgets.kit.forms import scrolling

        self.run_bar.run_button.setText("Rank")
        self.score.setObjectName("score")
        self.score.addItems(SCORE_NAMES)
        for i, name in enumerate(SCORE_NAMES):
            self.score.setItemData(i, meaning_of(name), Qt.ItemDataRole.ToolTipRole)
        self.region_class.addItem(EVERY_CLASS_TEXT, "")
        for button, name in (
            (self.new_mask_button, "new_mask"),
            (self.tiles_button, "tiles"),
            (self.export_button, "export"),
            (self.take_mask_button, "take_mask"),
        ):
            button.setObjectName(name)
            button.setEnabled(False)
        self.region_class.setObjectName("region_class")
        self.mask_layer.setObjectName("mask_layer")
        self.pages = pages = QTabWidget()
        pages.setObjectName("pages")
        for page, title in (
            (self.sources, "Open"),
            (self._classes_page(), "Classes"),
            (self.settings, "Heat and ranks"),
            (self.showing, "Show"),
        ):
            pages.addTab(scrolling(page), title)
        parts = QSplitter(Qt.Orientation.Vertical)
        parts.addWidget(pages)
        parts.addWidget(self._table_page())
        parts.setChildrenCollapsible(False)
        parts.setSizes([430, 400])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addWidget(parts, 1)
        layout.addWidget(self.run_bar)
        self.setMinimumWidth(400)

    def _classes_page(self) -> QWidget:
        page = QWidget()
        masks = QHBoxLayout()
        masks.addWidget(self.new_mask_button)
        masks.addWidget(QLabel("for"))
        masks.addWidget(self.region_class, 1)
        self.take_mask_row = QWidget()
        taken = QHBoxLayout(self.take_mask_row)
        taken.setContentsMargins(0, 0, 0, 0)
        taken.addWidget(self.take_mask_button)
        taken.addWidget(self.mask_layer, 1)
        self.take_mask_row.setToolTip(
            "What is painted in this Labels layer, of any size, becomes the region."
        )
        self.take_mask_row.setVisible(self.mask_layer.layer() is not None)
        hint = QLabel(
            "Trails count where a region is painted, of all classes or of one; without any, "
            "everywhere. To leave a place out, fill the scene with the bucket and erase the place. "
            "Undo and redo as in every Labels layer."
        )
        hint.setWordWrap(True)
        layout = QVBoxLayout(page)
        layout.setContentsMargins(6, 6, 6, 6)
        layout.addWidget(self.classes)
        layout.addLayout(masks)
        layout.addWidget(self.take_mask_row)
        layout.addWidget(hint)
        layout.addStretch()
        return page

    def _table_page(self) -> QWidget:
        page = QWidget()
        above = QHBoxLayout()
        above.addWidget(QLabel("Rank by"))
        above.addWidget(self.score, 1)
        above.addWidget(self.listed)
        below = QHBoxLayout()
        below.addWidget(self.tiles_button)
        below.addWidget(self.export_button)
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(above)
        layout.addWidget(self.table, 1)
        layout.addLayout(below)
        return page


def _strokes(layer: Any) -> tuple[Any, ...]:
    """Return the events of a Labels layer after which another region is painted."""
    events = layer.events
    drawn = events.paint, events.data, events.set_data
    return *drawn, events.scale, events.translate, events.rotate, events.affine


def _let_go(viewer: Any, display: Display, clicked: Any, dock: TrailWorkflow) -> None:
    """Leave a viewer whose dock was closed: clicks and strokes have no meaning any more."""
    display.close()
    if clicked in viewer.mouse_drag_callbacks:
        viewer.mouse_drag_callbacks.remove(clicked)
    dock.stop_watching()
