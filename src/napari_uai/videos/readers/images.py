"""Image sequences: one frame per file (or several, in TIFF files)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
from dask.base import tokenize

from napari_uai.errors import VideoFormatError
from napari_uai.pictures import PictureError, read_image
from napari_uai.typing import AnyArray
from napari_uai.untrusted import refusing
from napari_uai.videos.cached import cached
from napari_uai.videos.folders import image_files
from napari_uai.videos.frames import Frames
from napari_uai.videos.grey import to_grey
from napari_uai.videos.info import Opened
from napari_uai.videos.joined import parts
from napari_uai.videos.mapped import native_dtype, to_native
from napari_uai.videos.raw_shape import UNKNOWN, RawShape
from napari_uai.videos.readers.tiff import open_tiff
from napari_uai.videos.stored import state_of


def open_images(path: Path, shape: RawShape = UNKNOWN) -> Opened:
    """Open a folder of images, a pattern such as ``frames/*.png``, or one image.

    Images are in natural order (``9.png`` before ``10.png``). TIFF files of several pages are
    concatenated.

    Raises
    ------
    VideoFormatError
        If there are no images, or the first cannot be read.
    """
    files = image_files(path)
    if files[0].suffix.lower() in {".tif", ".tiff"}:
        return _open_tiffs(files, shape)
    first = _grey(files[0])
    frames = ImageFrames(files, first.shape, first.dtype)
    return Opened(frames, first.dtype)


def _grey(path: Path) -> AnyArray:
    """Read a PNG or JPEG as a grey image of its own type."""
    try:
        image = read_image(path)
    except PictureError as error:
        raise VideoFormatError(f"{path} {error.reason}: remove or replace it") from error
    return image if image.ndim == 2 else to_grey(image)


class ImageFrames(Frames):
    """One frame per PNG or JPEG file."""

    def __init__(
        self, files: Sequence[Path], frame_shape: tuple[int, ...], stored: np.dtype[Any]
    ) -> None:
        self.files = tuple(file.absolute() for file in files)
        self.shape = (len(self.files), frame_shape[0], frame_shape[1])
        self.dtype = native_dtype(stored)
        self._name: str = "images-" + tokenize(
            [str(file) for file in self.files], [state_of(file) for file in self.files]
        )

    @property
    def name(self) -> str:
        """Paths, sizes and modification times of the files."""
        return self._name

    def read(self, start: int, stop: int) -> AnyArray:
        """Decode some images, in the calling thread.

        Raises
        ------
        VideoFormatError
            If one cannot be read, or differs from the first in size or type.
        """
        files = self.files[start:stop]
        out = np.empty((len(files), *self.shape[1:]), self.dtype)
        for block, file in zip(out, files, strict=True):
            picture = to_native(_grey(file))
            if picture.shape != self.shape[1:] or picture.dtype != self.dtype:
                raise _differs(file, picture.shape, picture.dtype, self.files[0], self)
            block[...] = picture
        return out


class TiffSequenceFrames(Frames):
    """Frames of several TIFF files, concatenated; opened when they are read.

    Parameters
    ----------
    files
        TIFF files.
    counts
        Frames in each.
    first
        Frames of the first file.
    """

    def __init__(self, files: Sequence[Path], counts: Sequence[int], first: Frames) -> None:
        self.files = tuple(file.absolute() for file in files)
        self.starts = (0, *accumulate(counts))
        self.shape = (self.starts[-1], *first.shape[1:])
        self.dtype = first.dtype
        self._name: str = "tiffs-" + tokenize(
            [str(file) for file in self.files], [state_of(file) for file in self.files]
        )
        # Thousands of files cannot be kept open; few can.
        self.keeps_open = len(self.files) <= 32
        self._kept: dict[int, Frames] = {0: first} if self.keeps_open else {}

    @property
    def name(self) -> str:
        """Paths, sizes and modification times of the files."""
        return self._name

    def read(self, start: int, stop: int) -> AnyArray:
        """Read from each file that contains some of the frames.

        Raises
        ------
        VideoFormatError
            If one cannot be read, or differs from the first in size or type.
        """
        start, stop, _ = slice(start, stop).indices(self.shape[0])
        out = np.empty((max(stop - start, 0), *self.shape[1:]), self.dtype)
        done = 0
        for k, first, last in parts(self.starts, start, stop):
            out[done : done + last - first] = self._source(k).read(first, last)
            done += last - first
        return out

    def _source(self, k: int) -> Frames:
        if k in self._kept:
            return self._kept[k]
        with refusing(self.files[k], "a TIFF file"):
            source = open_tiff(self.files[k]).frames
        if source.shape[1:] != self.shape[1:] or source.dtype != self.dtype:
            raise _differs(self.files[k], source.shape[1:], source.dtype, self.files[0], self)
        if source.shape[0] != self.starts[k + 1] - self.starts[k]:
            raise VideoFormatError(
                f"{self.files[k]} has {source.shape[0]} pages, unlike its neighbours: "
                "join the files into one TIFF"
            )
        if self.keeps_open:
            self._kept[k] = source
        return source


def _open_tiffs(files: Sequence[Path], shape: RawShape) -> Opened:
    first = open_tiff(files[0], shape)
    if len(files) == 1:
        return first
    pages = first.frames.shape[0]
    size = files[0].stat().st_size
    # Opening thousands of files takes a minute; files as large as the first have as many pages.
    counts = [
        pages
        if pages == 1 and file.stat().st_size < 1.5 * size
        else open_tiff(file).frames.shape[0]
        for file in files
    ]
    joined = TiffSequenceFrames(files, counts, first.frames)
    return Opened(
        joined if joined.keeps_open else cached(joined, max(counts)),
        first.stored,
        pixel_size_um=first.pixel_size_um,
        frame_rate_hz=first.frame_rate_hz,
    )


def _differs(
    file: Path, shape: tuple[int, ...], dtype: np.dtype[Any], first: Path, frames: Frames
) -> VideoFormatError:
    mine = f"{shape[0]} x {shape[1]} px of {dtype}"
    others = f"{frames.shape[1]} x {frames.shape[2]} px of {frames.dtype}"
    return VideoFormatError(
        f"{file} has {mine}, {first.name} {others}: select images of one kind with a pattern"
    )
