"""Writing the results of a trail analysis: scores, heatmaps, pictures, regions, run record."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_uai.errors import BadValueError, counted
from napari_uai.files import cannot_write
from napari_uai.monitor import SILENT, Monitor
from napari_uai.results import (
    checksum_of,
    results_folder,
    settle,
    versions,
    write_record,
    write_table,
)
from napari_uai.trails.analysis.result import OTHERS, RECORD, RECORD_FORMAT
from napari_uai.trails.heat.regions import regions_geojson
from napari_uai.trails.pictures.canvas import aspect_problem, write_picture
from napari_uai.trails.pictures.heatmap import heatmap_picture
from napari_uai.trails.pictures.labels import takes_days, when
from napari_uai.trails.pictures.tiles import moments, tile_sheet
from napari_uai.trails.pictures.top import top_picture
from napari_uai.trails.table import join_problems, problem_table
from napari_uai.untrusted import read_json

if TYPE_CHECKING:
    import pandas as pd

    from napari_uai.trails.analysis.result import ClassHeat, TrailResult
    from napari_uai.trails.table import Trails

ALWAYS = ("scores.csv", "tiles.png", "regions.geojson", "problems.csv", RECORD)
"""Files of every run; each class adds three, each mask one."""

_SOMETIMES = re.compile(r"(heatmap_.+\.(png|tif)|top_.+\.png|mask(_.+)?\.png)")
_LONGEST_STEM = 48


def write_trail_results(
    result: TrailResult,
    folder: str | Path,
    *,
    overwrite: bool = False,
    monitor: Monitor = SILENT,
) -> dict[str, Path]:
    """Write the results of a trail analysis to a folder.

    Parameters
    ----------
    result
        Result of :func:`~napari_uai.trails.analyse_trails`.
    folder
        Folder of the results; created if it does not exist. Files of an earlier run are replaced
        or, if this run has no such file, removed.
    overwrite
        Replace files of your own with the names of results as well, which are an error otherwise.
    monitor
        Progress and cancellation.

    Returns
    -------
    dict
        Path by file name: scores.csv, tiles.png, regions.geojson, problems.csv, run.json;
        heatmap_<class>.png, heatmap_<class>.tif and top_<class>.png for each class; mask.png and
        mask_<class>.png for masks.

    Raises
    ------
    OutputError
        If the folder cannot be written; it is left unchanged.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import pandas as pd
    >>> from napari_uai.trails import analyse_trails, trails_of_frame, write_trail_results
    >>> samples = pd.DataFrame({"trail": np.repeat(np.arange(12), 10), "x": [*range(10)] * 12,
    ...                         "y": np.repeat(np.arange(12), 10), "frame": [*range(10)] * 12})
    >>> result = analyse_trails(trails_of_frame(samples, scene_size=(64, 48)))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     names = sorted(write_trail_results(result, folder))
    >>> names[:3]
    ['heatmap_unclassified.png', 'heatmap_unclassified.tif', 'problems.csv']
    """
    folder = Path(folder)
    with results_folder(
        folder, replaces=files_of_run(folder), record=RECORD, overwrite=overwrite
    ) as partial:
        names = write_trail_files(result, partial, monitor=monitor)
    return {name: folder / name for name in names}


def write_trail_files(
    result: TrailResult, folder: Path, *, monitor: Monitor = SILENT
) -> tuple[str, ...]:
    """Write the results into an existing folder; return the names of the files."""
    stems = class_stems([*result.heat, *filter(None, result.masks)])
    names = list(ALWAYS)
    try:
        missing = _tiles(result, folder, monitor.part(0.0, 0.3))
        result = replace(result, problems=join_problems(result.problems, missing))
        for i, heat in enumerate(result.heat.values()):
            monitor.update(0.3 + 0.5 * i / len(result.heat), heat.kind)
            names += _write_class(result, heat, stems[heat.kind], folder)
        for kind, mask in result.masks.items():
            names.append(_mask_name(kind, stems))
            inside = mask.inside.astype(np.uint8) * 255
            write_picture(np.repeat(inside[..., None], 3, axis=2), folder / names[-1])
        write_table(_with_whole_times(_with_dates(result)), folder / "scores.csv")
        regions = regions_geojson(
            result.regions, result.trails.scene, threshold=result.region_threshold
        )
        (folder / "regions.geojson").write_text(json.dumps(regions) + "\n", encoding="utf-8")
        write_table(result.problems, folder / "problems.csv")
        record = run_record(result, stems, names, monitor=monitor.part(0.8, 1.0))
        write_record(record, folder / RECORD)
    except OSError as error:
        raise cannot_write(folder.parent, error) from error
    monitor.update(1.0, "written")
    return tuple(sorted(names))


def class_stems(kinds: Iterable[str]) -> dict[str, str]:
    """Return a file name stem for each class, unique on every file system.

    Parameters
    ----------
    kinds
        Names of classes: any text.

    Returns
    -------
    dict
        Letters, digits, ``_``, ``-`` and ``.`` are kept. Stems that would differ at most in case
        are numbered in alphabetical order.

    Examples
    --------
    >>> class_stems(["car", "a/b", "A-B"])
    {'A-B': 'A-B', 'car': 'car', 'a/b': 'a-b-2'}
    """
    wanted = {kind: _stem(kind) for kind in sorted(set(kinds))}
    taken: set[str] = set()
    stems: dict[str, str] = {}
    # Classes whose names are valid stems come first and keep them.
    for kind in sorted(wanted, key=lambda k: (wanted[k] != k, k)):
        stem, number = wanted[kind], 2
        while stem.casefold() in taken:
            stem, number = f"{wanted[kind]}-{number}", number + 1
        taken.add(stem.casefold())
        stems[kind] = stem
    return stems


def files_of_run(folder: Path) -> tuple[str, ...]:
    """Return the names of files that a run into a folder may write or remove."""
    return (*ALWAYS, *(set(files_of_earlier_run(folder)) - {*ALWAYS}))


def files_of_earlier_run(folder: Path) -> tuple[str, ...]:
    """Return the names of the files in a folder that belong to an earlier run, by its record.

    Other files with similar names belong to the user.
    """
    settle(folder)
    try:
        record = read_json(folder / RECORD, error=BadValueError)
        if record.get("format") != RECORD_FORMAT:
            return ()
        names = [str(name) for name in record["files"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return ()
    return tuple(n for n in names if n in ALWAYS or (_SOMETIMES.fullmatch(n) and Path(n).name == n))


def run_record(
    result: TrailResult,
    stems: dict[str, str],
    names: Sequence[str],
    *,
    monitor: Monitor = SILENT,
) -> dict[str, Any]:
    """Return the record of a run: input, parameters, masks, classes, counts, versions.

    Parameters
    ----------
    result
        Result of :func:`~napari_uai.trails.analyse_trails`.
    stems
        File name stem of each class.
    names
        Names of the files that were written.
    monitor
        Progress and cancellation of the checksum.
    """
    counts = result.trails.classes
    return {
        "format": RECORD_FORMAT,
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "input": input_record(result.trails, monitor=monitor) | dict(result.options),
        "preset": result.preset,
        "parameters": {part: dict(values) for part, values in result.parameters.items()},
        "masks": {
            kind or OTHERS: {**facts, "file": _mask_name(kind, stems)}
            for kind, facts in result.mask_records.items()
        },
        "classes": {
            kind: {
                "trails": int(counts[kind]),
                "files": sorted({*_class_files(stems[kind])} & {*names}) if kind in stems else [],
            }
            for kind in counts.index
        },
        "found": {
            "trails": len(result.trails),
            "masked_out": result.n_masked_out,
            "regions": len(result.regions),
        },
        "n_top": result.n_top,
        "top": result.scores["trail"].head(result.n_top).tolist(),
        "seconds": {name: round(s, 4) for name, s in result.timings_s.items()},
        "n_problems": len(result.problems),
        "files": sorted(names),
        "versions": versions(),
    }


def input_record(trails: Trails, *, monitor: Monitor = SILENT) -> dict[str, Any]:
    """Return name and checksum of the input, and the checksum of the samples.

    A folder has no checksum of its own: that of a camera holds many gigabytes of pictures.
    """
    record: dict[str, Any] = {"name": trails.source.name if trails.source else "trails"}
    if trails.source is not None and trails.source.is_file():
        size, checksum = checksum_of(trails.source, monitor=monitor)
        record |= {"bytes": size, "sha256": checksum}
    digest = hashlib.sha256()
    for values in (trails.offsets, trails.time, trails.y, trails.x):
        digest.update(np.ascontiguousarray(values).tobytes())
    digest.update("\n".join(trails.table["trail"] + "\t" + trails.table["class"]).encode())
    return record | {
        "trails": len(trails),
        "samples": len(trails.y),
        "samples_sha256": digest.hexdigest(),
        "scene": {
            "width": trails.scene.width,
            "height": trails.scene.height,
            "picture": trails.scene.source.name if trails.scene.source else None,
        },
    }


def _tiles(result: TrailResult, folder: Path, monitor: Monitor) -> pd.DataFrame:
    """Write the sheet of snapshots; return problems with them."""
    rows = result.rows[: result.n_top].tolist()
    monitor.update(0.0, "snapshots")
    shown = moments(result.trails, rows)
    top = result.scores.head(result.n_top)
    title = f"{len(shown)} most anomalous of {counted(len(result.trails), 'trail')}, by time"
    sheet = tile_sheet(
        result.trails,
        shown,
        top["anomaly"].tolist(),
        stretches=result.stretches_at(slice(len(rows))),
        title=title,
    )
    write_picture(sheet, folder / "tiles.png")
    names = result.trails.table["trail"]
    aspect = aspect_problem(result.trails.scene)
    return problem_table(
        [
            *([("", "", aspect)] if aspect else []),
            *(
                (m.path.name if m.path else "", str(names.iloc[m.row]), m.problem)
                for m in shown
                if m.problem
            ),
        ]
    )


def _write_class(
    result: TrailResult, heat: ClassHeat, stem: str, folder: Path
) -> tuple[str, str, str]:
    """Write heatmap, counts and most anomalous trails of a class; return the names of the files."""
    import tifffile

    names = _class_files(stem)
    picture = heatmap_picture(
        result.trails.scene,
        heat.counts,
        heat.shade,
        scale=result.parameters["heat"]["heat_scale"],
        title=f"{heat.kind}: ordinary traffic of {counted(heat.n_trails, 'trail')}, outlined",
        outlines=[o for r in result.regions if r.kind == heat.kind for o in r.outlines],
    )
    write_picture(picture, folder / names[0])
    tifffile.imwrite(
        folder / names[1],
        heat.counts.astype(np.float32),
        metadata={"axes": "YX", "class": heat.kind, "unit": "trails"},
    )
    _top(result, heat.kind, folder / names[2])
    return names


def _class_files(stem: str) -> tuple[str, str, str]:
    return f"heatmap_{stem}.png", f"heatmap_{stem}.tif", f"top_{stem}.png"


def _top(result: TrailResult, kind: str, path: Path) -> None:
    """Write the picture of the top trails of a class."""
    of_kind = np.flatnonzero((result.scores["class"] == kind).to_numpy())
    places = of_kind[: result.n_top]
    picture = top_picture(
        result.trails,
        result.rows[places].tolist(),
        result.scores["anomaly"].iloc[places].tolist(),
        stretches=result.stretches_at(places),
        title=f"{kind}: {len(places)} most anomalous of {counted(len(of_kind), 'trail')}",
        outlines=result.mask_outlines(kind),
    )
    write_picture(picture, path)


def _with_dates(result: TrailResult) -> pd.DataFrame:
    """Return the scores, with date and time at which trails end if they take more than a day."""
    if not takes_days(result.trails):
        return result.scores
    ends = [when(result.trails, int(row)) for row in result.rows]
    return result.scores.assign(ends_at=ends)


def _with_whole_times(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with times as text, in ms: seconds since 1970 exceed nine digits."""
    texts = {
        name: [f"{seconds:.3f}" for seconds in table[name]]
        for name in ("departs_from", "departs_to")
    }
    return table.assign(**texts)


def _mask_name(kind: str, stems: dict[str, str]) -> str:
    return f"mask_{stems[kind]}.png" if kind else "mask.png"


def _stem(kind: str) -> str:
    text = unicodedata.normalize("NFC", kind)
    kept = "".join(c if c.isalnum() or c in "_-." else "-" for c in text)
    return kept[:_LONGEST_STEM].strip(".-") or "class"
