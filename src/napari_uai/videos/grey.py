"""Convert colour images to grey."""

from __future__ import annotations

from functools import partial

import numpy as np

from napari_uai.typing import AnyArray
from napari_uai.videos.frames import Frames, MappedFrames

RGB_WEIGHTS = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in the luma of Rec. ITU-R BT.601, common in camera software."""


def to_grey(colour: AnyArray) -> AnyArray:
    """Convert colours to grey; the last axis is removed.

    Parameters
    ----------
    colour
        Any shape; the last axis is red, green, blue and maybe alpha (ignored), or grey and alpha.

    Returns
    -------
    numpy.ndarray
        The same type; integers are rounded.
    """
    if colour.shape[-1] < 3:
        return colour[..., 0]
    grey = sum(
        weight * colour[..., channel].astype(np.float64)
        for channel, weight in enumerate(RGB_WEIGHTS)
    )
    result = np.asarray(grey)
    if colour.dtype.kind in "ui":
        result = np.rint(result)
    return result.astype(colour.dtype)


def interleaved_to_grey(block: AnyArray, *, channels: int) -> AnyArray:
    """Return grey frames of frames whose rows hold red, green, blue, red, green, blue, ..."""
    n, height, width = block.shape
    return to_grey(block.reshape(n, height, width // channels, channels))


def grey_frames(interleaved: Frames, channels: int) -> Frames:
    """Return grey frames of frames whose rows interleave ``channels`` colours."""
    _, height, width = interleaved.shape
    return MappedFrames(
        interleaved,
        partial(interleaved_to_grey, channels=channels),
        label="grey",
        dtype=interleaved.dtype,
        frame_shape=(height, width // channels),
    )
