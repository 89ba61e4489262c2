"""Orientation: frames turned by quarters and flipped, as for another camera or its readout."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal, TypeAlias

import numpy as np
from annotated_types import Ge, Le

from napari_uai.stages import stage
from napari_uai.typing import AnyArray
from napari_uai.videos.frames import MappedFrames, Video, frames_of, video_like

Flip: TypeAlias = Literal["none", "rows", "columns"]
"""Order that is reversed: that of the rows (upside down), or of the columns."""


@stage(
    "Turn or flip frames",
    menu="filter",
    renumbers=True,
    methods="Frames were turned or flipped",
)
def turn_frames(
    video: Video, *, quarter_turns: Annotated[int, Ge(0), Le(3)] = 0, flip: Flip = "none"
) -> Video:
    """Turn each frame by multiples of 90 degrees, then flip it.

    Parameters
    ----------
    video
        Frames, rows, columns; any dtype; without its status line.
    quarter_turns
        Turns of 90 degrees, counter-clockwise where rows are drawn downwards.
    flip
        Afterwards, reverse the order of ``rows`` or ``columns``; or ``none``.

    Returns
    -------
    Video
        Same dtype; rows and columns exchanged after 1 or 3 turns. Positions found in it are its
        own.

    Raises
    ------
    BadValueError
        If a parameter is outside its limits.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai import iscat
    >>> iscat.turn_frames(np.arange(6).reshape(1, 2, 3), quarter_turns=1)[0]
    array([[2, 5],
           [1, 4],
           [0, 3]])
    """
    frames = frames_of(video)
    height, width = frames.shape[1:]
    turned = MappedFrames(
        frames,
        partial(_turned, quarter_turns=quarter_turns, flip=flip),
        label="turned",
        dtype=frames.dtype,
        frame_shape=(width, height) if quarter_turns % 2 else (height, width),
    )
    return video_like(turned, video)


def _turned(frames: AnyArray, *, quarter_turns: int, flip: Flip) -> AnyArray:
    out = np.rot90(frames, quarter_turns, axes=(1, 2))
    if flip != "none":
        out = np.flip(out, axis=1 if flip == "rows" else 2)
    return np.ascontiguousarray(out)
