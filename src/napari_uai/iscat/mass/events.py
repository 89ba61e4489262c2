"""Tables of landings: results of runs, and events that mass photometers export."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from napari_uai.errors import TableFormatError, counted, one_line
from napari_uai.iscat.mass.calibration import Calibration
from napari_uai.limits import COLUMNS
from napari_uai.results import settle
from napari_uai.typing import Floats
from napari_uai.untrusted import check_header, check_regular, read_whole, refusing

LANDINGS_FILE = "landings.csv"
"""Table of landings in a folder of results."""

VOCABULARY: Mapping[str, tuple[str, ...]] = {
    "landing": ("landing", "event", "id"),
    "raw_frame": ("raw_frame", "frame", "frames", "frame_indices", "frame_index"),
    "y": ("y", "y_coords", "y_coord", "y_fit", "y_det"),
    "x": ("x", "x_coords", "x_coord", "x_fit", "x_det"),
    "contrast": ("contrast", "contrasts", "contrasts_fit", "contrasts_det"),
    "contrast_error": ("contrast_error", "contrasts_error", "contrasts_se", "contrast_se"),
    "mass_kda": ("mass_kda", "masses_kda", "mass", "masses", "calibrated_values"),
}
"""Names of columns and datasets by meaning, preferred ones first; spelling makes no difference."""

ACCEPTED = "accepted"
"""Verdicts of a review: rows with ``no`` are left out."""

_HDF5_SUFFIXES = (".h5", ".hdf5", ".mpr")
_HDF5 = b"\x89HDF\r\n\x1a\n"
_MOVIES = "per_movie_events"
_SEPARATORS = ",;\t"


@dataclass(frozen=True, eq=False)
class LandingTable:
    """Landings of one recording, from any source.

    Attributes
    ----------
    name
        Name of the recording.
    table
        One row per landing: ``landing, raw_frame, y, x, contrast, contrast_error, mass_kda``;
        NaN where the source does not say.
    calibration
        Calibration that the file contains; None if there is none.
    notes
        What was taken from the file, and what was left out.

    Examples
    --------
    >>> import pandas as pd
    >>> from napari_uai.iscat import mass
    >>> table = mass.landing_table(pd.DataFrame({"contrasts": [-0.002, -0.004]}), "a")
    >>> table.table["contrast"].tolist()
    [-0.002, -0.004]
    """

    name: str
    table: pd.DataFrame
    calibration: Calibration | None = None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.table)


def read_landings(path: str | Path) -> list[LandingTable]:
    r"""Read the landings of one or more recordings.

    Parameters
    ----------
    path
        Folder of results with ``landings.csv``; folder of such folders; csv with a column of
        contrasts or masses; or HDF5 with such datasets, as mass photometers export them, also with
        the events of several movies (``per_movie_events``). Columns are recognised by name.

    Returns
    -------
    list of LandingTable
        One per recording.

    Raises
    ------
    TableFormatError
        If there are no landings, or the file cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from napari_uai.iscat import mass
    >>> path = Path(tempfile.mkdtemp()) / "events.csv"
    >>> _ = path.write_text("frame_indices,contrasts\n120,-0.0032\n")
    >>> [landings] = mass.read_landings(path)
    >>> landings.notes[0]
    "events.csv: raw_frame from 'frame_indices', contrast from 'contrasts'"
    """
    path = Path(path)
    if path.is_dir():
        settle(path)
        return _read_folder(path)
    if not path.exists():
        raise TableFormatError(f"{path} does not exist: check the path")
    if _is_hdf5(path):
        return _read_hdf5(path)
    name = path.parent.name if path.name == LANDINGS_FILE and path.parent.name else path.stem
    return [landing_table(read_csv(path), name, source=path.name)]


def landing_table(table: pd.DataFrame, name: str, *, source: str = "") -> LandingTable:
    """Recognise the columns of a table of landings.

    Parameters
    ----------
    table
        With a column of contrasts or of masses.
    name
        Name of the recording.
    source
        File that notes and errors name; ``name`` if empty.

    Returns
    -------
    LandingTable
        Rows whose contrast (or mass, if there is none) is not a number, and those that a review
        rejected, are left out.

    Raises
    ------
    TableFormatError
        If there is neither a column of contrasts nor of masses.

    Examples
    --------
    >>> import pandas as pd
    >>> from napari_uai.iscat import mass
    >>> table = pd.DataFrame({"contrast": [0.01, 0.02], "accepted": ["yes", "no"]})
    >>> mass.landing_table(table, "a").notes[0]
    'a: 1 of 2 rows left out: rejected in a review'
    """
    source = source or name
    found = _columns(table)
    if "contrast" not in found and "mass_kda" not in found:
        raise TableFormatError(
            f"{source} has no column of contrasts or masses ({_listed(table.columns)}): "
            "name one contrast or mass_kda"
        )
    renamed = [f"{role} from {name!r}" for role, name in found.items() if role != name]
    notes = [f"{source}: {', '.join(renamed)}"] if renamed else []
    rows = pd.DataFrame(
        {
            role: pd.to_numeric(table[found[role]], errors="coerce").astype(np.float64)
            if role in found
            else np.full(len(table), np.nan)
            for role in VOCABULARY
        }
    )
    if "landing" not in found:
        rows["landing"] = np.arange(len(rows), dtype=np.float64)
    left_out = [("rejected in a review", _rejected(table))]
    value = "contrast" if "contrast" in found else "mass_kda"
    left_out.append((f"{value} is not a number", ~np.isfinite(rows[value].to_numpy())))
    errors = rows["contrast_error"].to_numpy()
    bad = ~(errors >= 0) | np.isinf(errors)
    if value == "contrast" and not bad.all():
        left_out.append(("contrast_error is not a number from 0", bad))
    kept = np.ones(len(rows), bool)
    for reason, rejected in left_out:
        n = int((rejected & kept).sum())
        if n:
            notes.append(f"{source}: {n} of {counted(len(rows), 'row')} left out: {reason}")
        kept &= ~rejected
    return LandingTable(name, rows[kept].reset_index(drop=True), None, tuple(notes))


def read_csv(path: Path) -> pd.DataFrame:
    """Read a table separated by commas, semicolons or tabs; lines that begin with # are comments.

    Raises
    ------
    TableFormatError
        If it cannot be read.
    """
    try:
        data = read_whole(path, error=TableFormatError)
    except OSError as error:
        raise TableFormatError(f"{path} cannot be read: {error.strerror or error}") from error
    check_header(data, path, error=TableFormatError)
    lines = (line for line in io.BytesIO(data) if line.strip() and not line.startswith(b"#"))
    header = next(lines, b"").decode("utf-8-sig", "replace")
    first = next(lines, b"").decode("utf-8", "replace")
    if not header or "\0" in header:
        raise TableFormatError(f"{path} is not a table of text: export it as csv")
    separator = max(_SEPARATORS, key=header.count)
    decimal = "," if separator != "," and re.search(r"\d,\d", first) else "."
    COLUMNS.check(path, header.count(separator) + 1, "has", error=TableFormatError)
    try:
        return pd.read_csv(
            io.BytesIO(data), sep=separator, decimal=decimal, comment="#", skipinitialspace=True,
            encoding="utf-8-sig", encoding_errors="replace", low_memory=False,
        )  # fmt: skip
    except (ValueError, OverflowError) as error:
        raise TableFormatError(
            f"{path} cannot be read as a table ({one_line(error, 160)}): export it again as csv"
        ) from None


def _read_folder(folder: Path) -> list[LandingTable]:
    direct = folder / LANDINGS_FILE
    files = [direct] if direct.is_file() else sorted(folder.glob(f"*/{LANDINGS_FILE}"))
    if not files:
        raise TableFormatError(
            f"{folder} contains no {LANDINGS_FILE}: choose a folder of results of napari-uai iscat"
        )
    return [
        landing_table(read_csv(file), file.parent.resolve().name, source=str(file))
        for file in files
    ]


def _columns(names: Any) -> dict[str, str]:
    """Return the preferred column or dataset of each meaning."""
    spelled = {_plain(name): str(name) for name in reversed(list(names))}
    found = {}
    for role, words in VOCABULARY.items():
        known = [spelled[_plain(word)] for word in words if _plain(word) in spelled]
        if known:
            found[role] = known[0]
    return found


def _plain(name: object) -> str:
    return re.sub(r"[^a-z0-9]", "", str(name).lower())


def _listed(names: Any) -> str:
    return one_line(", ".join(map(str, names)), 160) or "none"


def _rejected(table: pd.DataFrame) -> Any:
    if ACCEPTED not in table:
        return np.zeros(len(table), bool)
    return (table[ACCEPTED].astype(str).str.strip().str.lower() == "no").to_numpy(bool)


# HDF5 of mass photometers ---------------------------------------------------------------------


def _is_hdf5(path: Path) -> bool:
    if path.suffix.lower() in _HDF5_SUFFIXES:
        return True
    check_regular(path, error=TableFormatError)
    try:
        with path.open("rb") as file:
            return file.read(len(_HDF5)) == _HDF5
    except OSError as error:
        raise TableFormatError(f"{path} cannot be read: {error.strerror or error}") from error


def _read_hdf5(path: Path) -> list[LandingTable]:
    import h5py

    with (
        refusing(path, "an event table in HDF5", error=TableFormatError),
        h5py.File(path, "r") as file,
    ):
        read = partial(_numbers, path, file)
        movies = file.get(_MOVIES, getlink=True)
        top = _columns([name for name in file if isinstance(file.get(name), h5py.Dataset)])
        if "contrast" in top or "mass_kda" in top:
            return [_events_of(path, file, "", path.stem, read)]
        if isinstance(movies, h5py.HardLink) and isinstance(file[_MOVIES], h5py.Group):
            return [
                _events_of(path, file, f"{_MOVIES}/{name}", f"{path.stem} {name}", read)
                for name in sorted(file[_MOVIES])
            ]
        names = _listed(file)
    raise TableFormatError(
        f"{path} has no datasets of contrasts or masses ({names}): export the fitted events"
    )


def _numbers(path: Path, file: Any, name: str) -> Floats | None:
    from napari_uai.videos.readers.hdf5 import small_array

    values = small_array(path, file, name, error=TableFormatError)
    return None if values is None else values.astype(np.float64).ravel()


def _events_of(
    path: Path, file: Any, group: str, name: str, read: Callable[[str], Floats | None]
) -> LandingTable:
    """Return the events of a file or of one of its movies."""
    inside = file[group] if group else file
    arrays = {}
    for key in _columns(inside).values():
        values = read(f"{group}/{key}".strip("/"))
        if values is not None:
            arrays[key] = values
    lengths = {key: len(values) for key, values in arrays.items()}
    source = f"{path.name} {group}".strip()
    if len(set(lengths.values())) > 1:
        raise TableFormatError(
            f"{source}: datasets of different lengths ({one_line(lengths, 120)}): export again"
        )
    events = landing_table(pd.DataFrame(arrays), name, source=source)
    slope, offset = (
        read(f"{group}/calibration/{key}".strip("/")) for key in ("gradient", "offset")
    )
    if slope is None or not (slope.size == 1 and np.isfinite(slope[0]) and slope[0] != 0):
        return events
    shift = float(offset[0]) if offset is not None and offset.size == 1 else 0.0
    # contrast = gradient * mass + offset; dark landings have negative contrasts.
    sign = float(np.sign(slope[0]))
    calibration = Calibration(sign * float(slope[0]), sign * shift)
    note = f"{source}: calibration of the file, {calibration.slope:.3g} per kDa"
    return LandingTable(name, events.table, calibration, (*events.notes, note))
