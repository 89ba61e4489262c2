"""The trail workflow dock: from files of a tracker, or any tracks, to a ranked table."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QSplitter, QTabWidget, QVBoxLayout, QWidget

from napari_uai.errors import NapariUaiError
from napari_uai.widgets.kit.docks import share_place
from napari_uai.widgets.kit.forms import scrolling
from napari_uai.widgets.kit.help import beside_help
from napari_uai.widgets.kit.layers import KEY
from napari_uai.widgets.kit.palette import class_colours
from napari_uai.widgets.trails.display import Display
from napari_uai.widgets.trails.draw_queue import DrawQueue, single_shot
from napari_uai.widgets.trails.drawn_layers import REGIONS, TOP
from napari_uai.widgets.trails.job_queue import JobQueue
from napari_uai.widgets.trails.placement import own_trails, source_of_layer, source_of_trails
from napari_uai.widgets.trails.ranking import SCORE_NAMES, rank
from napari_uai.widgets.trails.ranking_page import RankingPage
from napari_uai.widgets.trails.region_page import RegionPage
from napari_uai.widgets.trails.settings import SettingsPage
from napari_uai.widgets.trails.sources import SourcePanel
from napari_uai.widgets.trails.trail_review import TrailReview
from napari_uai.widgets.trails.view_options import ViewOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    from napari.layers import Image, Layer
    from napari.utils.events import Event
    from napari.viewer import Viewer

    from napari_uai.monitor import Monitor
    from napari_uai.trails.analysis.result import TrailResult
    from napari_uai.trails.analysis.session import Request
    from napari_uai.trails.table import Picture, Trails
    from napari_uai.widgets.trails.placement import Source
    from napari_uai.widgets.trails.ranking import Ranking

N_TOP = 9
"""Top trails that are drawn unless the user asks for another number."""

_PAINTED_MS = 250
"""Delay of an analysis after the last stroke in a region mask."""

_DRAG_PX = 3
"""Movement of the mouse, px of the screen, from which on a click is a drag."""

_PAGE_HEIGHT = 120
"""Height of a page, px, above which it scrolls if the window is small."""


class TrailWorkflow(QWidget):
    """Open trails, paint region masks, rank, inspect, export.

    Parameters
    ----------
    napari_viewer
        Viewer to draw in.

    Attributes
    ----------
    source
        Open trails and their placement.
    request, result
        Latest analysis and its result.
    ranking
        Listed trails.
    review
        Verdicts and notes about the open trails.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.setObjectName("trail_workflow")
        self.viewer = napari_viewer
        self.source: Source | None = None
        self.result: TrailResult | None = None
        self.request: Request | None = None
        self.ranking: Ranking | None = None
        self.jobs = JobQueue(self)
        self.task, self.run_bar = self.jobs.task, self.jobs.run_bar
        self.display = Display(self.viewer)
        self.sources = SourcePanel(self.viewer)
        self.region_page = RegionPage(self.viewer)
        self.classes = self.region_page.classes
        self.settings = SettingsPage()
        self.view_options = ViewOptions()
        self.ranking_page = RankingPage()
        self.table = self.ranking_page.table
        self.review = TrailReview(self.ranking_page, self.jobs, self._ranked_trails)
        self._drawing = DrawQueue(self._draw_heat, self._draw_top, self._draw_tracks, self)
        self._ask_soon = single_shot(self, 0, self.ask)
        self._ask_after_painting = single_shot(self, _PAINTED_MS, self.ask)
        self._lay_out()
        self._connect()

    @property
    def busy(self) -> bool:
        """Whether work or drawing is in progress or about to start."""
        waiting = self._ask_soon.isActive() or self._ask_after_painting.isActive()
        return waiting or self.jobs.busy or self._drawing.busy

    def open(self, path: str | Path | None = None) -> None:
        """Open a folder or file of trails; that of the *Open* page if None."""
        if path is not None:
            self.sources.set_path(path)
        try:
            wanted, options = self.sources.wanted()
        except NapariUaiError as error:
            self.run_bar.show_error(str(error))
            return

        def load(monitor: Monitor) -> Source:
            trails = options.open(wanted, monitor=monitor)
            return source_of_trails(trails, options=options.record)

        self.jobs.do(load, self.show_source, first=True)

    def use_layer(self) -> None:
        """Analyse the trails of the chosen Tracks layer, or of linked spots."""
        tracks, image = self.sources.chosen_layers()
        is_own = tracks is not None and own_trails(tracks)
        if is_own and KEY not in getattr(image, "metadata", ()):
            image = None  # the scene of the file is better

        def read(monitor: Monitor) -> Source:
            # In the thread, because a lazy image has to be computed.
            monitor.update(0.0, "reading the layer")
            return source_of_layer(tracks, image)

        def show(source: Source) -> None:
            scene = image if image is not None and image in self.viewer.layers else None
            self.show_source(source, scene=scene, tracks=tracks)

        self.jobs.do(read, show, first=True)

    def show_source(
        self, source: Source, *, scene: Image | None = None, tracks: Layer | None = None
    ) -> None:
        """Draw and rank other trails; region masks of a scene of the same size are kept.

        Parameters
        ----------
        source
            Trails and their placement.
        scene
            Layer that shows the scene already.
        tracks
            Layer that the trails were read from.
        """
        from napari_uai.trails.analysis.session import TrailSession

        self.result = self.ranking = self.request = None
        self.source = source
        trails = source.trails
        self.jobs.set_session(TrailSession(trails))
        self.display.show_source(source, scene=scene, tracks=tracks)
        self.review.begin()
        self.table.ranks.class_colours = class_colours(trails.classes.index)
        self.region_page.show_classes({str(kind): int(n) for kind, n in trails.classes.items()})
        self.view_options.set_times(float(trails.time.min()), float(trails.time.max()), N_TOP)
        self.region_page.set_enabled(True)
        self.ranking_page.set_enabled(True)
        self.pages.setCurrentWidget(self._classes_tab)
        _warn_of_problems(trails.problems)
        self.ask()

    def ask(self) -> None:
        """Analyse the trails with the present settings; only what has changed is computed."""
        if self.source is None:
            return
        from napari_uai.trails.analysis.session import Request

        self.display.masks.watch(self._mask_changed)
        try:
            masks = self.display.masks.painted()
        except NapariUaiError as error:
            self.run_bar.show_error(str(error))
            return
        self.jobs.ask(
            Request(
                preset=self.settings.chosen_preset(),
                settings=self.settings.settings(),
                masks=masks,
                top=self.view_options.n_top.value(),
                regions=self.view_options.parts[REGIONS].isChecked(),
            )
        )

    def new_mask(self) -> None:
        """Add a region mask of the chosen class, ready to be painted."""
        try:
            self.display.masks.new(self.region_page.kind())
        except NapariUaiError as error:
            self.run_bar.show_error(str(error))
            return
        self.display.masks.watch(self._mask_changed)
        self.run_bar.say("Paint where trails count; Ctrl+Z undoes a stroke.")

    def use_mask(self) -> None:
        """Use a Labels layer of the user as the region mask of the chosen class."""
        layer = self.region_page.mask_layer.layer()
        if layer is None:
            self.run_bar.show_error("no Labels layer found: add one, or a new region mask")
            return
        try:
            self.display.masks.adopt(layer, self.region_page.kind())
        except NapariUaiError as error:
            self.run_bar.show_error(str(error))
            return
        self.reset_choices()
        self.ask()
        if not np.asarray(layer.data).any():
            self.run_bar.say("The layer is empty: trails count everywhere until you paint in it.")

    def load_settings(self, path: str | Path) -> None:
        """Load settings and region masks of an earlier run or export."""
        from napari_uai.trails.analysis.earlier_settings import settings_of_run
        from napari_uai.trails.heat.masks import read_mask

        try:
            earlier = settings_of_run(path)
            regions = {kind: read_mask(mask).inside for kind, mask in earlier.masks.items()}
        except NapariUaiError as error:
            self.run_bar.show_error(str(error))
            return
        self.settings.show_settings(earlier.preset, earlier.settings)
        self.view_options.n_top.setValue(earlier.top)
        if self.source is not None:
            self.display.masks.replace(regions)
            self.reset_choices()
            self.review.read(Path(path))
        self.ask()

    def export(self, folder: str | Path) -> None:
        """Write the same files as the command line into a folder."""
        session, request = self.jobs.session, self.request
        if session is None or request is None:
            self.run_bar.show_error("nothing to export yet: wait until the trails are ranked")
            return
        complete = replace(request, regions=True)
        options = self.source.options if self.source is not None else {}
        verdicts = copy.deepcopy(self.review.verdicts)

        def write(monitor: Monitor) -> dict[str, Path]:
            from napari_uai.trails.analysis.outputs import write_trail_results

            result = session.run(complete, monitor=monitor.part(0.0, 0.3))
            scores = verdicts.added_to(result.scores)
            result = replace(result, options=options, scores=scores)
            return write_trail_results(result, folder, monitor=monitor.part(0.3, 1.0))

        def report(paths: dict[str, Path]) -> None:
            self.jobs.finish(f"{len(paths)} files written to {folder}")

        self.jobs.do(write, report)

    def show_tiles(self) -> None:
        """Show the tile sheet of the top trails in a window."""
        ranking, n = self.ranking, self.view_options.n_top.value()
        if ranking is None or not len(ranking):
            self.run_bar.show_error("no trails listed: show more classes, or lower the score")
            return

        colours = self.table.ranks.class_colours

        def draw(monitor: Monitor) -> Picture:
            from napari_uai.widgets.trails.tiles import tile_picture

            return tile_picture(ranking, n, colours, monitor=monitor)

        self.jobs.do(draw, self._show_tiles)

    def reset_choices(self, event: Event | None = None) -> None:  # noqa: ARG002
        """Update the lists of layers; napari calls this when layers change."""
        self.sources.reset_choices()
        self.region_page.reset_choices()
        if self.source is not None and not self.display.masks.all_watched():
            self._ask_after_painting.start()

    def close_display(self) -> None:
        """Disconnect from the viewer and its layers."""
        self.display.close()
        if self._on_press in self.viewer.mouse_drag_callbacks:
            self.viewer.mouse_drag_callbacks.remove(self._on_press)
        self.display.masks.stop_watching(self._mask_changed)

    def _mask_changed(self, event: Event | None = None) -> None:  # noqa: ARG002
        self._ask_after_painting.start()

    def _show_result(self, request: Request, result: TrailResult) -> None:
        previous = self.result
        self.request, self.result = request, result
        self.run_bar.bar.setValue(self.run_bar.bar.maximum())  # repaints now, before more is drawn
        if previous is None or previous.heat is not result.heat:
            cells = (float(heat.counts.max(initial=0)) for heat in result.heat.values())
            max_heat = max(cells, default=1)
            self.settings.heat_limits.set_max_heat(max_heat)
            if self.settings.score_limits is not None:
                self.settings.score_limits.set_max_heat(max_heat)
            self._drawing.draw_heat()
        if previous is None or previous.regions is not result.regions:
            self.display.show_regions(result, self.classes.hidden())
        inside = {kind: heat.n_trails for kind, heat in result.heat.items()}
        self.classes.show_masks(inside, set(result.masks))
        if (
            previous is None
            or previous.scores is not result.scores
            or previous.trails is not result.trails
        ):
            self.review.end_likeness(unless_of=result.trails)
            self._list_trails()
        self.run_bar.say(self._summary(result))

    def _summary(self, result: TrailResult) -> str:
        """Return what was ranked, in one line."""
        n, n_outside = len(result.scores), result.n_masked_out
        n_drawn = self.view_options.n_drawn(n)
        outside = f", {n_outside} outside the region mask" if n_outside else ""
        drawn = f"; the top {n_drawn} are drawn over time" if n_drawn < n else ""
        return f"{n} trail{'' if n == 1 else 's'} ranked{outside}{drawn}."

    def _list_trails(self) -> None:
        """List and draw the trails that pass the filters."""
        if self.result is None:
            return
        likeness = self.review.likeness_in_use()
        score = SCORE_NAMES[0] if likeness else self.ranking_page.score.currentText()
        criteria = self.view_options.filter(score, self.classes.hidden())
        self.ranking = rank(self.result, criteria, likeness)
        self.table.show_ranking(self.ranking)
        if self.table.chosen_row() is None:
            self.display.hide_chosen()
        self._show_counts()
        self._drawing.draw_top()
        self._drawing.draw_tracks()

    def _show_counts(self) -> None:
        """Show how many trails are listed, and how many of these are drawn over time."""
        if self.ranking is not None and self.result is not None:
            self.ranking_page.show_count(len(self.ranking), len(self.result.scores))
            self.view_options.show_n_listed(len(self.ranking))

    def _show_classes(self) -> None:
        self.display.heat.show_classes(self.classes.hidden())
        if self.result is not None:
            self.display.show_regions(self.result, self.classes.hidden())
        self._list_trails()

    def _draw_heat(self) -> bool:
        return self.result is not None and self.display.heat.show(
            self.result, self.classes.hidden()
        )

    def _draw_top(self) -> bool:
        n = self.view_options.n_top.value()
        if self.ranking is None:
            return False
        return self.display.top.show(self.ranking, n, self.review.verdicts_on(self.ranking, n))

    def _draw_tracks(self) -> None:
        tracks, options = self.display.tracks, self.view_options
        tracks.colour_by = options.colour_by.currentData()
        tracks.span = options.span.currentData()
        tracks.at_most = options.n_tracks.value()
        self._show_counts()
        if self.ranking is not None:
            tracks.show(self.ranking)

    def _show_part(self, part: str, shown: bool) -> None:
        self.display.set_part(part, shown)
        self.ask()
        if shown and self.result is not None and self.ranking is not None:
            self._drawing.draw_heat()
            self.display.show_regions(self.result, self.classes.hidden())
            self._drawing.draw_top()
            self._drawing.draw_tracks()

    def _ranked_trails(self) -> Trails | None:
        return None if self.result is None else self.result.trails

    def _show_opinions(self) -> None:
        self._show_counts()
        self._drawing.draw_top()

    def _show_chosen(self, row: int) -> None:
        if self.ranking is not None:
            self.display.show_chosen(self.ranking, row)

    def _on_press(self, viewer: Viewer, event: Event) -> Iterator[None]:
        """Choose the clicked trail, unless the mouse is dragged or edits a layer."""
        from napari_uai.widgets.trails.picking import has_tool, trail_under

        if event.button != 1 or has_tool(viewer.layers.selection.active):
            return
        start = tuple(event.pos)
        yield
        while event.type == "mouse_move":
            yield
        is_drag = np.hypot(*(np.array(event.pos) - start)) > _DRAG_PX
        if is_drag or self.ranking is None or self.source is None:
            return
        options = self.view_options
        n_drawn = options.n_top.value() if options.parts[TOP].isChecked() else 0
        row = trail_under(self.ranking, self.source, viewer, event.position, n_drawn=n_drawn)
        if row is not None:
            self.table.choose(row)
            self.table.setFocus()  # for the keys of verdicts

    def _show_tiles(self, picture: Picture) -> None:
        from napari_uai.widgets.trails.tiles import TileWindow

        self.tiles = TileWindow(picture, self)
        self.tiles.show()
        self.jobs.finish("Tile sheet ready.")

    def _ask_and_export(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Export to folder")
        if folder:
            self.export(folder)

    def _ask_and_load(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self, "Load settings of an earlier run", "", "Record of a run (run.json *.json)"
        )
        if path:
            self.load_settings(path)

    def _run(self) -> None:
        if self.source is None:
            self._open_what_is_chosen()
            return
        self.ask()
        self.jobs.ask_again()

    def _open_what_is_chosen(self) -> None:
        """Open the path if there is one, else the only layer of trails; else say what to do."""
        n_layers = self.sources.n_tracks
        if self.sources.path.text().strip():
            self.open()
        elif n_layers == 1:
            self.use_layer()
        else:
            self.pages.setCurrentIndex(0)
            self.run_bar.show_error(
                "several layers of trails: choose one as Tracks, then click Use layer"
                if n_layers
                else "no trails yet: open a folder or file here, drop one into the window, or take "
                "File > Open Sample > Trails of a roundabout"
            )

    def _connect(self) -> None:
        options = self.view_options
        self.sources.open_asked.connect(lambda: self.open())  # noqa: PLW0108  # without a path
        self.sources.layer_asked.connect(self.use_layer)
        self.region_page.new_mask_button.clicked.connect(self.new_mask)
        self.region_page.use_mask_button.clicked.connect(self.use_mask)
        self.classes.changed.connect(self._show_classes)
        self.settings.changed.connect(self._ask_soon.start)
        self.settings.threshold_moved.connect(lambda: options.parts[REGIONS].setChecked(True))
        self.settings.load_asked.connect(self._ask_and_load)
        options.filtered.connect(self._list_trails)
        options.n_top.valueChanged.connect(lambda _: self._ask_soon.start())
        options.part_shown.connect(self._show_part)
        options.tracks_changed.connect(self._drawing.draw_tracks)
        self.ranking_page.score.currentTextChanged.connect(self._list_trails)
        self.ranking_page.tiles_button.clicked.connect(self.show_tiles)
        self.ranking_page.export_button.clicked.connect(self._ask_and_export)
        self.review.changed.connect(self._show_opinions)
        self.table.chosen.connect(self._show_chosen)
        self.jobs.answered.connect(self._show_result)
        self.run_bar.run_asked.connect(self._run)
        self.viewer.mouse_drag_callbacks.append(self._on_press)
        # Qt would not call a method of the dock that is being destroyed.
        self.destroyed.connect(lambda: self.close_display())  # noqa: PLW0108

    def _lay_out(self) -> None:
        self.run_bar.run_button.setText("Rank")
        self.pages = QTabWidget()
        self.pages.setObjectName("pages")
        self._classes_tab = scrolling(self.region_page, max_min_height=_PAGE_HEIGHT)
        for page, title in (
            (scrolling(self.sources, max_min_height=_PAGE_HEIGHT), "Open"),
            (self._classes_tab, "Classes"),
            (scrolling(self.settings, max_min_height=_PAGE_HEIGHT), "Heat and scores"),
            (scrolling(self.view_options, max_min_height=_PAGE_HEIGHT), "View"),
        ):
            self.pages.addTab(page, title)
        parts = QSplitter(Qt.Orientation.Vertical)
        parts.addWidget(self.pages)
        parts.addWidget(self.ranking_page)
        parts.setChildrenCollapsible(False)
        parts.setSizes([430, 400])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addWidget(parts, 1)
        layout.addLayout(beside_help("trail_workflow", self.run_bar))
        share_place(self)


def _warn_of_problems(problems: pd.DataFrame) -> None:
    """Show the first problem of the input as a warning."""
    from napari.utils.notifications import show_warning

    if len(problems):
        others = len(problems) - 1
        more = f" (and {others} more, listed by Export)" if others else ""
        first = str(problems["problem"].iloc[0])
        skipped = any(word in first for word in ("dropped", "skipped", "ignored", "not "))
        show_warning(f"{'some input was skipped: ' if skipped else ''}{first}{more}")
