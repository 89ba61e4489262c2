"""Recall as a function of contrast, from landings that were found or missed.

The curve is that of psychometrics: a cumulative normal in the logarithm of the contrast, times the
share of strong landings that is found. Its three parameters have a posterior distribution on a
grid, so that intervals need no resampling, hold for contrasts that were chosen by what had been
found before (the likelihood does not ask why a contrast was chosen), and exist when all or no
landings were found.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import ndtr, ndtri
from scipy.stats import beta

from napari_uai.errors import BadValueError
from napari_uai.typing import Floats

LEVEL = 0.95
"""Level of all intervals."""

RANGE = 8.0
"""The contrast of half the recall is within this factor of the first guess."""

MIDDLES, WIDTHS, TOPS = 181, 25, 16
"""Points of the grid along each parameter."""

WIDTH_RANGE = 0.05, 1.2
USUAL_WIDTH, WIDTH_FACTOR = 0.3, 1.8
"""Prior of the width (in the logarithm of the contrast): log-normal about what one noise in the
whole recording gives (the noise of a score is 1, the threshold 5), and wider."""

LEAST_TOP, TOP_SUCCESSES = 0.5, 39
"""Prior of the share of strong landings that is found: as if 39 of 39 had been found."""

SHIFTS = 9
"""Points of the quadrature over a common error of contrasts."""

NEGLIGIBLE = 1e-7
"""Curves less probable than that, relative to the most probable one, are left out."""

PER_GROUP, MOST_GROUPS = 15, 8
"""Landings per group, at least, and number of groups whose recall is listed without a curve."""


@dataclass(frozen=True)
class RecallCurve:
    """Recall against contrast, with its uncertainty.

    Attributes
    ----------
    middle, width, top
        Parameters of every curve on the grid: recall is ``top * Phi((ln |contrast| - middle) /
        width)``; flat arrays.
    share
        Posterior probability of each.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai.iscat import limit
    >>> contrasts = np.repeat([1e-4, 2e-4, 4e-4, 8e-4], 100)
    >>> found = np.arange(400) % 100 < np.repeat([10, 50, 90, 99], 100)
    >>> curve = limit.fit_recall(contrasts, found)
    >>> value, low, high = curve.contrast_at(0.5)
    >>> f"{value:.1e}", low < 2e-4 < high
    ('2.0e-04', True)
    """

    middle: Floats
    width: Floats
    top: Floats
    share: Floats

    def at(self, contrasts: npt.ArrayLike) -> tuple[Floats, Floats, Floats]:
        """Return mean recall at absolute contrasts, and the ends of its interval."""
        values = np.array(
            [
                (recall @ self.share, *_quantiles(recall, self.share, *_ends()))
                for recall in (self._recall(c) for c in np.ravel(np.abs(contrasts)))
            ]
        ).reshape(-1, 3)
        return values[:, 0], values[:, 1], values[:, 2]

    def contrast_at(self, recall: float) -> tuple[float, float, float]:
        """Return the contrast of a recall and its interval; infinite if it is not reached."""
        with np.errstate(invalid="ignore"):
            reached = np.where(self.top > recall, recall / self.top, 1.0)
            contrasts = np.exp(self.middle + self.width * ndtri(reached))
        low, high = _ends()
        middle, least, most = _quantiles(contrasts, self.share, 0.5, low, high)
        return middle, least, most

    def scaled(self, error: float) -> RecallCurve:
        """Return the curve if all contrasts have a common relative error, of normal logarithm."""
        if not error:
            return self
        shifts, weights = np.polynomial.hermite_e.hermegauss(SHIFTS)
        return RecallCurve(
            np.add.outer(error * shifts, self.middle).ravel(),
            np.tile(self.width, SHIFTS),
            np.tile(self.top, SHIFTS),
            np.outer(weights / weights.sum(), self.share).ravel(),
        )

    def draws(self, n: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
        """Draw curves by their probability; return their positions on the grid."""
        return np.asarray(rng.choice(len(self.share), n, p=self.share))

    def of_draws(self, rows: npt.NDArray[np.int64], contrasts: npt.ArrayLike) -> Floats:
        """Return the recall of drawn curves at absolute contrasts, (draws, contrasts)."""
        sizes = np.log(np.abs(np.asarray(contrasts, np.float64)))
        middle, width, top = (each[rows, None] for each in (self.middle, self.width, self.top))
        return np.asarray(top * ndtr((sizes - middle) / width))

    def _recall(self, contrast: float) -> Floats:
        if not contrast > 0:
            return np.zeros_like(self.share)
        return np.asarray(self.top * ndtr((np.log(contrast) - self.middle) / self.width))


def fit_recall(
    contrasts: npt.ArrayLike, found: npt.ArrayLike, *, guess: float | None = None
) -> RecallCurve:
    """Fit recall against contrast.

    Parameters
    ----------
    contrasts
        Of landings of which it is known whether they were found; signs are ignored.
    found
        Whether each was found.
    guess
        Contrast about which that of half the recall is sought, by default the median contrast.

    Returns
    -------
    RecallCurve
        The posterior of the curve.

    Raises
    ------
    BadValueError
        If no landings are given, or a contrast is 0 or NaN.

    References
    ----------
    Kontsevich & Tyler, Vision Res. 39, 2729 (1999), doi:10.1016/S0042-6989(98)00285-5; Wichmann &
    Hill, Percept. Psychophys. 63, 1293 (2001), doi:10.3758/BF03194544.

    Examples
    --------
    >>> from napari_uai.iscat import limit
    >>> curve = limit.fit_recall([1e-4, 2e-4, 3e-4, 4e-4], [False, False, True, True])
    >>> recall, low, high = curve.at([1e-4, 4e-4])
    >>> bool(recall[0] < 0.2), bool(recall[1] > 0.8)
    (True, True)
    """
    sizes = np.abs(np.asarray(contrasts, np.float64)).ravel()
    hits = np.asarray(found, bool).ravel()
    if not sizes.size or sizes.shape != hits.shape:
        raise BadValueError(
            f"a curve of recall needs as many results as contrasts, got {sizes.size} and "
            f"{hits.size}"
        )
    if not (np.isfinite(sizes) & (sizes > 0)).all():
        raise BadValueError("contrasts must be numbers other than 0")
    at = np.log(guess if guess is not None else np.median(sizes))
    middles = at + np.linspace(-np.log(RANGE), np.log(RANGE), MIDDLES)
    widths = np.geomspace(*WIDTH_RANGE, WIDTHS)
    tops = np.linspace(LEAST_TOP, 1.0, TOPS)
    log = np.zeros((MIDDLES, WIDTHS, TOPS))
    log -= ((np.log(widths / USUAL_WIDTH) / np.log(WIDTH_FACTOR)) ** 2 / 2)[:, None]
    log += TOP_SUCCESSES * np.log(tops)
    for size, hit in zip(np.log(sizes), hits, strict=True):
        recall = ndtr((size - middles[:, None]) / widths)[..., None] * tops
        log += np.log(np.maximum(recall if hit else 1 - recall, 1e-12))
    share = np.exp(log - log.max())
    middle, width, top = np.meshgrid(middles, widths, tops, indexing="ij")
    kept = share > NEGLIGIBLE
    return RecallCurve(middle[kept], width[kept], top[kept], share[kept] / share[kept].sum())


def binned_recall(contrasts: Floats, found: npt.NDArray[np.bool_]) -> pd.DataFrame:
    """Return recall in groups of about equally many landings, without a curve.

    Parameters
    ----------
    contrasts, found
        As for :func:`fit_recall`.

    Returns
    -------
    pandas.DataFrame
        ``contrast`` (geometric mean), ``landings``, ``found``, ``recall``, and the ends of its
        Jeffreys interval, ``low`` and ``high``.
    """
    order = np.argsort(np.abs(contrasts), kind="stable")
    rows = []
    for group in np.array_split(order, int(np.clip(len(order) // PER_GROUP, 1, MOST_GROUPS))):
        n, k = len(group), int(found[group].sum())
        low, high = (float(beta.ppf(p, k + 0.5, n - k + 0.5)) for p in _ends())
        size = float(np.exp(np.log(np.abs(contrasts[group])).mean()))
        rows.append((size, n, k, k / n, low if k else 0.0, high if k < n else 1.0))
    return pd.DataFrame(rows, columns=["contrast", "landings", "found", "recall", "low", "high"])


def _ends() -> tuple[float, float]:
    return (1 - LEVEL) / 2, (1 + LEVEL) / 2


def _quantiles(values: Floats, share: Floats, *at: float) -> tuple[float, ...]:
    """Return weighted quantiles; values may be infinite."""
    order = np.argsort(values)
    below = np.cumsum(share[order])
    return tuple(
        float(values[order[min(int(np.searchsorted(below, p)), len(order) - 1)]]) for p in at
    )
