"""Recordings stored as arrays: npy files and zarr stores."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from dask.base import tokenize

from napari_uai.errors import VideoFormatError
from napari_uai.typing import AnyArray
from napari_uai.videos.cached import cached
from napari_uai.videos.frames import Frames
from napari_uai.videos.grey import grey_frames
from napari_uai.videos.info import Opened
from napari_uai.videos.mapped import FileFrames, native_dtype, to_native

_TO_UM = {"nanometer": 1e-3, "micrometer": 1.0, "millimeter": 1e3, "meter": 1e6}
_TO_SECONDS = {"microsecond": 1e-6, "millisecond": 1e-3, "second": 1.0}


def open_npy(path: Path) -> Opened:
    """Open a ``.npy`` file through a memory map.

    Parameters
    ----------
    path
        Array of frames, rows, columns, or of one frame; a fourth axis holds colours.

    Raises
    ------
    VideoFormatError
        If it is not such an array.
    """
    if path.stat().st_size == 0:
        raise VideoFormatError(f"{path} is empty (0 bytes): record or copy it again")
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise VideoFormatError(
            f"{path} is not a complete npy file ({error}): save it again"
        ) from error
    if not isinstance(array, np.memmap):
        raise VideoFormatError(
            f"{path} contains several arrays: save the video as a single npy file"
        )
    layout = array_layout(path, array.shape, array.dtype)
    fortran = array.flags.f_contiguous and not array.flags.c_contiguous
    if fortran and (array.ndim > 3 or layout.channels):
        raise VideoFormatError(f"{path} has {array.ndim} axes in Fortran order: save it in C order")
    frames: Frames = FileFrames(
        path,
        shape=layout.interleaved,
        dtype=array.dtype,
        offset=array.offset,
        order="F" if fortran else "C",
    )
    if layout.channels:
        frames = grey_frames(frames, layout.channels)
    return Opened(frames, array.dtype, array.offset)


def open_zarr(path: Path) -> Opened:
    """Open a zarr store: an array, an OME-Zarr image, or a group of one array.

    Raises
    ------
    VideoFormatError
        If it is not one of these.
    """
    import zarr

    try:
        node = zarr.open(path, mode="r")
    except Exception as error:  # zarr raises many types of errors
        raise VideoFormatError(
            f"{path} is not a readable zarr store ({error}): copy or export it again"
        ) from error
    attributes: dict[str, Any] = dict(node.attrs)
    component = ""
    if not isinstance(node, zarr.Array):
        component = _component(path, node, attributes)
        node = node[component]
        attributes |= dict(node.attrs)
    layout = array_layout(path, node.shape, node.dtype)
    pixel_size, frame_rate = _scale_of(attributes)
    chunk = 1 if layout.frame_axis is None else node.chunks[layout.frame_axis]
    frames = cached(ZarrFrames(path, component, node, layout), chunk)
    return Opened(
        grey_frames(frames, layout.channels) if layout.channels else frames,
        np.dtype(node.dtype),
        pixel_size_um=pixel_size,
        frame_rate_hz=frame_rate,
    )


class ZarrFrames(Frames):
    """Frames of a zarr array, opened on the first read in each process.

    Parameters
    ----------
    path, component
        Store, and name of the array in it (empty if the store is the array).
    array
        The opened array.
    layout
        Meaning of its axes.
    """

    def __init__(self, path: Path, component: str, array: Any, layout: Layout) -> None:
        self.path = path.absolute()
        self.component = component
        self.layout = layout
        self.shape = layout.interleaved
        self.dtype = native_dtype(np.dtype(array.dtype))
        self._name: str = "zarr-" + tokenize(str(self.path), component, layout, state_of(path))
        self._array: Any = None
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """Path, size and modification time of the store."""
        return self._name

    def __getstate__(self) -> dict[str, Any]:
        """Drop the open store."""
        return {k: v for k, v in self.__dict__.items() if k not in {"_array", "_lock"}}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        """Reopen the store on the next read."""
        self.__dict__.update(state, _array=None, _lock=threading.Lock())

    def read(self, start: int, stop: int) -> AnyArray:
        """Read and decode the chunks that contain the frames.

        Raises
        ------
        VideoFormatError
            If a chunk cannot be read.
        """
        start, stop, _ = slice(start, stop).indices(self.shape[0])
        index = tuple(
            slice(start, stop) if axis == self.layout.frame_axis else slice(None)
            for axis in range(self.layout.n_axes)
        )
        try:
            block = np.asarray(self._opened()[index])
        except Exception as error:  # codecs raise any type of error
            raise VideoFormatError(
                f"{self.path}: frames {start} to {stop - 1} cannot be read ({error}): "
                "copy or export it again"
            ) from error
        block = block.reshape(-1, *self.shape[1:])
        return to_native(block if self.layout.frame_axis is not None else block[start:stop])

    def _opened(self) -> Any:
        import zarr

        with self._lock:
            if self._array is None:
                node = zarr.open(self.path, mode="r")
                self._array = node[self.component] if self.component else node
            return self._array


@dataclass(frozen=True)
class Layout:
    """Meaning of the axes of a stored array.

    Attributes
    ----------
    n_axes
        Number of axes.
    frame_axis
        Axis of the frames; None if there is one frame.
    shape
        Frames, rows, columns.
    channels
        Length of the last axis if it holds colours, else 0.
    """

    n_axes: int
    frame_axis: int | None
    shape: tuple[int, int, int]
    channels: int

    @property
    def interleaved(self) -> tuple[int, int, int]:
        """Frames, rows, columns times colours."""
        n, height, width = self.shape
        return n, height, width * max(self.channels, 1)


def array_layout(
    path: Path, shape: tuple[int, ...], dtype: npt.DTypeLike, *, colour: bool | None = None
) -> Layout:
    """Interpret the axes of an array as a video.

    Parameters
    ----------
    path
        Its file, for error messages.
    shape, dtype
        Of the array.
    colour
        Whether the last axis holds colours; None: if its length is 3 or 4 and there are at least
        four axes.

    Raises
    ------
    VideoFormatError
        If there are axes other than frames, rows, columns and colours, or values other than real
        numbers.
    """
    if np.dtype(dtype).kind not in "uifb":
        raise VideoFormatError(f"{path} contains {dtype} values: save it as integers or floats")
    if colour is None:
        colour = len(shape) > 3 and shape[-1] in {3, 4}
    channels = shape[-1] if colour else 0
    sizes = shape[:-1] if colour else shape
    long = [axis for axis, size in enumerate(sizes[:-2]) if size > 1]
    if len(sizes) < 2 or len(long) > 1:
        raise VideoFormatError(
            f"{path} contains an array of shape {tuple(shape)}: save it as frames, rows, columns "
            "(one channel, one plane)"
        )
    if 0 in shape:
        raise VideoFormatError(
            f"{path} contains no pixels, its shape is {tuple(shape)}: save it again"
        )
    frame_axis = long[0] if long else None
    n = sizes[frame_axis] if frame_axis is not None else 1
    return Layout(len(shape), frame_axis, (int(n), int(sizes[-2]), int(sizes[-1])), channels)


def state_of(path: Path) -> tuple[int, int]:
    """Return size (bytes) and modification time (ns) of a file, or of all files in a folder."""
    if path.is_file():
        status = path.stat()
        return status.st_size, status.st_mtime_ns
    size = changed = 0
    for root, _, files in os.walk(path):
        for name in files:
            status = os.stat(os.path.join(root, name))  # noqa: PTH116, PTH118  # many of them
            size += status.st_size
            changed = max(changed, status.st_mtime_ns)
    return size, changed


def _component(path: Path, group: Any, attributes: Mapping[str, Any]) -> str:
    """Return the name of the array in a group that holds the video at full resolution."""
    import zarr

    multiscales = _multiscales(attributes)
    if multiscales:
        return str(multiscales["datasets"][0]["path"])
    arrays = sorted(name for name, node in group.members() if isinstance(node, zarr.Array))
    if len(arrays) != 1:
        listed = f"arrays {', '.join(arrays)}" if arrays else "no array"
        raise VideoFormatError(f"{path} is a zarr group with {listed}: open one array by its path")
    return str(arrays[0])


def _multiscales(attributes: Mapping[str, Any]) -> Mapping[str, Any] | None:
    # OME-Zarr 0.4 stores them at the top level, 0.5 under "ome".
    found = attributes.get("ome", attributes).get("multiscales")
    return found[0] if found else None


def _scale_of(attributes: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """Return pixel size (µm) and frame rate (Hz) from attributes of this package or OME-Zarr."""
    pixel_size = positive(attributes.get("pixel_size_um"))
    frame_rate = positive(attributes.get("frame_rate_hz"))
    multiscales = _multiscales(attributes)
    if multiscales is None:
        return pixel_size, frame_rate
    transforms = multiscales["datasets"][0].get("coordinateTransformations", [])
    scales: list[float] = next((t["scale"] for t in transforms if t.get("type") == "scale"), [])
    for axis, scale in zip(multiscales.get("axes", []), scales, strict=False):
        unit = str(axis.get("unit", ""))
        if axis.get("name") == "x" and unit in _TO_UM:
            pixel_size = pixel_size or positive(scale * _TO_UM[unit])
        if axis.get("name") == "t" and unit in _TO_SECONDS and scale:
            frame_rate = frame_rate or positive(1 / (scale * _TO_SECONDS[unit]))
    return pixel_size, frame_rate


def positive(value: Any) -> float | None:
    """Return a value as a positive finite float, or None if it is not one."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) and number > 0 else None
