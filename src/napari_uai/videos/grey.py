"""Convert colour images to grey."""

from __future__ import annotations

from functools import partial

import numpy as np

from napari_uai.typing import AnyArray
from napari_uai.videos.frames import Frames, MappedFrames

RGB_WEIGHTS = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in the luma of Rec. ITU-R BT.601, common in camera software."""

_THOUSANDTHS = tuple(round(1000 * weight) for weight in RGB_WEIGHTS)
_BLOCK = 2**14
"""Pixels converted at a time, which fit into the cache of a processor as floats."""


def to_grey(colour: AnyArray) -> AnyArray:
    """Convert colours to grey; the last axis is removed.

    Parameters
    ----------
    colour
        Any shape; the last axis is red, green, blue and maybe alpha (ignored), or grey and alpha.

    Returns
    -------
    numpy.ndarray
        The same type. Integers are rounded, halves to the next even number.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai.videos.grey import to_grey
    >>> to_grey(np.array([[255, 0, 0], [0, 255, 0], [10, 20, 30]], np.uint8))
    array([ 76, 150,  18], dtype=uint8)
    """
    if colour.shape[-1] < 3:
        return colour[..., 0]
    pixels = colour.reshape(-1, colour.shape[-1])
    grey = np.empty(len(pixels), colour.dtype)
    convert = _rounded if colour.dtype.kind in "ui" else _weighted
    for start in range(0, len(pixels), _BLOCK):
        grey[start : start + _BLOCK] = convert(pixels[start : start + _BLOCK])
    return grey.reshape(colour.shape[:-1])


def _rounded(pixels: AnyArray) -> AnyArray:
    """Return grey whole numbers of colours that are whole numbers.

    Sums of thousandths are exact in floats, so that only the quotient is rounded.
    """
    import cv2

    exact = np.float32 if pixels.dtype.itemsize == 1 else np.float64
    weights = np.zeros((1, pixels.shape[1]), exact)
    weights[0, :3] = _THOUSANDTHS
    sums = np.asarray(cv2.transform(pixels.astype(exact)[np.newaxis], weights))
    sums /= exact(1000)
    return np.asarray(np.rint(sums, out=sums).reshape(-1))


def _weighted(pixels: AnyArray) -> AnyArray:
    parts = (w * pixels[:, i].astype(np.float64) for i, w in enumerate(RGB_WEIGHTS))
    return np.asarray(sum(parts))


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
