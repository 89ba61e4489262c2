"""The listed trails of a result: which ones, in which order, and everything that draws them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject

from napari_uai.errors import counted
from napari_uai.widgets.trails.draw_queue import DrawQueue
from napari_uai.widgets.trails.ranking import SCORE_NAMES, rank

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from napari_uai.trails.analysis.result import TrailResult
    from napari_uai.widgets.trails.classes import ClassList
    from napari_uai.widgets.trails.display import Display
    from napari_uai.widgets.trails.ranking import Ranking
    from napari_uai.widgets.trails.ranking_page import RankingPage
    from napari_uai.widgets.trails.trail_review import TrailReview
    from napari_uai.widgets.trails.trail_timeline import TrailTimeline
    from napari_uai.widgets.trails.view_options import ViewOptions


class Listing(QObject):
    """Lists and draws what passes the filters: table, timeline, heatmaps, top trails, tracks.

    Parameters
    ----------
    dock
        Dock that owns the parts.
    display, view_options, page, classes, review, timeline
        Layers, filters, table, classes, verdicts and timeline.

    Attributes
    ----------
    result
        Latest result; None before there is one.
    ranking
        Listed trails.
    """

    def __init__(
        self,
        dock: QWidget,
        *,
        display: Display,
        view_options: ViewOptions,
        page: RankingPage,
        classes: ClassList,
        review: TrailReview,
        timeline: TrailTimeline,
    ) -> None:
        super().__init__(dock)
        self.result: TrailResult | None = None
        self.ranking: Ranking | None = None
        self._display, self._options, self._page = display, view_options, page
        self._table, self._classes = page.table, classes
        self._review, self._timeline = review, timeline
        self.drawing = DrawQueue(self._draw_heat, self._draw_top, self._draw_tracks, dock)
        classes.changed.connect(self.show_classes)
        view_options.filtered.connect(self.list_trails)
        view_options.tracks_changed.connect(self.drawing.draw_tracks)
        page.score.currentTextChanged.connect(self.list_trails)
        review.changed.connect(self.show_opinions)
        page.table.chosen.connect(self._show_chosen)
        timeline.trail_chosen.connect(page.table.choose)

    def forget(self) -> None:
        """List nothing, because other trails are opened."""
        self.result = self.ranking = None

    def show(self, result: TrailResult) -> None:
        """List and draw a result; only what is new in it."""
        previous, self.result = self.result, result
        if previous is None or previous.heat is not result.heat:
            self.drawing.draw_heat()
        if previous is None or previous.regions is not result.regions:
            self._display.show_regions(result, self._classes.hidden())
        if (
            previous is None
            or previous.scores is not result.scores
            or previous.trails is not result.trails
        ):
            self._review.end_order(unless_of=result.trails)
            self.list_trails()

    def list_trails(self, *_: object) -> None:
        """List and draw the trails that pass the filters."""
        if self.result is None:
            return
        other = self._review.order_in_use()
        score = SCORE_NAMES[0] if other else self._page.score.currentText()
        criteria = self._options.filter(score, self._classes.hidden())
        self.ranking = rank(self.result, criteria, other)
        self._table.show_ranking(self.ranking)
        self._timeline.show_ranking(
            self.ranking, self._table.ranks.class_colours, self._review.verdicts
        )
        chosen = self._table.chosen_row()
        self._timeline.mark_trail(chosen)
        if chosen is None:
            self._display.hide_chosen()
        self._show_counts()
        self.drawing.draw_top()
        self.drawing.draw_tracks()

    def show_classes(self) -> None:
        """List and draw the trails of other classes."""
        self._display.heat.show_classes(self._classes.hidden())
        if self.result is not None:
            self._display.show_regions(self.result, self._classes.hidden())
        self.list_trails()

    def redraw(self) -> None:
        """Draw everything again, because a part is shown again."""
        if self.result is not None and self.ranking is not None:
            self.drawing.draw_heat()
            self._display.show_regions(self.result, self._classes.hidden())
            self.drawing.draw_top()
            self.drawing.draw_tracks()

    def show_opinions(self) -> None:
        """Show changed verdicts."""
        self._show_counts()
        self._timeline.show_opinions(self._review.verdicts)
        self.drawing.draw_top()

    def summary(self) -> str:
        """Return what was ranked, in one line."""
        if self.result is None:
            return ""
        n, n_outside = len(self.result.scores), self.result.n_masked_out
        n_drawn = self._options.n_drawn(n)
        outside = f", {n_outside} outside the region mask" if n_outside else ""
        drawn = f"; the top {n_drawn} are drawn over time" if n_drawn < n else ""
        return f"{counted(n, 'trail')} ranked{outside}{drawn}."

    def _show_counts(self) -> None:
        """Show how many trails are listed, and how many of these are drawn over time."""
        if self.ranking is not None and self.result is not None:
            self._page.show_count(len(self.ranking), len(self.result.scores))
            self._options.show_n_listed(len(self.ranking))

    def _show_chosen(self, row: int) -> None:
        if self.ranking is not None:
            self._timeline.mark_trail(row)
            self._display.show_chosen(self.ranking, row)

    def _draw_heat(self) -> bool:
        return self.result is not None and self._display.heat.show(
            self.result, self._classes.hidden()
        )

    def _draw_top(self) -> bool:
        n = self._options.n_top.value()
        if self.ranking is None:
            return False
        return self._display.top.show(self.ranking, n, self._review.verdicts_on(self.ranking, n))

    def _draw_tracks(self) -> None:
        tracks, options = self._display.tracks, self._options
        tracks.colour_by = options.colour_by.currentData()
        tracks.span = options.span.currentData()
        tracks.at_most = options.n_tracks.value()
        self._show_counts()
        if self.ranking is not None:
            tracks.show(self.ranking)
