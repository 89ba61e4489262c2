"""Results of a run that tracked particles, as reports read them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from napari_uai.iscat.measure.linking import spot_places
from napari_uai.iscat.recipes.outputs import RECORD
from napari_uai.report.records import LandingRecord, read_record, read_table
from napari_uai.typing import Floats


class Units(NamedTuple):
    """Ends of the names of columns, which say their unit, and how units are printed."""

    diffusion: str
    area: str
    length: str
    lag: str
    diffusion_text: str
    area_text: str
    length_text: str
    lag_text: str


SI = Units("um2_per_s", "um2", "um", "lag_s", "µm²/s", "µm²", "µm", "s")
PIXELS = Units("px2_per_frame", "px2", "px", "lag_frames", "px²/frame", "px²", "px", "frames")


@dataclass(frozen=True, eq=False)
class TrajectoryResults:
    """Results of a run that tracked particles in one recording.

    Attributes
    ----------
    folder
        Where they are.
    name
        Path of the folder below that of all results; empty if there is one recording.
    record
        From ``run.json``.
    units
        Of the tables.
    trajectories
        All rows of ``trajectories.csv``.
    tracks
        ``particle``, ``raw_frame`` and place (px) of each linked spot, in order; None if the recipe
        does not write them.
    displacements, population, distribution
        None if the recipe does not compute them.
    """

    folder: Path
    name: str
    record: LandingRecord
    units: Units
    trajectories: pd.DataFrame
    tracks: pd.DataFrame | None = None
    displacements: pd.DataFrame | None = None
    population: pd.DataFrame | None = None
    distribution: pd.DataFrame | None = None

    def column(self, name: str) -> Floats:
        """Return a column of the trajectories as numbers, NaN if it is not there."""
        if name not in self.trajectories.columns:
            return np.full(len(self.trajectories), np.nan)
        return self.trajectories[name].to_numpy(np.float64)


def read_trajectory_results(folder: Path, name: str = "") -> TrajectoryResults:
    """Read the results of a run that tracked particles in one recording.

    Raises
    ------
    BadValueError
        If a file is missing, damaged or too large.
    """
    record = read_record(folder / RECORD, LandingRecord)
    path = folder / "trajectories.csv"
    needed = ("particle", "first_frame", "last_frame", "n_spots", "y", "x", "contrast")
    own = {units: _columns_of(units) for units in (SI, PIXELS)}
    optional = {"contrast_error", "exponent", "exponent_error", "diameter_nm", "diameter_error_nm"}
    table = read_table(path, needed=needed, optional=optional.union(*own.values()))
    units = SI if f"diffusion_{SI.diffusion}" in table.columns else PIXELS
    u = units
    known = (f"diffusion_{u.diffusion}", f"diffusion_error_{u.diffusion}")
    table = read_table(path, needed=(*needed, *known), optional={*optional, *own[units]})
    others = {
        "displacements": ("particle", u.lag, f"msd_{u.area}", f"msd_error_{u.area}", "pairs"),
        "population": ("trajectories", "spots", *_interval("diffusion", u.diffusion), "spread",
                       "spread_low", "spread_high"),
        "distribution": (f"low_{u.diffusion}", f"high_{u.diffusion}", "share", "share_error"),
    }  # fmt: skip
    tables = {
        output: read_table(
            folder / f"{output}.csv", needed=columns, optional=_interval("diameter", "nm")
        )
        for output, columns in others.items()
        if output in record.outputs
    }
    tracks = _tracks(folder / "tracks.csv") if "tracks" in record.outputs else None
    return TrajectoryResults(folder, name, record, units, table, tracks, **tables)


def _columns_of(units: Units) -> set[str]:
    return {
        *_interval("diffusion", units.diffusion),
        f"diffusion_error_{units.diffusion}",
        f"localization_{units.length}",
        f"localization_error_{units.length}",
    }


def _interval(what: str, unit: str) -> tuple[str, str, str]:
    """Return the columns of a value and of the ends of its interval."""
    return f"{what}_{unit}", f"{what}_low_{unit}", f"{what}_high_{unit}"


def _tracks(path: Path) -> pd.DataFrame:
    fits = ("status", "sigma", "Fit_Y-Center", "Fit_X-Center")
    table = read_table(path, needed=("particle", "raw_frame", "y", "x"), optional=fits)
    if not {*fits} <= {*table.columns}:
        table = table.drop(columns="status", errors="ignore")
    places = spot_places(table)
    table = table[["particle", "raw_frame"]].assign(y=places[:, 0], x=places[:, 1])
    return table.sort_values(["particle", "raw_frame"], ignore_index=True)
