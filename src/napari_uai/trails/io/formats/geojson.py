"""GeoJSON: lines with times, or points of objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from napari_uai.errors import TrailFormatError
from napari_uai.trails.io.content import Content
from napari_uai.trails.io.sample_table import SampleTable
from napari_uai.trails.io.vocabulary import roles_of

_TIMES = ("times", "coordTimes", "coordinateProperties.times", "timestamps", "datetimes", "time")


def is_geojson(content: Content) -> bool:
    """Return whether a JSON document is a feature or a collection of features."""
    document = content.json if '"type"' in content.head else None
    return isinstance(document, Mapping) and document.get("type") in (
        "FeatureCollection",
        "Feature",
    )


def geojson_table(content: Content) -> SampleTable:
    """Return the vertices of lines, each line a trail, and points of objects that have an id.

    Times are those of ``times``, ``coordTimes`` or ``timestamps`` among the properties of a line.
    """
    document = content.json
    features = document.get("features", [document])
    rows = [row for i, feature in enumerate(features, start=1) for row in _rows(feature, i)]
    if not rows:
        raise TrailFormatError("GeoJSON without lines or points: no trails")
    table = pd.DataFrame(rows)
    geographic = bool((table["x"].abs() <= 180).all() and (table["y"].abs() <= 90).all())
    if geographic and "crs" not in document:
        table = table.rename(columns={"x": "longitude", "y": "latitude"})
        return SampleTable(table, columns={"x": "longitude", "y": "latitude"})
    return SampleTable(table, columns={"x": "x", "y": "y"})


def _rows(feature: Any, number: int) -> Iterator[dict[str, Any]]:
    """Yield a row for each vertex of a feature."""
    if not isinstance(feature, Mapping):
        return
    geometry = feature.get("temporalGeometry") or feature.get("geometry") or {}
    properties = feature.get("properties") or {}
    coordinates = geometry.get("coordinates") or []
    kind = geometry.get("type")
    plain = {name: value for name, value in properties.items() if _is_plain(value)}
    if kind == "Point":
        if "id" in feature and not roles_of(plain).has("trail"):
            plain = {"trail": feature["id"], **plain}
        yield {**plain, "x": coordinates[0], "y": coordinates[1]}
        return
    parts = {"LineString": [coordinates], "MovingPoint": [coordinates]}.get(str(kind), coordinates)
    if kind not in ("LineString", "MultiLineString", "MovingPoint"):
        return
    times = _times(properties) or geometry.get("datetimes")
    if times and not isinstance(times[0], list):
        times = [times]
    trail = roles_of(plain).first("trail")
    name = plain.pop(trail) if trail is not None else feature.get("id", number)
    if roles_of(plain).has("time"):
        plain = {k: v for k, v in plain.items() if k not in roles_of(plain).candidates["time"]}
    for part, line in enumerate(parts):
        stamps = times[part] if times and part < len(times) else None
        for i, point in enumerate(line):
            row = {**plain, "trail": name, "x": point[0], "y": point[1]}
            if stamps and i < len(stamps):
                row["time"] = stamps[i]
            yield row


def _times(properties: Mapping[str, Any]) -> Any:
    inner = properties.get("coordinateProperties")
    if isinstance(inner, Mapping) and isinstance(inner.get("times"), list):
        return inner["times"]
    return next((properties[n] for n in _TIMES if isinstance(properties.get(n), list)), None)


def _is_plain(value: Any) -> bool:
    return isinstance(value, (str, int, float)) and not isinstance(value, bool)
