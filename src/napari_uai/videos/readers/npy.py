"""Recordings saved by numpy: ``.npy`` and ``.npz`` files."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from napari_uai.errors import VideoFormatError
from napari_uai.typing import AnyArray
from napari_uai.untrusted import check_npz
from napari_uai.videos.axes import array_layout
from napari_uai.videos.choose import chosen_name
from napari_uai.videos.frames import Frames
from napari_uai.videos.info import Opened
from napari_uai.videos.mapped import FileFrames
from napari_uai.videos.raw_shape import RawShape
from napari_uai.videos.stored import StoredFrames


def open_npy(path: Path, shape: RawShape) -> Opened:
    """Open a ``.npy`` file through a memory map.

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
    layout = array_layout(path, array.shape, array.dtype, shape=shape)
    frames: Frames
    contiguous = array.flags.c_contiguous or array.flags.f_contiguous
    if layout.plain and contiguous and not layout.colours:
        order: Literal["C", "F"] = "C" if array.flags.c_contiguous else "F"
        frames = FileFrames(
            path, shape=layout.shape, dtype=array.dtype, offset=array.offset, order=order
        )
    else:
        frames = StoredFrames(path, _mapped, array.dtype, layout, parallel=True)
    offset = array.offset if isinstance(frames, FileFrames) else 0
    return Opened(frames, array.dtype, offset, warnings=layout.notes, axes=layout.axes)


def open_npz(path: Path, shape: RawShape) -> Opened:
    """Open an array of a ``.npz`` file; it is unpacked into memory on the first read.

    Raises
    ------
    VideoFormatError
        If it is not such a file, or has several arrays and none was chosen.
    """
    try:
        check_npz(path)
        with np.load(path, allow_pickle=False) as archive:
            name = chosen_name(path, list(archive.files), shape, "array")
            array = archive[name]
    except (ValueError, EOFError, OSError, KeyError) as error:
        raise VideoFormatError(
            f"{path} is not a complete npz file ({error}): save it again"
        ) from error
    layout = array_layout(path, array.shape, array.dtype, shape=shape)
    frames = StoredFrames(path, partial(_member, name=name), array.dtype, layout, parallel=True)
    return Opened(frames, array.dtype, warnings=layout.notes, axes=layout.axes, image=name)


def _member(path: Path, *, name: str) -> AnyArray:
    with np.load(path, allow_pickle=False) as archive:
        member: AnyArray = archive[name]
        return member


def _mapped(path: Path) -> np.memmap[Any, Any]:
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
    return array
