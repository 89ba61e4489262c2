"""Masses of landings."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Unit

from napari_uai.errors import BadValueError
from napari_uai.iscat.mass.calibration import Calibration, read_calibration
from napari_uai.iscat.tables import require_columns
from napari_uai.stages import stage

MASS_COLUMNS = ("mass_kda", "mass_error_kda", "mass_noise_kda")
"""Columns that :func:`landing_masses` adds."""


@stage(
    "Masses of landings",
    menu="measure",
    methods="The contrast of each landing was converted to a mass by a linear calibration, the "
    "errors of both included",
)
def landing_masses(
    landings: pd.DataFrame,
    *,
    calibration: str = "",
    contrast_per_kda: Annotated[float, Gt(0), Unit("1/kDa")] | None = None,
    contrast_per_kda_error: Annotated[float, Ge(0), Unit("1/kDa")] = 0.0,
) -> pd.DataFrame:
    """Convert contrasts to masses with a calibration.

    Contrasts of either sign count by their size: ``mass = (|contrast| - intercept) / slope``.

    Parameters
    ----------
    landings
        ``contrast``, and ``contrast_error`` if known.
    calibration
        File written by ``napari-uai mass`` or :func:`~napari_uai.iscat.mass.write_calibration`.
    contrast_per_kda
        Slope, if there is no such file; a protein of 100 kDa has about 3.2e-3 on common
        instruments, but calibrate your own.
    contrast_per_kda_error
        Standard error of that slope.

    Returns
    -------
    pandas.DataFrame
        ``landings`` with ``mass_kda``; its error ``mass_error_kda``, of measurement and calibration
        together; and ``mass_noise_kda``, of the measurement alone. Errors are NaN if there is no
        ``contrast_error``.

    Raises
    ------
    BadValueError
        If neither or both of ``calibration`` and ``contrast_per_kda`` are given, the file is not a
        calibration, or a column is missing.

    Examples
    --------
    >>> import pandas as pd
    >>> from napari_uai import iscat
    >>> landings = pd.DataFrame({"contrast": [-0.0032], "contrast_error": [0.00016]})
    >>> table = iscat.landing_masses(landings, contrast_per_kda=3.2e-5)
    >>> table[["mass_kda", "mass_error_kda"]].round(1).values.tolist()
    [[100.0, 5.0]]
    """
    if bool(calibration) == (contrast_per_kda is not None):
        raise BadValueError(
            "give either calibration (a file of napari-uai mass) or contrast_per_kda"
        )
    if contrast_per_kda is None:
        return add_masses(landings, read_calibration(calibration))
    return add_masses(landings, Calibration(contrast_per_kda, slope_error=contrast_per_kda_error))


def add_masses(landings: pd.DataFrame, calibration: Calibration) -> pd.DataFrame:
    """Add the columns of :func:`landing_masses` with a calibration in memory."""
    require_columns(landings, "contrast")
    errors = (
        landings["contrast_error"].to_numpy(np.float64)
        if "contrast_error" in landings
        else np.full(len(landings), np.nan)
    )
    masses, total = calibration.masses(landings["contrast"].to_numpy(np.float64), errors)
    out = landings.reset_index(drop=True).copy()
    out[list(MASS_COLUMNS)] = np.column_stack((masses, total, calibration.noise(errors)))
    return out
