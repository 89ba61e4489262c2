"""Whether a file looks like trails, by its first bytes: for programs that ask before they open."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_uai.errors import NapariUaiError
from napari_uai.trails.io.content import Content
from napari_uai.trails.io.formats.headerless import HEADERLESS
from napari_uai.trails.io.formats.json_tables import has_samples, rows_of
from napari_uai.trails.io.formats.pose import is_pose
from napari_uai.trails.io.formats.spreadsheets import is_feather, is_parquet, is_workbook
from napari_uai.trails.io.formats.xml_tracks import is_cvat, is_gpx, is_trackmate
from napari_uai.trails.io.text import nameless_rows, names_trails
from napari_uai.trails.io.text_layout import layout_of

_EXPORT = ('"tracking"', '"xy_center"', '"first_epoch_ms"')
_EVENTS = ('"path_data"', '"isZombie"')
_BY_NAME = re.compile(r"tra[ci]k|trail|traj|spots|particle", re.IGNORECASE)


def looks_like_trails(head: bytes, path: Path) -> bool:
    """Return whether the first bytes of a file are those of trails.

    Parameters
    ----------
    head
        The first bytes, decompressed.
    path
        The file; its name decides where the first bytes cannot.
    """
    content = Content(head, path)
    if is_parquet(content) or is_feather(content) or is_workbook(content):
        return bool(_BY_NAME.search(path.name))
    if head.startswith((b"\x93NUMPY", b"\x89HDF")):
        return bool(_BY_NAME.search(path.name))
    if content.is_json:
        return _is_json(content.head)
    if content.is_xml:
        return is_trackmate(content) or is_gpx(content) or is_cvat(content)
    return is_pose(content) or _is_text(head)


def _is_json(head: str) -> bool:
    if any(word in head for word in _EXPORT):
        return head.startswith("{")
    if any(word in head for word in _EVENTS):
        return True
    if '"FeatureCollection"' in head:
        return '"LineString"' in head or ('"Point"' in head and "track" in head)
    record = _first_record(head)
    return record is not None and any(has_samples(row) for row in rows_of(record))


def _first_record(head: str) -> Mapping[str, Any] | None:
    """Return the first object of a list or of lines; None if it does not end in the head."""
    text = head.lstrip("[ \t\r\n")
    try:
        record, _ = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, Mapping) else None


def _is_text(head: bytes) -> bool:
    """Return whether a text has names of trails, positions and times, or rows that are known."""
    try:
        # The last line may be cut.
        layout = layout_of(head[: head.rfind(b"\n") + 1] or head)
        if layout.names:
            return names_trails(layout.names)
        table = nameless_rows(layout)
    except NapariUaiError:
        return False
    return any(known.looks_like(table) for known in HEADERLESS)
