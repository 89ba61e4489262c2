"""Opening files and folders of trails; formats are recognized by content."""

from __future__ import annotations

from pathlib import Path

from napari_uai.errors import (
    BadValueError,
    CancelledError,
    NapariUaiError,
    TrailFormatError,
    one_line,
)
from napari_uai.monitor import SILENT, Monitor
from napari_uai.parameters import checked
from napari_uai.trails.io.columns import BoxPoint
from napari_uai.trails.io.compressed import read_decompressed
from napari_uai.trails.io.exports import read_export
from napari_uai.trails.io.scv2 import choose_report, list_reports, read_report
from napari_uai.trails.io.text import read_text
from napari_uai.trails.parameters import FrameRate, SceneSize
from napari_uai.trails.table import Trails


@checked
def open_trails(
    path: str | Path,
    *,
    location: str | None = None,
    camera: str | None = None,
    keep_extrapolated: bool = True,
    frame_rate_hz: FrameRate | None = None,
    columns: str | None = None,
    scene_size: SceneSize | None = None,
    normalized: bool | None = None,
    box_point: BoxPoint = "centre",
    monitor: Monitor = SILENT,
) -> Trails:
    """Open the trails of one camera.

    Supported formats: report folders of the scv2 tracker; exports of a tracker as a single JSON
    file; csv with named columns; MOT text; other numeric text, with ``columns``. Files may be
    compressed (gz, or zip with a single file).

    Parameters
    ----------
    path
        File, or folder: the one that contains ``locations``, ``locations`` itself, one location,
        one camera, or its report folder.
    location, camera
        Location and camera to open, if there are several; for report folders only.
    keep_extrapolated
        Whether to keep samples in which the object was not detected but extrapolated; for report
        folders and exports.
    frame_rate_hz
        Frames per second of files with frame numbers, samples per second of files without times;
        1 if None.
    columns
        Names of the columns of a text file in order, such as ``"frame,trail,x,_,y"``; ``_``
        columns are ignored.
    scene_size
        Width and height of the camera's picture, in px. If None, as recorded in the file;
        otherwise 640 x 360 for fractions of the picture, or derived from positions in pixels.
    normalized
        Whether positions in a text file are fractions (0 to 1) of the picture; if None, whether
        all are between 0 and 1.
    box_point
        Point of an object's box that is its position, in a text file of boxes.
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
    foot = None if box_point == "centre" else box_point
    try:
        if path.is_dir():
            _refuse(columns=columns, normalized=normalized, box_point=foot)
            report = choose_report(list_reports(path), location=location, camera=camera)
            return read_report(
                report.folder,
                keep_extrapolated=keep_extrapolated,
                frame_rate_hz=frame_rate_hz,
                scene_size=scene_size,
                monitor=monitor,
            )
        if not path.exists():
            raise TrailFormatError("no such file or folder")  # noqa: TRY301
        _refuse(location=location, camera=camera)
        data = read_decompressed(path)
        if columns is None and data[:64].removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"["):
            _refuse(normalized=normalized, box_point=foot)
            return read_export(
                data,
                path,
                keep_extrapolated=keep_extrapolated,
                frame_rate_hz=frame_rate_hz,
                scene_size=scene_size,
                monitor=monitor,
            )
        return read_text(
            data,
            path,
            columns=columns,
            frame_rate_hz=frame_rate_hz,
            scene_size=scene_size,
            normalized=normalized,
            box_point=box_point,
            monitor=monitor,
        )
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


def _refuse(**options: object) -> None:
    """Raise BadValueError for options that would be ignored."""
    for name, value in options.items():
        if value is not None:
            kind = "report folders" if name in ("location", "camera") else "text files"
            raise BadValueError(f"{name} applies to {kind} only, got {value!r}")
