"""Kernel density of masses, and the bandwidth of its kernel."""

from __future__ import annotations

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
        from KDEpy.bw_selection import improved_sheather_jones

        try:
            return float(improved_sheather_jones(points[:, None]))
        except ValueError:  # no root: few values
            return _bandwidth(points, "silverman")
    from scipy.stats import gaussian_kde

    kde = gaussian_kde(points, bandwidth)
    return float(np.sqrt(kde.covariance[0, 0]))
