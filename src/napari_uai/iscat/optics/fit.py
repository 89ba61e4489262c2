"""Fit of the point-spread function to images of a particle through focus or height."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_uai.errors import BadValueError, nearest
from napari_uai.iscat.optics.interferometric import contrast_of, field_images, planes_of
from napari_uai.iscat.optics.microscope import FIRST_NOLL, SPHERICAL, Microscope
from napari_uai.monitor import SILENT, Monitor
from napari_uai.typing import Floats

if TYPE_CHECKING:
    import pandas as pd

OPTICAL = {
    "focus_offset_um": 5e-3,
    "height_offset_um": 5e-3,
    "numerical_aperture": 2e-3,
    "sample_index": 1e-3,
    "immersion_index": 1e-4,
    "coverslip_um": 0.1,
    "spherical_rad": 1e-2,
    "y": 0.02,
    "x": 0.02,
}
"""What changes the images themselves, and the step of its central difference."""

SCALES = ("amplitude", "phase_rad", "background")
"""What combines the images to contrasts, with derivatives in closed form."""

UNITS = {
    "focus_offset_um": "um",
    "height_offset_um": "um",
    "coverslip_um": "um",
    "spherical_rad": "rad",
    "phase_rad": "rad",
    "y": "px",
    "x": "px",
}

USUAL = (
    "focus_offset_um", "numerical_aperture", "spherical_rad", "amplitude", "phase_rad", "y", "x",
    "background",
)  # fmt: skip

START_SPAN_UM, START_STEPS = 0.5, 21
"""Focus offsets from which the best one, with the amplitude and phase it asks for, is the start:
the images repeat in focus with changes of phase, and have minima beside the true one."""

PLACE_SIGMA_PX = 1.5
"""Smoothing of the map of which the maximum is the place to begin with."""

USUAL_MODELS = 150
"""About as many models as a fit needs, for the progress."""

MOST_STEPS = 100


@dataclass(frozen=True, eq=False)
class PsfFit:
    """Point-spread function fitted to images of a particle.

    Attributes
    ----------
    table
        ``parameter``, ``value``, ``error`` (standard error; NaN if held), ``unit``, ``fitted``.
    covariance
        Of the fitted parameters in their order.
    microscope
        With the fitted optics.
    model
        Fitted images: planes, rows, columns.
    residual_deviation
        Standard deviation of the difference, with which errors are scaled.
    r2
        Share of the variance of the images that the model explains.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai.iscat.optics import Microscope, fit_psf_stack, interferometric_psf
    >>> focus = np.linspace(-0.6, 0.6, 9)
    >>> stack = interferometric_psf((15, 15), Microscope(), focus_um=focus, contrast=None)
    >>> fit = fit_psf_stack(stack, Microscope(), focus_um=focus, free=["amplitude", "phase_rad"])
    >>> round(fit.values["amplitude"], 4), fit.table.loc[0, "parameter"]
    (0.01, 'focus_offset_um')
    """

    table: pd.DataFrame
    covariance: Floats
    microscope: Microscope
    model: Floats
    residual_deviation: float
    r2: float

    @property
    def values(self) -> dict[str, float]:
        """Value by parameter."""
        return dict(zip(self.table["parameter"], self.table["value"], strict=True))

    @property
    def errors(self) -> dict[str, float]:
        """Standard error by parameter."""
        return dict(zip(self.table["parameter"], self.table["error"], strict=True))


def fit_psf_stack(
    stack: npt.ArrayLike,
    microscope: Microscope,
    *,
    focus_um: npt.ArrayLike = 0.0,
    height_um: npt.ArrayLike = 0.0,
    free: Sequence[str] = USUAL,
    start: Mapping[str, float] | None = None,
    monitor: Monitor = SILENT,
) -> PsfFit:
    """Fit optics, phase and place to images of one particle through focus or height.

    Least squares of contrasts, all pixels with the same weight. Standard errors are those of the
    covariance, with the noise estimated from the residuals.

    Parameters
    ----------
    stack
        Contrasts (intensity over that of the background, minus 1): planes, rows, columns.
    microscope
        What is known of the optics, and where the fit begins.
    focus_um, height_um
        Positions of the stage at each plane, and height of the particle, as in
        :func:`interferometric_psf`; offsets of either can be fitted.
    free
        Parameters to fit: ``focus_offset_um``, ``height_offset_um``, ``numerical_aperture``,
        ``sample_index``, ``immersion_index``, ``coverslip_um``, ``spherical_rad`` (primary
        spherical aberration, root mean square), ``y``, ``x``, ``amplitude``, ``phase_rad``,
        ``background``. All others are held.
    start
        Values of parameters to begin with, or at which they are held. If it has none for focus
        offset, amplitude and phase, the best of a grid of focus offsets is taken.
    monitor
        Progress and cancellation, once per step.

    Returns
    -------
    PsfFit
        Values with standard errors, and the fitted images.

    Raises
    ------
    BadValueError
        If shapes do not fit, a name is unknown, or pixels are not finite.
    CancelledError
        If cancelled by the monitor.

    Warnings
    --------
    Few planes do not tell what similar parameters do: thickness of the coverslip, index of the
    immersion and spherical aberration change the images alike, and errors are then large.

    References
    ----------
    R. Gholami Mahmoodabadi et al., Opt. Express 28, 25969 (2020), doi:10.1364/OE.401374; K.
    Levenberg, Q. Appl. Math. 2, 164 (1944), doi:10.1090/qam/10666.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai.iscat.optics import Microscope, fit_psf_stack, interferometric_psf
    >>> focus, optics = np.linspace(-0.6, 0.6, 9), Microscope(polarization="scalar")
    >>> stack = interferometric_psf((17, 17), optics, focus_um=focus + 0.1, contrast=None)
    >>> stack += np.random.default_rng(0).normal(0, 2e-4, stack.shape)
    >>> fit = fit_psf_stack(stack, optics, focus_um=focus, free=["focus_offset_um", "phase_rad"])
    >>> bool(abs(fit.values["focus_offset_um"] - 0.1) < 4 * fit.errors["focus_offset_um"])
    True
    """
    from scipy.optimize import least_squares

    images = _images(stack)
    focus, height = planes_of(focus_um, height_um)
    if focus.size != len(images):
        raise BadValueError(
            f"focus_um and height_um state {focus.size} planes, the stack has {len(images)}"
        )
    model = _Model(microscope, images.shape[1:], focus.ravel(), height.ravel(), monitor)
    names = _checked_names(free, start or {})
    values = model.defaults | _place_of(images) | dict(start or {})
    if not {"focus_offset_um", "amplitude", "phase_rad"} & set(start or {}):
        values = _grid_start(model, images, values, names)
    begin = np.array([values[name] for name in names])
    lower, upper = model.bounds(names, values)

    def residuals(p: Floats) -> Floats:
        return (model.images(values | dict(zip(names, p, strict=True))) - images).ravel()

    def jacobian(p: Floats) -> Floats:
        return model.jacobian(values | dict(zip(names, p, strict=True)), names)

    found = least_squares(
        residuals, np.clip(begin, lower, upper), jac=jacobian, bounds=(lower, upper),
        x_scale="jac", max_nfev=MOST_STEPS,
    )  # fmt: skip
    values |= {name: float(value) for name, value in zip(names, found.x, strict=True)}
    values["phase_rad"] %= 2 * np.pi
    return _result(model, images, values, names, model.jacobian(values, names))


class _Model:
    """Images of a particle as a function of parameters by name."""

    def __init__(
        self,
        microscope: Microscope,
        shape: tuple[int, ...],
        focus_um: Floats,
        height_um: Floats,
        monitor: Monitor,
    ) -> None:
        self._microscope = microscope
        self._shape = (shape[0], shape[1])
        self._focus, self._height = focus_um, height_um
        self._monitor = monitor
        self._kept: dict[tuple[float, ...], Floats] = {}
        self._asked = 0

    @cached_property
    def defaults(self) -> dict[str, float]:
        """Values of all parameters to begin with."""
        m = self._microscope
        return {
            "focus_offset_um": 0.0,
            "height_offset_um": 0.0,
            "numerical_aperture": m.numerical_aperture,
            "sample_index": m.sample_index,
            "immersion_index": m.immersion_index,
            "coverslip_um": m.coverslip_um,
            "spherical_rad": self._zernike[SPHERICAL - FIRST_NOLL],
            "y": (self._shape[0] - 1) / 2,
            "x": (self._shape[1] - 1) / 2,
            "amplitude": 0.01,
            "phase_rad": np.pi,
            "background": 0.0,
        }

    @property
    def _zernike(self) -> tuple[float, ...]:
        given = self._microscope.zernike_rad
        return given + (0.0,) * (SPHERICAL - FIRST_NOLL + 1 - len(given))

    def bounds(self, names: Sequence[str], values: Mapping[str, float]) -> tuple[Floats, Floats]:
        """Return where each parameter may be."""
        m, aperture = self._microscope, values["numerical_aperture"]
        immersion = values["immersion_index"]
        if {"numerical_aperture", "immersion_index"} <= set(names):  # these must not meet
            immersion = (aperture + immersion) / 2
        indices = (immersion, m.coverslip_index, m.design[0], m.design[2])
        most_aperture = min(indices) - 2 * OPTICAL["numerical_aperture"]
        least_immersion = max(aperture, immersion if "numerical_aperture" in names else 0.0)
        rows, columns = self._shape
        limits = {
            "height_offset_um": (2 * OPTICAL["height_offset_um"] - self._height.min(), np.inf),
            "numerical_aperture": (0.05, most_aperture),
            "sample_index": (1.01, 3.9),
            "immersion_index": (least_immersion + 0.001, 3.9),
            "coverslip_um": (0.2, np.inf),
            "y": (-0.5, rows - 0.5),
            "x": (-0.5, columns - 0.5),
            "amplitude": (0.0, np.inf),
        }
        pairs = np.array([limits.get(name, (-np.inf, np.inf)) for name in names])
        return pairs[:, 0], pairs[:, 1]

    def microscope(self, values: Mapping[str, float]) -> Microscope:
        """Return the microscope with the optics of parameters."""
        names = ("numerical_aperture", "sample_index", "immersion_index", "coverslip_um")
        m = self._microscope
        coverslip_index, coverslip_um, immersion_index, _ = m.design
        zernike = list(self._zernike)
        zernike[SPHERICAL - FIRST_NOLL] = values["spherical_rad"]
        changes: dict[str, Any] = {name: float(values[name]) for name in names}
        return replace(
            m, **changes, zernike_rad=tuple(zernike), design_coverslip_index=coverslip_index,
            design_coverslip_um=coverslip_um, design_immersion_index=immersion_index,
        )  # fmt: skip

    def parts(self, values: Mapping[str, float]) -> Floats:
        """Return what contrasts are made of; the last few are kept."""
        key = tuple(values[name] for name in OPTICAL)
        if key not in self._kept:
            self._monitor.update(self._asked / (self._asked + USUAL_MODELS), "fit")
            self._asked += 1
            if len(self._kept) > 2:
                self._kept.clear()
            self._kept[key] = field_images(
                self._shape, self.microscope(values), self._focus + values["focus_offset_um"],
                np.maximum(self._height + values["height_offset_um"], 0.0),
                (values["y"], values["x"]),
            )  # fmt: skip
        return self._kept[key]

    def images(self, values: Mapping[str, float]) -> Floats:
        """Return contrasts."""
        contrast = contrast_of(self.parts(values), values["amplitude"], values["phase_rad"])
        return np.asarray(contrast + values["background"])

    def jacobian(self, values: Mapping[str, float], names: Sequence[str]) -> Floats:
        """Return the derivatives of the contrasts: pixels, parameters."""
        amplitude, phase = values["amplitude"], values["phase_rad"]
        real, imaginary, square = self.parts(values)
        cos, sin = np.cos(phase), np.sin(phase)
        closed = {
            "amplitude": 2 * (cos * real - sin * imaginary) + 2 * amplitude * square,
            "phase_rad": -2 * amplitude * (sin * real + cos * imaginary),
            "background": np.ones_like(real),
        }
        columns = []
        for name in names:
            if name in closed:
                columns.append(closed[name].ravel())
                continue
            step = OPTICAL[name]
            high, low = (
                self.images({**values, name: values[name] + side}) for side in (step, -step)
            )
            columns.append((high - low).ravel() / (2 * step))
        return np.stack(columns, axis=1)


def _place_of(images: Floats) -> dict[str, float]:
    """Return where the particle is, to a pixel or two: there contrasts are strongest."""
    from scipy.ndimage import gaussian_filter

    background = np.median(images, axis=(1, 2), keepdims=True)
    power = gaussian_filter(np.mean((images - background) ** 2, axis=0), PLACE_SIGMA_PX)
    y, x = np.unravel_index(np.argmax(power), power.shape)
    return {"y": float(y), "x": float(x)}


def _grid_start(
    model: _Model, images: Floats, values: dict[str, float], names: Sequence[str]
) -> dict[str, float]:
    """Return the focus offset that explains most, with its amplitude and phase."""
    offsets = np.linspace(-START_SPAN_UM, START_SPAN_UM, START_STEPS)
    best, chosen = np.inf, values
    for offset in offsets if "focus_offset_um" in names else [0.0]:
        tried = values | {"focus_offset_um": float(offset)}
        real, imaginary, _ = model.parts(tried)
        columns = np.stack([2 * real.ravel(), -2 * imaginary.ravel(), np.ones(images.size)], axis=1)
        (c, s, background), *_ = np.linalg.lstsq(columns, images.ravel(), rcond=None)
        left = float(np.sum((columns @ [c, s, background] - images.ravel()) ** 2))
        if left < best:
            phase = float(np.arctan2(s, c) % (2 * np.pi))
            found = {"amplitude": float(np.hypot(c, s)), "phase_rad": phase}
            best, chosen = left, tried | found | {"background": float(background)}
    kept = {name: values[name] for name in SCALES if name not in names}
    return chosen | kept


def _result(
    model: _Model, images: Floats, values: dict[str, float], names: Sequence[str], jac: Floats
) -> PsfFit:
    import pandas as pd

    fitted = model.images(values)
    left = fitted - images
    variance = float(np.sum(left**2)) / max(images.size - len(names), 1)
    covariance = np.asarray(variance * np.linalg.pinv(jac.T @ jac), np.float64)
    errors = dict(zip(names, np.sqrt(np.diag(covariance)), strict=True))
    table = pd.DataFrame(
        {
            "parameter": list(values),
            "value": list(values.values()),
            "error": [float(errors.get(name, np.nan)) for name in values],
            "unit": [UNITS.get(name, "") for name in values],
            "fitted": [name in errors for name in values],
        }
    )
    r2 = 1 - float(np.sum(left**2) / np.sum((images - images.mean()) ** 2))
    return PsfFit(table, covariance, model.microscope(values), fitted, float(np.sqrt(variance)), r2)


def _images(stack: npt.ArrayLike) -> Floats:
    images = np.asarray(stack, np.float64)
    if images.ndim != 3 or min(images.shape) < 1:
        raise BadValueError(f"a stack must be planes, rows, columns, got shape {images.shape}")
    if not np.isfinite(images).all():
        raise BadValueError("the stack contains NaN or infinite pixels")
    if np.ptp(images) == 0:
        raise BadValueError("all pixels of the stack are the same")
    return images


def _checked_names(free: Sequence[str], start: Mapping[str, float]) -> list[str]:
    known = [*OPTICAL, *SCALES]
    for name in (*free, *start):
        if name not in known:
            raise BadValueError(f"no parameter {name!r}; {nearest(name, known)}")
    if not free:
        raise BadValueError("free must name at least one parameter")
    return list(dict.fromkeys(free))
