"""Image of a point, learnt from the landings of a recording: a radial profile and its stretch.

The profile is 1 at the centre, so that the amplitude of an image is a contrast. It is a spline with
a prior: the profiles that circular pupils give in interferometric scattering, whatever their
apodisation, defocus and phase, at widths around the stated one. Few landings therefore change it
little, many determine it, and its uncertainty is known either way. Astigmatism and tilted optics
make the image of a point longer in one direction; that, too, is learnt.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
from scipy.linalg import block_diag
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

STRETCH_SCATTER = 0.15
"""Prior standard deviation of each component of the stretch: lengths differ by a third or so."""

MOST_STRETCHED = 0.5
"""An image is at most exp(1) = 2.7 times as long as wide."""

SMALL_STRETCH = 1e-4

PUPILS = 256
PUPIL_RINGS = 60
TABLE_STEPS = 400


@dataclass(frozen=True)
class PointProfile:
    """Image of a point: a profile that is 1 at the centre and 0 beyond its radius, and its stretch.

    Parameters
    ----------
    sigma_px
        Stated standard deviation; sets knots, radius and prior.
    coefficients
        Of the splines that are added to a Gaussian of that width.
    stretch
        ``(e cos 2a, e sin 2a)`` of an image that is ``exp(e)`` times as long in the direction ``a``
        from the columns' axis (y), and as much shorter across; the area stays.
    covariance
        Of the coefficients and the stretch.

    Examples
    --------
    >>> point = PointProfile.expected(1.7)
    >>> float(point.image(np.array(0.0), np.array(0.0)))
    1.0
    """

    sigma_px: float
    coefficients: Floats
    stretch: Floats
    covariance: Floats

    @classmethod
    def expected(cls, sigma_px: float) -> PointProfile:
        """Return the image to begin with, before any landing is known."""
        mean, covariance = _prior(sigma_px)
        return cls(sigma_px, mean[:-2], mean[-2:], covariance)

    @property
    def radius(self) -> float:
        """Distance (px) from the centre beyond which the image is 0 in every direction."""
        return RADIUS_SIGMAS * self.sigma_px * float(np.exp(np.hypot(*self.stretch)))

    def image(self, dy: Floats, dx: Floats) -> Floats:
        """Return the image at offsets (px) along rows and columns."""
        return self.at(self._distance(dy, dx))

    def place_derivatives(self, dy: Floats, dx: Floats) -> tuple[Floats, Floats]:
        """Return the derivatives of the image by the place of the point along y and x (1/px)."""
        by_square = self._by_square(self._distance(dy, dx))
        cosh, sinh, _ = self._hyperbolic
        along, across = self.stretch
        return (
            -by_square * (2 * cosh * dy - 2 * sinh * (along * dy + across * dx)),
            -by_square * (2 * cosh * dx - 2 * sinh * (across * dy - along * dx)),
        )

    def parameter_derivatives(self, dy: Floats, dx: Floats) -> Floats:
        """Return the derivatives by coefficients and stretch, (n, *offsets.shape)."""
        distance = self._distance(dy, dx)
        by_square = self._by_square(distance)
        _, sinh, curl = self._hyperbolic
        terms = dy**2 - dx**2, 2 * dy * dx
        shared = 2 * sinh * (dy**2 + dx**2) - curl * (
            self.stretch[0] * terms[0] + self.stretch[1] * terms[1]
        )
        by_stretch = [
            by_square * (own * shared - sinh * term)
            for own, term in zip(self.stretch, terms, strict=True)
        ]
        splines = _splines(distance, self.sigma_px)
        return np.concatenate([splines, by_stretch])

    def learnt(self, information: Floats, residual: Floats) -> PointProfile:
        """Update the image by what landings say of it (Gaussian likelihood and prior).

        Parameters
        ----------
        information
            Inverse covariance of coefficients and stretch by the landings alone, (n, n).
        residual
            ``information`` times the change that the landings ask for, (n).
        """
        mean, spread = _prior(self.sigma_px)
        prior = np.linalg.inv(spread)
        covariance = np.linalg.inv(information + prior)
        now = np.concatenate([self.coefficients, self.stretch])
        change = covariance @ (residual - prior @ (now - mean))
        stretch = self.stretch + np.clip(change[-2:], -MOST_STRETCHED, MOST_STRETCHED)
        return replace(
            self,
            coefficients=self.coefficients + change[:-2],
            stretch=stretch * min(1, MOST_STRETCHED / max(float(np.hypot(*stretch)), 1e-9)),
            covariance=covariance,
        )

    # the profile along the radius -----------------------------------------------------------------

    def at(self, distance: Floats) -> Floats:
        """Return the profile at distances (px) of an image that is not stretched."""
        places, values, _ = self._table
        return np.asarray(np.interp(distance, places, values, right=0.0))

    @cached_property
    def _table(self) -> tuple[Floats, Floats, Floats]:
        distance = np.linspace(0, RADIUS_SIGMAS * self.sigma_px, TABLE_STEPS)
        values = np.exp(-(distance**2) / (2 * self.sigma_px**2))
        values += self.coefficients @ _splines(distance, self.sigma_px)
        return distance, values, np.gradient(values, distance)

    @property
    def _hyperbolic(self) -> tuple[float, float, float]:
        """``cosh(2e)``, ``sinh(2e) / e`` and the derivative of the latter by ``e``, over ``e``."""
        e = float(np.hypot(*self.stretch))
        if e < SMALL_STRETCH:
            return 1.0, 2.0, 8 / 3
        sinh = float(np.sinh(2 * e)) / e
        cosh = float(np.cosh(2 * e))
        return cosh, sinh, (2 * cosh - sinh) / e**2

    def _distance(self, dy: Floats, dx: Floats) -> Floats:
        """Return the distances (px) that offsets have in an image that is not stretched."""
        cosh, sinh, _ = self._hyperbolic
        along, across = self.stretch
        stretched = along * (dy**2 - dx**2) + 2 * across * dy * dx
        return np.asarray(np.sqrt(np.maximum(cosh * (dy**2 + dx**2) - sinh * stretched, 0)))

    def _by_square(self, distance: Floats) -> Floats:
        """Return the derivative of the profile by the square of the distance."""
        places, _, slopes = self._table
        slope = np.interp(distance, places, slopes, right=0.0)
        return np.asarray(slope / (2 * np.maximum(distance, np.finfo(float).tiny)))


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
    """Mean and covariance of the coefficients over many pupils, and of the stretch."""
    distance = np.linspace(0, RADIUS_SIGMAS * sigma_px, TABLE_STEPS // 2)
    gaussian = np.exp(-(distance**2) / (2 * sigma_px**2))
    weights = np.sqrt(distance + distance[1])  # by the area of each ring
    splines = _splines(distance, sigma_px)
    profiles = _pupil_profiles(distance, sigma_px)
    fitted, *_ = np.linalg.lstsq(
        (splines * weights).T, ((profiles - gaussian) * weights).T, rcond=None
    )
    free = FREE_DEVIATION**2 * np.eye(len(splines))
    stretch = STRETCH_SCATTER**2 * np.eye(2)
    return np.append(fitted.mean(axis=1), [0.0, 0.0]), block_diag(np.cov(fitted) + free, stretch)


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
