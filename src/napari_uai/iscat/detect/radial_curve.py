"""Radial profile of a point-spread function, learnt from the landings of a recording.

The profile is 1 at the centre, so that the amplitude of an image is a contrast. It is a spline with
a prior: the profiles that circular pupils give in interferometric scattering, whatever their
apodisation, defocus and phase, at widths around the stated one. Few landings therefore change it
little, many determine it, and its uncertainty is known either way.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
from scipy.special import j0, ndtri

from napari_uai.typing import Floats

RADIUS_SIGMAS = 6.0
"""Where the profile ends, in standard deviations; what lies beyond is below 5 % and oscillates."""

KNOT_SIGMAS = 0.75
"""Spacing of the knots, in standard deviations: a perfect Airy profile is met within 0.003."""

FREE_DEVIATION = 0.01
"""Standard deviation of each coefficient from what pupils give, for optics that are not ideal."""

MOST_APODISED = 3.5
"""Pupils fall to exp(-3.5) at their rim at most, whose profile is nearly a Gaussian."""

DEFOCUS_RAD = 0.6
PHASE_RAD = 0.4
WIDTH_SCATTER = 0.2
"""Scatter of defocus (phase at the rim), phase, and logarithm of the width among these pupils."""

PUPILS = 256
PUPIL_RINGS = 60
TABLE_STEPS = 400


@dataclass(frozen=True)
class RadialCurve:
    """A profile that is 1 at the centre and 0 beyond its radius.

    Parameters
    ----------
    sigma_px
        Stated standard deviation; sets knots, radius and prior.
    coefficients
        Of the splines that are added to a Gaussian of that width.
    covariance
        Of the coefficients.

    Examples
    --------
    >>> curve = RadialCurve.expected(1.7)
    >>> float(curve.at(np.array(0.0)))
    1.0
    """

    sigma_px: float
    coefficients: Floats
    covariance: Floats

    @classmethod
    def expected(cls, sigma_px: float) -> RadialCurve:
        """Return the profile to begin with, before any landing is known."""
        mean, covariance = _prior(sigma_px)
        return cls(sigma_px, mean, covariance)

    @property
    def radius(self) -> float:
        """Distance (px) beyond which the profile is 0."""
        return RADIUS_SIGMAS * self.sigma_px

    @cached_property
    def _table(self) -> tuple[Floats, Floats, Floats]:
        distance = np.linspace(0, self.radius, TABLE_STEPS)
        values = np.exp(-(distance**2) / (2 * self.sigma_px**2))
        values += self.coefficients @ _splines(distance, self.sigma_px)
        return distance, values, np.gradient(values, distance)

    def at(self, distance: Floats) -> Floats:
        """Return the profile at distances (px)."""
        places, values, _ = self._table
        return np.asarray(np.interp(distance, places, values, right=0.0))

    def slope(self, distance: Floats) -> Floats:
        """Return the derivative of the profile at distances (px)."""
        places, _, slopes = self._table
        return np.asarray(np.interp(distance, places, slopes, right=0.0))

    def splines(self, distance: Floats) -> Floats:
        """Return the derivative of the profile by each coefficient, (n, *distance.shape)."""
        return _splines(distance, self.sigma_px)

    def learnt(self, information: Floats, residual: Floats) -> RadialCurve:
        """Update the profile by what images say of it (Gaussian likelihood and prior).

        Parameters
        ----------
        information
            Inverse covariance of the coefficients by the images alone, (n, n).
        residual
            ``information`` times the change of coefficients that the images ask for, (n).
        """
        mean, spread = _prior(self.sigma_px)
        prior = np.linalg.inv(spread)
        covariance = np.linalg.inv(information + prior)
        change = covariance @ (residual - prior @ (self.coefficients - mean))
        return replace(self, coefficients=self.coefficients + change, covariance=covariance)


def _splines(distance: Floats, sigma_px: float) -> Floats:
    """Even cubic splines that are 0 at the centre and from the radius on, (n, *distance.shape)."""
    from scipy.interpolate import BSpline

    cardinal = BSpline.basis_element(np.arange(-2.0, 3.0), extrapolate=False)
    count = round(RADIUS_SIGMAS / KNOT_SIGMAS)
    places = np.append(np.ravel(distance), 0.0) * (count / (RADIUS_SIGMAS * sigma_px))
    values = np.stack(
        [
            np.nan_to_num(cardinal(places - k)) + (k > 0) * np.nan_to_num(cardinal(places + k))
            for k in range(count - 1)
        ]
    )
    at_centre = values[:, -1]
    free = values[1:] - (at_centre[1:] / at_centre[0])[:, None] * values[0]
    return np.asarray(free[:, :-1].reshape(count - 2, *np.shape(distance)))


@lru_cache(maxsize=16)
def _prior(sigma_px: float) -> tuple[Floats, Floats]:
    """Mean and covariance of the coefficients over many pupils."""
    distance = np.linspace(0, RADIUS_SIGMAS * sigma_px, TABLE_STEPS // 2)
    gaussian = np.exp(-(distance**2) / (2 * sigma_px**2))
    weights = np.sqrt(distance + distance[1])  # by the area of each ring
    splines = _splines(distance, sigma_px)
    profiles = _pupil_profiles(distance, sigma_px)
    fitted, *_ = np.linalg.lstsq(
        (splines * weights).T, ((profiles - gaussian) * weights).T, rcond=None
    )
    free = FREE_DEVIATION**2 * np.eye(len(splines))
    return fitted.mean(axis=1), np.cov(fitted) + free


def _pupil_profiles(distance: Floats, sigma_px: float) -> Floats:
    """Amplitudes that circular pupils scatter into the camera, relative to the centre.

    The amplitude at distance r is the real part of ``exp(i phase)`` times the integral of ``a(u)
    exp(i defocus u^2) J0(k r u) u`` over the pupil, u from 0 to 1 (Born & Wolf, Principles of
    Optics, section 8.8); k is set by the curvature at the centre, which is that of a Gaussian.
    """
    from scipy.stats import qmc

    ring = (np.arange(PUPIL_RINGS) + 0.5) / PUPIL_RINGS
    quantiles = qmc.Sobol(4, rng=0).random(PUPILS)
    apodisation = MOST_APODISED * quantiles[:, 0]
    defocus, phase, width = ndtri(np.clip(quantiles[:, 1:], 1e-3, 1 - 1e-3)).T
    profiles = []
    for alpha, w, phi, log_width in zip(
        apodisation,
        DEFOCUS_RAD * defocus,
        PHASE_RAD * phase,
        WIDTH_SCATTER * width,
        strict=True,
    ):
        pupil = ring * np.exp(-alpha * ring**2) * np.cos(w * (ring**2 - 0.5) + phi)
        centre, curvature = pupil.sum(), pupil @ ring**2
        if centre > 0 and curvature > 0:
            k = np.sqrt(2 * centre / curvature) / (sigma_px * np.exp(log_width))
            profiles.append(pupil @ j0(k * ring[:, None] * distance) / centre)
    return np.array(profiles)
