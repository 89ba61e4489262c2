"""Recordings in the files of microscopes (ND2, CZI, LIF, ...), read by plugins of bioio."""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec
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

_PLUGINS = {".nd2": "bioio-nd2", ".czi": "bioio-czi", ".lif": "bioio-lif", ".dv": "bioio-dv"}
"""Plugins of the extra ``bioio``, by the suffix of their files."""

_ANY = "bioio-bioformats"
"""Plugin for files of other suffixes; it needs Java."""

_OF_BIOFORMATS = {".sif", ".oib", ".oif", ".vsi"}


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
        If bioio or its plugin for the format is not installed, which the message names, or it
        cannot read the file.
    """
    try:
        import bioio
    except ImportError as error:
        raise VideoFormatError(f"{path} needs another library: {_installing(path)}") from error
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
        raise VideoFormatError(_reason(path, error)) from error
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


def _installing(path: Path) -> str:
    """Return the command that installs what a file needs."""
    extra = 'pip install "napari-uai[bioio]"'
    if path.suffix.lower() in _PLUGINS or path.suffix.lower() not in _OF_BIOFORMATS:
        return extra
    return f"{extra} {_ANY} (with Java), or export it as OME-TIFF"


def _reason(path: Path, error: Exception) -> str:
    """Return what to do if bioio cannot read a file."""
    plugin = _PLUGINS.get(path.suffix.lower(), _ANY)
    if find_spec(plugin.replace("-", "_")) is None:
        return f"{path} needs a plugin of bioio: pip install {plugin}, or export it as OME-TIFF"
    # The error for files that no plugin reads is an essay on plugins.
    unsupported = type(error).__name__ == "UnsupportedFileFormatError"
    text = (str(error).strip() or type(error).__name__).splitlines()[0]
    why = "it may be damaged" if unsupported else text
    return f"{path} cannot be read by {plugin} ({why}): copy it again, or export it as OME-TIFF"


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
