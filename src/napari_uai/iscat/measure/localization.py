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


@stage("Localise landings", menu="measure")
def localize_landings(
    events: pd.DataFrame,
    video: Video,
    *,
    batch_size: BatchSize = 500,
    sigma_px: SigmaPx = 1.7,
    every: Annotated[int, Ge(1), Unit("frames")] = 25,
    scale: Annotated[float, Gt(0)] = 5.0,
    monitor: Monitor = SILENT,
) -> pd.DataFrame:
    """Fit a Gaussian to each landing wherever its V exceeds half of its peak.

    These are the frames less than half a batch from the peak; one in ``every`` is fitted, the
    peak among them, because neighbours share nearly all of their noise.

    Parameters
    ----------
    events
        ``frame`` (of the V's peak, in ``video``), ``y, x`` (px), ``contrast`` and, unless their
        order counts, ``landing``.
    video
        A differential rolling average.
    batch_size
        Frames per batch of that rolling average.
    sigma_px
        Standard deviation of the point-spread function, where the fits start.
    every
        Frames from one fit to the next.
    scale
        Half width of the fits' window in units of ``sqrt(2) sigma_px``.
    monitor
        Progress and cancelling, once per block of frames.

    Returns
    -------
    pandas.DataFrame
        As :func:`~napari_uai.iscat.fit_spots` gives, with ``landing``. ``status`` is
        ``opposite sign`` or ``far from the landing`` (over ``2 sqrt(2) sigma_px``) where a
        fit succeeded and found something else; its figures are kept.

    Raises
    ------
    BadValueError
        If a column is missing, a parameter is out of its limits, or an event is outside the
        video (a peak may be up to a batch before its first or after its last frame).
    """
    require_columns(events, "frame", "y", "x", "contrast")
    if events.empty:
        return empty_fits().assign(landing=np.empty(0, np.int64))
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


@stage("Summarise landings", menu="track")
def summarize_landings(
    events: pd.DataFrame,
    localizations: pd.DataFrame,
    *,
    batch_size: BatchSize = 500,
    sigma_px: SigmaPx = 1.7,
) -> pd.DataFrame:
    """Join events with the fits of :func:`localize_landings` into the table of landings.

    Contrast, score and time are those of the events. So are the places if they come with errors,
    for then they were found in more frames than the fits; else they are averages of the events' and
    the fits', weighted by inverse variances
    (:func:`~napari_uai.iscat.measure.landings.combine_places`).

    Parameters
    ----------
    events
        ``frame, y, x, contrast, score`` and, unless their order counts, ``landing``; errors
        (``y_error`` and so on) are used if they are there.
    localizations
        Fits of these events; only those with status ``ok`` count.
    batch_size
        Frames per batch of the rolling average.
    sigma_px
        Standard deviation of the point-spread function.

    Returns
    -------
    pandas.DataFrame
        Landings, highest score first: ``landing, frame, y, x, contrast, score,
        n_localizations, contrast_error, y_error, x_error, frame_error``, then the other columns
        of ``events``.

    Raises
    ------
    BadValueError
        If a column is missing or a parameter is out of its limits.
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
    each_side = (batch_size - 1) // 2 // every
    steps = np.arange(-each_side, each_side + 1) * every
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
    spots["frame"] = spots.pop("peak") + np.tile(steps, len(events))
    spots = spots[spots["frame"].between(0, len(frames_of(video)) - 1)].reset_index(drop=True)
    spots["y"], spots["x"] = np.rint(spots["event_y"]), np.rint(spots["event_x"])
    spots["sigma"] = float(sigma_px)
    spots["center_intensity"] = np.nan
    return spots
