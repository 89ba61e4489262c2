"""Files of a tracker to a folder of results."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from napari_uai.errors import BadValueError
from napari_uai.monitor import SILENT, Monitor
from napari_uai.parameters import checked
from napari_uai.pictures import read_picture
from napari_uai.results import results_folder
from napari_uai.trails.analysis.analysis import analyse_trails
from napari_uai.trails.analysis.result import RECORD, TOP, Preset, TrailResult
from napari_uai.trails.analysis.settings import SettingsLike, checked_settings, setting_texts
from napari_uai.trails.heat.masks import MaskLike
from napari_uai.trails.io.reading import open_trails
from napari_uai.trails.io.table_options import NOTHING_SAID, TableOptions
from napari_uai.trails.parameters import TopTrails
from napari_uai.trails.scores.jumps import split_at_jumps
from napari_uai.trails.table import Trails


@dataclass(frozen=True)
class TrailSource:
    """Options for opening the files of a tracker.

    Parameters
    ----------
    location, camera, keep_extrapolated, frame_rate_hz
        As for :func:`~napari_uai.trails.open_trails`.
    table
        How to read a table of samples.
    scene
        Width and height of the camera's picture in px, or the path of a picture of the scene.
    split_jumps
        Whether a trail that jumps, because the tracker took two objects for one, becomes a trail
        for each object; see :func:`~napari_uai.trails.split_at_jumps`.

    Examples
    --------
    >>> from napari_uai.trails import TableOptions, TrailSource
    >>> table = TableOptions(columns="x=cx,y=cy")
    >>> TrailSource(frame_rate_hz=25.0, table=table, scene=(1280, 720)).record
    {'frame_rate_hz': 25.0, 'columns': 'x=cx,y=cy', 'scene_given': (1280, 720)}
    """

    location: str | None = None
    camera: str | None = None
    keep_extrapolated: bool = True
    frame_rate_hz: float | None = None
    table: TableOptions = NOTHING_SAID
    scene: tuple[int, int] | Path | None = None
    split_jumps: bool = False

    def open(self, path: str | Path, *, monitor: Monitor = SILENT) -> Trails:
        """Open trails with these options.

        Parameters
        ----------
        path
            File or folder of a tracker.
        monitor
            Progress and cancellation.

        Raises
        ------
        BadValueError
            If the picture of the scene cannot be read, or an option is outside its limits.
        TrailFormatError
            If the trails cannot be read.
        """
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
            columns=self.table.columns,
            where=self.table.where,
            time_format=self.table.time_format,
            normalized=self.table.normalized,
            box_point=self.table.box_point,
            scene_size=size,
            monitor=monitor,
        )
        if self.split_jumps:
            trails = split_at_jumps(trails)
        if picture is None:
            return trails
        return replace(trails, scene=replace(trails.scene, image=picture, source=image))

    @property
    def record(self) -> dict[str, Any]:
        """Options that differ from their defaults, as recorded in run.json."""
        scene = self.scene.name if isinstance(self.scene, Path) else self.scene
        options = {
            "location": self.location,
            "camera": self.camera,
            "keep_extrapolated": None if self.keep_extrapolated else False,
            "frame_rate_hz": self.frame_rate_hz,
            **self.table.record,
            "scene_given": scene,
            "split_jumps": self.split_jumps or None,
        }
        return {name: value for name, value in options.items() if value is not None}


def scene_of_text(text: str) -> tuple[int, int] | Path:
    """Read the size of a scene, as ``WIDTHxHEIGHT``, or the path of a picture.

    Raises
    ------
    BadValueError
        If the text is neither.

    Examples
    --------
    >>> scene_of_text("1280x720")
    (1280, 720)
    """
    sides = text.lower().split("x")
    if len(sides) == 2 and all(side.strip().isdecimal() for side in sides):
        return int(sides[0]), int(sides[1])
    if not Path(text).is_file():
        raise BadValueError(
            f"scene must be WIDTHxHEIGHT, such as 1280x720, or the path of a picture, got {text!r}"
        )
    return Path(text)


@checked
def rank_trails(
    path: str | Path,
    folder: str | Path,
    *,
    source: TrailSource | None = None,
    preset: Preset = "default",
    masks: Mapping[str, MaskLike | str | Path] | None = None,
    top: TopTrails = TOP,
    settings: SettingsLike = (),
    overwrite: bool = False,
    monitor: Monitor = SILENT,
) -> TrailResult:
    """Open trails, analyse them and write the results.

    Parameters
    ----------
    path
        File or folder of a tracker, as for :func:`~napari_uai.trails.open_trails`.
    folder
        Folder of the results; created if it does not exist.
    source
        Options for opening the files.
    preset, masks, top, settings
        As for :func:`~napari_uai.trails.analyse_trails`.
    overwrite
        Replace files of your own with the names of results as well, which are an error otherwise.
    monitor
        Progress and cancellation.

    Returns
    -------
    TrailResult
        The results that were written.

    Raises
    ------
    NapariUaiError
        If the trails cannot be read or analysed, or the results cannot be written; the folder is
        left unchanged.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import pandas as pd
    >>> from napari_uai.trails import TrailSource, rank_trails
    >>> x, names = np.arange(0, 60, 6), [f"lane {i}" for i in range(12)]
    >>> lanes = [pd.DataFrame({"trail": name, "x": x, "y": 20 + i / 4, "frame": range(10)})
    ...          for i, name in enumerate(names)]
    >>> across = pd.DataFrame({"trail": "across", "x": 30, "y": x * 0.7, "frame": range(10)})
    >>> source = TrailSource(scene=(64, 48))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     pd.concat([*lanes, across]).to_csv(f"{folder}/trails.csv")
    ...     result = rank_trails(f"{folder}/trails.csv", f"{folder}/results", source=source)
    ...     pd.read_csv(f"{folder}/results/scores.csv")["trail"][0]
    'across'
    """
    from napari_uai.trails.analysis.outputs import files_of_run, write_trail_files

    source = source or TrailSource()
    checked_settings(preset, setting_texts(settings))  # an error is raised before any long work
    folder = Path(folder)
    with results_folder(
        folder, replaces=files_of_run(folder), record=RECORD, overwrite=overwrite
    ) as partial:
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
