"""Registration of a drifting field by whole pixels."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import numpy as np
from annotated_types import Ge, Unit
from dask.base import tokenize
from scipy.ndimage import gaussian_filter

from napari_uai.errors import BadValueError
from napari_uai.iscat.correct.binning import BinnedFrames
from napari_uai.monitor import raise_if_cancelled
from napari_uai.stages import stage
from napari_uai.typing import AnyArray, Floats, Ints
from napari_uai.videos.find_once import Memo
from napari_uai.videos.frames import Frames, Video, frames_of, video_like

STRUCTURE_PX = 4.0
"""Wider structures, such as the profile of the illumination, do not move with the sample."""

KEY_SHARE = 0.2
"""Drift, as a share of the shorter side, after which images are compared with a newer one."""

LEAST_SIDE = 8


@stage(
    "Register drift",
    menu="register",
    methods="Stage drift was measured by phase correlation of the means of consecutive frames, and "
    "frames were shifted back by whole pixels",
)
def register_drift(video: Video, *, bin_size: Annotated[int, Ge(1), Unit("frames")] = 500) -> Video:
    """Shift frames by whole pixels, so that the sample stays where it is in the first ones.

    For long recordings in which the stage drifts by a pixel and more. Pixels are not interpolated,
    which would correlate their noise; what remains is less than a pixel, and is left to
    :func:`~napari_uai.iscat.stage_drift_correction` and
    :func:`~napari_uai.iscat.detect_steps`. Patterns of the camera are shifted as well: correct them
    before.

    Parameters
    ----------
    video
        Frames, rows, columns; any real dtype; counts or relative intensity.
    bin_size
        Frames whose mean is compared; the drift within them must be small.

    Returns
    -------
    Video
        Same shape, dtype and unit. Where a shifted frame has no pixels, its nearest ones are
        repeated.

    Raises
    ------
    BadValueError
        If the frames have fewer than 8 rows or columns.

    References
    ----------
    Guizar-Sicairos et al., Opt. Lett. 33, 156 (2008), doi:10.1364/OL.33.000156.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai import iscat
    >>> scene = np.random.default_rng(0).poisson(1000, (40, 48))
    >>> video = np.stack([scene[i // 20 : 32 + i // 20, 5:37] for i in range(80)])
    >>> registered = iscat.register_drift(video, bin_size=10)
    >>> bool((registered[79, 3:] == video[0, 3:]).all())
    True
    """
    frames = frames_of(video)
    if min(frames.shape[1:]) < LEAST_SIDE:
        height, width = frames.shape[1:]
        raise BadValueError(
            f"registering drift needs {LEAST_SIDE} rows and columns at least, got {height} x "
            f"{width}"
        )
    return video_like(RegisteredFrames(frames, bin_size), video)


class RegisteredFrames(Frames):
    """Frames shifted by whole pixels; the shifts are measured when the first one is read."""

    def __init__(self, source: Frames, bin_size: int) -> None:
        self.source = source
        self.bin_size = bin_size
        self.shape = source.shape
        self.dtype = source.dtype
        self._shifts = Memo(partial(_whole_shifts, source, bin_size))

    @property
    def name(self) -> str:
        """Name of the source, and the frames per bin."""
        return f"registered-{tokenize(self.source.name, self.bin_size)}"

    def read(self, start: int, stop: int) -> AnyArray:
        """Read the source's frames and shift each."""
        block = self.source.read(start, stop)
        if not len(block):
            return block
        out = np.empty_like(block)
        rows, columns = (np.arange(n) for n in self.shape[1:])
        for frame, shifted, (dy, dx) in zip(block, out, self._shifts()[start:stop], strict=True):
            inside = np.ix_(
                np.clip(rows + dy, 0, len(rows) - 1), np.clip(columns + dx, 0, len(columns) - 1)
            )
            shifted[...] = frame[inside]
        return out


def _whole_shifts(frames: Frames, bin_size: int) -> Ints:
    """Return how far the sample has moved in each frame, along rows and columns (px)."""
    binned = BinnedFrames(frames, min(bin_size, len(frames)))
    drift = _drift([_structure(binned.read(i, i + 1)[0]) for i in range(len(binned))])
    middles = (np.arange(len(drift)) + 0.5) * binned.bin_size - 0.5
    at = np.arange(len(frames))
    places = np.stack([np.interp(at, middles, course) for course in drift.T], axis=1)
    return np.asarray(np.rint(places), np.int64)


def _structure(image: AnyArray) -> Floats:
    """Return what moves with the sample in an image, tapered towards its edges."""
    raise_if_cancelled()
    smooth = gaussian_filter(np.asarray(image, np.float64), STRUCTURE_PX)
    rest = image / np.where(smooth == 0, 1, smooth) - 1
    return np.asarray(rest * np.outer(*(np.hanning(n + 2)[1:-1] for n in image.shape)))


def _drift(images: list[Floats]) -> Floats:
    """Return the place of each image relative to the first one, (images, 2)."""
    from skimage.registration import phase_cross_correlation

    key, key_place = images[0], np.zeros(2)
    drift = np.zeros((len(images), 2))
    for i, image in enumerate(images[1:], start=1):
        raise_if_cancelled()
        shift, *_ = phase_cross_correlation(key, image, upsample_factor=10, normalization=None)
        drift[i] = key_place - shift
        if np.abs(shift).max() > KEY_SHARE * min(image.shape):
            key, key_place = image, drift[i]
    return drift
