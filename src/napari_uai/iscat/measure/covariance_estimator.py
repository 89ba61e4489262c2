"""Diffusion constant and localisation of one trajectory, from the covariance of its displacements.

The covariance-based estimator of Vestergaard, Blainey & Flyvbjerg, Phys. Rev. E 89, 022726 (2014),
doi:10.1103/PhysRevE.89.022726, for any lags between spots.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from napari_uai.iscat.kernels.diffusion import estimator_variance, likely_range
from napari_uai.iscat.measure.trajectories import Trajectory

CONFIDENCE = 0.95
"""Confidence of the intervals of diffusion constants."""


class CovarianceEstimate(NamedTuple):
    """Estimates of one trajectory, in px and frames.

    Attributes
    ----------
    diffusion, diffusion_error
        Diffusion constant and its standard error, px^2 per frame. Noise may make it negative.
    variance, variance_error
        Variance of the localisation along an axis and its standard error, px^2.
    blur
        Blur coefficient R.
    """

    diffusion: float
    diffusion_error: float
    variance: float
    variance_error: float
    blur: float

    @property
    def offset(self) -> float:
        """Localisation minus blur, ``sigma^2 - 2 R D``, with a localisation of at least 0."""
        return max(self.variance, 0.0) - 2 * self.blur * self.diffusion


def blur_coefficient(exposure: float) -> float:
    """Return the blur coefficient R of a camera that is open for a share of each frame.

    R is the integral of ``S (1 - S)`` over the frame, where S is the share of the light collected
    so far (Berglund 2010, doi:10.1103/PhysRevE.82.011917): 1/6 if the camera is always open.

    Examples
    --------
    >>> blur_coefficient(0.0), round(blur_coefficient(1.0), 4)
    (0.0, 0.1667)
    """
    return exposure / 6


def covariance_estimate(track: Trajectory, exposure: float) -> CovarianceEstimate:
    """Estimate the diffusion constant of a trajectory and the variance of its localisation.

    Parameters
    ----------
    track
        Of at least three spots.
    exposure
        Share of each frame in which the camera collects light.

    Returns
    -------
    CovarianceEstimate
        Mean over both axes, unbiased. Errors are exact for free diffusion with these values.
    """
    steps, lags, blur = track.steps, track.lags, blur_coefficient(exposure)
    axes, n = steps.shape
    squares = float(np.sum(steps**2)) / axes
    products = float(np.sum(steps[:, 1:] * steps[:, :-1])) / axes
    frames = float(lags.sum())
    # Expected values: sum of squares 2 D frames + 2 n s, mean product of neighbours -s.
    of_squares, of_products = 0.5 / frames, n / (frames * (n - 1))
    diffusion = of_squares * squares + of_products * products
    offset = -products / (n - 1)
    variance = offset + 2 * blur * diffusion
    weights = (
        (of_squares, of_products),
        (2 * blur * of_squares, 2 * blur * of_products - 1 / (n - 1)),
    )
    errors = [
        np.sqrt(estimator_variance(lags, diffusion, offset, *each) / axes) for each in weights
    ]
    return CovarianceEstimate(diffusion, float(errors[0]), variance, float(errors[1]), blur)


def likely_interval(track: Trajectory, exposure: float) -> tuple[float, float]:
    """Return the 95 % interval of the diffusion constant of a trajectory.

    It is where the likelihood of the displacements, at the best localisation for each diffusion
    constant, is not too far below its maximum; how far is as for a mean of as many Gaussian values
    with unknown deviation, which makes up for the few displacements of short trajectories.

    Returns
    -------
    tuple of float
        Lower and upper end, px^2 per frame; not negative.
    """
    steps, lags = track.steps, track.lags
    if not steps.any():
        return 0.0, 0.0
    drop = likelihood_drop(steps.size - 2, steps.size)
    _, low, high = likely_range(steps, lags, blur_coefficient(exposure), drop)
    return low, high


def likelihood_drop(freedom: int, values: int) -> float:
    """Return how far a log likelihood drops at the ends of its 95 % interval.

    That of the mean of Gaussian values with unknown deviation (Student's t); with many values it is
    1.92, half the 95 % quantile of chi^2.

    Examples
    --------
    >>> round(likelihood_drop(9, 10), 2), round(likelihood_drop(9999, 10000), 2)
    (2.25, 1.92)
    """
    from scipy.stats import t

    far = t.ppf(0.5 + CONFIDENCE / 2, freedom)
    return float(0.5 * values * np.log1p(far**2 / freedom))
