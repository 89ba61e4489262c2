"""Trails of one camera in a single JSON file, as exported from a tracker's web page or database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from napari_uai.errors import TrailFormatError, counted
from napari_uai.monitor import SILENT, Monitor
from napari_uai.trails.io.json_arrays import parse_export
from napari_uai.trails.io.records import (
    ObjectRecord,
    Problem,
    assumed_size,
    join_chains,
    nothing_usable,
    object_record,
    trails_of_records,
)
from napari_uai.trails.table import Scene, Trails

_OBJECTS_PER_UPDATE = 256


def read_export(
    data: bytes,
    path: Path,
    *,
    keep_extrapolated: bool = True,
    frame_rate_hz: float | None = None,
    scene_size: tuple[int, int] | None = None,
    monitor: Monitor = SILENT,
) -> Trails:
    """Read ``{"<id>": {"tracking": {"xy_center": [[x, y], ...]}, ...}, ...}``.

    All other fields are optional: without times, samples start at 0 and follow the frame rate;
    without a size, the scene has 640 x 360 px. A list of such objects or a single object is also
    accepted.

    Parameters
    ----------
    data
        JSON in UTF-8.
    path
        Its file.
    keep_extrapolated
        Whether to keep samples in which the object was not detected (``track_status`` 0).
    frame_rate_hz
        Samples per second where times are missing; 1 if None.
    scene_size
        Width and height of the picture, in px; if None, as recorded with the objects.
    monitor
        Progress and cancellation.

    Raises
    ------
    TrailFormatError
        If the file is corrupt, or no object has two usable samples.
    """
    repeated: list[str] = []
    monitor.update(0.0, "reading JSON")
    content = parse_export(data, repeated)
    problems: list[Problem] = [
        (path.name, key, "duplicate key: the first value is used") for key in repeated
    ]
    items = list(_objects(content))
    objects: dict[str, ObjectRecord] = {}
    for i, (name, value) in enumerate(items):
        if i % _OBJECTS_PER_UPDATE == 0:
            monitor.update(0.3 + 0.7 * i / len(items), f"{i} of {counted(len(items), 'object')}")
        record = object_record(
            value,
            name=name,
            file=path.name,
            frame_rate_hz=frame_rate_hz,
            with_status=not keep_extrapolated,
            problems=problems,
        )
        if record is not None and record.name in objects:
            problems.append((path.name, record.name, "duplicate id: dropped"))
        elif record is not None:
            objects[record.name] = record
    if not objects:
        raise nothing_usable(problems)
    records = join_chains(list(objects.values()), problems)
    width, height = scene_size or _stated_size(records, path, problems)
    if frame_rate_hz is None and not any(record.timed for record in records):
        problems.append((path.name, "", "no times, no frame rate: samples are 1 s apart, from 0"))
    return trails_of_records(
        records,
        Scene(width, height),
        keep_extrapolated=keep_extrapolated,
        problems=problems,
        source=path,
    )


def _objects(content: Any) -> Iterable[tuple[str, Any]]:
    """Yield names and records of the objects in a JSON document."""
    if isinstance(content, Mapping):
        if isinstance(content.get("tracking"), Mapping):
            yield "1", content
        else:
            yield from content.items()
    elif isinstance(content, list):
        yield from ((str(i + 1), record) for i, record in enumerate(content))
    else:
        raise TrailFormatError('JSON without objects: expected {"<id>": {"tracking": ...}}')


def _stated_size(
    records: Iterable[ObjectRecord], path: Path, problems: list[Problem]
) -> tuple[int, int]:
    for record in records:
        if record.frame_size is not None:
            return record.frame_size
    return assumed_size(path.name, problems)
