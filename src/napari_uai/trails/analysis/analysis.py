"""From trails to ranks, heatmaps and regions; from a tracker's files to a folder of results.

>>> from napari_uai import analyse_trails, open_trails, write_trail_results
>>> trails = open_trails("locations", location="site", camera="gate")
>>> result = analyse_trails(trails, settings=["n_directions=16"])
>>> print(result.scores.head())
>>> write_trail_results(result, "results")
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from napari_uai.errors import BadValueError, nearest
from napari_uai.monitor import SILENT, Monitor
from napari_uai.results import checksum_of
from napari_uai.trails.analysis.parts import heat_of_classes, within_masks
from napari_uai.trails.analysis.result import (
    EVERY_CLASS,
    TOP,
    Preset,
    TrailResult,
)
from napari_uai.trails.analysis.settings import checked_settings
from napari_uai.trails.heat.masks import Mask, MaskLike, as_mask, read_mask
from napari_uai.trails.heat.regions import ordinary_regions
from napari_uai.trails.scores.combine_scores import conformal_p_values
from napari_uai.trails.scores.reference import reference_scores
from napari_uai.trails.scores.scores import Scores, score_trails
from napari_uai.trails.table import Trails, problem_table


def analyse_trails(
    trails: Trails,
    *,
    preset: Preset = "default",
    masks: Mapping[str, MaskLike | str | Path] | None = None,
    top: int = TOP,
    settings: Iterable[str] = (),
    monitor: Monitor = SILENT,
) -> TrailResult:
    """Rank trails by how little they fit the ordinary traffic of their class.

    Parameters
    ----------
    trails
        Of one scene.
    preset
        ``default``, or ``reference`` for the numbers of the reference program of 2023.
    masks
        Region in which trails count, by class; :data:`EVERY_CLASS` (an empty text) is for classes
        without one of their own. A picture (rows, columns; anything but 0 is inside) or a file.
    top
        Trails of each class that pictures show.
    settings
        Parameters that differ from the preset's, as ``"n_directions=16"``.
    monitor
        Progress and cancelling.

    Returns
    -------
    TrailResult
        Nothing is written.

    Raises
    ------
    NapariUaiError
        If a value does not fit, or no trail is left to be scored.
    """
    check_top(top)
    parameters = checked_settings(preset, settings)
    timings: dict[str, float] = {}
    with _timed(timings, "masks"):
        regions_of, records = _read_masks(masks or {}, trails)
        inside, notes = within_masks(trails, regions_of, **parameters["masks"])
        scored = trails if inside.all() else trails.select(inside)
    if not len(scored):
        raise BadValueError(
            f"none of {len(trails)} trails lies inside the mask; paint a larger region, or lower "
            "mask_threshold"
        )
    with _timed(timings, "scores"):
        found = _score(scored, preset, parameters["scores"], monitor.part(0.05, 0.7))
    with _timed(timings, "heat"):
        heat = heat_of_classes(scored, **parameters["heat"], monitor=monitor.part(0.7, 0.95))
    if len(heat) < len(scored.classes):
        n = len(scored.classes)
        few = f"there are {n} classes: pictures and regions are of the {len(heat)} most frequent"
        notes = (*notes, few)
    with _timed(timings, "regions"):
        regions = tuple(
            region
            for kind, of in heat.items()
            for region in ordinary_regions(
                of.shade, scored.scene, kind=kind, **parameters["regions"]
            )
        )
    return TrailResult(
        trails=scored,
        scores=found.table,
        rows=found.rows,
        stretches=found.stretches,
        at_samples=found.at_samples,
        heat=heat,
        regions=regions,
        preset=preset,
        parameters=parameters,
        masks=regions_of,
        mask_records=records,
        n_masked_out=len(trails) - len(scored),
        n_top=top,
        problems=_joined(trails.problems, notes, found.problems),
        timings_s=timings,
    )


def check_top(top: int) -> None:
    """Raise BadValueError unless pictures show at least one trail."""
    if top < 1:
        raise BadValueError(f"top is {top}: pictures show at least 1 trail")


def _read_masks(
    masks: Mapping[str, MaskLike | str | Path], trails: Trails
) -> tuple[dict[str, Mask], dict[str, dict[str, Any]]]:
    """Read masks that are files; return all, and what run.json says of them."""
    read, records = {}, {}
    kinds = list(trails.classes.index)
    for kind, given in masks.items():
        if kind != EVERY_CLASS and kind not in kinds:
            raise BadValueError(f"there is a mask for class {kind!r}; {nearest(kind, kinds)}")
        if isinstance(given, (str, Path)):
            read[kind] = read_mask(given, trails.scene)
            size, checksum = checksum_of(Path(given))
            records[kind] = {"name": Path(given).name, "bytes": size, "sha256": checksum}
        else:
            name = f"the mask of class {kind}" if kind else "the mask"
            read[kind] = as_mask(given, trails.scene, name=name)
            records[kind] = {"name": "array"}
        inside = read[kind].inside
        records[kind] |= {"shape": list(inside.shape), "inside": round(float(inside.mean()), 4)}
    return read, records


def _joined(problems: pd.DataFrame, notes: Sequence[str], more: pd.DataFrame) -> pd.DataFrame:
    added = problem_table([("", "", note) for note in notes])
    tables = [table for table in (problems, added, more) if len(table)]
    return pd.concat(tables, ignore_index=True) if tables else added


def _score(
    trails: Trails, preset: Preset, parameters: Mapping[str, Any], monitor: Monitor
) -> Scores:
    if preset == "default":
        return score_trails(trails, **parameters, monitor=monitor)
    return _with_reference(trails, parameters, monitor)


def _with_reference(trails: Trails, parameters: Mapping[str, Any], monitor: Monitor) -> Scores:
    """Rank by the reference's score, its heat in place of ours; the other scores stand beside."""
    reference = reference_scores(trails, **parameters, monitor=monitor.part(0.0, 0.4))
    least = parameters["min_trails"]
    known = np.flatnonzero(np.isfinite(reference.anomaly))
    if not len(known):
        raise BadValueError(
            f"no class has {least} trails, as preset reference demands; choose another preset, "
            "or a lower min_trails"
        )
    counts = trails.classes
    problems = [
        ("", "", f"class {kind} has {n} trails, fewer than min_trails ({least}): not scored")
        for kind, n in counts[counts < least].items()
    ]
    found = score_trails(trails.select(known), monitor=monitor.part(0.4, 1.0))
    rows = known[found.rows]
    anomaly = reference.anomaly[rows]
    table = found.table.assign(anomaly=anomaly, heat=anomaly)
    codes = pd.factorize(table["class"])[0].astype(np.int64)
    table["p_value"] = conformal_p_values(anomaly, codes)
    order = np.argsort(-anomaly, kind="stable")
    table = table.iloc[order].reset_index(drop=True)
    table["rank"] = np.arange(1, len(table) + 1)
    return Scores(
        table,
        rows[order],
        1.0 - reference.at_samples,
        found.stretches[order],
        problem_table(problems),
    )


@contextmanager
def _timed(timings: dict[str, float], name: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    timings[name] = time.perf_counter() - started
