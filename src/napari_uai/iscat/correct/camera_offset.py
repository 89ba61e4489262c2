"""Counts that a camera adds without light, from the noise of its pixels."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import numpy as np
from dask.base import tokenize
from pydantic import BeforeValidator

from napari_uai.errors import BadValueError, TooFewFramesError
from napari_uai.iscat.correct.dark_frame import dark_frame_subtraction
from napari_uai.iscat.correct.transfer_line import pixel_noise, transfer_line
from napari_uai.typing import Floats32
from napari_uai.videos.find_once import Memo
from napari_uai.videos.formats import open_frames
from napari_uai.videos.frames import Frames, frames_of
from napari_uai.videos.status_line import remove_status_line


def _written(value: Any) -> Any:
    """Return numbers as text."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"{value:g}"
    return value


CameraOffset: TypeAlias = Annotated[str, BeforeValidator(_written)]
"""Counts without light, ``estimated``, or the path of a recording without light."""

ESTIMATED = "estimated"
NO_OFFSET = "0"


def estimated_offset(frames: Frames) -> float:
    """Estimate the counts without light from pairs of frames spread over a recording.

    Parameters
    ----------
    frames
        Counts.

    Returns
    -------
    float
        Not negative.

    Raises
    ------
    TooFewFramesError
        If there are fewer than 20 frames.
    BadValueError
        If pixels differ too little in brightness for an estimate.
    """
    if len(frames) < 20:
        raise TooFewFramesError(
            f"the offset cannot be estimated from {len(frames)} frames: state it in counts"
        )
    levels = pixel_noise(frames)
    line = transfer_line(
        np.concatenate([level.mean.ravel() for level in levels]),
        np.concatenate([level.variance.ravel() for level in levels]),
        whole_counts=frames.dtype.kind in "ui",
    )
    if line is None:
        raise BadValueError(
            "the offset cannot be estimated: pixels differ too little in brightness; state it in "
            "counts, or give a recording without light"
        )
    return max(line.offset, 0.0)


def without_offset(frames: Frames, offset: str) -> Frames:
    """Subtract what the camera adds without light.

    Parameters
    ----------
    frames
        Counts.
    offset
        As :data:`CameraOffset`.

    Returns
    -------
    Frames
        float32; the unchanged frames if the offset is 0.

    Raises
    ------
    BadValueError
        If the offset is neither counts nor an existing recording of the same size.
    """
    if offset == ESTIMATED:
        return OffsetFrames(frames, None)
    try:
        counts = float(offset)
    except ValueError:
        return frames_of(dark_frame_subtraction(frames, dark_recording(Path(offset))))
    if not 0 <= counts < np.inf:
        raise BadValueError(f"offset must be 0 or more counts, got {offset}")
    return OffsetFrames(frames, counts) if counts else frames


def dark_recording(path: Path) -> Frames:
    """Open a recording without light, without its status line.

    Raises
    ------
    BadValueError
        If there is none.
    """
    choices = f"a number of counts, {ESTIMATED}, or the path of a recording without light"
    return opened_recording(path, f"offset must be {choices}")


def opened_recording(path: Path, wanted: str) -> Frames:
    """Open a recording without its status line.

    Raises
    ------
    BadValueError
        If there is none; the message begins with what is wanted.
    """
    if not path.exists():
        raise BadValueError(f"{wanted}; {path} does not exist")
    frames, _ = open_frames(path)
    return frames_of(remove_status_line(frames))


class OffsetFrames(Frames):
    """Frames minus an offset, estimated when the first frame is read unless it is known."""

    def __init__(self, source: Frames, counts: float | None) -> None:
        self.source = source
        self.counts = counts
        self.shape = source.shape
        self.dtype = np.dtype(np.float32)
        self._offset = Memo(partial(_known, source, counts))

    @property
    def name(self) -> str:
        """Name of the source and the offset."""
        return f"offset-{tokenize(self.source.name, self.counts)}"

    def read(self, start: int, stop: int) -> Floats32:
        """Read the source's frames and subtract the offset."""
        counts = np.asarray(self.source.read(start, stop), np.float32)
        return np.asarray(counts - np.float32(self._offset()), np.float32)


def _known(frames: Frames, counts: float | None) -> float:
    return estimated_offset(frames) if counts is None else counts
