"""Recordings in FITS files."""

from __future__ import annotations

import warnings
import weakref
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from napari_uai.errors import VideoFormatError
from napari_uai.typing import AnyArray
from napari_uai.videos.info import Opened
from napari_uai.videos.layout.axes import array_layout
from napari_uai.videos.layout.choose import chosen_name
from napari_uai.videos.layout.frame_axis import check_frame_axis
from napari_uai.videos.layout.scale import hertz, positive
from napari_uai.videos.read_options import ReadOptions
from napari_uai.videos.sources.stored import StoredFrames

_DETAILS = {
    "INSTRUME": "camera",
    "DATE-OBS": "date",
    "EXPTIME": "exposure (s)",
    "EXPOSURE": "exposure (s)",
    "GAIN": "gain",
    "CCD-TEMP": "temperature",
}


def open_fits(path: Path, options: ReadOptions) -> Opened:
    """Open an image of a FITS file; its integers are scaled as the header says.

    Parameters
    ----------
    path
        The file.
    shape
        ``image``: name or number of the extension, if there are several with pixels.

    Raises
    ------
    VideoFormatError
        If it is not a FITS file, or has several images and none was chosen.
    """
    from astropy.io import fits

    try:
        with _quiet(), fits.open(path, memmap=False) as units:
            images = {
                unit.name or str(index): index
                for index, unit in enumerate(units)
                if getattr(unit, "is_image", False) and unit.header.get("NAXIS", 0) >= 2
            }
            name = chosen_name(path, list(images), options, "image")
            unit = units[images[name]]
            sizes, header = unit.shape, unit.header
            dtype = np.asarray(unit.section[(slice(0, 1),) * len(sizes)]).dtype
    except VideoFormatError:
        raise
    except Exception as error:  # damaged headers raise many types of errors
        raise VideoFormatError(
            f"{path} is not a complete FITS file ({error}): copy or export it again"
        ) from error
    layout = array_layout(path, sizes, dtype, options=options)
    frames = StoredFrames(
        path, partial(_section, index=images[name]), dtype, layout, parallel=False
    )
    check_frame_axis(path, frames, layout)
    return Opened(
        frames,
        dtype,
        frame_rate_hz=positive(header.get("FRATE")) or hertz(header.get("KCT")),
        warnings=layout.notes,
        axes=layout.axes,
        image=name if len(images) > 1 else "",
        details={text: str(header[key]) for key, text in _DETAILS.items() if key in header},
    )


class _Section:
    """Pixels of an image that are read on demand; the file is closed with it."""

    def __init__(self, path: Path, index: int) -> None:
        from astropy.io import fits

        with _quiet():
            units = fits.open(path, memmap=False)
            self._section = units[index].section
        weakref.finalize(self, units.close)

    def __getitem__(self, index: Any) -> AnyArray:
        pixels: AnyArray = np.asarray(self._section[index])
        return pixels


def _section(path: Path, *, index: int) -> _Section:
    return _Section(path, index)


def _quiet() -> warnings.catch_warnings[Any]:
    """Headers of cameras often break the standard in ways that do not matter for pixels."""
    return warnings.catch_warnings(record=True)
