"""From the files of a tracker to a folder of results."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from napari_uai.errors import BadValueError
from napari_uai.monitor import SILENT, Monitor
from napari_uai.pictures import read_picture
from napari_uai.results import results_folder
from napari_uai.trails.analysis.analysis import analyse_trails, check_top
from napari_uai.trails.analysis.result import TOP, Preset, TrailResult
from napari_uai.trails.analysis.settings import checked_settings
from napari_uai.trails.heat.masks import MaskLike
from napari_uai.trails.io.reading import open_trails
from napari_uai.trails.table import Trails


@dataclass(frozen=True)
class TrailSource:
    """How the files of a tracker are read.

    Parameters are those of :func:`napari_uai.trails.io.reading.open_trails`.
    """

    location: str | None = None
    camera: str | None = None
    keep_extrapolated: bool = True
    frame_rate_hz: float | None = None
    columns: str | None = None
    scene: tuple[int, int] | Path | None = None
    """Size (width, height) of the camera's picture in px, or a picture of the scene."""

    def open(self, path: str | Path, *, monitor: Monitor = SILENT) -> Trails:
        """Open trails; errors are those of :func:`~napari_uai.trails.io.reading.open_trails`."""
        image = None if self.scene is None or isinstance(self.scene, tuple) else self.scene
        picture = None if image is None else read_picture(image)
        size = self.scene if isinstance(self.scene, tuple) else None
        if picture is not None:
            size = (picture.shape[1], picture.shape[0])
        trails = open_trails(
            path,
            location=self.location,
            camera=self.camera,
            keep_extrapolated=self.keep_extrapolated,
            frame_rate_hz=self.frame_rate_hz,
            columns=self.columns,
            scene_size=size,
            monitor=monitor,
        )
        if picture is None:
            return trails
        return replace(trails, scene=replace(trails.scene, image=picture, source=image))

    @property
    def record(self) -> dict[str, Any]:
        """What differs from how files are read by default, as it stands in run.json."""
        scene = self.scene.name if isinstance(self.scene, Path) else self.scene
        given = {
            "location": self.location,
            "camera": self.camera,
            "keep_extrapolated": None if self.keep_extrapolated else False,
            "frame_rate_hz": self.frame_rate_hz,
            "columns": self.columns,
            "scene_given": scene,
        }
        return {name: value for name, value in given.items() if value is not None}


def scene_of_text(text: str) -> tuple[int, int] | Path:
    """Read the size of a scene as ``WIDTHxHEIGHT``, or take it as the path of a picture.

    Raises
    ------
    BadValueError
        If it is neither.
    """
    sides = text.lower().split("x")
    if len(sides) == 2 and all(side.strip().isdecimal() for side in sides):
        return int(sides[0]), int(sides[1])
    if not Path(text).is_file():
        raise BadValueError(
            f"scene {text!r} is neither a size nor a picture; write WIDTHxHEIGHT, such as "
            "1280x720, or the path of a picture"
        )
    return Path(text)


def rank_trails(
    path: str | Path,
    folder: str | Path,
    *,
    source: TrailSource | None = None,
    preset: Preset = "default",
    masks: Mapping[str, MaskLike | str | Path] | None = None,
    top: int = TOP,
    settings: Iterable[str] = (),
    monitor: Monitor = SILENT,
) -> TrailResult:
    """Open trails, analyse them and write the results.

    Parameters
    ----------
    path
        File or folder of a tracker.
    folder
        Where the results go; made if it does not exist.
    source
        How the files are read.
    preset, masks, top, settings
        As for :func:`analyse_trails`.
    monitor
        Progress and cancelling.

    Raises
    ------
    NapariUaiError
        If the trails cannot be read or analysed, or the results cannot be written; nothing is
        left in the folder then.
    """
    from napari_uai.trails.analysis.outputs import files_of_earlier_run, write_trail_files

    source = source or TrailSource()
    settings = tuple(settings)
    # What can be refused is refused before any long work.
    check_top(top)
    checked_settings(preset, settings)
    folder = Path(folder)
    with results_folder(folder, replaces=files_of_earlier_run(folder)) as partial:
        started = time.perf_counter()
        trails = source.open(path, monitor=monitor.part(0.0, 0.4))
        seconds = time.perf_counter() - started
        result = analyse_trails(
            trails,
            preset=preset,
            masks=masks,
            top=top,
            settings=settings,
            monitor=monitor.part(0.4, 0.8),
        )
        result = replace(
            result, options=source.record, timings_s={"reading": seconds, **result.timings_s}
        )
        write_trail_files(result, partial, monitor=monitor.part(0.8, 1.0))
    return result
