"""Writing trails to files, for other programs and for opening them again."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_uai.csv_cells import disarmed
from napari_uai.errors import OutputError, counted
from napari_uai.files import whole_file
from napari_uai.monitor import SILENT, Monitor
from napari_uai.option_names import option
from napari_uai.parameters import checked
from napari_uai.trails.io.convert import frame_of_trails
from napari_uai.trails.io.formats.mot import mot_text
from napari_uai.trails.parameters import FrameRate
from napari_uai.trails.table import UNCLASSIFIED, Trails
from napari_uai.typing import Floats32

_TRAILS_PER_UPDATE = 256
_EXACT_INTEGER = 2**53


@checked
def write_trails(
    trails: Trails,
    path: str | Path,
    *,
    overwrite: bool = False,
    frame_rate_hz: FrameRate | None = None,
    monitor: Monitor = SILENT,
) -> Path:
    """Write trails to a file, in the format of its extension.

    - ``.csv``, ``.csv.gz``: one row per sample: ``trail, class, time, y, x``, in s and px. All
      times are kept; the size of the scene is not, and must be given when the file is opened.
      Texts that a spreadsheet would take for formulas get an apostrophe in front, which
      :func:`~napari_uai.trails.open_trails` drops.
    - ``.txt``: MOT text: frame, id, and a box of 1 px around the position. Frames count from 1 if
      there is one before it, or times count from 1970. Trails whose names are not whole numbers
      get their number in the table, from 1. If all classes are those of MOT ground truth, they are
      written as there.
    - ``.json``, ``.json.gz``, ``.zip``: one object per trail, as exported by trackers: positions
      as fractions of the picture (6 digits), class, last hull, size of the picture, first and last
      time. When the file is opened, samples are spaced evenly in time.
    - ``.geojson``: a line for each trail, with its name, class and times, in px (y down).
    - ``.parquet``: the columns of csv, with their types; needs pyarrow (extra ``tables``).

    Parameters
    ----------
    trails
        Trails of one scene.
    path
        File to write.
    overwrite
        Whether to replace an existing file.
    frame_rate_hz
        Frames per second of MOT text; if None, the lowest at which times are whole frames. Other
        formats have times.
    monitor
        Progress and cancellation; no file remains after a cancellation.

    Returns
    -------
    pathlib.Path
        Path of the file.

    Raises
    ------
    OutputError
        If the file exists, cannot be written, or has another extension.
    BadValueError
        If a trail has two samples in a frame of MOT text, or its frame rate is not given and times
        are not evenly spaced.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from napari_uai.trails import open_trails, trails_of_tracks, write_trails
    >>> trails = trails_of_tracks([[7, 0, 10, 0], [7, 1, 10, 60]], scene_size=(64, 48))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_trails(trails, Path(folder) / "trails.json.gz")
    ...     again = open_trails(path)
    >>> (again.scene.width, again.scene.height), again.x.round(3).tolist()
    ((64, 48), [0.0, 60.0])
    """
    path = Path(path)
    as_bytes = _writer_of(path, overwrite=overwrite)
    content = mot_text(trails, frame_rate_hz) if as_bytes is None else as_bytes(trails, monitor)
    with whole_file(path) as partial:
        _store(content, partial, path)
    return path


def check_trail_file(path: str | Path, *, overwrite: bool = False) -> None:
    """Raise OutputError if :func:`write_trails` would refuse the name of a file."""
    _writer_of(Path(path), overwrite=overwrite)


def _writer_of(path: Path, *, overwrite: bool) -> Callable[[Trails, Monitor], bytes] | None:
    """Return the writer of a file by its extension; None for MOT text."""
    name = path.name.lower()
    ending = next((ending for ending in _WRITERS if name.endswith(ending)), None)
    if ending is None:
        *others, last = _WRITERS
        raise OutputError(f"{path}: the extension must be {', '.join(others)} or {last}")
    if path.exists() and not overwrite:
        raise OutputError(
            f"{path} already exists: choose another name, or give {option('overwrite', True)}"
        )
    return _WRITERS[ending]


def export_of_trails(trails: Trails, *, monitor: Monitor = SILENT) -> dict[str, dict[str, Any]]:
    """Return trails as JSON-compatible records, by name.

    Parameters
    ----------
    trails
        Trails of one scene.
    monitor
        Progress and cancellation.
    """
    width, height = trails.scene.width, trails.scene.height
    xy = np.round(
        np.column_stack([trails.x / max(width - 1, 1), trails.y / max(height - 1, 1)]).astype(
            np.float64
        ),
        6,
    )
    names = trails.table["trail"].tolist()
    kinds = trails.table["class"].tolist()
    start, end = (
        np.round(trails.table[key].to_numpy(np.float64) * 1000).astype(np.int64).tolist()
        for key in ("start", "end")
    )
    export: dict[str, dict[str, Any]] = {}
    for row, name in enumerate(names):
        if row % _TRAILS_PER_UPDATE == 0:
            monitor.update(row / len(names), f"{row} of {counted(len(names), 'trail')}")
        samples = trails.trail(row)
        tracking: dict[str, Any] = {
            "frame_width": width,
            "frame_height": height,
            "num_samples": samples.stop - samples.start,
            "xy_center": xy[samples].tolist(),
        }
        hull = trails.hulls[row] if len(trails.hulls) else None
        if hull is not None:
            tracking["hull"] = [_shares(hull, width, height)]
        export[name] = {
            "_id": _identity(name),
            "first_epoch_ms": start[row],
            "final_epoch_ms": end[row],
            "num_samples": samples.stop - samples.start,
            "tracking": tracking,
        }
        if kinds[row] != UNCLASSIFIED:
            export[name]["bdb_classifier"] = kinds[row]
    return export


def _csv(trails: Trails, monitor: Monitor) -> bytes:
    monitor.update(0.0, counted(len(trails.time), "sample"))
    # Few trails have many samples: their names are disarmed once each.
    safe = replace(trails, table=disarmed(trails.table))
    return frame_of_trails(safe).to_csv(index=False, lineterminator="\n").encode()


def _json(trails: Trails, monitor: Monitor) -> bytes:
    return json.dumps(export_of_trails(trails, monitor=monitor)).encode()


def _geojson(trails: Trails, monitor: Monitor) -> bytes:
    xy = np.column_stack([trails.x, trails.y]).astype(np.float64).round(3)
    features: list[dict[str, Any]] = []
    for row, (name, kind) in enumerate(
        zip(trails.table["trail"], trails.table["class"], strict=True)
    ):
        if row % _TRAILS_PER_UPDATE == 0:
            monitor.update(row / len(trails), f"{row} of {counted(len(trails), 'trail')}")
        samples = trails.trail(row)
        features.append(
            {
                "type": "Feature",
                "properties": {
                    "trail": name,
                    "class": kind,
                    "times": trails.time[samples].tolist(),
                },
                "geometry": {"type": "LineString", "coordinates": xy[samples].tolist()},
            }
        )
    # Without a reference system, small numbers would be taken for degrees.
    pixels = {"type": "name", "properties": {"name": "pixels of the picture, y down"}}
    document = {"type": "FeatureCollection", "crs": pixels, "features": features}
    return json.dumps(document).encode()


def _parquet(trails: Trails, monitor: Monitor) -> bytes:
    monitor.update(0.0, counted(len(trails.time), "sample"))
    content = io.BytesIO()
    try:
        frame_of_trails(trails).to_parquet(content, index=False)
    except ImportError:
        raise OutputError('Parquet needs pyarrow: pip install "napari-uai[tables]"') from None
    return content.getvalue()


_WRITERS: dict[str, Callable[[Trails, Monitor], bytes] | None] = {
    ".csv": _csv,
    ".csv.gz": _csv,
    ".txt": None,
    ".txt.gz": None,
    ".json": _json,
    ".json.gz": _json,
    ".zip": _json,
    ".geojson": _geojson,
    ".parquet": _parquet,
}


def _store(content: bytes, partial: Path, path: Path) -> None:
    if path.suffix.lower() == ".zip":
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"{path.stem}.json", content)
    elif path.suffix.lower() == ".gz":
        # Without time and name inside, equal trails give equal files.
        partial.write_bytes(gzip.compress(content, mtime=0))
    else:
        partial.write_bytes(content)


def _shares(hull: Floats32, width: int, height: int) -> list[list[float]]:
    size = np.array([max(width - 1, 1), max(height - 1, 1)], np.float64)
    shares: list[list[float]] = np.round(hull[:, ::-1] / size, 6).tolist()
    return shares


def _identity(name: str) -> int | str:
    """Return the name of a trail as trackers store it: an integer if JSON represents it exactly."""
    if name.isascii() and name.isdecimal() and str(int(name)) == name:
        return int(name) if 0 < int(name) < _EXACT_INTEGER else name
    return name
