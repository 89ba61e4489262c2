"""Image sequences: one frame per file (or several, in TIFF files)."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
from dask.base import tokenize

from napari_uai.errors import VideoFormatError, counted
from napari_uai.pictures import PictureError, read_image
from napari_uai.typing import AnyArray
from napari_uai.untrusted import check_frame, refusing
from napari_uai.videos.frames import Frames
from napari_uai.videos.grey import to_grey
from napari_uai.videos.info import Opened
from napari_uai.videos.layout.embedded import check_segments
from napari_uai.videos.layout.image_heads import ImageHead, image_head
from napari_uai.videos.layout.sequences import few, image_sequence, numbering_notes, strays_note
from napari_uai.videos.mapped import native_dtype, to_native
from napari_uai.videos.read_options import UNKNOWN, ReadOptions
from napari_uai.videos.readers.tiff import open_tiff, tiff_file
from napari_uai.videos.sources.cached import cached
from napari_uai.videos.sources.joined import parts
from napari_uai.videos.sources.stored import state_of_all

_HEADS_AT_MOST = 5000
"""Of longer sequences, reading finds out which images differ."""


def open_images(path: Path, options: ReadOptions = UNKNOWN) -> Opened:
    """Open a folder of images, a pattern such as ``frames/*.png``, or one image.

    Images are in the order of the numbers in their names (``9.png`` before ``10.png``). TIFF files
    of several pages are concatenated. A few images of another size or kind are left out and said.

    Raises
    ------
    VideoFormatError
        If there are no images, or the first cannot be read.
    """
    found = image_sequence(path)
    heads, strays = _alike(found.files)
    left_out = {*strays}
    images = [_Image.of(file, heads.get(file)) for file in found.files if file not in left_out]
    files = [image.path for image in images]
    notes = [*found.notes, *([strays_note(path, strays)] if strays else [])]
    notes += numbering_notes(path, files)
    if files[0].suffix.lower() in {".tif", ".tiff"}:
        opened = _open_tiffs(images, options)
    else:
        first, colours = _grey(files[0])
        if colours:
            notes.append(f"{path.name}: colours are converted to grey")
        opened = Opened(ImageFrames(images, first.shape, first.dtype), first.dtype)
    return replace(
        opened,
        warnings=(*notes, *opened.warnings),
        state=state_of_all(image.status for image in images),
    )


@dataclass(frozen=True)
class _Image:
    """An image file: what the system says about it, and what its head states, if it was read."""

    path: Path
    status: os.stat_result
    head: ImageHead | None

    @classmethod
    def of(cls, path: Path, head: ImageHead | None) -> _Image:
        return cls(path, path.stat(), head)


def _name_of(images: Sequence[_Image]) -> str:
    """Return what identifies the content of files: paths, sizes and modification times."""
    states = ((image.path.absolute(), image.status) for image in images)
    return str(tokenize("\n".join(f"{path}\0{s.st_size}\0{s.st_mtime_ns}" for path, s in states)))


def _alike(files: Sequence[Path]) -> tuple[dict[Path, ImageHead | None], list[Path]]:
    """Return what the heads of images state, and those of another size or kind if they are few."""
    if not 1 < len(files) <= _HEADS_AT_MOST:
        return {}, []
    heads = {file: image_head(file) for file in files}
    kinds = {
        file: None if head is None else (head.rows, head.columns, head.mode)
        for file, head in heads.items()
    }
    counts = Counter(kind for kind in kinds.values() if kind is not None)
    main, count = counts.most_common(1)[0] if counts else (None, 0)
    strays = [file for file in files if kinds[file] not in {main, None}]
    return heads, strays if few(strays, count) else []  # reading tells which one differs


def _grey(path: Path) -> tuple[AnyArray, bool]:
    """Read a picture as a grey one of its own type; tell whether it has colours."""
    try:
        image = read_image(path)
    except PictureError as error:
        raise VideoFormatError(f"{path} {error.reason}: remove or replace it") from error
    return (image, False) if image.ndim == 2 else (to_grey(image), image.shape[-1] > 2)


class ImageFrames(Frames):
    """One frame per PNG or JPEG file."""

    def __init__(
        self, images: Sequence[_Image], frame_shape: tuple[int, ...], stored: np.dtype[Any]
    ) -> None:
        self.files = tuple(image.path.absolute() for image in images)
        self.shape = (len(self.files), frame_shape[0], frame_shape[1])
        self.dtype = native_dtype(stored)
        self._name: str = "images-" + _name_of(images)

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
            picture = to_native(_grey(file)[0])
            if picture.shape != self.shape[1:] or picture.dtype != self.dtype:
                raise _differs(file, picture.shape, picture.dtype, self.files[0], self)
            block[...] = picture
        return out


class TiffSequenceFrames(Frames):
    """Frames of several TIFF files, concatenated; opened when they are read.

    Parameters
    ----------
    images
        TIFF files.
    counts
        Frames in each.
    first
        Frames of the first file.
    choice
        What to take of each file.
    """

    def __init__(
        self, images: Sequence[_Image], counts: Sequence[int], first: Frames, choice: ReadOptions
    ) -> None:
        self.files = tuple(image.path.absolute() for image in images)
        self.choice = choice
        self.starts = (0, *accumulate(counts))
        self.shape = (self.starts[-1], *first.shape[1:])
        self.dtype = first.dtype
        self._name: str = f"tiffs-{_name_of(images)}-{tokenize(choice)}"
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
            out[done : done + last - first] = self._read(k, first, last)
            done += last - first
        return out

    def _read(self, k: int, first: int, last: int) -> AnyArray:
        """Read frames of one file."""
        if k in self._kept:
            return self._kept[k].read(first, last)
        n = self.starts[k + 1] - self.starts[k]
        with refusing(self.files[k], "a TIFF file"):
            page = _only_page(self.files[k]) if n == 1 and self.choice == UNKNOWN else None
            if page is not None and page.shape == self.shape[1:] and page.dtype == self.dtype:
                return page[np.newaxis]
            source = open_tiff(self.files[k], self.choice, check_axes=False).frames
        if source.shape[1:] != self.shape[1:] or source.dtype != self.dtype:
            raise _differs(self.files[k], source.shape[1:], source.dtype, self.files[0], self)
        if source.shape[0] != n:
            raise VideoFormatError(
                f"{self.files[k]} has changed since its folder was opened: open it again"
            )
        if self.keeps_open:
            self._kept[k] = source
        return source.read(first, last)


def _only_page(path: Path) -> AnyArray | None:
    """Read a TIFF file of a single page, as a grey picture; None if it is another one.

    To open it as a recording, which may be any of many kinds, takes several times longer.
    """
    with tiff_file(path) as tiff:
        if len(tiff.pages) != 1:
            return None
        page = tiff.pages.first
        if page.axes not in {"YX", "YXS"} or tiff.is_ome or _is_stack(path, page):
            return None
        check_frame(path, page.shape[0], page.shape[1], page.dtype.itemsize)
        check_segments(page)
        pixels = np.asarray(page.asarray(maxworkers=1))
    return to_native(to_grey(pixels) if page.axes == "YXS" else pixels)


def _is_stack(path: Path, page: Any) -> bool:
    """Return whether a page may stand for many frames, which are then not compressed."""
    return bool(page.compression == 1 and path.stat().st_size >= 2 * page.nbytes)


def _open_tiffs(images: Sequence[_Image], options: ReadOptions) -> Opened:
    choice = replace(options, frames=None)
    first = open_tiff(images[0].path, choice)
    if len(images) == 1:
        return first
    rows, columns = first.frames.shape[1:]
    plane = rows * columns * first.frames.dtype.itemsize

    def count(image: _Image) -> int:
        head = image.head or image_head(image.path)
        # One directory may also stand for many frames, which are then not compressed.
        single = head is not None and head.pages == 1 and image.status.st_size < 2 * plane
        return 1 if single else len(open_tiff(image.path, choice, check_axes=False).frames)

    counts = [len(first.frames), *map(count, images[1:])]
    joined = TiffSequenceFrames(images, counts, first.frames, choice)
    return replace(
        first,
        frames=joined if joined.keeps_open else cached(joined, max(counts)),
        offset=0,
        warnings=(*first.warnings, *_uneven([image.path for image in images], counts)),
    )


def _uneven(files: Sequence[Path], counts: Sequence[int]) -> tuple[str, ...]:
    """Return a note on files that hold more or fewer frames than most; the last may end early."""
    usual, times = Counter(counts).most_common(1)[0]
    others = [k for k, count in enumerate(counts) if count != usual]
    if not others or times < 2 or (counts[-1] < usual and others == [len(counts) - 1]):
        return ()
    file, count = files[others[0]], counts[others[0]]
    more = f", and {counted(len(others) - 1, 'other file')} too" if len(others) > 1 else ""
    return (f"{file.name} holds {counted(count, 'frame')}, the others {usual}{more}; all are read",)


def _differs(
    file: Path, shape: tuple[int, ...], dtype: np.dtype[Any], first: Path, frames: Frames
) -> VideoFormatError:
    mine = f"{shape[0]} x {shape[1]} px of {dtype}"
    others = f"{frames.shape[1]} x {frames.shape[2]} px of {frames.dtype}"
    return VideoFormatError(
        f"{file} has {mine}, {first.name} {others}: select images of one kind with a pattern"
    )
