"""Report folders of the scv2 tracker: objects, backgrounds and snapshots of a camera."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from napari_uai.errors import TrailFormatError, counted
from napari_uai.monitor import SILENT, Monitor
from napari_uai.pictures import PictureError, read_picture
from napari_uai.trails.io.compressed import RECORD_LIMIT, read_decompressed
from napari_uai.trails.io.json_arrays import parse_json, parse_record
from napari_uai.trails.io.records import (
    ObjectRecord,
    Problem,
    assumed_size,
    frame_size,
    join_chains,
    nothing_usable,
    object_record,
    trails_of_records,
)
from napari_uai.trails.table import Picture, Scene, Trails

_JSON = (".json", ".json.gz")
_PICTURES = (".jpg", ".jpeg", ".png")
_LOCATIONS_DEPTH = 5  # locations, location, camera, report, and one more
_DATE_AND_HOUR = 3  # folders inserted by a database export, and one more
_FILES_PER_BLOCK = 32
_THREADS = 2  # more would wait for one another: decoding JSON holds the interpreter
_MAX_PIXELS = 2**26


@dataclass(frozen=True)
class Report:
    """The report folder of one camera, with location and camera from its path."""

    location: str
    camera: str
    folder: Path


def list_reports(path: Path) -> list[Report]:
    """Find report folders, sorted by location and camera.

    Parameters
    ----------
    path
        Folder that contains ``locations``, ``locations`` itself, one location, one camera, or the
        report folder (which contains ``metadata``) or a folder inside.
    """
    path = path.resolve()
    folders = list(_report_folders(path, _LOCATIONS_DEPTH))
    if not folders and path.name in ("metadata", "images"):
        folders = list(_report_folders(path.parent, 0))
    if not folders and path.parent.name in ("metadata", "images"):
        folders = list(_report_folders(path.parent.parent, 0))
    reports = []
    for folder in folders:
        camera = folder.parent if folder.name == "report" else folder
        reports.append(Report(camera.parent.name, camera.name, folder))
    return sorted(reports, key=lambda report: (report.location, report.camera))


def choose_report(
    reports: Sequence[Report], *, location: str | None = None, camera: str | None = None
) -> Report:
    """Return the report of a location and camera.

    Raises
    ------
    TrailFormatError
        If there is no such report, or more than one; the message lists the existing ones.
    """
    if not reports:
        raise TrailFormatError(
            "no report folder found (locations/<location>/<camera>/report/metadata/objects); "
            "choose that folder, or a file of trails"
        )
    available = "; ".join(
        f"location {name}: {', '.join(r.camera for r in reports if r.location == name)}"
        for name in dict.fromkeys(report.location for report in reports)
    )
    if location is not None and location not in {report.location for report in reports}:
        raise TrailFormatError(f"unknown location {location!r}; available: {available}")
    fitting = [r for r in reports if location in (None, r.location) and camera in (None, r.camera)]
    if not fitting:
        where = "" if location is None else f" at location {location}"
        raise TrailFormatError(f"unknown camera {camera!r}{where}; available: {available}")
    if len(fitting) > 1:
        raise TrailFormatError(
            f"{len(fitting)} cameras: choose a location and camera from {available}"
        )
    return fitting[0]


def read_report(
    folder: Path,
    *,
    keep_extrapolated: bool = True,
    frame_rate_hz: float | None = None,
    scene_size: tuple[int, int] | None = None,
    monitor: Monitor = SILENT,
) -> Trails:
    """Read the trails of one camera from its report folder.

    All object records are read, in threads; objects split by the tracker are joined. The
    background is the latest at or before the first trail. Snapshots are listed but not read.

    Parameters
    ----------
    folder
        Folder with ``metadata/objects`` and optionally ``metadata/camera_info``,
        ``images/backgrounds`` and ``images/snapshots``; files may be up to three folders deeper.
    keep_extrapolated
        Whether to keep samples in which the object was not detected (``track_status`` 0).
    frame_rate_hz
        Samples per second of objects without times; 1 if None.
    scene_size
        Width and height of the picture, in px; if None, as recorded with the camera or its
        objects.
    monitor
        Progress and cancellation, once per block of files.

    Raises
    ------
    TrailFormatError
        If no object record is found, or none has two usable samples.
    """
    problems: list[Problem] = []
    monitor.update(0.0, "listing objects")
    files = _files(folder / "metadata" / "objects", _JSON)
    if not files:
        raise TrailFormatError(
            f"no object records (json or json.gz) in {folder / 'metadata' / 'objects'}"
        )
    objects = _read_objects(
        files,
        _RecordReader(folder, frame_rate_hz, with_status=not keep_extrapolated),
        problems,
        monitor.part(0.0, 0.95),
    )
    if not objects:
        raise nothing_usable(problems)
    records = join_chains(objects, problems)
    times = [record.time for record in records if record.timed and len(record.time)]
    first = min((time[0] for time in times), default=np.nan)
    last = max((time[-1] for time in times), default=np.nan)
    monitor.update(0.95, "reading the background")
    scene = _scene(folder, records, (first, last), scene_size, problems)
    return trails_of_records(
        records, scene, keep_extrapolated=keep_extrapolated, problems=problems, source=folder
    )


def _report_folders(path: Path, depth: int) -> Iterator[Path]:
    """Yield the folders that contain ``metadata``, up to a depth below a folder."""
    if (path / "metadata").is_dir():
        yield path
        return
    if depth == 0:
        return
    for child in _children(path):
        if child.name not in ("metadata", "images") and child.is_dir():
            yield from _report_folders(Path(child.path), depth - 1)


def _children(folder: str | Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(
                (e for e in entries if not e.name.startswith(".")), key=lambda entry: entry.name
            )
    except OSError:
        return []


def _files(folder: str | Path, endings: tuple[str, ...], depth: int = _DATE_AND_HOUR) -> list[str]:
    """Return the files with given endings in a folder and its subfolders, sorted by name."""
    files: list[str] = []
    for child in _children(folder):
        if child.name.lower().endswith(endings) and not child.is_dir():
            files.append(child.path)
        elif depth and child.is_dir():
            files += _files(child.path, endings, depth - 1)
    return sorted(files, key=os.path.basename)


def _stem(file: str) -> str:
    return os.path.basename(file).split(".", maxsplit=1)[0]  # noqa: PTH119  # of 100 000 files


def _read_objects(
    files: Sequence[str],
    reader: _RecordReader,
    problems: list[Problem],
    monitor: Monitor,
) -> list[ObjectRecord]:
    """Read records in threads: one reads and decompresses a file while another decodes JSON."""
    blocks = [files[i : i + _FILES_PER_BLOCK] for i in range(0, len(files), _FILES_PER_BLOCK)]
    objects: dict[str, ObjectRecord] = {}
    with ThreadPoolExecutor(_THREADS) as pool:
        futures: list[Future[_Block]] = [pool.submit(reader.block, block) for block in blocks]
        try:
            for i, future in enumerate(futures):
                records, more = future.result()
                futures[i] = Future()  # frees the block
                problems += more
                for record in records:
                    if record.name in objects:
                        text = f"duplicate id, also in {objects[record.name].file}: dropped"
                        problems.append((record.file, record.name, text))
                    else:
                        objects[record.name] = record
                done = min((i + 1) * _FILES_PER_BLOCK, len(files))
                monitor.update(done / len(files), f"{done} of {counted(len(files), 'object')}")
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return list(objects.values())


@dataclass(frozen=True)
class _RecordReader:
    """Reader of the object files of one report."""

    folder: Path
    frame_rate_hz: float | None
    with_status: bool

    def block(self, files: Sequence[str]) -> _Block:
        """Read the records of some files; return them, and problems with the others."""
        records: list[ObjectRecord] = []
        problems: list[Problem] = []
        for path in files:
            file, name = _relative(path, self.folder), _stem(path)
            try:
                content = parse_record(read_decompressed(path, limit=RECORD_LIMIT))
            except TrailFormatError as error:
                problems.append((file, name, str(error)))
                continue
            record = object_record(
                content,
                name=name,
                file=file,
                frame_rate_hz=self.frame_rate_hz,
                with_status=self.with_status,
                problems=problems,
            )
            if record is not None:
                records.append(record)
        return records, problems


_Block: TypeAlias = tuple[list[ObjectRecord], list[Problem]]


def _scene(
    folder: Path,
    records: Sequence[ObjectRecord],
    interval: tuple[float, float],
    scene_size: tuple[int, int] | None,
    problems: list[Problem],
) -> Scene:
    starts = _camera_starts(folder, problems)
    image, taken, source = _background(folder, interval[0], problems)
    _note_restarts([time for time, _ in starts], taken, interval, problems)
    size = (
        scene_size
        or _size_in_force(starts, interval[0])
        or _commonest(record.frame_size for record in records)
    )
    if size is None and image is not None:
        size = image.shape[1], image.shape[0]
    if size is None:
        size = assumed_size("metadata/camera_info", problems)
    if image is not None and abs(image.shape[1] / image.shape[0] * size[1] / size[0] - 1) > 0.02:
        text = (
            f"aspect ratios of background ({image.shape[1]} x {image.shape[0]} px) and camera "
            f"({size[0]} x {size[1]} px) differ: background stretched"
        )
        problems.append((_relative(source or folder, folder), "", text))
    return Scene(size[0], size[1], image, source, _snapshots(folder, problems))


def _camera_starts(
    folder: Path, problems: list[Problem]
) -> list[tuple[float, tuple[int, int] | None]]:
    """Return the time of each start of the camera, in s, and its picture size; oldest first."""
    starts: list[tuple[float, tuple[int, int] | None]] = []
    for path in _files(folder / "metadata" / "camera_info", _JSON):
        try:
            info = parse_json(read_decompressed(path, limit=RECORD_LIMIT))
        except TrailFormatError as error:
            problems.append((_relative(path, folder), "", str(error)))
            continue
        info = info if isinstance(info, dict) else {}
        start = _epoch_ms(info.get("_id", info.get("start_epoch_ms", _stem(path))))
        if start is None:
            problems.append((_relative(path, folder), "", "camera start without a time: ignored"))
            continue
        size = frame_size(info.get("video_width"), info.get("video_height"))
        if size is None:
            problems.append((_relative(path, folder), "", "video_width and video_height not found"))
        starts.append((start, size))
    return sorted(starts, key=lambda start: start[0])


def _size_in_force(
    starts: Sequence[tuple[float, tuple[int, int] | None]], time: float
) -> tuple[int, int] | None:
    """Return the size recorded by the latest start at or before a time, else by the next one."""
    sized = [(start, size) for start, size in starts if size is not None]
    before = [size for start, size in sized if start <= time]
    return before[-1] if before else next((size for _, size in sized), None)


def _background(
    folder: Path, first: float, problems: list[Problem]
) -> tuple[Picture | None, float, Path | None]:
    """Return the latest readable background at or before the first trail, its time and file."""
    files = _files(folder / "images" / "backgrounds", _PICTURES)
    timed = [(time, path) for path in files if (time := _epoch_ms(_stem(path))) is not None]
    for path in set(files) - {path for _, path in timed}:
        text = "file name is not a time in ms since 1970: ignored"
        problems.append((_relative(path, folder), "", text))
    timed.sort(key=lambda item: item[0])
    before = [item for item in timed if not item[0] > first]
    after = [item for item in timed if item[0] > first]
    for time, path in before[::-1] + after:
        try:
            image = read_picture(Path(path), max_pixels=_MAX_PIXELS)
        except PictureError as error:
            problems.append((_relative(path, folder), "", error.reason))
            continue
        if time > first:
            text = "taken after the first trail: no earlier background is readable"
            problems.append((_relative(path, folder), "", text))
        return image, time, Path(path)
    problems.append(("images/backgrounds", "", "no background found: drawn on grey"))
    return None, np.nan, None


def _note_restarts(
    starts: Sequence[float],
    taken: float,
    interval: tuple[float, float],
    problems: list[Problem],
) -> None:
    first, last = interval
    if any(min(taken, first) < start <= max(taken, first) for start in starts):
        text = "camera restarted between background and first trail: the view may differ"
        problems.append(("metadata/camera_info", "", text))
    if n := sum(first < start <= last for start in starts):
        text = f"camera restarted during the trails ({n} times): the view may have changed"
        problems.append(("metadata/camera_info", "", text))


def _snapshots(folder: Path, problems: list[Problem]) -> pd.DataFrame:
    """Return time and path of each snapshot, oldest first; report listed but missing ones."""
    files = _files(folder / "images" / "snapshots", _PICTURES)
    timed = {time: path for path in files if (time := _epoch_ms(_stem(path))) is not None}
    if len(timed) < len(files):
        n = len(files) - len(timed)
        problems.append(
            ("images/snapshots", "", f"{n} pictures without a unique time in their name")
        )
    listed = {_stem(path) for path in _files(folder / "metadata" / "snapshots", _JSON)}
    missing = sorted(listed - {_stem(path) for path in files})
    if missing:
        text = f"{len(missing)} of {len(listed)} snapshots not found, the first is {missing[0]}"
        problems.append(("images/snapshots", "", text))
    times = sorted(timed)
    paths = np.empty(len(times), object)
    paths[:] = [Path(timed[time]) for time in times]
    return pd.DataFrame({"time": np.array(times, np.float64), "path": paths})


def _commonest(sizes: Any) -> tuple[int, int] | None:
    counts = Counter(size for size in sizes if size is not None)
    return counts.most_common(1)[0][0] if counts else None


def _epoch_ms(value: Any) -> float | None:
    """Return a time in ms since 1970, a number or digits, in s; None for anything else."""
    if isinstance(value, str):
        value = int(value) if re.fullmatch(r"[0-9]{1,15}", value) else None
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not abs(value) < 1e15:
        return None
    return value / 1000


def _relative(path: str | Path, folder: Path) -> str:
    """Return a path relative to the report, with slashes."""
    return str(path)[len(str(folder)) + 1 :].replace(os.sep, "/")
