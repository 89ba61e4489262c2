"""Records of tracked objects in JSON, and trails from them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from napari_uai.errors import TrailFormatError, counted
from napari_uai.trails.io.grouping import LATEST
from napari_uai.trails.io.json_arrays import in_full, last_pairs, pairs
from napari_uai.trails.table import UNCLASSIFIED, Scene, Trails, offsets_of, problem_table
from napari_uai.typing import Bools, Floats, Floats32, Ints

DEFAULT_SCENE_SIZE = (640, 360)
"""Default width and height of the picture, in px: 16 to 9, as most cameras."""

Problem: TypeAlias = tuple[str, str, str]
"""File, trail and description of a problem."""


@dataclass(frozen=True, eq=False)
class ObjectRecord:
    """One tracked object, or one link of the chain that a long object was split into.

    Parameters
    ----------
    name
        ``_id`` of the object.
    kind
        Class of the object.
    xy
        Position at each sample, x and y as fractions (0 to 1) of the picture: n, 2; float32.
    time
        Time of each sample, in s; from 0 if unknown; float64.
    timed
        Whether the time is known.
    utc_offset_s
        Offset of local time from UTC, in s; NaN if unknown.
    tracked
        Whether each sample was detected rather than extrapolated; bool. None if unknown.
    hull
        Corners of the last outline, x and y as fractions of the picture: n, 2; float32. None if
        unknown.
    frame_size
        Width and height of the picture, in px; None if unknown.
    ancestor, descendant
        ``_id`` of the previous and next link; empty if there is none.
    file
        Name of the file of the record.
    """

    name: str
    kind: str
    xy: Floats32
    time: Floats
    timed: bool
    utc_offset_s: float
    tracked: Bools | None
    hull: Floats32 | None
    frame_size: tuple[int, int] | None
    ancestor: str
    descendant: str
    file: str


def object_record(
    record: Any,
    *,
    name: str,
    file: str,
    frame_rate_hz: float | None,
    with_status: bool,
    problems: list[Problem],
) -> ObjectRecord | None:
    """Read the record of an object; None, with a problem, if it has no positions.

    The tracker does not store a time for each sample: samples are spaced evenly between the first
    and the final time of the object or, without these, by the frame rate (1 Hz if unknown).

    Parameters
    ----------
    record
        ``tracking`` with ``xy_center``, oldest sample first. All else is optional: ``_id``,
        ``bdb_classifier``, ``first_epoch_ms``, ``final_epoch_ms``, ``final_datetime_isoformat``,
        ``ancestor_id``, ``descendant_id``; ``hull``, ``track_status``, ``frame_width`` and
        ``frame_height`` of ``tracking``.
    name
        Name of an object without ``_id``.
    file
        Name of the file of the record.
    frame_rate_hz
        Samples per second of objects without times.
    with_status
        Whether to read which samples were extrapolated.
    problems
        List of problems; extended.
    """
    if not isinstance(record, Mapping):
        problems.append((file, name, "not a JSON object"))
        return None
    name = _identity(record.get("_id")) or name
    tracking = record.get("tracking")
    if not isinstance(tracking, Mapping) or "xy_center" not in tracking:
        problems.append((file, name, "tracking.xy_center not found: no positions"))
        return None
    try:
        xy = pairs(tracking["xy_center"]).astype(np.float32)
    except (TypeError, ValueError, RecursionError):
        problems.append((file, name, "tracking.xy_center is not a list of points"))
        return None
    start, end = (_seconds(record.get(key)) for key in ("first_epoch_ms", "final_epoch_ms"))
    if end < start:
        problems.append((file, name, "final time before first time: final time ignored"))
        end = math.nan
    return ObjectRecord(
        name=name,
        kind=class_of(record.get("bdb_classifier")),
        xy=xy,
        time=_times(len(xy), start, end, frame_rate_hz),
        timed=math.isfinite(start),
        utc_offset_s=_utc_offset(record.get("final_datetime_isoformat")),
        tracked=_status(tracking, len(xy), (file, name), problems) if with_status else None,
        hull=_last_hull(tracking),
        frame_size=frame_size(tracking.get("frame_width"), tracking.get("frame_height")),
        ancestor=_identity(record.get("ancestor_id")),
        descendant=_identity(record.get("descendant_id")),
        file=file,
    )


def class_of(classifier: Any) -> str:
    """Return the class of an object: a name, the label with the highest score, or 'unclassified'.

    Parameters
    ----------
    classifier
        ``bdb_classifier``: a string, scores by label, or a dict with either of them as
        ``topclass_dict``; anything else is unclassified.

    Examples
    --------
    >>> class_of({"topclass_dict": {"car": 0.9, "bus": 0.1}})
    'car'
    >>> class_of(None)
    'unclassified'
    """
    if isinstance(classifier, str):
        return classifier.strip() or UNCLASSIFIED
    if not isinstance(classifier, Mapping):
        return UNCLASSIFIED
    if "topclass_dict" in classifier:
        return class_of(classifier["topclass_dict"])
    scores = {label: s for label, s in classifier.items() if _is_number(s) and not math.isnan(s)}
    return max(scores, key=lambda label: scores[label]).strip() if scores else UNCLASSIFIED


def join_chains(records: Sequence[ObjectRecord], problems: list[Problem]) -> list[ObjectRecord]:
    """Join the links into which a tracker split a long object.

    Two links are joined if one refers to the other and no reference contradicts. The joined object
    has the name of its first link, the class of its longest classified link, and the hull of its
    last link. Links that form a loop are not joined.

    Parameters
    ----------
    records
        Objects with distinct names.
    problems
        List of problems; extended by loops, contradictions and missing links.
    """
    index = {record.name: i for i, record in enumerate(records)}
    following: dict[int, int] = {}
    leading: dict[int, int] = {}
    for before, after in _referenced_links(records, index, problems):
        if before in following or after in leading:
            text = f"contradictory chain at {records[before].name}: not joined"
            problems.append((records[after].file, records[after].name, text))
        else:
            following[before], leading[after] = after, before
    joined: list[ObjectRecord] = []
    seen: set[int] = set()
    for i, record in enumerate(records):
        if i in leading:
            continue
        links = [i]
        while links[-1] in following:
            links.append(following[links[-1]])
        seen.update(links)
        joined.append(_joined([records[k] for k in links]) if len(links) > 1 else record)
    for i, record in enumerate(records):
        if i not in seen:
            problems.append((record.file, record.name, "chain forms a loop: not joined"))
            joined.append(record)
    return joined


def trails_of_records(
    records: Sequence[ObjectRecord],
    scene: Scene,
    *,
    keep_extrapolated: bool,
    problems: list[Problem],
    **fields: Any,
) -> Trails:
    """Return trails of the objects of one camera; dropped samples are listed in the problems.

    If the tracker records local times, the table has a column ``utc_offset_s``: the offset of
    local time from UTC.

    Parameters
    ----------
    records
        Objects with distinct names.
    scene
        The scene; fractions of the picture are multiplied by (width - 1, height - 1) px.
    keep_extrapolated
        Whether to keep samples in which the object was not detected.
    problems
        List of problems; extended.
    **fields
        Further fields of :class:`Trails`, except its problems.

    Raises
    ------
    TrailFormatError
        If no object has two usable samples.
    """
    lengths = np.array([len(record.xy) for record in records], np.int64)
    xy = np.concatenate([np.empty((0, 2), np.float32), *(record.xy for record in records)])
    time = np.concatenate([np.empty(0), *(record.time for record in records)])
    owner = np.repeat(np.arange(len(records)), lengths)
    untracked = np.concatenate(
        [
            np.zeros(0, bool),
            *(~_seen(record) for record in records),
        ]
    )
    reasons = {
        "without a valid time": ~(np.abs(time) <= LATEST),
        "without a valid position": ~np.isfinite(xy).all(axis=1),
        "outside the picture (0 to 1)": ((xy < 0) | (xy > 1)).any(axis=1),
    }
    if not keep_extrapolated:
        reasons["extrapolated"] = untracked
    keep = np.ones(len(xy), bool)
    for reason, bad in reasons.items():
        dropped = np.bincount(owner[bad & keep], minlength=len(records))
        if reason != "extrapolated":
            problems += [
                (
                    records[i].file,
                    records[i].name,
                    f"{n} of {counted(lengths[i], 'sample')} {reason}: dropped",
                )
                for i, n in enumerate(dropped.tolist())
                if n
            ]
        keep &= ~bad
    counts = np.bincount(owner[keep], minlength=len(records))
    for i in np.flatnonzero(counts < 2).tolist():
        what = "only one usable sample" if counts[i] else "no usable sample"
        problems.append((records[i].file, records[i].name, f"{what}: dropped"))
    keep &= (counts >= 2)[owner]
    return _assembled(
        [record for record, n in zip(records, counts, strict=True) if n >= 2],
        counts[counts >= 2],
        xy[keep],
        time[keep],
        scene,
        problems,
        **fields,
    )


def assumed_size(file: str, problems: list[Problem]) -> tuple[int, int]:
    """Return the default size of a scene, and note in the problems that it is assumed."""
    width, height = DEFAULT_SCENE_SIZE
    problems.append((file, "", f"scene_size unknown: {width} x {height} px assumed"))
    return DEFAULT_SCENE_SIZE


def nothing_usable(problems: Sequence[Problem]) -> TrailFormatError:
    """Return the error for an input without any usable trail, with the first problem."""
    first = (
        f"; first of {counted(len(problems), 'problem')}: {_line(problems[0])}" if problems else ""
    )
    return TrailFormatError(f"no usable trail{first}")


def _line(problem: Problem) -> str:
    return ": ".join(part[:200] for part in problem if part)


def _assembled(
    records: Sequence[ObjectRecord],
    counts: Ints,
    xy: Floats32,
    time: Floats,
    scene: Scene,
    problems: list[Problem],
    **fields: Any,
) -> Trails:
    if not records:
        raise nothing_usable(problems)
    offsets = offsets_of(counts)
    size = np.array([scene.width - 1, scene.height - 1], np.float64)
    pixels = (xy * size).astype(np.float32)
    table = pd.DataFrame(
        {
            "trail": pd.Series([r.name for r in records], dtype=str),
            "class": pd.Series([r.kind for r in records], dtype=str),
            "start": time[offsets[:-1]],
            "end": time[offsets[1:] - 1],
            "n_samples": counts,
        }
    )
    local = np.array([record.utc_offset_s for record in records])
    if np.isfinite(local).any():
        table["utc_offset_s"] = local
    hulls = [
        None if r.hull is None else (r.hull * size).astype(np.float32)[:, ::-1] for r in records
    ]
    return Trails(
        offsets=offsets,
        y=np.ascontiguousarray(pixels[:, 1]),
        x=np.ascontiguousarray(pixels[:, 0]),
        time=time,
        table=table,
        scene=scene,
        hulls=hulls if any(hull is not None for hull in hulls) else (),
        problems=problem_table(problems),
        **fields,
    )


def _times(n: int, start: float, end: float, frame_rate_hz: float | None) -> Floats:
    if math.isfinite(start) and math.isfinite(end):
        return start + np.arange(n, dtype=np.float64) * ((end - start) / max(n - 1, 1))
    step = 1.0 / (frame_rate_hz or 1.0)
    return (start if math.isfinite(start) else 0.0) + np.arange(n, dtype=np.float64) * step


def _seen(record: ObjectRecord) -> Bools:
    return np.ones(len(record.xy), bool) if record.tracked is None else record.tracked


def frame_size(width: Any, height: Any) -> tuple[int, int] | None:
    """Return two values as the size of a picture; None unless both are 2 to 100 000 px."""
    if not (_is_number(width) and _is_number(height)):
        return None
    if not (2 <= width <= 100_000 and 2 <= height <= 100_000):
        return None
    return int(width), int(height)


def _referenced_links(
    records: Sequence[ObjectRecord], index: Mapping[str, int], problems: list[Problem]
) -> list[tuple[int, int]]:
    """Return referenced links, mutual references first; report missing objects."""
    by_ancestor, by_descendant = set(), set()
    for i, record in enumerate(records):
        for other, role in ((record.ancestor, "ancestor"), (record.descendant, "descendant")):
            if not other:
                continue
            if other not in index:
                problems.append((record.file, record.name, f"{role} {other} not found"))
            elif role == "ancestor":
                by_ancestor.add((index[other], i))
            else:
                by_descendant.add((i, index[other]))
    return sorted(by_ancestor & by_descendant) + sorted(by_ancestor ^ by_descendant)


def _joined(links: Sequence[ObjectRecord]) -> ObjectRecord:
    classified = [link for link in links if link.kind != UNCLASSIFIED]
    longest = max(classified, key=lambda link: len(link.xy), default=links[0])
    times: list[Floats] = []
    next_start = 0.0
    for link in links:
        # Links without times are appended at their own sampling interval.
        time = link.time if link.timed or not times else link.time + next_start
        times.append(time)
        if len(time):
            next_start = time[-1] + (time[-1] - time[0]) / max(len(time) - 1, 1)
    time = np.concatenate(times)
    order = np.argsort(time, kind="stable")
    return replace(
        links[0],
        kind=longest.kind,
        xy=np.concatenate([link.xy for link in links])[order],
        time=time[order],
        tracked=np.concatenate([_seen(link) for link in links])[order],
        hull=links[-1].hull,
        descendant="",
    )


def _identity(value: Any) -> str:
    """Return the name of an object: an integer or text; empty for 0, null and empty text."""
    if isinstance(value, str):
        return "" if value.strip() in ("", "0") else value.strip()
    if _is_number(value) and math.isfinite(value) and value != 0:
        return str(int(value))
    return ""


def _seconds(epoch_ms: Any) -> float:
    if not _is_number(epoch_ms) or not math.isfinite(epoch_ms):
        return math.nan
    return float(epoch_ms) / 1000 if abs(epoch_ms) < 1e15 else math.nan


def _utc_offset(isoformat: Any) -> float:
    try:
        offset = datetime.fromisoformat(isoformat).utcoffset()
    except (TypeError, ValueError):
        return math.nan
    return math.nan if offset is None else offset.total_seconds()


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _status(
    tracking: Mapping[str, Any],
    n: int,
    whose: tuple[str, str],
    problems: list[Problem],
) -> Bools | None:
    if "track_status" not in tracking:
        return None
    try:
        status = np.array(in_full(tracking["track_status"]), np.float64)
    except (TypeError, ValueError, RecursionError):
        status = np.empty(0)
    if status.shape != (n,):
        problems.append((*whose, "track_status does not match the samples: ignored"))
        return None
    seen: Bools = status != 0
    return seen


def _last_hull(tracking: Mapping[str, Any]) -> Floats32 | None:
    try:
        corners = last_pairs(tracking.get("hull")).astype(np.float32)
    except (TypeError, ValueError, RecursionError):
        return None
    return corners if len(corners) and np.isfinite(corners).all() else None
