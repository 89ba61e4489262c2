"""Whether a file is one that PiSCAT saved, by its first bytes and the names in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from napari_uai.errors import NapariUaiError

_HEAD_BYTES = 10_000
_SPOTS = {"y", "x", "frame", "center_intensity", "sigma"}
_OURS = {"raw_frame", "status"}


def piscat_kind(path: Path) -> Literal["table", "trajectories"] | None:
    """Return what PiSCAT saved in a file, None if it is not one of its files.

    Parameters
    ----------
    path
        The file; only csv, HDF5 and mat are looked into.
    """
    kind = path.suffix.lower()
    try:
        if not path.is_file():
            return None
        if kind == ".csv":
            return "table" if _has_spots(path) else None
        if kind == ".mat":
            from napari_uai.iscat.piscat.mat_cells import begins_with_cells

            return "trajectories" if begins_with_cells(path) else None
        return _kind_of_hdf5(path) if kind in {".h5", ".hdf5"} else None
    except (OSError, NapariUaiError):
        return None


def _has_spots(path: Path) -> bool:
    with path.open("rb") as file:
        line = file.readline(_HEAD_BYTES).decode("utf-8-sig", "replace")
    columns = {name.strip('" \r\n') for name in line.split(",")}
    return columns >= _SPOTS and not columns & _OURS


def keys_of_tables(path: Path) -> list[str]:
    """Return the names of the tables of spots in HDF5; a csv has one, without a name."""
    if path.suffix.lower() == ".csv":
        return [""]
    from napari_uai.iscat.piscat.hdf5_tables import spot_tables

    with _opened(path) as file:
        return spot_tables(path, file)


def _kind_of_hdf5(path: Path) -> Literal["table", "trajectories"] | None:
    from napari_uai.iscat.piscat.hdf5_tables import spot_tables
    from napari_uai.iscat.piscat.trajectories import has_trajectories

    with _opened(path) as file:
        if has_trajectories(file):
            return "trajectories"
        return "table" if spot_tables(path, file) else None


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    import h5py

    from napari_uai.errors import TableFormatError
    from napari_uai.untrusted import refusing

    with (
        refusing(path, "a table in HDF5", error=TableFormatError),
        h5py.File(path, "r") as file,
    ):
        yield file
