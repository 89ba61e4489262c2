"""Rate of landings against time and concentration, with the errors of counting."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from annotated_types import Ge, Unit

from napari_uai.errors import BadValueError
from napari_uai.iscat.measure.trajectories import FrameRate
from napari_uai.iscat.tables import require_columns
from napari_uai.stages import stage
from napari_uai.typing import Floats

CONFIDENCE = 0.95
"""Confidence of intervals of rates."""

TAKE_OFF = "takeoff"


@stage(
    "Landing rate",
    menu="measure",
    methods="Landings were counted in equal spans of time; intervals are exact ones of Poisson "
    "counts",
)
def landing_rate(
    landings: pd.DataFrame,
    *,
    bins: Annotated[int, Ge(1)] = 20,
    first_frame: Annotated[int, Unit("frames")] | None = None,
    last_frame: Annotated[int, Unit("frames")] | None = None,
    frame_rate_hz: FrameRate = None,
) -> pd.DataFrame:
    """Count landings in equal spans of time, and from the start.

    Parameters
    ----------
    landings
        With ``raw_frame`` or ``frame``; rows whose ``kind`` is ``takeoff`` are left out.
    bins
        Number of spans.
    first_frame, last_frame
        Frames between which landings could be found, both included; None: those of the first and
        the last landing, which makes rates too high by about one landing.
    frame_rate_hz
        Frame rate; None: rates are per frame.

    Returns
    -------
    pandas.DataFrame
        For each span ``first_frame, last_frame``, its middle ``time_s`` if the frame rate is known,
        ``landings``, ``rate_per_s`` with ``rate_low_per_s, rate_high_per_s`` (95 % interval, or
        ``per_frame``), and ``cumulative``, the landings until its end, with ``cumulative_low,
        cumulative_high``.

    Raises
    ------
    BadValueError
        If a column is missing, or the last frame is before the first.

    References
    ----------
    Garwood, Biometrika 28, 437 (1936), doi:10.1093/biomet/28.3-4.437.

    Examples
    --------
    >>> import pandas as pd
    >>> from napari_uai import iscat
    >>> landings = pd.DataFrame({"raw_frame": [3, 5, 150]})
    >>> found = iscat.landing_rate(landings, bins=2, first_frame=0, last_frame=199)
    >>> found[["landings", "rate_per_frame", "cumulative"]]
       landings  rate_per_frame  cumulative
    0         2            0.02           2
    1         1            0.01           3
    """
    column = "raw_frame" if "raw_frame" in landings.columns else "frame"
    require_columns(landings, column)
    if "kind" in landings.columns:
        landings = landings[landings["kind"] != TAKE_OFF]
    frames = landings[column].to_numpy(np.float64)
    first = float(frames.min(initial=np.inf)) if first_frame is None else first_frame
    last = float(frames.max(initial=-np.inf)) if last_frame is None else last_frame
    if not np.isfinite([first, last]).all():
        raise BadValueError("no landings: give the first and the last frame of the recording")
    if last < first:
        raise BadValueError(f"last_frame must be at least first_frame ({first:g}), got {last:g}")
    edges = np.linspace(first - 0.5, last + 0.5, bins + 1)
    counts = np.histogram(frames, edges)[0]
    low, high = poisson_interval(counts)
    until = counts.cumsum()
    until_low, until_high = poisson_interval(until)
    rate, unit = (1.0, "per_frame") if frame_rate_hz is None else (frame_rate_hz, "per_s")
    per = rate / np.diff(edges)
    out = pd.DataFrame(
        {
            "first_frame": np.ceil(edges[:-1]).astype(int),
            "last_frame": np.floor(edges[1:]).astype(int),
        }
    )
    if frame_rate_hz is not None:
        out["time_s"] = (edges[:-1] + edges[1:]) / 2 / frame_rate_hz
    return out.assign(
        landings=counts,
        **{f"rate_{unit}": counts * per},
        **{f"rate_low_{unit}": low * per, f"rate_high_{unit}": high * per},
        cumulative=until,
        cumulative_low=until_low,
        cumulative_high=until_high,
    )


def poisson_interval(counts: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Return the exact 95 % interval of the expectation of Poisson counts (Garwood 1936).

    Examples
    --------
    >>> low, high = poisson_interval([0, 10])
    >>> low.round(2), high.round(2)
    (array([0. , 4.8]), array([ 3.69, 18.39]))
    """
    from scipy.stats import chi2

    n = np.asarray(counts, np.float64)
    tail = (1 - CONFIDENCE) / 2
    low = np.where(n > 0, chi2.ppf(tail, 2 * np.maximum(n, 0.5)) / 2, 0.0)
    return np.asarray(low), np.asarray(chi2.isf(tail, 2 * (n + 1)) / 2)


class RateFit(NamedTuple):
    """Rate against concentration: ``background + slope * concentration``.

    Attributes
    ----------
    slope, slope_error
        Rate per unit of concentration, and its standard error.
    background, background_error
        Rate without particles, and its standard error.
    p_value
        Probability that counts scatter at least so much about the line by chance; NaN with two.
    """

    slope: float
    slope_error: float
    background: float
    background_error: float
    p_value: float


def fit_rates(
    counts: npt.ArrayLike, durations: npt.ArrayLike, concentrations: npt.ArrayLike
) -> RateFit:
    """Fit a line to rates of landings over concentrations, by the likelihood of Poisson counts.

    Parameters
    ----------
    counts
        Landings of each recording.
    durations
        Time over which they were counted, in any unit.
    concentrations
        Concentration in each recording, in any unit; not negative.

    Returns
    -------
    RateFit
        Slope and background, neither of them negative, per unit of time.

    Raises
    ------
    BadValueError
        If there are fewer than two different concentrations.

    Examples
    --------
    >>> fit = fit_rates([10, 20, 40], [100, 100, 100], [1, 2, 4])
    >>> round(fit.slope, 4), round(fit.background, 4)
    (0.1, 0.0)
    """
    from scipy.optimize import minimize
    from scipy.stats import chi2

    n, time, c = (np.asarray(each, np.float64) for each in (counts, durations, concentrations))
    if len(np.unique(c)) < 2:
        raise BadValueError("a line needs at least two different concentrations")
    unit = c.max()
    scale = max(n.sum() / np.sum(time), 1e-300)

    def loss(x: Floats) -> float:
        expected = time * scale * (x[0] * c / unit + x[1])
        return float(np.sum(expected - n * np.log(np.maximum(expected, 1e-300))))

    found = minimize(loss, (1.0, 0.1), method="Nelder-Mead", bounds=[(0, None)] * 2,
                     options={"xatol": 1e-7, "fatol": 1e-9, "maxiter": 4000})  # fmt: skip
    slope, background = found.x[0] * scale / unit, found.x[1] * scale
    expected = np.maximum(time * (slope * c + background), 1e-12)
    slopes = np.stack([time * c, time])
    errors = np.sqrt(np.diag(np.linalg.pinv((slopes / expected) @ slopes.T)))
    logs = np.where(n > 0, n * np.log(np.maximum(n, 1e-300) / expected), 0)
    deviance = 2 * np.sum(logs - n + expected)
    freedom = len(n) - 2
    p_value = float(chi2.sf(deviance, freedom)) if freedom else float("nan")
    return RateFit(float(slope), float(errors[0]), float(background), float(errors[1]), p_value)
