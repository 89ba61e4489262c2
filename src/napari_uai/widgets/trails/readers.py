"""Readers and a writer of trails: report folders, and tables of many programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_uai.iscat.piscat.recognition import piscat_kind
from napari_uai.widgets.kit.plugin_docks import TRAILS_TITLE, shown_dock

if TYPE_CHECKING:
    from napari_uai.typing import Floats
    from napari_uai.widgets.kit.layers import LayerTuple, Reader, ReaderPath

_HEAD_BYTES = 16384


def trail_reader(path: ReaderPath) -> Reader | None:
    """Return a reader of trails, or None if a path does not look like trails.

    Only the names in a folder and the first bytes of a file are read.
    """
    paths = [Path(one) for one in (path if isinstance(path, list) else [path])]
    try:
        is_ours = all(has_reports(one) if one.is_dir() else _is_trails(one) for one in paths)
    except OSError:
        return None
    return _read if is_ours else None


def trail_layers(path: str | Path, **options: Any) -> list[LayerTuple]:
    """Open trails as two layers: the image of the scene, and tracks.

    Parameters
    ----------
    path
        Folder or file.
    **options
        Options of :func:`napari_uai.trails.io.reading.open_trails`.

    Raises
    ------
    TrailFormatError
        If there are no trails, or trails of several cameras.
    """
    from napari_uai.trails.io.reading import open_trails
    from napari_uai.widgets.trails.drawing import opened_tracks, scene_layer
    from napari_uai.widgets.trails.placement import source_of_trails

    source = source_of_trails(open_trails(path, **options))
    return [scene_layer(source), opened_tracks(source)]


def write_tracks(path: str, data: Floats, attributes: dict[str, Any]) -> list[str]:
    """Write a Tracks layer as csv, JSON, HDF5 or MAT, one row per sample.

    Trails read by this plugin are written with names, classes and times, so that the file opens
    as the same trails (csv, JSON); other tracks as ``trail, frame, y, x`` (px) or
    ``trail, frame, z, y, x``, followed by their features.

    Parameters
    ----------
    path
        Path of the file.
    data
        Data of the layer, (n, 4) or (n, 5).
    attributes
        Attributes of the layer.

    Returns
    -------
    list of str
        The path.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    import numpy as np
    import pandas as pd

    from napari_uai.iscat.table_files import export_table
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
    export_table(table, path, overwrite=True)  # napari has asked
    return [path]


def _read(path: ReaderPath) -> list[LayerTuple | tuple[None]]:
    """Read trails; if a folder has several cameras, the dock asks which one to open."""
    layers: list[LayerTuple | tuple[None]] = []
    for one in path if isinstance(path, list) else [path]:
        if Path(one).is_dir() and _has_several_cameras(one) and _ask_in_dock(one):
            continue
        layers += trail_layers(one)
    return layers or [(None,)]  # handled, but no layer yet


def _has_several_cameras(path: str) -> bool:
    from napari_uai.trails.io.scv2 import list_reports

    return len(list_reports(Path(path))) > 1


def _ask_in_dock(path: str) -> bool:
    import napari

    viewer = napari.current_viewer()
    if viewer is None:
        return False
    dock = shown_dock(viewer, TRAILS_TITLE, tabify=False)
    dock.sources.set_path(path)
    dock.run_bar.say("Choose location and camera, then click Open.")
    return True


def has_reports(folder: Path) -> bool:
    """Return whether a folder contains a report: locations/<location>/<camera>/report."""
    from napari_uai.widgets.kit.folders import folders_in

    return any((each / "metadata" / "objects").is_dir() for each in folders_in(folder))


def _is_trails(file: Path) -> bool:
    """Return whether the head of a file has column names or boxes of trails, or is an export."""
    if not file.is_file() or file.stat().st_size == 0 or piscat_kind(file) is not None:
        return False
    from napari_uai.trails.io.recognition import looks_like_trails

    return looks_like_trails(_head(file), file)


def _head(file: Path) -> bytes:
    """Return the first bytes of a file, decompressed."""
    import zipfile
    import zlib

    from napari_uai.errors import NapariUaiError, TrailFormatError
    from napari_uai.untrusted import GZIP, check_archive, refusing

    try:
        with refusing(file, "a table", error=TrailFormatError), file.open("rb") as plain:
            head = plain.read(_HEAD_BYTES)
            if head.startswith(GZIP):
                return zlib.decompressobj(wbits=31).decompress(head, _HEAD_BYTES)
            if file.suffix.lower() != ".zip":
                return head
            check_archive(file, error=TrailFormatError)
            with zipfile.ZipFile(plain) as archive:
                members = archive.namelist()
                if "xl/workbook.xml" in members:
                    return head
                names = [n for n in members if n.lower().endswith((".json", ".csv", ".txt"))]
                if len(names) != 1:
                    return b""
                with archive.open(names[0]) as inside:
                    return inside.read(_HEAD_BYTES)
    except NapariUaiError:
        return b""
