"""Labels of trails, placed without overlap."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import cv2
import numpy as np
import numpy.typing as npt

from napari_uai.lettering import text_size, write_texts
from napari_uai.trails.pictures.canvas import (
    SHIFT,
    Canvas,
    Stretch,
    draw_line,
    rank_colour,
    readable_on,
)
from napari_uai.trails.table import SINCE_1970_S, Trails
from napari_uai.typing import Bools, Floats

HOUR_S, DAY_S = 3600, 86_400

_YEAR_9000_S = 221_845_132_800.0


def percent(anomaly: float) -> str:
    """Format an anomaly from 0 to 1 as ``NN %``."""
    return f"{100 * anomaly:.0f} %"


def when(trails: Trails, row: int) -> str:
    """Format the end of a trail: time of day if its times count from 1970, otherwise seconds.

    From an hour on, seconds are shown as ``h:mm:ss``. The time of day is that of the camera if the
    tracker recorded its time zone (column ``utc_offset_s``), otherwise UTC. If the trails take
    more than a day, the date precedes it.
    Times of day without a date (column ``time_of_day``) are shown as such.
    """
    end = float(trails.table["end"].iloc[row])
    if "time_of_day" in trails.table:
        return f"{datetime.fromtimestamp(end % DAY_S, UTC):%H:%M:%S}"
    if not SINCE_1970_S <= end < _YEAR_9000_S:
        return seconds_text(end)
    offset = 0.0
    if "utc_offset_s" in trails.table:
        utc_offset = float(trails.table["utc_offset_s"].iloc[row])
        offset = utc_offset if np.isfinite(utc_offset) else 0.0
    form = "%Y-%m-%d %H:%M:%S" if takes_days(trails) else "%H:%M:%S"
    return f"{datetime.fromtimestamp(end, UTC) + timedelta(seconds=offset):{form}}"


def seconds_text(seconds: float) -> str:
    """Format a time, from an hour on as ``h:mm:ss``."""
    if not HOUR_S <= abs(seconds) < 1e9:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(abs(seconds)), 60)
    return f"{'-' if seconds < 0 else ''}{minutes // 60}:{minutes % 60:02}:{rest:02}"


def takes_days(trails: Trails) -> bool:
    """Return whether times count from 1970 and take more than a day."""
    start, end = trails.table["start"].min(), trails.table["end"].max()
    return bool(start >= SINCE_1970_S and end - start > DAY_S)


def place_labels(
    anchors: npt.NDArray[np.floating],
    sizes: npt.NDArray[np.floating],
    ink: Bools,
    *,
    gap: float,
) -> list[tuple[int, int] | None]:
    """Place labels inside the picture without overlap.

    Parameters
    ----------
    anchors
        Anchor (y, x) of each label; earlier labels are placed first.
    sizes
        Height and width of each label, in px.
    ink
        Pixels that should not be covered: rows, columns; bool.
    gap
        Minimum distance of a label from its anchor, in px.

    Returns
    -------
    list
        Upper left corner (y, x) of each label; None if there is no room.
    """
    covered = cv2.integral(ink.astype(np.uint8))
    points = np.asarray(anchors, float).reshape(-1, 2)
    taken = np.empty((0, 4))
    places: list[tuple[int, int] | None] = []
    for point, size in zip(points, np.asarray(sizes, float).reshape(-1, 2), strict=True):
        corners = _candidates(point, size, ink.shape, gap)
        ends = corners + size
        free = np.ones(len(corners), bool)
        for top, left, bottom, right in taken:
            free &= (
                (ends[:, 0] <= top)
                | (corners[:, 0] >= bottom)
                | (ends[:, 1] <= left)
                | (corners[:, 1] >= right)
            )
        corners, ends = corners[free], ends[free]
        if not len(corners):
            places.append(None)
            continue
        a, b = corners.astype(int), ends.astype(int)
        hidden = (
            covered[b[:, 0], b[:, 1]]
            - covered[a[:, 0], b[:, 1]]
            - covered[b[:, 0], a[:, 1]]
            + covered[a[:, 0], a[:, 1]]
        )
        away = np.hypot(*((corners + ends) / 2 - point).T)
        best = int(np.argmin(away / size.max() + 3 * hidden / size.prod()))
        places.append((int(corners[best, 0]), int(corners[best, 1])))
        taken = np.vstack([taken, [*(corners[best] - 2), *(ends[best] + 2)]])
    return places


def label_anchor(canvas: Canvas, trails: Trails, row: int, stretch: Stretch | None) -> Floats:
    """Return the anchor (y, x) of a label: the middle of the stretch, or the end of the trail."""
    samples = trails.trail(row)
    at = samples.stop - 1 if stretch is None else samples.start + (stretch[0] + stretch[1] - 1) // 2
    point = canvas.points(trails.y[at : at + 1], trails.x[at : at + 1])[0]
    rows, columns = canvas.pixels.shape[:2]
    anchor: Floats = np.clip(point[::-1], 0, (rows - 1, columns - 1))
    return anchor


def draw_labels(
    canvas: Canvas,
    labels: Sequence[str],
    anchors: Sequence[Floats],
    ink: Bools,
) -> None:
    """Write a label next to each anchor, connected by a line."""
    if not labels:
        return
    size_px = max(canvas.px(17), 9)
    pad = max(size_px // 4, 2)
    sizes = np.array([text_size(label, size_px) for label in labels]) + 2 * pad
    places = place_labels(np.array(anchors), sizes, ink, gap=canvas.px(16))
    boxes = [
        (i, (left, top), (left + int(sizes[i, 1]) - 1, top + int(sizes[i, 0]) - 1))
        for i, (top, left) in ((i, place) for i, place in enumerate(places) if place is not None)
    ]
    for i, low, high in boxes:  # lines first, so that none crosses a text
        anchor = anchors[i][::-1]
        line = np.rint(np.array([anchor, np.clip(anchor, low, high)]) * 2**SHIFT)
        draw_line(canvas.pixels, line.astype(np.int32), rank_colour(i), 1)
    for i, low, high in boxes:
        cv2.rectangle(canvas.pixels, low, high, rank_colour(i), cv2.FILLED)
        cv2.rectangle(canvas.pixels, low, high, (0, 0, 0), 1)
    texts = [
        (low[0] + pad, low[1] + pad, labels[i], readable_on(rank_colour(i))) for i, low, _ in boxes
    ]
    write_texts(canvas.pixels, texts, size_px)


def _candidates(
    point: Floats,
    size: Floats,
    shape: tuple[int, ...],
    gap: float,
) -> Floats:
    """Return possible corners of a label around a point, from near to far, in the picture."""
    bounds = np.array(shape[:2]) - size
    if np.any(bounds < 0):
        return np.empty((0, 2))
    angles = np.arange(16) * (2 * np.pi / 16) - np.pi / 4
    rings = gap * 1.5 ** np.arange(int(np.ceil(np.log(max(shape) / gap) / np.log(1.5))) + 1)
    direction = np.stack([np.sin(angles), np.cos(angles)], axis=1)
    # The distance is that of the label's edge, not of its centre.
    reach = direction * rings[:, None, None] + direction * size / 2
    corners = np.rint(point + reach - size / 2).reshape(-1, 2)
    inside: Floats = corners[np.all((corners >= 0) & (corners <= bounds), axis=1)]
    return inside
