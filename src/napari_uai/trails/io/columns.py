"""Tables of samples as users have them: names of columns, units, and what cannot be used."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd

from napari_uai.errors import BadValueError, TrailFormatError
from napari_uai.trails.io.records import Problem, nothing_usable
from napari_uai.trails.table import UNCLASSIFIED, Scene, Trails, problem_table, trails_of
from napari_uai.typing import Floats

BoxPoint: TypeAlias = Literal["centre", "foot"]
"""Point of an object's box that is its position: the middle, or where it stands."""

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
"""What a column may be called, in any case, the preferred name first."""

_LARGEST_PLAN = 32
_PLAN_SIDE = 640


def named_columns(names: Iterable[Any]) -> dict[str, Any]:
    """Tell which column is what.

    Parameters
    ----------
    names
        As they stand in a file or table.

    Returns
    -------
    dict
        From our name (``trail``, ``frame``, ``x``, ...) to theirs.

    Raises
    ------
    TrailFormatError
        If there is no trail, or no position.
    """
    theirs = list(names)
    plain = [str(name).strip().lower().replace(" ", "_").replace("-", "_") for name in theirs]
    found = {
        ours: theirs[plain.index(alias)]
        for ours, aliases in COLUMN_NAMES.items()
        for alias in reversed(aliases)
        if alias in plain
    }
    has_box = {"left", "top", "width", "height"} <= set(found)
    if "trail" not in found or not ({"x", "y"} <= set(found) or has_box):
        said = ", ".join(" ".join(str(name).split()) for name in theirs[:12])[:200]
        raise TrailFormatError(
            f"columns {said}: needs trail (or id, track), frame (or t, time), and x and y (or left,"
            " top, width, height); a class (or label) if known"
        )
    return found


def plain_samples(
    table: pd.DataFrame, *, frame_rate_hz: float | None, box_point: BoxPoint = "centre"
) -> pd.DataFrame:
    """Return ``trail``, ``time`` (s), ``y``, ``x`` and, if known, ``class`` of a table.

    Parameters
    ----------
    table
        Columns as :data:`COLUMN_NAMES` says. ``frame``, and ``t`` if all are whole numbers, count
        frames; ``time`` is in s, or a date and time; without any, samples follow one another.
    frame_rate_hz
        Frames per second; 1 if None.
    box_point
        Position of an object that has a box.
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
    **known: Any,
) -> Trails:
    """Make trails of all samples that can be used; what is dropped is told in the problems.

    Parameters
    ----------
    samples
        ``trail``, ``time`` (s), ``y``, ``x``; a ``class`` if known.
    file
        Where they stand; for the problems.
    scene_size
        Width and height of the picture, in px. If None, positions decide: in pixels, the picture
        ends at the last of them; positions that are no pixels (below 0, or all within 32 units and
        not whole) are a plan, which is shifted and enlarged to 640 px.
    normalized
        Whether positions are shares (0 to 1) of the picture; if None, if all lie in 0 to 1.
    problems
        What was already found; more is added.
    **known
        Further fields of :class:`Trails`; its problems are made here.

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
        _tell_dropped(
            samples[~inside], f"outside the picture ({width} x {height} px)", file, problems
        )
        samples = samples[inside]
    twice = samples.duplicated(["trail", "time"])
    if twice.any():
        text = "at a time at which the trail has one already (a repeated id?)"
        _tell_dropped(samples[twice], text, file, problems)
        samples = samples[~twice]
    if samples.empty:
        raise nothing_usable(problems)
    trails = trails_of(
        samples.drop(columns="class", errors="ignore"), Scene(width, height), **known
    )
    if "class" in samples:
        trails = _with_commonest_class(trails, samples)
    single = trails.n_samples < 2
    problems += [
        (file, name, "one usable sample only: no trail") for name in trails.table["trail"][single]
    ]
    if single.all():
        raise nothing_usable(problems)
    if single.any():
        trails = trails.select(~single)
    return replace(trails, problems=problem_table(problems))


def _names(column: pd.Series[Any]) -> pd.Series[Any]:
    """Names of trails; whole numbers that were read as 1.0 are 1."""
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
    """Seconds, from numbers or from dates and times (ISO 8601; in UTC unless they say)."""
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
            text = f"without a {what} (missing, NaN or no number)"
            _tell_dropped(samples[bad & keep], text, file, problems)
        keep &= ~bad
    return samples if keep.all() else samples[keep]


def _tell_dropped(dropped: pd.DataFrame, reason: str, file: str, problems: list[Problem]) -> None:
    """Tell for each trail how many of its samples are dropped."""
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
    """Positions in px, and the size of the picture."""
    from napari_uai.trails.io.exports import DEFAULT_SCENE_SIZE

    low, high = min(x.min(), y.min()), max(x.max(), y.max())
    fractional = bool(np.mean((x % 1 != 0) | (y % 1 != 0)) > 0.5)
    if normalized is None and fractional and low >= 0 and high <= 1:
        normalized = True
        problems.append((file, "", "positions all within 0 to 1: taken as shares of the picture"))
    if normalized:
        width, height = scene_size or DEFAULT_SCENE_SIZE
        if scene_size is None:
            text = f"no size of the picture: {width} x {height} px assumed (scene_size)"
            problems.append((file, "", text))
        return y * (height - 1), x * (width - 1), (width, height)
    if scene_size is not None:
        return y, x, scene_size
    extent = max(np.ptp(x), np.ptp(y))
    if low < -0.5 or (fractional and high < _LARGEST_PLAN):
        scale = (_PLAN_SIDE - 1) / extent if extent > 0 else 1.0
        text = (
            f"positions are no pixels: shifted by x {-x.min():.4g}, y {-y.min():.4g} and enlarged"
            f" {scale:.4g} times to {_PLAN_SIDE} px (scene_size)"
        )
        problems.append((file, "", text))
        y, x = (y - y.min()) * scale, (x - x.min()) * scale
    else:
        text = "no size of the picture: it ends at the last positions (scene_size)"
        problems.append((file, "", text))
    if max(x.max(), y.max()) > 100_000:
        raise BadValueError(
            f"positions reach {max(x.max(), y.max()):.4g}: give scene_size (width and height in px)"
        )
    # The pixel in which the last position lies is the last one.
    return y, x, (max(math.floor(x.max() + 0.5) + 1, 2), max(math.floor(y.max() + 0.5) + 1, 2))


def _with_commonest_class(trails: Trails, samples: pd.DataFrame) -> Trails:
    """Give each trail the class that most of its samples have; of equals the first."""
    owner, _ = pd.factorize(samples["trail"])
    kind, kinds = pd.factorize(samples["class"])
    known = kind >= 0
    table = trails.table.copy()
    if known.any():
        pair, counts = np.unique(owner[known] * len(kinds) + kind[known], return_counts=True)
        order = np.lexsort((pair, -counts, pair // len(kinds)))
        rows, first = np.unique(pair[order] // len(kinds), return_index=True)
        best = pair[order][first] % len(kinds)
        classes = np.full(len(table), UNCLASSIFIED, object)
        classes[rows] = [str(kinds[k]).strip() or UNCLASSIFIED for k in best]
        table["class"] = pd.Series(classes, dtype=str)
    return replace(trails, table=table)
