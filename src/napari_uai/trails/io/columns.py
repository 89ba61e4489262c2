"""Tables of samples: names of columns, units, and samples that cannot be used."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd

from napari_uai.errors import BadValueError, TrailFormatError
from napari_uai.trails.io.records import Problem, assumed_size, nothing_usable
from napari_uai.trails.table import UNCLASSIFIED, Scene, Trails, problem_table, trails_of
from napari_uai.typing import Floats

BoxPoint: TypeAlias = Literal["centre", "foot"]
"""Point of an object's box that is its position: its centre, or the middle of its lower side."""

COLUMN_NAMES = {
    "trail": ("trail", "track_id", "trail_id", "track", "object_id", "object", "id", "particle"),
    "frame": ("frame", "frame_id", "frame_number"),
    "t": ("t",),
    "time": ("time", "time_s", "t_s", "seconds", "timestamp", "datetime"),
    "epoch_ms": ("epoch_ms", "time_ms", "t_ms"),
    "x": ("x", "x_px"),
    "y": ("y", "y_px"),
    "left": ("left", "bb_left", "xmin"),
    "top": ("top", "bb_top", "ymin"),
    "width": ("width", "bb_width", "w"),
    "height": ("height", "bb_height", "h"),
    "class": ("class", "label", "kind", "category"),
}
"""Accepted names of each column, in upper or lower case, preferred name first."""

_LARGEST_MAP = 32
_MAP_SIDE = 640


def named_columns(names: Iterable[Any]) -> dict[str, Any]:
    """Identify the columns of a table by their names.

    Parameters
    ----------
    names
        Names of the columns.

    Returns
    -------
    dict
        Name in the table by canonical name (``trail``, ``frame``, ``x``, ...).

    Raises
    ------
    TrailFormatError
        If there is no column of trails or positions.

    Examples
    --------
    >>> named_columns(["ID", "t", "x", "y"])
    {'trail': 'ID', 't': 't', 'x': 'x', 'y': 'y'}
    """
    theirs = list(names)
    plain = [str(name).strip().lower().replace(" ", "_").replace("-", "_") for name in theirs]
    columns = {
        ours: theirs[plain.index(alias)]
        for ours, aliases in COLUMN_NAMES.items()
        for alias in reversed(aliases)
        if alias in plain
    }
    has_box = {"left", "top", "width", "height"} <= set(columns)
    if "trail" not in columns or not ({"x", "y"} <= set(columns) or has_box):
        listed = ", ".join(" ".join(str(name).split()) for name in theirs[:12])[:200]
        raise TrailFormatError(
            "columns trail (or id, track), and x and y (or left, top, width, height) are required; "
            f"frame (or t, time) and class (or label) are optional; got {listed}"
        )
    return columns


def plain_samples(
    table: pd.DataFrame, *, frame_rate_hz: float | None, box_point: BoxPoint = "centre"
) -> pd.DataFrame:
    """Return ``trail``, ``time`` (in s), ``y``, ``x`` and, if known, ``class`` of a table.

    Parameters
    ----------
    table
        Columns named as in :data:`COLUMN_NAMES`. ``frame``, and ``t`` if all are integers, are
        frame numbers; ``time`` is in s, or a date and time; without any of these, samples are
        consecutive frames.
    frame_rate_hz
        Frames per second; 1 if None.
    box_point
        Point of an object's box that is its position.
    """
    columns = named_columns(table.columns)
    if {"x", "y"} <= set(columns):
        x, y = _numbers(table[columns["x"]]), _numbers(table[columns["y"]])
    else:
        left, top, width, height = (
            _numbers(table[columns[name]]) for name in ("left", "top", "width", "height")
        )
        x = left + width / 2
        y = top + (height if box_point == "foot" else height / 2)
    trail = _names(table[columns["trail"]])
    samples = pd.DataFrame(
        {"trail": trail, "time": _seconds(table, columns, trail, frame_rate_hz), "y": y, "x": x}
    )
    if "class" in columns:
        samples["class"] = table[columns["class"]].to_numpy()
    return samples


def trails_of_samples(
    samples: pd.DataFrame,
    *,
    file: str,
    scene_size: tuple[int, int] | None,
    normalized: bool | None,
    problems: list[Problem],
    **fields: Any,
) -> Trails:
    """Return trails of all usable samples; dropped samples are listed in the problems.

    Parameters
    ----------
    samples
        ``trail``, ``time`` (in s), ``y``, ``x``, and optionally ``class``.
    file
        Name of their file, for the problems.
    scene_size
        Width and height of the picture, in px. If None, derived from the positions: positions in
        pixels define the size of the picture by their maxima; other positions (negative, or
        fractional and all below 32) are taken as a map, which is shifted and scaled to 640 px.
    normalized
        Whether positions are fractions (0 to 1) of the picture; if None, whether all are between
        0 and 1.
    problems
        List of problems; extended.
    **fields
        Further fields of :class:`Trails`, except its problems.

    Raises
    ------
    TrailFormatError
        If no trail has two usable samples.
    """
    samples = _complete(samples, file, problems)
    if samples.empty:
        raise nothing_usable(problems)
    y, x = samples["y"].to_numpy(np.float64), samples["x"].to_numpy(np.float64)
    y, x, (width, height) = _in_scene(y, x, scene_size, normalized, file, problems)
    inside = (x >= -0.5) & (y >= -0.5) & (x < width - 0.5) & (y < height - 0.5)
    samples = samples.assign(y=y, x=x)
    if not inside.all():
        _note_dropped(
            samples[~inside], f"outside the picture ({width} x {height} px)", file, problems
        )
        samples = samples[inside]
    twice = samples.duplicated(["trail", "time"])
    if twice.any():
        text = "at the time of another sample of the trail (duplicate id?)"
        _note_dropped(samples[twice], text, file, problems)
        samples = samples[~twice]
    if samples.empty:
        raise nothing_usable(problems)
    trails = trails_of(
        samples.drop(columns="class", errors="ignore"), Scene(width, height), **fields
    )
    if "class" in samples:
        trails = _with_commonest_class(trails, samples)
    single = trails.n_samples < 2
    problems += [
        (file, name, "only one usable sample: dropped") for name in trails.table["trail"][single]
    ]
    if single.all():
        raise nothing_usable(problems)
    if single.any():
        trails = trails.select(~single)
    return replace(trails, problems=problem_table(problems))


def _names(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return names of trails; integers that were read as floats become integers again."""
    column = column.reset_index(drop=True)
    if pd.api.types.is_float_dtype(column):
        numbers = column.to_numpy(np.float64)
        finite = numbers[np.isfinite(numbers)]
        if np.all((finite == np.trunc(finite)) & (np.abs(finite) < 2**53)):
            return column.replace([np.inf, -np.inf], np.nan).astype("Int64")
    return column


def _numbers(column: pd.Series[Any]) -> Floats:
    numbers = pd.to_numeric(column, errors="coerce")
    return np.asarray(numbers.to_numpy(np.float64, na_value=np.nan))


def _seconds(
    table: pd.DataFrame,
    columns: dict[str, Any],
    trail: pd.Series[Any],
    frame_rate_hz: float | None,
) -> Floats:
    rate = frame_rate_hz or 1.0
    if "epoch_ms" in columns:
        return _numbers(table[columns["epoch_ms"]]) / 1000
    if "time" in columns:
        return _clock(table[columns["time"]])
    if "frame" in columns:
        return _numbers(table[columns["frame"]]) / rate
    if "t" in columns:
        t = _numbers(table[columns["t"]])
        whole = np.all(t[np.isfinite(t)] % 1 == 0)
        return t / rate if whole else t
    return trail.groupby(trail).cumcount().to_numpy(np.float64) / rate


def _clock(column: pd.Series[Any]) -> Floats:
    """Return seconds, from numbers or dates and times (ISO 8601; UTC without a time zone)."""
    numbers = (
        np.full(len(column), np.nan)
        if pd.api.types.is_datetime64_any_dtype(column)
        else _numbers(column)
    )
    if np.isfinite(numbers).any() or not len(numbers):
        return numbers
    dates = pd.to_datetime(column, errors="coerce", utc=True, format="ISO8601")
    seconds = (dates - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(seconds=1)
    return np.asarray(seconds.to_numpy(np.float64))


def _complete(samples: pd.DataFrame, file: str, problems: list[Problem]) -> pd.DataFrame:
    """Drop samples without a trail, a finite time or a finite position."""
    lacks = {
        "trail": samples["trail"].isna().to_numpy(),
        "time": ~np.isfinite(samples["time"].to_numpy(np.float64)),
        "position": ~(
            np.isfinite(samples["y"].to_numpy(np.float64))
            & np.isfinite(samples["x"].to_numpy(np.float64))
        ),
    }
    keep = np.ones(len(samples), bool)
    for what, bad in lacks.items():
        if (bad & keep).any():
            text = f"without a valid {what}"
            _note_dropped(samples[bad & keep], text, file, problems)
        keep &= ~bad
    return samples if keep.all() else samples[keep]


def _note_dropped(dropped: pd.DataFrame, reason: str, file: str, problems: list[Problem]) -> None:
    """Add to the problems how many samples of each trail are dropped."""
    counts = dropped["trail"].astype(str).where(dropped["trail"].notna(), "").value_counts()
    for name, n in counts.sort_index().items():
        problems.append((file, str(name), f"{n} samples {reason}: dropped"))


def _in_scene(
    y: Floats,
    x: Floats,
    scene_size: tuple[int, int] | None,
    normalized: bool | None,
    file: str,
    problems: list[Problem],
) -> tuple[Floats, Floats, tuple[int, int]]:
    """Return positions in px, and the size of the picture."""
    low, high = min(x.min(), y.min()), max(x.max(), y.max())
    fractional = bool(np.mean((x % 1 != 0) | (y % 1 != 0)) > 0.5)
    if normalized is None and fractional and low >= 0 and high <= 1:
        normalized = True
        problems.append(
            (file, "", "all positions between 0 and 1: interpreted as fractions of the picture")
        )
    if normalized:
        width, height = scene_size or assumed_size(file, problems)
        return y * (height - 1), x * (width - 1), (width, height)
    if scene_size is not None:
        return y, x, scene_size
    extent = max(np.ptp(x), np.ptp(y))
    if low < -0.5 or (fractional and high < _LARGEST_MAP):
        scale = (_MAP_SIDE - 1) / extent if extent > 0 else 1.0
        text = (
            f"scene_size unknown and positions not in pixels: shifted by x {-x.min():.4g}, "
            f"y {-y.min():.4g} and scaled by {scale:.4g} to {_MAP_SIDE} px"
        )
        problems.append((file, "", text))
        y, x = (y - y.min()) * scale, (x - x.min()) * scale
    else:
        text = "scene_size unknown: derived from the largest positions"
        problems.append((file, "", text))
    if max(x.max(), y.max()) > 100_000:
        raise BadValueError(
            f"positions up to {max(x.max(), y.max()):.4g}: scene_size (width and height in px) "
            "is required"
        )
    # The last pixel contains the largest position.
    return y, x, (max(math.floor(x.max() + 0.5) + 1, 2), max(math.floor(y.max() + 0.5) + 1, 2))


def _with_commonest_class(trails: Trails, samples: pd.DataFrame) -> Trails:
    """Assign to each trail the most frequent class of its samples; the first of several."""
    owner, _ = pd.factorize(samples["trail"])
    kind, kinds = pd.factorize(samples["class"])
    classified = kind >= 0
    table = trails.table.copy()
    if classified.any():
        pair, counts = np.unique(
            owner[classified] * len(kinds) + kind[classified], return_counts=True
        )
        order = np.lexsort((pair, -counts, pair // len(kinds)))
        rows, first = np.unique(pair[order] // len(kinds), return_index=True)
        best = pair[order][first] % len(kinds)
        classes = np.full(len(table), UNCLASSIFIED, object)
        classes[rows] = [str(kinds[k]).strip() or UNCLASSIFIED for k in best]
        table["class"] = pd.Series(classes, dtype=str)
    return replace(trails, table=table)
