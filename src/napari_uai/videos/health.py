"""Quality checks of a recording: constant and saturated frames, dead and stuck pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from napari_uai.monitor import SILENT, Monitor
from napari_uai.typing import AnyArray, Bools
from napari_uai.videos.frames import Frames, Video, frames_of, frames_per_chunk, map_chunks

SATURATED_SHARE = 0.01
"""Fraction of pixels at the largest value that makes a frame saturated; hot pixels are fewer."""

_BIT_DEPTHS = (8, 10, 12, 14, 16)
_NAMED_AT_MOST = 5


def recording_problems(video: Video, *, monitor: Monitor = SILENT) -> list[str]:
    """List frames and pixels of a recording that are unreliable.

    Parameters
    ----------
    video
        Frames, rows, columns as delivered by the camera, without status line.
    monitor
        Progress and cancellation of the single pass over the recording.

    Returns
    -------
    list of str
        One line each for constant frames, saturated frames (more than 1 % of the pixels at the
        largest value of an 8, 10, 12, 14 or 16 bit camera), and pixels that never change. Empty for
        videos in which most frames or pixels are constant: those are synthetic, or rejected by the
        stages.
    """
    frames = frames_of(video)
    if not len(frames):
        return []
    low, high, still = _extremes(frames, monitor.part(0.0, 0.7))
    constant = low == high
    if constant.mean() > 0.5 or still.mean() > 0.5:
        return []
    saturated = _saturated(frames, high, monitor.part(0.7, 1.0)) & ~constant
    said = []
    for found, what in (
        (constant, "constant"),
        (saturated, f"saturated in more than {SATURATED_SHARE:.0%} of the pixels"),
    ):
        if found.any():
            said.append(
                f"{_counted(found.sum(), 'frame')} {what} ({_listed(np.flatnonzero(found))}): "
                "landings within one batch of them are unreliable"
            )
    if still.any():
        said.append(
            f"{_counted(still.sum(), 'pixel')} dead or stuck at one value ({_where(still)}): "
            "landings there are unreliable"
        )
    return said


def _extremes(frames: Frames, monitor: Monitor) -> tuple[AnyArray, AnyArray, Bools]:
    """Return the minimum and maximum of each frame, and which pixels never change."""
    first = np.array(frames.read(0, 1))

    def look(start: int, stop: int) -> tuple[AnyArray, ...]:
        block = frames.read(start, stop)
        flat = block.reshape(len(block), -1)
        return flat.min(axis=1), flat.max(axis=1), (block == first).all(axis=0)

    still = np.full(frames.shape[1:], len(frames) > 1)
    lows, highs = [], []
    chunk = frames_per_chunk(frames.shape)
    for low, high, same in map_chunks(look, len(frames), chunk, monitor=monitor):
        lows.append(low)
        highs.append(high)
        still &= same
    return np.concatenate(lows), np.concatenate(highs), still


def _saturated(frames: Frames, high: AnyArray, monitor: Monitor) -> Bools:
    """Return which frames have many pixels at the largest value of the camera."""
    found = np.zeros(len(frames), np.bool_)
    ceiling = high.max()
    if frames.dtype.kind not in "ui" or ceiling not in {2**bits - 1 for bits in _BIT_DEPTHS}:
        return found
    candidates = np.flatnonzero(high == ceiling)
    for i, frame in enumerate(candidates):
        share = np.mean(frames.read(int(frame), int(frame) + 1) == ceiling)
        found[frame] = share > SATURATED_SHARE
        if i % 1000 == 0:
            monitor.update(i / len(candidates))
    return found


def _counted(n: int, what: str) -> str:
    return f"1 {what} is" if n == 1 else f"{n} {what}s are"


def _listed(numbers: Sequence[Any] | AnyArray) -> str:
    shown = ", ".join(str(number) for number in numbers[:_NAMED_AT_MOST])
    return shown + (", ..." if len(numbers) > _NAMED_AT_MOST else "")


def _where(still: Bools) -> str:
    """List whole columns and rows, or else pixels as row, column."""
    columns, rows = np.flatnonzero(still.all(axis=0)), np.flatnonzero(still.all(axis=1))
    if columns.size or rows.size:
        named = (("column", columns), ("row", rows))
        return "; ".join(f"{name} {_listed(found)}" for name, found in named if found.size)
    return "row, column " + _listed([f"({row}, {column})" for row, column in np.argwhere(still)])
