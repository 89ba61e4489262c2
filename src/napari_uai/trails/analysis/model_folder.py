"""Scores against a model of a scene, from the files of a tracker to a folder."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from napari_uai.errors import BadValueError
from napari_uai.monitor import SILENT, Monitor
from napari_uai.results import checksum_of, results_folder, versions, write_record, write_table
from napari_uai.trails.analysis.folder import TrailSource
from napari_uai.trails.analysis.model_file import read_model
from napari_uai.trails.analysis.outputs import input_record
from napari_uai.trails.analysis.result import RECORD
from napari_uai.trails.analysis.scene_scores import notes_on, score_against
from napari_uai.trails.table import join_problems, problem_table

AGAINST_FORMAT = "napari-uai trails against a model 1"
"""First entry of run.json of scores against a model."""

FILES = ("scores.csv", "problems.csv", RECORD)


def rank_against(
    path: str | Path,
    folder: str | Path,
    model: str | Path,
    *,
    source: TrailSource | None = None,
    monitor: Monitor = SILENT,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Open trails, score each against a model and write the scores.

    Parameters
    ----------
    path
        File or folder of a tracker, as for :func:`~napari_uai.trails.open_trails`.
    folder
        Folder of the results: scores.csv, problems.csv, run.json.
    model
        File of :func:`~napari_uai.trails.write_model`.
    source
        Options for opening the files.
    monitor
        Progress and cancellation.

    Returns
    -------
    scores
        As returned by :func:`~napari_uai.trails.score_against`.
    problems
        What could not be used: ``file``, ``trail``, ``problem``.

    Raises
    ------
    NapariUaiError
        If files cannot be read or used, or results not written; the folder is left unchanged.
    """
    source, model, folder = source or TrailSource(), Path(model), Path(folder)
    with results_folder(folder, replaces=FILES, record=RECORD) as partial:
        learnt = read_model(model)
        trails = source.open(path, monitor=monitor.part(0.0, 0.4))
        try:
            scores = score_against(learnt, trails, monitor=monitor.part(0.4, 1.0))
        except BadValueError as error:
            raise BadValueError(f"{path}: {error}") from None
        notes = [("", "", note) for note in notes_on(learnt, trails)]
        problems = join_problems(trails.problems, problem_table(notes))
        size, checksum = checksum_of(model)
        record = {
            "format": AGAINST_FORMAT,
            "written": datetime.now(UTC).isoformat(timespec="seconds"),
            "input": input_record(trails) | source.record,
            "model": {"name": model.name, "bytes": size, "sha256": checksum},
            "found": {"trails": len(scores)},
            "files": sorted(FILES),
            "versions": versions(),
        }
        write_table(scores, partial / "scores.csv")
        write_table(problems, partial / "problems.csv")
        write_record(record, partial / RECORD)
    return scores, problems
