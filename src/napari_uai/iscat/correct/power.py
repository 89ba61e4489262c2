"""Power normalisation: removal of laser power fluctuations from each frame."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import numpy.typing as npt
from dask.base import tokenize

from napari_uai.compiled import kernel, reordering_kernel
from napari_uai.errors import BadValueError, TooFewFramesError
from napari_uai.iscat.correct.camera_offset import CameraOffset, without_offset
from napari_uai.iscat.correct.regions import checked_regions
from napari_uai.iscat.kernels.blocks import Block, as_block
from napari_uai.iscat.parameters import Region
from napari_uai.monitor import SILENT, Monitor
from napari_uai.parameters import checked
from napari_uai.stages import stage
from napari_uai.typing import Ints
from napari_uai.videos.frames import (
    Frames,
    Video,
    frames_of,
    frames_per_chunk,
    map_chunks,
    video_like,
)


@stage(
    "Power normalisation",
    menu="filter",
    methods="Each frame was divided by its power (the sum of its pixels, or of those in a region) "
    "and multiplied by the mean power of the recording",
)
def power_normalization(
    video: Video,
    *,
    region: Region | None = None,
    other_regions: tuple[Region, ...] | None = None,
    offset: CameraOffset = "0",
) -> Video:
    """Divide each frame by its power, the sum of its pixels, and multiply by the mean power.

    Parameters
    ----------
    video
        Frames, rows, columns; any real dtype; counts.
    region
        Where the power is measured: first row, last row + 1, first column, last column + 1. By
        default the whole frame.
    other_regions
        Where it is measured as well; regions must not overlap.
    offset
        What the camera adds without light, which is subtracted first: a number of counts,
        ``estimated`` (from how the noise of pixels depends on their brightness), or the path of a
        recording without light, whose mean frame it is.

    Returns
    -------
    Video
        float32, same shape, counts. The mean power is determined in one pass over the recording
        when the first frame is read.

    Raises
    ------
    BadValueError
        If a region is not inside the frame or overlaps another, the power of a frame is NaN or not
        positive, or the offset is neither counts nor a recording, or cannot be estimated.
    TooFewFramesError
        If the video has no frames.

    References
    ----------
    Mirzaalian Dastjerdi et al., PiSCAT, J. Open Source Softw. 7, 4024 (2022),
    doi:10.21105/joss.04024; Janesick, Photon Transfer, SPIE (2007), doi:10.1117/3.725073.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai import iscat
    >>> video = np.array([[[90.0, 110.0]], [[180.0, 220.0]]])
    >>> iscat.power_normalization(video)[:, 0]
    array([[135., 165.],
           [135., 165.]], dtype=float32)
    """
    frames = without_offset(frames_of(video), offset)
    return video_like(PowerNormalizedFrames(frames, region, other_regions), video)


@checked
def frame_power(
    video: Video,
    *,
    region: Region | None = None,
    other_regions: tuple[Region, ...] | None = None,
    monitor: Monitor = SILENT,
) -> npt.NDArray[np.float64]:
    """Sum the pixels of each frame.

    Parameters
    ----------
    video
        Frames, rows, columns; any real dtype; counts.
    region
        Where the power is measured: first row, last row + 1, first column, last column + 1. By
        default the whole frame.
    other_regions
        Where it is measured as well; regions must not overlap.
    monitor
        Progress and cancellation, once per block of frames.

    Returns
    -------
    ndarray
        float64, one sum per frame, in counts.

    Raises
    ------
    BadValueError
        If a region is not inside the frame or overlaps another.

    Examples
    --------
    >>> import numpy as np
    >>> frame_power(np.ones((2, 3, 4)), region=(0, 2, 0, 4))
    array([8., 8.])
    """
    frames = frames_of(video)
    regions = checked_regions(region, other_regions, frames.shape)
    chunk = frames_per_chunk(frames.shape)

    def powers(start: int, stop: int) -> npt.NDArray[np.float64]:
        return block_power(as_block(frames.read(start, stop)), regions)

    parts = list(map_chunks(powers, len(frames), chunk, monitor=monitor, message="power"))
    return np.concatenate([np.empty(0), *parts])


class PowerNormalizedFrames(Frames):
    """Frames divided by their power and multiplied by the mean power of the recording.

    Powers are determined in one pass over the recording, when the first frame is read or during
    another pass (that of the rolling average); they are kept when pickled.
    """

    def __init__(
        self,
        source: Frames,
        region: Region | None = None,
        other_regions: tuple[Region, ...] | None = None,
    ) -> None:
        if len(source) == 0:
            raise TooFewFramesError("power normalisation needs at least 1 frame, the video has 0")
        self.source = source
        self.regions = checked_regions(region, other_regions, source.shape)
        self.shape = source.shape
        self.dtype = np.dtype(np.float32)
        self._power: npt.NDArray[np.float64] | None = None
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """Name of the source and the regions."""
        return f"power-normalization-{tokenize(self.source.name, self.regions.tolist())}"

    @property
    def known_power(self) -> npt.NDArray[np.float64] | None:
        """Power of each frame if it has been determined, else None."""
        return self._power

    def power(self, monitor: Monitor = SILENT) -> npt.NDArray[np.float64]:
        """Return the power of each frame (float64, counts), determined at the first call."""
        with self._lock:
            if self._power is None:
                parts = map_chunks(
                    self._read_power,
                    len(self),
                    frames_per_chunk(self.shape),
                    anywhere=True,
                    monitor=monitor,
                    message="power",
                )
                self._power = np.concatenate(list(parts))
            return self._power

    def remember_power(self, power: npt.NDArray[np.float64]) -> None:
        """Store the power of each frame, determined in another pass."""
        with self._lock:
            if self._power is None:
                self._power = power

    def power_of(self, block: Block, start: int) -> npt.NDArray[np.float64]:
        """Return the power of the frames of a block that begins with frame ``start``.

        Raises
        ------
        BadValueError
            If a power is not positive and finite; the message names the frame.
        """
        power = block_power(block, self.regions)
        self.check_power(power, start)
        return power

    def check_power(self, power: npt.NDArray[np.float64], start: int) -> None:
        """Raise BadValueError, naming the frame, unless powers are positive and finite."""
        bad = np.flatnonzero(~((power > 0) & np.isfinite(power)))
        if bad.size:
            frame, value = start + bad[0], power[bad[0]]
            if not np.isfinite(value):
                raise BadValueError(
                    f"frame {frame} contains NaN or infinity: remove such frames, or check the "
                    "pixel type"
                )
            if value < 0:
                raise BadValueError(
                    f"frame {frame} has counts below zero (its pixels sum to {value:g}): the "
                    "camera or a program subtracted an offset; add it and save them again"
                )
            raise BadValueError(
                f"frame {frame} has no light (its pixels sum to {value:g}): remove such frames, or "
                "measure the power in another region"
            )

    def _read_power(self, start: int, stop: int) -> npt.NDArray[np.float64]:
        return self.power_of(as_block(self.source.read(start, stop)), start)

    def read(self, start: int, stop: int) -> npt.NDArray[np.float32]:
        """Read the source's frames and normalise them."""
        power = self.power()
        block = as_block(self.source.read(start, stop))
        out = np.empty(block.shape, np.float32)
        factors = power.mean() / power[start:stop]
        _scale_frames(block, factors, out)
        return out

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()


def block_power(block: Block, regions: Ints) -> npt.NDArray[np.float64]:
    """Return the sum of the pixels in the regions of each frame."""
    out = np.empty(block.shape[0])
    sum_frames(block, 0, regions, out)
    return out


@reordering_kernel
def sum_frames(block: Block, first: int, regions: Ints, out: npt.NDArray[np.float64]) -> None:
    """Write the sums of the pixels in regions of as many frames as ``out`` has entries."""
    for t in range(out.size):
        total = 0.0
        for k in range(regions.shape[0]):
            left, right = regions[k, 2], regions[k, 3]
            for r in range(regions[k, 0], regions[k, 1]):
                base = (first + t) * block.frame_step + r * block.row_step
                row = block.flat[base + left : base + right]
                of_row = 0.0
                for c in range(row.size):
                    of_row += row[c]
                total += of_row
        out[t] = total


@kernel
def _scale_frames(
    block: Block, factors: npt.NDArray[np.float64], out: npt.NDArray[np.float32]
) -> None:
    n, height, width = out.shape
    for t in range(n):
        for r in range(height):
            base = t * block.frame_step + r * block.row_step
            row = block.flat[base : base + width]
            scaled = out[t, r]
            for c in range(width):
                scaled[c] = row[c] * factors[t]
