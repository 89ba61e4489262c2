"""Tables of spots that PiSCAT saved, as tables of this package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from napari_uai.errors import TableFormatError
from napari_uai.iscat.piscat.hdf5_tables import read_hdf5_table
from napari_uai.iscat.tables import DEGENERATE, FIT_COLUMNS, NOT_CONVERGED, OK, SPOT_COLUMNS
from napari_uai.typing import Floats, Ints
from napari_uai.untrusted import read_csv, refusing

HDF5 = b"\x89HDF\r\n\x1a\n"
"""The first bytes of a file."""

PARTICLE = "particle"
_PLACES = ("y", "x", "frame")
_LARGEST = 2.0**53
"""Whole numbers up to this one are exact."""


def read_piscat_table(path: str | Path, *, key: str = "") -> pd.DataFrame:
    r"""Read a table of spots that PiSCAT saved, and convert it to one of this package.

    Widths of fits are divided by the square root of 2, because the model of PiSCAT has no factor 2
    under the exponential. Fits that failed, or have no finite errors, have no values and a
    ``status`` that says so; PiSCAT gives them a ratio of widths of 1.

    Parameters
    ----------
    path
        csv (also packed with gz), or HDF5 as pandas writes it (``to_hdf``, both formats), or with a
        dataset per column. Columns ``y, x, frame``; with or without ``center_intensity``,
        ``sigma``, those of a fit, and ``particle``.
    key
        Name under which an HDF5 file has the table; needed if there are several.

    Returns
    -------
    pandas.DataFrame
        ``y, x, frame, center_intensity, sigma``, then the columns of a fit if there are any, as
        :func:`napari_uai.iscat.fit_spots` gives them (``R2`` is NaN: PiSCAT does not save it), then
        all other columns of numbers. ``center_intensity`` and ``sigma`` are NaN where they are not
        saved. Places are those of the file: if PiSCAT removed the status line of a camera, its
        first row or column is missing, too.

    Raises
    ------
    TableFormatError
        If the file cannot be read, is not such a table, or is one of this package.

    References
    ----------
    Mirzaalian Dastjerdi et al., PiSCAT, J. Open Source Softw. 7, 4024 (2022),
    doi:10.21105/joss.04024.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import napari_uai as uai
    >>> path = Path(tempfile.mkdtemp()) / "psfs.csv"
    >>> _ = path.write_text(
    ...     ",y,x,frame,center_intensity,sigma,particle\n"
    ...     "0,12,9,0,-0.004,1.7,0\n1,12,9,1,-0.005,1.7,0\n"
    ... )
    >>> uai.read_piscat_table(path)
          y    x  frame  center_intensity  sigma  particle
    0  12.0  9.0      0            -0.004    1.7         0
    1  12.0  9.0      1            -0.005    1.7         0
    """
    path = Path(path)
    if not is_hdf5(path):
        return converted(read_csv(path, error=TableFormatError), path)
    import h5py

    with (
        refusing(path, "a table in HDF5", error=TableFormatError),
        h5py.File(path, "r") as file,
    ):
        table = read_hdf5_table(path, file, key)
    return converted(table, path)


def is_hdf5(path: Path) -> bool:
    """Return whether a file begins as HDF5.

    Raises
    ------
    TableFormatError
        If it cannot be read.
    """
    with refusing(path, "a table", error=TableFormatError):
        if not path.is_file():
            reason = "is a folder: choose a file" if path.is_dir() else "does not exist"
            raise TableFormatError(f"{path} {reason}")
        with path.open("rb") as file:
            return file.read(len(HDF5)) == HDF5


def converted(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Return a table as this package has it.

    Raises
    ------
    TableFormatError
        If a column is missing or does not hold numbers.
    """
    if "status" in table.columns or "raw_frame" in table.columns:
        raise TableFormatError(
            f"{path} is a table of napari-uai: read it with pandas (csv) or h5py"
        )
    columns: dict[str, Any] = {name: _numbers(table, name, path) for name in _PLACES}
    for name in SPOT_COLUMNS[len(_PLACES) :]:
        known = name in table.columns
        columns[name] = _numbers(table, name, path) if known else np.full(len(table), np.nan)
    columns["frame"] = _whole(columns["frame"], "frame", path)
    if {*FIT_COLUMNS} <= {*table.columns}:
        columns |= _fits({name: _numbers(table, name, path) for name in FIT_COLUMNS})
    others = [
        name
        for name in table.columns
        if name not in columns
        and pd.api.types.is_numeric_dtype(table[name])
        and not str(name).startswith("Unnamed: ")
    ]
    columns |= {name: table[name].to_numpy() for name in others}
    if PARTICLE in columns:
        columns[PARTICLE] = _whole(_numbers(table, PARTICLE, path), PARTICLE, path)
    return pd.DataFrame(columns)


def _fits(fits: dict[str, Floats]) -> dict[str, Any]:
    """Return fits with widths as standard deviations, and a status."""
    converged = np.all([np.isfinite(fits[name]) for name in FIT_COLUMNS[1:7]], axis=0)
    good = converged & np.all([np.isfinite(fits[name]) for name in FIT_COLUMNS[7:]], axis=0)
    columns: dict[str, Any] = {}
    for name, values in fits.items():
        width = np.abs(values) / np.sqrt(2) if name.endswith("-Sigma") else values
        columns[name] = np.where(good, width, np.nan)
    columns["status"] = np.select([good, converged], [OK, DEGENERATE], NOT_CONVERGED)
    columns["R2"] = np.full(len(good), np.nan)
    return columns


def _numbers(table: pd.DataFrame, name: str, path: Path) -> Floats:
    if name not in table.columns:
        listed = ", ".join(map(str, table.columns))
        raise TableFormatError(
            f"{path} has no column {name} of numbers: not a table of spots ({listed})"
        )
    try:
        return pd.to_numeric(table[name]).to_numpy(np.float64)
    except (TypeError, ValueError):
        raise TableFormatError(f"{path}: {name} must contain numbers: save it again") from None


def _whole(values: Floats, name: str, path: Path) -> Ints:
    if not (np.isfinite(values) & (values == np.rint(values)) & (np.abs(values) < _LARGEST)).all():
        raise TableFormatError(f"{path}: {name} must contain whole numbers: save it again")
    return values.astype(np.int64)
