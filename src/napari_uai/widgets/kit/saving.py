"""Saving under a path that the user chooses; what cannot be written is said in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFileDialog

from napari_uai.errors import NapariUaiError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from qtpy.QtWidgets import QWidget


def saved(save: Callable[[str | Path], object], path: str | Path) -> bool:
    """Save under a path; if it cannot be written, show the error and return False."""
    from napari.utils.notifications import show_error

    try:
        save(path)
    except NapariUaiError as error:
        show_error(str(error))
        return False
    return True


def ask_and_save(
    parent: QWidget,
    title: str,
    suggested: str,
    kinds: str,
    save: Callable[[str | Path], object],
) -> None:
    """Ask for a path and save there.

    Parameters
    ----------
    parent, title
        Parent and title of the dialog.
    suggested
        Name of the file.
    kinds
        Filter of the dialog, such as ``CSV (*.csv)``.
    save
        Saves under a path, or raises a ``NapariUaiError``.
    """
    path, _ = QFileDialog.getSaveFileName(parent, title, suggested, kinds)
    if path:
        saved(save, path)
