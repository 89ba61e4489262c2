"""Power spectra of frames, which show stripes, fringes and patterns of the camera as points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal, TypeAlias

import numpy as np
import scipy.fft

from napari_uai.stages import Raster, stage
from napari_uai.typing import AnyArray, Floats, Floats32
from napari_uai.videos.frames import Video, frames_of, per_frame

Taper: TypeAlias = Literal["none", "hann"]
"""Window by which a frame is multiplied."""

_ROUNDING = 1e-30
"""Power relative to that of the strongest pixel below which a sum of squares is rounding."""


def _in_cycles(inputs: Sequence[Any], _parameters: Mapping[str, Any]) -> Raster:
    """Place the pixels of a spectrum at their frequencies."""
    _, rows, columns = frames_of(inputs[0]).shape
    first = (0.0, -(rows // 2) / rows, -(columns // 2) / columns)
    return Raster((1.0, 1 / rows, 1 / columns), first, own_axes=True)


@stage(
    "Power spectrum",
    menu="measure",
    renumbers=True,
    raster=_in_cycles,
    methods="The power spectrum of each frame was computed",
)
def power_spectrum(video: Video, *, taper: Taper = "hann") -> Video:
    """Compute the power of each spatial frequency of each frame, on a logarithmic scale.

    The mean of the frame is in the centre; pixel (r, c) is the frequency ``(r - rows // 2) / rows,
    (c - columns // 2) / columns`` in cycles per px, and so in napari, where the layer has its own
    axes.

    Parameters
    ----------
    video
        Frames, rows, columns; any real dtype.
    taper
        ``hann``: the frame without its mean is multiplied by a Hann window along rows and columns,
        because the step from one border to the opposite one is seen as a cross; ``none``: it is
        transformed as it is.

    Returns
    -------
    Video
        float32, same shape; log10 of the power per pixel: in white noise its mean is the variance,
        in the centre it is the squared mean times the number of pixels. Powers that are rounding
        only (1e-30 of the largest) are raised to that.

    Raises
    ------
    BadValueError
        If ``taper`` is none of the two.

    References
    ----------
    Harris, Proc. IEEE 66, 51 (1978), doi:10.1109/PROC.1978.10837.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai import iscat
    >>> stripes = 100 + np.cos(2 * np.pi * np.arange(64) / 8) + np.zeros((1, 64, 64))
    >>> spectrum = iscat.power_spectrum(stripes)
    >>> spectrum[0, 32, 32] = 0
    >>> row, column = np.unravel_index(np.argmax(spectrum[0]), (64, 64))
    >>> (int(row) - 32) / 64, abs(int(column) - 32) / 64
    (0.0, 0.125)
    """
    return per_frame(video, partial(_spectra, taper=taper), label="power-spectrum")


def _spectra(frames: AnyArray, *, taper: Taper) -> Floats32:
    _, rows, columns = frames.shape
    window = _hann(rows)[:, np.newaxis] * _hann(columns) if taper == "hann" else np.ones(1)
    mean = frames.mean(axis=(1, 2), keepdims=True, dtype=np.float64)
    pixels = rows * columns
    weight = np.broadcast_to(window**2, (rows, columns)).sum()
    transform = scipy.fft.fft2((frames - mean) * window, axes=(1, 2))
    power = scipy.fft.fftshift(np.abs(transform) ** 2, axes=(1, 2)) / weight
    power[:, rows // 2, columns // 2] = pixels * mean[:, 0, 0] ** 2
    least = np.maximum(_ROUNDING * power.max(axis=(1, 2), keepdims=True), np.finfo(np.float32).tiny)
    logarithm: Floats32 = np.log10(np.maximum(power, least)).astype(np.float32)
    return logarithm


def _hann(n: int) -> Floats:
    """Return a periodic Hann window, shifted by half a pixel so that none is lost at the border."""
    window: Floats = np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 2
    return window
