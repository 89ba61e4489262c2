"""Population of trajectories: distribution of their diffusion constants and sizes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, NamedTuple

import numpy as np
import pandas as pd
from annotated_types import Ge
from scipy.interpolate import CubicSpline

from napari_uai.errors import BadValueError
from napari_uai.iscat.kernels.diffusion import gridded_likelihood
from napari_uai.iscat.measure.covariance_estimator import (
    blur_coefficient,
    covariance_estimate,
    likelihood_drop,
)
from napari_uai.iscat.measure.diffusion import (
    ROOM_TEMPERATURE_K,
    WATER_MPA_S,
    Temperature,
    Viscosity,
    stokes_einstein_nm,
)
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

COARSE, FINE = 0.15, 0.02
"""Steps of ln D: likelihoods are computed at the coarse ones and interpolated between them."""

UNLIKE = 0.5
"""Standard deviation of the logarithm of localisation errors: particles differ in contrast."""


LEAST = 3
"""Trajectories from which the spread of a population is estimated."""

_LARGEST_SPREAD = 3.0
_GRID = (61, 41)


@stage(
    "Diffusion of the population",
    menu="track",
    methods="A log-normal distribution of diffusion constants was fitted to the displacements of "
    "all trajectories by maximum likelihood",
)
def diffusion_population(
    table: pd.DataFrame,
    *,
    pixel_size_um: PixelSize = None,
    frame_rate_hz: FrameRate = None,
    exposure: Exposure = 1.0,
    min_length: MinLength = SHORTEST,
    temperature_k: Temperature = ROOM_TEMPERATURE_K,
    viscosity_mpa_s: Viscosity = WATER_MPA_S,
    monitor: Monitor = SILENT,
) -> pd.DataFrame:
    """Estimate the median diffusion constant of all particles, and by how much they differ.

    The histogram of diffusion constants is wider than their distribution, because each is measured
    from few displacements. The likelihood of the displacements of each trajectory says how much it
    contributes [1]_: long ones most, and short ones only as much as they tell.

    Parameters
    ----------
    table
        Linked spots with ``particle, frame, y, x``, as from
        :func:`~napari_uai.iscat.link_spots`.
    pixel_size_um, frame_rate_hz, exposure, min_length, temperature_k, viscosity_mpa_s
        As in :func:`~napari_uai.iscat.diffusion_constants`.
    monitor
        Progress and cancellation, once per trajectory.

    Returns
    -------
    pandas.DataFrame
        One row: ``trajectories``, ``spots``; ``diffusion_*`` (median of the log-normal
        distribution) with ``diffusion_low_*, diffusion_high_*`` (95 % interval); ``spread``, the
        standard deviation of ln D, with ``spread_low, spread_high``; ``mean_*``, the mean of the
        diffusion constants weighted by the numbers of spots, with ``mean_error_*``;
        ``diameter_nm, diameter_low_nm, diameter_high_nm``, the median, if units are known. Values
        are NaN where there are no trajectories, and the spread with fewer than three.

    Raises
    ------
    BadValueError
        If a column is missing, a particle has two spots in a frame, or a parameter is outside its
        limits.

    References
    ----------
    .. [1] Walker, Meas. Sci. Technol. 23, 065605 (2012), doi:10.1088/0957-0233/23/6/065605.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from napari_uai import iscat
    >>> steps = np.random.default_rng(0).normal(0, 0.5, (20, 2, 50))  # D = 0.5^2 / 2
    >>> y, x = steps.cumsum(axis=2).transpose(1, 0, 2).reshape(2, -1)
    >>> particle, frame = np.divmod(np.arange(1000), 50)
    >>> spots = pd.DataFrame({"particle": particle, "frame": frame, "y": y, "x": x})
    >>> found = iscat.diffusion_population(spots, exposure=0)
    >>> found["diffusion_px2_per_frame"].round(1).tolist()
    [0.1]
    """
    scale = Scale.of(pixel_size_um, frame_rate_hz)
    tracks = [t for t in trajectories_of(table, min_length) if t.steps.any()]
    unit, factor = scale.diffusion_unit, scale.diffusion
    fit = _fit(tracks, exposure, monitor) if tracks else _UNKNOWN
    mean, mean_error = _weighted_mean(tracks, exposure)
    row = {
        "trajectories": len(tracks),
        "spots": sum(len(track.frames) for track in tracks),
        f"diffusion_{unit}": fit.median * factor,
        f"diffusion_low_{unit}": fit.median_low * factor,
        f"diffusion_high_{unit}": fit.median_high * factor,
        "spread": fit.spread,
        "spread_low": fit.spread_low,
        "spread_high": fit.spread_high,
        f"mean_{unit}": mean * factor,
        f"mean_error_{unit}": mean_error * factor,
    }
    if scale.known:
        ends = np.array([fit.median, fit.median_high, fit.median_low]) * factor
        names = ("diameter_nm", "diameter_low_nm", "diameter_high_nm")
        sizes = stokes_einstein_nm(ends, temperature_k, viscosity_mpa_s)
        row |= dict(zip(names, sizes, strict=True))
    return pd.DataFrame([row])


@stage(
    "Histogram of diffusion constants",
    menu="track",
    methods="Trajectories were counted by their diffusion constant, each with the weight of its "
    "number of spots",
)
def diffusion_histogram(
    trajectories: pd.DataFrame, *, bins_per_decade: Annotated[int, Ge(1)] = 8
) -> pd.DataFrame:
    """Count trajectories by their diffusion constant, and by their diameter.

    Parameters
    ----------
    trajectories
        As from :func:`~napari_uai.iscat.diffusion_constants`.
    bins_per_decade
        Number of bins per factor of ten.

    Returns
    -------
    pandas.DataFrame
        For each bin: ``low_*, high_*``, diffusion constants in the unit of the table;
        ``diameter_low_nm, diameter_high_nm`` if it has diameters; ``trajectories``, their number;
        ``share``, their share of all spots, so that particles count by how long they were seen; and
        ``share_error``, its standard error. Trajectories whose diffusion constant is not positive
        are in no bin, but in the total.

    Raises
    ------
    BadValueError
        If a column is missing, or ``bins_per_decade`` is less than 1.

    Examples
    --------
    >>> import pandas as pd
    >>> from napari_uai import iscat
    >>> found = pd.DataFrame({"n_spots": [10, 30], "diffusion_px2_per_frame": [0.2, 0.5]})
    >>> iscat.diffusion_histogram(found, bins_per_decade=2)[["trajectories", "share"]]
       trajectories  share
    0             1   0.25
    1             1   0.75
    """
    unit = diffusion_unit_of(trajectories)
    values = trajectories[f"diffusion_{unit}"].to_numpy(np.float64)
    weights = trajectories["n_spots"].to_numpy(np.float64)
    positive = values[values > 0]
    width = 1 / bins_per_decade
    if len(positive):
        first = np.floor(np.log10(positive.min()) / width)
        stop = np.floor(np.log10(positive.max()) / width) + 2
        edges = 10 ** (width * np.arange(first, stop))
    else:
        edges = np.zeros(1)
    rows = []
    for low, high in pairwise(edges):
        inside = (values >= low) & (values < high)
        share = weights[inside].sum() / weights.sum()
        error = np.sqrt(np.sum((weights * (inside - share)) ** 2)) / weights.sum()
        rows.append((low, high, int(inside.sum()), share, error))
    columns = [f"low_{unit}", f"high_{unit}", "trajectories", "share", "share_error"]
    out = pd.DataFrame(rows, columns=columns).astype({"trajectories": np.int64})
    if "diameter_nm" in trajectories.columns and len(positive):
        product = float(np.nanmedian(trajectories["diameter_nm"].to_numpy(np.float64) * values))
        out.insert(2, "diameter_low_nm", product / out[columns[1]])
        out.insert(3, "diameter_high_nm", product / out[columns[0]])
    return out


def diffusion_unit_of(table: pd.DataFrame) -> str:
    """Return the unit of the diffusion constants of a table, as in the names of its columns.

    Raises
    ------
    BadValueError
        If the table has none.
    """
    for scale in (Scale(known=True), Scale()):
        if {f"diffusion_{scale.diffusion_unit}", "n_spots"} <= set(table.columns):
            return scale.diffusion_unit
    raise BadValueError(
        "the table has no diffusion constants of trajectories; it has "
        f"{', '.join(map(str, table.columns))}"
    )


class _Fit(NamedTuple):
    """Log-normal distribution, in px and frames."""

    median: float
    median_low: float
    median_high: float
    spread: float
    spread_low: float
    spread_high: float


_UNKNOWN = _Fit(*[float("nan")] * 6)


def _fit(tracks: Sequence[Trajectory], exposure: float, monitor: Monitor) -> _Fit:
    """Fit a log-normal distribution to the likelihoods of all trajectories."""
    coarse = _coarse_grid(tracks, exposure)
    fine = np.arange(coarse[0], coarse[-1], FINE)
    likelihoods = np.empty((len(tracks), len(fine)))
    blur, localizations = blur_coefficient(exposure), _localizations(tracks, exposure)
    for i, track in enumerate(tracks):
        monitor.update(i / len(tracks))
        values = gridded_likelihood(track.steps, track.lags, blur, np.exp(coarse), *localizations)
        # A localisation of 0 and no diffusion have no likelihood at all.
        finite = np.maximum(values, values.max() - 1e4)
        smooth = CubicSpline(coarse, finite)(fine)
        likelihoods[i] = np.exp(smooth - smooth.max())
    if len(tracks) < LEAST:
        return _zoomed(likelihoods, fine, (FINE / 2, FINE / 2))
    return _zoomed(likelihoods, fine, (FINE / 2, _LARGEST_SPREAD))


def _localizations(tracks: Sequence[Trajectory], exposure: float) -> tuple[Floats, Floats]:
    """Return standard deviations of the localisation and their probabilities.

    They are around that of all trajectories together, because one short trajectory alone hardly
    tells its own.
    """
    variances = [covariance_estimate(track, exposure).variance for track in tracks]
    pooled = np.average(variances, weights=[len(track.frames) for track in tracks])
    if pooled <= 0:
        return np.zeros(1), np.ones(1)
    apart = np.linspace(-3, 3, 25)
    probability = np.exp(-0.5 * apart**2)
    return np.sqrt(pooled) * np.exp(UNLIKE * apart), probability / probability.sum()


def _coarse_grid(tracks: Sequence[Trajectory], exposure: float) -> Floats:
    """Return values of ln D that cover what the trajectories may have."""
    largest = max(float(np.sum(t.steps**2) / (4 * t.lags.sum())) for t in tracks)
    estimates = [covariance_estimate(t, exposure) for t in tracks]
    sure = [e.diffusion for e in estimates if e.diffusion > 2 * e.diffusion_error]
    smallest = max(min(sure, default=1e-3 * largest) / 20, 1e-6 * largest)
    low, high = np.log(smallest), np.log(8 * largest)
    return np.linspace(low, high, max(8, round((high - low) / COARSE)))


def _zoomed(likelihoods: Floats, grid: Floats, spreads: tuple[float, float]) -> _Fit:
    """Find the most likely centre and spread of ln D with their intervals, in three zooms."""
    centres = grid[0], grid[-1]
    lowest = spreads[0]
    drop = likelihood_drop(max(len(likelihoods), LEAST) - 1, len(likelihoods))
    for _ in range(3):
        mu = np.linspace(*centres, _GRID[0])
        ln_s = np.linspace(
            np.log(spreads[0]), np.log(spreads[1]), _GRID[1] if spreads[1] > spreads[0] else 1
        )
        logs = _log_likelihoods(likelihoods, grid, mu, np.exp(ln_s))
        near = np.argwhere(logs >= logs.max() - 2 * drop)
        (m0, s0), (m1, s1) = near.min(axis=0), near.max(axis=0)
        centres = mu[max(m0 - 1, 0)], mu[min(m1 + 1, len(mu) - 1)]
        ends = ln_s[max(s0 - 1, 0)], ln_s[min(s1 + 1, len(ln_s) - 1)]
        spreads = float(np.exp(ends[0])), float(np.exp(ends[1]))
    best, median = np.unravel_index(np.argmax(logs), logs.shape), np.exp(mu)
    of_mu = _within(median, logs.max(axis=1), drop)
    of_s = _within(np.exp(ln_s), logs.max(axis=0), drop)
    if len(ln_s) == 1:
        return _Fit(median[best[0]], of_mu[0], of_mu[-1], *_UNKNOWN[3:])
    least = 0.0 if of_s[0] <= lowest * (1 + 1e-9) else of_s[0]
    spread = 0.0 if best[1] == 0 and least == 0.0 else np.exp(ln_s[best[1]])
    return _Fit(median[best[0]], of_mu[0], of_mu[-1], spread, least, of_s[-1])


def _within(values: Floats, profile: Floats, drop: float) -> tuple[float, float]:
    """Return where a profile of the log likelihood crosses a drop from its maximum."""
    top = int(np.argmax(profile))
    ends = []
    for side in (slice(top, None, -1), slice(top, None)):
        x, y = values[side], profile[side] - profile[top] + drop
        out = np.flatnonzero(y < 0)
        if not len(out):
            ends.append(float(x[-1]))
            continue
        i = out[0]
        ends.append(float(x[i] + (x[i - 1] - x[i]) * y[i] / (y[i] - y[i - 1])))
    return ends[0], ends[1]


def _log_likelihoods(likelihoods: Floats, grid: Floats, mu: Floats, spreads: Floats) -> Floats:
    """Return the log likelihood of centres and spreads of ln D: (centres, spreads)."""
    out = np.empty((len(mu), len(spreads)))
    for j, spread in enumerate(spreads):
        density = np.exp(-0.5 * ((grid[:, None] - mu) / spread) ** 2)
        density /= np.maximum(density.sum(axis=0), 1e-300)
        out[:, j] = np.log(np.maximum(likelihoods @ density, 1e-300)).sum(axis=0)
    return out


def _weighted_mean(tracks: Sequence[Trajectory], exposure: float) -> tuple[float, float]:
    """Return the mean diffusion constant weighted by numbers of spots, and its standard error."""
    if not tracks:
        return float("nan"), float("nan")
    values = np.array([covariance_estimate(track, exposure).diffusion for track in tracks])
    weights = np.array([len(track.frames) for track in tracks], float)
    mean = float(np.average(values, weights=weights))
    error = np.sqrt(np.sum((weights * (values - mean)) ** 2)) / weights.sum()
    return mean, float(error) if len(tracks) > 1 else float("nan")
