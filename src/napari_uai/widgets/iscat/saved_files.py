"""The files of a saved run: which folders are one, and what its tables hold; uses no Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_uai.errors import NapariUaiError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import pandas as pd

    from napari_uai.report.records import LandingRecord

RECORD, LANDINGS, RECIPE = "run.json", "landings.csv", "recipe.toml"
LOCALIZATIONS, TRACES = "localizations.csv", "traces.csv"
TRAJECTORIES, TRACKS = "trajectories.csv", "tracks.csv"


def is_saved_run(folder: Path) -> bool:
    """Return whether a folder has the names of a saved run; one file may be missing."""
    needed = ((RECORD,), (RECIPE,), (LANDINGS, TRAJECTORIES))
    there = [any((folder / name).is_file() for name in names) for names in needed]
    return sum(there) >= len(needed) - 1


def holds_trajectories(folder: Path) -> bool:
    """Return whether a saved run tracked particles, by its record, or its tables without one."""
    record, _ = why_unreadable(folder)
    if record is not None:
        return "trajectories" in record.outputs
    return (folder / TRAJECTORIES).is_file() and not (folder / LANDINGS).is_file()


def saved_runs_below(folder: Path) -> list[Path]:
    """Return the saved runs below a folder, as a batch writes them; only names are read."""
    from napari_uai.widgets.kit.folders import folders_in

    return sorted(each for each in folders_in(folder) if each != folder and is_saved_run(each))


def why_unreadable(folder: Path) -> tuple[LandingRecord | None, str]:
    """Return the record of a run, or why it cannot be read."""
    from napari_uai.report.records import LandingRecord, read_record

    try:
        return read_record(folder / RECORD, LandingRecord), ""
    except (NapariUaiError, OSError) as error:
        return None, str(error)


def traces_beside(folder: Path) -> pd.DataFrame | None:
    """Return the traces of the run in a folder, None if it has none.

    Raises
    ------
    BadValueError
        If they are damaged or too large.
    """
    from napari_uai.report.records import read_table

    path = folder / TRACES
    if not path.is_file():
        return None
    return read_table(path, needed=("landing", "raw_frame", "contrast"))


def read_numbers(
    path: Path, needed: Iterable[str], *, optional: Iterable[str] = ()
) -> pd.DataFrame:
    """Read a table of results; columns ``needed`` and, if there, ``optional`` are numbers.

    Raises
    ------
    VideoFormatError
        If it cannot be read, lacks a column or has something else in one.
    """
    from pandas.api.types import is_numeric_dtype

    from napari_uai.errors import VideoFormatError
    from napari_uai.untrusted import read_csv

    table = read_csv(path, error=VideoFormatError)
    for column in needed:
        if column not in table.columns:
            raise VideoFormatError(f"{path} has no column {column}: export it again")
    for column in {*needed, *optional} & {*table.columns}:
        if len(table) and not is_numeric_dtype(table[column]):
            raise VideoFormatError(f"{path}: {column} must contain numbers: export it again")
    return table
