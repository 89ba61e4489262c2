"""Contrast of landings by three common definitions, and its distribution."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Unit

from napari_uai.iscat.parameters import BatchSize
from napari_uai.iscat.tables import require_columns
from napari_uai.stages import stage
from napari_uai.typing import Floats

CONTRAST_COLUMNS = ("peak_contrast", "intersection_contrast", "prominence_contrast")
"""Columns that :func:`measure_contrasts` adds."""

SMOOTHING = 0.05
"""Window of the Savitzky-Golay filter as a fraction of the length of the trace."""


@stage(
    "Measure contrasts",
    menu="measure",
    methods="For comparison, three contrasts were read from each smoothed trace: its extremum, "
    "the intersection of lines through its two flanks, and the prominence of the extremum",
)
def measure_contrasts(
    landings: pd.DataFrame, traces: pd.DataFrame, *, batch_size: BatchSize = 500
) -> pd.DataFrame:
    """Measure three contrasts from the trace of each landing.

    Traces are smoothed by a cubic Savitzky-Golay filter over 5 % of their length. With batch size
    L:

    - ``peak_contrast``: the extremum of the smoothed trace within L/2 of the peak. Biased to larger
      values by noise.
    - ``intersection_contrast``: height of the intersection of straight lines through the two
      flanks, fitted to the unsmoothed trace between L and L/10 before and after the peak.
    - ``prominence_contrast``: topographic prominence of that extremum.

    Parameters
    ----------
    landings
        ``landing, frame, contrast``.
    traces
        ``landing, frame, contrast``, as from :func:`~napari_uai.iscat.contrast_traces`.
    batch_size
        Frames per batch of the rolling average.

    Returns
    -------
    pandas.DataFrame
        ``landings`` with three more columns, signed; NaN where the trace does not show the feature.

    Raises
    ------
    BadValueError
        If a column is missing, or ``batch_size`` is less than 1.

    Warnings
    --------
    Noise biases ``peak_contrast`` to larger values.

    References
    ----------
    Savitzky & Golay, Anal. Chem. 36, 1627 (1964), doi:10.1021/ac60214a047; Mirzaalian Dastjerdi et
    al., PiSCAT, J. Open Source Softw. 7, 4024 (2022), doi:10.21105/joss.04024.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from napari_uai import iscat
    >>> frame = np.arange(-30, 31)
    >>> trace = pd.DataFrame(
    ...     {"landing": 1, "frame": 100 + frame, "contrast": np.maximum(1 - abs(frame) / 20, 0)}
    ... )
    >>> landings = pd.DataFrame({"landing": [1], "frame": [100], "contrast": [1.0]})
    >>> measured = iscat.measure_contrasts(landings, trace, batch_size=20)
    >>> float(measured.loc[0, "intersection_contrast"].round(3))
    1.0
    """
    require_columns(landings, "landing", "frame", "contrast")
    require_columns(traces, "landing", "frame", "contrast")
    groups = {landing: trace for landing, trace in traces.groupby("landing")}  # noqa: C416
    rows = np.full((len(landings), 3), np.nan)
    columns = (landings[name].to_numpy() for name in ("landing", "frame", "contrast"))
    for row, (landing, peak, contrast) in enumerate(zip(*columns, strict=True)):
        if landing in groups:
            time = groups[landing]["frame"].to_numpy(np.float64) - float(peak)
            trace = groups[landing]["contrast"].to_numpy(np.float64)
            seen = np.isfinite(trace)
            sign = -1.0 if contrast < 0 else 1.0
            rows[row] = sign * _contrasts(time[seen], sign * trace[seen], batch_size)
    out = landings.reset_index(drop=True).copy()
    out[list(CONTRAST_COLUMNS)] = rows
    return out


@stage(
    "Contrast histogram",
    menu="measure",
    methods="Landings were counted by the absolute value of their contrast",
)
def contrast_histogram(
    landings: pd.DataFrame,
    *,
    column: Literal[
        "contrast", "peak_contrast", "intersection_contrast", "prominence_contrast"
    ] = "contrast",
    bins: Annotated[int, Ge(1)] = 12,
    largest: Annotated[float, Gt(0), Unit("contrast")] = 9e-3,
) -> pd.DataFrame:
    """Count landings by the absolute value of their contrast.

    Parameters
    ----------
    landings
        Landings with the column.
    column
        Contrast to use.
    bins
        Number of bins from 0 to ``largest``.
    largest
        Landings of larger contrast are ignored.

    Returns
    -------
    pandas.DataFrame
        For each bin ``low, high`` (absolute contrast; the last bin includes its upper edge) and the
        numbers of ``bright`` (positive), ``dark`` (negative) and of ``all`` landings.

    Raises
    ------
    BadValueError
        If the column is missing, or a parameter is outside its limits.

    Examples
    --------
    >>> import pandas as pd
    >>> from napari_uai import iscat
    >>> landings = pd.DataFrame({"contrast": [0.001, -0.001, 0.004]})
    >>> iscat.contrast_histogram(landings, bins=2, largest=0.005)
          low    high  bright  dark  all
    0  0.0000  0.0025       1     1    2
    1  0.0025  0.0050       1     0    1
    """
    require_columns(landings, column)
    values = landings[column].to_numpy(np.float64)
    values = values[np.isfinite(values)]
    edges = np.linspace(0, largest, bins + 1)
    bright = np.histogram(values[values > 0], edges)[0]
    dark = np.histogram(-values[values < 0], edges)[0]
    return pd.DataFrame(
        {"low": edges[:-1], "high": edges[1:], "bright": bright, "dark": dark, "all": bright + dark}
    )


def _contrasts(time: Floats, trace: Floats, batch_size: int) -> Floats:
    """Peak, intersection and prominence of a trace whose peak is positive and near time 0."""
    from scipy.signal import find_peaks, peak_prominences, savgol_filter

    contrasts = np.full(3, np.nan)
    contrasts[1] = _intersection(time, trace, batch_size)
    near = np.flatnonzero(np.abs(time) <= batch_size / 2)
    if near.size == 0:
        return contrasts
    window = round(SMOOTHING * len(trace)) | 1
    smooth = savgol_filter(trace, window, 3) if window > 3 else trace
    top = near[np.argmax(smooth[near])]
    contrasts[0] = smooth[top]
    if top in find_peaks(smooth)[0]:
        contrasts[2] = peak_prominences(smooth, [top])[0][0]
    return contrasts


def _intersection(time: Floats, trace: Floats, batch_size: int) -> float:
    """Height of the intersection of lines through both flanks; NaN if it is not near the peak."""
    lines = []
    for side in (-1, 1):
        flank = (side * time >= batch_size / 10) & (side * time <= batch_size)
        if flank.sum() < 2:
            return np.nan
        lines.append(np.polyfit(time[flank], trace[flank], 1))
    (rise, left), (fall, right) = lines
    if rise <= fall:
        return np.nan
    meeting = (right - left) / (rise - fall)
    return float(left + rise * meeting) if abs(meeting) <= batch_size / 2 else np.nan
