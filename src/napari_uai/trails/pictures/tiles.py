"""A sheet of snapshots taken when the most anomalous trails ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from napari_uai.errors import BadValueError
from napari_uai.lettering import write_texts
from napari_uai.parameters import checked
from napari_uai.pictures import PictureError, read_picture
from napari_uai.trails.parameters import PictureSide
from napari_uai.trails.pictures.canvas import (
    DEPARTING,
    FAINT_INK,
    HULL,
    INK,
    KEY,
    PAPER,
    TRAIL,
    Canvas,
    Colour,
    Stretch,
    clipped_stretch,
    draw_line,
    draw_others,
    draw_trail,
    fitted_text,
    scene_canvas,
    title_bar,
)
from napari_uai.trails.pictures.labels import percent, when
from napari_uai.trails.table import Picture, Scene, Trails
from napari_uai.typing import Floats

_PROMPT_S = 2.0  # beyond which a tile notes the delay of its picture
_TILES_ACROSS = 5


@dataclass(frozen=True, eq=False)
class Moment:
    """Picture of the end of a trail.

    Parameters
    ----------
    row
        Row of the trail in the table.
    picture
        Rows, columns, RGB; uint8. The scene's picture if there is no snapshot, None without either.
    time
        Time of the snapshot, in s; None for the scene's picture.
    path
        File of the snapshot; None if there is none.
    problem
        Why a listed snapshot is not shown; empty if there is no problem.
    """

    row: int
    picture: Picture | None
    time: float | None = None
    path: Path | None = None
    problem: str = ""


@checked
def moments(
    trails: Trails, rows: Sequence[int], *, lag_s: float = 0.5, longest_side_px: PictureSide = 480
) -> list[Moment]:
    """Find the snapshots taken when trails ended.

    Parameters
    ----------
    trails
        Trails of the scene.
    rows
        Rows of the trails.
    lag_s
        Time before the end of a trail from which on snapshots are considered. The first is used,
        or the last of all if there is none that late.
    longest_side_px
        Longest side to which pictures are reduced.

    Returns
    -------
    list of Moment
        One per row. A snapshot that cannot be read is replaced by the next one.

    Raises
    ------
    BadValueError
        If a parameter is outside its limits.

    Examples
    --------
    >>> from napari_uai.trails import moments, trails_of_tracks
    >>> trails = trails_of_tracks([[7, 0, 10, 0], [7, 1, 10, 60]], scene_size=(64, 48))
    >>> [moment.picture for moment in moments(trails, [0])]  # neither snapshots nor background
    [None]
    """
    snapshots = trails.scene.snapshots
    times = snapshots["time"].to_numpy(float)
    return [_moment(trails, row, times, lag_s, longest_side_px) for row in rows]


@checked
def tile_sheet(
    trails: Trails,
    shown: Sequence[Moment],
    anomaly: Sequence[float],
    *,
    stretches: Sequence[Stretch | None] = (),
    colours: Sequence[Colour] = (),
    title: str = "",
    tile_px: PictureSide = 400,
) -> Picture:
    """Draw the ends of trails side by side, in order of time, each with its trail and last hull.

    Parameters
    ----------
    trails
        Trails of the scene.
    shown
        Pictures of :func:`moments`, of the most anomalous trail first.
    anomaly
        Anomaly of each of them, 0 to 1.
    stretches
        Departing stretch of each of them, drawn thicker; None if unknown. Empty if all are
        unknown.
    colours
        Red, green and blue, 0 to 255, in which each of them is drawn. Empty for one colour of all.
    title
        Title above the tiles.
    tile_px
        Longest side of the scene in each tile.

    Returns
    -------
    numpy.ndarray
        Rows, columns, RGB; uint8. Each tile is labelled ``#rank class @ HH:MM:SS (NN %)``, with the
        time at which the trail ends, and the name of the trail; delays of its picture above 2 s
        are noted.

    Raises
    ------
    BadValueError
        If the numbers of pictures, anomalies, stretches and colours differ, or a parameter is
        outside its limits.

    Examples
    --------
    >>> from napari_uai.trails import moments, tile_sheet, trails_of_tracks
    >>> trails = trails_of_tracks([[7, 0, 10, 0], [7, 1, 10, 60]], scene_size=(64, 48))
    >>> tile_sheet(trails, moments(trails, [0]), [0.9]).shape
    (360, 412, 3)
    """
    given = {len(stretches), len(colours)} - {0}
    if len(shown) != len(anomaly) or given - {len(shown)}:
        raise BadValueError(
            "anomaly, and stretches and colours unless empty, must have one entry per moment"
        )
    ends = trails.table["end"].to_numpy(float)
    order = sorted(range(len(shown)), key=lambda i: (ends[shown[i].row], i))
    plain = scene_canvas(trails.scene, None, tile_px)
    if any(moment.picture is None for moment in shown):
        draw_others(plain, trails)
    tiles = [
        _tile(
            trails,
            shown[i],
            f"#{i + 1}  ",
            anomaly[i],
            stretches[i] if stretches else None,
            (colours[i], colours[i], colours[i]) if colours else (TRAIL, DEPARTING, HULL),
            plain,
        )
        for i in order
    ]
    if not tiles:
        tiles = [np.full((tile_px * 3 // 4, tile_px, 3), PAPER, np.uint8)]
    sheet = _grid(tiles)
    head = title_bar(title, sheet.shape[1], 20, KEY) if title else sheet[:0]
    return np.vstack([head, sheet])


def _moment(trails: Trails, row: int, times: Floats, lag_s: float, longest_side_px: int) -> Moment:
    paths = trails.scene.snapshots["path"].to_numpy(object)
    if not len(times):
        return Moment(row, trails.scene.image)
    end = float(trails.table["end"].iloc[row])
    first = int(np.searchsorted(times, end - lag_s))
    problem = f"no snapshot after {when(trails, row)}" if first == len(times) else ""
    for i in [*range(first, min(first + 3, len(times))), *([len(times) - 1] if problem else [])]:
        path = Path(paths[i])
        picture = _read(path, longest_side_px)
        if picture is not None:
            wrong = _misfit(picture, trails.scene)
            return Moment(row, picture, float(times[i]), path, problem or wrong)
        problem = problem or f"snapshot {path.name} cannot be read: replaced"
    return Moment(row, trails.scene.image, None, None, problem)


def _misfit(picture: Picture, scene: Scene) -> str:
    """Return a note if a snapshot has another aspect ratio than the scene."""
    ratio, expected = picture.shape[1] / picture.shape[0], scene.width / scene.height
    if abs(ratio / expected - 1) < 0.02:
        return ""
    return "aspect ratios of snapshot and scene differ: snapshot stretched"


def _read(path: Path, longest_side_px: int) -> Picture | None:
    try:
        picture = read_picture(path)
    except PictureError:
        return None
    factor = longest_side_px / max(picture.shape[:2])
    if factor < 1:
        shrunk = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        picture = np.asarray(shrunk, np.uint8)
    return picture


def _tile(
    trails: Trails,
    moment: Moment,
    rank: str,
    anomaly: float,
    stretch: Stretch | None,
    colours: tuple[Colour, Colour, Colour],
    plain: Canvas,
) -> Picture:
    tile_px = max(plain.pixels.shape[:2])
    row = moment.row
    if moment.picture is None:
        canvas = replace(plain, pixels=plain.pixels.copy())
    else:
        canvas = scene_canvas(trails.scene, moment.picture, tile_px, dim=0.85)
    # Tiles are small: lines are more than twice as wide as in a large picture.
    part = clipped_stretch(trails, row, stretch)
    draw_trail(canvas, trails, row, part, colours[0], width=3.5, departing=colours[1])
    hull = trails.hulls[row] if len(trails.hulls) else None
    if hull is not None and len(hull) > 1:
        draw_line(canvas.pixels, canvas.line(hull[:, 0], hull[:, 1]), colours[2], 2, closed=True)
    columns = canvas.pixels.shape[1]
    size_px = max(round(tile_px / 26), 9)
    strip = np.full((round(3.2 * size_px), columns, 3), PAPER, np.uint8)
    ending = f" @ {when(trails, row)} ({percent(anomaly)})"
    kind = fitted_text(f"{rank}{trails.table['class'].iloc[row]}", columns - 12, size_px, ending)
    small = max(round(0.85 * size_px), 8)
    name = fitted_text(str(trails.table["trail"].iloc[row]), columns - 12, small)
    write_texts(strip, [(6, size_px // 2 - 1, kind, INK)], size_px)
    write_texts(strip, [(6, round(1.8 * size_px), name, FAINT_INK)], small)
    note = _picture_note(trails, moment)
    if note:
        write_texts(canvas.pixels, [(6, 4, note, INK)], size_px, outlined=True)
    return np.vstack([canvas.pixels, strip])


def _picture_note(trails: Trails, moment: Moment) -> str:
    """Return a note if the picture was not taken at the end of the trail."""
    if not len(trails.scene.snapshots):
        return ""
    if moment.time is None:
        return "no snapshot"
    late = moment.time - float(trails.table["end"].iloc[moment.row])
    return f"picture {late:+.0f} s" if abs(late) > _PROMPT_S else ""


def _grid(tiles: Sequence[Picture]) -> Picture:
    height, width = tiles[0].shape[:2]
    gap = 6
    across = min(_across(len(tiles), height, width), max(len(tiles), 1))
    down = -(-len(tiles) // across)
    sheet = np.full((down * (height + gap) + gap, across * (width + gap) + gap, 3), PAPER, np.uint8)
    for i, tile in enumerate(tiles):
        top, left = gap + (i // across) * (height + gap), gap + (i % across) * (width + gap)
        sheet[top : top + height, left : left + width] = tile
    return sheet


def _across(n: int, height: int, width: int) -> int:
    """Return the number of tiles per row that gives the sheet the shape of a screen."""
    best = np.sqrt(n * 1.5 * height / width)
    return int(min(max(round(best), 1), _TILES_ACROSS if width >= height else 2 * _TILES_ACROSS))
