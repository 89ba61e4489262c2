"""What is known of a file before it is opened as a recording: likely shapes, scale, neighbours."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeAlias

from napari_uai.errors import NapariUaiError
from napari_uai.files import whole_file
from napari_uai.videos.read_options import ReadOptions

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from napari.components import ViewerModel

    from napari_uai.monitor import Monitor

    Suggestion: TypeAlias = tuple[int, int, int, str, int, int]
    """Frames, rows, columns, pixel type, bytes before the first frame and before each."""


def likely_shapes(path: Path, known: ReadOptions, _monitor: Monitor) -> list[Suggestion]:
    """Return shapes of a headerless file, the most likely first.

    Parameters
    ----------
    path
        The file.
    known
        Pixel type and header that the user entered. Without them, the shape in the sidecar or name
        of the file comes before those that its pixels suggest.
    """
    from napari_uai.videos.headerless.guess import plausible_shapes

    if not path.is_file() or not path.stat().st_size:
        return []
    stated = [] if known.facts else _stated_shape(path)
    return stated or [(*shape, known.offset or 0, 0) for shape in plausible_shapes(path, known)]


def is_headerless(path: Path) -> bool:
    """Return whether a file needs a shape; a file of unknown format may have one."""
    from napari_uai.videos.formats import video_format

    try:
        return video_format(path) == "raw"
    except (NapariUaiError, OSError):
        return not path.is_dir()


def usual_pixel_size(viewer: ViewerModel) -> tuple[float, str]:
    """Return the pixel size, µm, of a recording that states none, and where it is from.

    It is that of the recordings in the viewer: drawn with another unit than theirs, a recording
    would be far larger or smaller. Otherwise it is that of the preferences; 0 if unknown.
    """
    from napari_uai.widgets.kit.layers import KEY, why_no_video
    from napari_uai.widgets.kit.preferences import preferences

    for layer in reversed(viewer.layers):
        pixel = layer.metadata.get(KEY, {}).get("pixel_size_um")
        if pixel and not why_no_video(layer) and _is_in_um(layer):
            return float(pixel), f"as {layer.name}"
    preferred = preferences("recordings").pixel_size_nm / 1000
    return (preferred, "preferences") if preferred else (0.0, "")


def are_drawn_in_pixels(viewer: ViewerModel) -> bool:
    """Return whether there are layers, and none of them is in µm."""
    return bool(len(viewer.layers)) and not any(map(_is_in_um, viewer.layers))


def write_sidecar(path: Path, options: ReadOptions, scale: Mapping[str, float]) -> None:
    """Write what was entered next to the recording; what else its sidecar states is kept."""
    from napari_uai.videos.headerless.sidecars import read_sidecar, sidecar_paths

    sidecar = sidecar_paths(path)[0]
    known = {key: value for key, value in read_sidecar(path).values.items() if key != "dtype"}
    facts = {**known, **options.facts, **scale}
    with whole_file(sidecar) as partial_file:
        partial_file.write_text(json.dumps(facts, indent=1) + "\n", "utf-8")


def _is_in_um(layer: Any) -> bool:
    return str(layer.units[-1]) == "micrometer"


def _stated_shape(path: Path) -> list[Suggestion]:
    """Return the shape in the sidecar or name of a recording, or nothing."""
    from napari_uai.videos.headerless.sidecars import read_sidecar
    from napari_uai.videos.readers.raw import raw_layout
    from napari_uai.widgets.iscat.readers import lacks_shape

    try:
        if lacks_shape(path):
            return []
        layout = raw_layout(path, sidecar=read_sidecar(path))
    except (NapariUaiError, OSError):
        return []
    return [(*layout.shape, layout.dtype.str, layout.offset, layout.frame_header)]
