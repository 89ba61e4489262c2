"""Kernel density of masses, and the bandwidth of its kernel."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from annotated_types import Gt

from napari_uai.errors import BadValueError
from napari_uai.iscat.mass.mixtures import usable
from napari_uai.typing import Floats

BandwidthRule: TypeAlias = Literal["isj", "scott", "silverman"]
"""Improved Sheather-Jones, or a rule for one Gaussian."""

Bandwidth: TypeAlias = BandwidthRule | Annotated[float, Gt(0)]
"""A rule, or the bandwidth itself."""

_RULES = ("isj", "scott", "silverman")
_AT_ONCE = 2**20
_ISJ_BINS = 2**12
_ISJ_STAGES = 7


def kernel_density(
    values: npt.ArrayLike, at: npt.ArrayLike, *, bandwidth: Bandwidth = "isj"
) -> tuple[Floats, float]:
    """Estimate a density with a Gaussian kernel.

    Parameters
    ----------
    values
        Shape (n,), any unit. Values that are not finite are ignored.
    at
        Where to evaluate it, shape (m,).
    bandwidth
        Standard deviation of the kernel in the unit of the values, or a rule: ``isj`` (improved
        Sheather-Jones, which keeps peaks apart), ``scott`` or ``silverman`` (for a single Gaussian;
        they merge peaks).

    Returns
    -------
    tuple
        Density at the m places (integral 1), and the bandwidth. Where ``isj`` has no solution
        (few values), that of Silverman is used.

    Raises
    ------
    BadValueError
        If there are fewer than two different values, or the bandwidth is not accepted.

    References
    ----------
    Botev, Grotowski & Kroese, Ann. Stat. 38, 2916 (2010), doi:10.1214/10-AOS799; Silverman, Density
    Estimation (1986), doi:10.1201/9781315140919; Scott, Multivariate Density Estimation (1992),
    doi:10.1002/9780470316849.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai.iscat import mass
    >>> values = np.random.default_rng(0).normal(60, 4, 500)
    >>> density, bandwidth = mass.kernel_density(values, np.linspace(30, 90, 61))
    >>> round(float(density.sum()), 2)
    1.0
    """
    points, _ = usable(values, None)
    places = np.asarray(at, np.float64).ravel()
    width = _bandwidth(points, bandwidth)
    density = np.empty(len(places))
    block = max(1, _AT_ONCE // len(points))
    for start in range(0, len(places), block):
        scaled = (places[start : start + block, None] - points) / width
        density[start : start + block] = np.exp(-0.5 * scaled**2).sum(axis=1)
    return density / (len(points) * width * np.sqrt(2 * np.pi)), width


def _bandwidth(points: Floats, bandwidth: Bandwidth) -> float:
    if not isinstance(bandwidth, str):
        if not (np.isfinite(bandwidth) and bandwidth > 0):
            raise BadValueError(f"bandwidth must be above 0, got {bandwidth:g}")
        return float(bandwidth)
    if bandwidth not in _RULES:
        raise BadValueError(f"bandwidth must be a number or {', '.join(_RULES)}, got {bandwidth!r}")
    if len(np.unique(points)) < 2:
        raise BadValueError("a density needs at least two different values")
    if bandwidth == "isj":
        return _improved_sheather_jones(points) or _bandwidth(points, "silverman")
    from scipy.stats import gaussian_kde

    kde = gaussian_kde(points, bandwidth)
    return float(np.sqrt(kde.covariance[0, 0]))


def _improved_sheather_jones(points: Floats) -> float | None:
    """Return the bandwidth of Botev et al., or None if their equation has no solution.

    Ours, because that of KDEpy 1.1.12 is half as large: it scales the solution by the range of the
    values, not by that of the grid, which is twice as wide.
    """
    from scipy.fft import dct
    from scipy.optimize import brentq

    low, high = points.min(), points.max()
    margin = (high - low) / 2
    length = high - low + 2 * margin
    counts, _ = np.histogram(points, _ISJ_BINS, (low - margin, high + margin))
    squares = np.arange(1, _ISJ_BINS, dtype=np.float64) ** 2
    power = (dct(counts / len(points))[1:] / 2) ** 2
    n = len(np.unique(points))
    # Squared norm of a derivative of the density that diffusion has smoothed for a time.
    norm = partial(_norm, squares=squares, power=power)

    def excess(time: float) -> float:
        derivative = norm(_ISJ_STAGES, time)
        for order in range(_ISJ_STAGES - 1, 1, -1):
            if not derivative > 0:
                return np.nan  # smoothed to nothing
            odd = float(np.prod(np.arange(1.0, 2 * order, 2)))
            ratio = (1 + 0.5 ** (order + 0.5)) / 3 * 2 * odd / np.sqrt(2 * np.pi)
            derivative = norm(order, (ratio / (n * derivative)) ** (2 / (3 + 2 * order)))
        if not derivative > 0:
            return np.nan
        return float(time - (2 * n * np.sqrt(np.pi) * derivative) ** -0.4)

    # The smallest root: search upwards from where the time is too short.
    times = np.geomspace(1e-8, 0.1, 60)
    signs = np.array([excess(time) for time in times])
    crossings = np.flatnonzero((signs[:-1] < 0) & (signs[1:] >= 0))
    if not crossings.size:
        return None
    first = int(crossings[0])
    return float(np.sqrt(brentq(excess, times[first], times[first + 1])) * length)


def _norm(order: int, time: float, *, squares: Floats, power: Floats) -> float:
    decay = np.exp(order * np.log(squares) - squares * np.pi**2 * time)
    return float(2 * np.pi ** (2 * order) * (decay * power).sum())
