"""Light in the pupil: what a point in the sample sends there, and the phases of its way."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import factorial

import numpy as np
import numpy.typing as npt

from napari_uai.iscat.optics.microscope import FIRST_NOLL, NOLL_ORDERS, Microscope
from napari_uai.typing import Floats

Complexes = npt.NDArray[np.complex128]

FEWEST_NODES = 40
NODES_PER_RADIAN = 0.75
"""Nodes of each part of the pupil, and more by the range of phases in it: Gauss-Legendre needs half
a node per radian, and a few more, to be exact in double precision."""

AZIMUTHS = 64
"""Directions in which aberrations without symmetry are sampled."""

LEAST_HARMONIC = 1e-9

Harmonics = dict[tuple[int, int], Complexes]
"""Amplitudes along the radius of the pupil, by component of the field (0: as the reference, 1:
across) and azimuthal order."""


@dataclass(frozen=True)
class Pupil:
    """Nodes of an integral over the radius of the pupil.

    The radius is substituted by s with ``rho^2 = c^2 - s^2``, c being the critical angle: phases
    and transmissions are functions of s without the root that they are of the radius, and the
    integral converges exponentially.

    Attributes
    ----------
    rho
        Radius, from 0 to 1 at the numerical aperture.
    weights
        Weights of ``integral f(rho) rho d rho``.
    sample_cosine, coverslip_cosine, immersion_cosine
        Cosine of the angle in each layer; imaginary in the sample beyond the critical angle.
    """

    rho: Floats
    weights: Floats
    sample_cosine: Complexes
    coverslip_cosine: Floats
    immersion_cosine: Floats

    @classmethod
    def of(cls, microscope: Microscope, nodes: int) -> Pupil:
        """Return the nodes for a microscope, so many on either side of the critical angle."""
        aperture = microscope.numerical_aperture
        critical = microscope.sample_index / aperture
        nearest = np.sqrt(max(critical**2 - 1, 0))
        s, ds = _gauss(nodes, nearest, critical)
        rho, weights, cosine = np.sqrt(critical**2 - s**2), s * ds, (s / critical).astype(complex)
        if critical < 1:
            s, ds = _gauss(nodes, 0, np.sqrt(1 - critical**2))
            rho = np.append(rho, np.sqrt(critical**2 + s**2))
            weights = np.append(weights, s * ds)
            cosine = np.append(cosine, 1j * s / critical)
        inside = [
            np.sqrt(1 - (rho * aperture / index) ** 2)
            for index in (microscope.coverslip_index, microscope.immersion_index)
        ]
        return cls(rho, weights, cosine, *inside)

    def phases(self, microscope: Microscope, focus_um: Floats, height_um: Floats) -> Complexes:
        """Return the phases of the scattered relative to the reference light: planes, nodes.

        Light that a particle at height z scatters under the angle t in the sample leaves z cos(t)
        of path behind it, after the light that illuminates it went past the coverslip by z; the
        reference turns back there. Both cross coverslip and immersion, the reference along the
        axis. The objective compensates the phases of its design, and those of the axis cancel.

        Parameters
        ----------
        microscope
            Layers and design.
        focus_um
            By how far the objective is nearer to the sample than where the coverslip is in focus.
        height_um
            Of the particle above the coverslip.

        Returns
        -------
        ndarray
            In radians; complex where light is evanescent in the sample.
        """
        coverslip_index, coverslip_um, immersion_index, immersion_um = microscope.design
        sine = self.rho * microscope.numerical_aperture
        immersion = np.atleast_1d(microscope.immersion_um - focus_um)[:, None]
        above = np.atleast_1d(height_um)[:, None]
        path = (
            microscope.sample_index * above * (1 + self.sample_cosine)
            + microscope.coverslip_index * microscope.coverslip_um * (self.coverslip_cosine - 1)
            + microscope.immersion_index * immersion * (self.immersion_cosine - 1)
            - coverslip_index * coverslip_um * (np.sqrt(1 - (sine / coverslip_index) ** 2) - 1)
            - immersion_index * immersion_um * (np.sqrt(1 - (sine / immersion_index) ** 2) - 1)
        )
        return np.asarray(microscope.wave_number * path)

    def harmonics(self, microscope: Microscope) -> Harmonics:
        """Return the light of a dipole on the coverslip, without the phases of its way.

        The normalisation is such that the field in focus, without aberrations, is 1 at the centre.
        """
        if microscope.polarization == "scalar":
            mean, difference = np.ones_like(self.sample_cosine), 0 * self.sample_cosine
        else:
            mean, difference = self._transmitted(microscope)
        centre = complex(self.weights @ mean)
        mean, difference = np.asarray(mean / centre), np.asarray(difference / centre)
        half: Complexes = np.asarray(difference / 2)
        light: Harmonics = {(0, 0): mean}
        if microscope.polarization == "circular":
            light[1, 2] = difference
        elif microscope.polarization in ("x", "y"):
            sign = 1 if microscope.polarization == "x" else -1
            light |= {(0, 2): sign * half, (0, -2): sign * half}
            light |= {(1, 2): -1j * half, (1, -2): 1j * half}
        return _aberrated(light, self.rho, microscope.zernike_rad)

    def _transmitted(self, microscope: Microscope) -> tuple[Complexes, Complexes]:
        """Half the sum and difference of the p and s light of a dipole across the axis.

        The cosine in the sample that divides the s light, from Weyl's expansion of the spherical
        wave, cancels with that of its transmission.
        """
        n, g, i = microscope.sample_index, microscope.coverslip_index, microscope.immersion_index
        a, b, c = self.sample_cosine, self.coverslip_cosine, self.immersion_cosine
        s = 2 * n / (n * a + g * b) * 2 * g * b / (g * b + i * c)
        p = 2 * n * a / (g * a + n * b) * 2 * g * b / (i * b + g * c)
        return np.sqrt(c) * (p + s) / 2, np.sqrt(c) * (p - s) / 2


def nodes_for(microscope: Microscope, focus_um: Floats, height_um: Floats, reach: float) -> int:
    """Return how many nodes integrals need, by the phases and the largest argument of Bessel."""
    phases = Pupil.of(microscope, FEWEST_NODES).phases(microscope, focus_um, height_um).real
    zernike = 4 * sum(map(abs, microscope.zernike_rad))
    spread = float(np.max(np.ptp(phases, axis=1), initial=0)) + zernike + reach
    return FEWEST_NODES + int(NODES_PER_RADIAN * spread)


def zernike(noll: int, rho: Floats, azimuth: Floats) -> Floats:
    """Return a Zernike polynomial of Noll index, whose mean square over the pupil is 1.

    R. J. Noll, J. Opt. Soc. Am. 66, 207 (1976), doi:10.1364/JOSA.66.000207.
    """
    n, m = NOLL_ORDERS[noll - 1]
    order = abs(m)
    radial = sum(
        (-1) ** k
        * factorial(n - k)
        / (factorial(k) * factorial((n + order) // 2 - k) * factorial((n - order) // 2 - k))
        * rho ** (n - 2 * k)
        for k in range((n - order) // 2 + 1)
    )
    if m == 0:
        return np.asarray(np.sqrt(n + 1) * radial * np.ones_like(azimuth))
    angle = np.cos(order * azimuth) if m > 0 else np.sin(order * azimuth)
    return np.asarray(np.sqrt(2 * (n + 1)) * radial * angle)


def _gauss(nodes: int, start: float, stop: float) -> tuple[Floats, Floats]:
    places, weights = _legendre(nodes)
    half = (stop - start) / 2
    return start + half * (places + 1), half * weights


@lru_cache(maxsize=64)
def _legendre(nodes: int) -> tuple[Floats, Floats]:
    places, weights = np.polynomial.legendre.leggauss(nodes)
    return places, weights


def _aberrated(light: Harmonics, rho: Floats, zernike_rad: tuple[float, ...]) -> Harmonics:
    """Multiply light by the phases of aberrations, whose azimuthal orders add to its own."""
    used = [(FIRST_NOLL + i, rad) for i, rad in enumerate(zernike_rad) if rad != 0]
    if not used:
        return light
    azimuth = 2 * np.pi * np.arange(AZIMUTHS) / AZIMUTHS
    phase = sum(rad * zernike(noll, rho[:, None], azimuth[None]) for noll, rad in used)
    factors = np.fft.fft(np.exp(1j * np.asarray(phase)), axis=1) / AZIMUTHS
    seen = np.abs(factors).max(axis=0) > LEAST_HARMONIC
    out: Harmonics = {}
    for k in np.flatnonzero(seen):
        order = int(k) if k < AZIMUTHS // 2 else int(k) - AZIMUTHS
        for (component, own), amplitude in light.items():
            key = component, own + order
            out[key] = out.get(key, np.zeros(len(rho), complex)) + factors[:, k] * amplitude
    return out
