"""Opening and saving trails in napari: report folders, csv, MOT text, JSON exports."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_uai.widgets.kit.layers import LayerTuple

_HEAD_BYTES = 4096
_REPORT_DEPTH = 4
_MOST_FOLDERS = 300

_MOST_ENTRIES = 100
"""Of a folder that are looked at: it may hold a million files."""


def trail_reader(path: str | list[str]) -> Callable[[Any], list[Any]] | None:
    """Return a reader of trails; None for what does not look like trails.

    Looks at the names in a folder, or at the first bytes of a file; reads nothing else.
    """
    paths = [Path(one) for one in (path if isinstance(path, list) else [path])]
    try:
        ours = all(holds_reports(one) if one.is_dir() else _is_trails(one) for one in paths)
    except OSError:
        return None
    return _read if ours else None


def trail_layers(path: str | Path, **options: Any) -> list[LayerTuple]:
    """Open trails as layers: the picture of their scene, and their tracks.

    Parameters
    ----------
    path
        Folder or file.
    **options
        Of :func:`napari_uai.trails.io.reading.open_trails`.

    Raises
    ------
    TrailFormatError
        If it holds no trails, or those of several cameras.
    """
    from napari_uai.trails.io.reading import open_trails
    from napari_uai.widgets.trails.drawing import opened_tracks, scene_layer
    from napari_uai.widgets.trails.placement import source_of_trails

    source = source_of_trails(open_trails(path, **options))
    return [scene_layer(source), opened_tracks(source)]


def write_tracks(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write a Tracks layer as csv: a row for each sample.

    Trails that this plugin opened are written with their names, classes and times, so that they
    open as the same trails; other tracks as ``trail, frame, y, x`` (px), or
    ``trail, frame, z, y, x``, and their features.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    import numpy as np
    import pandas as pd

    from napari_uai.errors import OutputError
    from napari_uai.trails.io.writing import write_trails
    from napari_uai.trails.table import Trails
    from napari_uai.widgets.kit.layers import KEY

    kept = attributes.get("metadata", {}).get(KEY, {}).get("trails")
    if isinstance(kept, Trails):
        write_trails(kept, path, overwrite=True)
        return [path]
    tracks = np.asarray(data, np.float64)
    names = ["trail", "frame", *("z", "y", "x")[-(tracks.shape[1] - 2) :]]
    table = pd.DataFrame(tracks, columns=names)
    for name in ("trail", "frame"):
        if (table[name] == table[name].round()).all():
            table[name] = table[name].astype(np.int64)
    features = pd.DataFrame(attributes.get("features", {})).reset_index(drop=True)
    for name in features.columns:
        if name not in (*names, "track_id"):
            table[name] = features[name]
    try:
        table.to_csv(path, index=False)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}") from None
    return [path]


def _read(path: str | list[str]) -> list[Any]:
    """Read trails; where a folder has several cameras, ask in the dock which of them."""
    layers: list[Any] = []
    for one in path if isinstance(path, list) else [path]:
        if Path(one).is_dir() and _has_choice(one) and _ask_in_dock(one):
            continue
        layers += trail_layers(one)
    return layers or [(None,)]  # handled, without a layer so far


def _has_choice(path: str) -> bool:
    from napari_uai.trails.io.scv2 import list_reports

    return len(list_reports(Path(path))) > 1


def _ask_in_dock(path: str) -> bool:
    import napari

    viewer = napari.current_viewer()
    if viewer is None:
        return False
    _, dock = viewer.window.add_plugin_dock_widget("napari-uai", "Trail workflow")
    dock.sources.set_path(path)
    dock.run_bar.say("Choose location and camera, then Open.")
    return True


def holds_reports(folder: Path) -> bool:
    """Tell whether a report folder is in a folder: locations/<location>/<camera>/report.

    Looks at some hundred folders at most, the nearest first, so that a disk is let go at once.
    """
    import os

    waiting, looked_at = [(folder, 0)], 0
    while waiting and looked_at < _MOST_FOLDERS:
        here, depth = waiting.pop(0)
        looked_at += 1
        if (here / "metadata" / "objects").is_dir():
            return True
        if depth == _REPORT_DEPTH:
            continue
        try:
            with os.scandir(here) as entries:
                inside = [e for e in islice(entries, _MOST_ENTRIES) if e.is_dir()]
        except OSError:
            continue
        waiting += [(Path(e.path), depth + 1) for e in inside if not e.name.startswith(".")]
    return False


def _is_trails(file: Path) -> bool:
    """Tell whether the head of a file is that of trails: names of columns, boxes or an export."""
    if not file.is_file() or file.stat().st_size == 0:
        return False
    head = _head(file)
    if head.lstrip()[:1] == b"{":
        return b'"tracking"' in head or b'"xy_center"' in head or b'"first_epoch_ms"' in head
    lines = [line for line in head.decode("utf-8", "replace").splitlines() if line.strip()]
    if not lines or "\0" in lines[0]:
        return False
    separator = next((mark for mark in (";", "\t", ",") if mark in lines[0]), None)
    fields = [field.strip().strip('"').lower() for field in lines[0].split(separator)]
    return _names_trails(fields) or _is_mot(fields, file)


def _names_trails(fields: list[str]) -> bool:
    """Tell whether names of columns are those of trails: who, when, where."""
    from napari_uai.errors import TrailFormatError
    from napari_uai.trails.io.columns import named_columns

    try:
        found = named_columns(fields)
    except TrailFormatError:
        return False
    return bool(found.keys() & {"time", "frame", "t", "epoch_ms"})


def _is_mot(fields: list[str], file: Path) -> bool:
    """Tell whether numbers without names are boxes of the MOT challenge."""
    try:
        [float(field) for field in fields]
    except ValueError:
        return False
    return len(fields) in (9, 10) and file.suffix.lower() in (".txt", ".csv")


def _head(file: Path) -> bytes:
    """Return the first bytes of a file, unpacked."""
    import gzip
    import zipfile
    import zlib

    try:
        if file.suffix.lower() == ".gz":
            with gzip.open(file) as packed:
                return packed.read(_HEAD_BYTES)
        if file.suffix.lower() == ".zip":
            with zipfile.ZipFile(file) as archive:
                names = [
                    n for n in archive.namelist() if n.lower().endswith((".json", ".csv", ".txt"))
                ]
                if len(names) != 1:
                    return b""
                with archive.open(names[0]) as inside:
                    return inside.read(_HEAD_BYTES)
        with file.open("rb") as plain:
            return plain.read(_HEAD_BYTES)
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError, NotImplementedError):
        return b""
