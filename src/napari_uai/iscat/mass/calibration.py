"""Calibration: from the contrasts of standards to the mass of any landing, with errors."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_uai.errors import BadValueError
from napari_uai.files import whole_file
from napari_uai.typing import Floats
from napari_uai.untrusted import parse_toml, read_text, refusing

FORMAT = "napari-uai calibration 1"
"""First entry of a calibration file; changes with the format."""

STANDARD_COLUMNS = ("name", "mass_kda", "contrast", "contrast_error", "fitted_contrast", "residual")
"""Columns of :attr:`Calibration.standards`."""

_NUMBERS = ("slope", "intercept", "slope_error", "intercept_error", "covariance")


@dataclass(frozen=True, eq=False)
class Calibration:
    """Linear relation of contrast and mass: ``|contrast| = slope * mass + intercept``.

    Attributes
    ----------
    slope
        Contrast per kDa, positive.
    intercept
        Contrast at mass 0.
    slope_error, intercept_error
        Standard errors.
    covariance
        Of slope and intercept.
    standards
        The standards it was fitted to: ``name, mass_kda, contrast, contrast_error``, and the
        ``fitted_contrast`` and ``residual`` (contrast minus fitted); empty if it was given.
    scatter
        Chi-square per degree of freedom; NaN if there is none. If it is above 1, the errors of the
        standards do not explain their scatter, and those of the fit have been enlarged by its root.

    Raises
    ------
    BadValueError
        If the slope is not positive, or a number is not finite.

    Examples
    --------
    >>> from napari_uai.iscat import mass
    >>> calibration = mass.Calibration(3.2e-5, slope_error=3.2e-7)
    >>> masses, errors = calibration.masses([-0.0032], [0.000032])
    >>> masses.round(1).tolist(), errors.round(2).tolist()
    ([100.0], [1.41])
    """

    slope: float
    intercept: float = 0.0
    slope_error: float = 0.0
    intercept_error: float = 0.0
    covariance: float = 0.0
    standards: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(columns=list(STANDARD_COLUMNS)), repr=False
    )
    scatter: float = float("nan")

    def __post_init__(self) -> None:
        for name in _NUMBERS:
            if not np.isfinite(getattr(self, name)):
                raise BadValueError(f"{name} of the calibration must be a number")
        if not self.slope > 0:
            raise BadValueError(
                f"the slope must be above 0 (contrast per kDa), got {self.slope:g}: "
                "contrasts of either sign count by their size"
            )
        if self.slope_error < 0 or self.intercept_error < 0:
            raise BadValueError("errors of a calibration must not be negative")

    def masses(
        self, contrasts: npt.ArrayLike, contrast_errors: npt.ArrayLike = 0.0
    ) -> tuple[Floats, Floats]:
        """Return masses and their errors, of measurement and calibration together.

        Parameters
        ----------
        contrasts
            Of either sign, shape (n,); their absolute values count.
        contrast_errors
            Standard errors, a number or shape (n,).

        Returns
        -------
        tuple of numpy.ndarray
            Masses and errors (kDa), shape (n,).
        """
        masses = (np.abs(np.asarray(contrasts, np.float64)) - self.intercept) / self.slope
        return masses, np.hypot(self.noise(contrast_errors), self.error_at(masses))

    def noise(self, contrast_errors: npt.ArrayLike) -> Floats:
        """Return the error of a mass that is due to the measurement of its contrast alone (kDa)."""
        return np.asarray(contrast_errors, np.float64) / self.slope

    def error_at(self, masses_kda: npt.ArrayLike) -> Floats:
        """Return the error of a mass that is due to the calibration alone (kDa).

        All landings share it, so that it does not become smaller by averaging.
        """
        mass = np.asarray(masses_kda, np.float64)
        variance = (
            self.intercept_error**2 + (mass * self.slope_error) ** 2 + 2 * mass * self.covariance
        )
        return np.asarray(np.sqrt(np.maximum(variance, 0)) / self.slope, np.float64)

    def contrasts(self, masses_kda: npt.ArrayLike) -> Floats:
        """Return the absolute contrast of masses (kDa)."""
        return self.slope * np.asarray(masses_kda, np.float64) + self.intercept


def fit_calibration(standards: pd.DataFrame, *, intercept: bool = False) -> Calibration:
    """Fit contrast against mass by weighted least squares.

    Parameters
    ----------
    standards
        One row per standard: ``mass_kda, contrast`` (all of one sign), and, if known,
        ``contrast_error`` and ``name``.
    intercept
        Whether to fit the contrast at mass 0, too; otherwise it is 0.

    Returns
    -------
    Calibration
        Errors follow from those of the standards, enlarged where the scatter about the line is
        larger; without errors, from the scatter alone, with equal weights.

    Raises
    ------
    BadValueError
        If a column is missing, there are too few standards, contrasts have both signs, or values
        are not positive numbers.

    Examples
    --------
    >>> import pandas as pd
    >>> from napari_uai.iscat import mass
    >>> standards = pd.DataFrame({"mass_kda": [66, 132, 480], "contrast": [0.0021, 0.0042, 0.0154]})
    >>> calibration = mass.fit_calibration(standards)
    >>> f"{calibration.slope:.2e} +- {calibration.slope_error:.0e} per kDa"
    '3.21e-05 +- 5e-08 per kDa'
    """
    masses, contrasts, errors = _checked_standards(standards)
    known = bool((errors > 0).all())
    with np.errstate(over="ignore", divide="ignore"):
        weights = 1 / errors**2 if known else np.ones_like(masses)
    design = np.column_stack((masses, np.ones_like(masses)))[:, : 1 + intercept]
    fitted, covariance, scatter = _line(design, contrasts, weights, known=known)
    names = standards["name"].astype(str) if "name" in standards else [""] * len(masses)
    table = pd.DataFrame(
        {
            "name": list(names),
            "mass_kda": masses,
            "contrast": contrasts,
            "contrast_error": errors if known else np.full_like(errors, np.nan),
            "fitted_contrast": design @ fitted,
            "residual": contrasts - design @ fitted,
        }
    )
    return Calibration(
        float(fitted[0]),
        float(fitted[1]) if intercept else 0.0,
        float(np.sqrt(covariance[0, 0])),
        float(np.sqrt(covariance[1, 1])) if intercept else 0.0,
        float(covariance[0, 1]) if intercept else 0.0,
        table,
        scatter if known else float("nan"),
    )


def _line(
    design: Floats, contrasts: Floats, weights: Floats, *, known: bool
) -> tuple[Floats, Floats, float]:
    """Return parameters, covariance, and chi-square per degree of freedom of a weighted line."""
    intercept = design.shape[1] == 2
    freedom = len(design) - design.shape[1]
    if freedom < 0 or (freedom == 0 and not known):
        needed = design.shape[1] + (not known)
        why = "" if known else "; without contrast_error, their scatter has to tell the errors"
        raise BadValueError(
            f"a calibration {'with' if intercept else 'without'} intercept needs at least "
            f"{needed} standards, got {len(design)}{why}"
        )
    with np.errstate(over="ignore", invalid="ignore"):
        normal = design.T @ (weights[:, None] * design)
    if not np.isfinite(normal).all():
        raise BadValueError("masses or errors of standards are too large or too small to be fitted")
    if np.linalg.matrix_rank(normal / np.abs(normal).max()) < len(normal):
        raise BadValueError("a calibration with intercept needs standards of different masses")
    covariance = np.linalg.inv(normal)
    fitted = covariance @ (design.T @ (weights * contrasts))
    residuals = contrasts - design @ fitted
    scatter = float((weights * residuals**2).sum() / freedom) if freedom else float("nan")
    enlarged = scatter if not known else max(1.0, scatter if freedom else 1.0)
    return fitted, np.asarray(covariance * enlarged, np.float64), scatter


def write_calibration(calibration: Calibration, path: str | Path) -> None:
    """Write a calibration as TOML, complete or not at all.

    Parameters
    ----------
    calibration
        To write.
    path
        File, replaced if it exists.

    Raises
    ------
    OutputError
        If it cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from napari_uai.iscat import mass
    >>> path = tempfile.mkdtemp() + "/calibration.toml"
    >>> mass.write_calibration(mass.Calibration(3.2e-5), path)
    >>> mass.read_calibration(path).slope
    3.2e-05
    """
    import tomli_w

    document: dict[str, Any] = {
        "format": FORMAT,
        "unit": "contrast per kDa",
        **{name: float(getattr(calibration, name)) for name in _NUMBERS},
    }
    if np.isfinite(calibration.scatter):
        document["scatter"] = float(calibration.scatter)
    document["standards"] = [
        {
            str(name): value
            for name, value in row.items()
            if isinstance(value, str) or np.isfinite(value)
        }
        for row in calibration.standards.to_dict("records")
    ]
    with whole_file(Path(path)) as partial:
        partial.write_text(tomli_w.dumps(document), encoding="utf-8")


def read_calibration(path: str | Path) -> Calibration:
    """Read a calibration that :func:`write_calibration` wrote.

    Parameters
    ----------
    path
        TOML file.

    Returns
    -------
    Calibration
        As written.

    Raises
    ------
    BadValueError
        If the file cannot be read, or is not a calibration.

    Examples
    --------
    >>> import tempfile
    >>> from napari_uai.iscat import mass
    >>> path = tempfile.mkdtemp() + "/calibration.toml"
    >>> mass.write_calibration(mass.Calibration(3.2e-5, slope_error=1e-7), path)
    >>> mass.read_calibration(path).slope_error
    1e-07
    """
    path = Path(path)
    try:
        text = read_text(path, error=BadValueError)
    except OSError as error:
        raise BadValueError(f"{path} cannot be read: {error.strerror or error}") from error
    document = parse_toml(text, path, error=BadValueError)
    if document.get("format") != FORMAT:
        raise BadValueError(
            f"{path} is not a calibration: choose a calibration.toml of napari-uai mass"
        )
    with refusing(path, "a calibration", error=BadValueError):
        rows = [{name: row.get(name, np.nan) for name in STANDARD_COLUMNS}
                for row in document.get("standards", [])]  # fmt: skip
        return Calibration(
            **{name: _number(path, name, document.get(name, 0.0)) for name in _NUMBERS},
            standards=pd.DataFrame(rows, columns=list(STANDARD_COLUMNS)),
            scatter=_number(path, "scatter", document.get("scatter", float("nan"))),
        )


def _number(path: Path, name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise BadValueError(f"{path}: {name} must be a number, got {value!r}")
    return float(value)


def _checked_standards(standards: pd.DataFrame) -> tuple[Floats, Floats, Floats]:
    """Return masses, absolute contrasts, and errors, which are 0 if unknown."""
    for name in ("mass_kda", "contrast"):
        if name not in standards:
            raise BadValueError(
                f"standards have no column {name}; they need mass_kda and contrast, and may have "
                "contrast_error and name"
            )
    unknown = pd.Series(0.0, standards.index)
    columns = (standards["mass_kda"], standards["contrast"], standards.get("contrast_error"))
    masses, contrasts, errors = (
        pd.to_numeric(unknown if each is None else each, errors="coerce").to_numpy(np.float64)
        for each in columns
    )
    errors = np.where(np.isnan(errors), 0.0, errors)
    if not (np.isfinite(masses) & (masses > 0)).all():
        raise BadValueError("masses of standards must be numbers above 0 (kDa)")
    if not (np.isfinite(contrasts) & (contrasts != 0)).all():
        raise BadValueError("contrasts of standards must be numbers other than 0")
    if len({*np.sign(contrasts)}) > 1:
        raise BadValueError("contrasts of standards have both signs: give those of one sign")
    if not (errors >= 0).all() or ((errors > 0).any() and not (errors > 0).all()):
        raise BadValueError("contrast_error must be above 0 for all standards, or left out")
    return masses, np.abs(contrasts), errors
