"""Writing what a run found: tables, recipe, record of the run, picture.

Everything is first written into a hidden folder beside its final place and moved there at the
end, file by file, so that nothing half-written ever stands under a final name.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import json
import platform
import shutil
import tempfile
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import napari_uai
from napari_uai.errors import OutputError
from napari_uai.monitor import SILENT, Monitor
from napari_uai.workflow.recipes import RECORDING

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from napari_uai.workflow.run import RunResult

FILES = (
    "landings.csv",
    "localizations.csv",
    "traces.csv",
    "candidates.csv",
    "drift.csv",
    "recipe.toml",
    "summary.png",
    "run.json",
)
"""All files that a run may write; the record of the run is put in place last."""

RECORD_FORMAT = "napari-uai run 1"
"""First entry of run.json; changes when a reader has to know."""

_PACKAGES = (
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


def write_results(
    result: RunResult, folder: str | Path, *, monitor: Monitor = SILENT
) -> dict[str, Path]:
    """Write the files of a run.

    Parameters
    ----------
    result
        What :func:`~napari_uai.workflow.run.run_recipe` returned.
    folder
        Made if it does not exist. Files of an earlier run are replaced; those that this run does
        not make are taken away.
    monitor
        Progress and cancelling.

    Returns
    -------
    dict
        Path by file name: landings.csv, localizations.csv; traces.csv, candidates.csv and
        drift.csv if the recipe makes them; recipe.toml, summary.png, run.json.

    Raises
    ------
    OutputError
        If the folder cannot be written or is full.
    """
    with results_folder(folder) as partial:
        write_files(result, partial, monitor=monitor)
    return {name: Path(folder) / name for name in FILES if (Path(folder) / name).exists()}


def write_files(result: RunResult, folder: Path, *, monitor: Monitor = SILENT) -> None:
    """Write the files of a run straight into an existing folder; see :func:`write_results`."""
    from napari_uai.workflow.picture import summary_picture

    record = run_record(result, monitor=monitor.part(0.0, 0.5))
    tables = {
        "landings": result.landings,
        "localizations": result.localizations,
        "candidates": result.candidates,
        "traces": result.traces,
        "drift": result.drift,
    }
    picture = summary_picture(result)
    try:
        for name, table in tables.items():
            if table is not None:
                write_table(table, folder / f"{name}.csv")
        (folder / "recipe.toml").write_text(result.recipe.to_toml(), encoding="utf-8")
        picture.savefig(folder / "summary.png", dpi=110)
        text = json.dumps(record, indent=1, default=plain_value)
        (folder / "run.json").write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise cannot_write(folder.parent, error) from error
    monitor.update(1.0, "written")


def write_table(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table as CSV: nine digits, the same bytes for the same numbers on any system."""
    table.to_csv(path, index=False, float_format="%.9g", lineterminator="\n")


@contextmanager
def results_folder(folder: str | Path, *, replaces: tuple[str, ...] = FILES) -> Iterator[Path]:
    """Give a hidden folder whose files take their place in ``folder`` at the end.

    Entering it makes the folder and proves that it can be written, before any long work is done.
    On an error or when cancelled, nothing is left behind.

    Parameters
    ----------
    folder
        The final place.
    replaces
        Names that are taken away from it, if they are not made anew: they would tell of an
        earlier run.

    Raises
    ------
    OutputError
        If the folder cannot be made or written.
    """
    folder = Path(folder)
    made = _make(folder)
    partial = None
    try:
        try:
            partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=folder))
        except OSError as error:
            raise cannot_write(folder, error) from error
        yield partial
        _move(partial, folder, replaces)
        made = []
    finally:
        if partial is not None:
            shutil.rmtree(partial, ignore_errors=True)
        for empty in made:
            _remove_if_empty(empty)


def run_record(result: RunResult, *, monitor: Monitor = SILENT) -> dict[str, Any]:
    """Return where a result comes from, as it stands in run.json.

    Parameters
    ----------
    result
        What :func:`~napari_uai.workflow.run.run_recipe` returned.
    monitor
        Progress of the checksum.
    """
    recipe = result.recipe
    parameters = {step.name: recipe.values(step.name) for step in recipe.steps}
    counts, origins = result.counts, result.origins
    return {
        "format": RECORD_FORMAT,
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "input": input_record(result, monitor=monitor),
        "recipe": {"name": recipe.name, "description": recipe.description},
        "stages": [
            {
                "name": step.name,
                "use": step.stage.name,
                "input": list(step.inputs),
                "parameters": parameters[step.name],
                "rows" if step.stage.output == "table" else "frames": counts[step.name],
                "origin": list(origins[step.name]),
                **({"weights_sha256": w} if (w := result.weights.get(step.name)) else {}),
                "seconds": round(result.timings_s[step.name], 4),
            }
            for step in recipe.steps
        ],
        "outputs": dict(recipe.outputs),
        "found": {"landings": len(result.landings), "localizations": len(result.localizations)},
        "seconds": round(sum(result.timings_s.values()), 4),
        "seed": {n: v["seed"] for n, v in parameters.items() if "seed" in v} or None,
        "status_line": None if result.status is None else dataclasses.asdict(result.status),
        "problems": list(result.problems),
        "versions": versions(),
    }


def input_record(result: RunResult, *, monitor: Monitor = SILENT) -> dict[str, Any]:
    """Return name, size, checksum and shape of the input."""
    recording = result.recording
    video = result.videos[RECORDING]
    record: dict[str, Any] = {"name": recording.name}
    if recording.source is not None and recording.source.exists():
        size, checksum = checksum_of(recording.source, monitor=monitor)
        record |= {"bytes": size, "sha256": checksum}
    return record | {
        "shape": [int(n) for n in video.shape],
        "dtype": str(video.dtype),
        "first_frame": recording.first_frame,
        "pixel_size_um": recording.pixel_size_um,
        "frame_rate_hz": recording.frame_rate_hz,
        "history": list(recording.history),
    }


def checksum_of(path: Path, *, monitor: Monitor = SILENT) -> tuple[int, str]:
    """Return size in bytes and SHA-256 of a file, or of all files of a folder in order."""
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
    """Return the versions of this package, of Python and of what the numbers depend on."""
    found = {"napari-uai": napari_uai.__version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found | {"system": f"{platform.system()} {platform.machine()}"}


def _make(folder: Path) -> list[Path]:
    """Make a folder; return the folders that did not exist, innermost first."""
    missing = [p for p in (folder, *folder.parents) if not p.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from error
    return missing


def _move(partial: Path, folder: Path, replaces: tuple[str, ...]) -> None:
    try:
        for name in replaces:
            if not (partial / name).exists():
                (folder / name).unlink(missing_ok=True)
        for name in sorted((p.name for p in partial.iterdir()), key=lambda n: (n == "run.json", n)):
            (partial / name).replace(folder / name)
    except OSError as error:
        raise cannot_write(folder, error) from error


def _remove_if_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return


def cannot_write(folder: Path, error: OSError) -> OutputError:
    """Return the error of a folder that cannot be written: why, and what to do."""
    reason = error.strerror or error
    return OutputError(f"cannot write to {folder}: {reason}; choose another folder for the output")


def plain_value(value: Any) -> Any:
    """Return a value in a type that JSON has."""
    if isinstance(value, np.generic):
        return value.item()
    return str(value)
