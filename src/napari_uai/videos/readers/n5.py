"""Recordings in N5 stores: datasets, also of several resolutions.

The format: https://github.com/saalfeldlab/n5#file-system-specification.
"""

from __future__ import annotations

import bz2
import lzma
import math
import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_uai.errors import VideoFormatError, counted
from napari_uai.typing import AnyArray
from napari_uai.untrusted import (
    check_chunk,
    check_links,
    check_pieces,
    check_regular,
    read_json,
)
from napari_uai.videos.info import Opened
from napari_uai.videos.layout.axes import array_layout
from napari_uai.videos.layout.choose import chosen_name, images_among
from napari_uai.videos.layout.frame_axis import check_frame_axis
from napari_uai.videos.layout.scale import hertz, micrometres
from napari_uai.videos.read_options import ReadOptions
from napari_uai.videos.sources.cached import cached
from napari_uai.videos.sources.stored import StoredFrames, files_in, state_of_all

_TYPES = frozenset(
    {*(f"{u}int{bits}" for u in ("", "u") for bits in (8, 16, 32, 64)), "float32", "float64"}
)
_DEEPEST = 8
_MOST_AXES = 16


def open_n5(path: Path, options: ReadOptions) -> Opened:
    """Open a dataset of an N5 store, at full resolution if there are several (``s0``, ``s1``, ...).

    Parameters
    ----------
    path
        The store, or a dataset in it.
    shape
        ``image``: path of the dataset, if there are several.

    Raises
    ------
    VideoFormatError
        If there is no dataset that can be read, or several and none was chosen.
    """
    check_links(path)
    found = dict(_datasets(path))
    arrays = {name: _sizes(facts) for name, facts in found.items()}
    name = "" if "" in found else chosen_name(path, images_among(arrays), options, "dataset")
    array = N5Array(path / name, found[name])
    stated = _attributes(path) | _attributes((path / name).parent) | found[name]
    check_chunk(path, array.block, array.dtype.itemsize)
    layout = array_layout(
        path, array.shape, array.dtype, axes=_axes_of(stated, array), options=options
    )
    check_pieces(path, array.shape, array.block, layout.axes)
    files = list(files_in(path))
    stored = StoredFrames(
        path,
        partial(_opened, name=name),
        array.dtype,
        layout,
        parallel=True,
        opened=array,
        state=state_of_all(file.stat() for file in files),
    )
    chunk = 1 if layout.frame_axis is None else array.block[layout.frame_axis]
    frames = cached(stored, chunk)
    check_frame_axis(path, frames, layout)
    pixel_size, frame_rate = _scale_of(stated, layout.axes)
    return Opened(
        frames,
        array.dtype,
        pixel_size_um=pixel_size,
        frame_rate_hz=frame_rate,
        warnings=(*layout.notes, *_missing_blocks(path, array, files)),
        axes=layout.axes,
        image=name,
        details={"compression": array.compression, "chunks": " x ".join(map(str, array.block))},
        state=stored.state,
    )


def is_n5(folder: Path) -> bool:
    """Return whether a folder is an N5 store or a dataset in one."""
    if folder.suffix.lower() == ".n5":
        return folder.is_dir()
    return bool({"n5", "dimensions"} & _attributes(folder).keys())


class N5Array:
    """A dataset whose blocks are read on demand; any index of integers and slices of step 1.

    The axes are those of numpy: the last varies fastest, in N5 the first does.

    Parameters
    ----------
    folder
        The dataset.
    facts
        Its attributes.

    Raises
    ------
    VideoFormatError
        If they do not describe a dataset of numbers.
    """

    def __init__(self, folder: Path, facts: Mapping[str, Any]) -> None:
        self.folder = folder
        try:
            sizes = [int(size) for size in facts["dimensions"]]
            block = [int(size) for size in facts["blockSize"]]
            kind = facts["dataType"]
            compression = facts.get("compression", facts.get("compressionType", "raw"))
            self.compression = str(
                compression["type"] if isinstance(compression, Mapping) else compression
            )
        except (KeyError, TypeError, ValueError) as error:
            raise VideoFormatError(
                f"{folder} is not a complete N5 dataset, its attributes.json lacks {error}: "
                "export it again"
            ) from error
        least = min((*sizes, *block), default=0)
        if kind not in _TYPES or least < 1 or not len(block) == len(sizes) <= _MOST_AXES:
            raise VideoFormatError(
                f"{folder} is not a dataset of numbers ({kind}, {sizes} in blocks of {block}): "
                "export it again"
            )
        if self.compression not in _UNPACK:
            raise VideoFormatError(
                f"{folder} is packed with {self.compression!r}: save it with another method, "
                "such as gzip or zstd"
            )
        self.shape = tuple(sizes[::-1])
        self.block = tuple(block[::-1])
        self.dtype = np.dtype(kind).newbyteorder(">")

    def __getitem__(self, index: tuple[int | slice, ...]) -> AnyArray:
        """Read the blocks that hold some values."""
        spans = [
            range(size)[i] if isinstance(i, slice) else range(i, i + 1)
            for i, size in zip(index, self.shape, strict=True)
        ]
        out = np.zeros([len(span) for span in spans], self.dtype.newbyteorder("="))
        grid = [
            range(span.start // size, -(-span.stop // size)) if len(span) else range(0)
            for span, size in zip(spans, self.block, strict=True)
        ]
        for place in product(*grid):
            block = self._read(place)
            if block is None:
                continue
            inside, outside = [], []
            for axis, number in enumerate(place):
                first = number * self.block[axis]
                low = max(spans[axis].start, first)
                high = min(spans[axis].stop, first + block.shape[axis])
                inside.append(slice(low - first, max(high, low) - first))
                outside.append(slice(low - spans[axis].start, max(high, low) - spans[axis].start))
            out[tuple(outside)] = block[tuple(inside)]
        kept = tuple(slice(None) if isinstance(i, slice) else 0 for i in index)
        return np.asarray(out[kept])

    def _read(self, place: tuple[int, ...]) -> AnyArray | None:
        """Read a block; None if it was never written, so that it is zero."""
        path = self.folder.joinpath(*map(str, place[::-1]))
        check_regular(path)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        mode, n_axes = struct.unpack_from(">HH", content)
        sizes = struct.unpack_from(f">{n_axes}I", content, 4)[::-1]
        if mode > 1 or n_axes != len(self.shape) or any(map(_above, sizes, self.block)):
            raise ValueError(f"{path.name} is not a block of this dataset")
        n_bytes = math.prod(sizes) * self.dtype.itemsize
        packed = content[4 + 4 * n_axes + 4 * mode :]
        unpacked = _UNPACK[self.compression](packed, n_bytes)
        return np.frombuffer(unpacked, self.dtype, math.prod(sizes)).reshape(sizes)


def _above(one: int, other: int) -> bool:
    return one > other


def _gzip(packed: bytes, size: int) -> bytes:
    import imagecodecs

    gzipped = packed.startswith(b"\x1f\x8b")
    unpack = imagecodecs.gzip_decode if gzipped else imagecodecs.deflate_decode
    return bytes(unpack(packed, out=size))


def _xz(packed: bytes, size: int) -> bytes:
    return lzma.LZMADecompressor(memlimit=2**28).decompress(packed, size)


def _bzip2(packed: bytes, size: int) -> bytes:
    return bz2.BZ2Decompressor().decompress(packed, size)


def _zstd(packed: bytes, size: int) -> npt.NDArray[np.uint8]:
    from numcodecs.zstd import decompress

    out = np.empty(size, np.uint8)
    decompress(packed, out)
    return out


def _blosc(packed: bytes, size: int) -> npt.NDArray[np.uint8]:
    from numcodecs.blosc import decompress

    out = np.empty(size, np.uint8)
    decompress(packed, out)
    return out


def _lz4(packed: bytes, size: int) -> bytes:
    """Unpack the frames of lz4-java: magic, method, sizes, checksum, data."""
    from numcodecs.lz4 import decompress

    parts, at, left = [], 0, size
    while left > 0:
        magic, method, n_packed, n_bytes, _ = struct.unpack_from("<8sBiiI", packed, at)
        if magic != b"LZ4Block" or not 0 < n_bytes <= left or n_packed < 0:
            raise ValueError("it is not a block of lz4")
        at += 21
        data = packed[at : at + n_packed]
        stored = method & 0xF0 == 0x10
        parts.append(data if stored else bytes(decompress(struct.pack("<i", n_bytes) + data)))
        at, left = at + n_packed, left - n_bytes
    return b"".join(parts)


_UNPACK: dict[str, Any] = {
    "raw": lambda packed, _: packed,
    "gzip": _gzip,
    "xz": _xz,
    "bzip2": _bzip2,
    "zstd": _zstd,
    "blosc": _blosc,
    "lz4": _lz4,
}


def _opened(path: Path, *, name: str) -> N5Array:
    return N5Array(path / name, _attributes(path / name))


def _attributes(folder: Path) -> dict[str, Any]:
    try:
        stated = read_json(folder / "attributes.json", error=VideoFormatError)
    except (OSError, VideoFormatError):
        return {}
    return stated if isinstance(stated, dict) else {}


def _datasets(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield datasets by path; of several resolutions, the first only."""
    for root, folders, _ in os.walk(path):
        folder = Path(root)
        facts = _attributes(folder)
        relative = folder.relative_to(path)
        if "dimensions" in facts:
            yield ("" if folder == path else relative.as_posix()), facts
            folders.clear()
        elif len(relative.parts) >= _DEEPEST:
            folders.clear()
        elif "s0" in folders:
            folders[:] = ["s0"]
        folders.sort()


def _sizes(facts: Mapping[str, Any]) -> list[int]:
    sizes = facts["dimensions"]
    known = isinstance(sizes, list) and all(isinstance(size, int) for size in sizes)
    return sizes if known else [2, 2]  # opening it tells what is wrong


def _axes_of(stated: Mapping[str, Any], array: N5Array) -> str | None:
    """Return a letter per axis, if the attributes name them in either order."""
    axes = stated.get("axes")
    if not isinstance(axes, list) or len(axes) != len(array.shape):
        return None
    letters = "".join(str(axis)[:1].upper() for axis in axes)
    if len({*letters}) < len(letters) or not {"Y", "X"} <= {*letters}:
        return None
    return letters[::-1] if letters.index("X") < letters.index("Y") else letters


def _scale_of(stated: Mapping[str, Any], axes: str) -> tuple[float | None, float | None]:
    """Return pixel size (µm) and frame rate (Hz)."""
    resolution = stated.get("pixelResolution", stated.get("resolution"))
    if isinstance(resolution, Mapping):
        unit, sizes = resolution.get("unit"), resolution.get("dimensions")
    else:
        units = stated.get("units")
        unit = units[0] if isinstance(units, list) and units else units
        sizes = resolution
    if not isinstance(sizes, list) or len(sizes) != len(axes):
        return None, None
    by_axis = dict(zip(axes[::-1], sizes, strict=True))
    units = stated.get("units")
    time_unit = dict(zip(axes[::-1], units, strict=False)).get("T") if units else None
    return micrometres(by_axis.get("X"), unit), hertz(by_axis.get("T"), time_unit)


def _missing_blocks(
    path: Path, array: N5Array, files: Sequence[os.DirEntry[str]]
) -> tuple[str, ...]:
    sides = zip(array.shape, array.block, strict=True)
    total = math.prod(-(-size // block) for size, block in sides)
    folder = os.path.join(array.folder, "")  # noqa: PTH118  # ends with a separator
    there = sum(file.name.isdecimal() for file in files if file.path.startswith(folder))
    if there >= total:
        return ()
    return (
        f"{path.name}: {total - there} of {counted(total, 'block')} missing; their pixels are 0",
    )
