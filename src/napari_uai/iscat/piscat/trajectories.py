"""Trajectories that PiSCAT saved: a spot per localisation, and a contrast trace per particle."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from napari_uai.errors import TableFormatError, counted
from napari_uai.iscat.piscat.mat_cells import Cell, read_cells
from napari_uai.iscat.piscat.spots import PARTICLE, converted, is_hdf5
from napari_uai.iscat.tables import FIT_COLUMNS
from napari_uai.limits import CHUNK_BYTES, COLUMNS
from napari_uai.typing import AnyArray, Floats
from napari_uai.untrusted import refusing
from napari_uai.videos.readers.hdf5 import is_inside, small_array

_FIT_KEYS = (
    *("fit_intensity", "fit_x", "fit_y", "fit_X_sigma", "fit_Y_sigma", "fit_Bias"),
    *("fit_intensity_error", "fit_x_error", "fit_y_error"),
    *("fit_X_sigma_error", "fit_Y_sigma_error", "fit_Bias_error"),
)
"""Names of :data:`FIT_COLUMNS` after the first, in HDF5."""

_KEYS = (
    *("intensity_horizontal", "intensity_vertical", "center_int", "center_int_flow"),
    *("frame_number", "frame_number_flow", "sigma", "x_center", "y_center", "particle_ID"),
    *_FIT_KEYS,
)
"""Order of the items of a particle in lists."""

_NEEDED = ("frame_number", "y_center", "x_center")
_GROUP = re.compile(r"#(\d+)")

Particle = dict[str, Floats]


@dataclass(frozen=True, eq=False)
class PiscatTrajectories:
    """Trajectories of particles, as tables of this package.

    Attributes
    ----------
    spots
        A row per localisation, as of :func:`napari_uai.iscat.link_spots`: ``y, x, frame,
        center_intensity, sigma``, the columns of a fit if there are any, ``particle``.
    landings
        A row per particle: ``landing`` (its number), ``frame`` and ``contrast`` of the extremum at
        its centre while it is localised, which noise biases to larger values, median ``y, x``,
        and ``n_localizations``.
    traces
        ``landing, frame, contrast``: the contrast at the first place of each particle, also before
        and after it is localised. With ``landings``, the input of
        :func:`napari_uai.iscat.measure_contrasts`.

    Examples
    --------
    >>> import napari_uai as uai
    >>> "traces" in uai.PiscatTrajectories.__dataclass_fields__
    True
    """

    spots: pd.DataFrame
    landings: pd.DataFrame
    traces: pd.DataFrame

    def __len__(self) -> int:
        return len(self.landings)


def read_piscat_trajectories(path: str | Path) -> PiscatTrajectories:
    """Read the trajectories that PiSCAT saved in HDF5 or mat.

    Widths of fits are converted as in :func:`napari_uai.read_piscat_table`. The horizontal and
    vertical profiles of particles are not read.

    Parameters
    ----------
    path
        HDF5 with a group per particle (``#0``, ``#1``, ...), or mat with a cell per particle.

    Returns
    -------
    PiscatTrajectories
        Spots, landings and traces; frames are those of the rolling average. Particles are
        renumbered in the order of the file if two have the same number.

    Raises
    ------
    TableFormatError
        If the file cannot be read, or holds no trajectories.

    References
    ----------
    Mirzaalian Dastjerdi et al., PiSCAT, J. Open Source Softw. 7, 4024 (2022),
    doi:10.21105/joss.04024.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import h5py
    >>> import napari_uai as uai
    >>> path = Path(tempfile.mkdtemp()) / "trajectories.h5"
    >>> with h5py.File(path, "w") as file:
    ...     particle = file.create_group("#0")
    ...     for name, values in {
    ...         "frame_number": [4, 5, 6], "x_center": [9, 9, 9], "y_center": [12, 12, 12],
    ...         "center_int": [-0.001, -0.003, -0.002], "particle_ID": [7],
    ...     }.items():
    ...         particle[name] = values
    >>> uai.read_piscat_trajectories(path).landings
       landing  frame     y    x  contrast  n_localizations
    0        7      5  12.0  9.0    -0.003                3
    """
    path = Path(path)
    if not is_hdf5(path):
        return _joined(path, [*map(partial(_listed, path), _particles_of(path))])
    import h5py

    with (
        refusing(path, "trajectories in HDF5", error=TableFormatError),
        h5py.File(path, "r") as file,
    ):
        particles = [*_groups(path, file)]
    return _joined(path, particles)


def has_trajectories(file: Any) -> bool:
    """Return whether an open HDF5 file has groups of particles; only names are read."""
    import h5py

    for name in file:
        if not _GROUP.fullmatch(name):
            return False
        group = file.get(name) if is_inside(file, name) else None
        return isinstance(group, h5py.Group) and {*_NEEDED} <= {*group}
    return False


def _groups(path: Path, file: Any) -> Iterator[Particle]:
    import h5py

    names = [name for name in file if _GROUP.fullmatch(name)]
    COLUMNS.check(path, len(names), "contains particles:", error=TableFormatError)
    total = 0
    for name in sorted(names, key=lambda name: (len(name), name)):
        group = file.get(name) if is_inside(file, name) else None
        if not isinstance(group, h5py.Group):
            continue
        particle: Particle = {}
        for key in _KEYS[2:]:
            values = small_array(path, group, key, error=TableFormatError)
            if values is not None:
                particle[key] = _flat(values)
                total += values.nbytes
                CHUNK_BYTES.check(path, total, "has trajectories of", error=TableFormatError)
        yield particle


def _particles_of(path: Path) -> list[Cell]:
    """Return the cell of each particle in a mat file."""
    cells = read_cells(path)
    # Lists of lists of different lengths may be stored as one cell per particle, or as one array
    # of cells with a row per particle.
    if cells and not any(isinstance(each, Cell) for each in cells.items):
        n = cells.shape[1] if len(cells.shape) == 2 else 0
        if n not in (10, len(_KEYS)):
            return []
        rows = np.arange(len(cells.items)).reshape(cells.shape, order="F")
        return [Cell((1, n), [cells.items[i] for i in row]) for row in rows]
    return [each for each in cells.items if isinstance(each, Cell)]


def _listed(path: Path, cell: Cell) -> Particle:
    """Return the arrays of a particle by name."""
    if len(cell.items) not in (10, len(_KEYS)):
        raise TableFormatError(
            f"{path}: a particle has {counted(len(cell.items), 'item')} instead of 10 or "
            f"{len(_KEYS)}: not trajectories of PiSCAT"
        )
    return {
        key: _flat(values)
        for key, values in zip(_KEYS, cell.items, strict=False)
        if isinstance(values, np.ndarray)
    }


def _flat(values: AnyArray) -> Floats:
    return np.asarray(values, np.float64).ravel()


def _joined(path: Path, particles: list[Particle]) -> PiscatTrajectories:
    """Return the tables of all particles."""
    if not particles:
        raise TableFormatError(
            f"{path} contains no trajectories: choose the file that PiSCAT saved them in, or read "
            "spots with read_piscat_table"
        )
    spots = [_spots(path, i, particle) for i, particle in enumerate(particles)]
    numbers = [p["particle_ID"][0] if p.get("particle_ID", _NONE).size else np.nan
               for p in particles]  # fmt: skip
    known = np.isfinite(numbers).all() and len({*numbers}) == len(numbers)
    ids = numbers if known else [*range(len(numbers))]
    table = pd.concat(
        [each.assign(**{PARTICLE: i}) for each, i in zip(spots, ids, strict=True)],
        ignore_index=True,
    )
    table = converted(table, path)
    traces = [_trace(path, i, p) for i, p in zip(ids, particles, strict=True)]
    return PiscatTrajectories(
        table, _landings(table), pd.concat(traces, ignore_index=True).astype(_TRACE_TYPES)
    )


_NONE = np.empty(0)
_TRACE_TYPES = {"landing": np.int64, "frame": np.int64, "contrast": np.float64}


def _spots(path: Path, i: int, particle: Particle) -> pd.DataFrame:
    """Return the localisations of a particle as PiSCAT's table has them."""
    missing = [key for key in _NEEDED if key not in particle]
    if missing:
        raise TableFormatError(
            f"{path}: particle {i} has no {missing[0]}: not trajectories of PiSCAT"
        )
    n = len(particle["frame_number"])
    named = {
        "y": "y_center",
        "x": "x_center",
        "frame": "frame_number",
        "center_intensity": "center_int",
        "sigma": "sigma",
    }
    columns = {
        column: _per_spot(path, i, particle.get(key, np.array([np.nan])), n, key)
        for column, key in named.items()
    }
    if {*_FIT_KEYS} <= {*particle}:
        fits = {
            column: _per_spot(path, i, particle[key], n, key)
            for column, key in zip(FIT_COLUMNS[1:], _FIT_KEYS, strict=True)
        }
        widths = np.abs([fits["Fit_X-Sigma"], fits["Fit_Y-Sigma"]])
        with np.errstate(invalid="ignore"):
            columns["Sigma_ratio"] = widths.min(axis=0) / widths.max(axis=0)
        columns |= fits
    return pd.DataFrame(columns)


def _per_spot(path: Path, i: int, values: Floats, n: int, key: str) -> Floats:
    """Return one value per localisation, also of what is stored once for all of them."""
    if len(values) not in (1, n):
        raise TableFormatError(
            f"{path}: particle {i} has {counted(len(values), 'value')} of {key} and "
            f"{counted(n, 'frame')}: save the trajectories again"
        )
    return values if len(values) == n else np.repeat(values, n)


def _landings(spots: pd.DataFrame) -> pd.DataFrame:
    """Return where and when the contrast of each particle is extreme."""
    groups = spots.groupby(PARTICLE, sort=False)
    sizes = spots["center_intensity"].abs().fillna(0.0)
    peaks = spots.loc[sizes.groupby(spots[PARTICLE], sort=False).idxmax()].set_index(PARTICLE)
    landings = groups[["y", "x"]].median()
    landings.insert(0, "frame", peaks["frame"])
    landings["contrast"] = peaks["center_intensity"]
    landings["n_localizations"] = groups.size()
    return landings.rename_axis("landing").reset_index()


def _trace(path: Path, i: float, particle: Particle) -> pd.DataFrame:
    """Return the contrast at the place of a particle, over all frames that are saved."""
    ends = "_flow" if {"center_int_flow", "frame_number_flow"} <= {*particle} else ""
    frame = particle[f"frame_number{ends}"]
    contrast = particle.get(f"center_int{ends}", np.full(len(frame), np.nan))
    if len(frame) != len(contrast) or not np.isfinite(frame).all():
        raise TableFormatError(
            f"{path}: particle {i:g} has {counted(len(contrast), 'value')} for "
            f"{counted(len(frame), 'frame')}: save the trajectories again"
        )
    return pd.DataFrame({"landing": i, "frame": frame, "contrast": contrast})
