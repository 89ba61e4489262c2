"""Writing the results of an analysis of masses: tables, picture, calibration, record."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from napari_uai.figures import save_figure
from napari_uai.files import cannot_write
from napari_uai.iscat.mass.analysis import MassResult, MassSet
from napari_uai.iscat.mass.calibration import write_calibration
from napari_uai.iscat.mass.picture import FONT_SIZE, PICTURES, histogram_table, mass_picture
from napari_uai.results import checksum_of, results_folder, versions, write_record, write_table

FILES = (
    "masses.csv",
    "components.csv",
    "selection.csv",
    "histogram.csv",
    "density.csv",
    "comparisons.csv",
    "weights.csv",
    "standards.csv",
    "calibration.toml",
    *PICTURES,
    "mass.json",
)
"""All files that an analysis of masses may write."""

RECORD_FORMAT = "napari-uai mass 1"
"""First entry of mass.json; changes with the format."""


def write_masses(
    result: MassResult,
    folder: str | Path,
    *,
    bin_kda: float | None = None,
    inputs: Sequence[str | Path] = (),
    overwrite: bool = False,
) -> dict[str, Path]:
    """Write the files of an analysis of masses.

    Parameters
    ----------
    result
        As returned by :func:`analyse_masses`.
    folder
        Created if necessary. Files of an earlier analysis of masses are replaced; others are kept.
    bin_kda
        As for :func:`mass_picture`.
    inputs
        Files and folders that were read, for the record.
    overwrite
        Replace files of your own with the names of results as well, which are an error otherwise.

    Returns
    -------
    dict
        Path by file name: masses.csv, components.csv, selection.csv, histogram.csv, density.csv,
        masses.svg, masses.pdf, mass.json; comparisons.csv and weights.csv if groups were compared;
        calibration.toml and standards.csv if there is a calibration.

    Raises
    ------
    OutputError
        If the folder cannot be written, or the disk is full.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import pandas as pd
    >>> from napari_uai.iscat import mass
    >>> contrasts = 3.2e-5 * np.random.default_rng(0).normal(66, 5, 200)
    >>> landings = mass.landing_table(pd.DataFrame({"contrast": contrasts}), "albumin")
    >>> result = mass.analyse_masses([landings], calibration=mass.Calibration(3.2e-5))
    >>> files = mass.write_masses(result, tempfile.mkdtemp())
    >>> pd.read_csv(files["components.csv"])["mean_kda"].round().tolist()
    [66.0]
    """
    tables = {
        "masses": result.landings,
        "components": _stacked(result.sets, "components"),
        "selection": _selection(result.sets),
        "histogram": histogram_table(result, bin_kda=bin_kda),
        "density": _stacked(result.sets, "density"),
        "comparisons": result.comparisons,
        "weights": result.weights,
    }
    calibration = result.calibration
    if calibration is not None and len(calibration.standards):
        tables["standards"] = calibration.standards
    with results_folder(folder, replaces=FILES, record="mass.json", overwrite=overwrite) as partial:
        picture = mass_picture(result, bin_kda=bin_kda)
        record = mass_record(result, inputs)
        try:
            for name, table in tables.items():
                if len(table):
                    write_table(table, partial / f"{name}.csv")
            if calibration is not None:
                write_calibration(calibration, partial / "calibration.toml")
            for name in PICTURES:
                save_figure(picture, partial / name, font_size=FONT_SIZE)
            write_record(record, partial / "mass.json")
        except OSError as error:
            raise cannot_write(Path(folder), error) from error
    return {name: Path(folder) / name for name in FILES if (Path(folder) / name).exists()}


def mass_record(result: MassResult, inputs: Sequence[str | Path] = ()) -> dict[str, Any]:
    """Return the provenance of a result, as stored in mass.json."""
    counts = result.landings.groupby(["recording", "group"], sort=False).size().reset_index()
    calibration = result.calibration
    return {
        "format": RECORD_FORMAT,
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "inputs": [_input(Path(each)) for each in inputs],
        "recordings": [
            {"name": name, "group": group or None, "landings": int(n)}
            for name, group, n in counts.itertuples(index=False)
        ],
        "calibration": None
        if calibration is None
        else {
            name: getattr(calibration, name)
            for name in ("slope", "intercept", "slope_error", "intercept_error", "covariance")
        },
        "settings": result.settings,
        "found": [
            {
                "kind": each.kind,
                "name": each.name,
                "sign": each.sign,
                "landings": len(each.landings),
                "bandwidth_kda": each.bandwidth_kda if each.mixture is not None else None,
                "components": each.components.to_dict("records"),
            }
            for each in result.sets
        ],
        "problems": list(result.problems),
        "versions": versions(),
    }


def _input(path: Path) -> dict[str, Any]:
    record: dict[str, Any] = {"path": str(path)}
    if path.is_file():
        size, checksum = checksum_of(path)
        record |= {"bytes": size, "sha256": checksum}
    return record


def _stacked(sets: Sequence[MassSet], table: str) -> pd.DataFrame:
    """Return a table of all sets, with their kind, name and sign in front."""
    return _labelled([(each, getattr(each, table)) for each in sets if each.mixture is not None])


def _selection(sets: Sequence[MassSet]) -> pd.DataFrame:
    return _labelled([(each, each.mixture.selection) for each in sets if each.mixture is not None])


def _labelled(tables: Sequence[tuple[MassSet, pd.DataFrame]]) -> pd.DataFrame:
    labelled = []
    for each, table in tables:
        labels = pd.DataFrame({"kind": each.kind, "name": each.name, "sign": each.sign},
                              index=table.index)  # fmt: skip
        labelled.append(pd.concat((labels, table), axis=1))
    return pd.concat(labelled, ignore_index=True) if labelled else pd.DataFrame()
