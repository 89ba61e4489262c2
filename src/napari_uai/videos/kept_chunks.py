"""Passes over the frames of a video that go on where a killed run ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from napari_uai.monitor import SILENT, Monitor
from napari_uai.store.keeping import kept_each
from napari_uai.videos.frames import map_chunks

Result = TypeVar("Result")

MOST_PIECES = 1000
"""Pieces of one pass, so that the store is listed fast however long the recording is."""


def kept_chunks(
    function: Callable[[int, int], Result],
    n_frames: int,
    chunk: int,
    *,
    monitor: Monitor = SILENT,
    message: str = "frames",
) -> list[Result]:
    """Return ``function(start, stop)`` of each chunk, in order; each is kept once it is there.

    As :func:`~napari_uai.videos.frames.map_chunks`, and inside
    :func:`~napari_uai.store.keeping.kept`, whose key says what the chunks depend on, those that an
    earlier run has kept are not computed again.

    Parameters
    ----------
    function
        Returns what can be kept, and does not warn.
    n_frames, chunk
        Frames of the video, and of each chunk.
    monitor
        Progress, once per chunk, and cancellation.
    message
        What is looked for in the frames.

    Examples
    --------
    >>> from napari_uai.videos.kept_chunks import kept_chunks
    >>> kept_chunks(lambda start, stop: stop - start, 10, 4)
    [4, 4, 2]
    """
    starts = range(0, n_frames, chunk)
    together = max(-(-len(starts) // MOST_PIECES), 1)
    groups = [starts[i : i + together] for i in range(0, len(starts), together)]
    labels = [f"{message} in frames {g[0]} to {min(g[-1] + chunk, n_frames)}" for g in groups]

    def computed(missing: Sequence[int]) -> Iterator[tuple[int, list[Result]]]:
        wanted = [start for i in missing for start in groups[i]]
        results = map_chunks(
            lambda k, _: function(wanted[k], min(wanted[k] + chunk, n_frames)),
            len(wanted),
            1,
            monitor=monitor,
            message=message,
        )
        for i in missing:
            yield i, list(islice(results, len(groups[i])))

    done = dict(kept_each(labels, computed))
    return [result for i in range(len(groups)) for result in done[i]]
