"""Searching folders that a user drops into the window: at most some hundred, the nearest first."""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_DEPTH = 4
_MAX_FOLDERS = 300
_MAX_ENTRIES = 100
"""Limits of the search: a folder may contain a million files."""


def folders_in(folder: Path) -> Iterator[Path]:
    """Yield a folder and those below it, the nearest ones first; hidden ones are left out.

    At most some hundred folders are visited, so that the search is quick even for a whole disk.
    """
    waiting, n_visited = [(folder, 0)], 0
    while waiting and n_visited < _MAX_FOLDERS:
        current, depth = waiting.pop(0)
        n_visited += 1
        yield current
        if depth == _DEPTH:
            continue
        try:
            with os.scandir(current) as entries:
                below = sorted(e.path for e in islice(entries, _MAX_ENTRIES) if e.is_dir())
        except OSError:
            continue
        waiting += [(Path(p), depth + 1) for p in below if not Path(p).name.startswith(".")]
