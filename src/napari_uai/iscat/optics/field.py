"""The scattered field in the image, along the radius and averaged over pixels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.special import jv

from napari_uai.compiled import kernel
from napari_uai.iscat.kernels.matmul import row_products
from napari_uai.iscat.optics.microscope import Microscope
from napari_uai.iscat.optics.pupil import Complexes, Pupil, nodes_for
from napari_uai.monitor import raise_if_cancelled
from napari_uai.typing import Floats, Ints

STEP_AIRY = 0.1
"""Spacing of the radial spline in units of the Airy argument: interpolation within 1e-6."""


@dataclass(frozen=True)
class RadialField:
    """Scattered field along the radius, for each plane: a sum of terms exp(i m azimuth).

    Attributes
    ----------
    components
        Component of each term: 0 as the reference, 1 across.
    orders
        Azimuthal order m of each term.
    values
        Terms, radii, planes.
    step_um
        Distance of two radii.
    """

    components: Ints
    orders: Ints
    values: Complexes
    step_um: float

    @classmethod
    def of(
        cls, microscope: Microscope, focus_um: Floats, height_um: Floats, radius_um: float
    ) -> RadialField:
        """Return the field of a particle up to a radius; 1 at the centre if nothing aberrates."""
        step = STEP_AIRY * microscope.airy_um
        count = int(np.ceil(radius_um / step)) + 4
        reach = count * STEP_AIRY
        nodes = nodes_for(microscope, focus_um, height_um, reach)
        pupil = Pupil.of(microscope, nodes)
        harmonics = pupil.harmonics(microscope)
        way = np.exp(1j * pupil.phases(microscope, focus_um, height_um))
        argument = (np.arange(count) * STEP_AIRY)[:, None] * pupil.rho
        values = np.empty((len(harmonics), count, len(way)), complex)
        for i, ((_, order), amplitude) in enumerate(harmonics.items()):
            raise_if_cancelled()
            bessel, light = _bessel(abs(order), argument), way * (amplitude * pupil.weights)
            integral = row_products(bessel, light.real) + 1j * row_products(bessel, light.imag)
            # J of order -m is (-1)^m times that of order m.
            values[i] = 1j ** abs(order) * integral
        components, orders = np.array(list(harmonics), np.int64).T
        return cls(components, orders, values, step)

    def images(
        self, shape: tuple[int, int], y: float, x: float, pixel_um: float, airy_um: float
    ) -> Floats:
        """Average over the pixels of images of a point at (y, x) px.

        Returns
        -------
        ndarray
            3, planes, rows, columns: real and imaginary part of the component like the reference,
            and the square of the whole field.
        """
        places, weights = np.polynomial.legendre.leggauss(3 + int(np.ceil(pixel_um / airy_um / 2)))
        rows, columns = (
            ((np.arange(n)[:, None] - centre) + places / 2) * pixel_um
            for n, centre in zip(shape, (y, x), strict=True)
        )
        spline = CubicSpline(np.arange(self.values.shape[1]), self.values, axis=1)
        # Radii, terms, powers, planes: what one point reads lies together.
        coefficients = np.ascontiguousarray(spline.c.transpose(1, 2, 0, 3))
        out = np.zeros((3, *shape, self.values.shape[2]))
        _pixel_means(
            coefficients, self.components, self.orders, 1 / self.step_um, rows, columns,
            weights / 2, out,
        )  # fmt: skip
        return out.transpose(0, 3, 1, 2)


@lru_cache(maxsize=8)
def _bessel_at(order: int, shape: tuple[int, int], argument: bytes) -> Floats:
    return np.asarray(jv(order, np.frombuffer(argument).reshape(shape)))


def _bessel(order: int, argument: Floats) -> Floats:
    """Return Bessel functions; those of a fit, which asks again and again, are kept."""
    return _bessel_at(order, argument.shape, argument.tobytes())


@kernel
def _pixel_means(
    coefficients: Complexes,
    components: Ints,
    orders: Ints,
    per_um: float,
    rows: Floats,
    columns: Floats,
    weights: Floats,
    out: Floats,
) -> None:
    """Add the field at each point of each pixel to the images: 3, rows, columns, planes."""
    terms, planes = components.size, out.shape[3]
    field = np.zeros((2, planes), np.complex128)
    for i in range(rows.shape[0]):
        for j in range(columns.shape[0]):
            for a in range(weights.size):
                for b in range(weights.size):
                    dy, dx = rows[i, a], columns[j, b]
                    place = np.sqrt(dy * dy + dx * dx) * per_um
                    knot = min(int(place), coefficients.shape[0] - 1)
                    t = place - knot
                    azimuth = np.arctan2(dy, dx)
                    weight = weights[a] * weights[b]
                    field[:] = 0
                    for k in range(terms):
                        turn = np.exp(1j * orders[k] * azimuth)
                        c = coefficients[knot, k]
                        own = field[components[k]]
                        for p in range(planes):
                            own[p] += turn * (((c[0, p] * t + c[1, p]) * t + c[2, p]) * t + c[3, p])
                    like, across = field[0], field[1]
                    for p in range(planes):
                        out[0, i, j, p] += weight * like[p].real
                        out[1, i, j, p] += weight * like[p].imag
                        out[2, i, j, p] += weight * (
                            like[p].real ** 2
                            + like[p].imag ** 2
                            + across[p].real ** 2
                            + across[p].imag ** 2
                        )
