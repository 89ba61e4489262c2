"""Photonfocus status line: the camera's own record in the last row or column of each frame.

Fields of four pixels hold one byte each, lowest first (Photonfocus, user manual MV1-D1024E,
MAN064, table 4.7). When a camera or grabber adds up frames, all bytes are sums and the preamble
tells how many frames were added.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from napari_uai.errors import BadValueError
from napari_uai.videos.frames import (
    MappedFrames,
    Video,
    frames_of,
    lazy_video,
)

Edges: TypeAlias = Literal["line", "both"]
"""What removing a status line takes away: the line, or (as PiSCAT) the opposite edge as well."""

_PREAMBLE = np.array([0xFF, 0x00, 0xAA, 0x55], dtype=np.float64)
_FRAMES_TO_LOOK_AT = 3


@dataclass(frozen=True)
class StatusLine:
    """Where the status line of a recording is.

    Attributes
    ----------
    position
        ``"row"``: the last row; ``"column"``: the last column.
    length
        Number of its pixels.
    n_accumulated
        Camera frames added up in one frame of the file.
    """

    position: Literal["row", "column"]
    length: int
    n_accumulated: int


def find_status_line(video: Video) -> StatusLine | None:
    """Look for a status line in the first frames.

    Parameters
    ----------
    video
        Frames, rows, columns as the camera gave them.

    Returns
    -------
    StatusLine or None
        None if neither the last row nor the last column begins with the camera's preamble.
    """
    frames = frames_of(video)
    block = frames.read(0, min(_FRAMES_TO_LOOK_AT, frames.shape[0]))
    lines: tuple[tuple[Literal["row", "column"], npt.NDArray[Any]], ...] = (
        ("row", block[:, -1, :]),
        ("column", block[:, :, -1]),
    )
    for position, line in lines:
        summed = _n_accumulated(line)
        if summed.any():
            return StatusLine(position, line.shape[1], int(summed[summed > 0][0]))
    return None


def remove_status_line(video: Video, *, edges: Edges = "line") -> Video:
    """Cut the status line off; a video without one is returned as it is.

    Parameters
    ----------
    video
        Frames, rows, columns as the camera gave them.
    edges
        ``line`` takes away the last row or column; ``both`` also the first one, as PiSCAT does,
        which shifts positions (see :func:`status_line_origin`).

    Returns
    -------
    Video
        A view; dask stays lazy.

    Raises
    ------
    BadValueError
        If nothing of the frame would be left.
    """
    found = _found(video, edges)
    if found is None:
        return video
    rows, columns = _kept(found, edges)
    frames = frames_of(video)
    _, height, width = frames.shape
    left = (len(range(height)[rows]), len(range(width)[columns]))
    if 0 in left:
        raise BadValueError(
            f"frames of {height} x {width} px hold nothing beside the status line: "
            "check height and width"
        )
    if isinstance(video, np.ndarray):
        return video[:, rows, columns]
    cut = partial(_cut, position=found.position, edges=edges)
    return lazy_video(
        MappedFrames(frames, cut, label="remove-status-line", dtype=frames.dtype, frame_shape=left)
    )


def status_line_origin(video: Video, *, edges: Edges = "line") -> tuple[int, int]:
    """Return what to add to positions in the cut video to get positions in the file.

    Parameters
    ----------
    video
        The video before :func:`remove_status_line`.
    edges
        As given there.

    Returns
    -------
    tuple of int
        Rows and columns, px.
    """
    found = _found(video, edges)
    if found is None:
        return 0, 0
    rows, columns = _kept(found, edges)
    return rows.start or 0, columns.start or 0


def _found(video: Video, edges: Edges) -> StatusLine | None:
    if edges not in {"line", "both"}:
        raise BadValueError(f"edges must be 'line' or 'both', got {edges!r}")
    return find_status_line(video)


def _kept(found: StatusLine, edges: Edges) -> tuple[slice, slice]:
    kept = slice(1 if edges == "both" else 0, -1)
    return (kept, slice(None)) if found.position == "row" else (slice(None), kept)


def _cut(
    block: npt.NDArray[Any], *, position: Literal["row", "column"], edges: Edges
) -> npt.NDArray[Any]:
    rows, columns = _kept(StatusLine(position, 0, 0), edges)
    return block[:, rows, columns]


def _n_accumulated(lines: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Return how many camera frames each line sums; 0 where it is no status line."""
    if lines.shape[1] < 4:
        return np.zeros(lines.shape[0], np.int64)
    head = lines[:, :4].astype(np.float64)
    times = np.nan_to_num(np.rint(head[:, 0] / _PREAMBLE[0]), nan=0, posinf=0, neginf=0)
    matches = (head == times[:, None] * _PREAMBLE).all(axis=1) & (times >= 1)
    return np.where(matches, times, 0).astype(np.int64)
