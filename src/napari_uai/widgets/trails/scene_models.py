"""Models of a scene in the dock: its trails are compared with earlier days, or become a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject
from qtpy.QtWidgets import QFileDialog

from napari_uai.errors import counted
from napari_uai.widgets.trails.ranking import comparison_with

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_uai.monitor import Monitor
    from napari_uai.trails.analysis.result import Preset, TrailResult
    from napari_uai.widgets.trails.job_queue import JobQueue
    from napari_uai.widgets.trails.ranking import Comparison
    from napari_uai.widgets.trails.ranking_page import RankingPage
    from napari_uai.widgets.trails.trail_review import TrailReview

KINDS = "Model of a scene (*.model);;All files (*)"
_NOTHING = "no trails ranked yet: open some first"


class SceneModels(QObject):
    """Compares the ranked trails with a model, and saves a model of them.

    Parameters
    ----------
    page
        Page with the buttons.
    jobs
        Thread that does the work, and the line that says what happens.
    review
        Ranks the trails.
    result
        Returns the latest result; None before there is one.
    settings
        Returns the preset and the settings that differ from it.
    """

    def __init__(
        self,
        page: RankingPage,
        jobs: JobQueue,
        review: TrailReview,
        result: Callable[[], TrailResult | None],
        settings: Callable[[], tuple[Preset, tuple[str, ...]]],
    ) -> None:
        super().__init__(page)
        self._page, self._jobs, self._review = page, jobs, review
        self._result, self._settings = result, settings
        page.compare_action.triggered.connect(self._ask_and_compare)
        page.save_model_action.triggered.connect(self._ask_and_save)

    def compare(self, path: str | Path) -> None:
        """Rank the trails by a model."""
        result = self._result()
        if result is None:
            self._jobs.run_bar.show_error(_NOTHING)
            return
        trails = result.trails

        def show(found: Comparison) -> None:
            notes = f" Note: {found.notes[0]}." if found.notes else ""
            self._review.rank_by(
                found,
                f"Ranked by {found.model}: {found.n_odd} of {counted(len(trails), 'trail')} with "
                f"p up to 0.01. To end it, rank by a score.{notes}",
            )

        self._jobs.do(lambda monitor: comparison_with(trails, Path(path), monitor=monitor), show)

    def save(self, path: str | Path) -> None:
        """Save a model of the ranked trails."""
        result = self._result()
        if result is None:
            self._jobs.run_bar.show_error(_NOTHING)
            return
        preset, settings = self._settings()
        if preset != "default":
            self._jobs.run_bar.show_error("models are of the preset default: choose it to save one")
            return
        trails = result.trails

        def work(monitor: Monitor) -> int:
            from napari_uai.trails.analysis.model_file import write_model
            from napari_uai.trails.analysis.scene_model import fit_scene

            model = fit_scene(trails, settings=settings, monitor=monitor.part(0.0, 0.9))
            write_model(model, path)
            return len(model)

        def show(n: int) -> None:
            self._jobs.finish(f"Model of {counted(n, 'trail')} saved as {Path(path).name}.")

        self._jobs.do(work, show)

    def _ask_and_compare(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self._page, "Compare with a model", "", KINDS)
        if path:
            self.compare(path)

    def _ask_and_save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self._page, "Save model", "scene.model", KINDS)
        if path:
            self.save(path)
