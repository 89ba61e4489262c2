"""The status line that a Photonfocus camera writes into its images."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_uai.typing import AnyArray, Ints

PREAMBLE = 0x55AA00FF
"""Bytes FF 00 AA 55, little-endian."""

CLOCK_HZ = 80e6
TAPS = 2
CAMERA_TYPE = 110
SERIAL_NUMBER = 4711


def status_lines(
    image_count: Ints,
    image_mean: AnyArray,
    *,
    length: int,
    frame_rate_hz: float,
    shape: tuple[int, int],
) -> npt.NDArray[np.uint16]:
    """Return the status line of each frame: one byte per pixel, little-endian fields.

    Parameters
    ----------
    image_count
        Image counter of the camera in each frame.
    image_mean
        Mean of each image, in counts.
    length
        Length of the line, in pixels; fields that do not fit are omitted, other pixels are zero.
    frame_rate_hz
        Frame rate, which determines time stamps and exposure.
    shape
        Rows and columns of the image.

    Returns
    -------
    numpy.ndarray
        Frames, pixels of the line; uint16.
    """
    lines = np.zeros((len(image_count), length), np.uint16)
    exposure_s = 0.9 / frame_rate_hz
    fields: dict[int, Any] = {
        0: PREAMBLE,
        4: image_count,
        8: np.round(image_count * (1e6 / frame_rate_hz)).astype(np.int64),
        12: 0,
        16: np.round(image_mean).astype(np.int64),
        20: round(exposure_s * CLOCK_HZ / TAPS),
        24: 0,
        28: 0,
        32: 0,
        36: shape[1] - 1,
        40: 0,
        44: shape[0] - 1,
        48: 0,
        52: 0,
        56: 0,
        60: CAMERA_TYPE,
        64: SERIAL_NUMBER,
    }
    for offset, value in fields.items():
        if offset + 4 <= length:
            shifts = np.arange(4) * 8
            values = np.broadcast_to(np.asarray(value, np.int64), (len(image_count),))
            lines[:, offset : offset + 4] = (values[:, None] >> shifts) & 0xFF
    return lines
