"""Reviewing ranked trails: verdicts, notes, undo, and more trails like the chosen one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_uai.widgets.trails.ranking import likeness_to
from napari_uai.widgets.trails.verdicts import Verdicts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_uai.trails.table import Trails
    from napari_uai.widgets.trails.job_queue import JobQueue
    from napari_uai.widgets.trails.ranking import Likeness, Order, Ranking
    from napari_uai.widgets.trails.ranking_page import RankingPage
    from napari_uai.widgets.trails.verdicts import Verdict

_NO_TRAIL = "no trail chosen: click on one in the table or the viewer"


class TrailReview(QObject):
    """What the user thinks of the trails that a dock lists.

    Parameters
    ----------
    page
        Table and buttons.
    jobs
        Thread that compares trails, and the line that says what happens.
    ranked
        Returns the trails that are ranked; None before there are any.

    Attributes
    ----------
    verdicts
        Verdicts and notes about the open trails.
    changed
        Emitted when a verdict or note has changed.
    """

    changed = Signal()

    def __init__(
        self, page: RankingPage, jobs: JobQueue, ranked: Callable[[], Trails | None]
    ) -> None:
        super().__init__(page)
        self._page, self._table = page, page.table
        self._jobs, self._ranked = jobs, ranked
        self._order: Order | None = None
        self.verdicts = Verdicts()
        page.judged.connect(self.judge)
        page.undo_button.clicked.connect(self.undo)
        page.like_button.clicked.connect(self.more_like_this)
        page.table.noted.connect(self.annotate)
        self.begin()

    def begin(self) -> None:
        """Forget verdicts and notes, because other trails are opened."""
        self.verdicts = self._table.ranks.verdicts = Verdicts()
        self.end_order()

    def judge(self, verdict: Verdict) -> None:
        """Set the verdict on the chosen trail, and move on to the next undecided one."""
        trail = self._chosen()
        if not trail:
            return
        self.verdicts.judge(trail, verdict)
        self._show()
        if verdict:
            self._table.choose_next_undecided()

    def annotate(self, trail: str, note: str) -> None:
        """Set the note about a trail."""
        self.verdicts.annotate(trail, note)
        self._show()

    def undo(self) -> None:
        """Undo the last verdict or note, and choose its trail."""
        trail = self.verdicts.undo()
        if trail is None:
            self._jobs.run_bar.say("Nothing to undo.")
            return
        self._show()
        ranks = self._table.ranks
        place = ranks.place_of_name(trail)
        if place is not None:
            self._table.choose(ranks.trail_at(place))

    def verdicts_on(self, ranking: Ranking, n: int) -> list[Verdict]:
        """Return the verdicts on the first trails of a ranking."""
        names = ranking.result.trails.table["trail"].to_numpy()[ranking.rows[:n]]
        return [self.verdicts.of(name).verdict for name in names]

    def read(self, run: Path) -> None:
        """Take over the verdicts and notes that were exported with the results of a run."""
        scores = (run if run.is_dir() else run.parent) / "scores.csv"
        if scores.is_file():
            self._jobs.run_bar.tried(lambda: self.verdicts.read(scores))
            self._show()

    def more_like_this(self) -> None:
        """Rank by similarity to the chosen trail."""
        row, trails = self._table.chosen_row(), self._ranked()
        if not self._chosen() or row is None or trails is None:
            return

        def show(likeness: Likeness) -> None:
            text = f"Ranked by similarity to {likeness.trail}. To end it, rank by a score."
            self.rank_by(likeness, text)

        self._jobs.do(lambda monitor: likeness_to(trails, row, monitor=monitor), show)

    def rank_by(self, order: Order, message: str) -> None:
        """Rank by something else than a score, and say so."""
        if self._ranked() is not order.trails:
            return  # others are ranked meanwhile
        self._order = order
        self._page.offer_order(order.label)
        self._jobs.finish(message)

    def order_in_use(self) -> Order | None:
        """Return what ranks the trails, None if a score does."""
        return self._order if self._page.ranks_otherwise() else None

    def end_order(self, *, unless_of: Trails | None = None) -> None:
        """Rank by a score again, unless the order is one of the given trails."""
        if self._order is None or self._order.trails is not unless_of:
            self._order = None
            self._page.drop_order()

    def _chosen(self) -> str:
        """Return the name of the chosen trail; if there is none, say so."""
        index = self._table.currentIndex()
        if not index.isValid():
            self._jobs.run_bar.show_error(_NO_TRAIL)
            return ""
        return self._table.ranks.name_at(index.row())

    def _show(self) -> None:
        self._table.ranks.show_opinions()
        self.changed.emit()
