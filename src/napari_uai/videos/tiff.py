"""TIFF recordings: one file of many pages, including BigTIFF, OME and ImageJ."""

from __future__ import annotations

import math
import threading
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from dask.base import tokenize

from napari_uai.errors import VideoFormatError
from napari_uai.typing import AnyArray
from napari_uai.videos.array_files import Layout, array_layout, positive, state_of
from napari_uai.videos.frames import Frames
from napari_uai.videos.grey import grey_frames, to_grey
from napari_uai.videos.info import Opened
from napari_uai.videos.mapped import FileFrames, native_dtype, to_native

_UM = {"µm": 1.0, "μm": 1.0, "um": 1.0, "micron": 1.0, "nm": 1e-3, "mm": 1e3, "cm": 1e4}
_RESOLUTION_UM = {2: 25400.0, 3: 10000.0}  # tag ResolutionUnit: inch, centimetre
_SECONDS = {"s": 1.0, "sec": 1.0, "ms": 1e-3, "µs": 1e-6, "μs": 1e-6}


def open_tiff(path: Path) -> Opened:
    """Open a TIFF file.

    Contiguous uncompressed pages are read through a memory map, others page by page.

    Raises
    ------
    VideoFormatError
        If it is not a TIFF file, or has more axes than frames, rows, columns and colours.
    """
    if path.stat().st_size == 0:
        raise VideoFormatError(f"{path} is empty (0 bytes): record or copy it again")
    with _tiff_file(path) as tiff:
        series = _series_of(path, tiff)
        _check_index(path, tiff, series)
        layout = _layout(path, series)
        stored = np.dtype(series.dtype)
        contiguous = series.dataoffset is not None and _plain(series.keyframe)
        frames: Frames
        if contiguous:
            in_file = stored.newbyteorder(tiff.byteorder)
            _check_whole(path, series.dataoffset, layout, in_file)
            frames = FileFrames(
                path, shape=layout.interleaved, dtype=in_file, offset=series.dataoffset
            )
            if layout.channels:
                frames = grey_frames(frames, layout.channels)
        else:
            _check_pages(path, series, layout)
            frames = TiffFrames(path, layout.shape, stored)
        pixel_size, frame_rate = _scale_of(tiff, series)
        warnings = _warnings(path, tiff)
    return Opened(
        frames,
        stored.newbyteorder(tiff.byteorder),
        series.dataoffset or 0 if contiguous else 0,
        pixel_size,
        frame_rate,
        warnings=warnings,
    )


class TiffFrames(Frames):
    """Frames of a TIFF file, decoded page by page; opened on the first read in each process."""

    def __init__(self, path: Path, shape: tuple[int, int, int], stored: np.dtype[Any]) -> None:
        self.path = path.absolute()
        self.shape = shape
        self.dtype = native_dtype(stored)
        self._name: str = "tiff-" + tokenize(str(self.path), shape, state_of(path))
        self._pages: Any = None
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """Path, size and modification time of the file."""
        return self._name

    def __getstate__(self) -> dict[str, Any]:
        """Drop the open file."""
        return {k: v for k, v in self.__dict__.items() if k not in {"_pages", "_lock"}}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        """Reopen the file on the next read."""
        self.__dict__.update(state, _pages=None, _lock=threading.Lock())

    def read(self, start: int, stop: int) -> AnyArray:
        """Decode the pages of some frames, in the calling thread.

        Raises
        ------
        VideoFormatError
            If a page cannot be read or decoded.
        """
        start, stop, _ = slice(start, stop).indices(self.shape[0])
        out = np.empty((max(stop - start, 0), *self.shape[1:]), self.dtype)
        for i in range(start, stop):
            try:
                out[i - start] = to_native(self._frame(i))
            except Exception as error:  # codecs raise any type of error
                raise VideoFormatError(
                    f"{self.path}: frame {i} cannot be read ({error}): copy or export it again"
                ) from error
        return out

    def _frame(self, i: int) -> AnyArray:
        with self._lock:
            if self._pages is None:
                self._pages = self._open()
            per_frame = len(self._pages) // self.shape[0]
            pages = [self._pages[i * per_frame + k] for k in range(per_frame)]
        planes = [_decoded(page) for page in pages]
        return planes[0] if per_frame == 1 else to_grey(np.stack(planes, axis=-1))

    def _open(self) -> Any:
        tiff = _tiff_file(self.path)
        tiff.filehandle.lock = True  # seeking and reading as one step
        weakref.finalize(self, tiff.close)
        return tiff.series[0].pages


def _decoded(page: Any) -> AnyArray:
    """Return one page as a grey image."""
    import tifffile

    picture: AnyArray = page.asarray(maxworkers=1)
    keyframe = page.keyframe
    if keyframe.photometric == tifffile.PHOTOMETRIC.PALETTE:
        colours = np.moveaxis(np.asarray(keyframe.colormap)[:, picture], 0, -1)
        return (to_grey(colours) >> 8).astype(picture.dtype)
    axes = keyframe.axes
    if "S" in axes:
        return to_grey(np.moveaxis(picture, axes.index("S"), -1))
    return picture.reshape(picture.shape[-2:])


def _tiff_file(path: Path) -> Any:
    import tifffile

    try:
        return tifffile.TiffFile(path)
    except OSError:
        raise
    except Exception as error:  # not only TiffFileError
        raise VideoFormatError(
            f"{path} is not a complete TIFF file ({error}): export it"
        ) from error


def _series_of(path: Path, tiff: Any) -> Any:
    try:
        return tiff.series[0]
    except Exception as error:  # damaged tags raise any type of error
        raise VideoFormatError(f"{path} is a damaged TIFF file ({error}): export it") from error


def _warnings(path: Path, tiff: Any) -> tuple[str, ...]:
    n_series = len(tiff.series)
    if n_series == 1:
        return ()
    n = tiff.series[0].shape
    return (f"{path.name}: contains {n_series} series of images; only the first, {n}, is opened",)


def _plain(keyframe: Any) -> bool:
    """Return whether the bytes in the file are plain pixels, with interleaved colours."""
    import tifffile

    grey = (tifffile.PHOTOMETRIC.MINISBLACK, tifffile.PHOTOMETRIC.RGB)
    return keyframe.photometric in grey and keyframe.planarconfig == 1


def _layout(path: Path, series: Any) -> Layout:
    """Return the layout of a series with its colours moved to the last axis."""
    axes, shape = series.axes, tuple(series.shape)
    if "S" not in axes:
        return array_layout(path, shape, series.dtype, colour=False)
    samples = shape[axes.index("S")]
    others = [size for axis, size in zip(axes, shape, strict=True) if axis != "S"]
    return array_layout(path, (*others, samples), series.dtype, colour=True)


def _check_index(path: Path, tiff: Any, series: Any) -> None:
    """Raise an error if the chain of pages is broken; tifffile returns those before the break."""
    whole = True
    if series.kind == "shaped":
        facts: dict[str, Any] = (tiff.shaped_metadata or ({},))[0]
        stated = facts.get("shape", series.shape)
        whole = math.prod(stated) == math.prod(series.shape)
    elif series.kind in {"uniform", "generic"}:
        tiff.filehandle.seek(tiff.pages.next_page_offset)
        whole = not any(tiff.filehandle.read(tiff.tiff.offsetsize))
    if not whole:
        raise VideoFormatError(
            f"{path} is truncated: its index ends after {len(tiff.pages)} pages; "
            "copy or export it again"
        )


def _check_pages(path: Path, series: Any, layout: Layout) -> None:
    n = layout.shape[0]
    if len(series.pages) < n or len(series.pages) % n:
        raise VideoFormatError(
            f"{path} has {len(series.pages)} pages for {n} frames: copy or export it again"
        )


def _check_whole(path: Path, offset: int, layout: Layout, dtype: np.dtype[Any]) -> None:
    needed = offset + int(np.prod(layout.interleaved, dtype=np.int64)) * dtype.itemsize
    size = path.stat().st_size
    if size < needed:
        raise VideoFormatError(
            f"{path} is truncated: {layout.shape[0]} frames need {needed} bytes, it has {size}; "
            "copy or export it again"
        )


def _scale_of(tiff: Any, series: Any) -> tuple[float | None, float | None]:
    """Return pixel size (µm) and frame rate (Hz) from the metadata of OME, ImageJ or the tags."""
    if tiff.is_ome:
        return _ome_scale(tiff)
    if tiff.is_imagej:
        return _imagej_scale(tiff, series)
    ours: dict[str, Any] = (tiff.shaped_metadata or ({},))[0]
    pixel_size = positive(ours.get("pixel_size_um"))
    return pixel_size or _tag_pixel_size(series), positive(ours.get("frame_rate_hz"))


def _ome_scale(tiff: Any) -> tuple[float | None, float | None]:
    import tifffile

    try:
        image = tifffile.xml2dict(tiff.ome_metadata)["OME"]["Image"]
        pixels = (image[0] if isinstance(image, list) else image)["Pixels"]
    except (KeyError, IndexError, TypeError, SyntaxError):
        return None, None
    size = positive(pixels.get("PhysicalSizeX"))
    unit = _UM.get(pixels.get("PhysicalSizeXUnit", "µm"))
    step = positive(pixels.get("TimeIncrement"))
    seconds = _SECONDS.get(pixels.get("TimeIncrementUnit", "s"))
    return size * unit if size and unit else None, 1 / (
        step * seconds
    ) if step and seconds else None


def _imagej_scale(tiff: Any, series: Any) -> tuple[float | None, float | None]:
    facts = tiff.imagej_metadata or {}
    unit = _UM.get(str(facts.get("unit", "")).replace("\\u00B5", "µ"))
    per_unit = _ratio(series.keyframe.tags.get("XResolution"))
    step = positive(facts.get("finterval"))
    seconds = _SECONDS.get(facts.get("tunit", "s"))
    rate = positive(facts.get("fps")) or (1 / (step * seconds) if step and seconds else None)
    return unit / per_unit if unit and per_unit else None, rate


def _tag_pixel_size(series: Any) -> float | None:
    tags = series.keyframe.tags
    per_unit = _ratio(tags.get("XResolution"))
    unit = tags.get("ResolutionUnit")
    um = _RESOLUTION_UM.get(int(unit.value)) if unit is not None else None
    size = um / per_unit if um and per_unit else None
    # 72, 96 or 300 dots per inch come from programs that do not know the pixel size.
    return size if size is not None and size < 50 else None


def _ratio(tag: Any) -> float | None:
    if tag is None or not tag.value[1]:
        return None
    return positive(tag.value[0] / tag.value[1])
