"""Folders of results, which change as one; checksums and versions.

A run writes its files into a hidden folder inside that of the results. When all are there, a
journal names them: from then on they are the results, and whoever comes next puts those in their
places that a killed run has not moved.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
import shutil
from contextlib import ExitStack, contextmanager, suppress
from errno import EISDIR
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_uai.csv_cells import disarmed
from napari_uai.errors import OutputError
from napari_uai.files import cannot_write, write_files
from napari_uai.monitor import SILENT, Monitor
from napari_uai.option_names import option
from napari_uai.untrusted import read_json
from napari_uai.working_folders import HeldError, held

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

_HIDDEN, _JOURNAL = ".napari-uai", ".journal.json"
"""Folder inside that of results, in which a run prepares its files; it names them in a journal."""

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
    disarmed(table).to_csv(
        path, index=False, float_format="%.9g", lineterminator="\n", errors="backslashreplace"
    )


def write_record(record: Mapping[str, Any], path: Path) -> None:
    """Write what is known of how results came about, with checksums of the files beside it.

    By these the next run knows which files it may replace: :func:`results_folder`.
    """
    sums = {file.name: checksum_of(file)[1] for file in sorted(_visible(path.parent))
            if file.is_file() and file != path}  # fmt: skip
    text = json.dumps({**record, CHECKSUMS: sums}, indent=1, default=plain_value)
    path.write_text(text + "\n", encoding="utf-8")


@contextmanager
def results_folder(
    folder: str | Path,
    *,
    replaces: tuple[str, ...] = (),
    record: str = "",
    overwrite: bool = False,
) -> Iterator[Path]:
    """Yield a hidden folder whose files take their places in ``folder`` together, on success.

    The folder is created first, so that a folder that cannot be written is an error before any long
    work. On an error or if cancelled, nothing is left behind; what a killed run has left is removed
    by the next one, or completed if its files were about to take their places. While the record
    is in the folder, the files that it names belong to it.

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
    overwrite
        Replace files of the user as well.

    Yields
    ------
    Path
        Where to write.

    Raises
    ------
    OutputError
        If the folder cannot be created or written, another run writes into it, or it has files of
        the user with such a name.
    """
    folder = Path(folder)
    checked = "" if overwrite else record
    created = _make(folder)
    try:
        with _only_writer(folder) as hidden:
            _refuse_to_replace(folder, replaces, checked)
            yield hidden
            names = {path.name for path in _visible(hidden)}
            _refuse_to_replace(folder, tuple(names | {*replaces}), checked)
            _commit(folder, names, {*replaces, *_earlier_report(folder)} - names, record)
        created = []
    finally:
        for empty in created:
            _remove_if_empty(empty)


def settle(folder: Path) -> None:
    """Put the files in their places that a run had completed when it was killed.

    Called by those that read results; they find the files of one run, or those of the run before.
    """
    if not (folder / _HIDDEN / _JOURNAL).exists():
        return
    with suppress(OutputError), _only_writer(folder):
        pass


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
            f"folder, move what you want to keep, or overwrite it ({option('overwrite')})"
        )


def _checksums_in(record: Path) -> Mapping[str, Any] | None:
    """Return the checksums of the files of an earlier run; None without a valid record."""
    try:
        sums = read_json(record, error=OutputError)[CHECKSUMS]
    except (OSError, KeyError, TypeError):  # an OutputError is an OSError
        return None
    return sums if isinstance(sums, dict) else None


@contextmanager
def _only_writer(folder: Path) -> Iterator[Path]:
    """Yield the hidden folder in which one run prepares its files, after what was left in it."""
    hidden = folder / _HIDDEN
    with ExitStack() as stack:
        with _cannot_write(folder):
            _hold(folder, hidden, stack)
        stack.callback(_clear, hidden)
        with _cannot_write(folder):
            _put_in_place(folder)
            for left in _visible(hidden):
                shutil.rmtree(left) if left.is_dir() else left.unlink()
        yield hidden


def _hold(folder: Path, hidden: Path, stack: ExitStack) -> None:
    """Make the hidden folder and hold its lock."""
    while True:
        hidden.mkdir(exist_ok=True)
        try:
            stack.enter_context(held(hidden))
        except FileNotFoundError:  # its last owner has just removed it
            continue
        except HeldError as error:
            raise OutputError(
                f"another run writes into {folder} ({error}): wait until it has ended, or choose "
                "another folder"
            ) from None
        return


def _clear(hidden: Path) -> None:
    """Remove the hidden folder, unless its files are results that still have to be moved."""
    if not (hidden / _JOURNAL).exists():
        shutil.rmtree(hidden, ignore_errors=True)


def _commit(folder: Path, names: set[str], removed: set[str], record: str) -> None:
    """Let new files take their places; from the journal on, they are the results."""
    hidden = folder / _HIDDEN
    with _cannot_write(folder):
        for name in names:
            if record:
                _flush(hidden / name)
            if (folder / name).is_dir() and not (hidden / name).is_dir():
                raise IsADirectoryError(EISDIR, f"{name} is a folder")
        journal = {"place": sorted(names), "remove": sorted(removed), "record": record}
        write_files({hidden / _JOURNAL: json.dumps(journal).encode()})
        _put_in_place(folder)


def _put_in_place(folder: Path) -> None:
    """Follow the journal from wherever it was left; the record goes first and comes last."""
    path = folder / _HIDDEN / _JOURNAL
    if not path.exists():
        return
    journal = _read_journal(path)
    new, record = path.parent, journal["record"]
    if record and (new / record).exists():
        (folder / record).unlink(missing_ok=True)
    for name in journal["remove"]:
        (folder / name).unlink(missing_ok=True)
    for name in sorted(journal["place"], key=lambda name: (name == record, name)):
        if (new / name).exists():
            (new / name).replace(folder / name)
    path.unlink()


def _read_journal(path: Path) -> dict[str, Any]:
    """Read a journal, which may come with a folder from a stranger."""
    journal = read_json(path, error=OutputError)
    try:
        names = [*journal["place"], *journal["remove"], *filter(None, [journal["record"]])]
        if all(Path(name).name == name and not name.startswith(".") for name in names):
            return dict(journal)
    except (KeyError, TypeError, AttributeError):
        pass
    raise OutputError(f"{path} is damaged: delete the folder {path.parent}")


@contextmanager
def _cannot_write(folder: Path) -> Iterator[None]:
    try:
        yield
    except OutputError:
        raise
    except OSError as error:
        raise cannot_write(folder, error) from error


def _visible(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if not path.name.startswith(".")]


def _flush(path: Path) -> None:
    """Have a file on disk before its name says so, should the machine fail."""
    if path.is_file():
        with path.open("rb+") as file:
            os.fsync(file.fileno())


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
