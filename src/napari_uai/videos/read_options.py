"""What the caller says about a recording: shape of a headerless file, meaning of axes, choice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, TypedDict, cast

import numpy.typing as npt

from napari_uai.errors import BadValueError
from napari_uai.videos.pixel_types import PackedType, PixelType, bytes_of, pixel_type

AxisOrder: TypeAlias = Literal["height-width", "width-height"]
"""How the arguments ``height`` and ``width`` map to the frames of a headerless file.

``height-width``: a frame is ``height`` rows of ``width`` pixels. ``width-height``: a frame is
``width`` rows of ``height`` pixels, as PiSCAT reads it; the video is then exactly the array that
PiSCAT would give for its ``img_width`` and ``img_height``.
"""

FrameRange: TypeAlias = tuple[int | None, int | None]
"""First frame and the one after the last, counted from 0; None: from the start, to the end."""


class ReadKeywords(TypedDict, total=False):
    """The fields of :class:`ReadOptions`, as keywords of functions that open a recording."""

    height: int | None
    width: int | None
    dtype: npt.DTypeLike | PackedType | None
    offset: int | None
    frames: FrameRange | None
    axis_order: AxisOrder
    frame_header: int | None
    axes: str | None
    plane: int | None
    channel: int | None
    image: str | None
    trust_shape: bool


@dataclass(frozen=True)
class ReadOptions:
    """What the caller knows of a recording, and what to take of it.

    Parameters
    ----------
    height, width
        Rows and columns of a frame of a headerless file; checked against the file for other
        formats. None if unknown.
    dtype
        Pixel type with byte order, e.g. ``"<u2"``, or packed: ``"mono12p"``, ``"mono10p"``,
        ``"mono12packed"``, ``"mono10packed"``; checked against the file for other formats. None
        if unknown.
    offset
        Bytes before the first frame of a headerless file; None if unknown.
    frames
        Frames to take, as ``(start, stop)``; None at either end means all.
    axis_order
        Meaning of ``height`` and ``width``: ``"width-height"`` reads headerless files as PiSCAT
        does, with ``width`` rows of ``height`` pixels.
    frame_header
        Bytes before each frame of a headerless file; None: there are none.
    axes
        A letter for each axis of a stored array, such as ``"TZYX"``: time, depth, channel (C),
        rows, columns, colours (S); None: as the file states.
    plane, channel
        Plane (axis Z) and channel (axis C) to take; None if there is one.
    image
        Name or number of the image to take from a file of several; None if there is one.
    trust_shape
        Whether to open a file whose pixels contradict the given shape.

    Raises
    ------
    BadValueError
        If a value is impossible.

    Examples
    --------
    >>> from napari_uai.videos import ReadOptions
    >>> ReadOptions(height=72, width=96, dtype="<u2").frame_bytes
    13824
    >>> ReadOptions(height=72, width=0)
    Traceback (most recent call last):
        ...
    napari_uai.errors.BadValueError: width must be an integer >= 1, got 0
    """

    height: int | None = None
    width: int | None = None
    dtype: npt.DTypeLike | PackedType | None = None
    offset: int | None = None
    frames: FrameRange | None = None
    axis_order: AxisOrder = "height-width"
    frame_header: int | None = None
    axes: str | None = None
    plane: int | None = None
    channel: int | None = None
    image: str | None = None
    trust_shape: bool = False

    def __post_init__(self) -> None:
        checked = {
            "height": _integer("height", self.height, 1),
            "width": _integer("width", self.width, 1),
            "dtype": None if self.dtype is None else pixel_type(self.dtype),
            "offset": _integer("offset", self.offset, 0),
            "frames": _checked_range(self.frames),
            "frame_header": _integer("frame_header", self.frame_header, 0),
            "axes": _checked_axes(self.axes),
            "plane": _integer("plane", self.plane, 0),
            "channel": _integer("channel", self.channel, 0),
            "image": None if self.image is None else str(self.image),
        }
        if self.axis_order not in {"height-width", "width-height"}:
            raise BadValueError(
                f"axis_order must be 'height-width' or 'width-height', got {self.axis_order!r}"
            )
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    @property
    def rows(self) -> int | None:
        """Rows of a frame, by the axis order."""
        return self.height if self.axis_order == "height-width" else self.width

    @property
    def columns(self) -> int | None:
        """Columns of a frame, by the axis order."""
        return self.width if self.axis_order == "height-width" else self.height

    @property
    def pixels(self) -> PixelType | None:
        """Type of the pixels."""
        return cast("PixelType | None", self.dtype)

    @property
    def frame_bytes(self) -> int | None:
        """Bytes from one frame to the next; None unless rows, columns and type are known."""
        if self.height is None or self.width is None or self.pixels is None:
            return None
        return bytes_of(self.pixels, self.height * self.width) + (self.frame_header or 0)

    @property
    def facts(self) -> dict[str, Any]:
        """What is known, by the keys of a sidecar: rows are ``height``, columns ``width``."""
        facts = {
            "height": self.rows,
            "width": self.columns,
            "dtype": None if self.pixels is None else self.pixels.str,
            "offset": self.offset,
            "frame_header": self.frame_header,
        }
        return {name: value for name, value in facts.items() if value is not None}


def _checked_range(frames: FrameRange | None) -> FrameRange | None:
    if frames is None:
        return None
    first, last = frames
    start, stop = _integer("first frame", first, 0), _integer("end of the frames", last, 1)
    if stop is not None and stop <= (start or 0):
        raise BadValueError(
            f"frames {start or 0}:{stop} is an empty range: STOP must be above START"
        )
    return start, stop


def _checked_axes(axes: str | None) -> str | None:
    if axes is None:
        return None
    letters = str(axes).upper()
    if not letters.isalpha() or len(set(letters)) < len(letters) or not {"Y", "X"} <= {*letters}:
        raise BadValueError(
            f"axes must be different letters, Y (rows) and X (columns) among them, such as TZYX, "
            f"got {axes!r}"
        )
    return letters


def _integer(name: str, value: int | None, least: int) -> int | None:
    if value is None:
        return None
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = least - 1
    if number != value or number < least or isinstance(value, bool):
        raise BadValueError(f"{name} must be an integer >= {least}, got {value!r}")
    return number


UNKNOWN = ReadOptions()
"""Nothing is known; all frames are taken."""
