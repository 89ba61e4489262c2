"""The list of what went wrong in a folder of recordings, ``problems.csv``."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from napari_uai.errors import OutputError
from napari_uai.option_names import option

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


PROBLEMS = "problems.csv"
_COLUMNS = ("recording", "failed", "problem")


def check_problems(path: Path) -> None:
    """Raise an error if a list of problems is the user's own."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            own = file.readline(100).strip() != ",".join(_COLUMNS)
    except OSError:
        return
    if own:
        raise OutputError(
            f"{path} is not a list of problems of a run: choose another folder, rename it, or "
            f"overwrite it ({option('overwrite')})"
        )


def write_problems(rows: Iterable[tuple[str, str, str]], path: Path) -> None:
    """Write recording, whether it failed (``yes``, ``no``) and the problem, a row each."""
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_COLUMNS)
        writer.writerows(rows)
