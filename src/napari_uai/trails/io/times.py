"""Times of samples: numbers of any unit, dates of any order, times of day, local times."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_uai.errors import BadValueError
from napari_uai.trails.io.table_options import TIME_UNITS
from napari_uai.typing import Floats

DAY_S = 86_400.0
_HALF_READ = 0.5

_BY_SIZE = ((1e17, 1e-9, "ns"), (1e14, 1e-6, "us"), (1e11, 1e-3, "ms"))
"""Seconds since 1970 stay below 1e11 until the year 5138, and ms are above it since 1973."""

_LOOKED_AT = 100_000
"""Number of times, evenly spread, of which the size tells the unit."""

_YEAR_1900 = -2_208_988_800.0

_OFFSET = r"\d{2}(?::?\d{2})?(?::?\d{2}(?:[.,]\d+)?)?\s*([+-])(\d{2}):?(\d{2})?$"
_CLOCK = r"^\s*\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?\s*$"
_YEAR_LAST = r"^\s*(\d{1,2})\s*[./-]\s*(\d{1,2})\s*[./-]\s*(\d{4}|\d{2})(?!\d)"


class Times(NamedTuple):
    """Times of samples.

    Parameters
    ----------
    seconds
        Since 1970, midnight, or the start of the recording; NaN where there is no time.
    utc_offset_s
        Offset of local time from UTC, in s; None if no time states it.
    notes
        What was assumed.
    """

    seconds: Floats
    utc_offset_s: Floats | None
    notes: tuple[str, ...]


def numbers_of(column: pd.Series[Any]) -> Floats:
    """Return a column as numbers; NaN where it holds none. Decimal commas are understood."""
    if pd.api.types.is_numeric_dtype(column):
        return np.asarray(column.to_numpy(np.float64, na_value=np.nan))
    codes, values = coded(column)
    return np.asarray(np.append(_parsed(pd.Series(values)), np.nan)[codes])


def coded(column: pd.Series[Any]) -> tuple[npt.NDArray[np.integer[Any]], Any]:
    """Return the distinct values of a column that occur, and the place of each; -1 for none.

    Most columns repeat a value row after row, so that a hundredth of them has to be looked up.
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        codes = column.cat.codes.to_numpy()
        categories = column.cat.categories
        occurs = np.zeros(len(categories) + 1, bool)
        occurs[codes] = True
        if occurs[:-1].all():
            return codes, categories
        place = np.append(np.cumsum(occurs[:-1]) - 1, -1).astype(np.int32)
        return place[codes], categories[occurs[:-1]]
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "iuf":
        values = column.to_numpy()
        starts = np.flatnonzero(values[1:] != values[:-1]) + 1
        if len(starts) < len(values) / 8:
            starts = np.append(0, starts)[: len(values)]
            few, distinct = pd.factorize(values[starts])
            lengths = np.diff(np.append(starts, len(values)))
            return np.repeat(few.astype(np.int32), lengths), distinct
        return pd.factorize(values)
    return pd.factorize(column)


def _parsed(values: pd.Series[Any]) -> Floats:
    """Return distinct values as numbers."""
    numbers = pd.to_numeric(values, errors="coerce")
    if numbers.isna().any():
        texts = values.astype("str")
        commas = texts.str.fullmatch(r"\s*[+-]?\d*,\d+\s*")
        # 1,234 may be a thousand.
        if commas.any() and not texts.str.fullmatch(r"\s*[+-]?\d+,\d{3}\s*")[commas].all():
            numbers = numbers.fillna(
                pd.to_numeric(texts.str.replace(",", ".", regex=False), errors="coerce")
            )
    return np.asarray(numbers.to_numpy(np.float64, na_value=np.nan))


def seconds_of(
    column: pd.Series[Any], *, factor: float | None = None, time_format: str | None = None
) -> Times:
    """Return a column of times in seconds.

    Parameters
    ----------
    column
        Numbers, or dates or times of day as text or as pandas has them.
    factor
        Seconds per unit, if the name of the column states it. If None, the unit of times since
        1970 follows from their size, and all others are seconds.
    time_format
        Unit, or codes of :meth:`datetime.datetime.strptime`; see :class:`TableOptions`.

    Raises
    ------
    BadValueError
        If no time has the given format.
    """
    if time_format in TIME_UNITS:
        factor, time_format = TIME_UNITS[time_format], None
    if pd.api.types.is_datetime64_any_dtype(column):
        return _of_dates(column)
    if pd.api.types.is_timedelta64_dtype(column):
        return Times(_float_seconds(column), None, ())
    if time_format is not None:
        return _of_format(column, time_format)
    numbers = numbers_of(column)
    if np.isfinite(numbers).any() or not len(numbers):
        return _of_numbers(numbers, factor)
    return _of_texts(column)


def past_midnight(seconds: Floats) -> tuple[Floats, bool]:
    """Add a day to times of day after midnight, if a recording goes on over it.

    It does if the longest time without samples, an hour at least, is within the day. Returns the
    times, and whether any has changed.
    """
    distinct = np.unique(seconds[np.isfinite(seconds)])
    if len(distinct) < 2:
        return seconds, False
    gaps = np.diff(distinct)
    longest = int(np.argmax(gaps))
    over_night = distinct[0] + DAY_S - distinct[-1]
    if gaps[longest] < 3600 or gaps[longest] <= over_night:
        return seconds, False
    return np.where(seconds <= distinct[longest], seconds + DAY_S, seconds), True


def is_time_of_day(column: pd.Series[Any]) -> bool:
    """Return whether a column holds times of day without a date."""
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_datetime64_any_dtype(column):
        return False
    texts = column.dropna().head(200).astype("str")
    return bool(len(texts)) and bool(texts.str.match(_CLOCK).mean() > _HALF_READ)


def joined_date_and_time(date: pd.Series[Any], time: pd.Series[Any]) -> pd.Series[Any]:
    """Return dates and times of day of two columns in one."""
    days = date.dt.strftime("%Y-%m-%d") if pd.api.types.is_datetime64_any_dtype(date) else date
    return days.astype("str") + " " + time.astype("str")


def _of_numbers(numbers: Floats, factor: float | None) -> Times:
    if factor is not None and factor != 1.0:
        # A factor of 0.001 is rounded; 1000 is not.
        return Times(numbers / round(1 / factor) if factor < 1 else numbers * factor, None, ())
    some = numbers[:: max(len(numbers) // _LOOKED_AT, 1)]
    finite = np.abs(some[np.isfinite(some)])
    typical = float(np.median(finite)) if len(finite) else 0.0
    for least, unit, name in _BY_SIZE:
        if typical >= least:
            text = f"times taken as {name} since 1970 by their size"
            return Times(numbers / round(1 / unit), None, (text,))
    return Times(numbers, None, ())


def _of_dates(dates: pd.Series[Any]) -> Times:
    """Return the seconds of dates; local times keep their offset."""
    zone = getattr(dates.dt, "tz", None)
    if zone is None:
        return Times(_float_seconds(dates.dt.tz_localize("UTC") - _epoch()), None, ())
    seconds = _float_seconds(dates.dt.tz_convert("UTC") - _epoch())
    local = _float_seconds(dates.dt.tz_localize(None) - pd.Timestamp(0))
    offset = np.asarray(local - seconds)
    return Times(seconds, offset if np.any(offset[np.isfinite(offset)] != 0) else None, ())


def _of_format(column: pd.Series[Any], time_format: str) -> Times:
    texts = column.astype("str").str.strip()
    try:
        dates = pd.to_datetime(texts, errors="coerce", utc=True, format=time_format)
    except ValueError as error:
        raise BadValueError(f"time_format {time_format!r} is not understood: {error}") from None
    if dates.isna().all():
        example = texts.iloc[0] if len(texts) else ""
        raise BadValueError(
            f"no time has the time_format {time_format!r}; the first is {example!r}"
        )
    seconds = _float_seconds(dates - _epoch())
    if not any(code in time_format for code in ("%Y", "%y", "%d", "%j", "%D", "%x", "%c", "%s")):
        return Times(seconds % DAY_S, None, ())  # of day
    offset = _offsets(texts) if "%z" in time_format else None
    return Times(seconds, offset, ())


def _of_texts(column: pd.Series[Any]) -> Times:
    """Return the seconds of dates (ISO 8601 first) or times of day."""
    texts = column.astype("str").where(column.notna()).str.strip()
    if is_time_of_day(texts):
        text = "times of day without a date: seconds since midnight"
        return Times(_of_clock(texts), None, (text,))
    texts = texts.str.replace(r"(\d),(\d)", r"\1.\2", regex=True).str.replace(", ", " ")
    dates = pd.to_datetime(texts, errors="coerce", utc=True, format="ISO8601")
    n_texts = texts.notna().sum()
    notes: tuple[str, ...] = ()
    if dates.notna().sum() < n_texts / 2:
        day_first, assumed = _day_first(texts)
        dates = _mixed_dates(texts, day_first=day_first)
        if assumed:
            first = "day" if day_first else "month"
            example = texts.dropna().iloc[0]
            text = f"dates such as {example!r} taken as {first} first: time_format says otherwise"
            notes = (text,)
    seconds = _float_seconds(dates - _epoch())
    return Times(np.where(seconds > _YEAR_1900, seconds, np.nan), _offsets(texts), notes)


def _mixed_dates(texts: pd.Series[Any], *, day_first: bool) -> pd.Series[Any]:
    """Return dates of which each is read by itself."""

    def parsed(values: Any) -> Any:
        return pd.to_datetime(values, errors="coerce", utc=True, format="mixed", dayfirst=day_first)

    def parsed_alone(value: Any) -> Any:
        try:
            return parsed(value)
        except (ValueError, OverflowError):  # a year that pandas cannot represent
            return pd.NaT

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about values in several formats
        try:
            dates: pd.Series[Any] = parsed(texts)
        except (ValueError, OverflowError):
            dates = pd.to_datetime(texts.map(parsed_alone), errors="coerce", utc=True)
        return dates


def _day_first(texts: pd.Series[Any]) -> tuple[bool, bool]:
    """Return whether the day precedes the month, and whether this is assumed."""
    parts = texts.str.extract(_YEAR_LAST).dropna()
    if parts.empty:
        return False, False
    first, second = (parts[i].astype(int) for i in (0, 1))
    if (first > 12).any():
        return True, False
    if (second > 12).any():
        return False, False
    dotted = texts.str.contains(r"^\s*\d{1,2}\.\d{1,2}\.", regex=True, na=False).all()
    return True, not dotted


def _of_clock(texts: pd.Series[Any]) -> Floats:
    """Return seconds since midnight of times of day."""
    whole = texts.str.replace(",", ".", regex=False)
    short = whole.str.count(":") == 1
    whole = whole.where(~short, whole + ":00")
    return _float_seconds(pd.to_timedelta(whole, errors="coerce"))


def _offsets(texts: pd.Series[Any]) -> Floats | None:
    """Return the offsets from UTC that dates state, in s; None if there are none but zero."""
    parts = texts.str.extract(_OFFSET)
    if parts[1].isna().all():
        return None
    hours, minutes = (pd.to_numeric(parts[i].fillna("0")) for i in (1, 2))
    sign = np.where(parts[0] == "-", -1.0, 1.0)
    offset = np.asarray(sign * (hours * 3600 + minutes * 60).to_numpy(np.float64))
    return offset if offset.any() else None


def _float_seconds(durations: pd.Series[Any]) -> Floats:
    return np.asarray(durations.dt.total_seconds().to_numpy(np.float64))


def _epoch() -> pd.Timestamp:
    # In s, because years that ns cannot represent occur.
    return pd.Timestamp("1970-01-01", tz="UTC").as_unit("s")
