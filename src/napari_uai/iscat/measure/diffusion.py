"""Trajectories: diffusion constant, anomalous exponent, hydrodynamic size and contrast of each."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
from annotated_types import Gt, Unit
from scipy.constants import Boltzmann

from napari_uai.iscat.measure.covariance_estimator import (
    CovarianceEstimate,
    covariance_estimate,
    likely_interval,
)
from napari_uai.iscat.measure.displacements import MaxLag, anomalous_exponent, displacements_of
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
from napari_uai.iscat.tables import OK
from napari_uai.monitor import SILENT, Monitor
from napari_uai.stages import stage
from napari_uai.typing import Floats
from napari_uai.videos.sampling import robust_deviation

Temperature: TypeAlias = Annotated[float, Gt(0), Unit("K")]
"""Absolute temperature."""

Viscosity: TypeAlias = Annotated[float, Gt(0), Unit("mPa s")]
"""Dynamic viscosity."""

ROOM_TEMPERATURE_K = 298.15
WATER_MPA_S = 0.89
"""Viscosity of water at 25 degrees Celsius."""


@stage(
    "Diffusion constants",
    menu="track",
    methods="The diffusion constant and the localisation error of each trajectory were determined "
    "from the covariance of its displacements, corrected for motion blur, and its hydrodynamic "
    "diameter by the Stokes-Einstein relation",
)
def diffusion_constants(
    table: pd.DataFrame,
    *,
    pixel_size_um: PixelSize = None,
    frame_rate_hz: FrameRate = None,
    exposure: Exposure = 1.0,
    min_length: MinLength = SHORTEST,
    max_lag: MaxLag = 10,
    temperature_k: Temperature = ROOM_TEMPERATURE_K,
    viscosity_mpa_s: Viscosity = WATER_MPA_S,
    monitor: Monitor = SILENT,
) -> pd.DataFrame:
    """Determine how fast the particle of each trajectory diffuses, how large and how strong it is.

    The covariance-based estimator [1]_ separates diffusion from the error of localisation and from
    the blur of particles that move while the camera collects light. It is unbiased at any length;
    errors are those of free diffusion. The 95 % interval is that of the likelihood of the
    displacements [2]_, which short trajectories need: they scatter more to large values.

    Parameters
    ----------
    table
        Linked spots with ``particle, frame, y, x``, as from
        :func:`~napari_uai.iscat.link_spots`, with or without the columns of a fit.
    pixel_size_um
        Size of a pixel in the sample; None if unknown.
    frame_rate_hz
        Frame rate; None if unknown.
    exposure
        Share of the time from frame to frame in which the camera collects light.
    min_length
        Smallest number of spots of a trajectory; shorter ones are skipped, and their number is a
        warning.
    max_lag
        Largest lag of the mean squared displacement to which the exponent is fitted, in frames; at
        most a quarter of the frames of a trajectory.
    temperature_k
        Absolute temperature of the sample.
    viscosity_mpa_s
        Viscosity of the medium at that temperature; 0.89 mPa s is water at 25 degrees Celsius.
    monitor
        Progress and cancellation, once per trajectory.

    Returns
    -------
    pandas.DataFrame
        One row per particle: ``particle, first_frame, last_frame, n_spots``; ``y, x`` (mean
        position, px); ``diffusion_*`` with ``diffusion_error_*`` (standard error),
        ``diffusion_low_*, diffusion_high_*`` (95 % interval); ``localization_*`` and
        ``localization_error_*`` (standard deviation of the localisation along an axis); the
        anomalous ``exponent`` and ``exponent_error``; ``diameter_nm`` with ``_error_nm, _low_nm,
        _high_nm``; ``contrast`` (median) and ``contrast_error``. If both pixel size and frame rate
        are known, ``*`` is ``um2_per_s`` and ``um``, else ``px2_per_frame`` and ``px``, without
        diameters. A diffusion constant may be negative where a particle does not move; it then has
        no diameter.

    Raises
    ------
    BadValueError
        If a column is missing, a particle has two spots in a frame, or a parameter is outside its
        limits.

    Warnings
    --------
    Diameters are those of spheres far from any wall. Near a surface, and on it, particles diffuse
    more slowly, and appear larger.

    References
    ----------
    .. [1] Vestergaard, Blainey & Flyvbjerg, Phys. Rev. E 89, 022726 (2014),
       doi:10.1103/PhysRevE.89.022726.
    .. [2] Berglund, Phys. Rev. E 82, 011917 (2010), doi:10.1103/PhysRevE.82.011917.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from napari_uai import iscat
    >>> steps = np.random.default_rng(0).normal(0, 0.5, (2, 2000))  # D = 0.5^2 / 2
    >>> y, x = steps.cumsum(axis=1)
    >>> spots = pd.DataFrame({"particle": 0, "frame": np.arange(2000), "y": y, "x": x})
    >>> found = iscat.diffusion_constants(spots, exposure=0)
    >>> found["diffusion_px2_per_frame"].round(3).tolist()
    [0.124]
    """
    scale = Scale.of(pixel_size_um, frame_rate_hz)
    tracks = list(trajectories_of(table, min_length))
    contrasts = _contrasts(table)
    rows = []
    for i, track in enumerate(tracks):
        monitor.update(i / len(tracks))
        estimate = covariance_estimate(track, exposure)
        rows.append(
            {
                **_extent(track),
                **_in_units(estimate, likely_interval(track, exposure), scale),
                **_exponent(track, max_lag, estimate),
                **_median(contrasts[track.rows]),
            }
        )
    columns = _columns(scale)
    out = pd.DataFrame(rows, columns=columns)
    if scale.known:
        out = _with_diameters(out, temperature_k, viscosity_mpa_s)
    whole = ["particle", "first_frame", "last_frame", "n_spots"]
    kinds = {name: np.int64 if name in whole else np.float64 for name in out.columns}
    return out.astype(kinds)


def stokes_einstein_nm(
    diffusion_um2_per_s: npt.ArrayLike, temperature_k: float, viscosity_mpa_s: float
) -> Floats:
    """Return the diameter of spheres that diffuse freely, ``k T / (3 pi eta D)``.

    Parameters
    ----------
    diffusion_um2_per_s
        Diffusion constants; those that are not positive give NaN.
    temperature_k
        Absolute temperature.
    viscosity_mpa_s
        Viscosity.

    Returns
    -------
    numpy.ndarray
        Diameters in nm.

    Examples
    --------
    >>> stokes_einstein_nm(4.91, 298.15, 0.89).round(1)
    np.float64(99.9)
    """
    diffusion = np.asarray(diffusion_um2_per_s, np.float64)
    positive = np.where(diffusion > 0, diffusion, np.nan)
    force = Boltzmann * temperature_k / (3 * np.pi * viscosity_mpa_s * 1e-3)
    return np.asarray(force / (positive * 1e-12) * 1e9)


def _extent(track: Trajectory) -> dict[str, Any]:
    y, x = track.places.mean(axis=0)
    return {
        "particle": track.particle,
        "first_frame": int(track.frames[0]),
        "last_frame": int(track.frames[-1]),
        "n_spots": len(track.frames),
        "y": y,
        "x": x,
    }


def _columns(scale: Scale) -> list[str]:
    motion = [f"diffusion{part}_{scale.diffusion_unit}" for part in ("", "_error", "_low", "_high")]
    place = [f"localization{part}_{scale.length_unit}" for part in ("", "_error")]
    return [
        "particle", "first_frame", "last_frame", "n_spots", "y", "x", *motion, *place,
        "exponent", "exponent_error", "contrast", "contrast_error",
    ]  # fmt: skip


def _in_units(
    estimate: CovarianceEstimate, interval: tuple[float, float], scale: Scale
) -> dict[str, float]:
    motion = np.array([estimate.diffusion, estimate.diffusion_error, *interval]) * scale.diffusion
    deviation = np.sqrt(max(estimate.variance, 0.0))
    error = estimate.variance_error / (2 * deviation) if deviation else np.nan
    values = [*motion, deviation * scale.length, error * scale.length]
    return dict(zip(_columns(scale)[6:12], map(float, values), strict=True))


def _exponent(track: Trajectory, max_lag: int, estimate: CovarianceEstimate) -> dict[str, float]:
    exponent, error = anomalous_exponent(displacements_of(track, max_lag, estimate))
    return {"exponent": exponent, "exponent_error": error}


def _contrasts(table: pd.DataFrame) -> Floats:
    """Return the contrast of each spot: of its fit, or of its pixel if that failed."""
    if "center_intensity" in table.columns:
        seen = table["center_intensity"].to_numpy(np.float64)
    else:
        seen = np.full(len(table), np.nan)
    if not {"status", "Fit_Amplitude"} <= set(table.columns):
        return seen
    fitted = table["Fit_Amplitude"].to_numpy(np.float64)
    return np.where((table["status"] == OK).to_numpy(bool), fitted, seen)


def _median(values: Floats) -> dict[str, float]:
    """Return the median contrast and its standard error, for Gaussian noise."""
    values = values[np.isfinite(values)]
    if not len(values):
        return {"contrast": np.nan, "contrast_error": np.nan}
    error = np.sqrt(np.pi / 2 / len(values)) * robust_deviation(values)
    return {"contrast": float(np.median(values)), "contrast_error": float(error)}


def _with_diameters(table: pd.DataFrame, temperature_k: float, viscosity_mpa_s: float) -> Any:
    """Put the columns of diameters before those of contrasts."""
    value, error, low, high = (
        table[f"diffusion{part}_um2_per_s"].to_numpy(np.float64)
        for part in ("", "_error", "_low", "_high")
    )
    diameters = [
        stokes_einstein_nm(each, temperature_k, viscosity_mpa_s) for each in (value, high, low)
    ]
    relative = np.where(value > 0, error / np.where(value > 0, value, np.nan), np.nan)
    at = list(table.columns).index("contrast")
    columns = {
        "diameter_nm": diameters[0],
        "diameter_error_nm": diameters[0] * relative,
        "diameter_low_nm": diameters[1],
        "diameter_high_nm": np.where(low > 0, diameters[2], np.inf),
    }
    for i, (name, values) in enumerate(columns.items()):
        table.insert(at + i, name, values)
    return table
