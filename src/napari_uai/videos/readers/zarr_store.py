"""Recordings in zarr stores: arrays, groups, OME-Zarr images, zipped or not."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from napari_uai.errors import VideoFormatError, counted
from napari_uai.untrusted import check_archive, check_chunk, check_links, check_pieces
from napari_uai.videos.info import Opened
from napari_uai.videos.layout.axes import array_layout
from napari_uai.videos.layout.choose import chosen_name, images_among
from napari_uai.videos.layout.frame_axis import check_frame_axis
from napari_uai.videos.layout.scale import hertz, micrometres, positive
from napari_uai.videos.read_options import ReadOptions
from napari_uai.videos.sources.cached import cached
from napari_uai.videos.sources.stored import StoredFrames, files_in, state_of_all

SAFE_CODECS = frozenset(
    {
        "adler32",
        "astype",
        "bitround",
        "blosc",
        "bytes",
        "bz2",
        "crc32",
        "crc32c",
        "delta",
        "fixedscaleoffset",
        "fletcher32",
        "gzip",
        "lz4",
        "lzma",
        "packbits",
        "pcodec",
        "quantize",
        "scale_offset",
        "sharding_indexed",
        "shuffle",
        "transpose",
        "zfpy",
        "zlib",
        "zstd",
        "jenkins_lookup3",
    }
)
"""Codecs that only unpack numbers. Others may run code that the store brings (pickle)."""

_METADATA = ("zarr.json", ".zarray", ".zgroup")
_MOST_CHUNKS_COUNTED = 200_000
_CHUNK = re.compile(r"(c\.)?\d+(\.\d+)*")
"""Names of files with chunks: 12 in nested folders, otherwise 12.0.0."""


def open_zarr(path: Path, options: ReadOptions) -> Opened:
    """Open a zarr store: an array, an OME-Zarr image, or an array of a group.

    Raises
    ------
    VideoFormatError
        If it is not one of these, or has several images and none was chosen.
    """
    if path.is_dir():
        check_links(path)
    else:
        check_archive(path)
    group = _opened(path)
    attributes: dict[str, Any] = dict(group.attrs)
    name, multiscales = "", None
    array = group
    if not hasattr(array, "shape"):
        name, multiscales = _component(path, group, options)
        array = group[name]
        attributes |= dict(array.attrs)
    _check_codecs(path, array)
    check_chunk(path, array.chunks, array.dtype.itemsize)
    layout = array_layout(
        path, array.shape, array.dtype, axes=_axes_of(array, multiscales), options=options
    )
    check_pieces(path, array.shape, array.chunks, layout.axes)
    pixel_size, frame_rate = _scale_of(attributes, multiscales, layout.axes)
    chunks = getattr(array, "shards", None) or array.chunks
    chunk = 1 if layout.frame_axis is None else chunks[layout.frame_axis]
    files = list(files_in(path)) if path.is_dir() else []
    stored = StoredFrames(
        path,
        partial(_array, name=name),
        array.dtype,
        layout,
        parallel=path.is_dir(),
        opened=array,
        state=state_of_all(file.stat() for file in files) if files else None,
    )
    frames = cached(stored, chunk)
    check_frame_axis(path, frames, layout)
    return Opened(
        frames,
        np.dtype(array.dtype),
        pixel_size_um=pixel_size,
        frame_rate_hz=frame_rate,
        warnings=(*layout.notes, *_missing_chunks(path, array, files)),
        axes=layout.axes,
        image=name,
        details={"chunks": " x ".join(map(str, array.chunks))},
        state=stored.state,
    )


def is_zarr(folder: Path) -> bool:
    """Return whether a folder is a zarr array or group."""
    return any((folder / name).is_file() for name in _METADATA)


def is_zipped_zarr(path: Path) -> bool:
    """Return whether a file is a zip of a zarr array or group, or of the folder that is one."""
    return zipfile.is_zipfile(path) and _root_in_zip(path) is not None


def _root_in_zip(path: Path) -> str | None:
    """Return the folder of a zarr array or group in a zip file; None if there is none."""
    with zipfile.ZipFile(path) as archive:
        names = archive.NameToInfo
        top = {name.partition("/")[0] for name in names}
        for root in ("", *(f"{name}/" for name in top if len(top) == 1)):
            if any(root + name in names for name in _METADATA):
                return root.rstrip("/")
    return None


def _opened(path: Path) -> Any:
    import zarr

    try:
        if not path.is_file():
            return zarr.open(path, mode="r")
        root = _root_in_zip(path) or ""
        return zarr.open(zarr.storage.ZipStore(path, mode="r"), mode="r", path=root)
    except Exception as error:  # zarr raises many types of errors
        raise VideoFormatError(
            f"{path} is not a readable zarr store ({error}): copy or export it again"
        ) from error


def _array(path: Path, *, name: str) -> Any:
    node = _opened(path)
    return node[name] if name else node


def _component(
    path: Path, group: Any, options: ReadOptions
) -> tuple[str, Mapping[str, Any] | None]:
    """Return the name of the array that holds the video at full resolution, and its metadata."""
    images = _images(group)
    if images:
        name = chosen_name(path, list(images), options, "image")
        multiscales = images[name]
        level = str(multiscales["datasets"][0]["path"])
        return (f"{name}/{level}" if name else level), multiscales
    members = sorted(group.members(max_depth=None), key=lambda member: str(member[0]))
    arrays = {name: node.shape for name, node in members if hasattr(node, "shape")}
    return chosen_name(path, images_among(arrays), options, "array"), None


def _images(group: Any) -> dict[str, Mapping[str, Any]]:
    """Return the OME-Zarr images of a group, of its series and of its wells, by path."""
    own = _multiscales(dict(group.attrs))
    if own is not None:
        return {"": own}
    images: dict[str, Mapping[str, Any]] = {}
    for name, node in group.members(max_depth=None):
        if not hasattr(node, "shape"):
            multiscales = _multiscales(dict(node.attrs))
            if multiscales is not None and "labels/" not in f"{name}/":
                images[name] = multiscales
    return dict(sorted(images.items()))


def _multiscales(attributes: Mapping[str, Any]) -> Mapping[str, Any] | None:
    # OME-Zarr 0.4 stores them at the top level, 0.5 under "ome".
    found = attributes.get("ome", attributes).get("multiscales")
    return found[0] if found and found[0].get("datasets") else None


def _axes_of(array: Any, multiscales: Mapping[str, Any] | None) -> str | None:
    """Return a letter per axis, from the OME metadata or the names of dimensions."""
    named = [
        str(axis.get("name", "") if isinstance(axis, Mapping) else axis)
        for axis in (multiscales or {}).get("axes", [])
    ]
    dimensions: Any = getattr(array.metadata, "dimension_names", None)
    dimensions = dimensions or array.attrs.get("_ARRAY_DIMENSIONS")  # of xarray, in version 2
    names = named or [str(name or "") for name in dimensions or []]
    letters = "".join(name[:1].upper() for name in names)
    known = len(letters) == len(array.shape) and len(set(letters)) == len(letters)
    return letters if known and {"Y", "X"} <= {*letters} else None


def _scale_of(
    attributes: Mapping[str, Any], multiscales: Mapping[str, Any] | None, axes: str
) -> tuple[float | None, float | None]:
    """Return pixel size (µm) and frame rate (Hz) from attributes of this package or OME-Zarr."""
    pixel_size = positive(attributes.get("pixel_size_um"))
    frame_rate = positive(attributes.get("frame_rate_hz"))
    if multiscales is None:
        return pixel_size, frame_rate
    scales = np.ones(len(axes))
    for stated in (multiscales["datasets"][0], multiscales):
        for transform in stated.get("coordinateTransformations", []):
            if transform.get("type") == "scale" and len(transform["scale"]) == len(axes):
                scales = scales * np.asarray(transform["scale"], np.float64)
    for letter, axis, scale in zip(axes, multiscales.get("axes", []), scales, strict=False):
        unit = axis.get("unit") if isinstance(axis, Mapping) else None
        if letter == "X":
            pixel_size = pixel_size or micrometres(scale, unit)
        elif letter == "T":
            frame_rate = frame_rate or hertz(scale, unit)
    return pixel_size, frame_rate


def _check_codecs(path: Path, array: Any) -> None:
    metadata = array.metadata.to_dict()
    codecs = [
        metadata.get("compressor"),
        *(metadata.get("filters") or ()),
        *(metadata.get("codecs") or ()),
    ]
    for codec in filter(None, codecs):
        name = (
            str(codec.get("id") or codec.get("name")) if isinstance(codec, Mapping) else str(codec)
        )
        plain = name.removeprefix("numcodecs.").removeprefix("imagecodecs_").lower()
        if plain not in SAFE_CODECS and not name.startswith("imagecodecs_"):
            raise VideoFormatError(
                f"{path} is packed with {name!r}, which is not on the list of safe codecs: "
                "save it with another, such as blosc or zstd"
            )


def _missing_chunks(path: Path, array: Any, files: Sequence[os.DirEntry[str]]) -> tuple[str, ...]:
    total = int(array.nchunks)
    if total > _MOST_CHUNKS_COUNTED:
        return ()
    if not getattr(array, "shards", None):
        # As many files as chunks: all are there. Asking zarr which ones takes longer.
        folder = os.path.join(path, array.path, "")  # noqa: PTH118  # ends with a separator
        within = (file.name for file in files if file.path.startswith(folder))
        if sum(_CHUNK.fullmatch(name) is not None for name in within) >= total:
            return ()
    missing = total - int(array.nchunks_initialized)
    if missing <= 0:
        return ()
    fill = array.fill_value
    return (
        f"{path.name}: {missing} of {counted(total, 'chunk')} missing; their pixels are {fill}",
    )
