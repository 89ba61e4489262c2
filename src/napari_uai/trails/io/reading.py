"""Opening files and folders of trails; formats are recognized by content."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from napari_uai.errors import (
    BadValueError,
    CancelledError,
    NapariUaiError,
    TrailFormatError,
    counted,
    one_line,
)
from napari_uai.monitor import SILENT, Monitor
from napari_uai.parameters import checked
from napari_uai.trails.io.assembling import trails_of_table
from napari_uai.trails.io.compressed import read_decompressed
from napari_uai.trails.io.content import Content
from napari_uai.trails.io.exports import read_export
from napari_uai.trails.io.formats.folders import (
    is_yolo,
    joined_tables,
    sequence_facts,
    tables_in,
    yolo_table,
)
from napari_uai.trails.io.readers import reader_of
from napari_uai.trails.io.sample_table import SampleTable
from napari_uai.trails.io.scv2 import choose_report, list_reports, read_report
from napari_uai.trails.io.table_options import BoxPoint, ColumnsLike, TableOptions, WhereLike
from napari_uai.trails.io.text import text_table
from napari_uai.trails.parameters import FrameRate, SceneSize
from napari_uai.trails.table import Trails
from napari_uai.untrusted import time_limited


@checked
def open_trails(
    path: str | Path,
    *,
    location: str | None = None,
    camera: str | None = None,
    keep_extrapolated: bool = True,
    frame_rate_hz: FrameRate | None = None,
    columns: ColumnsLike | None = None,
    where: WhereLike | None = None,
    time_format: str | None = None,
    scene_size: SceneSize | None = None,
    normalized: bool | None = None,
    box_point: BoxPoint = "centre",
    monitor: Monitor = SILENT,
) -> Trails:
    """Open the trails of one camera.

    Supported formats: report folders of the scv2 tracker; exports of a tracker as a single JSON
    file; text, JSON, XML, npy, Parquet and Excel tables of many programs; folders of tables. The
    page :doc:`/own-trails` lists them. Files may be compressed (gz, or zip with a single file).

    Parameters
    ----------
    path
        File, or folder: the one that contains ``locations``, ``locations`` itself, one location,
        one camera, or its report folder; or a folder of tables.
    location, camera
        Location and camera to open, if there are several. Locations are those of report folders,
        cameras also those in a column of a table.
    keep_extrapolated
        Whether to keep samples in which the object was not detected but extrapolated, if the file
        marks them.
    frame_rate_hz
        Frames per second of files with frame numbers, samples per second of files without times;
        as stated in the file, or 1, if None.
    columns
        Names of the columns of a table, either of all in order, such as ``"frame,trail,x,_,y"``
        (``_`` columns are ignored), or by meaning, such as ``"x=cx,y=cy,trail=tid"`` or a
        dictionary; if None, as named in the file.
    where
        Rows of a table to take, such as ``"camera=A"`` or a dictionary.
    time_format
        Format of the times of a table: ``"s"``, ``"ms"``, ``"us"``, ``"ns"``, ``"frame"``, or codes
        of ``datetime.strptime``; if None, the unit of numbers since 1970 follows
        from their size, and the format of dates from their order.
    scene_size
        Width and height of the camera's picture, in px. If None, as recorded in the file;
        otherwise 640 x 360 for fractions of the picture, or derived from positions in pixels.
    normalized
        Whether positions in a table are fractions (0 to 1) of the picture; if None, whether all
        but a few are between 0 and 1.
    box_point
        Point of an object's box that is its position, in a table of boxes.
    monitor
        Progress and cancellation.

    Returns
    -------
    Trails
        Trails of at least two samples; everything that could not be used is listed in
        ``problems``.

    Raises
    ------
    TrailFormatError
        If the file is not found, of unknown format, corrupt, or without any usable trail, or if
        there are several cameras and none was chosen.
    BadValueError
        If a parameter is outside its limits, or does not apply to the format of the file.

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> from napari_uai.trails import open_trails
    >>> samples = pd.DataFrame({"trail": ["a", "a", "b", "b"], "frame": [0, 1, 0, 1],
    ...                         "x": [0, 60, 30, 30], "y": [10, 10, 0, 40]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     samples.to_csv(f"{folder}/trails.csv", index=False)
    ...     trails = open_trails(f"{folder}/trails.csv", frame_rate_hz=25, scene_size=(64, 48))
    >>> len(trails), float(trails.time.max())
    (2, 0.04)
    """
    path = Path(path)
    options = TableOptions(columns, where, time_format, normalized, box_point)
    how = _How(options, frame_rate_hz, scene_size, camera, keep_extrapolated, monitor)
    try:
        if path.is_dir():
            return _folder(path, how, location=location)
        if not path.exists():
            raise TrailFormatError("no such file or folder: check the path")  # noqa: TRY301
        _refuse("report folders", location=location)
        with time_limited(path, error=TrailFormatError):
            return _file(path, how)
    except CancelledError:
        raise
    except NapariUaiError as error:
        raise type(error)(f"{path}: {error}") from None
    except OSError as error:
        raise TrailFormatError(f"{path}: cannot be read: {error.strerror or error}") from None
    except MemoryError:
        raise TrailFormatError(f"{path}: does not fit into memory") from None
    except Exception as error:  # damaged tables raise many types of errors
        reason = f"{type(error).__name__}: {one_line(error, 160)}"
        raise TrailFormatError(f"{path}: cannot be read as trails ({reason})") from error


class _How(NamedTuple):
    """Options of :func:`open_trails`."""

    table: TableOptions
    frame_rate_hz: float | None
    scene_size: tuple[int, int] | None
    camera: str | None
    keep_extrapolated: bool
    monitor: Monitor


def _file(path: Path, how: _How) -> Trails:
    """Return the trails in a file."""
    read = _table_or_export(path, how.table)
    # The bytes of the file are gone by now: they are as many as those of its table.
    return _export(read, how) if isinstance(read, Content) else _trails(read, path, how)


def _folder(path: Path, how: _How, *, location: str | None) -> Trails:
    """Return the trails of a report folder, or of the tables in a folder."""
    reports = list_reports(path)
    files = [] if reports else tables_in(path)
    if not files:
        _refuse("tables", **how.table.record)
        report = choose_report(reports, location=location, camera=how.camera)
        return read_report(
            report.folder,
            keep_extrapolated=how.keep_extrapolated,
            frame_rate_hz=how.frame_rate_hz,
            scene_size=how.scene_size,
            monitor=how.monitor,
        )
    _refuse("report folders", location=location)
    part = how.monitor.part(0.0, 0.6)
    if is_yolo(files):
        return _trails(yolo_table(files, part), path, how)
    return _trails(
        joined_tables(files, lambda file: _table(file, how.table), path, part), path, how
    )


def _table(path: Path, options: TableOptions) -> SampleTable:
    """Return the table of samples in a file."""
    with time_limited(path, error=TrailFormatError):
        read = _table_or_export(path, options)
    if isinstance(read, Content):
        raise TrailFormatError("JSON without a table of samples")
    return read


def _table_or_export(path: Path, options: TableOptions) -> SampleTable | Content:
    """Return the table of samples in a file, or the content of a JSON file that is none."""
    content = Content(read_decompressed(path), path)
    if options.in_order:
        return text_table(content.data, path.name, options)
    table = _table_of_format(content)
    if table is None and content.is_json:
        return content
    return table or text_table(content.data, path.name, options)


def _table_of_format(content: Content) -> SampleTable | None:
    """Return the table of a file in a format of its own; None if it is text or an export."""
    if content.is_json and ('"xy_center"' in content.head or '"tracking"' in content.head):
        return None
    reader = reader_of(content)
    if reader is None and content.is_xml:
        raise TrailFormatError("XML that is not of TrackMate, GPX or CVAT; export it as csv")
    return None if reader is None else replace(reader.read(content), format=reader.name)


def _trails(table: SampleTable, path: Path, how: _How) -> Trails:
    """Return the trails of a table."""
    how.monitor.update(0.6, counted(len(table.table), "row"))
    rate_hz, size = sequence_facts(path)
    if table.noun == "box" and (rate_hz or size):
        table = replace(
            table,
            frame_rate_hz=table.frame_rate_hz or rate_hz,
            scene_size=table.scene_size or size,
        )
    return trails_of_table(
        table,
        options=how.table,
        frame_rate_hz=how.frame_rate_hz,
        scene_size=how.scene_size,
        camera=how.camera,
        keep_extrapolated=how.keep_extrapolated,
        file=path.name,
        source=path,
    )


def _export(content: Content, how: _How) -> Trails:
    """Return the trails of an export of a tracker."""
    _refuse("tables", **how.table.record)
    _refuse("report folders and tables", camera=how.camera)
    return read_export(
        content.data,
        content.path,
        keep_extrapolated=how.keep_extrapolated,
        frame_rate_hz=how.frame_rate_hz,
        scene_size=how.scene_size,
        monitor=how.monitor,
    )


def _refuse(kind: str, **options: object) -> None:
    """Raise BadValueError for options that would be ignored."""
    for name, value in options.items():
        if value is not None:
            raise BadValueError(f"{name} applies to {kind} only, got {value!r}")
