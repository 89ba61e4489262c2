"""The microscope of an interferometric point-spread function: objective, layers, polarisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Gt, Le, Unit

from napari_uai.errors import BadValueError
from napari_uai.parameters import check_settings

Polarization = Literal["circular", "x", "y", "scalar"]

NOLL_ORDERS = (
    (0, 0), (1, 1), (1, -1), (2, 0), (2, -2), (2, 2), (3, -1), (3, 1), (3, -3), (3, 3), (4, 0),
    (4, 2), (4, -2), (4, 4), (4, -4), (5, 1), (5, -1), (5, 3), (5, -3), (5, 5), (5, -5), (6, 0),
)  # fmt: skip
"""Radial and azimuthal order of the Zernike polynomials in the order of Noll, from index 1."""

FIRST_NOLL = 5
"""Index of the first one that is an aberration: the four before shift the image or the focus."""

SPHERICAL = 11
"""Index of primary spherical aberration."""


@dataclass(frozen=True)
class Microscope:
    """Objective, layers and polarisation, which determine the image of a point in iSCAT.

    The layers are those of Gibson & Lanni [1]_: immersion, coverslip and sample. The objective is
    free of aberrations for a point on a coverslip of its design; what differs from the design
    aberrates.

    Parameters
    ----------
    numerical_aperture
        Of the objective, below the refractive indices of immersion and coverslip.
    wavelength_um
        Wavelength in vacuum.
    pixel_size_um
        Size of a pixel in the sample.
    polarization
        Polarisation of the light on the sample: circular, or linear along columns (``x``) or rows
        (``y``), for the vectorial model; or ``scalar``, which neglects it.
    sample_index, coverslip_index, immersion_index
        Refractive indices.
    design_coverslip_index, design_immersion_index
        Those that the objective is made for; by default they are the actual ones.
    coverslip_um
        Thickness of the coverslip.
    design_coverslip_um
        That for which the objective is made or its collar is set; by default the actual one.
    design_immersion_um
        Thickness of the immersion by design, the working distance; it matters if indices differ.
    zernike_rad
        Further aberrations: root mean square phases of the Zernike polynomials of Noll index 5, 6,
        ... (astigmatism, coma, trefoil; the seventh is primary spherical aberration).

    References
    ----------
    .. [1] S. F. Gibson, F. Lanni, "Experimental test of an analytical model of aberration in an
       oil-immersion objective lens used in three-dimensional light microscopy", J. Opt. Soc. Am. A
       9, 154-166 (1992). https://doi.org/10.1364/JOSAA.9.000154

    Examples
    --------
    >>> from napari_uai.iscat.optics import Microscope
    >>> Microscope(numerical_aperture=1.3, wavelength_um=0.525).sample_index
    1.33
    >>> Microscope(numerical_aperture=1.6)
    Traceback (most recent call last):
    ...
    napari_uai.errors.BadValueError: numerical_aperture must be below immersion_index (1.518), got 1.6
    """  # noqa: E501  # the message is one line

    numerical_aperture: Annotated[float, Gt(0)] = 1.4
    wavelength_um: Annotated[float, Gt(0), Unit("um")] = 0.42
    pixel_size_um: Annotated[float, Gt(0), Unit("um")] = 0.0437
    polarization: Polarization = "circular"
    sample_index: Annotated[float, Ge(1), Le(4)] = 1.33
    coverslip_index: Annotated[float, Ge(1), Le(4)] = 1.523
    immersion_index: Annotated[float, Ge(1), Le(4)] = 1.518
    design_coverslip_index: Annotated[float, Ge(1), Le(4)] | None = None
    design_immersion_index: Annotated[float, Ge(1), Le(4)] | None = None
    coverslip_um: Annotated[float, Ge(0), Unit("um")] = 170.0
    design_coverslip_um: Annotated[float, Ge(0), Unit("um")] | None = None
    design_immersion_um: Annotated[float, Gt(0), Unit("um")] = 150.0
    zernike_rad: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        check_settings(self)
        names = ("immersion_index", "coverslip_index")
        for name in (*names, *(f"design_{name}" for name in names)):
            index = getattr(self, name)
            if index is not None and self.numerical_aperture >= index:
                raise BadValueError(
                    f"numerical_aperture must be below {name} ({index:g}), got "
                    f"{self.numerical_aperture:g}"
                )
        most = len(NOLL_ORDERS) - FIRST_NOLL + 1
        if len(self.zernike_rad) > most:
            raise BadValueError(
                f"zernike_rad must have at most {most} numbers (Noll index {FIRST_NOLL} to "
                f"{len(NOLL_ORDERS)}), got {len(self.zernike_rad)}"
            )

    @property
    def wave_number(self) -> float:
        """Wave number in vacuum (radians per um)."""
        return 2 * np.pi / self.wavelength_um

    @property
    def design(self) -> tuple[float, float, float, float]:
        """Index and thickness of coverslip and immersion by design."""

        def stated(value: float | None, actual: float) -> float:
            return actual if value is None else value

        return (
            stated(self.design_coverslip_index, self.coverslip_index),
            stated(self.design_coverslip_um, self.coverslip_um),
            stated(self.design_immersion_index, self.immersion_index),
            self.design_immersion_um,
        )

    @property
    def immersion_um(self) -> float:
        """Thickness of the immersion if a point on the coverslip is in (paraxial) focus."""
        coverslip_index, coverslip_um, immersion_index, immersion_um = self.design
        reduced = immersion_um / immersion_index + coverslip_um / coverslip_index
        left = reduced - self.coverslip_um / self.coverslip_index
        if left <= 0:
            raise BadValueError(
                f"coverslip_um {self.coverslip_um:g} leaves no room for the immersion: it must be "
                f"below {reduced * self.coverslip_index:g} (um)"
            )
        return self.immersion_index * left

    @property
    def airy_um(self) -> float:
        """Distance over which the argument of the Airy pattern grows by 1."""
        return 1 / (self.wave_number * self.numerical_aperture)
