"""Columns of times and frames to times of samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from napari_uai.trails.io.table_options import TableOptions
from napari_uai.trails.io.times import (
    is_time_of_day,
    joined_date_and_time,
    numbers_of,
    past_midnight,
    seconds_of,
)
from napari_uai.trails.io.vocabulary import Roles
from napari_uai.typing import Floats

_FRAME_NUMBERS = (
    "no frame rate: times are frame numbers, 1 s per frame; give frame_rate_hz (--frame-rate)"
)

_COMPARED = 200_000
"""About how many samples, those of whole trails, are compared to choose times or frames."""


def times_of(
    table: pd.DataFrame,
    roles: Roles,
    trail: pd.Categorical,
    options: TableOptions,
    rates_hz: tuple[float | None, float | None],
    used: set[Any],
    notes: list[str],
) -> tuple[Floats, Floats | None, bool]:
    """Return times in s, the offset of local time, and whether they are times of day."""
    wanted_hz, stated_hz = rates_hz
    rate = wanted_hz or stated_hz or 1.0
    time, frame = roles.first("time"), roles.first("frame")
    date, t = roles.first("date"), roles.first("t")
    form = options.time_format
    if form == "frame":
        frame = frame or time or t
        time = date = None
    elif form is not None and time is None and date is None:
        time, frame, t = t or frame, None, None
    if time is None and date is not None:
        time, date = date, None
    if time is not None:
        column = table[time]
        if date is not None and is_time_of_day(column):
            column = joined_date_and_time(table[date], column)
            used.add(date)
        meaning = roles.meanings[time]
        times = seconds_of(
            column, factor=meaning.factor if meaning.kind == "s" else None, time_format=form
        )
        if frame is None or _tells_more(times.seconds, table[frame], trail):
            used.add(time)
            notes.extend(times.notes)
            if wanted_hz is not None:
                notes.append(f"frame_rate_hz is not used: column {time!r} has times")
            of_day = any("midnight" in note for note in times.notes)
            seconds = times.seconds
            if of_day:
                seconds, passed = past_midnight(seconds)
                if passed:
                    notes.append("times after midnight counted on the next day")
            return seconds, times.utc_offset_s, of_day
        notes.append(f"column {time!r} repeats within trails: times are those of {frame!r}")
    unknown = wanted_hz is None and stated_hz is None
    if frame is not None:
        used.add(frame)
        numbers = _frames_of(table[frame], notes)
        if unknown:
            notes.append(_FRAME_NUMBERS)
        return numbers / rate, None, False
    if t is not None:
        used.add(t)
        numbers = numbers_of(table[t])
        whole = np.all(numbers[np.isfinite(numbers)] % 1 == 0)
        if roles.meanings[t].kind == "s":
            return numbers * roles.meanings[t].factor, None, False
        if whole and unknown:
            notes.append(_FRAME_NUMBERS)
        return (numbers / rate if whole else numbers), None, False
    notes.append(f"no column of times: samples are {1 / rate:g} s apart, in the order of the rows")
    order = pd.Series(trail.codes).groupby(trail.codes).cumcount()
    return order.to_numpy(np.float64) / rate, None, False


def _frames_of(column: pd.Series[Any], notes: list[str]) -> Floats:
    """Return numbers of frames, of names of pictures their last number."""
    numbers = numbers_of(column)
    if np.isfinite(numbers).any() or not len(numbers):
        return numbers
    digits = column.astype("str").str.extract(r"(\d+)(?:\.[A-Za-z]+\d?)?\s*$")[0]
    if digits.notna().any():
        notes.append(f"frames are the numbers in names such as {column.iloc[0]!r}")
    return np.asarray(pd.to_numeric(digits, errors="coerce").to_numpy(np.float64))


def _tells_more(seconds: Floats, frame: pd.Series[Any], trail: pd.Categorical) -> bool:
    """Return whether times differ within trails where frames do."""
    if not np.isfinite(seconds).any():
        return False
    owner, n_trails = trail.codes, max(len(trail.categories), 1)
    if len(owner) > _COMPARED:
        some = owner < max(n_trails * _COMPARED // len(owner), 1)
        owner, seconds, frame = owner[some], seconds[some], frame[some]
    repeated = pd.DataFrame({"trail": owner, "time": seconds}).duplicated().mean()
    by_frame = pd.DataFrame({"trail": owner, "frame": frame.to_numpy()}).duplicated().mean()
    return bool(repeated <= by_frame + 0.02)
