"""Choosing weights: packaged, a file, or those just trained."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtWidgets import QFileDialog

from napari_uai.iscat.fastdvdnet.training_files import SUFFIX
from napari_uai.widgets.iscat.workflow_dock import FolderChoice


class WeightsChoice(FolderChoice):
    """A line for the path of weights, and a button that asks for it."""

    def __init__(self, title: str, empty: str, *, is_new: bool = True) -> None:
        super().__init__(title, empty)
        self._is_new = is_new

    def text(self) -> str:
        """Return what is written in the line."""
        return self.line.text().strip()

    def path(self) -> Path | None:
        """Return the file, with its ending; None if none is given."""
        path = super().path()
        return path.with_name(path.name + SUFFIX) if path is not None and not path.suffix else path

    def _ask(self) -> None:
        ask = QFileDialog.getSaveFileName if self._is_new else QFileDialog.getOpenFileName
        options = QFileDialog.Option.DontConfirmOverwrite  # a training that was stopped goes on
        path, _ = ask(self, self._title, self.line.text(), f"Weights (*{SUFFIX})", options=options)
        if path:
            self.line.setText(path.replace(f".unfinished{SUFFIX}", SUFFIX))
