"""Gaussian mixtures of masses or contrasts, the error of each measurement deconvolved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
from annotated_types import Ge, Gt, Le, Lt

from napari_uai.errors import BadValueError
from napari_uai.iscat.mass.mixture_kernel import COMMON, FREE, NONE, maximize, responsibilities
from napari_uai.monitor import SILENT, Monitor
from napari_uai.parameters import checked
from napari_uai.typing import Bools, Floats

Widths: TypeAlias = Literal["auto", "none", "common", "free"]
"""No width beyond the measurement errors, one for all components, one for each, or by BIC."""

_Row: TypeAlias = tuple[int, str, float, int, float]

WidthKind: TypeAlias = Literal["none", "common", "free"]

_KINDS = {"none": NONE, "common": COMMON, "free": FREE}

MOST_COMPONENTS = 20
"""Largest number of components."""

_STARTS = 10
_ROUGH_VALUES = 2000  # of more values, starts are tried on a part
_ROUGH, _COMPARED, _FINE, _RESAMPLED = 1e-2, 1e-5, 1e-8, 1e-4
"""Changes of the log-likelihood at which steps end: of all starts, of the best ones that are
compared with other mixtures, of the mixture that is chosen, and of bootstrap samples."""

_STEPS = 1000
_FINAL_STEPS = 20_000
_SMALLEST_WIDTH = 1e-3  # of the spread of all values; keeps components from shrinking to one value


@dataclass(frozen=True, eq=False)
class Mixture:
    """A mixture of Gaussians, in order of their means.

    Attributes
    ----------
    weights
        Share of each component, shape (K,); they add up to 1.
    means
        Mean of each component, shape (K,), in the unit of the values.
    widths
        Standard deviation of each component without the measurement errors, shape (K,).
    kind
        Of widths: ``none``, ``common`` or ``free``.
    n_values
        Number of values.
    log_likelihood
        Of the values.
    bic
        Bayesian information criterion; lower is better.
    selection
        ``components, widths, log_likelihood, parameters, bic`` of all mixtures that were compared,
        best first.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai.iscat import mass
    >>> rng = np.random.default_rng(0)
    >>> mixture = mass.fit_mixture(np.r_[rng.normal(20, 2, 200), rng.normal(60, 2, 100)])
    >>> len(mixture), mixture.means.round().tolist()
    (2, [20.0, 60.0])
    """

    weights: Floats
    means: Floats
    widths: Floats
    kind: WidthKind
    n_values: int
    log_likelihood: float
    bic: float
    selection: pd.DataFrame = field(repr=False)

    def __len__(self) -> int:
        return len(self.means)

    def density(self, values: npt.ArrayLike, noise: npt.ArrayLike = 0.0) -> Floats:
        """Return the density of each component, weights included.

        Parameters
        ----------
        values
            Where, shape (n,).
        noise
            Standard deviation of the measurement there, a number or shape (n,).

        Returns
        -------
        numpy.ndarray
            Shape (n, K); its sum over the components is the density of the mixture.
        """
        at = np.atleast_1d(np.asarray(values, np.float64))[:, None]
        error = np.atleast_1d(np.asarray(noise, np.float64))[:, None]
        deviation = np.maximum(np.hypot(self.widths, error), 1e-300)
        scaled = (at - self.means) / deviation
        density: Floats = self.weights * np.exp(-0.5 * scaled**2) / (deviation * np.sqrt(2 * np.pi))
        return density

    def memberships(self, values: npt.ArrayLike, noise: npt.ArrayLike = 0.0) -> Floats:
        """Return the probability that each value belongs to each component.

        Parameters
        ----------
        values
            Shape (n,).
        noise
            Their standard deviations, a number or shape (n,).

        Returns
        -------
        numpy.ndarray
            Shape (n, K); rows add up to 1.
        """
        at = np.atleast_1d(np.asarray(values, np.float64))
        variances = np.broadcast_to(np.asarray(noise, np.float64) ** 2, at.shape)
        return responsibilities(at, np.ascontiguousarray(variances), _parameters(self))


@checked
def fit_mixture(
    values: npt.ArrayLike,
    noise: npt.ArrayLike | None = None,
    *,
    components: Annotated[int, Ge(1), Le(MOST_COMPONENTS)] | None = None,
    most_components: Annotated[int, Ge(1), Le(MOST_COMPONENTS)] = 6,
    widths: Widths = "auto",
    seed: Annotated[int, Ge(0)] = 0,
    monitor: Monitor = SILENT,
) -> Mixture:
    """Fit a mixture of Gaussians to values with errors.

    The errors are deconvolved: the density of value i is the sum over components of ``weight_k
    N(mean_k, width_k^2 + noise_i^2)``, so that widths are those of the molecules, not of the
    measurement. The likelihood is maximised by expectation-maximisation from several starts.
    The number of components is that of the lowest Bayesian information criterion.

    Parameters
    ----------
    values
        Masses or contrasts, shape (n,); any unit. Values that are not finite are ignored.
    noise
        Standard deviation of each measurement, a number or shape (n,), same unit; None if unknown:
        widths then contain it.
    components
        Number of components; None to choose it.
    most_components
        Largest number to choose from.
    widths
        ``none``: components are as narrow as the measurement errors; ``common``: one width for all
        of them; ``free``: one for each. ``auto`` tries all three to choose the number, and reports
        ``common`` or ``free``, whichever has the lower criterion: small widths that the criterion
        would drop shift the means.
    seed
        Seed of the random starts.
    monitor
        Progress and cancellation.

    Returns
    -------
    Mixture
        Components in order of their means.

    Raises
    ------
    BadValueError
        If there are fewer than two values per component, all are equal, an error is negative, or
        ``widths`` is ``none`` and a value has no error.

    References
    ----------
    Bovy, Hogg & Roweis, Ann. Appl. Stat. 5, 1657 (2011), doi:10.1214/10-AOAS439; Liu & Rubin,
    Biometrika 81, 633 (1994), doi:10.1093/biomet/81.4.633; Schwarz, Ann. Stat. 6, 461 (1978),
    doi:10.1214/aos/1176344136; Fraley & Raftery, J. Am. Stat. Assoc. 97, 611 (2002),
    doi:10.1198/016214502760047131.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai.iscat import mass
    >>> rng = np.random.default_rng(0)
    >>> measured = np.r_[rng.normal(20, 3, 400), rng.normal(60, 3, 200)]
    >>> mixture = mass.fit_mixture(measured, 3.0)
    >>> mixture.means.round().tolist(), bool((mixture.widths < 1).all())
    ([20.0, 60.0], True)
    """
    at, error = usable(values, noise)
    numbers = range(1, most_components + 1) if components is None else (components,)
    numbers = range(numbers[0], min(numbers[-1], len(at) // 2) + 1)
    if not numbers:
        needed = 2 * (components or 1)
        raise BadValueError(f"{components or 1} components need at least {needed} values")
    kinds: tuple[WidthKind, ...] = ("none", "common", "free") if widths == "auto" else (widths,)
    rng = np.random.default_rng(seed)
    scale, centre = at.std(), at.mean()
    if not scale > 0:
        raise BadValueError("all values are equal: there is no distribution to fit")
    scaled, variances = (at - centre) / scale, (error / scale) ** 2
    if _smallest(variances) > 0:
        if widths == "none":
            raise BadValueError("widths can only be none if every value has an error above 0")
        kinds = tuple(kind for kind in kinds if kind != "none")
    fits = []
    for i, number in enumerate(numbers):
        monitor.update(i / len(numbers), f"{number} components")
        for kind in kinds:
            if kind == "common" and number == 1 and "free" in kinds:
                continue
            fits.append((number, kind, *_best(scaled, variances, number, kind, rng)))
    rows: list[_Row] = []
    for number, kind, _, likelihood in fits:
        likelihood_of_values = likelihood - len(at) * np.log(scale)
        parameters = 2 * number - 1 + {"none": 0, "common": 1, "free": number}[kind]
        bic = parameters * np.log(len(at)) - 2 * likelihood_of_values
        rows.append((number, kind, likelihood_of_values, parameters, bic))
    names = ["components", "widths", "log_likelihood", "parameters", "bic"]
    table = pd.DataFrame(rows, columns=names)
    best = _chosen(rows)
    _, kind, compared, _ = fits[best]
    fitted, likelihood, _ = maximize(
        scaled, variances, np.ones_like(scaled), compared, _KINDS[kind], _smallest(variances),
        _FINE, _FINAL_STEPS,
    )  # fmt: skip
    gained = likelihood - fits[best][3]
    weights, means, spreads = _sorted(fitted)
    return Mixture(
        weights,
        centre + scale * means,
        scale * np.sqrt(spreads),
        kind,
        len(at),
        rows[best][2] + gained,
        rows[best][4] - 2 * gained,
        table.sort_values("bic", ignore_index=True),
    )


@dataclass(frozen=True, eq=False)
class Resampled:
    """Mixtures fitted to bootstrap samples of the values.

    Attributes
    ----------
    weights, means, widths
        As in :class:`Mixture`, shape (replicates, K).

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai.iscat import mass
    >>> values = np.random.default_rng(0).normal(20, 3, 400)
    >>> mass.resample_mixture(mass.fit_mixture(values), values, replicates=50).means.shape
    (50, 1)
    """

    weights: Floats
    means: Floats
    widths: Floats


@checked
def resample_mixture(
    mixture: Mixture,
    values: npt.ArrayLike,
    noise: npt.ArrayLike | None = None,
    *,
    replicates: Annotated[int, Ge(2)] = 400,
    seed: Annotated[int, Ge(0)] = 0,
    monitor: Monitor = SILENT,
) -> Resampled:
    """Fit a mixture again to samples of the values with replacement.

    Parameters
    ----------
    mixture
        As returned by :func:`fit_mixture` for these values. Number of components and kind of widths
        are kept, but for ``none``: samples are fitted with a common width, so that the intervals
        do not rely on exact measurement errors.
    values, noise
        As for :func:`fit_mixture`.
    replicates
        Number of samples.
    seed
        Seed of the samples.
    monitor
        Progress and cancellation.

    Returns
    -------
    Resampled
        Parameters of each fit, in order of the means.

    Raises
    ------
    BadValueError
        If an error is negative, or ``replicates`` is less than 2.

    References
    ----------
    Efron & Tibshirani, An Introduction to the Bootstrap (1993), doi:10.1201/9780429246593.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai.iscat import mass
    >>> values = np.random.default_rng(0).normal(20, 3, 400)
    >>> resampled = mass.resample_mixture(mass.fit_mixture(values), values, replicates=200)
    >>> bool(abs(resampled.means.std() - 3 / 400**0.5) < 0.03)
    True
    """
    at, error = usable(values, noise)
    rng = np.random.default_rng(seed)
    scale, centre = at.std(), at.mean()
    scaled, variances = (at - centre) / scale, (error / scale) ** 2
    start = np.concatenate(
        (mixture.weights, (mixture.means - centre) / scale, (mixture.widths / scale) ** 2)
    )
    kind = FREE if mixture.kind == "free" else COMMON
    rows = np.empty((replicates, start.size))
    for i in range(replicates):
        monitor.update(i / replicates, "bootstrap")
        counts = np.bincount(rng.integers(0, len(at), len(at)), minlength=len(at)).astype(float)
        fitted, _, _ = maximize(
            scaled, variances, counts, start, kind, _smallest(variances), _RESAMPLED, _STEPS,
        )  # fmt: skip
        rows[i] = np.concatenate(_sorted(fitted))
    weights, means, spreads = np.split(rows, 3, axis=1)
    return Resampled(weights, centre + scale * means, scale * np.sqrt(spreads))


@checked
def intervals(
    replicates: Floats,
    *,
    level: Annotated[float, Gt(0), Lt(1)] = 0.95,
    simultaneous: bool = True,
) -> tuple[Floats, Floats]:
    """Return percentile intervals of several parameters from their bootstrap replicates.

    Parameters
    ----------
    replicates
        Shape (replicates, parameters).
    level
        Probability that the intervals cover the true values.
    simultaneous
        Whether all intervals together cover with that probability, or each alone.

    Returns
    -------
    tuple of numpy.ndarray
        Lower and upper limits, shape (parameters,).

    Raises
    ------
    BadValueError
        If ``level`` is not between 0 and 1.

    References
    ----------
    Beran, J. Am. Stat. Assoc. 83, 679 (1988), doi:10.1080/01621459.1988.10478649.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai.iscat import mass
    >>> replicates = np.random.default_rng(0).normal(size=(20_000, 1))
    >>> low, high = mass.intervals(replicates, level=0.95)
    >>> bool(abs(high[0] - 1.96) < 0.05)
    True
    """
    tail = (1 - level) / 2
    if simultaneous and replicates.shape[1] > 1:
        # Rank from the nearer end; the widest of all parameters counts (balanced simultaneous).
        rank = replicates.argsort(axis=0, kind="stable").argsort(axis=0, kind="stable") + 1
        nearer = np.minimum(rank, len(replicates) + 1 - rank).min(axis=1) / (len(replicates) + 1)
        tail = float(np.quantile(nearer, 1 - level, method="weibull"))
    # Weibull's quantiles: a share of r / (replicates + 1) is the value of rank r.
    low, high = np.quantile(replicates, (tail, 1 - tail), axis=0, method="weibull")
    return low, high


def _chosen(rows: Sequence[_Row]) -> int:
    """Return which mixture is reported: number by BIC, then widths that are fitted."""
    number = min(rows, key=lambda row: row[4])[0]
    fitted = [row for row in rows if row[0] == number and row[1] != "none"]
    best = min(fitted, key=lambda row: row[4]) if fitted else None
    return rows.index(best or next(row for row in rows if row[0] == number))


def usable(values: npt.ArrayLike, noise: npt.ArrayLike | None) -> tuple[Floats, Floats]:
    """Return the finite values and their errors; errors that are unknown are 0.

    Raises
    ------
    BadValueError
        If an error is negative, or none of the values is finite.
    """
    at = np.asarray(values, np.float64).ravel()
    error = np.broadcast_to(np.asarray(0.0 if noise is None else noise, np.float64), at.shape)
    if (error < 0).any():
        raise BadValueError("errors of measurements must not be negative")
    kept: Bools = np.isfinite(at) & np.isfinite(error)
    if not kept.any():
        raise BadValueError("no finite values to fit")
    return np.ascontiguousarray(at[kept]), np.ascontiguousarray(error[kept])


def _best(
    values: Floats, noise: Floats, number: int, kind: WidthKind, rng: np.random.Generator
) -> tuple[Floats, float]:
    """Return parameters and log-likelihood of the best of several starts."""
    once = np.ones_like(values)
    smallest, widths = _smallest(noise), _KINDS[kind]
    some = np.arange(len(values))
    if len(values) > _ROUGH_VALUES:
        some = rng.choice(some, _ROUGH_VALUES, replace=False)
    few = (values[some], noise[some], once[some])
    rough = [
        maximize(*few, start, widths, smallest, _ROUGH, _STEPS)[:2]
        for start in _starts(few[0], number, rng)
    ]
    rough.sort(key=lambda fit: -fit[1])
    fine = [
        maximize(values, noise, once, start, widths, smallest, _COMPARED, _STEPS)[:2]
        for start, _ in rough[:2]
    ]
    return max(fine, key=lambda fit: fit[1])


def _starts(values: Floats, number: int, rng: np.random.Generator) -> Iterator[Floats]:
    """Yield starts: equal shares of the values, then random values as means."""
    weights = np.full(number, 1 / number)
    for i in range(_STARTS if number > 1 else 1):
        if i == 0:
            means = np.quantile(values, (np.arange(number) + 0.5) / number)
            width = 1 / number
        else:
            means = np.sort(rng.choice(values, number, replace=False))
            width = rng.uniform(0.2, 1) / number
        yield np.concatenate((weights, means, np.full(number, width**2)))


def _smallest(noise: Floats) -> float:
    """Return the smallest variance: 0 is only safe where every value has an error."""
    return 0.0 if (noise > _SMALLEST_WIDTH**2).all() else _SMALLEST_WIDTH**2


def _sorted(parameters: Floats) -> tuple[Floats, Floats, Floats]:
    """Return weights, means and variances in order of the means."""
    weights, means, variances = np.split(parameters, 3)
    order = np.argsort(means, kind="stable")
    return weights[order] / weights.sum(), means[order], variances[order]


def _parameters(mixture: Mixture) -> Floats:
    return np.concatenate((mixture.weights, mixture.means, mixture.widths**2))
