"""The trail workflow dock: from files of a tracker, or any tracks, to a ranked table."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QSplitter, QTabWidget, QVBoxLayout, QWidget

from napari_uai.widgets.kit.docks import share_place
from napari_uai.widgets.kit.forms import scrolling
from napari_uai.widgets.kit.help import beside_help
from napari_uai.widgets.kit.layers import KEY
from napari_uai.widgets.kit.palette import class_colours
from napari_uai.widgets.trails.display import Display
from napari_uai.widgets.trails.draw_queue import single_shot
from napari_uai.widgets.trails.drawn_layers import REGIONS, TOP
from napari_uai.widgets.trails.exports import export_of, settings_and_masks
from napari_uai.widgets.trails.job_queue import JobQueue
from napari_uai.widgets.trails.listing import Listing
from napari_uai.widgets.trails.picking import Clicks, trail_under
from napari_uai.widgets.trails.placement import own_trails, source_of_layer, source_of_trails
from napari_uai.widgets.trails.ranking_page import RankingPage
from napari_uai.widgets.trails.region_page import RegionPage
from napari_uai.widgets.trails.scene_models import SceneModels
from napari_uai.widgets.trails.settings import SettingsPage
from napari_uai.widgets.trails.sources import SourcePanel, warn_of_problems
from napari_uai.widgets.trails.trail_review import TrailReview
from napari_uai.widgets.trails.trail_timeline import TrailTimeline
from napari_uai.widgets.trails.view_options import ViewOptions

if TYPE_CHECKING:
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

_CLASSES = 1
"""Page of the classes."""

_PAGE_HEIGHT = 110
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
    request
        Latest analysis.
    listing
        Its result, and the listed trails.
    review
        Verdicts and notes about the open trails.
    models
        Comparison of the open trails with a model, and models of them.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.setObjectName("trail_workflow")
        self.viewer = napari_viewer
        self.source: Source | None = None
        self.request: Request | None = None
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
        self.timeline = TrailTimeline(self.viewer)
        self.review = TrailReview(self.ranking_page, self.jobs, self._ranked_trails)
        self.models = SceneModels(
            self.ranking_page,
            self.jobs,
            self.review,
            lambda: self.result,
            lambda: (self.settings.chosen_preset(), self.settings.settings()),
        )
        self.listing = Listing(
            self,
            display=self.display,
            view_options=self.view_options,
            page=self.ranking_page,
            classes=self.classes,
            review=self.review,
            timeline=self.timeline,
        )
        self.clicks = Clicks(self.viewer, self._trail_under, self._choose_clicked)
        self._ask_soon = single_shot(self, 0, self.ask)
        self._ask_after_painting = single_shot(self, _PAINTED_MS, self.ask)
        self._lay_out()
        self._connect()

    @property
    def result(self) -> TrailResult | None:
        """Latest result."""
        return self.listing.result

    @property
    def ranking(self) -> Ranking | None:
        """Listed trails."""
        return self.listing.ranking

    @property
    def busy(self) -> bool:
        """Whether work or drawing is in progress or about to start."""
        waiting = self._ask_soon.isActive() or self._ask_after_painting.isActive()
        return waiting or self.jobs.busy or self.listing.drawing.busy

    def open(self, path: str | Path | None = None) -> None:
        """Open a folder or file of trails; that of the *Open* page if None."""
        if path is not None:
            self.sources.set_path(path)
        chosen = self.run_bar.tried(self.sources.wanted)
        if chosen is None:
            return
        wanted, options = chosen

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

        self.request = None
        self.listing.forget()
        self.source = source
        trails = source.trails
        self.jobs.set_session(TrailSession(trails))
        self.display.show_source(source, scene=scene, tracks=tracks)
        self.timeline.show_source(source)
        self.review.begin()
        self.table.ranks.class_colours = class_colours(trails.classes.index)
        self.region_page.show_classes({str(kind): int(n) for kind, n in trails.classes.items()})
        self.view_options.set_times(float(trails.time.min()), float(trails.time.max()), N_TOP)
        self.region_page.set_enabled(True)
        self.ranking_page.set_enabled(True)
        self.pages.setCurrentIndex(_CLASSES)
        warn_of_problems(trails.problems)
        self.ask()

    def ask(self) -> None:
        """Analyse the trails with the present settings; only what has changed is computed."""
        if self.source is None:
            return
        from napari_uai.trails.analysis.session import Request

        self.display.masks.watch(self._mask_changed)
        masks = self.run_bar.tried(self.display.masks.painted)
        if masks is None:
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
        kind = self.region_page.kind()
        if not self.run_bar.done(lambda: self.display.masks.new(kind)):
            return
        self.display.masks.watch(self._mask_changed)
        self.run_bar.say("Paint where trails count; Ctrl+Z undoes a stroke.")

    def use_mask(self) -> None:
        """Use a Labels layer of the user as the region mask of the chosen class."""
        layer = self.region_page.mask_layer.layer()
        if layer is None:
            self.run_bar.show_error("no Labels layer found: add one, or a new region mask")
            return
        kind = self.region_page.kind()
        if not self.run_bar.done(lambda: self.display.masks.adopt(layer, kind)):
            return
        self.reset_choices()
        self.ask()
        if not np.asarray(layer.data).any():
            self.run_bar.say("The layer is empty: trails count everywhere until you paint in it.")

    def load_settings(self, path: str | Path) -> None:
        """Load settings and region masks of an earlier run or export."""
        run = self.run_bar.tried(lambda: settings_and_masks(path))
        if run is None:
            return
        earlier, regions = run
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
        options = self.source.options if self.source is not None else {}
        write = export_of(session, request, options, self.review.verdicts, folder)
        self.jobs.do(
            write, lambda paths: self.jobs.finish(f"{len(paths)} files written to {folder}")
        )

    def show_tiles(self) -> None:
        """Show the tile sheet of the top trails in a window."""
        ranking, n = self.ranking, self.view_options.n_top.value()
        if ranking is None or not len(ranking):
            self.run_bar.show_error("no trails listed: show more classes, or lower the score")
            return

        from napari_uai.widgets.trails.tiles import tile_picture

        draw = partial(tile_picture, ranking, n, self.table.ranks.class_colours)
        self.jobs.do(lambda monitor: draw(monitor=monitor), self._show_tiles)

    def reset_choices(self, event: Event | None = None) -> None:  # noqa: ARG002
        """Update the lists of layers; napari calls this when layers change."""
        self.sources.reset_choices()
        self.region_page.reset_choices()
        if self.source is not None and not self.display.masks.all_watched():
            self._ask_after_painting.start()

    def close_display(self) -> None:
        """Disconnect from the viewer and its layers."""
        self.display.close()
        self.timeline.close_display()
        self.clicks.end()
        self.display.masks.stop_watching(self._mask_changed)

    def _mask_changed(self, event: Event | None = None) -> None:  # noqa: ARG002
        self._ask_after_painting.start()

    def _show_result(self, request: Request, result: TrailResult) -> None:
        previous, self.request = self.result, request
        self.run_bar.bar.setValue(self.run_bar.bar.maximum())  # repaints now, before more is drawn
        if previous is None or previous.heat is not result.heat:
            cells = (float(heat.counts.max(initial=0)) for heat in result.heat.values())
            max_heat = max(cells, default=1)
            self.settings.heat_limits.set_max_heat(max_heat)
            if self.settings.score_limits is not None:
                self.settings.score_limits.set_max_heat(max_heat)
        inside = {kind: heat.n_trails for kind, heat in result.heat.items()}
        self.classes.show_masks(inside, set(result.masks))
        self.listing.show(result)
        self.run_bar.say(self.listing.summary())

    def _show_part(self, part: str, shown: bool) -> None:
        self.display.set_part(part, shown)
        self.ask()
        if shown:
            self.listing.redraw()

    def _trail_under(self, position: tuple[float, ...]) -> int | None:
        if self.ranking is None or self.source is None:
            return None
        options = self.view_options
        n_drawn = options.n_top.value() if options.parts[TOP].isChecked() else 0
        return trail_under(self.ranking, self.source, self.viewer, position, n_drawn=n_drawn)

    def _choose_clicked(self, row: int) -> None:
        self.table.choose(row)
        self.table.setFocus()  # for the keys of verdicts

    def _ranked_trails(self) -> Trails | None:
        return None if self.result is None else self.result.trails

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
        if self.sources.path.text().strip():
            self.open()
        elif self.sources.n_tracks == 1:
            self.use_layer()
        else:
            self.pages.setCurrentIndex(0)
            self.run_bar.show_error(self.sources.advice())

    def _connect(self) -> None:
        options = self.view_options
        self.sources.open_asked.connect(lambda: self.open())  # noqa: PLW0108  # without a path
        self.sources.layer_asked.connect(self.use_layer)
        self.region_page.new_mask_button.clicked.connect(self.new_mask)
        self.region_page.use_mask_button.clicked.connect(self.use_mask)
        self.settings.changed.connect(self._ask_soon.start)
        self.settings.threshold_moved.connect(lambda: options.parts[REGIONS].setChecked(True))
        self.settings.load_asked.connect(self._ask_and_load)
        options.n_top.valueChanged.connect(lambda _: self._ask_soon.start())
        options.part_shown.connect(self._show_part)
        self.ranking_page.tiles_button.clicked.connect(self.show_tiles)
        self.ranking_page.export_button.clicked.connect(self._ask_and_export)
        self.jobs.answered.connect(self._show_result)
        self.run_bar.run_asked.connect(self._run)
        # Qt would not call a method of the dock that is being destroyed.
        self.destroyed.connect(lambda: self.close_display())  # noqa: PLW0108

    def _lay_out(self) -> None:
        self.run_bar.run_button.setText("Rank")
        self.pages = QTabWidget()
        self.pages.setObjectName("pages")
        for page, title in (
            (self.sources, "Open"),
            (self.region_page, "Classes"),
            (self.settings, "Heat and scores"),
            (self.view_options, "View"),
        ):
            self.pages.addTab(scrolling(page, max_min_height=_PAGE_HEIGHT), title)
        parts = QSplitter(Qt.Orientation.Vertical)
        parts.addWidget(self.pages)
        parts.addWidget(self.ranking_page)
        parts.setChildrenCollapsible(False)
        parts.setSizes([430, 400])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addWidget(parts, 1)
        layout.addWidget(self.timeline)
        layout.addLayout(beside_help("trail_workflow", self.run_bar))
        share_place(self)
