"""TIFF recordings: one file of many pages, including BigTIFF, OME and ImageJ."""

from __future__ import annotations

import logging
import math
import re
import threading
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
from dask.base import tokenize

from napari_uai.errors import VideoFormatError
from napari_uai.typing import AnyArray
from napari_uai.untrusted import check_tiff_pages
from napari_uai.videos.frames import Frames
from napari_uai.videos.info import Opened
from napari_uai.videos.layout.axes import Layout, array_layout
from napari_uai.videos.layout.embedded import check_other_files, check_segments
from napari_uai.videos.layout.frame_axis import check_frame_axis
from napari_uai.videos.mapped import FileArray, FileFrames, native_dtype
from napari_uai.videos.read_options import UNKNOWN, ReadOptions
from napari_uai.videos.readers.tiff_metadata import scale_of, shaped_facts
from napari_uai.videos.sources.joined import JoinedFrames, parts
from napari_uai.videos.sources.stored import StoredFrames, state_of

_SPREAD = {"ome", "mmstack", "ndtiff"}  # series whose pages may be in several files
_UNHEARD = logging.NullHandler()
_KEPT_OPEN = 256
_MAPPED_AT_MOST = 64


def open_tiff(path: Path, options: ReadOptions = UNKNOWN, *, check_axes: bool = True) -> Opened:
    """Open a TIFF file, and the other files of its OME series.

    Contiguous uncompressed pages are read by their places, others page by page. Series of
    equal pages, as programs leave them that append, are one video.

    Parameters
    ----------
    path
        The file.
    shape
        Choice of a plane, channel or image; ``image`` counts the series of the file.
    check_axes
        Whether to doubt which axis is that of the frames, which reads some of them.

    Raises
    ------
    VideoFormatError
        If it is not a complete TIFF file, or a choice is needed.
    """
    if path.stat().st_size == 0:
        raise VideoFormatError(f"{path} is empty (0 bytes): record or copy it again")
    check_tiff_pages(path)
    with tiff_file(path) as tiff:
        numbers, notes = _chosen_series(path, tiff, options)
        series = [tiff.series[number] for number in numbers]
        layouts = [_checked_layout(path, tiff, one, options) for one in series]
        first = series[0]
        stored = np.dtype(first.dtype).newbyteorder(tiff.byteorder)
        frames, offset = _frames_of(path, tiff, numbers, series, layouts, stored)
        pixel_size, frame_rate = scale_of(tiff, first)
        opened = Opened(
            frames,
            stored,
            offset,
            pixel_size,
            frame_rate,
            warnings=(
                *layouts[0].notes,
                *_meaning_of_pixels(path, first.keyframe),
                *_companion(path, tiff),
                *notes,
            ),
            axes=layouts[0].axes,
            details=_details(tiff, first),
        )
    if check_axes:
        check_frame_axis(path, frames, layouts[0])
    return opened


class TiffFrames(Frames):
    """Frames of a TIFF file, decoded page by page; opened on the first read in each process.

    Parameters
    ----------
    path
        The file.
    numbers
        Numbers of the series in it that are joined.
    layouts
        Meaning of the axes of each series.
    stored
        Type of the pixels in the file.
    parsed
        The file as tifffile knows it, which needs not look for its pages again; may be closed.
    """

    def __init__(
        self,
        path: Path,
        numbers: Sequence[int],
        layouts: Sequence[Layout],
        stored: np.dtype[Any],
        *,
        parsed: Any = None,
    ) -> None:
        self.path = path.absolute()
        self.numbers = tuple(numbers)
        self.layouts = tuple(layouts)
        self.starts = (0, *accumulate(layout.shape[0] for layout in layouts))
        self.shape = (self.starts[-1], *layouts[0].shape[1:])
        self.dtype = native_dtype(stored)
        self.state = state_of(path)
        self._name: str = "tiff-" + tokenize(str(self.path), self.numbers, self.layouts, self.state)
        self._start_closed(parsed)

    def _start_closed(self, parsed: Any = None) -> None:
        self._parsed = parsed
        self._series: list[Any] = []
        self._opening = threading.Lock()
        self._finding: Any = None
        self._all_open = True

    @property
    def name(self) -> str:
        """Path, size and modification time of the file, and series in it."""
        return self._name

    def __getstate__(self) -> dict[str, Any]:
        """Drop the open file."""
        dropped = {"_parsed", "_series", "_opening", "_finding", "_all_open"}
        return {key: value for key, value in self.__dict__.items() if key not in dropped}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        """Reopen the file on the next read."""
        self.__dict__.update(state)
        self._start_closed()

    def read(self, start: int, stop: int) -> AnyArray:
        """Decode the pages of some frames, in the calling thread.

        Raises
        ------
        VideoFormatError
            If a page cannot be read or decoded.
        """
        start, stop, _ = slice(start, stop).indices(self.shape[0])
        out = np.empty((max(stop - start, 0), *self.shape[1:]), self.dtype)
        done = 0
        for k, first, last in parts(self.starts, start, stop):
            try:
                for block in self._blocks(k, first, last):
                    out[done : done + len(block)] = block
                    done += len(block)
            except VideoFormatError:
                raise
            except Exception as error:  # codecs raise any type of error
                raise VideoFormatError(
                    f"{self.path}: frame {start + done} cannot be read ({error}): "
                    "copy or export it again"
                ) from error
        return out

    def _blocks(self, k: int, start: int, stop: int) -> Any:
        """Yield the frames of one series, page by page."""
        layout = self.layouts[k]
        with self._opening:
            if not self._series:
                self._open()
            outer = _n_outer_axes(self._series[k])
        index = [layout.chosen.get(axis, 0) for axis in range(outer)]
        inner = _inner(layout, outer)
        if layout.frame_axis is None or layout.frame_axis >= outer:
            yield inner.read(self._page(k, index, inner.sizes), start, stop)
            return
        is_frame = inner.plain and not inner.colours
        for i in range(start, stop):
            index[layout.frame_axis] = i
            page = self._page(k, index, inner.shape if is_frame else inner.sizes)
            yield page if is_frame else inner.read(page, 0, 1)

    def _page(self, k: int, index: Sequence[int], sizes: tuple[int, ...]) -> AnyArray:
        series = self._series[k]
        place = int(np.ravel_multi_index(tuple(index), series.shape[: len(index)])) if index else 0
        # Finding a page moves the position in the file, as reading does: one lock for both.
        with self._finding:
            page = series.pages[place]
            if page is None:
                raise ValueError("its file is missing")
            check_segments(page)
            if not self._all_open:
                return np.asarray(page.asarray(maxworkers=1)).reshape(sizes)
        return np.asarray(page.asarray(maxworkers=1)).reshape(sizes)

    def _open(self) -> None:
        tiff, self._parsed = self._parsed, None
        if tiff is not None and state_of(self.path) == self.state:
            tiff.filehandle.open()
        else:
            tiff = tiff_file(self.path)
        weakref.finalize(self, tiff.close)
        series = [tiff.series[number] for number in self.numbers]
        files = {id(tiff): tiff}
        for one in series:
            files |= {id(file): file for file in _other_files(tiff, one)}
        self._all_open = len(files) <= _KEPT_OPEN
        for file in files.values():
            # Also for tags that tifffile reads late, such as JPEG tables; by default it has none.
            file.filehandle.set_lock(True)
            if self._all_open and file is not tiff:  # tifffile closed it
                file.filehandle.open()
                weakref.finalize(self, file.close)
        self._finding = tiff.filehandle.lock
        self._series = series


def _frames_of(
    path: Path,
    tiff: Any,
    numbers: Sequence[int],
    series: Sequence[Any],
    layouts: Sequence[Layout],
    stored: np.dtype[Any],
) -> tuple[Frames, int]:
    """Return the frames of some series, and the position of the first one in the file."""
    mappable = len(series) <= _MAPPED_AT_MOST and all(_mappable(tiff, one) for one in series)
    if not mappable:
        first = layouts[0]
        outer = _n_outer_axes(series[0])
        if {*"YX"} <= {*first.axes[outer:]}:
            return TiffFrames(path, numbers, layouts, stored, parsed=tiff), 0
        whole = partial(_whole, number=numbers[0])
        return StoredFrames(path, whole, stored, first, parallel=True), 0
    frames: list[Frames] = []
    for one, layout in zip(series, layouts, strict=True):
        _check_whole(path, one.dataoffset, layout, stored)
        if layout.plain and not layout.colours:
            frames.append(FileFrames(path, shape=layout.shape, dtype=stored, offset=one.dataoffset))
        else:
            mapped = partial(_mapped, dtype=stored, offset=one.dataoffset, sizes=layout.sizes)
            frames.append(StoredFrames(path, mapped, stored, layout, parallel=True))
    offset = int(series[0].dataoffset)
    return (frames[0], offset) if len(frames) == 1 else (JoinedFrames(frames), offset)


def _mappable(tiff: Any, series: Any) -> bool:
    """Return whether the bytes of a series in the file are its pixels."""
    return series.dataoffset is not None and not _other_files(tiff, series)


def _other_files(tiff: Any, series: Any) -> list[Any]:
    """Return the other files that hold pages of a series."""
    if series.kind not in _SPREAD:
        return []
    files = {id(page.parent): page.parent for page in series.pages if page is not None}
    return [file for file in files.values() if file is not tiff]


def _mapped(path: Path, *, dtype: np.dtype[Any], offset: int, sizes: tuple[int, ...]) -> FileArray:
    return FileArray(path, sizes, dtype, offset=offset)


def _whole(path: Path, *, number: int) -> AnyArray:
    with tiff_file(path) as tiff:
        series = tiff.series[number]
        for page in series.pages:
            check_segments(page)
        pixels: AnyArray = series.asarray(maxworkers=1)
        return pixels


def _n_outer_axes(series: Any) -> int:
    """Return how many axes of a series count its pages; the others are within a page."""
    n_pages = len(series.pages)
    for outer in range(len(series.shape)):
        if math.prod(series.shape[:outer]) == n_pages:
            return outer
    raise VideoFormatError(f"{n_pages} pages do not make up {series.shape}: export it again")


def _inner(layout: Layout, outer: int) -> Layout:
    """Return the layout of a page."""
    frame_axis = layout.frame_axis
    return replace(
        layout,
        axes=layout.axes[outer:],
        sizes=layout.sizes[outer:],
        frame_axis=frame_axis - outer if frame_axis is not None and frame_axis >= outer else None,
        chosen={axis - outer: i for axis, i in layout.chosen.items() if axis >= outer},
    )


def _chosen_series(
    path: Path, tiff: Any, options: ReadOptions
) -> tuple[list[int], tuple[str, ...]]:
    """Return the numbers of the series to open, joined if there are several, and notes."""
    all_series = _series_of(path, tiff)
    n = len(all_series)
    if not n:
        raise VideoFormatError(
            f"{path} contains no pages: it was not written to the end, export it again"
        )
    if options.image is not None:
        if not options.image.isdecimal() or int(options.image) >= n:
            raise VideoFormatError(
                f"{path} has no image {options.image}: its series are 0 to {n - 1}"
            )
        return [int(options.image)], ()
    if n == 1:
        return [0], ()
    alike: dict[Any, list[int]] = {}
    for number, series in enumerate(all_series):
        simple = series.ndim <= 3 and series.axes[-2:] == "YX"
        kind = (series.shape[-2:], str(series.dtype)) if simple else number
        alike.setdefault(kind, []).append(number)
    chosen = max(alike.values(), key=lambda group: sum(all_series[i].size for i in group))
    if len(chosen) == n:
        return chosen, ()
    taken = all_series[chosen[0]]
    which = f"image {chosen[0]}" if len(chosen) == 1 else f"{len(chosen)} alike"
    sizes = " x ".join(map(str, taken.shape))
    return chosen, (f"{path.name}: contains {n} series of images; {which}, of {sizes}, is opened",)


def _checked_layout(path: Path, tiff: Any, series: Any, options: ReadOptions) -> Layout:
    _check_index(path, tiff, series)
    if series.kind in _SPREAD:
        missing = sum(page is None for page in series.pages)
        if missing:
            raise VideoFormatError(
                f"{path}: {missing} of {len(series.pages)} pages are in files that are missing: "
                "copy all files of the recording"
            )
    unnamed = series.kind in {"shaped", "uniform", "generic"} and "S" not in series.axes
    axes = None if unnamed else series.axes
    sizes = series.shape
    if axes is None and len(sizes) > 3:
        axes = series.axes if len({*series.axes}) == len(series.axes) else None
    return array_layout(path, sizes, series.dtype, axes=axes, options=options)


def _meaning_of_pixels(path: Path, keyframe: Any) -> tuple[str, ...]:
    """Return notes on pixels that other programs show in another way than they are stored."""
    import tifffile

    if keyframe.photometric == tifffile.PHOTOMETRIC.MINISWHITE:
        return (f"{path.name}: white is stored as zero; pixels are taken as stored",)
    if keyframe.photometric == tifffile.PHOTOMETRIC.PALETTE:
        return (f"{path.name}: has a colour table; pixels are taken as stored",)
    return ()


def _companion(path: Path, tiff: Any) -> tuple[str, ...]:
    """Return a note if another file describes what the pages are."""
    found = re.search(r'<BinaryOnly[^>]*MetadataFile="([^"]{1,255})"', tiff.ome_metadata or "")
    if found is None:
        return ()
    note = f"{path.name}: is one file of a series that {found[1]} describes; others are not read"
    return (note,)


def _details(tiff: Any, series: Any) -> dict[str, str]:
    keyframe = series.keyframe
    details = {"kind": f"{series.kind} ({'big' if tiff.byteorder == '>' else 'little'}-endian)"}
    if keyframe.compression != 1:
        details["compression"] = keyframe.compression.name.lower()
    for tag, name in (("DateTime", "date"), ("Software", "software"), ("Model", "camera")):
        found = keyframe.tags.get(tag)
        if found is not None and str(found.value).isprintable():
            details[name] = str(found.value)[:80]
    return details


def tiff_file(path: Path) -> Any:
    """Open a file with tifffile.

    Raises
    ------
    OSError
        If it does not exist or cannot be read.
    VideoFormatError
        If it is not a TIFF file.
    """
    import tifffile

    # Its log repeats what our errors say; whoever sets up logging still gets it.
    logging.getLogger("tifffile").addHandler(_UNHEARD)
    try:
        tiff = tifffile.TiffFile(path)
    except OSError:
        raise
    except Exception as error:  # not only TiffFileError
        raise VideoFormatError(
            f"{path} is not a complete TIFF file ({error}): export it again"
        ) from error
    try:
        check_other_files(path, tiff)
    except BaseException:
        tiff.close()
        raise
    return tiff


def _series_of(path: Path, tiff: Any) -> Any:
    try:
        series = tiff.series
    except Exception as error:  # damaged tags raise any type of error
        raise VideoFormatError(
            f"{path} is a damaged TIFF file ({error}): export it again"
        ) from error
    if not series:
        raise VideoFormatError(f"{path} is a TIFF file without pages: export it again")
    return series


def _check_index(path: Path, tiff: Any, series: Any) -> None:
    """Raise an error if the chain of pages is broken; tifffile returns those before the break."""
    whole = True
    if series.kind == "shaped":
        facts = shaped_facts(tiff, series)
        whole = math.prod(facts.get("shape", series.shape)) == math.prod(series.shape)
    elif series.kind in {"uniform", "generic"}:
        tiff.filehandle.seek(tiff.pages.next_page_offset)
        whole = not any(tiff.filehandle.read(tiff.tiff.offsetsize))
    if not whole:
        raise VideoFormatError(
            f"{path} is truncated: its index ends after {len(tiff.pages)} pages; "
            "copy or export it again"
        )


def _check_whole(path: Path, offset: int, layout: Layout, dtype: np.dtype[Any]) -> None:
    needed = offset + math.prod(layout.sizes) * dtype.itemsize
    size = path.stat().st_size
    if size < needed:
        raise VideoFormatError(
            f"{path} is truncated: {layout.shape[0]} frames need {needed} bytes, it has {size}; "
            "copy or export it again"
        )
