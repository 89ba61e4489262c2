"""XML: tracks and models of TrackMate, GPX, tracks of CVAT."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from xml.etree import ElementTree as ET

import pandas as pd

from napari_uai.errors import TrailFormatError
from napari_uai.trails.io.content import Content
from napari_uai.trails.io.sample_table import SampleTable
from napari_uai.trails.io.vocabulary import meaning_of
from napari_uai.untrusted import check_xml

_PROBE = 4096


def is_trackmate(content: Content) -> bool:
    """Return whether the XML is that of TrackMate."""
    start = content.head[:_PROBE]
    return content.is_xml and ("<Tracks" in start or "<TrackMate" in start)


def is_gpx(content: Content) -> bool:
    """Return whether the XML is GPX."""
    return content.is_xml and "<gpx" in content.head[:_PROBE]


def is_cvat(content: Content) -> bool:
    """Return whether the XML is that of CVAT for video."""
    return content.is_xml and "<annotations" in content.head[:_PROBE]


def trackmate_table(content: Content) -> SampleTable:
    """Return the spots of all tracks of TrackMate, from its exported tracks or its whole model."""
    root = _root(content)
    if root.tag == "TrackMate":
        return _of_model(root)
    rows = [
        {"trail": i, **spot.attrib}
        for i, particle in enumerate(root.iter("particle"), start=1)
        for spot in particle.iter("detection")
    ]
    return _spots(
        rows,
        {"trail": "trail", "frame": "t", "x": "x", "y": "y"},
        space=root.get("spaceUnits", ""),
        interval=_interval(root.get("frameInterval"), root.get("timeUnits")),
    )


def gpx_table(content: Content) -> SampleTable:
    """Return the points of tracks; each track is a trail of the name and type that it has."""
    root = _root(content)
    rows = []
    for i, track in enumerate(_named(root, "trk"), start=1):
        name = _text(track, "name") or str(i)
        kind = _text(track, "type")
        for point in _named(track, "trkpt"):
            row = {"trail": name, "longitude": point.get("lon"), "latitude": point.get("lat")}
            if time := _text(point, "time"):
                row["time"] = time
            if kind:
                row["class"] = kind
            rows.append(row)
    if not rows:
        raise TrailFormatError("GPX without tracks (trk): export tracks, not routes or waypoints")
    return SampleTable(pd.DataFrame(rows), columns={"x": "longitude", "y": "latitude"})


def cvat_table(content: Content) -> SampleTable:
    """Return the boxes of tracks while they are in the picture."""
    root = _root(content)
    rows = [
        {"trail": track.get("id"), "class": track.get("label"), **box.attrib}
        for track in root.iter("track")
        for box in track.iter("box")
        if box.get("outside") != "1"
    ]
    if not rows:
        raise TrailFormatError("XML without tracks: export as 'CVAT for video'")
    size = [root.findtext(f".//original_size/{side}") for side in ("width", "height")]
    width, height = (int(side) if side and side.isdecimal() else 0 for side in size)
    return SampleTable(
        pd.DataFrame(rows),
        columns={"trail": "trail", "class": "class", "frame": "frame"},
        ignored=("outside", "occluded", "keyframe", "z_order"),
        scene_size=(width, height) if min(width, height) > 1 else None,
        noun="box",
    )


def _of_model(root: ET.Element) -> SampleTable:
    """Return the spots of a TrackMate model; edges say which of them make a track."""
    spots = {spot.get("ID"): spot.attrib for spot in root.iter("Spot")}
    model = root.find("Model")
    image = root.find(".//ImageData")
    rows = []
    for track in root.iter("Track"):
        ends = {end for edge in track.iter("Edge")
                for end in (edge.get("SPOT_SOURCE_ID"), edge.get("SPOT_TARGET_ID"))}  # fmt: skip
        rows += [
            {"trail": track.get("TRACK_ID"), **spots[end]}
            for end in sorted(ends, key=str)
            if end in spots
        ]
    units = model.get("timeunits", "") if model is not None else ""
    interval = _interval(image.get("timeinterval") if image is not None else None, units)
    return _spots(
        rows,
        {"trail": "trail", "frame": "FRAME", "x": "POSITION_X", "y": "POSITION_Y"},
        space=model.get("spatialunits", "") if model is not None else "",
        interval=interval,
    )


def _spots(
    rows: Sequence[Mapping[str, object]],
    columns: dict[str, str],
    *,
    space: str,
    interval: float | None,
) -> SampleTable:
    if not rows:
        raise TrailFormatError("TrackMate XML without tracks: export after tracking")
    table = pd.DataFrame(list(rows))
    missing = set(columns.values()) - set(table.columns)
    if missing:
        raise TrailFormatError(f"TrackMate XML without {', '.join(sorted(missing))} of spots")
    return SampleTable(
        table[list(columns.values())],
        columns=columns,
        defined=True,
        frame_rate_hz=1 / interval if interval else None,
        unit=meaning_of(f"x ({space})").kind,
        noun="spot",
    )


def _interval(text: str | None, unit: str | None) -> float | None:
    """Return the time between frames, in s; None if it is not stated in a unit of time."""
    meaning = meaning_of(f"time ({unit})")
    try:
        interval = float(text or "nan") * meaning.factor
    except ValueError:
        return None
    return interval if meaning.kind == "s" and interval > 0 else None


def _root(content: Content) -> ET.Element:
    check_xml(content.data, "the file", error=TrailFormatError)
    try:
        return ET.fromstring(content.data)  # noqa: S314  # entities are refused above
    except (ET.ParseError, ValueError, LookupError) as error:
        raise TrailFormatError(f"invalid or truncated XML ({str(error)[:80]})") from None


def _named(root: ET.Element, name: str) -> Iterator[ET.Element]:
    """Yield elements of a name in any namespace."""
    return (e for e in root.iter() if isinstance(e.tag, str) and e.tag.rpartition("}")[2] == name)


def _text(element: ET.Element, name: str) -> str:
    """Return the text of the first child of a name; empty if there is none."""
    for child in element:
        if isinstance(child.tag, str) and child.tag.rpartition("}")[2] == name:
            return (child.text or "").strip()
    return ""
