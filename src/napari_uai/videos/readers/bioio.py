"""Recordings in the files of microscopes (ND2, CZI, LIF, ...), read by plugins of bioio."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from napari_uai.errors import VideoFormatError
from napari_uai.typing import AnyArray
from napari_uai.videos.info import Opened
from napari_uai.videos.layout.axes import array_layout
from napari_uai.videos.layout.choose import chosen_name
from napari_uai.videos.layout.scale import positive
from napari_uai.videos.read_options import ReadOptions
from napari_uai.videos.sources.stored import StoredFrames


def open_bioio(path: Path, options: ReadOptions) -> Opened:
    """Open a scene of a file that bioio reads.

    Parameters
    ----------
    path
        The file.
    shape
        ``image``: name or number of the scene, if there are several; plane and channel.

    Raises
    ------
    VideoFormatError
        If bioio or its plugin for the format is not installed, or it cannot read the file.
    """
    try:
        import bioio
    except ImportError as error:
        raise VideoFormatError(
            f'{path} needs another library: pip install "napari-uai[bioio]"'
        ) from error
    try:
        image = bioio.BioImage(path)
        scenes = [str(scene) for scene in image.scenes]
        name = chosen_name(path, scenes, options, "scene")
        image.set_scene(scenes.index(name))
        pixels, axes = image.dask_data, str(image.dims.order)
        pixel_size = positive(image.physical_pixel_sizes.X)
        interval = getattr(image, "time_interval", None)
    except VideoFormatError:
        raise
    except Exception as error:  # plugins raise any type of error
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise VideoFormatError(
            f"{path} cannot be read by bioio ({reason}): install the plugin for its format, or "
            "export it as OME-TIFF"
        ) from error
    layout = array_layout(path, pixels.shape, pixels.dtype, axes=axes, options=options)
    frames = StoredFrames(
        path, partial(_pixels, scene=scenes.index(name)), pixels.dtype, layout, parallel=False
    )
    return Opened(
        frames,
        np.dtype(pixels.dtype),
        pixel_size_um=pixel_size,
        frame_rate_hz=_rate(interval),
        warnings=layout.notes,
        axes=layout.axes,
        image=name if len(scenes) > 1 else "",
    )


class _Computed:
    """A lazy array whose indices are computed in the calling thread."""

    def __init__(self, array: Any) -> None:
        self.array = array

    def __getitem__(self, index: Any) -> AnyArray:
        return np.asarray(self.array[index].compute(scheduler="synchronous"))


def _pixels(path: Path, *, scene: int) -> _Computed:
    import bioio

    image = bioio.BioImage(path)
    image.set_scene(scene)
    return _Computed(image.dask_data)


def _rate(interval: Any) -> float | None:
    """Return the frame rate of an interval, in seconds or as a time difference."""
    seconds = interval.total_seconds() if hasattr(interval, "total_seconds") else interval
    return 1 / seconds if positive(seconds) else None
