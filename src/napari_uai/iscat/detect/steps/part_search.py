"""The search for steps in all parts of a recording, which can be sent to workers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial
from itertools import accumulate, pairwise
from typing import Any

import pandas as pd

from napari_uai.iscat.detect.steps.finder import Finder
from napari_uai.iscat.detect.steps.parts import Part
from napari_uai.iscat.disturbances.record import Disturbances
from napari_uai.monitor import Monitor, monitor_for_cancelling
from napari_uai.threads import n_threads
from napari_uai.typing import Floats
from napari_uai.videos.find_once import Memo


class PartSearch:
    """Searches one part of a recording after another; tiles share the bins of their segment.

    Where it is sent, it reads the frames that it needs.

    Parameters
    ----------
    parts
        Of the recording, those of a segment next to each other.
    disturbances
        What disturbs the recording.
    finder
        Finds the steps in a part.
    """

    def __init__(self, parts: Sequence[Part], disturbances: Disturbances, finder: Finder) -> None:
        self.parts = parts
        self.disturbances = disturbances
        self.finder = finder
        changes = [not part.shares_segment(before) for before, part in pairwise(parts)]
        self._segments = [0, *accumulate(changes)]
        self._start_empty()

    def part(self, i: int, monitor: Monitor) -> pd.DataFrame:
        """Return the events that a part owns."""
        part = self.parts[i]
        masked = part.tile_of(self.disturbances.masked[None])[0]
        images = self._images_of(self._segments[i])
        return part.owned(self.finder.find(part.tile_of(images()), masked, monitor))

    def __call__(self, start: int, stop: int) -> list[pd.DataFrame]:
        """Return the events of some parts."""
        monitor = monitor_for_cancelling()
        return [self.part(i, monitor) for i in range(start, stop)]

    def calls(self, numbers: Sequence[int], at_most: int) -> list[tuple[int, int]]:
        """Return runs of consecutive parts, each within a segment."""
        runs: list[tuple[int, int]] = []
        for i in numbers:
            first, stop = runs[-1] if runs else (-1, -1)
            joined = i == stop and i - first < at_most and self._is_same_segment(first, i)
            runs[len(runs) - joined :] = [(first if joined else i, i + 1)]
        return runs

    def _is_same_segment(self, i: int, j: int) -> bool:
        return self._segments[i] == self._segments[j]

    def _start_empty(self) -> None:
        first = [self._segments.index(i) for i in range(self._segments[-1] + 1)]
        images_of = partial(_bins_of, [self.parts[i] for i in first])
        self._images_of = lru_cache(maxsize=n_threads() + 1)(images_of)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the images."""
        return {key: value for key, value in self.__dict__.items() if key != "_images_of"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._start_empty()


def _bins_of(segments: Sequence[Part], segment: int) -> Memo[Floats]:
    """Return what reads the bins of a segment, once for all of its tiles."""
    return Memo(partial(segments[segment].read_segment, monitor_for_cancelling()))
