"""Writing detection limits: tables, picture, record."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from napari_uai.figures import save_figure
from napari_uai.files import cannot_write
from napari_uai.iscat.limit.picture import (
    FONT_SIZE,
    PICTURES,
    PIXELS_PER_INCH,
    limit_picture,
)
from napari_uai.iscat.limit.result import LimitResult, LimitRun
from napari_uai.iscat.recipes.outputs import recording_record
from napari_uai.monitor import SILENT, Monitor
from napari_uai.results import results_folder, versions, write_record, write_table

TABLES = ("limits", "curves", "groups", "accuracy", "nulls", "injections")
RECORD = "limit.json"
FILES = (*(f"{name}.csv" for name in TABLES), *PICTURES, "recipe.toml", RECORD)
"""All files that a detection limit may write."""

RECORD_FORMAT = "napari-uai limit 1"
"""First entry of limit.json; changes with the format."""


def write_limit(
    result: LimitResult,
    folder: str | Path,
    *,
    overwrite: bool = False,
    monitor: Monitor = SILENT,
) -> dict[str, Path]:
    """Write the files of a detection limit.

    Parameters
    ----------
    result
        As returned by :func:`~napari_uai.detection_limit`.
    folder
        Created if necessary. Files of an earlier detection limit are replaced; others are kept.
    overwrite
        Replace files of your own with the names of results as well, which are an error otherwise.
    monitor
        Progress and cancellation.

    Returns
    -------
    dict
        Path by file name: limits.csv, curves.csv, groups.csv, accuracy.csv, nulls.csv,
        injections.csv, limit.svg, limit.png, recipe.toml (with the best batch), limit.json.

    Raises
    ------
    OutputError
        If the folder cannot be written, or the disk is full.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import napari_uai as uai
    >>> video = np.random.default_rng(0).poisson(10_000, (240, 24, 24))
    >>> result = uai.detection_limit(video, batch_sizes=[60], injections=10, nulls=0)
    >>> files = uai.iscat.limit.write_limit(result, tempfile.mkdtemp())
    >>> sorted(files)[:3]
    ['accuracy.csv', 'curves.csv', 'groups.csv']
    """
    with results_folder(folder, replaces=FILES, record=RECORD, overwrite=overwrite) as partial:
        write_limit_files(result, partial, monitor=monitor)
    return {name: Path(folder) / name for name in FILES if (Path(folder) / name).exists()}


def write_limit_files(result: LimitResult, folder: Path, *, monitor: Monitor = SILENT) -> None:
    """Write the files directly into an existing folder; see :func:`write_limit`."""
    record = limit_record(result, monitor=monitor)
    picture = limit_picture(result)
    try:
        for name in TABLES:
            table = getattr(result, name)
            if len(table):
                write_table(table, folder / f"{name}.csv")
        for name in PICTURES:
            save_figure(
                picture, folder / name, font_size=FONT_SIZE, pixels_per_inch=PIXELS_PER_INCH
            )
        (folder / "recipe.toml").write_text(result.best.recipe.to_toml(), encoding="utf-8")
        write_record(record, folder / RECORD)
    except OSError as error:
        raise cannot_write(folder.parent, error) from error


def limit_record(result: LimitResult, *, monitor: Monitor = SILENT) -> dict[str, Any]:
    """Return the provenance of a result, as stored in limit.json."""
    calibration = result.calibration
    return {
        "format": RECORD_FORMAT,
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "input": recording_record(result.recording, monitor=monitor),
        "settings": result.settings,
        "calibration": None
        if calibration is None
        else {
            name: getattr(calibration, name)
            for name in ("slope", "intercept", "slope_error", "intercept_error", "covariance")
        },
        "runs": [_run_record(run) for run in result.runs],
        "best": result.best.label,
        "problems": list(result.problems),
        "versions": versions(),
    }


def _run_record(run: LimitRun) -> dict[str, Any]:
    return {
        "label": run.label,
        "recipe": run.recipe.name,
        "stages": [
            {"name": step.name, "use": step.stage.name, "parameters": run.recipe.values(step.name)}
            for step in run.recipe.steps
        ],
        "batch_size": run.batch_size,
        "landings": len(run.landings),
        "injections": len(run.injections),
        "runs": int(run.injections["run"].max()),
        "found": int(run.injections["found"].sum()),
        "frames": list(run.window),
        "image": run.image,
        "accepted_false": run.accepted_false,
        "reuses_bins": run.fast,
        "complete": run.complete,
    }
