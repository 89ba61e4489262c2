"""Readers of tables of samples, one row per format; the documentation lists them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from napari_uai.trails.io.content import Content
from napari_uai.trails.io.formats.arrays import is_npy, npy_table
from napari_uai.trails.io.formats.geojson import geojson_table, is_geojson
from napari_uai.trails.io.formats.headerless import HEADERLESS
from napari_uai.trails.io.formats.json_tables import (
    coco_table,
    frigate_table,
    is_coco,
    is_frigate,
    is_opendatacam,
    is_records,
    opendatacam_table,
    records_table,
)
from napari_uai.trails.io.formats.pose import is_pose, pose_table
from napari_uai.trails.io.formats.spreadsheets import (
    is_feather,
    is_parquet,
    is_workbook,
    parquet_table,
    workbook_table,
)
from napari_uai.trails.io.formats.xml_tracks import (
    cvat_table,
    gpx_table,
    is_cvat,
    is_gpx,
    is_trackmate,
    trackmate_table,
)
from napari_uai.trails.io.sample_table import SampleTable


class TableReader(NamedTuple):
    """Reader of a format.

    Parameters
    ----------
    name
        Format and the programs that write it.
    needs
        What the user must give, or what is taken from where.
    looks_like
        Whether a file is of this format.
    read
        Table of samples of such a file.
    """

    name: str
    needs: str
    looks_like: Callable[[Content], bool]
    read: Callable[[Content], SampleTable]


READERS = (
    TableReader(
        "Parquet, Feather",
        'columns as in csv; `pip install "napari-uai[tables]"`',
        lambda content: is_parquet(content) or is_feather(content),
        parquet_table,
    ),
    TableReader(
        "Excel workbook (`.xlsx`)",
        'columns as in csv; first sheet with rows; `pip install "napari-uai[tables]"`',
        is_workbook,
        workbook_table,
    ),
    TableReader(
        "npy: tracks of napari, or named fields",
        "identity, t, (z,) y, x; `--frame-rate` for seconds",
        is_npy,
        npy_table,
    ),
    TableReader(
        "DeepLabCut (csv, h5), SLEAP (h5, slp)",
        'each individual at its mean keypoint; `pip install "napari-uai[pose]"`',
        is_pose,
        pose_table,
    ),
    TableReader(
        "TrackMate XML: exported tracks, or the whole model",
        "units and frame interval are in the file",
        is_trackmate,
        trackmate_table,
    ),
    TableReader(
        "GPX", "tracks; longitude and latitude become metres, north up", is_gpx, gpx_table
    ),
    TableReader("CVAT for video (XML)", "tracks of boxes", is_cvat, cvat_table),
    TableReader(
        "GeoJSON",
        "lines, each a trail, with `times` or `coordTimes`; or points with an id and a time",
        is_geojson,
        geojson_table,
    ),
    TableReader(
        "Frigate: `/api/events` with `path_data`",
        "`--camera` if there are several; `--scene`",
        is_frigate,
        frigate_table,
    ),
    TableReader(
        "OpenDataCam: tracker data", "`--frame-rate` without times", is_opendatacam,
        opendatacam_table,
    ),
    TableReader(
        "COCO annotations with `track_id`", "`--frame-rate` for seconds", is_coco, coco_table
    ),
    TableReader(
        "JSON and JSON lines: records of samples, of frames or of objects",
        "names as in csv",
        is_records,
        records_table,
    ),
)  # fmt: skip
"""Readers of files other than text tables, in the order in which they are tried."""

_HEADERLESS_NEEDS = {
    "MOT text": "6 to 10 columns (also VisDrone), any separator; `--frame-rate`, `--scene`",
    "KITTI tracking labels": "`--frame-rate`, `--scene`; *DontCare* is left out",
    "SDD annotations": "`--frame-rate 30`, `--scene`; boxes that are *lost* are left out",
    "AI City": "`--camera` if there are several; `--frame-rate`, `--scene`",
}

TEXT_FORMATS = (
    (
        (
            "csv and other text with named columns (ultralytics, supervision, trackpy, laptrack, "
            "btrack, ultrack, DeepStream, highD, inD, INTERACTION, NGSIM, Argoverse, Movebank, ...)"
        ),
        "nothing, if the names are understood; `--columns` otherwise",
    ),
    ("TrackMate spots (csv)", "units are in the file"),
    ("JuPedSim, PedPy (txt)", "names and frame rate are in comments of the file"),
    *((known.name, _HEADERLESS_NEEDS[known.name]) for known in HEADERLESS),
    ("other text of numbers", "`--columns frame,trail,x,_,y` (`_` marks a column to ignore)"),
)
"""Formats of text tables, and what they need."""

FOLDERS = (
    (
        "report folder of the scv2 tracker",
        (
            "the folder above `locations`, or any folder below; `--location`, `--camera` if there "
            "are several"
        ),
    ),
    (
        "export of a tracker as one JSON file",
        (
            "nothing; without sizes and times, 640 x 360 px and one sample per second are assumed, "
            "with a note"
        ),
    ),
)
"""Formats that hold more than a table."""

FOLDERS_OF_TABLES = (
    (
        "folder of ultralytics labels (`save_txt` of tracks)",
        "a text per frame with ids in the last column; `--frame-rate`, `--scene`",
    ),
    (
        "folder of tables",
        (
            "files of one format; trails of each file have its name in front; size and frame rate "
            "from `seqinfo.ini`"
        ),
    ),
)
"""Folders of files that are tables."""


def formats() -> list[tuple[str, str]]:
    """Return name and needs of every format of trails, as the documentation lists them."""
    return [
        *FOLDERS,
        *TEXT_FORMATS,
        *((reader.name, reader.needs) for reader in READERS),
        *FOLDERS_OF_TABLES,
    ]


def reader_of(content: Content) -> TableReader | None:
    """Return the reader of a file other than a text table; None if not found."""
    return next((reader for reader in READERS if reader.looks_like(content)), None)
