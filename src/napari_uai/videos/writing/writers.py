"""Write a video to a file, chunk by chunk; the file is either complete or absent."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from napari_uai.errors import BadValueError, OutputError
from napari_uai.files import whole_file
from napari_uai.monitor import SILENT, Monitor
from napari_uai.option_names import option
from napari_uai.typing import AnyArray
from napari_uai.videos.frames import Frames, Video, frames_of, frames_per_chunk, map_chunks
from napari_uai.videos.headerless.sidecars import sidecar_paths
from napari_uai.videos.pixel_types import numpy_type

_TIFF_LIMIT = 2**32 - 2**25
"""Maximum bytes of pixels in a classic TIFF (the limit of tifffile)."""

_HDF5_CHUNK = 2**20


def write_video(
    video: Video,
    path: str | Path,
    *,
    dtype: npt.DTypeLike | None = None,
    pixel_size_um: float | None = None,
    frame_rate_hz: float | None = None,
    shape_in_name: bool = False,
    overwrite: bool = False,
    monitor: Monitor = SILENT,
) -> Path:
    """Write a video in the format given by the suffix.

    Parameters
    ----------
    video
        Frames, rows, columns.
    path
        ``.bin``, ``.raw``: headerless, with a sidecar ``<name>.json`` that states its shape.
        ``.tif``, ``.tiff``: one page per frame (BigTIFF if needed; OME for ``.ome.tif``).
        ``.zarr``: OME-Zarr 0.5. ``.h5``, ``.hdf5``: dataset ``video``. ``.npy``. Missing folders
        are created.
    dtype
        Type to write, with byte order for headerless files; None: that of the video. Floats are
        rounded if it is an integer type.
    pixel_size_um, frame_rate_hz
        Pixel size (µm) and frame rate (Hz); in a sidecar if the format has no place for them.
    shape_in_name
        For headerless files only: add ``_type_<dtype>_shape(<frames>, <rows>, <columns>)`` to the
        name, a PiSCAT convention.
    overwrite
        Replace an existing file.
    monitor
        Progress and cancellation; a cancelled write leaves no file.

    Returns
    -------
    Path
        File written.

    Raises
    ------
    OutputError
        If the file exists, or the folder cannot be written or is full.
    BadValueError
        If the suffix is unknown, the video has no frames, or values do not fit the type.

    Examples
    --------
    >>> import numpy as np
    >>> import napari_uai as uai
    >>> uai.write_video(np.zeros((5, 4, 4), np.uint16), "zeros.tif", pixel_size_um=0.05).name
    'zeros.tif'
    >>> uai.video_info("zeros.tif").pixel_size_um
    0.05
    """
    path = Path(path)
    write = _writer(path)
    frames = frames_of(video)
    if frames.shape[0] == 0:
        raise BadValueError("the video has no frames")
    stored = frames.dtype if dtype is None else numpy_type(dtype)
    if shape_in_name:
        path = _with_shape(path, write, frames.shape, stored)
    plan = _Plan(frames, stored, pixel_size_um, frame_rate_hz, monitor)
    refuse_existing(path, overwrite=overwrite)
    with whole_file(path) as partial_path:
        _check_space(path.parent, plan, compressed=write is _write_zarr)
        write(plan, partial_path, path)
    return path


def write_sidecar(path: Path, facts: Mapping[str, Any]) -> None:
    """Write what a file does not say of its recording beside it; replace what was said before."""
    sidecar = sidecar_paths(path)[0]
    if not facts and not sidecar.is_file():
        return
    with whole_file(sidecar) as partial:
        partial.write_text(json.dumps(dict(facts), indent=2) + "\n", encoding="utf-8")


@dataclass(frozen=True)
class _Plan:
    """A video and how to write it."""

    frames: Frames
    dtype: np.dtype[Any]
    pixel_size_um: float | None
    frame_rate_hz: float | None
    monitor: Monitor

    @property
    def n_bytes(self) -> int:
        return int(np.prod(self.frames.shape, dtype=np.int64)) * self.dtype.itemsize

    @property
    def scale(self) -> dict[str, float]:
        """Pixel size and frame rate, if known."""
        known = {"pixel_size_um": self.pixel_size_um, "frame_rate_hz": self.frame_rate_hz}
        return {key: float(value) for key, value in known.items() if value is not None}

    def blocks(self) -> Iterator[AnyArray]:
        """Yield all frames in order, in the type to write, a few blocks at a time."""

        def block(start: int, stop: int) -> AnyArray:
            return _cast(self.frames.read(start, stop), self.dtype, start)

        chunk = frames_per_chunk(self.frames.shape)
        yield from map_chunks(
            block, self.frames.shape[0], chunk, monitor=self.monitor, message="writing"
        )


_Writer: TypeAlias = Callable[[_Plan, Path, Path], None]


def _write_raw(plan: _Plan, partial_path: Path, path: Path) -> None:
    with partial_path.open("wb") as file:
        for block in plan.blocks():
            file.write(block.data)
    n, height, width = plan.frames.shape
    facts = {
        "height": height,
        "width": width,
        "dtype": plan.dtype.str,
        "offset": 0,
        "frames": n,
        **plan.scale,
    }
    # The sidecar first: alone it is harmless, but a headerless file without it is unreadable.
    write_sidecar(path, facts)


def _write_npy(plan: _Plan, partial_path: Path, path: Path) -> None:
    header = {"descr": plan.dtype.str, "fortran_order": False, "shape": plan.frames.shape}
    with partial_path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for block in plan.blocks():
            file.write(block.data)
    write_sidecar(path, plan.scale)


def _write_tiff(plan: _Plan, partial_path: Path, path: Path) -> None:
    import tifffile

    ome = path.name.lower().endswith((".ome.tif", ".ome.tiff"))
    options: dict[str, Any] = {}
    if plan.pixel_size_um is not None:
        per_cm = 1e4 / plan.pixel_size_um
        options = {"resolution": (per_cm, per_cm), "resolutionunit": "CENTIMETER"}
    pages = (page for block in plan.blocks() for page in block)
    with tifffile.TiffWriter(
        partial_path,
        bigtiff=plan.n_bytes > _TIFF_LIMIT,
        byteorder=">" if plan.dtype.str[0] == ">" else "<",
        ome=ome,
    ) as writer:
        writer.write(
            pages,
            shape=plan.frames.shape,
            dtype=plan.dtype,
            photometric="minisblack",
            metadata=_tiff_metadata(plan, ome=ome),
            **options,
        )


def _tiff_metadata(plan: _Plan, *, ome: bool) -> dict[str, Any]:
    if not ome:
        return {"axes": "TYX", **plan.scale}
    facts: dict[str, Any] = {"axes": "TYX"}
    if plan.pixel_size_um is not None:
        facts |= {"PhysicalSizeX": plan.pixel_size_um, "PhysicalSizeXUnit": "µm"}
        facts |= {"PhysicalSizeY": plan.pixel_size_um, "PhysicalSizeYUnit": "µm"}
    if plan.frame_rate_hz is not None:
        facts |= {"TimeIncrement": 1 / plan.frame_rate_hz, "TimeIncrementUnit": "s"}
    return facts


def _write_zarr(plan: _Plan, partial_path: Path, path: Path) -> None:
    import zarr

    n, height, width = plan.frames.shape
    chunk = frames_per_chunk(plan.frames.shape)
    group = zarr.create_group(
        partial_path,
        zarr_format=3,
        attributes={"ome": _ome_zarr(plan, path.stem), **plan.scale},
    )
    array = group.create_array(
        "0",
        shape=plan.frames.shape,
        chunks=(min(chunk, n), height, width),
        dtype=plan.dtype,
        dimension_names=("t", "y", "x"),
    )
    start = 0
    for block in plan.blocks():
        array[start : start + len(block)] = block
        start += len(block)


def _ome_zarr(plan: _Plan, name: str) -> dict[str, Any]:
    """Return the attributes of an image (https://ngff.openmicroscopy.org/0.5)."""
    interval = 1 / plan.frame_rate_hz if plan.frame_rate_hz else None
    pixel = plan.pixel_size_um
    axes: list[dict[str, str]] = [{"name": "t", "type": "time"}]
    axes += [{"name": letter, "type": "space"} for letter in "yx"]
    for axis, unit in zip(axes, ("second", "micrometer", "micrometer"), strict=True):
        if (interval if axis["type"] == "time" else pixel) is not None:
            axis["unit"] = unit
    scale = [interval or 1.0, pixel or 1.0, pixel or 1.0]
    level = {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": scale}]}
    return {"version": "0.5", "multiscales": [{"name": name, "axes": axes, "datasets": [level]}]}


def _write_hdf5(plan: _Plan, partial_path: Path, _path: Path) -> None:
    import h5py

    n, height, width = plan.frames.shape
    chunk = min(max(_HDF5_CHUNK // (height * width * plan.dtype.itemsize), 1), n)
    with h5py.File(partial_path, "w") as file:
        dataset = file.create_dataset(
            "video", plan.frames.shape, plan.dtype, chunks=(chunk, height, width)
        )
        dataset.attrs.update(plan.scale)
        for dimension, letter in zip(dataset.dims, "tyx", strict=True):
            dimension.label = letter
        start = 0
        for block in plan.blocks():
            dataset[start : start + len(block)] = block
            start += len(block)


_WRITERS: dict[str, _Writer] = {
    ".bin": _write_raw,
    ".raw": _write_raw,
    ".tif": _write_tiff,
    ".tiff": _write_tiff,
    ".npy": _write_npy,
    ".zarr": _write_zarr,
    ".h5": _write_hdf5,
    ".hdf5": _write_hdf5,
}


VIDEO_SUFFIXES = tuple(_WRITERS)
"""Suffixes of the formats that :func:`write_video` writes."""


def _writer(path: Path) -> _Writer:
    writer = _WRITERS.get(path.suffix.lower())
    if writer is None:
        raise BadValueError(f"cannot write {path}: use one of the suffixes {', '.join(_WRITERS)}")
    return writer


def _with_shape(
    path: Path, write: _Writer, shape: tuple[int, int, int], dtype: np.dtype[Any]
) -> Path:
    if write is not _write_raw:
        raise BadValueError(f"{path} has a header: shape_in_name is only for .bin and .raw files")
    named = f"type_{dtype.newbyteorder('=').name}_shape({shape[0]}, {shape[1]}, {shape[2]})"
    return path.with_name(f"{path.stem}_{named}{path.suffix}")


def _cast(block: AnyArray, dtype: np.dtype[Any], first_frame: int) -> AnyArray:
    """Return a block in the type to write, in C order; raise an error if values do not fit."""
    if dtype.kind in "ui" and block.dtype != dtype.newbyteorder("="):
        limits = np.iinfo(dtype)
        low, high = block.min(), block.max()
        # False for NaN, too.
        if not (limits.min - 0.5 <= low and high < limits.max + 0.5):
            raise BadValueError(
                f"values from {low:g} to {high:g} (from frame {first_frame} on) do not fit "
                f"{dtype.name}: write float32, or scale the video first"
            )
        if block.dtype.kind == "f":
            block = np.rint(block)
    return np.ascontiguousarray(block, dtype)


def refuse_existing(path: Path, *, overwrite: bool) -> None:
    """Raise an error if a path may not be replaced by a file (by a folder for zarr stores)."""
    if path.exists() and not overwrite:
        raise OutputError(
            f"{path} already exists: choose another name, or give {option('overwrite', True)}"
        )
    if path.exists() and path.is_dir() != (path.suffix.lower() == ".zarr"):
        kind = "folder" if path.is_dir() else "file"
        raise OutputError(f"{path} is an existing {kind}: choose another name")


def _check_space(folder: Path, plan: _Plan, *, compressed: bool) -> None:
    free = shutil.disk_usage(folder).free
    if not compressed and free < plan.n_bytes:
        raise OSError(errno.ENOSPC, f"{plan.n_bytes / 1e6:.0f} MB needed, {free / 1e6:.0f} free")
