"""Contiguous frames in a file, read through a memory map."""

from __future__ import annotations

import mmap
import os
import sys
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from dask.base import tokenize

from napari_uai.errors import VideoFormatError
from napari_uai.typing import AnyArray
from napari_uai.videos.frames import Frames

_RESIDENT_BYTES = 64 * 2**20
"""Pages of the file that stay resident; others are released while views stay valid."""


class FileFrames(Frames):
    """Contiguous frames in one file, read without copying if the type allows it.

    Native and aligned types are views of a memory map; other types are converted block by block.
    The map is opened on the first read in each process, so objects can be pickled.

    Parameters
    ----------
    path
        The file.
    shape
        Frames, rows, columns.
    dtype
        Type of the pixels in the file, in any byte order.
    offset
        Bytes before the first frame.
    order
        ``"C"``: columns vary fastest; ``"F"``: frames do (Fortran-ordered npy).
    frame_header
        Bytes before each frame that are not pixels.
    """

    def __init__(
        self,
        path: Path,
        *,
        shape: tuple[int, int, int],
        dtype: npt.DTypeLike,
        offset: int = 0,
        order: Literal["C", "F"] = "C",
        frame_header: int = 0,
    ) -> None:
        self.path = Path(os.path.abspath(path))  # noqa: PTH100  # links stay as they are
        self.shape = shape
        self.stored = np.dtype(dtype)
        self.dtype = native_dtype(self.stored)
        self.offset = offset
        self.order = order
        self.frame_header = frame_header
        status = self.path.stat()
        self._name: str = "file-" + tokenize(
            str(self.path),
            status.st_size,
            status.st_mtime_ns,
            shape,
            self.stored.str,
            offset,
            order,
            frame_header,
        )
        frame_bytes = frame_header + shape[1] * shape[2] * self.stored.itemsize
        self._end = offset + shape[0] * frame_bytes
        self._map: mmap.mmap | None = None
        self._handed_out = 0

    @property
    def name(self) -> str:
        """Path, size and modification time of the file, and position of the frames in it."""
        return self._name

    def __getstate__(self) -> dict[str, Any]:
        """Drop the map; the copy reopens it."""
        return {**self.__dict__, "_map": None, "_handed_out": 0}

    def read(self, start: int, stop: int) -> AnyArray:
        """Return a read-only view if the file has a native type, else a copy.

        Raises
        ------
        VideoFormatError
            If the file was deleted or truncated since it was opened.
        """
        block = self._frames(self._mapped())[start:stop]
        self._give_back(block.nbytes)
        return to_native(block)

    def _frames(self, buffer: mmap.mmap) -> AnyArray:
        if not self.frame_header:
            return np.ndarray(self.shape, self.stored, buffer, self.offset, order=self.order)
        size = self.stored.itemsize
        row = self.shape[2] * size
        strides = (self.frame_header + self.shape[1] * row, row, size)
        return np.ndarray(self.shape, self.stored, buffer, self.offset + self.frame_header, strides)

    def _mapped(self) -> mmap.mmap:
        # Reading a map beyond the end of its file kills the process: check the size each time.
        try:
            if self._map is None:
                with self.path.open("rb") as file:
                    self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            size = self._map.size()
        except (OSError, ValueError) as error:
            message = f"{self.path} can no longer be read ({error}): open it again"
            raise VideoFormatError(message) from error
        if min(size, len(self._map)) < self._end:
            raise VideoFormatError(
                f"{self.path} has become shorter ({size} bytes, {self._end} needed): open it again"
            )
        return self._map

    def _give_back(self, n_bytes: int) -> None:
        # Mapped pages count as memory of this process; without this, a pass over a recording would
        # appear to need its whole size.
        self._handed_out += n_bytes
        if self._handed_out > _RESIDENT_BYTES and sys.platform != "win32":
            self._handed_out = 0
            if self._map is not None:
                self._map.madvise(mmap.MADV_DONTNEED)


def native_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type in which stages receive pixels that are stored as ``dtype``.

    Native byte order; booleans become uint8, half floats float32 and long floats float64, the types
    that compiled kernels accept.
    """
    if dtype.kind == "b":
        return np.dtype(np.uint8)
    if dtype.kind == "f" and dtype.itemsize not in {4, 8}:
        return np.dtype(np.float32 if dtype.itemsize < 4 else np.float64)
    return dtype.newbyteorder("=")


def to_native(block: AnyArray) -> AnyArray:
    """Return aligned pixels of the type of :func:`native_dtype`; a view if possible."""
    dtype = native_dtype(block.dtype)
    if block.dtype.kind == "b":
        return block.view(dtype)
    if block.dtype == dtype and block.flags.aligned:
        return block
    return block.astype(dtype)
