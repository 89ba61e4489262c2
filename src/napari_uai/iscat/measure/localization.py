"""Localisation of landings: Gaussian fits in the frames in which a landing stands out."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Unit

from napari_uai.iscat.measure.gaussian_fits import empty_fits, fit_spots
from napari_uai.iscat.measure.landings import NEAR, combine_places
from napari_uai.iscat.parameters import BatchSize, SigmaPx
from napari_uai.iscat.tables import OK, check_inside, landing_ids, require_columns
from napari_uai.monitor import SILENT, Monitor
from napari_uai.stages import stage
from napari_uai.videos.frames import Video, frames_of

OPPOSITE = "opposite sign"
FAR = "far from the landing"

FITS_PER_BATCH = 20


@stage(
    "Localise landings",
    menu="measure",
    methods="A Gaussian was fitted to each landing in frames of the rolling average in which its "
    "contrast exceeded half of its peak",
)
def localize_landings(
    events: pd.DataFrame,
    video: Video,
    *,
    batch_size: BatchSize = 500,
    sigma_px: SigmaPx = 1.7,
    every: Annotated[int, Ge(1), Unit("frames")] | None = None,
    scale: Annotated[float, Gt(0)] = 5.0,
    monitor: Monitor = SILENT,
) -> pd.DataFrame:
    """Fit a Gaussian to each landing wherever its V exceeds half of its peak.

    These are the frames less than half a batch from the peak; those whose number is a multiple of
    ``every`` are fitted, because neighbouring frames share nearly all of their noise.

    Parameters
    ----------
    events
        ``frame`` (of the peak, in ``video``), ``y, x`` (px), ``contrast`` and, unless they are
        numbered by their order, ``landing``.
    video
        A differential rolling average.
    batch_size
        Frames per batch of that rolling average.
    sigma_px
        Standard deviation of the point-spread function, the start value of the fits.
    every
        Frames from one fit to the next; by default a twentieth of a batch.
    scale
        Half width of the window of the fits in units of ``sqrt(2) sigma_px``.
    monitor
        Progress and cancellation, once per block of frames.

    Returns
    -------
    pandas.DataFrame
        As from :func:`~napari_uai.iscat.fit_spots`, with ``landing``. ``status`` is ``opposite
        sign`` or ``far from the landing`` (more than ``2 sqrt(2) sigma_px``) where a fit succeeded
        but found something else; its results are kept.

    Raises
    ------
    BadValueError
        If a column is missing, a parameter is outside its limits, or an event is outside the video
        (a peak may be up to a batch before its first or after its last frame).

    References
    ----------
    Mortensen et al., Nat. Methods 7, 377 (2010), doi:10.1038/nmeth.1447.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from napari_uai import iscat
    >>> y, x = np.mgrid[:24, :24]
    >>> spot = np.exp(-((y - 12.2) ** 2 + (x - 9.4) ** 2) / (2 * 1.7**2))
    >>> video = 0.01 * np.maximum(1 - abs(np.arange(60) - 30) / 20, 0)[:, None, None] * spot
    >>> events = pd.DataFrame({"frame": [30], "y": [12.0], "x": [9.0], "contrast": [0.01]})
    >>> fits = iscat.localize_landings(events, video, batch_size=20, every=5)
    >>> fits[["frame", "Fit_Y-Center", "Fit_X-Center"]].round(2)
       frame  Fit_Y-Center  Fit_X-Center
    0     25          12.2           9.4
    1     30          12.2           9.4
    2     35          12.2           9.4
    """
    require_columns(events, "frame", "y", "x", "contrast")
    if events.empty:
        return empty_fits().assign(landing=np.empty(0, np.int64))
    every = max(batch_size // FITS_PER_BATCH, 1) if every is None else every
    spots = _spots_of(events, video, batch_size, sigma_px, every)
    contrast = spots.pop("contrast").to_numpy(np.float64)
    fits = fit_spots(spots, video, scale=scale, monitor=monitor)
    ok = (fits["status"] == OK).to_numpy(bool)
    opposite = ok & (fits["Fit_Amplitude"].to_numpy(np.float64) * contrast < 0)
    dy = fits["Fit_Y-Center"].to_numpy(np.float64) - fits.pop("event_y").to_numpy(np.float64)
    dx = fits["Fit_X-Center"].to_numpy(np.float64) - fits.pop("event_x").to_numpy(np.float64)
    far = ok & ~opposite & (np.hypot(dy, dx) > NEAR * sigma_px)
    fits.loc[opposite, "status"] = OPPOSITE
    fits.loc[far, "status"] = FAR
    return fits


@stage(
    "Summarise landings",
    menu="track",
    methods="Contrast, time and score of each landing were those of its event; its position was "
    "that of the event or, where that had no error, the average with the fits, weighted "
    "by inverse variances",
)
def summarize_landings(
    events: pd.DataFrame,
    localizations: pd.DataFrame,
    *,
    batch_size: BatchSize = 500,
    sigma_px: SigmaPx = 1.7,
) -> pd.DataFrame:
    """Combine events with the fits of :func:`localize_landings` into the table of landings.

    Contrast, score and time are those of the events. So are the positions if they come with errors,
    because they are then based on more frames than the fits; otherwise they are averages of the
    events' and the fits', weighted by inverse variances
    (:func:`~napari_uai.iscat.measure.landings.combine_places`).

    Parameters
    ----------
    events
        ``frame, y, x, contrast, score`` and, unless they are numbered by their order, ``landing``;
        errors (``y_error`` and so on) are used if present.
    localizations
        Fits of these events; only those with status ``ok`` are used.
    batch_size
        Frames per batch of the rolling average.
    sigma_px
        Standard deviation of the point-spread function.

    Returns
    -------
    pandas.DataFrame
        Landings, highest score first: ``landing, frame, y, x, contrast, score, n_localizations,
        contrast_error, y_error, x_error, frame_error``, then the other columns of ``events``.

    Raises
    ------
    BadValueError
        If a column is missing, or a parameter is outside its limits.

    Examples
    --------
    >>> import pandas as pd
    >>> from napari_uai import iscat
    >>> events = pd.DataFrame(
    ...     {"frame": [30], "y": [12.1], "x": [9.3], "contrast": [0.01], "score": [10.0]}
    ... )
    >>> fits = pd.DataFrame({"landing": [0, 0, 0], "frame": [25, 30, 35]})
    >>> landings = iscat.summarize_landings(events, fits, batch_size=20)
    >>> landings[["frame", "contrast", "contrast_error", "n_localizations"]]
       frame  contrast  contrast_error  n_localizations
    0     30      0.01           0.001                3
    """
    require_columns(events, "frame", "y", "x", "contrast", "score")
    places = events[["y", "x"]].to_numpy(np.float64)
    whole = bool(len(events)) and bool((places == np.rint(places)).all())
    rounding = np.sqrt(1 / 12) if whole else 0.0
    return combine_places(
        events,
        localizations,
        batch_size=batch_size,
        sigma_px=sigma_px,
        own_error_px=rounding,
        move=not {"y_error", "x_error"} <= set(events.columns),
    )


def _spots_of(
    events: pd.DataFrame, video: Video, batch_size: int, sigma_px: float, every: int
) -> pd.DataFrame:
    """One row per event and frame to be fitted."""
    reach = (batch_size - 1) // 2
    steps = np.arange(-(reach // every) - 1, reach // every + 2) * every
    spots = pd.DataFrame(
        {
            "event_y": events["y"].to_numpy(np.float64),
            "event_x": events["x"].to_numpy(np.float64),
            "peak": events["frame"].to_numpy(np.int64),
            "contrast": events["contrast"].to_numpy(np.float64),
            "landing": landing_ids(events),
        }
    )
    check_inside(events, frames_of(video).shape, batch_size)
    spots = spots.loc[spots.index.repeat(len(steps))].reset_index(drop=True)
    peak = spots.pop("peak")
    spots["frame"] = peak // every * every + np.tile(steps, len(events))
    seen = spots["frame"].between(0, len(frames_of(video)) - 1)
    spots = spots[seen & ((spots["frame"] - peak).abs() <= reach)].reset_index(drop=True)
    spots["y"], spots["x"] = np.rint(spots["event_y"]), np.rint(spots["event_x"])
    spots["sigma"] = float(sigma_px)
    spots["center_intensity"] = np.nan
    return spots
