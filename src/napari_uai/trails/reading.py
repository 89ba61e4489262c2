"""Files and folders to trails: what they are is told by what they hold, not by their names."""

from __future__ import annotations

from pathlib import Path

from napari_uai.errors import NapariUaiError, TrailFormatError
from napari_uai.monitor import SILENT, Monitor
from napari_uai.trails.compressed import unpacked
from napari_uai.trails.exports import read_export
from napari_uai.trails.table import Trails


def open_trails(
    path: str | Path,
    *,
    location: str | None = None,
    camera: str | None = None,
    keep_extrapolated: bool = True,
    frame_rate_hz: float | None = None,
    columns: str | None = None,
    scene_size: tuple[int, int] | None = None,
    monitor: Monitor = SILENT,
) -> Trails:
    """Open trails."""
    path = Path(path)
    if not path.exists():
        raise TrailFormatError(f"{path}: no such file or folder")
    try:
        data = unpacked(path)
        return read_export(
            data,
            path,
            keep_extrapolated=keep_extrapolated,
            frame_rate_hz=frame_rate_hz,
            scene_size=scene_size,
            monitor=monitor,
        )
    except TrailFormatError as error:
        raise TrailFormatError(f"{path}: {error}") from None
