"""Recordings saved by MATLAB: ``.mat`` files of version 5 and of version 7.3, which is HDF5."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path

import numpy as np

from napari_uai.errors import VideoFormatError
from napari_uai.typing import AnyArray
from napari_uai.untrusted import check_unpacked, mapped_file
from napari_uai.videos.info import Opened
from napari_uai.videos.layout.axes import UNNAMED, array_layout
from napari_uai.videos.layout.choose import chosen_name, images_among
from napari_uai.videos.layout.embedded import check_mat5
from napari_uai.videos.layout.frame_axis import check_frame_axis
from napari_uai.videos.read_options import ReadOptions
from napari_uai.videos.readers.hdf5 import open_datasets
from napari_uai.videos.sources.stored import StoredFrames


def open_mat(path: Path, options: ReadOptions) -> Opened:
    """Open an array of a MATLAB file, whose axes are usually rows, columns, frames.

    Version 5 is unpacked into memory on the first read.

    Raises
    ------
    VideoFormatError
        If it is not such a file, or has several videos and none was chosen.
    """
    if is_hdf5(path):
        return open_datasets(path, options, matlab=True)
    from scipy.io import whosmat

    check_mat5(path)
    try:
        with mapped_file(path) as content:
            listed = whosmat(content)
    except Exception as error:  # scipy raises many types of errors
        raise VideoFormatError(
            f"{path} is not a complete MATLAB file ({error}): save it again"
        ) from error
    numbers = {name: sizes for name, sizes, kind in listed if kind not in _NO_NUMBERS}
    name = chosen_name(path, images_among(numbers), options, "variable")
    axes = {2: "YX", 3: "YX" + UNNAMED}.get(len(numbers[name]))
    check_unpacked(path, math.prod(numbers[name]))
    array = _variable(path, name=name)
    layout = array_layout(path, array.shape, array.dtype, axes=axes, options=options)
    frames = StoredFrames(
        path, partial(_variable, name=name), array.dtype, layout, parallel=True, opened=array
    )
    check_frame_axis(path, frames, layout)
    return Opened(frames, array.dtype, warnings=layout.notes, axes=layout.axes, image=name)


def is_hdf5(path: Path) -> bool:
    """Return whether a file has the signature of HDF5, maybe behind a block of the user's."""
    with path.open("rb") as file:
        head = file.read(1024)
    return any(head[at : at + 8] == b"\x89HDF\r\n\x1a\n" for at in (0, 512))


_NO_NUMBERS = {"cell", "struct", "object", "char", "function", "opaque", "sparse"}


def _variable(path: Path, *, name: str) -> AnyArray:
    from scipy.io import loadmat

    try:
        with mapped_file(path) as content:
            return np.asarray(loadmat(content, variable_names=[name])[name])
    except Exception as error:  # scipy raises many types of errors
        raise VideoFormatError(
            f"{path}: variable {name} cannot be read ({error}): save it again"
        ) from error
