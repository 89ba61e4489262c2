"""Mean squared displacement of trajectories, with errors, and the anomalous exponent."""

from __future__ import annotations

from typing import Annotated, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
from annotated_types import Ge, Unit

from napari_uai.iscat.kernels.diffusion import displacement_covariance, squared_displacements
from napari_uai.iscat.measure.covariance_estimator import CovarianceEstimate, covariance_estimate
from napari_uai.iscat.measure.trajectories import (
    SHORTEST,
    Exposure,
    FrameRate,
    MinLength,
    PixelSize,
    Scale,
    Trajectory,
    trajectories_of,
)
from napari_uai.monitor import SILENT, Monitor
from napari_uai.stages import stage
from napari_uai.typing import Floats

MaxLag: TypeAlias = Annotated[int, Ge(1), Unit("frames")]
"""Largest lag of mean squared displacements."""

LAG_SHARE = 4
"""Smallest ratio of a trajectory's frames to a lag: beyond it, few pairs are independent."""

LEAST_LAGS = 4
"""Lags that an exponent needs: it is one of three parameters."""

_EXPONENTS = np.linspace(0.02, 3.0, 150)


@stage(
    "Mean squared displacement",
    menu="track",
    methods="The mean squared displacement of each trajectory was averaged over all pairs of its "
    "spots",
)
def mean_squared_displacement(
    table: pd.DataFrame,
    *,
    max_lag: MaxLag = 10,
    pixel_size_um: PixelSize = None,
    frame_rate_hz: FrameRate = None,
    exposure: Exposure = 1.0,
    min_length: MinLength = SHORTEST,
    monitor: Monitor = SILENT,
) -> pd.DataFrame:
    """Average the squared displacements of each trajectory over all pairs of spots a lag apart.

    Errors are those that free diffusion with the estimated diffusion constant and localisation
    would have [1]_ [2]_: pairs overlap, so that their scatter does not show it. Values of nearby
    lags share most of their error.

    Parameters
    ----------
    table
        Linked spots with ``particle, frame, y, x``, as from
        :func:`~napari_uai.iscat.link_spots`, with or without the columns of a fit.
    max_lag
        Largest lag, in frames; at most a quarter of the frames of a trajectory.
    pixel_size_um
        Size of a pixel in the sample; None if unknown.
    frame_rate_hz
        Frame rate; None if unknown.
    exposure
        Share of the time from frame to frame in which the camera collects light.
    min_length
        Smallest number of spots of a trajectory; shorter ones are skipped, and their number is a
        warning.
    monitor
        Progress and cancellation, once per trajectory.

    Returns
    -------
    pandas.DataFrame
        One row per particle and lag: ``particle``, ``lag_frames``, and ``lag_s``, ``msd_um2``,
        ``msd_error_um2`` if both pixel size and frame rate are known, else ``msd_px2``,
        ``msd_error_px2``; ``pairs``, the number of pairs. It is the sum over both axes.

    Raises
    ------
    BadValueError
        If a column is missing, a particle has two spots in a frame, or a parameter is outside its
        limits.

    References
    ----------
    .. [1] Qian, Sheetz & Elson, Biophys. J. 60, 910 (1991), doi:10.1016/S0006-3495(91)82125-7.
    .. [2] Michalet, Phys. Rev. E 82, 041914 (2010), doi:10.1103/PhysRevE.82.041914.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from napari_uai import iscat
    >>> line = np.arange(40.0)
    >>> spots = pd.DataFrame({"particle": 0, "frame": np.arange(40), "y": 0 * line, "x": line})
    >>> iscat.mean_squared_displacement(spots, max_lag=3)["msd_px2"].tolist()
    [1.0, 4.0, 9.0]
    """
    scale = Scale.of(pixel_size_um, frame_rate_hz)
    parts = []
    tracks = list(trajectories_of(table, min_length))
    for i, track in enumerate(tracks):
        monitor.update(i / len(tracks))
        curve = displacements_of(track, max_lag, covariance_estimate(track, exposure))
        particle = np.full(len(curve.lags), track.particle)
        parts.append(np.column_stack([particle, curve.lags, curve.msd, curve.errors, curve.pairs]))
    rows = np.concatenate([np.empty((0, 5)), *parts])
    out = pd.DataFrame({"particle": rows[:, 0].astype(np.int64)})
    out["lag_frames"] = rows[:, 1].astype(np.int64)
    if scale.known:
        out["lag_s"] = rows[:, 1] / scale.rate
    out[f"msd_{scale.area_unit}"] = rows[:, 2] * scale.length**2
    out[f"msd_error_{scale.area_unit}"] = rows[:, 3] * scale.length**2
    out["pairs"] = rows[:, 4].astype(np.int64)
    return out


def mean_over_particles(table: pd.DataFrame) -> pd.DataFrame:
    """Average the mean squared displacements of particles, weighted by their pairs.

    Parameters
    ----------
    table
        As :func:`mean_squared_displacement` returns it.

    Returns
    -------
    pandas.DataFrame
        One row per lag: ``lag``, ``msd`` and its standard error ``error``, in the units of the
        table (s and µm² if it has them).
    """
    lag, area = ("lag_s", "um2") if "lag_s" in table.columns else ("lag_frames", "px2")
    pairs = table["pairs"]
    weighted = pd.DataFrame(
        {
            "lag": table[lag],
            "pairs": pairs,
            "total": table[f"msd_{area}"] * pairs,
            "squares": (table[f"msd_error_{area}"] * pairs) ** 2,
        }
    )
    sums = weighted.groupby("lag").sum()
    error = np.sqrt(sums["squares"]) / sums["pairs"]
    return pd.DataFrame({"msd": sums["total"] / sums["pairs"], "error": error}).reset_index()


def free_diffusion(mean: pd.DataFrame, diffusion: float) -> Floats:
    """Return the line of free diffusion with the constant that fits a mean best.

    The constant is that of localisation and blur.

    Parameters
    ----------
    mean
        As :func:`mean_over_particles` returns it.
    diffusion
        Diffusion constant, in the units of ``mean``.

    Returns
    -------
    numpy.ndarray
        ``4 * diffusion * lag + constant`` at each lag.
    """
    line = 4 * diffusion * mean["lag"].to_numpy(float)
    weights = 1 / mean["error"].to_numpy(float) ** 2
    return line + float(np.average(mean["msd"].to_numpy(float) - line, weights=weights))


class DisplacementCurve(NamedTuple):
    """Mean squared displacement of one trajectory, in px and frames.

    Attributes
    ----------
    lags
        (n,): lags with at least one pair of spots, ascending.
    msd
        (n,): mean squared displacement, the sum over both axes.
    covariance
        (n, n): of these values, for free diffusion.
    pairs
        (n,): number of pairs.
    """

    lags: Floats
    msd: Floats
    covariance: Floats
    pairs: Floats

    @property
    def errors(self) -> Floats:
        """Standard errors, (n,)."""
        return np.sqrt(np.diag(self.covariance))


def displacements_of(
    track: Trajectory, max_lag: int, estimate: CovarianceEstimate
) -> DisplacementCurve:
    """Return the mean squared displacement of a trajectory.

    Parameters
    ----------
    track
        Trajectory.
    max_lag
        Largest lag; at most a quarter of the frames of the trajectory, but at least 1.
    estimate
        Of the trajectory; errors are those of free diffusion with its values.
    """
    span = int(track.frames[-1] - track.frames[0])
    longest = max(1, min(max_lag, span // LAG_SHARE))
    msd, pairs = squared_displacements(track.frames, track.places, longest)
    diffusion = max(estimate.diffusion, 0.0)
    covariance = displacement_covariance(pairs, diffusion, estimate.offset, 2)
    seen = np.flatnonzero(pairs)
    lags = np.arange(1.0, longest + 1)[seen]
    return DisplacementCurve(lags, msd[seen], covariance[np.ix_(seen, seen)], pairs[seen])


def anomalous_exponent(curve: DisplacementCurve) -> tuple[float, float]:
    """Fit ``A lag^alpha + B`` to a mean squared displacement.

    B takes up localisation and blur. Weights are the inverse covariance of the values, so that
    those of neighbouring lags, which share most of their error, do not count twice.

    Parameters
    ----------
    curve
        Mean squared displacement.

    Returns
    -------
    tuple of float
        alpha and its standard error for free diffusion; NaN with fewer than four lags, or where
        the fit has no minimum between 0 and 3.
    """
    unknown = float("nan"), float("nan")
    if len(curve.lags) < LEAST_LAGS:
        return unknown
    try:
        root = np.linalg.cholesky(curve.covariance)
    except np.linalg.LinAlgError:
        return unknown
    powers = curve.lags[:, None] ** _EXPONENTS
    white = np.linalg.solve(root, np.column_stack([curve.msd, np.ones(len(curve.lags)), powers]))
    msd, ones, powers = white[:, 0], white[:, 1] / np.linalg.norm(white[:, 1]), white[:, 2:]
    msd = msd - ones * (ones @ msd)
    powers = powers - ones[:, None] * (ones @ powers)
    overlap = np.maximum(msd @ powers, 0) ** 2 / np.maximum((powers**2).sum(axis=0), 1e-300)
    best = int(np.argmax(overlap))
    if not 0 < best < len(_EXPONENTS) - 1:
        return unknown
    around = overlap[best - 1 : best + 2]
    bend = around[0] - 2 * around[1] + around[2]
    shift = 0.5 * (around[0] - around[2]) / bend if bend < 0 else 0.0
    alpha = float(_EXPONENTS[best] + shift * (_EXPONENTS[1] - _EXPONENTS[0]))
    height = float(msd @ powers[:, best] / (powers[:, best] @ powers[:, best]))
    power = curve.lags**alpha
    slopes = np.column_stack([height * power * np.log(curve.lags), power, np.ones(len(power))])
    design = np.linalg.solve(root, slopes)
    return alpha, float(np.sqrt(np.linalg.pinv(design.T @ design)[0, 0]))
