"""JSON: records of samples, of frames with objects, of objects with paths; Frigate, OpenDataCam."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from napari_uai.errors import TrailFormatError
from napari_uai.trails.io.content import Content
from napari_uai.trails.io.sample_table import SampleTable
from napari_uai.trails.io.vocabulary import meaning_of, roles_of, words_of

_BOX_LISTS = {
    "xyxy": ("x1", "y1", "x2", "y2"), "tlbr": ("x1", "y1", "x2", "y2"),
    "ltrb": ("x1", "y1", "x2", "y2"), "xywh": ("center x", "center y", "width", "height"),
    "cxcywh": ("center x", "center y", "width", "height"),
}  # fmt: skip
_CORNER_AND_SIDES = ("left", "top", "width", "height")
_POINTS = {"position", "pos", "point", "centroid", "center", "centre", "xy", "location", "coords",
           "coordinates", "foot"}  # fmt: skip
_PATHS = {"path", "trajectory", "points", "track", "positions", "trail", "tracklet", "polyline",
          "history", "coordinates"}  # fmt: skip


def is_frigate(content: Content) -> bool:
    """Return whether the JSON is that of Frigate's events with paths."""
    return "path_data" in content.head and any(_frigate_events(content.json))


def frigate_table(content: Content) -> SampleTable:
    """Return the paths of Frigate's events, as fractions of the picture."""
    rows = [
        {
            "trail": event.get("id"), "class": event.get("label"), "camera": event.get("camera"),
            "x": point[0], "y": point[1], "time": time,
        }
        for event in _frigate_events(content.json)
        for point, time in event["data"]["path_data"]
    ]  # fmt: skip
    names = ("trail", "class", "camera", "x", "y", "time")
    return SampleTable(
        pd.DataFrame(rows), columns={n: n for n in names}, defined=True, normalized=True
    )


def _frigate_events(document: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the events that have a path."""
    events = document.get("events", [document]) if isinstance(document, Mapping) else document
    for event in events if isinstance(events, list) else ():
        data = event.get("data") if isinstance(event, Mapping) else None
        path = data.get("path_data") if isinstance(data, Mapping) else None
        if isinstance(path, list) and all(_is_point_in_time(item) for item in path):
            yield event


def _is_point_in_time(item: Any) -> bool:
    return (
        isinstance(item, list)
        and len(item) == 2
        and isinstance(item[0], list)
        and len(item[0]) == 2
    )


def is_opendatacam(content: Content) -> bool:
    """Return whether the JSON is the tracker data of OpenDataCam."""
    if not any(word in content.head for word in ('"isZombie"', '"bearing"', '"frameId"')):
        return False
    return any(_opendatacam_rows(content.json))


def opendatacam_table(content: Content) -> SampleTable:
    """Return the objects of all frames; x and y are the centre of their box."""
    table = pd.DataFrame(list(_opendatacam_rows(content.json)))
    columns = {"trail": "id", "frame": "frameId", "x": "x", "y": "y", "width": "w", "height": "h"}
    columns |= {"class": "name", "extrapolated": "isZombie", "time": "timestamp"}
    known = {role: name for role, name in columns.items() if name in table}
    return SampleTable(table, columns=known, defined=True, ignored=tuple(table.columns))


def _opendatacam_rows(document: Any) -> Iterator[dict[str, Any]]:
    """Yield the objects of frames, which are a list, or by number."""
    if isinstance(document, Mapping):
        document = [{"frameId": k, "objects": v} for k, v in document.items() if k.isdecimal()]
    for frame in document if isinstance(document, list) else ():
        objects = frame.get("objects") if isinstance(frame, Mapping) else None
        if not isinstance(objects, list) or "frameId" not in frame:
            continue
        stamp = {k: frame[k] for k in ("frameId", "timestamp") if frame.get(k) is not None}
        yield from ({**item, **stamp} for item in objects if isinstance(item, Mapping))


def is_coco(content: Content) -> bool:
    """Return whether the JSON holds annotations of videos in the form of COCO."""
    if not content.is_json or b'"annotations"' not in content.data:
        return False
    document = content.json
    return isinstance(document, Mapping) and isinstance(document.get("annotations"), list)


def coco_table(content: Content) -> SampleTable:
    """Return annotated boxes, with the frames of their images and the names of their classes."""
    document = content.json
    table = _flat(document["annotations"])
    kinds = {c.get("id"): c.get("name") for c in document.get("categories", ())}
    if kinds and "category_id" in table:
        table["category_name"] = table["category_id"].map(kinds)
        table = table.drop(columns="category_id")
    images = {i.get("id"): i for i in document.get("images", ())}
    if images and "image_id" in table:
        frames = {k: i.get("frame_id", i.get("frame_index")) for k, i in images.items()}
        if all(frame is not None for frame in frames.values()):
            table["image_id"] = table["image_id"].map(frames)
    sizes = {(i.get("width"), i.get("height")) for i in images.values()}
    size = sizes.pop() if len(sizes) == 1 else None
    known = size is not None and all(isinstance(s, int) and s > 1 for s in size)
    ignored = ("id", "area", "iscrowd", "segmentation", "ignore")
    return SampleTable(table, ignored=ignored, scene_size=size if known else None, noun="box")


def is_records(content: Content) -> bool:
    """Return whether the JSON is a table: records, columns, or lines."""
    try:
        table = content.memo["records"] = _records(content.json)
    except (TypeError, ValueError, AttributeError, KeyError, RecursionError):
        return False
    return table is not None and len(table) > 0 and has_samples(table.columns)


def records_table(content: Content) -> SampleTable:
    """Return a table of samples in JSON: one object per sample, per frame, or per trail."""
    table = content.memo.get("records", None)
    if table is None:
        raise TrailFormatError("JSON without records")
    return SampleTable(table)


def has_samples(names: Iterable[str]) -> bool:
    """Return whether names of columns include a trail and a position."""
    roles = roles_of(names)
    return roles.has("trail") and (roles.has("x", "y") or roles.has("left", "top"))


def _records(document: Any) -> pd.DataFrame | None:
    """Return a JSON document as a table; None if it is none."""
    if isinstance(document, Mapping):
        if {"columns", "data"} <= document.keys():
            return pd.DataFrame(document["data"], columns=document["columns"])
        if all(isinstance(value, (list, Mapping)) for value in document.values()) and document:
            by_column = roles_of(document)
            if by_column.has("trail") and (by_column.has("x", "y") or by_column.has("left", "top")):
                columns = [list(v.values()) if isinstance(v, Mapping) else v
                           for v in document.values()]  # fmt: skip
                return pd.DataFrame(dict(zip(document, columns, strict=True)))
        inner = [v for v in document.values() if isinstance(v, list) and v
                 and isinstance(v[0], Mapping)]  # fmt: skip
        if len(inner) == 1:
            return _flat(inner[0])
        if document and all(isinstance(value, (Mapping, list)) for value in document.values()):
            return _flat(list(_keyed(document)))
        return None
    if isinstance(document, list) and document and isinstance(document[0], Mapping):
        return _flat(document)
    return None


def _keyed(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the values of a mapping, with their key as frame or trail."""
    for key, value in document.items():
        if isinstance(value, list):
            yield from ({"frame": key, **item} for item in value if isinstance(item, Mapping))
        else:
            plain = [name for name, item in value.items() if not isinstance(item, (list, Mapping))]
            named = roles_of(plain).has("trail")
            yield dict(value) if named else {"trail": key, **value}


def _flat(records: Sequence[Any]) -> pd.DataFrame:
    """Return a table of records; objects in a list get a row each, lists become columns."""
    if records and (columns := _columns_of_flat(records)):
        return pd.DataFrame(columns)
    rows = [row for record in records if isinstance(record, Mapping) for row in rows_of(record)]
    return pd.json_normalize(rows)


def _columns_of_flat(records: Sequence[Any]) -> dict[str, list[Any]] | None:
    """Return the columns of records of the same names without inner lists; None for others."""
    first = records[0]
    if not isinstance(first, dict) or not all(type(r) is dict for r in records):
        return None
    if any(len(record) != len(first) for record in records):
        return None
    try:
        columns = {name: [record[name] for record in records] for name in first}
    except KeyError:
        return None
    if any({list, dict} & set(map(type, column)) for column in columns.values()):
        return None
    return columns


def rows_of(record: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the samples of a record: its own, those of its objects, or those of its path."""
    plain: dict[str, Any] = {}
    objects: list[Mapping[str, Any]] = []
    points: list[Any] = []
    for name, value in record.items():
        words = words_of(name)[0]
        last = words[-1] if words else ""
        if isinstance(value, list) and value and isinstance(value[0], Mapping):
            objects = objects or value
        elif isinstance(value, list) and value and isinstance(value[0], list) and last in _PATHS:
            points = value
        elif isinstance(value, list) and len(value) == 4 and all(map(_is_number, value)):
            parts = _BOX_LISTS.get(last, _CORNER_AND_SIDES)
            plain |= dict(zip(parts, value, strict=True))
        elif isinstance(value, list) and len(value) in (2, 3) and last in _POINTS:
            plain |= dict(zip(("x", "y"), value[:2], strict=True))
        elif not isinstance(value, list):
            plain[name] = value
    if objects:
        for item in objects:
            for row in rows_of(item):
                inner = roles_of(row).has("trail")
                outer = {
                    k: v
                    for k, v in plain.items()
                    if k not in row and not (inner and meaning_of(k).role == "trail")
                }
                yield {**outer, **row}
    elif points:
        for point in points:
            names = ("x", "y") if len(point) == 2 else ("x", "y", "time")
            yield {**plain, **dict(zip(names, point, strict=False))}
    else:
        yield plain


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
