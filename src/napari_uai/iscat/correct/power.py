"""Power normalisation: the laser's fluctuation taken out of every frame."""

from __future__ import annotations

import threading
from typing import Annotated, Any, TypeAlias

import numpy as np
import numpy.typing as npt
from annotated_types import Unit
from dask.base import tokenize

from napari_uai.compiled import kernel, reordering_kernel
from napari_uai.errors import BadValueError, TooFewFramesError
from napari_uai.iscat.kernels.blocks import Block, as_block
from napari_uai.monitor import SILENT, Monitor
from napari_uai.stages import stage
from napari_uai.videos.frames import (
    Frames,
    Video,
    frames_of,
    frames_per_chunk,
    map_chunks,
    video_like,
)

Region: TypeAlias = Annotated[tuple[int, int, int, int], Unit("px")]
"""Part of the field: first row, row after the last, first column, column after the last."""


@stage("Power normalisation", menu="filter")
def power_normalization(video: Video, *, region: Region | None = None) -> Video:
    """Divide each frame by its power, the sum of its pixels, and multiply by the mean power.

    Parameters
    ----------
    video
        Frames, rows, columns; any real dtype; counts.
    region
        Where the power is measured: first row, row after the last, first column, column after
        the last. The whole frame if none is given.

    Returns
    -------
    Video
        float32, same shape, in counts. A lazy video goes through the recording once, when its
        first frame is asked for, to find the mean power.

    Raises
    ------
    BadValueError
        If the region lies outside of the frame, or a frame's power is not positive or is NaN.
    """
    return video_like(PowerNormalizedFrames(frames_of(video), region), video)


def frame_power(
    video: Video, *, region: Region | None = None, monitor: Monitor = SILENT
) -> npt.NDArray[np.float64]:
    """Sum the pixels of each frame.

    Parameters
    ----------
    video
        Frames, rows, columns; any real dtype; counts.
    region
        Where the power is measured: first row, row after the last, first column, column after
        the last. The whole frame if none is given.
    monitor
        Progress and cancelling, once per block of frames.

    Returns
    -------
    ndarray
        float64, one sum per frame, in counts.

    Raises
    ------
    BadValueError
        If the region lies outside of the frame.
    """
    frames = frames_of(video)
    region = _checked_region(region, frames.shape)
    chunk = frames_per_chunk(frames.shape)

    def powers(start: int, stop: int) -> npt.NDArray[np.float64]:
        return block_power(as_block(frames.read(start, stop)), region)

    parts = list(map_chunks(powers, len(frames), chunk, monitor=monitor, message="power"))
    return np.concatenate([np.empty(0), *parts])


class PowerNormalizedFrames(Frames):
    """Frames divided by their power and multiplied by the mean power of the recording.

    The powers are found by one pass over the recording, at the first reading or when another pass
    (that of the rolling average) hands them over; they travel along when pickled.
    """

    def __init__(self, source: Frames, region: Region | None = None) -> None:
        if len(source) == 0:
            raise TooFewFramesError("power normalisation needs at least 1 frame, the video has 0")
        self.source = source
        self.region = _checked_region(region, source.shape)
        self.shape = source.shape
        self.dtype = np.dtype(np.float32)
        self._power: npt.NDArray[np.float64] | None = None
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """Name of the source, and the region."""
        return f"power-normalization-{tokenize(self.source.name, self.region)}"

    @property
    def known_power(self) -> npt.NDArray[np.float64] | None:
        """Power of each frame if a pass was made already."""
        return self._power

    def power(self, monitor: Monitor = SILENT) -> npt.NDArray[np.float64]:
        """Return the power of each frame (float64, counts), from one pass at the first call."""
        with self._lock:
            if self._power is None:
                parts = map_chunks(
                    lambda start, stop: self.power_of(
                        as_block(self.source.read(start, stop)), start
                    ),
                    len(self),
                    frames_per_chunk(self.shape),
                    monitor=monitor,
                    message="power",
                )
                self._power = np.concatenate(list(parts))
            return self._power

    def remember_power(self, power: npt.NDArray[np.float64]) -> None:
        """Take the power of each frame from a pass that was made for another reason."""
        with self._lock:
            if self._power is None:
                self._power = power

    def power_of(self, block: Block, start: int) -> npt.NDArray[np.float64]:
        """Return the power of the frames of a block that begins with frame ``start``.

        Raises
        ------
        BadValueError
            If a power is not positive and finite; names the frame.
        """
        power = block_power(block, self.region)
        self.check_power(power, start)
        return power

    def check_power(self, power: npt.NDArray[np.float64], start: int) -> None:
        """Raise BadValueError if a power is not positive and finite; name the frame."""
        bad = np.flatnonzero(~((power > 0) & np.isfinite(power)))
        if bad.size:
            frame, value = start + bad[0], power[bad[0]]
            if not np.isfinite(value):
                raise BadValueError(
                    f"frame {frame} holds NaN or infinity: cut such frames out, or correct the "
                    "type of the pixels"
                )
            raise BadValueError(
                f"frame {frame} has no light, the sum of its pixels is {value:g}: cut such frames "
                "out, or measure the power in another region"
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


def block_power(block: Block, region: tuple[int, int, int, int]) -> npt.NDArray[np.float64]:
    """Return the sum of the pixels in a region of each frame."""
    out = np.empty(block.shape[0])
    sum_frames(block, 0, region, out)
    return out


def _checked_region(
    region: Region | None, shape: tuple[int, int, int]
) -> tuple[int, int, int, int]:
    """Return the region (by default the whole frame); raise BadValueError if it is not inside."""
    _, height, width = shape
    if region is None:
        return 0, height, 0, width
    if len(region) != 4:
        raise BadValueError(
            "region is (first row, row after the last, first column, column after the last), "
            f"got {tuple(region)}"
        )
    top, bottom, left, right = (int(edge) for edge in region)
    if not (0 <= top < bottom <= height and 0 <= left < right <= width):
        raise BadValueError(
            f"region {(top, bottom, left, right)} does not lie in frames of {height} rows and "
            f"{width} columns: give (first row, row after the last, first column, column after "
            "the last)"
        )
    return top, bottom, left, right


@reordering_kernel
def sum_frames(
    block: Block, first: int, region: tuple[int, int, int, int], out: npt.NDArray[np.float64]
) -> None:
    """Write the sum of the pixels in a region of as many frames as ``out`` holds."""
    top, bottom, left, right = region
    for t in range(out.size):
        total = 0.0
        for r in range(top, bottom):
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
