"""Hours of the day and days of the week, which may have models of their own."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from napari_uai.errors import BadValueError
from napari_uai.trails.table import SINCE_1970_S, Trails

By: TypeAlias = Literal["hour", "weekday", "both"]
"""Which periods have models of their own."""

Names: TypeAlias = npt.NDArray[np.str_]
"""Name of the period of each trail; empty for none."""

WEEKDAYS = np.array(["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"])

_THURSDAY = 3
"""The first of January 1970 was one."""


def has_dates(trails: Trails) -> bool:
    """Return whether the times of trails count from 1970."""
    return bool(len(trails) and trails.table["start"].min() >= SINCE_1970_S)


def periods_of(trails: Trails, by: By | None) -> Names:
    """Return the period in which each trail begins: ``08 h``, ``Mon``, ``Mon 08 h``.

    Times are those of the camera if the tracker recorded its time zone, otherwise UTC.

    Parameters
    ----------
    trails
        Trails of one scene.
    by
        Kind of the periods; None for none.

    Raises
    ------
    BadValueError
        If the times of the trails have no date.

    Examples
    --------
    >>> import pandas as pd
    >>> from napari_uai.trails import trails_of_frame
    >>> from napari_uai.trails.analysis.periods import periods_of
    >>> samples = pd.DataFrame({"trail": ["a", "a"], "x": [0, 9], "y": [0, 9],
    ...                         "time": pd.to_datetime(["2024-05-06 08:00", "2024-05-06 09:00"])})
    >>> periods_of(trails_of_frame(samples), "both").tolist()
    ['Mon 08 h']
    """
    if by is None:
        return np.full(len(trails), "")
    if not has_dates(trails):
        raise BadValueError(
            "models by hour or weekday need times with a date, those of the trails have none"
        )
    begins = trails.table["start"].to_numpy(np.float64)
    if "utc_offset_s" in trails.table:
        begins = begins + np.nan_to_num(trails.table["utc_offset_s"].to_numpy(np.float64))
    hours = np.floor(begins / 3600).astype(np.int64)
    weekday = WEEKDAYS[(hours // 24 + _THURSDAY) % 7]
    hour = np.array([f"{i:02} h" for i in range(24)])[hours % 24]
    if by == "both":
        return np.char.add(np.char.add(weekday, " "), hour)
    return hour if by == "hour" else weekday
