"""Frames of an array in a file that a library opens: npy, zarr, HDF5, MAT, FITS."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from dask.base import tokenize

from napari_uai.errors import VideoFormatError
from napari_uai.typing import AnyArray
from napari_uai.videos.frames import Frames
from napari_uai.videos.layout.axes import Layout
from napari_uai.videos.mapped import native_dtype


class StoredFrames(Frames):
    """Frames of a stored array, opened on the first read in each process.

    Parameters
    ----------
    path
        File or store.
    open_array
        Takes the path, returns the array; can be pickled.
    dtype
        Type of the pixels in the file.
    layout
        Meaning of its axes.
    parallel
        Whether the array may be read from several threads at once; otherwise one waits for the
        other.
    opened
        The array, if it is open already.
    state
        Size (bytes) and modification time (ns) of the file or of all files of the store, if they
        are known.
    """

    def __init__(
        self,
        path: Path,
        open_array: Callable[[Path], Any],
        dtype: npt.DTypeLike,
        layout: Layout,
        *,
        parallel: bool,
        opened: Any = None,
        state: tuple[int, int] | None = None,
    ) -> None:
        self.path = path.absolute()
        self.open_array = open_array
        self.layout = layout
        self.parallel = parallel
        self.shape = layout.shape
        self.dtype = native_dtype(np.dtype(dtype))
        self.state = state or state_of(path)
        self._name: str = "stored-" + tokenize(str(self.path), open_array, layout, self.state)
        self._start_closed(opened)

    def _start_closed(self, opened: Any = None) -> None:
        self._array = opened
        self._opening = threading.Lock()
        self._reading = nullcontext() if self.parallel else threading.Lock()

    @property
    def name(self) -> str:
        """Path, size and modification time of the file, and what is read of it."""
        return self._name

    def __getstate__(self) -> dict[str, Any]:
        """Drop the open file."""
        dropped = {"_array", "_opening", "_reading"}
        return {key: value for key, value in self.__dict__.items() if key not in dropped}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        """Reopen the file on the next read."""
        self.__dict__.update(state)
        self._start_closed()

    def read(self, start: int, stop: int) -> AnyArray:
        """Read and decode some frames.

        Raises
        ------
        VideoFormatError
            If they cannot be read.
        """
        start, stop, _ = slice(start, stop).indices(self.shape[0])
        try:
            array = self._opened()
            with self._reading:
                return self.layout.read(array, start, max(start, stop))
        except VideoFormatError:
            raise
        except Exception as error:  # codecs raise any type of error
            raise VideoFormatError(
                f"{self.path}: frames {start} to {stop - 1} cannot be read ({error}): "
                "copy or export it again"
            ) from error

    def _opened(self) -> Any:
        with self._opening:
            if self._array is None:
                self._array = self.open_array(self.path)
            return self._array


def state_of(path: Path) -> tuple[int, int]:
    """Return size (bytes) and modification time (ns) of a file, or of all files in a folder."""
    if path.is_file():
        status = path.stat()
        return status.st_size, status.st_mtime_ns
    return state_of_all(entry.stat() for entry in files_in(path))


def state_of_all(each: Iterable[os.stat_result]) -> tuple[int, int]:
    """Return the size (bytes) of several files together, and the last modification time (ns)."""
    size = changed = 0
    for status in each:
        size += status.st_size
        changed = max(changed, status.st_mtime_ns)
    return size, changed


def files_in(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Yield all files in a folder and its subfolders, of which a store may have many."""
    left = [os.fspath(folder)]
    while left:
        with os.scandir(left.pop()) as entries:
            for entry in entries:
                if not entry.is_dir():
                    yield entry
                elif not entry.is_symlink():
                    left.append(entry.path)
