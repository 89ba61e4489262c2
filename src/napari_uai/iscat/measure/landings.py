"""Landings: tracks of spots whose contrast rises and falls as the V of a particle that stays.

In a differential rolling average of batch size L, a particle that lands and stays appears as a
triangle of half-width L in time: it peaks where the second batch begins with the landing.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
import pandas as pd
from annotated_types import Ge, Unit
from scipy.spatial import KDTree

from napari_uai.iscat.measure.amplitudes import amplitude_noise, traces_at
from napari_uai.iscat.measure.linking import spot_places
from napari_uai.iscat.parameters import BatchSize, SigmaPx
from napari_uai.iscat.tables import (
    LANDING_COLUMNS,
    OK,
    WHOLE,
    check_inside,
    empty_landings,
    landing_ids,
    require_columns,
)
from napari_uai.monitor import SILENT, Monitor
from napari_uai.parameters import checked
from napari_uai.stages import stage
from napari_uai.typing import Floats
from napari_uai.videos.frames import Video, frames_of
from napari_uai.videos.sampling import spread_frames

NEAR = 2 * np.sqrt(2)
"""Distance, in sigma, within which two simultaneous events are the same."""


@stage(
    "Landings from tracks",
    menu="track",
    methods="Time and contrast of each landing were determined by a least-squares fit of a "
    "triangle, two batches wide, to the contrast at the centre of its track",
)
def landings_from_tracks(
    table: pd.DataFrame,
    video: Video,
    *,
    batch_size: BatchSize = 500,
    min_length: Annotated[int, Ge(1), Unit("spots")] = 10,
    monitor: Monitor = SILENT,
) -> pd.DataFrame:
    """Measure when, where and with what contrast the particle of each track landed.

    The contrast at the centre of a track (:func:`contrast_traces`) is compared with a triangle of
    half-width ``batch_size``: the amplitude is determined by least squares for every time within
    half a batch of the track, and the time whose triangle explains most of the trace is selected.
    Of landings of one sign within half a batch and ``2 sqrt(2) sigma`` of each other (pieces of one
    track), the most significant is kept. Positions and counts come from :func:`assign_spots` and
    :func:`combine_places`.

    Parameters
    ----------
    table
        Spots with ``y, x, frame, center_intensity, sigma, particle``, preferably with fits.
    video
        The differential rolling average in which they were detected.
    batch_size
        Frames per batch of that rolling average.
    min_length
        Tracks with fewer spots are ignored.
    monitor
        Progress and cancellation, once per block of frames.

    Returns
    -------
    pandas.DataFrame
        ``landing`` (from 0), ``frame`` (of the peak, in ``video``), ``y, x`` (px), ``contrast``
        (signed), ``score`` (contrast over its standard error), ``n_localizations``, and the
        standard errors ``contrast_error, y_error, x_error, frame_error``; highest score first.
        Errors assume white noise in the recording: the amplitude of the triangle has 3/4 of the
        variance of one frame of the rolling average, its time an error of ``batch_size / (sqrt(3)
        signal-to-noise of one frame)``.

    Raises
    ------
    BadValueError
        If a column is missing, a parameter is outside its limits, or a spot is outside the video.

    Warnings
    --------
    The number of landings that are due to chance is not estimated.

    Standard errors assume white noise: they exclude fluctuations of the background and errors of
    the point-spread function.

    Particles are assumed to appear within a few frames and to stay at one place for at least a
    batch.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from napari_uai import iscat
    >>> y, x = np.mgrid[:24, :24]
    >>> spot = np.exp(-((y - 12) ** 2 + (x - 9) ** 2) / (2 * 1.7**2))
    >>> v = np.maximum(1 - abs(np.arange(60) - 30) / 20, 0)
    >>> video = 0.01 * v[:, None, None] * spot
    >>> video += 1e-4 * np.random.default_rng(0).normal(size=video.shape)
    >>> frame = np.arange(20, 41)
    >>> track = pd.DataFrame({"y": 12, "x": 9, "frame": frame, "sigma": 1.7, "particle": 0})
    >>> track["center_intensity"] = video[frame, 12, 9]
    >>> landings = iscat.landings_from_tracks(track, video, batch_size=20)
    >>> landings.loc[0, ["frame", "y", "x", "contrast"]].astype(float).round(3).tolist()
    [30.0, 12.0, 9.0, 0.01]
    """
    require_columns(table, "y", "x", "frame", "center_intensity", "sigma", "particle")
    frames = frames_of(video)
    tracks = _tracks(table, min_length)
    if tracks.empty:
        return empty_landings()
    for edge in ("first", "last"):
        check_inside(tracks.assign(frame=tracks[edge]), frames.shape)
    sigma = float(table["sigma"].median())
    low = np.maximum(tracks["first"].to_numpy(np.int64) - batch_size // 2, 0)
    high = np.minimum(tracks["last"].to_numpy(np.int64) + batch_size // 2, len(frames) - 1)
    places = tracks[["y", "x"]].to_numpy(np.float64)
    first, stop = np.maximum(low - batch_size, 0), np.minimum(high + batch_size + 1, len(frames))
    traces = traces_at(frames, places, first, stop, sigma, monitor)
    noise = amplitude_noise(video, sigma_px=sigma)
    peaks = [
        _fit_triangle(trace, a - f, b - f, sign, batch_size)
        for trace, f, a, b, sign in zip(traces, first, low, high, tracks["sign"], strict=True)
    ]
    time, contrast, share = np.array(peaks).T
    error = noise * np.sqrt(0.75 / share)
    events = pd.DataFrame(
        {
            "frame": first + time.astype(np.int64),
            "y": places[:, 0],
            "x": places[:, 1],
            "contrast": contrast,
            "score": np.abs(contrast) / error,
            "contrast_error": error,
            "frame_error": batch_size * noise / np.sqrt(3) / np.maximum(np.abs(contrast), 1e-300),
        }
    )
    events = events[np.isfinite(contrast) & (contrast != 0)]
    events = _one_per_place(events, batch_size, sigma)
    spots = assign_spots(table, events, batch_size=batch_size)
    return combine_places(events, spots, batch_size=batch_size, sigma_px=sigma, own_error_px=0.3)


@stage(
    "Assign spots to landings",
    menu="track",
    methods="Each spot was assigned to the nearest landing of its sign in place and time",
)
def assign_spots(
    table: pd.DataFrame, landings: pd.DataFrame, *, batch_size: BatchSize = 500
) -> pd.DataFrame:
    """Assign each spot to a landing.

    A spot belongs to the nearest landing of its sign whose peak is less than one batch away in time
    and whose position is within ``2 sqrt(2) sigma``.

    Parameters
    ----------
    table
        Spots with ``y, x, frame, center_intensity, sigma``, preferably with fits.
    landings
        Landings with ``frame, y, x, contrast`` and, unless they are numbered by their order,
        ``landing``.
    batch_size
        Frames per batch of the rolling average.

    Returns
    -------
    pandas.DataFrame
        The rows of ``table`` in their order with the column ``landing``, -1 where there is none.

    Raises
    ------
    BadValueError
        If a column is missing, or ``batch_size`` is less than 1.

    Examples
    --------
    >>> import pandas as pd
    >>> from napari_uai import iscat
    >>> spots = pd.DataFrame({"y": [5.0, 20.0], "x": 5.0, "frame": 90, "sigma": 1.7})
    >>> spots["center_intensity"] = 0.002
    >>> landings = pd.DataFrame({"frame": [100], "y": [5.5], "x": [5.0], "contrast": [0.003]})
    >>> iscat.assign_spots(spots, landings, batch_size=20)["landing"].tolist()
    [0, -1]
    """
    require_columns(table, "y", "x", "frame", "center_intensity", "sigma")
    require_columns(landings, "frame", "y", "x", "contrast")
    out = table.reset_index(drop=True).copy()
    out["landing"] = np.full(len(out), -1, np.int64)
    if out.empty or landings.empty:
        return out
    places, sigma = spot_places(out), out["sigma"].to_numpy(np.float64)
    frame, intensity = out["frame"].to_numpy(np.int64), out["center_intensity"].to_numpy(float)
    tree = KDTree(places)
    nearest, owner = np.full(len(out), np.inf), np.full(len(out), -1, np.int64)
    ids = landing_ids(landings)
    centres = landings[["y", "x"]].to_numpy(np.float64)
    around = tree.query_ball_point(centres, NEAR * float(sigma.max()))
    peaks, contrasts = landings["frame"].to_numpy(np.int64), landings["contrast"].to_numpy(float)
    for k, rows in enumerate(around):
        near = np.array(rows, np.int64)
        distance = np.hypot(*(places[near] - centres[k]).T)
        fits = (distance <= NEAR * sigma[near]) & (np.abs(frame[near] - peaks[k]) < batch_size)
        fits &= (intensity[near] * contrasts[k] > 0) & (distance < nearest[near])
        nearest[near[fits]], owner[near[fits]] = distance[fits], ids[k]
    out["landing"] = owner
    return out


@checked
def combine_places(
    events: pd.DataFrame,
    localizations: pd.DataFrame,
    *,
    batch_size: BatchSize = 500,
    sigma_px: SigmaPx = 1.7,
    own_error_px: Annotated[float, Ge(0), Unit("px")] = 0.0,
    move: bool = True,
) -> pd.DataFrame:
    """Combine the position of each event with those of the Gaussian fits that belong to it.

    Fits are used if they succeeded within ``2 sqrt(2) sigma_px`` of the event. Their mean is
    weighted by inverse variances; its error takes into account that frames of a rolling average
    share noise (for white noise the correlation decreases linearly from 1 to -1/2 at one batch, and
    returns to 0 at two). It is then averaged with the position of the event itself by inverse
    variances. The smaller of the two errors is reported, because both derive from the same frames.
    Without fits the event's position is kept.

    Parameters
    ----------
    events
        ``frame, y, x, contrast, score`` and, unless they are numbered by their order, ``landing``.
        Errors (``y_error, x_error, contrast_error, frame_error``) are used if present.
    localizations
        Fitted spots with ``landing``.
    batch_size
        Frames per batch of the rolling average.
    sigma_px
        Standard deviation of the point-spread function. Where events have no position errors,
        ``sqrt(2) sigma_px / score`` is used, the lower bound for that score.
    own_error_px
        Added to that bound in quadrature.
    move
        Whether positions are averaged with those of the fits; otherwise fits are only counted.

    Returns
    -------
    pandas.DataFrame
        Landings, highest score first, with :data:`LANDING_COLUMNS`, then the other columns of
        ``events``. ``n_localizations`` counts the fits, or the spots where there are no fits.

    Raises
    ------
    BadValueError
        If a column is missing, or a parameter is outside its limits.
    """
    require_columns(events, "frame", "y", "x", "contrast", "score")
    require_columns(localizations, "landing", "frame")
    out = events.reset_index(drop=True).copy()
    out["landing"] = landing_ids(events)
    score = np.maximum(out["score"].to_numpy(np.float64), 1e-300)
    own = np.sqrt(2 * (sigma_px / score) ** 2 + own_error_px**2)
    defaults = {
        "y_error": own,
        "x_error": own,
        "contrast_error": np.abs(out["contrast"].to_numpy(np.float64)) / score,
        "frame_error": np.full(len(out), np.nan),
    }
    for name, values in defaults.items():
        if name not in out.columns:
            out[name] = values
    _add_fits(out, localizations, batch_size, NEAR * sigma_px, move=move)
    out = out.sort_values(["score", "frame"], ascending=[False, True], kind="stable")
    others = [name for name in out.columns if name not in LANDING_COLUMNS]
    types = {name: np.int64 if name in WHOLE else np.float64 for name in LANDING_COLUMNS}
    return out[[*LANDING_COLUMNS, *others]].astype(types).reset_index(drop=True)


def _add_fits(
    out: pd.DataFrame,
    localizations: pd.DataFrame,
    batch_size: int,
    reach_px: float,
    *,
    move: bool,
) -> None:
    """Count the fits of landings and move positions towards them, in place."""
    fitted = localizations
    if "status" in localizations.columns:
        fitted = _near_fits(out, localizations, reach_px)
    counts = fitted["landing"].value_counts()
    out["n_localizations"] = out["landing"].map(counts).fillna(0).astype(np.int64)
    if not move or "status" not in localizations.columns:
        return
    ids = out["landing"].to_numpy(np.int64)
    owner, frame = fitted["landing"].to_numpy(np.int64), fitted["frame"].to_numpy(np.float64)
    order = np.argsort(owner, kind="stable")
    starts = np.searchsorted(owner[order], ids)
    stops = np.searchsorted(owner[order], ids, side="right")
    for axis, column in (("y", "Y-Center"), ("x", "X-Center")):
        values = fitted[f"Fit_{column}"].to_numpy(np.float64)
        errors = fitted[f"Fit_errors_{column}"].to_numpy(np.float64)
        place = out[axis].to_numpy(np.float64, copy=True)
        own = out[f"{axis}_error"].to_numpy(np.float64, copy=True)
        for row in np.flatnonzero(stops > starts):
            rows = order[starts[row] : stops[row]]
            mean, error = _correlated_mean(frame[rows], values[rows], errors[rows], batch_size)
            weight = own[row] ** 2 / (own[row] ** 2 + error**2)
            place[row] += weight * (mean - place[row])
            own[row] = min(own[row], error)
        out[axis], out[f"{axis}_error"] = place, own


def _near_fits(out: pd.DataFrame, fits: pd.DataFrame, reach_px: float) -> pd.DataFrame:
    """Return the fits that succeeded near the position of their landing."""
    fits = fits[fits["status"] == OK]
    places = out.set_index("landing")[["y", "x"]].reindex(fits["landing"]).to_numpy(np.float64)
    centres = fits[["Fit_Y-Center", "Fit_X-Center"]].to_numpy(np.float64)
    near: pd.DataFrame = fits.loc[np.hypot(*(centres - places).T) <= reach_px]
    return near


MAX_FITS = 200


def _correlated_mean(
    frame: Floats, values: Floats, errors: Floats, batch_size: int
) -> tuple[float, float]:
    """Mean weighted by inverse variances, and its error with the noise that frames share."""
    if len(frame) > MAX_FITS:
        chosen = spread_frames(len(frame), MAX_FITS)
        frame, values, errors = frame[chosen], values[chosen], errors[chosen]
    weights = 1 / np.maximum(errors, 1e-9) ** 2
    weights /= weights.sum()
    lag = np.abs(frame[:, None] - frame) / batch_size
    correlation = np.interp(lag, [0, 1, 2], [1, -0.5, 0])
    share = weights * errors
    variance = float(share @ correlation @ share)
    return float(weights @ values), np.sqrt(max(variance, 0.0))


def _tracks(table: pd.DataFrame, min_length: int) -> pd.DataFrame:
    """One row per particle: median position, first and last frame, sign."""
    places = spot_places(table)
    frame = table["frame"].to_numpy(np.int64)
    spots = pd.DataFrame(
        {
            "particle": table["particle"].to_numpy(np.int64),
            "y": places[:, 0],
            "x": places[:, 1],
            "frame": frame,
            "intensity": table["center_intensity"].to_numpy(np.float64),
        }
    )
    counts = spots["particle"].map(spots["particle"].value_counts())
    groups = spots[counts >= min_length].groupby("particle")
    tracks = groups[["y", "x"]].median()
    tracks["first"] = groups["frame"].min()
    tracks["last"] = groups["frame"].max()
    tracks["sign"] = np.where(groups["intensity"].mean() < 0, -1.0, 1.0)
    return tracks


def _fit_triangle(
    trace: Floats, low: int, high: int, sign: float, batch_size: int
) -> tuple[float, float, float]:
    """Time and amplitude of the triangle that explains most of a trace, and the fraction observed.

    Of all peak times from low to high, only those with an amplitude of the given sign are
    considered.
    """
    from scipy.signal import fftconvolve

    triangle = 1 - np.abs(np.arange(1 - batch_size, batch_size)) / batch_size
    seen = np.isfinite(trace)
    overlap = fftconvolve(np.where(seen, trace, 0.0), triangle, mode="full")
    norm = fftconvolve(seen.astype(np.float64), triangle**2, mode="full")
    inside = slice(batch_size - 1 + low, batch_size + high)
    overlap, norm = sign * overlap[inside], np.maximum(norm[inside], 1e-9)
    best = int(np.argmax(np.maximum(overlap, 0) ** 2 / norm))
    share = norm[best] / (triangle**2).sum()
    return float(low + best), float(sign * max(overlap[best], 0) / norm[best]), float(share)


def _one_per_place(events: pd.DataFrame, batch_size: int, sigma: float) -> pd.DataFrame:
    """Of events of one sign that are close in time and space, keep the one of highest score."""
    events = events.sort_values(["score", "frame"], ascending=[False, True], ignore_index=True)
    if len(events) < 2:
        return events
    scaled = events[["y", "x", "frame"]].to_numpy(np.float64, copy=True)
    scaled[:, :2] /= NEAR * sigma
    scaled[:, 2] /= max(batch_size / 2, 1)
    sign = np.sign(events["contrast"].to_numpy(np.float64))
    keep = np.ones(len(events), bool)
    neighbours = KDTree(scaled).query_ball_point(scaled, np.sqrt(2))
    for row, rows in enumerate(neighbours):
        if not keep[row]:
            continue
        near = np.array([r for r in rows if r > row], np.int64)
        gap = np.abs(scaled[near] - scaled[row])
        same = (np.hypot(gap[:, 0], gap[:, 1]) <= 1) & (gap[:, 2] <= 1) & (sign[near] == sign[row])
        keep[near[same]] = False
    return events[keep].reset_index(drop=True)
