"""Blocks of frames in the form that compiled kernels take: flat, in native byte order."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

KERNEL_DTYPES = frozenset("BbHhIifd")
"""Type codes for which kernels are compiled; each costs seconds of compilation at first use."""


class Block(NamedTuple):
    """Frames in one flat array: pixel (t, r, c) is ``flat[t*frame_step + r*row_step + c]``.

    Blocks cropped from larger frames (without a status line, a region) keep the unit step along
    rows, so that kernels run at full speed without a copy.
    """

    flat: npt.NDArray[Any]
    frame_step: int
    row_step: int
    shape: tuple[int, int, int]

    def frames(self, start: int, stop: int) -> Block:
        """Return some of the frames."""
        start, stop = max(start, 0), min(stop, self.shape[0])
        return Block(
            self.flat[start * self.frame_step :],
            self.frame_step,
            self.row_step,
            (max(stop - start, 0), *self.shape[1:]),
        )


def as_block(frames: npt.NDArray[Any]) -> Block:
    """Return frames (n, rows, columns) as a block, copied only if their layout requires it."""
    frames = _native(frames)
    if not _has_unit_rows(frames):
        frames = np.ascontiguousarray(frames)
    if not frames.flags.aligned:
        frames = frames.copy()
    n, height, width = frames.shape
    size = frames.itemsize
    frame_step = frames.strides[0] // size if n > 1 else height * width
    row_step = frames.strides[1] // size if height > 1 else width
    length = (n - 1) * frame_step + (height - 1) * row_step + width if n else 0
    return Block(_flat(frames, length), frame_step, row_step, (n, height, width))


def _native(frames: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Convert frames to a type for which kernels are compiled, in native byte order."""
    if frames.dtype.kind == "b":
        return frames.view(np.uint8)
    if frames.dtype == np.float16:
        return frames.astype(np.float32)
    if frames.dtype.char not in KERNEL_DTYPES and frames.dtype.itemsize == 8:
        return frames.astype(np.float64)
    return frames.astype(frames.dtype.newbyteorder("="), copy=False)


def _has_unit_rows(frames: npt.NDArray[Any]) -> bool:
    frame, row, column = frames.strides
    size = frames.itemsize
    unit = column == size or frames.shape[2] == 1
    return unit and row > 0 and frame > 0 and row % size == 0 and frame % size == 0


class _Memory:
    """Exposes the memory of an array through numpy's array interface."""

    def __init__(self, frames: npt.NDArray[Any], length: int) -> None:
        self.owner = frames
        self.__array_interface__ = {
            "version": 3,
            "shape": (length,),
            "typestr": frames.dtype.str,
            # Declared writable even if a memory map is not, because numba compiles another copy of
            # each kernel for read-only arrays. Kernels write to their outputs only.
            "data": (frames.__array_interface__["data"][0], False),
        }


def _flat(frames: npt.NDArray[Any], length: int) -> npt.NDArray[Any]:
    return np.asarray(_Memory(frames, length))
