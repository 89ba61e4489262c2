"""Quality checks of a recording: constant, saturated and non-finite frames, dead pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from napari_uai.errors import BadValueError, counted
from napari_uai.monitor import SILENT, Monitor
from napari_uai.typing import AnyArray, Bools, Ints
from napari_uai.videos.frames import (
    Frames,
    Video,
    frames_of,
    frames_per_chunk,
    map_chunks,
    video_like,
)
from napari_uai.videos.sources.finite import FiniteFrames

SATURATED_SHARE = 0.01
"""Fraction of pixels at the largest value that makes a frame saturated; hot pixels are fewer."""

LEFT_OUT_SHARE = 0.05
"""Fraction of frames with NaN or infinity up to which they are left out."""

_BIT_DEPTHS = (8, 10, 12, 14, 16)
_NAMED_AT_MOST = 5


@dataclass(frozen=True)
class Health:
    """What is wrong with a recording.

    Attributes
    ----------
    problems
        One line each.
    not_finite
        Numbers of the frames that contain NaN or infinity.
    """

    problems: tuple[str, ...] = ()
    not_finite: Ints = field(default_factory=lambda: np.zeros(0, np.int64))

    @property
    def of_not_finite(self) -> tuple[str, ...]:
        """The problems that frames with NaN or infinity are."""
        return (_left_out(self.not_finite),) if self.not_finite.size else ()


def finite_video(video: Video, health: Health) -> Video:
    """Leave out the frames of a recording that contain NaN or infinity.

    Parameters
    ----------
    video
        Frames, rows, columns.
    health
        Of the recording.

    Returns
    -------
    Video
        Of the same length: the frame before takes the place of each that is left out.

    Raises
    ------
    BadValueError
        If more than 5 % of the frames would be left out.
    """
    left_out = health.not_finite
    if not left_out.size:
        return video
    frames = frames_of(video)
    if left_out.size > LEFT_OUT_SHARE * len(frames):
        raise BadValueError(
            f"{left_out.size} of {counted(len(frames), 'frame')} contain NaN or infinity (frame "
            f"{left_out[0]} is the first): check the pixel type, or crop or fill these pixels"
        )
    return video_like(FiniteFrames(frames, left_out), video)


def recording_health(video: Video, *, monitor: Monitor = SILENT) -> Health:
    """Find frames and pixels of a recording that are unreliable.

    Parameters
    ----------
    video
        Frames, rows, columns as delivered by the camera, without status line.
    monitor
        Progress and cancellation of the single pass over the recording.

    Returns
    -------
    Health
        One line each for frames that contain NaN or infinity, constant frames, saturated frames
        (more than 1 % of the pixels at the largest value of an 8, 10, 12, 14 or 16 bit camera), and
        pixels that never change. No problems of the last three kinds for videos in which most
        frames or pixels are constant: those are synthetic, or rejected by the stages.
    """
    frames = frames_of(video)
    if not len(frames):
        return Health()
    low, high, still = _extremes(frames, monitor.part(0.0, 0.7))
    finite = np.isfinite(low) & np.isfinite(high)
    lost = np.flatnonzero(~finite)
    said = [_left_out(lost)] if lost.size else []
    constant = finite & (low == high)
    if constant.mean() > 0.5 or still.mean() > 0.5:
        return Health(tuple(said), lost)
    saturated = _saturated(frames, high, monitor.part(0.7, 1.0)) & ~constant
    for found, what in (
        (constant, "constant"),
        (saturated, f"saturated in more than {SATURATED_SHARE:.0%} of the pixels"),
    ):
        if found.any():
            said.append(
                f"{_counted_are(found.sum(), 'frame')} {what} ({_listed(np.flatnonzero(found))}): "
                "landings within one batch of them are unreliable"
            )
    if still.any():
        said.append(
            f"{_counted_are(still.sum(), 'pixel')} dead or stuck at one value ({_where(still)}): "
            "landings there are unreliable"
        )
    return Health(tuple(said), lost)


def _left_out(lost: Ints) -> str:
    many = f"{counted(lost.size, 'frame')} {'contains' if lost.size == 1 else 'contain'}"
    place = "its place" if lost.size == 1 else "the place of each"
    return (
        f"{many} NaN or infinity ({_listed(lost)}): left out, the frame before takes {place}; "
        "landings within one batch of them are unreliable"
    )


def _extremes(frames: Frames, monitor: Monitor) -> tuple[AnyArray, AnyArray, Bools]:
    """Return the minimum and maximum of each frame, and which pixels never change."""
    first = np.array(frames.read(0, 1))

    still = np.full(frames.shape[1:], len(frames) > 1)
    lows, highs = [], []
    chunk = frames_per_chunk(frames.shape)
    look = partial(_extremes_of, frames, first)
    for low, high, same in map_chunks(look, len(frames), chunk, anywhere=True, monitor=monitor):
        lows.append(low)
        highs.append(high)
        still &= same
    return np.concatenate(lows), np.concatenate(highs), still


def _extremes_of(frames: Frames, first: AnyArray, start: int, stop: int) -> tuple[AnyArray, ...]:
    """Return minimum and maximum of some frames, and which pixels are as in the first frame."""
    block = frames.read(start, stop)
    flat = block.reshape(len(block), -1)
    return flat.min(axis=1), flat.max(axis=1), (block == first).all(axis=0)


def _saturated(frames: Frames, high: AnyArray, monitor: Monitor) -> Bools:
    """Return which frames have many pixels at the largest value of the camera."""
    found = np.zeros(len(frames), np.bool_)
    ceiling = high.max()
    if frames.dtype.kind not in "ui" or not is_largest_count(ceiling):
        return found
    candidates = np.flatnonzero(high == ceiling)
    for i, frame in enumerate(candidates):
        share = np.mean(frames.read(int(frame), int(frame) + 1) == ceiling)
        found[frame] = share > SATURATED_SHARE
        if i % 1000 == 0:
            monitor.update(i / len(candidates))
    return found


def is_largest_count(count: float) -> bool:
    """Return whether a count is the largest of a camera of 8, 10, 12, 14 or 16 bits."""
    return count in {2**bits - 1 for bits in _BIT_DEPTHS}


def _counted_are(n: int, what: str) -> str:
    return f"{counted(n, what)} {'is' if n == 1 else 'are'}"


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
