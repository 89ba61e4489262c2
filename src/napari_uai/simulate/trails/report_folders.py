"""Simulated trails as a tracker's report folder, with pictures and ground truth."""

from __future__ import annotations

import dataclasses
import gzip
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
from annotated_types import Ge

from napari_uai.errors import BadValueError, OutputError
from napari_uai.files import cannot_write
from napari_uai.monitor import SILENT, Monitor
from napari_uai.parameters import checked
from napari_uai.results import results_folder
from napari_uai.simulate.settings import TrailSettings
from napari_uai.simulate.trails.routes import HEIGHT, WIDTH
from napari_uai.simulate.trails.scene_picture import background_picture, draw_objects
from napari_uai.simulate.trails.simulation import START, SimulatedTrails, simulate_trails
from napari_uai.threads import n_threads
from napari_uai.trails.table import Picture

JPEG_QUALITY = 80

RECORD_SAMPLES = 20_000
"""Number of samples after which a tracker starts another record of the same object."""

MAX_PARTS = 100
"""Largest number of records of one object."""

_BLOCK = 64


@dataclass(frozen=True)
class WrittenScene:
    """Paths of a simulated scene.

    Attributes
    ----------
    locations
        Folder to open, with ``<location>/<camera>/report``.
    truth
        csv: ``trail, class, route, anomaly, start, end``; ``anomaly`` is empty for ordinary
        trails, times (in s since 1970) are those of the anomalous part.
    settings
        JSON with all settings of the simulation.

    Examples
    --------
    >>> import tempfile
    >>> import napari_uai as uai
    >>> settings = uai.simulate.TrailSettings(trails=20, duration_s=60)
    >>> written = uai.simulate.simulate_to_folder(settings, tempfile.mkdtemp())
    >>> written.locations.name, written.truth.name, written.settings.name
    ('locations', 'truth.csv', 'simulation.json')
    """

    locations: Path
    truth: Path
    settings: Path


def simulate_to_folder(
    settings: TrailSettings,
    folder: str | Path,
    *,
    location: str = "site",
    camera: str = "gate",
    monitor: Monitor = SILENT,
) -> WrittenScene:
    """Simulate trails and write them as a report folder.

    Parameters
    ----------
    settings
        Settings of the simulation.
    folder
        Folder for ``locations``, ``truth.csv`` and ``simulation.json``; created if it does not
        exist.
    location, camera
        Names of the location and of the camera, which become names of folders.
    monitor
        Progress and cancellation.

    Returns
    -------
    WrittenScene
        Paths of the written files.

    Raises
    ------
    BadValueError
        If a name is not valid for a folder.
    OutputError
        If ``locations`` exists, or the files cannot be written.
    CancelledError
        If cancelled by the monitor; nothing is left behind.

    Examples
    --------
    >>> import tempfile
    >>> import napari_uai as uai
    >>> settings = uai.simulate.TrailSettings(trails=20, duration_s=60)
    >>> written = uai.simulate.simulate_to_folder(settings, tempfile.mkdtemp())
    >>> len(uai.open_trails(written.locations))
    20
    """
    folder = Path(folder)
    _check_free(folder)
    simulated = simulate_trails(settings, monitor=monitor.part(0, 0.2))
    return write_report_folder(
        simulated, folder, location=location, camera=camera, monitor=monitor.part(0.2, 1)
    )


@checked
def write_report_folder(
    simulated: SimulatedTrails,
    folder: str | Path,
    *,
    location: str = "site",
    camera: str = "gate",
    record_samples: Annotated[int, Ge(2)] = RECORD_SAMPLES,
    monitor: Monitor = SILENT,
) -> WrittenScene:
    """Write simulated trails as an scv2 report folder, with the ground truth.

    Records of objects, camera and configuration are compressed JSON; metadata of pictures are plain
    JSON. Snapshots show the outlines of the objects.

    Parameters
    ----------
    simulated
        Simulated trails.
    folder
        Folder for ``locations``, ``truth.csv`` and ``simulation.json``; created if it does not
        exist.
    location, camera
        Names of the location and of the camera, which become names of folders.
    record_samples
        Maximum number of samples of a record; objects with more are split into a chain of records.
    monitor
        Progress and cancellation, once per block of records or pictures.

    Returns
    -------
    WrittenScene
        Paths of the written files; ``locations`` appears complete or not at all.

    Raises
    ------
    BadValueError
        If ``record_samples`` is less than 2, or a name is not valid for a folder.
    OutputError
        If ``locations`` exists, or the files cannot be written.
    CancelledError
        If cancelled by the monitor; nothing is left behind.

    Examples
    --------
    >>> import tempfile
    >>> import napari_uai as uai
    >>> simulated = uai.simulate_trails(uai.simulate.TrailSettings(trails=20, duration_s=60))
    >>> written = uai.simulate.write_report_folder(simulated, tempfile.mkdtemp(), camera="north")
    >>> [path.name for path in (written.locations / "site").iterdir()]
    ['north']
    """
    folder = Path(folder)
    for name in (location, camera):
        if not name or name.startswith(".") or any(c in name for c in '/\\:*?"<>|'):
            raise BadValueError(f"{name!r} is not a valid folder name; use letters and digits")
    _check_free(folder)
    written = WrittenScene(folder / "locations", folder / "truth.csv", folder / "simulation.json")
    with results_folder(folder) as stage:
        report = stage / "locations" / location / camera / "report"
        try:
            _write_records(simulated, report / "metadata", record_samples, monitor.part(0, 0.5))
            _write_pictures(simulated, report, monitor.part(0.5, 1))
            simulated.truth.round({"start": 3, "end": 3}).to_csv(stage / "truth.csv", index=False)
            document = {"settings": dataclasses.asdict(simulated.settings)}
            (stage / "simulation.json").write_text(json.dumps(document, indent=1) + "\n", "utf-8")
        except OutputError:
            raise
        except OSError as error:
            raise cannot_write(folder, error) from error
        monitor.update(1.0, "written")
    return written


def object_records(
    simulated: SimulatedTrails, row: int, *, record_samples: int = RECORD_SAMPLES
) -> list[dict[str, Any]]:
    """Return the records of one object as written by a tracker.

    Parameters
    ----------
    simulated
        Simulated trails.
    row
        Row of the trail.
    record_samples
        Maximum number of samples per record.

    Returns
    -------
    list of dict
        One record, or a chain of several, of which the first has the name of the trail.
    """
    trails = simulated.trails
    own = trails.trail(row)
    starts = range(own.start, own.stop, record_samples)
    cuts = [*starts, own.stop]
    if len(cuts) > 2 and cuts[-1] - cuts[-2] < 2:  # a record needs two samples
        cuts[-2] -= 1
    first = int(trails.table["trail"].iloc[row])
    if len(cuts) > MAX_PARTS + 1:
        raise BadValueError(
            f"record_samples {record_samples} splits a trail of {own.stop - own.start} samples "
            f"into more than {MAX_PARTS} records: increase it"
        )
    # More digits than any name of a trail, and below 2^53.
    names = [first, *(first * MAX_PARTS + i for i in range(1, len(cuts) - 1))]
    return [
        _record(
            simulated,
            row,
            slice(start, stop),
            names[i],
            (names[i - 1] if i else 0, names[i + 1] if i + 1 < len(names) else 0),
        )
        for i, (start, stop) in enumerate(pairwise(cuts))
    ]


def _record(
    simulated: SimulatedTrails, row: int, part: slice, name: int, relatives: tuple[int, int]
) -> dict[str, Any]:
    trails = simulated.trails
    size = np.array([WIDTH - 1, HEIGHT - 1])
    points = np.stack([trails.x[part], trails.y[part]], axis=1) / size
    hulls = simulated.outlines[part][..., ::-1] / size
    first, final = (round(float(trails.time[i]) * 1000) for i in (part.start, part.stop - 1))
    return {
        "_id": name,
        "bdb_classifier": str(trails.table["class"].iloc[row]),
        "first_epoch_ms": first,
        "final_epoch_ms": final,
        "final_datetime_isoformat": _iso(final),
        "num_samples": part.stop - part.start,
        "ancestor_id": relatives[0],
        "descendant_id": relatives[1],
        "is_final": relatives[1] == 0,
        "tracking": {
            "xy_center": np.round(points, 5).tolist(),
            "hull": np.round(hulls, 4).tolist(),
            "track_status": (~simulated.extrapolated[part]).astype(int).tolist(),
            "frame_width": WIDTH,
            "frame_height": HEIGHT,
        },
    }


def _write_records(
    simulated: SimulatedTrails, folder: Path, record_samples: int, monitor: Monitor
) -> None:
    (folder / "objects").mkdir(parents=True)

    def write(row: int) -> None:
        for record in object_records(simulated, row, record_samples=record_samples):
            _write_json(folder / "objects" / f"{record['_id']}.json.gz", record)

    _each(write, len(simulated.trails), "records of objects", monitor)
    epoch = round(START.timestamp() * 1000)
    camera = {"start_epoch_ms": epoch, "start_datetime_isoformat": _iso(epoch)}
    camera |= {"video_width": WIDTH, "video_height": HEIGHT, "video_fps": 10}
    _write_json(folder / "camera_info" / f"{epoch}.json.gz", {"_id": epoch, **camera})
    config = {"epoch_ms": epoch, "config": {"tracker": "simulation"}}
    _write_json(folder / "config_info" / f"{epoch}.json.gz", {"_id": epoch, **config})


def _write_pictures(simulated: SimulatedTrails, report: Path, monitor: Monitor) -> None:
    settings, table = simulated.settings, simulated.trails.table
    empty = background_picture(simulated.place, seed=settings.seed)
    begin = START.timestamp()
    _write_picture(report, "backgrounds", begin, empty)
    moments = np.arange(begin, float(table["end"].max()) + settings.snapshot_every_s + 1e-6,
                        settings.snapshot_every_s)  # fmt: skip

    def write(i: int) -> None:
        _write_picture(report, "snapshots", moments[i], snapshot(simulated, empty, moments[i]))

    _each(write, len(moments), "snapshots", monitor)


def snapshot(simulated: SimulatedTrails, empty: Picture, moment: float) -> Picture:
    """Return the picture that the camera takes at a given time.

    Parameters
    ----------
    simulated
        Simulated trails.
    empty
        Picture of the scene without objects.
    moment
        Time, in s since 1970.

    Returns
    -------
    numpy.ndarray
        Rows, columns, RGB; uint8.
    """
    trails = simulated.trails
    begun = trails.table["start"].to_numpy() <= moment
    rows = np.flatnonzero(begun & (trails.table["end"].to_numpy() >= moment))
    samples = [
        int(trails.offsets[row])
        + int(np.searchsorted(trails.time[trails.trail(row)], moment, side="right"))
        - 1
        for row in rows.tolist()
    ]
    picture = empty.copy()
    kinds = trails.table["class"].iloc[rows].tolist()
    draw_objects(picture, simulated.outlines[samples], kinds, rows.tolist())
    return picture


def _write_picture(report: Path, kind: str, moment: float, picture: Picture) -> None:
    epoch = round(moment * 1000)
    path = report / "images" / kind / f"{epoch}.jpg"
    path.parent.mkdir(parents=True, exist_ok=True)
    bgr: Picture = np.ascontiguousarray(picture[..., ::-1])
    encoded, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not encoded:
        raise OutputError(f"{path.name} cannot be encoded: install OpenCV with JPEG support")
    path.write_bytes(data.tobytes())
    metadata = {"_id": epoch, "epoch_ms": epoch, "datetime_isoformat": _iso(epoch)}
    metadata |= {"frame_width": picture.shape[1], "frame_height": picture.shape[0]}
    _write_json(report / "metadata" / kind / f"{epoch}.json", metadata)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = json.dumps(content, separators=(",", ":"), allow_nan=False).encode()
    # Without a time stamp, the same settings give the same bytes.
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)


def _each(write: Callable[[int], None], n: int, what: str, monitor: Monitor) -> None:
    with ThreadPoolExecutor(n_threads()) as pool:
        for start in range(0, n, _BLOCK):
            monitor.update(start / n, what)
            list(pool.map(write, range(start, min(start + _BLOCK, n))))


def _iso(epoch_ms: int) -> str:
    return datetime.fromtimestamp(epoch_ms / 1000, UTC).isoformat(timespec="milliseconds")


def _check_free(folder: Path) -> None:
    if (folder / "locations").exists():
        raise OutputError(f"{folder / 'locations'} exists; choose another folder or remove it")
