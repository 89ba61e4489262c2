"""MOT text: frame, id, box, and up to four more columns, also those of VisDrone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from napari_uai.errors import BadValueError, counted
from napari_uai.trails.io.records import Problem
from napari_uai.trails.io.sample_table import SampleTable
from napari_uai.trails.io.times import numbers_of
from napari_uai.trails.table import SINCE_1970_S, UNCLASSIFIED, Trails
from napari_uai.typing import Floats, Ints

MOT_CLASSES = (
    "pedestrian",
    "person on vehicle",
    "car",
    "bicycle",
    "motorbike",
    "non motorized vehicle",
    "static person",
    "distractor",
    "occluder",
    "occluder on the ground",
    "occluder full",
    "reflection",
)
"""Classes 1 to 12 of MOT ground truth (Milan et al. 2016, doi:10.48550/arXiv.1603.00831)."""

_LARGEST_ID = 2**63
_SHORTEST_S = 1e-5
_OF_FRAME = 0.02
"""Largest deviation of times from whole frames."""

_COLUMNS = {"frame": 0, "trail": 1, "left": 2, "top": 3, "width": 4, "height": 5}
_MOST_CLASSES = 1000
_LOOKED_AT = 100_000
"""Number of rows, evenly spread, that tell the order of columns."""


def is_mot(table: pd.DataFrame) -> bool:
    """Return whether rows are frame, id, left, top, width, height, and up to four more numbers."""
    if table.shape[1] not in range(6, 12) or (
        table.shape[1] == 11 and table.iloc[:, 10].notna().any()
    ):
        return False
    some = table.iloc[:: max(len(table) // _LOOKED_AT, 1)]
    frame, name, *box = (numbers_of(some[i]) for i in range(6))
    tracked = np.isfinite(frame) & np.isfinite(name) & (name >= 0)
    if not tracked.any():
        tracked = np.isfinite(frame) & (name < 0)  # detections
    if not tracked.any():
        return table.shape[1] in (9, 10) and bool(np.isfinite(frame).any())
    # Velocities, for example, would be negative.
    return bool((frame[tracked] % 1 == 0).all() and (box[2][tracked] > 0).mean() > 0.9
                and (box[3][tracked] > 0).mean() > 0.9)  # fmt: skip


def mot_table(table: pd.DataFrame, file: str, problems: list[Problem]) -> SampleTable:
    """Return the boxes of objects; those without an identity or marked as ignored are dropped.

    Of nine columns, the 7th and 8th are a flag and a class. Of eight or ten, the 8th is a class
    where it is a whole number other than -1, as in VisDrone.
    """
    nobody = numbers_of(table[1]) < 0
    if nobody.any():
        problems.append(
            (file, "", f"{counted(nobody.sum(), 'box')} without an identity (-1): dropped")
        )
        table = table[~nobody]
    width = min(table.shape[1], 10)
    columns: dict[str, Any] = dict(_COLUMNS)
    if width == 9:
        table = _without_ignored(table, file, problems)
        names = dict(enumerate(MOT_CLASSES, start=1))
        kinds = pd.Series(numbers_of(table[7]), index=table.index).map(names)
        table, columns["class"] = table.assign(kind=kinds), "kind"
    elif width in (8, 10) and _holds_classes(numbers_of(table[7])):
        if np.isin(numbers_of(table[6]), (0, 1)).all():
            table = _without_ignored(table, file, problems)
        kinds = pd.Series(numbers_of(table[7]), index=table.index)
        table, columns["class"] = table.assign(kind=kinds.where(kinds >= 0)), "kind"
    return SampleTable(
        table[[*columns.values()]],
        columns=columns,
        defined=True,
        unit="",
        noun="box",
        problems=tuple(problems),
    )


def mot_text(trails: Trails, frame_rate_hz: float | None = None) -> bytes:
    """Return trails as MOT text, sorted by frame: a box of 1 px around each position.

    Parameters
    ----------
    trails
        Trails of one scene.
    frame_rate_hz
        Frames per second; if None, the lowest at which times are whole frames.

    Raises
    ------
    BadValueError
        If a trail has two samples in a frame, or times are not evenly spaced.
    """
    rate = _whole_rate(trails) if frame_rate_hz is None else frame_rate_hz
    start = float(trails.time.min())
    # Times that are numbers of frames stay so; others begin with the first frame.
    counted_from_0 = 0 <= start < SINCE_1970_S and _are_whole(np.array([start * rate]))
    since = 0.0 if counted_from_0 else start
    frame = np.rint((trails.time - since) * rate).astype(np.int64)
    frame += max(1 - int(frame.min()), 0)
    owner = trails.owner
    if np.any((np.diff(frame) == 0) & (np.diff(owner) == 0)):
        raise BadValueError(
            f"frame_rate_hz must be higher: at {rate:g} Hz a trail has two samples in a frame"
        )
    table = pd.DataFrame({"frame": frame, "id": _numbers(trails)[owner]})
    table["left"] = (trails.x.astype(np.float64) - 0.5).round(3)
    table["top"] = (trails.y.astype(np.float64) - 0.5).round(3)
    numbers = {name: number for number, name in enumerate(MOT_CLASSES, start=1)}
    kinds = trails.table["class"].map({**numbers, UNCLASSIFIED: -1})
    known = kinds.notna().all() and (kinds > 0).any()
    more: list[Any] = [kinds.to_numpy(np.int64)[owner], 1] if known else [-1, -1, -1]
    for i, values in enumerate([1, 1, 1, *more]):
        table[i] = values
    table = table.sort_values(["frame", "id"], kind="stable")
    return table.to_csv(index=False, header=False, lineterminator="\n").encode()


def _numbers(trails: Trails) -> Ints:
    """Return the ids of trails: their names if all are whole numbers, else their place from 1."""
    names = trails.table["trail"].tolist()
    whole = all(n.isascii() and n.isdecimal() and str(int(n)) == n for n in names)
    if whole and all(int(n) < _LARGEST_ID for n in names):
        return np.array(names, np.int64)
    return np.arange(1, len(names) + 1)


def _whole_rate(trails: Trails) -> float:
    """Return the lowest frame rate at which all times are whole frames."""
    times = np.unique(trails.time)
    times -= times[0]
    steps = np.diff(times)
    steps = steps[steps > _SHORTEST_S]
    if not len(steps):
        return 1.0
    for divisor in range(1, 6):
        step = float(steps.min()) / divisor
        # Times are rounded: the longer the span, the better is the step known.
        for place in (*10 ** np.arange(1, np.log10(len(times))).astype(int), -1):
            step = times[place] / max(np.rint(times[place] / step), 1)
        if _are_whole(times / step):
            return float(f"{1 / step:.9g}")
    raise BadValueError("times are not evenly spaced: frame_rate_hz is required for MOT text")


def _are_whole(frames: Floats) -> bool:
    return bool(np.all(np.abs(frames - np.rint(frames)) < _OF_FRAME))


def _without_ignored(table: pd.DataFrame, file: str, problems: list[Problem]) -> pd.DataFrame:
    ignored = numbers_of(table[6]) == 0
    if not ignored.any():
        return table
    problems.append((file, "", f"{counted(ignored.sum(), 'box')} marked as ignored: dropped"))
    kept: pd.DataFrame = table[~ignored]
    return kept


def _holds_classes(numbers: Floats) -> bool:
    """Return whether numbers are those of classes, not world positions."""
    known = numbers[np.isfinite(numbers)]
    classes = known[known != -1]
    return bool(
        len(classes)
        and (classes % 1 == 0).all()
        and classes.min() >= 0
        and len(np.unique(classes)) <= min(_MOST_CLASSES, max(len(classes) / 2, 1))
    )
