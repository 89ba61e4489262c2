"""Recordings saved by numpy: ``.npy`` and ``.npz`` files."""

from __future__ import annotations

import struct
import zipfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from napari_uai.errors import VideoFormatError
from napari_uai.typing import AnyArray
from napari_uai.untrusted import check_npz
from napari_uai.videos.frames import Frames
from napari_uai.videos.info import Opened
from napari_uai.videos.layout.axes import array_layout
from napari_uai.videos.layout.choose import chosen_name, images_among
from napari_uai.videos.layout.frame_axis import check_frame_axis
from napari_uai.videos.mapped import FileArray, FileFrames
from napari_uai.videos.read_options import ReadOptions
from napari_uai.videos.sources.stored import StoredFrames


def open_npy(path: Path, options: ReadOptions) -> Opened:
    """Open a ``.npy`` file.

    Parameters
    ----------
    path
        Array of frames, rows, columns, or of one frame; a fourth axis holds colours.
    shape
        Meaning of its axes, if it is another.

    Raises
    ------
    VideoFormatError
        If it is not such an array.
    """
    array = _mapped(path)
    layout = array_layout(path, array.shape, array.dtype, options=options)
    frames: Frames
    contiguous = array.flags.c_contiguous or array.flags.f_contiguous
    if layout.plain and contiguous and not layout.colours:
        order: Literal["C", "F"] = "C" if array.flags.c_contiguous else "F"
        frames = FileFrames(
            path, shape=layout.shape, dtype=array.dtype, offset=array.offset, order=order
        )
    else:
        frames = StoredFrames(path, _file_array, array.dtype, layout, parallel=True)
    check_frame_axis(path, frames, layout)
    offset = array.offset if isinstance(frames, FileFrames) else 0
    return Opened(frames, array.dtype, offset, warnings=layout.notes, axes=layout.axes)


def open_npz(path: Path, options: ReadOptions) -> Opened:
    """Open an array of a ``.npz`` file.

    Arrays that are not compressed are mapped; others are unpacked into memory on the first read.

    Raises
    ------
    VideoFormatError
        If it is not such a file, or has several arrays and none was chosen.
    """
    try:
        check_npz(path)
        members = _members(path)
        arrays = {name: member.shape for name, member in members.items()}
        name = chosen_name(path, images_among(arrays), options, "array")
    except VideoFormatError:
        raise
    except (ValueError, EOFError, OSError, zipfile.BadZipFile, struct.error) as error:
        raise _incomplete(path, "npz", error) from error
    member = members[name]
    layout = array_layout(path, member.shape, member.dtype, options=options)
    frames: Frames
    if member.offset is None:
        unpacked = partial(_unpacked, name=name)
        frames = StoredFrames(path, unpacked, member.dtype, layout, parallel=True)
    elif layout.plain and not layout.colours:
        frames = FileFrames(
            path, shape=layout.shape, dtype=member.dtype, offset=member.offset, order=member.order
        )
    else:
        frames = StoredFrames(path, member.mapped, member.dtype, layout, parallel=True)
    check_frame_axis(path, frames, layout)
    return Opened(frames, member.dtype, warnings=layout.notes, axes=layout.axes, image=name)


@dataclass(frozen=True)
class _Member:
    """An array in a npz file; its offset in the file if it is not compressed."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    order: Literal["C", "F"]
    offset: int | None

    def mapped(self, path: Path) -> FileArray:
        offset = self.offset or 0
        return FileArray.of(np.memmap(path, self.dtype, "r", offset, self.shape, self.order), path)


def _members(path: Path) -> dict[str, _Member]:
    """Return the arrays of numbers in a npz file, of which the headers are read."""
    found = {}
    with zipfile.ZipFile(path) as archive, path.open("rb") as file:
        for info in archive.infolist():
            if not info.filename.endswith(".npy"):
                continue
            with archive.open(info) as content:
                version = np.lib.format.read_magic(content)
                header = np.lib.format.read_array_header_1_0
                if version != (1, 0):
                    header = np.lib.format.read_array_header_2_0
                shape, fortran, dtype = header(content)
                begin = content.tell()
            if dtype.hasobject:
                continue
            file.seek(info.header_offset + 26)
            name_and_extra = sum(struct.unpack("<HH", file.read(4)))
            offset = info.header_offset + 30 + name_and_extra + begin
            found[info.filename.removesuffix(".npy")] = _Member(
                shape,
                dtype,
                "F" if fortran else "C",
                offset if info.compress_type == zipfile.ZIP_STORED else None,
            )
    return found


def _unpacked(path: Path, *, name: str) -> AnyArray:
    with np.load(path, allow_pickle=False) as archive:
        member: AnyArray = archive[name]
        return member


def _file_array(path: Path) -> FileArray:
    return FileArray.of(_mapped(path), path)


def _mapped(path: Path) -> np.memmap[Any, Any]:
    if path.stat().st_size == 0:
        raise VideoFormatError(f"{path} is empty (0 bytes): record or copy it again")
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError as error:
        if "Python objects" not in str(error):
            raise _incomplete(path, "npy", error) from error
        raise VideoFormatError(
            f"{path} contains Python objects: save the frames as an array of integers or floats"
        ) from error
    except (EOFError, OSError) as error:
        raise _incomplete(path, "npy", error) from error
    if not isinstance(array, np.memmap):
        raise VideoFormatError(
            f"{path} contains several arrays: save the video as a single npy file"
        )
    return array


def _incomplete(path: Path, kind: str, error: Exception) -> VideoFormatError:
    return VideoFormatError(f"{path} is not a complete {kind} file ({error}): save it again")
