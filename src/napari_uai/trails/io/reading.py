"""Files and folders to trails: what they are is told by what they hold, not by their names."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

from annotated_types import Gt, Unit

from napari_uai.errors import BadValueError, CancelledError, NapariUaiError, TrailFormatError
from napari_uai.monitor import SILENT, Monitor
from napari_uai.trails.io.columns import BoxPoint
from napari_uai.trails.io.compressed import unpacked
from napari_uai.trails.io.exports import read_export
from napari_uai.trails.io.scv2 import choose_report, list_reports, read_report
from napari_uai.trails.io.text import read_text
from napari_uai.trails.table import Trails

FrameRate: TypeAlias = Annotated[float, Gt(0), Unit("Hz")]
"""Samples, or frames, per second."""

SceneSize: TypeAlias = Annotated[tuple[int, int], Unit("px")]
"""Width and height of the camera's picture."""

_LARGEST_SIDE = 100_000


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

    What can be read: report folders of the scv2 tracker; the export of a tracker in one JSON file;
    csv with named columns; MOT text; other text of numbers, once ``columns`` says what they are.
    Files may be packed (gz, or zip with one file in it).

    Parameters
    ----------
    path
        File; or folder: the one above ``locations``, that one, one location, one camera, or its
        report folder.
    location, camera
        Which of several; not needed where there is one. Of report folders only.
    keep_extrapolated
        Whether samples count in which the tracker did not see the object but guessed where it is.
        Of report folders and exports.
    frame_rate_hz
        Samples per second where the file has no times, frames per second where it counts frames;
        1 if None.
    columns
        What the columns of a text are, in order, as in ``"frame,trail,x,_,y"``; ``_`` is of no
        interest.
    scene_size
        Width and height of the camera's picture in px. If None, as the file says; else 640 x 360
        for shares of the picture, and as far as the positions reach for pixels.
    normalized
        Whether positions in a text are shares (0 to 1) of the picture; if None, they are if all
        lie in 0 to 1.
    box_point
        Point of a box that is the position of its object, in a text of boxes.
    monitor
        Progress and stop.

    Returns
    -------
    Trails
        With all that could not be used in ``problems``.

    Raises
    ------
    TrailFormatError
        If it is missing, of no known kind, broken, or nothing in it is usable; if there are several
        cameras and none was chosen.
    BadValueError
        If a parameter is outside its limits, or does not go with what the file is.
    """
    path = Path(path)
    _check(frame_rate_hz, scene_size)
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
            raise TrailFormatError("no such file or folder")
        _refuse(location=location, camera=camera)
        data = unpacked(path)
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
        raise TrailFormatError(f"{path}: holds more than fits in memory") from None


def _check(frame_rate_hz: float | None, scene_size: tuple[int, int] | None) -> None:
    if frame_rate_hz is not None and not 0 < frame_rate_hz < float("inf"):
        raise BadValueError(f"frame_rate_hz is {frame_rate_hz}: needs more than 0")
    if scene_size is None:
        return
    if len(scene_size) != 2 or not all(
        side == int(side) and 2 <= side <= _LARGEST_SIDE for side in scene_size
    ):
        raise BadValueError(
            f"scene_size is {scene_size}: needs width and height, 2 to {_LARGEST_SIDE} px"
        )


def _refuse(**options: object) -> None:
    """Refuse what would be ignored."""
    for name, value in options.items():
        if value is not None:
            kind = "a report folder" if name in ("location", "camera") else "a text of columns"
            raise BadValueError(f"{name}={value!r} was given, but this is not {kind}: leave it out")
