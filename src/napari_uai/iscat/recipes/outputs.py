"""Writing the results of a run: tables, recipe, record of the run, picture.

They take their places together at the end: :func:`napari_uai.results.results_folder`.
"""

from __future__ import annotations

import dataclasses
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_uai.figures import missing_letters
from napari_uai.files import cannot_write
from napari_uai.iscat.recipes.recipe import OUTPUTS, RECORDING
from napari_uai.monitor import SILENT, Monitor
from napari_uai.results import (
    CHECKSUMS,
    checksum_of,
    plain_value,
    results_folder,
    versions,
    write_record,
    write_table,
)
from napari_uai.store.keeping import code_digest

if TYPE_CHECKING:
    from napari_uai.iscat.recipes.run import RunResult
    from napari_uai.videos.frames import Video
    from napari_uai.videos.recording import Recording

RECORD = "run.json"

FILES = (*(f"{output}.csv" for output in OUTPUTS), "recipe.toml", "summary.png", RECORD)
"""All files that a run may write; the record of the run is moved into place last."""

RECORD_FORMAT = "napari-uai run 1"
"""First entry of run.json; changes with the format."""


def write_results(
    result: RunResult,
    folder: str | Path,
    *,
    overwrite: bool = False,
    monitor: Monitor = SILENT,
) -> dict[str, Path]:
    """Write the files of a run.

    Parameters
    ----------
    result
        As returned by :func:`~napari_uai.run_recipe`.
    folder
        Created if necessary. Files of an earlier run are replaced; those that this run does not
        produce are removed.
    overwrite
        Replace files of your own with the names of results as well, which are an error otherwise.
    monitor
        Progress and cancellation.

    Returns
    -------
    dict
        Path by file name: landings.csv and localizations.csv, unless the recipe tracks particles;
        the other tables that the recipe produces; recipe.toml, summary.png, run.json.

    Raises
    ------
    OutputError
        If the folder cannot be written, the disk is full, another run writes into the folder, or
        files of your own would be replaced.

    Examples
    --------
    >>> import napari_uai as uai
    >>> video = uai.open_video(uai.sample_path("landings.bin"))
    >>> result = uai.run_recipe(video, "classical", dra={"batch_size": 200})
    >>> sorted(uai.write_results(result, "results"))
    ['landings.csv', 'localizations.csv', 'recipe.toml', 'run.json', 'summary.png', 'traces.csv']
    """
    with results_folder(folder, replaces=FILES, record=RECORD, overwrite=overwrite) as partial:
        write_files(result, partial, monitor=monitor)
    return {name: Path(folder) / name for name in FILES if (Path(folder) / name).exists()}


def write_files(result: RunResult, folder: Path, *, monitor: Monitor = SILENT) -> None:
    """Write the files of a run into a folder inside that of the results; see :func:`write_results`.

    :func:`napari_uai.results.results_folder` makes the inner folder, and moves its files.
    """
    from napari_uai.iscat.recipes.summary_picture import summary_picture

    record = run_record(result, monitor=monitor.part(0.0, 0.5))
    source = result.recording.source
    if source is not None and source.exists():
        record["input"]["path"] = _seen_from(folder.parent, source)
    tables = result.written_tables()
    picture = summary_picture(result)
    try:
        for name, table in tables.items():
            write_table(table, folder / f"{name}.csv")
        (folder / "recipe.toml").write_text(result.recipe.to_toml(), encoding="utf-8")
        with missing_letters():
            picture.savefig(folder / "summary.png", dpi=110)
        write_record(record, folder / RECORD)
    except OSError as error:
        raise cannot_write(folder.parent, error) from error
    monitor.update(1.0, "written")


def run_record(result: RunResult, *, monitor: Monitor = SILENT) -> dict[str, Any]:
    """Return the provenance of a result, as stored in run.json.

    Parameters
    ----------
    result
        As returned by :func:`~napari_uai.run_recipe`.
    monitor
        Progress of the checksum.
    """
    recipe = result.recipe
    parameters = {step.name: recipe.values(step.name, result.recording) for step in recipe.steps}
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
        "found": result.found(),
        "seconds": round(sum(result.timings_s.values()), 4),
        "seed": {n: v["seed"] for n, v in parameters.items() if "seed" in v} or None,
        "status_line": None if result.status is None else dataclasses.asdict(result.status),
        "disturbances": (
            None
            if result.disturbances is None
            else result.disturbances.record(result.recording.first_frame)
        ),
        "problems": list(result.problems),
        "versions": versions(),
        "code_sha256": code_digest(),
    }


def is_record_of(
    record: Any, recording: Recording, folder: Path, *, name: str, monitor: Monitor = SILENT
) -> bool:
    """Return whether a record is of a run that would not write anything else now.

    Parameters
    ----------
    record
        Content of ``run.json``.
    recording
        What would be analysed.
    folder
        Folder of the results; all of them have to be as they were written.
    name
        Of the recipe; whether it is the same is for the caller to say.
    monitor
        Progress of the checksum of the recording.
    """
    try:
        same = (
            record["format"] == RECORD_FORMAT
            and record["recipe"]["name"] == name
            and record["versions"] == versions()
            and record["code_sha256"] == code_digest()
            and not _files_in(record["stages"])
            and all(checksum_of(folder / n)[1] == s for n, s in record[CHECKSUMS].items())
        )
        then = {**record["input"], "dtype": ""}
    except (KeyError, TypeError, AttributeError, OSError):
        return False
    if not same:
        return False
    now = {**recording_record(recording, monitor=monitor), "dtype": ""}
    if recording.source is not None and "sha256" in now:
        now["path"] = _seen_from(folder, recording.source)
    return bool(then == json.loads(json.dumps(now, default=plain_value)))


def _files_in(stages: Any) -> bool:
    """Return whether parameters name files, whose content the record does not tell."""
    values = [value for stage in stages for value in stage["parameters"].values()]
    return any(isinstance(value, str) and os.path.isfile(value) for value in values)  # noqa: PTH113


def _seen_from(folder: Path, source: Path) -> str:
    """Return the path of a recording relative to the results, so that both can be moved."""
    try:
        return Path(os.path.relpath(source, folder)).as_posix()
    except ValueError:  # on another drive of Windows
        return source.absolute().as_posix()


def input_record(result: RunResult, *, monitor: Monitor = SILENT) -> dict[str, Any]:
    """Return name, size, checksum and shape of the input."""
    return recording_record(result.recording, video=result.videos[RECORDING], monitor=monitor)


def recording_record(
    recording: Recording, *, video: Video | None = None, monitor: Monitor = SILENT
) -> dict[str, Any]:
    """Return name, size, checksum and shape of a recording.

    Parameters
    ----------
    recording
        With the file that it was read from, if any.
    video
        What was analysed, if it is not the video of the recording.
    monitor
        Progress of the checksum.

    Raises
    ------
    VideoFormatError
        If its file is not as it was when it was opened, so that the checksum is not that of what
        was analysed.
    """
    if video is None:
        video = recording.video
    record: dict[str, Any] = {"name": recording.name}
    if recording.source is not None and recording.source.exists():
        known = recording.checksum
        size, checksum = known or checksum_of(recording.source, monitor=monitor)
        record |= {"bytes": size, "sha256": checksum}
    recording.check_unchanged()
    return record | {
        "shape": [int(n) for n in video.shape],
        "dtype": str(video.dtype),
        "first_frame": recording.first_frame,
        "pixel_size_um": recording.pixel_size_um,
        "frame_rate_hz": recording.frame_rate_hz,
        "reading": dict(recording.reading),
        "history": list(recording.history),
    }
