"""Frames that lie in a file as they are: an array of which parts are read by their places.

Not through a memory map: if the file becomes shorter in the meantime, reading the map ends the
process, whereas reading the file is an error. It takes about as long.
"""

from __future__ import annotations

import math
import os
import threading
import weakref
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from dask.base import tokenize
from numpy.lib.stride_tricks import as_strided

from napari_uai.errors import VideoFormatError
from napari_uai.typing import AnyArray
from napari_uai.videos.frames import Frames, MappedFrames
from napari_uai.videos.pixel_types import PackedType, PixelType, bytes_of

_SPARSE = 2
"""Bytes per wanted byte up to which a part of the file is read as a whole."""


class FileArray:
    """An array in a file; an index of integers and slices reads what it needs.

    The file is opened on the first read in each process, so objects can be pickled.

    Parameters
    ----------
    path
        The file.
    shape
        Length of each axis.
    dtype
        Type in the file.
    offset
        Bytes before the first element.
    strides
        Bytes from one element to the next along each axis; by default the last axis varies fastest.
    """

    def __init__(
        self,
        path: Path,
        shape: tuple[int, ...],
        dtype: npt.DTypeLike,
        *,
        offset: int = 0,
        strides: tuple[int, ...] | None = None,
    ) -> None:
        self.path = path
        self.shape = shape
        self.dtype = np.dtype(dtype)
        self.offset = offset
        self.strides = strides or _contiguous(shape, self.dtype.itemsize)
        self.end = offset + _span(shape, self.strides, self.dtype.itemsize)
        self._start_closed()

    @classmethod
    def of(cls, array: np.memmap[Any, Any], path: Path) -> FileArray:
        """Return the array of a memory map."""
        return cls(path, array.shape, array.dtype, offset=array.offset, strides=array.strides)

    def _start_closed(self) -> None:
        self._file: int | None = None
        self._lock = threading.Lock()
        # An array of which no element is ever read tells where the wanted ones are.
        self._places = as_strided(np.empty(1, self.dtype), self.shape, self.strides)

    def __getstate__(self) -> dict[str, Any]:
        """Drop the open file; the copy reopens it."""
        return {k: v for k, v in self.__dict__.items() if k not in {"_file", "_lock", "_places"}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._start_closed()

    def __getitem__(self, index: Any) -> AnyArray:
        """Read a part.

        Raises
        ------
        VideoFormatError
            If the file was deleted or truncated since it was opened.
        """
        places = self._places
        part = places[(*(index if isinstance(index, tuple) else (index,)), ...)]
        start = part.__array_interface__["data"][0] - places.__array_interface__["data"][0]
        file = self._opened()
        if not part.size:
            return np.empty(part.shape, self.dtype)
        return self._read(file, self.offset + start, part.shape, part.strides)

    def _opened(self) -> int:
        try:
            with self._lock:
                if self._file is None:
                    self._file = os.open(self.path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
                    weakref.finalize(self, os.close, self._file)
            size = os.fstat(self._file).st_size
        except OSError as error:
            message = f"{self.path} can no longer be read ({error}): open it again"
            raise VideoFormatError(message) from error
        if size < self.end:
            raise self._shorter(size)
        return self._file

    def _read(
        self, file: int, start: int, shape: tuple[int, ...], strides: tuple[int, ...]
    ) -> AnyArray:
        if strides == _contiguous(shape, self.dtype.itemsize):
            whole = np.empty(shape, self.dtype)
            self._fill(file, whole.reshape(-1).view(np.uint8).data, start)
            return whole
        span = _span(shape, strides, self.dtype.itemsize)
        if span <= _SPARSE * math.prod(shape) * self.dtype.itemsize:
            buffer = np.empty(span, np.uint8)
            self._fill(file, buffer.data, start)
            return np.ndarray(shape, self.dtype, buffer, 0, strides)
        axis = int(np.argmax([s if n > 1 else -1 for n, s in zip(shape, strides, strict=True)]))
        rest = (*shape[:axis], *shape[axis + 1 :]), (*strides[:axis], *strides[axis + 1 :])
        step = strides[axis]
        parts = [self._read(file, start + i * step, *rest) for i in range(shape[axis])]
        # The axis varies slowest in memory too, whichever it is.
        return np.moveaxis(np.stack(parts), 0, axis)

    def _fill(self, file: int, view: memoryview, start: int) -> None:
        done = 0
        while done < len(view):
            try:
                n = self._read_into(file, view[done:], start + done)
            except OSError as error:
                message = f"{self.path} cannot be read ({error.strerror or error}): copy it again"
                raise VideoFormatError(message) from error
            if not n:
                raise self._shorter(start + done)
            done += n

    def _read_into(self, file: int, view: memoryview, start: int) -> int:
        if hasattr(os, "preadv"):
            return os.preadv(file, [view], start)
        with self._lock:
            os.lseek(file, start, os.SEEK_SET)
            content = os.read(file, len(view))
        view[: len(content)] = content
        return len(content)

    def _shorter(self, size: int) -> VideoFormatError:
        return VideoFormatError(
            f"{self.path} has become shorter ({size} bytes, {self.end} needed): open it again"
        )


class FileFrames(Frames):
    """Contiguous frames in one file.

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
        size = self.stored.itemsize
        if order == "C":
            first, row, column = _contiguous(shape, size)
            strides = first + frame_header, row, column
        else:
            strides = size, shape[0] * size, shape[0] * shape[1] * size
        self._array = FileArray(
            self.path, shape, self.stored, offset=offset + frame_header, strides=strides
        )

    @property
    def name(self) -> str:
        """Path, size and modification time of the file, and position of the frames in it."""
        return self._name

    def read(self, start: int, stop: int) -> AnyArray:
        """Read some frames.

        Raises
        ------
        VideoFormatError
            If the file was deleted or truncated since it was opened.
        """
        return to_native(self._array[start:stop])


def file_frames(
    path: Path,
    shape: tuple[int, int, int],
    pixels: PixelType,
    *,
    offset: int = 0,
    frame_header: int = 0,
) -> Frames:
    """Return contiguous frames in a file, of a type that numpy knows or a packed one.

    Parameters
    ----------
    path, shape, offset, frame_header
        As for :class:`FileFrames`.
    pixels
        Type of the pixels in the file; packed ones become uint16.
    """
    n, rows, columns = shape
    if not isinstance(pixels, PackedType):
        return FileFrames(path, shape=shape, dtype=pixels, offset=offset, frame_header=frame_header)
    content = FileFrames(
        path,
        shape=(n, 1, bytes_of(pixels, rows * columns)),
        dtype=np.uint8,
        offset=offset,
        frame_header=frame_header,
    )
    unpack = partial(_unpacked, packed=pixels, rows=rows, columns=columns)
    return MappedFrames(
        content, unpack, label="unpacked", dtype=np.uint16, frame_shape=(rows, columns)
    )


def _unpacked(block: AnyArray, *, packed: PackedType, rows: int, columns: int) -> AnyArray:
    pixels = packed.unpack(block[:, 0])
    return pixels[:, : rows * columns].reshape(-1, rows, columns)


def _contiguous(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """Return the strides of an array of which the last axis varies fastest."""
    return tuple(itemsize * math.prod(shape[i + 1 :]) for i in range(len(shape)))


def _span(shape: tuple[int, ...], strides: tuple[int, ...], itemsize: int) -> int:
    """Return the bytes from the first element of an array to the end of the last."""
    if not math.prod(shape):
        return 0
    return sum((n - 1) * s for n, s in zip(shape, strides, strict=True)) + itemsize


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
