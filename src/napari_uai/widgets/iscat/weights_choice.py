"""Choosing the file of weights."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtWidgets import QFileDialog

from napari_uai.iscat.fastdvdnet.training_files import SUFFIX
from napari_uai.widgets.kit.path_choice import FolderChoice


class WeightsChoice(FolderChoice):
    """Line with the path of weights, and a button that opens a dialog.

    Parameters
    ----------
    title
        Title of the dialog.
    placeholder
        Text of the empty line.
    is_new
        Whether the file is to be written, so that it need not exist.
    """

    def __init__(self, title: str, placeholder: str, *, is_new: bool = True) -> None:
        super().__init__(title, placeholder)
        self._is_new = is_new

    def path(self) -> Path | None:
        """Return the path, with the suffix of weights if it has none; None if it is empty."""
        path = super().path()
        return path.with_name(path.name + SUFFIX) if path is not None and not path.suffix else path

    def _ask(self) -> None:
        ask = QFileDialog.getSaveFileName if self._is_new else QFileDialog.getOpenFileName
        options = QFileDialog.Option.DontConfirmOverwrite  # a cancelled training is resumed
        path, _ = ask(self, self._title, self.line.text(), f"Weights (*{SUFFIX})", options=options)
        if path:
            self.line.setText(path.replace(f".unfinished{SUFFIX}", SUFFIX))
