"""Saving under a path that the user chooses; what cannot be written is said in one line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFileDialog

from napari_uai.errors import NapariUaiError

if TYPE_CHECKING:
    from collections.abc import Callable

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
        Filters of the dialog, such as ``CSV (*.csv);;JSON (*.json)``; a path without a suffix gets
        that of the chosen one.
    save
        Saves under a path, or raises a ``NapariUaiError``.
    """
    path, kind = QFileDialog.getSaveFileName(parent, title, suggested, kinds)
    if path:
        saved(save, _with_suffix(path, kind))


def _with_suffix(path: str, kind: str) -> str:
    """Add the suffix of a filter to a path without one, unless that is a file already."""
    suffix = re.search(r"\*(\.\w+)", kind)
    whole = f"{path}{suffix[1]}" if suffix and not Path(path).suffix else path
    return path if Path(whole).exists() else whole
