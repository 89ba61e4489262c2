"""Folders of results, which appear complete or not at all; checksums and versions."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_uai.csv_cells import disarmed
from napari_uai.errors import OutputError
from napari_uai.files import cannot_write
from napari_uai.monitor import SILENT, Monitor
from napari_uai.untrusted import read_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd

_PACKAGES = (
    "napari-uai",
    "numpy",
    "scipy",
    "pandas",
    "numba",
    "dask",
    "scikit-image",
    "torch",
    "trackpy",
    "zarr",
)
_HASHED_AT_ONCE = 2**22

REPORT_FILE, METHODS_FILE = "report.html", "methods.txt"
"""Files of ``napari-uai report``, which the next run into the same folder makes untrue."""

CHECKSUMS = "sha256_of_files"
"""Entry of a record: the SHA-256 of each file that was written with it."""

REPORT_GENERATOR = "napari-uai report"
"""Named in the head of such a page."""
_REPORT_HEAD_BYTES = 2**16


def write_table(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table as CSV with nine digits, byte-identical for the same numbers on any system.

    Texts that a spreadsheet would take for formulas are disarmed.
    """
    disarmed(table).to_csv(path, index=False, float_format="%.9g", lineterminator="\n")


def write_record(record: Mapping[str, Any], path: Path) -> None:
    """Write what is known of how results came about, with checksums of the files beside it.

    By these the next run knows which files it may replace: :func:`results_folder`.
    """
    sums = {file.name: checksum_of(file)[1] for file in sorted(path.parent.iterdir())
            if file.is_file() and file != path}  # fmt: skip
    text = json.dumps({**record, CHECKSUMS: sums}, indent=1, default=plain_value)
    path.write_text(text + "\n", encoding="utf-8")


@contextmanager
def results_folder(
    folder: str | Path, *, replaces: tuple[str, ...] = (), record: str = ""
) -> Iterator[Path]:
    """Yield a hidden folder whose files are moved to ``folder`` on success.

    The folder is created first, so that a folder that cannot be written is an error before any long
    work. On an error or if cancelled, nothing is left behind.

    Parameters
    ----------
    folder
        Final folder.
    replaces
        Names of all files that may be written; those of an earlier run that are not written again
        are removed, and so is a report of that run.
    record
        Which of them is the record of a run (:func:`write_record`). Other files with one of these
        names, and those that were changed since, are the user's: nothing is written beside them.

    Yields
    ------
    Path
        Where to write.

    Raises
    ------
    OutputError
        If the folder cannot be created or written, or has files of the user with such a name.
    """
    folder = Path(folder)
    _refuse_to_replace(folder, replaces, record)
    created = _make(folder)
    partial = None
    try:
        try:
            partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=folder))
        except OSError as error:
            raise cannot_write(folder, error) from error
        yield partial
        _refuse_to_replace(folder, tuple({p.name for p in partial.iterdir()} - {*replaces}), record)
        _move(partial, folder, (*replaces, *_earlier_report(folder)))
        created = []
    finally:
        if partial is not None:
            shutil.rmtree(partial, ignore_errors=True)
        for empty in created:
            _remove_if_empty(empty)


def is_report(path: Path) -> bool:
    """Return whether a file is a page that ``napari-uai report`` wrote."""
    try:
        with path.open("rb") as file:
            head = file.read(_REPORT_HEAD_BYTES)
    except OSError:
        return False
    return f'content="{REPORT_GENERATOR}"'.encode() in head


def checksum_of(path: Path, *, monitor: Monitor = SILENT) -> tuple[int, str]:
    """Return size in bytes and SHA-256 of a file, or of all files of a folder in sorted order."""
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    total = sum(file.stat().st_size for file in files)
    digest, done = hashlib.sha256(), 0
    for file in files:
        with file.open("rb") as stream:
            while block := stream.read(_HASHED_AT_ONCE):
                digest.update(block)
                done += len(block)
                monitor.update(done / max(total, 1), "checksum")
    return total, digest.hexdigest()


def versions() -> dict[str, str]:
    """Return the versions of this package, of Python and of packages that affect the numbers."""
    installed = {"napari-uai": "0+unknown", "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            installed[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return installed | {"system": f"{platform.system()} {platform.machine()}"}


def _make(folder: Path) -> list[Path]:
    """Create a folder; return the folders that did not exist, innermost first."""
    missing = [p for p in (folder, *folder.parents) if not os.path.exists(p)]  # noqa: PTH110
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from error
    return missing


def _refuse_to_replace(folder: Path, names: tuple[str, ...], record: str) -> None:
    """Raise an error if files with some names are not as an earlier run has written them."""
    # os.path takes a name that is too long for one that does not exist.
    present = [n for n in names if os.path.isfile(folder / n)] if record else []  # noqa: PTH113
    if not present:
        return
    known = _checksums_in(folder / record)
    own = [
        name
        for name in present
        if known is None or (name != record and known.get(name) != checksum_of(folder / name)[1])
    ]
    if own:
        raise OutputError(
            f"{folder} has {', '.join(own)}, which no run has written like that: choose another "
            "folder, or move what you want to keep"
        )


def _checksums_in(record: Path) -> Mapping[str, Any] | None:
    """Return the checksums of the files of an earlier run; None without a valid record."""
    try:
        sums = read_json(record, error=OutputError)[CHECKSUMS]
    except (OSError, KeyError, TypeError):  # an OutputError is an OSError
        return None
    return sums if isinstance(sums, dict) else None


def _move(partial: Path, folder: Path, replaces: tuple[str, ...]) -> None:
    try:
        for name in replaces:
            if not (partial / name).exists():
                (folder / name).unlink(missing_ok=True)
        for name in sorted((p.name for p in partial.iterdir()), key=lambda n: (n == "run.json", n)):
            (partial / name).replace(folder / name)
    except OSError as error:
        raise cannot_write(folder, error) from error


def _earlier_report(folder: Path) -> tuple[str, ...]:
    """Return the names of the files of an earlier report in a folder; others are the user's."""
    return (REPORT_FILE, METHODS_FILE) if is_report(folder / REPORT_FILE) else ()


def _remove_if_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return


def plain_value(value: Any) -> Any:
    """Convert a value to a type of JSON."""
    if isinstance(value, np.generic):
        return value.item()
    return str(value)
