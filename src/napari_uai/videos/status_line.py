"""Photonfocus status line: camera counters in the last row or column of each frame.

Fields of four pixels hold one byte each, lowest first (Photonfocus, user manual MV1-D1024E,
MAN064, table 4.7). If a camera or frame grabber accumulates frames, all bytes are sums, and the
preamble gives the number of accumulated frames.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd

from napari_uai.errors import BadValueError
from napari_uai.monitor import SILENT, Monitor
from napari_uai.stages import stage
from napari_uai.typing import AnyArray, Floats, Ints
from napari_uai.videos.frames import (
    MappedFrames,
    Video,
    frames_of,
    frames_per_chunk,
    map_chunks,
    video_like,
)

Edges: TypeAlias = Literal["line", "both"]
"""Edges to remove: the status line, or (as in PiSCAT) the opposite edge as well."""

_PREAMBLE = np.array([0xFF, 0x00, 0xAA, 0x55], dtype=np.float64)
_FRAMES_TO_LOOK_AT = 3
_CLOCK_HZ = 80e6
_TAPS = 2
_LINE_BYTES = 96

_FIELDS = {
    "ImgCnt": 4,
    "RealTimeCnt": 8,
    "MissedTrgCnt": 12,
    "ImgAvgVal": 16,
    "IntTimeClk": 20,
    "BrstTrgNr": 24,
    "MissedBrstTrgCnt": 28,
    "ROIx_start": 32,
    "ROIx_end": 36,
    "ROIy_start": 40,
    "NrRows": 44,
    "TrgSrc": 48,
    "DigGain": 52,
    "DigOffset": 56,
    "CamType": 60,
    "SerialNr": 64,
    "FineGain": 76,
    "TrgLvl": 92,
}
"""First pixel of each field in the line."""


@dataclass(frozen=True)
class StatusLine:
    """Position of the status line of a recording.

    Attributes
    ----------
    position
        ``"row"``: the last row; ``"column"``: the last column.
    length
        Length in pixels.
    n_accumulated
        Camera frames accumulated in one frame of the file.
    first
        Whether it is the first row or column instead, as in frames that a program turned round.

    Examples
    --------
    >>> import napari_uai as uai
    >>> video = uai.open_video(uai.sample_path("landings.bin"))
    >>> uai.videos.find_status_line(video)
    StatusLine(position='row', length=40, n_accumulated=1, first=False)
    """

    position: Literal["row", "column"]
    length: int
    n_accumulated: int
    first: bool = False

    def of(self, block: AnyArray) -> AnyArray:
        """Return the lines of a block of frames."""
        at = 0 if self.first else -1
        return block[:, at, :] if self.position == "row" else block[:, :, at]


def find_status_line(video: Video) -> StatusLine | None:
    """Detect a status line in the first frames.

    Parameters
    ----------
    video
        Frames, rows, columns as delivered by the camera.

    Returns
    -------
    StatusLine or None
        None if neither an outermost row nor column begins with the preamble of the camera.

    References
    ----------
    Photonfocus, user manual MV1-D1024E, MAN064, table 4.7.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai.videos import find_status_line
    >>> find_status_line(np.zeros((3, 8, 8))) is None
    True
    """
    frames = frames_of(video)
    block = frames.read(0, min(_FRAMES_TO_LOOK_AT, frames.shape[0]))
    _, rows, columns = frames.shape
    for first in (False, True):
        for line in (StatusLine("row", columns, 1, first), StatusLine("column", rows, 1, first)):
            summed = _n_accumulated(line.of(block))
            if summed.any():
                return replace(line, n_accumulated=int(summed[summed > 0][0]))
    return None


@stage(
    "Read status line",
    menu="measure",
    methods="The status line that the camera writes into each frame was decoded",
)
def read_status_line(video: Video, *, monitor: Monitor = SILENT) -> pd.DataFrame:
    """Decode the status line of every frame.

    Parameters
    ----------
    video
        Frames, rows, columns as delivered by the camera.
    monitor
        Progress and cancellation.

    Returns
    -------
    pandas.DataFrame
        One row per frame; ``attrs["status_line_position"]`` is ``"row"`` or ``"column"``.
        Only fields that fit the length of the line:

        ``frame``
            Counted from 0 in this video.
        ``NrAcc``
            Camera frames accumulated; 0 if the line is damaged, whose other fields are missing.
        ``ImgCnt``, ``RealTimeCnt``
            Image counter (24 bits), time in µs (32 bits) since the camera started.
        ``MissedTrgCnt``, ``MissedBrstTrgCnt``
            Triggers and burst triggers that came too early; saturates at 255.
        ``ImgAvgVal``
            Mean of the image, 12 bits.
        ``IntTimeClk``, ``IntTime``
            Exposure in cycles of the 80 MHz clock, and in ms (two taps).
        ``BrstTrgNr``
            Number of the burst trigger.
        ``ROIx_start``, ``ROIx_end``, ``NrCols``, ``ROIy_start``, ``ROIy_end``, ``NrRows``
            Window on the sensor, px, ends included.
        ``TrgSrc``
            0 free running, 1 interface, 2 I/O.
        ``DigGain``, ``DigOffset``, ``FineGain``
            Gain as a factor (a power of two), offset in counts, fine gain as a factor.
        ``CamType``, ``SerialNr``
            110 is the MV1-D1024E-160-CL-12.
        ``TrgLvl``
            Level of the trigger inputs, four bits.

        Values of accumulated frames are means.

    Raises
    ------
    BadValueError
        If the video has no status line.

    References
    ----------
    Photonfocus, user manual MV1-D1024E, MAN064, table 4.7.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai import iscat
    >>> video = np.full((3, 8, 8), 120, np.uint8)
    >>> video[:, -1, :4] = 0xFF, 0x00, 0xAA, 0x55
    >>> video[:, -1, 4:] = [[7, 1, 0, 0], [8, 1, 0, 0], [10, 1, 0, 0]]
    >>> iscat.read_status_line(video)[["frame", "ImgCnt"]]
       frame  ImgCnt
    0      0     263
    1      1     264
    2      2     266
    """
    found = find_status_line(video)
    if found is None:
        raise BadValueError(
            "the video has no status line in its last row or column: enable it in the camera, "
            "or check height and width"
        )
    frames = frames_of(video)

    def line(start: int, stop: int) -> Floats:
        block = frames.read(start, stop)
        edge = found.of(block)
        return edge[:, :_LINE_BYTES].astype(np.float64)

    chunk = frames_per_chunk(frames.shape)
    lines = np.concatenate(
        list(map_chunks(line, len(frames), chunk, monitor=monitor, message="status line"))
    )
    table = pd.DataFrame({"frame": np.arange(len(frames)), **_decoded(lines)})
    table.attrs["status_line_position"] = found.position
    return table


def _origin(video: Video, parameters: Mapping[str, Any]) -> tuple[int, int, int]:
    return (0, *status_line_origin(video, **parameters))


@stage(
    "Remove status line",
    menu="filter",
    origin=_origin,
    methods="The status line of the camera, where there was one, was cropped",
)
def remove_status_line(video: Video, *, edges: Edges = "line") -> Video:
    """Crop the status line; a video without one is returned unchanged.

    Parameters
    ----------
    video
        Frames, rows, columns as delivered by the camera.
    edges
        ``line`` removes the row or column of the line; ``both`` also the one opposite, as in
        PiSCAT, which shifts positions (see :func:`status_line_origin`).

    Returns
    -------
    Video
        A view of a numpy array; others stay lazy.

    Raises
    ------
    BadValueError
        If ``edges`` is unknown, or nothing of the frame would remain.

    References
    ----------
    Photonfocus, user manual MV1-D1024E, MAN064, table 4.7.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai import iscat
    >>> video = np.full((3, 8, 8), 120, np.uint8)
    >>> video[:, -1, :4] = 0xFF, 0x00, 0xAA, 0x55
    >>> iscat.remove_status_line(video).shape
    (3, 7, 8)
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
            f"frames of {height} x {width} px contain only the status line: check height and width"
        )
    if isinstance(video, np.ndarray):
        return video[:, rows, columns]
    cut = partial(_cut, line=found, edges=edges)
    label = "remove-status-line"
    return video_like(
        MappedFrames(frames, cut, label=label, dtype=frames.dtype, frame_shape=left), video
    )


def status_line_origin(video: Video, *, edges: Edges = "line") -> tuple[int, int]:
    """Return the offset from positions in the cropped video to positions in the file.

    Parameters
    ----------
    video
        Video before :func:`remove_status_line`.
    edges
        As for :func:`remove_status_line`.

    Returns
    -------
    tuple of int
        Rows and columns, px.

    Raises
    ------
    BadValueError
        If ``edges`` is unknown.

    Examples
    --------
    >>> import napari_uai as uai
    >>> video = uai.open_video(uai.sample_path("landings.bin"))
    >>> uai.videos.status_line_origin(video, edges="both")
    (1, 0)
    """
    found = _found(video, edges)
    if found is None:
        return 0, 0
    rows, columns = _kept(found, edges)
    return rows.start or 0, columns.start or 0


def image_without(line: StatusLine | None, shape: tuple[int, int]) -> tuple[range, range]:
    """Return the rows and columns of frames of a shape that a status line does not take."""
    height, width = shape
    if line is None:
        return range(height), range(width)
    rows, columns = _kept(line, "line")
    return range(height)[rows], range(width)[columns]


def _found(video: Video, edges: Edges) -> StatusLine | None:
    if edges not in {"line", "both"}:
        raise BadValueError(f"edges must be 'line' or 'both', got {edges!r}")
    return find_status_line(video)


def _kept(found: StatusLine, edges: Edges) -> tuple[slice, slice]:
    both = edges == "both"
    kept = slice(int(found.first or both), None if found.first and not both else -1)
    return (kept, slice(None)) if found.position == "row" else (slice(None), kept)


def _cut(block: AnyArray, *, line: StatusLine, edges: Edges) -> AnyArray:
    rows, columns = _kept(line, edges)
    return block[:, rows, columns]


def _n_accumulated(lines: AnyArray) -> Ints:
    """Return the number of camera frames accumulated in each line; 0 if it is not a status line."""
    if lines.shape[1] < 4:
        return np.zeros(lines.shape[0], np.int64)
    head = lines[:, :4].astype(np.float64)
    times = np.nan_to_num(np.rint(head[:, 0] / _PREAMBLE[0]), nan=0, posinf=0, neginf=0)
    matches = (head == times[:, None] * _PREAMBLE).all(axis=1) & (times >= 1)
    return np.where(matches, times, 0).astype(np.int64)


def _fields(lines: Floats) -> Iterator[tuple[str, Floats]]:
    """Yield the fields that fit the length of the lines, four bytes each."""
    for name, first in _FIELDS.items():
        if lines.shape[1] >= first + 4:
            yield name, lines[:, first : first + 4] @ (256.0 ** np.arange(4))


def _decoded(lines: Floats) -> dict[str, AnyArray]:
    summed = _n_accumulated(lines)
    good = summed > 0
    divisor = np.where(good, summed, np.nan)
    fields = {name: value / divisor for name, value in _fields(lines)}
    if "IntTimeClk" in fields:
        fields["IntTime"] = fields["IntTimeClk"] / _CLOCK_HZ * _TAPS * 1000
    if "ROIx_end" in fields:
        fields["NrCols"] = fields["ROIx_end"] - fields["ROIx_start"] + 1
    if "NrRows" in fields:
        fields["NrRows"] += 1
        fields["ROIy_end"] = fields["ROIy_start"] + fields["NrRows"] - 1
    if "DigGain" in fields:
        with np.errstate(over="ignore"):  # a damaged line may contain any value
            fields["DigGain"] = 2.0 ** fields["DigGain"]
    if "FineGain" in fields:
        fields["FineGain"] = fields["FineGain"] / 2**12  # weights of the 16 bits: 2^3 to 2^-12
    return {"NrAcc": summed, **{name: _as_whole(value) for name, value in fields.items()}}


def _as_whole(values: Floats) -> AnyArray:
    """Return whole numbers as integers, other values (including missing ones) unchanged."""
    whole = np.isfinite(values).all() and (values == np.rint(values)).all()
    return values.astype(np.int64) if whole else values
