"""Pictures of trails: heat over the scene, the trails that fit least, a sheet of their moments.

All pictures are arrays (rows, columns, RGB; uint8), drawn without a screen. Colours can be told
apart by colour-blind people (Okabe & Ito 2008; perceptually uniform scale for heat), and nothing
is told by colour alone: trails carry their rank, stretches that depart are thicker.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from pathlib import Path
from typing import Annotated, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
from annotated_types import Ge, Unit

from napari_uai.errors import BadValueError, OutputError
from napari_uai.trails.table import Scene, Trails

Picture: TypeAlias = npt.NDArray[np.uint8]
Colour: TypeAlias = tuple[int, int, int]
Stretch: TypeAlias = tuple[int, int]
"""First sample of a part of a trail, and the sample after its last, counted in the trail."""

PictureSide: TypeAlias = Annotated[int, Ge(200), Unit("px")]

COLOURS: tuple[Colour, ...] = (
    (230, 159, 0),
    (86, 180, 233),
    (240, 228, 66),
    (0, 158, 115),
    (204, 121, 167),
    (213, 94, 0),
    (0, 114, 178),
    (238, 238, 238),
    (178, 160, 255),
)
"""Of the trails, by rank: those of Okabe & Ito (2008), and one so that nine differ."""

SINCE_1970_S = 1e8
"""Times above it are taken to count from 1970: they can be told as a time of day."""

_PAPER, _INK, _FAINT = (24, 26, 31), (240, 240, 240), (160, 164, 172)
_HINT: Colour = (78, 84, 95)
_HINTS = 1000
_HULL: Colour = (86, 180, 233)
_TRAIL: Colour = (240, 228, 66)
_SHIFT = 4  # OpenCV's coordinates are in 1/16 px
_LISTED = 24
_PROMPT_S = 2.0  # after which the picture no longer shows the end of a trail
_KEY = "ring: start · arrow: end · thick: where it departs"
_DESIGNED_FOR_PX = 1280
_TILES_ACROSS = 5


@dataclass(frozen=True, eq=False)
class Moment:
    """What the camera saw when a trail ended.

    Parameters
    ----------
    row
        Trail (row of the table).
    picture
        Rows, columns, RGB; the scene's picture if there is no snapshot, None without either.
    time
        When the snapshot was taken, in s; None if it is the scene's picture.
    path
        File of the snapshot; None if there is none.
    problem
        Why a snapshot that is listed could not be shown; empty if all is well.
    """

    row: int
    picture: Picture | None
    time: float | None = None
    path: Path | None = None
    problem: str = ""


def heatmap_picture(
    scene: Scene,
    heat: npt.NDArray[np.float32],
    shade: npt.NDArray[np.float32],
    *,
    title: str = "",
    outlines: Sequence[npt.NDArray[np.floating]] = (),
    longest_side_px: PictureSide = _DESIGNED_FOR_PX,
) -> Picture:
    """Lay the heat of ordinary traffic over the scene.

    Parameters
    ----------
    scene
        What the camera sees.
    heat
        Trails that pass each cell; rows, columns.
    shade
        The same after scaling, 0 to 1: what is coloured.
    title
        Stands above.
    outlines
        Polygons that are drawn over it; corners (y, x) in px of the scene.
    longest_side_px
        Of the scene in the picture.

    Returns
    -------
    Picture
        With a scale of colours below that gives trails per cell.

    Raises
    ------
    BadValueError
        If heat and shade differ in shape.
    """
    if heat.shape != shade.shape or heat.ndim != 2:
        raise BadValueError("heat and shade must be pictures of one shape: rows, columns")
    canvas = _canvas(scene, scene.image, longest_side_px)
    shown = np.clip(canvas.stretched(np.nan_to_num(shade), scene), 0, 1)
    opacity = (0.8 * np.clip(shown * 8, 0, 1))[..., None]
    coloured = _heat_colours()[np.rint(shown * 255).astype(int)]
    canvas.pixels[:] = np.rint(canvas.pixels * (1 - opacity) + coloured * opacity)
    for outline in outlines:
        line = canvas.line(outline[:, 0], outline[:, 1])
        _draw(canvas.pixels, line, (255, 255, 255), canvas.px(1), closed=True, casing=0)
    return _page(canvas, title, _colour_scale(heat, shade, canvas))


def top_picture(
    trails: Trails,
    rows: Sequence[int],
    anomaly: Sequence[float],
    *,
    stretches: Sequence[Stretch | None] = (),
    title: str = "",
    outlines: Sequence[npt.NDArray[np.floating]] = (),
    longest_side_px: PictureSide = _DESIGNED_FOR_PX,
) -> Picture:
    """Draw trails on the scene, each with its ``NN %``.

    Parameters
    ----------
    trails
        Trails of the scene.
    rows
        Trails to draw, most anomalous first.
    anomaly
        Of each of them, 0 to 1.
    stretches
        Where each departs from ordinary traffic: drawn thicker, and where the label points to.
        None: not known. Empty if not known of any.
    title
        Stands above.
    outlines
        Polygons that are drawn below the trails, such as a mask; corners (y, x) in px.
    longest_side_px
        Of the scene in the picture.

    Returns
    -------
    Picture
        A ring marks the start of a trail, an arrow its end; a list below gives name and time.

    Raises
    ------
    BadValueError
        If there is not one anomaly (and stretch, if any) per trail.
    """
    if len(rows) != len(anomaly) or len(stretches) not in (0, len(rows)):
        raise BadValueError("give one anomaly for each trail, and one stretch or none at all")
    canvas = _canvas(trails.scene, trails.scene.image, longest_side_px)
    for outline in outlines:
        line = canvas.line(outline[:, 0], outline[:, 1])
        _draw(canvas.pixels, line, _FAINT, canvas.px(1), closed=True, casing=0)
    if trails.scene.image is None:
        _draw_others(canvas, trails)
    background = canvas.pixels.copy()
    parts = [
        _stretch(trails, row, stretches[i] if stretches else None) for i, row in enumerate(rows)
    ]
    for i in reversed(range(len(rows))):
        _draw_trail(canvas, trails, rows[i], parts[i], _colour(i))
    labels = [f"#{i + 1}  {percent(a)}" for i, a in enumerate(anomaly)]
    anchors = [_anchor(canvas, trails, row, part) for row, part in zip(rows, parts, strict=True)]
    drawn = np.any(canvas.pixels != background, axis=2)
    _draw_labels(canvas, labels, anchors, drawn)
    entries = [
        f"#{i + 1} · {percent(a)} · {trails.table['trail'].iloc[row]} · {when(trails, row)}"
        for i, (row, a) in enumerate(zip(rows, anomaly, strict=True))
    ]
    return _page(canvas, title, _listing(entries, canvas), _KEY)


def moments(
    trails: Trails, rows: Sequence[int], *, lag_s: float = 0.5, longest_side_px: PictureSide = 480
) -> list[Moment]:
    """Find what the camera saw when trails ended.

    Parameters
    ----------
    trails
        Trails of the scene.
    rows
        Trails that are wanted.
    lag_s
        A snapshot up to this much before the end of a trail still shows its object. The first
        snapshot from then on is taken; the last of all if there is none so late.
    longest_side_px
        Pictures are reduced to it.

    Returns
    -------
    list of Moment
        In the order of ``rows``. A snapshot that cannot be read is replaced by the next one.
    """
    snapshots = trails.scene.snapshots
    times = snapshots["time"].to_numpy(float)
    return [_moment(trails, row, times, lag_s, longest_side_px) for row in rows]


def tile_sheet(
    trails: Trails,
    shown: Sequence[Moment],
    anomaly: Sequence[float],
    *,
    stretches: Sequence[Stretch | None] = (),
    title: str = "",
    tile_px: PictureSide = 400,
) -> Picture:
    """Show moments side by side, ordered by time, each with its trail and last hull.

    Parameters
    ----------
    trails
        Trails of the scene.
    shown
        What :func:`moments` found.
    anomaly
        Of each of them, 0 to 1.
    stretches
        Where each departs from ordinary traffic; drawn thicker. Empty if not known.
    title
        Stands above.
    tile_px
        Longest side of the scene in each tile.

    Returns
    -------
    Picture
        Each tile says ``class @ HH:MM:SS (NN %)``: the time at which the trail ends; and how much
        earlier or later its picture was taken, if over 2 s.

    Raises
    ------
    BadValueError
        If there is not one anomaly (and stretch, if any) per moment.
    """
    if len(shown) != len(anomaly) or len(stretches) not in (0, len(shown)):
        raise BadValueError("give one anomaly for each moment, and one stretch or none at all")
    ends = trails.table["end"].to_numpy(float)
    order = sorted(range(len(shown)), key=lambda i: (ends[shown[i].row], i))
    plain = _canvas(trails.scene, None, tile_px)
    if any(moment.picture is None for moment in shown):
        _draw_others(plain, trails)
    tiles = [
        _tile(trails, shown[i], anomaly[i], stretches[i] if stretches else None, plain)
        for i in order
    ]
    if not tiles:
        tiles = [np.full((tile_px * 3 // 4, tile_px, 3), _PAPER, np.uint8)]
    sheet = _grid(tiles)
    head = _title_bar(title, sheet.shape[1], 20, _KEY) if title else sheet[:0]
    return np.vstack([head, sheet])


def percent(anomaly: float) -> str:
    """Say an anomaly from 0 to 1 as ``NN %``."""
    return f"{100 * anomaly:.0f} %"


def when(trails: Trails, row: int) -> str:
    """Say when a trail ends: time of day if its times count from 1970, else seconds.

    The time of day is that of the camera where its tracker told the zone (a column
    ``utc_offset_s``), else UTC.
    """
    end = float(trails.table["end"].iloc[row])
    if end < SINCE_1970_S:
        return f"{end:.1f} s"
    offset = 0.0
    if "utc_offset_s" in trails.table:
        known = float(trails.table["utc_offset_s"].iloc[row])
        offset = known if np.isfinite(known) else 0.0
    return f"{datetime.fromtimestamp(end, UTC) + timedelta(seconds=offset):%H:%M:%S}"


def write_picture(picture: Picture, path: Path) -> None:
    """Write a picture as PNG.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    _, encoded = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    try:
        path.write_bytes(encoded.tobytes())
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error


def place_labels(
    anchors: npt.NDArray[np.floating],
    sizes: npt.NDArray[np.floating],
    ink: npt.NDArray[np.bool_],
    *,
    gap: float,
) -> list[tuple[int, int] | None]:
    """Choose places for labels such that none leaves the picture or covers another.

    Parameters
    ----------
    anchors
        Point (y, x) that each label belongs to; those of the first are placed first.
    sizes
        Height and width of each label in px.
    ink
        What is better not covered; rows, columns.
    gap
        Least distance of a label from its point.

    Returns
    -------
    list
        Upper left corner (y, x) of each label, or None where there is no room.
    """
    covered = cv2.integral(ink.astype(np.uint8))
    points = np.asarray(anchors, float).reshape(-1, 2)
    taken = np.empty((0, 4))
    places: list[tuple[int, int] | None] = []
    for point, size in zip(points, np.asarray(sizes, float).reshape(-1, 2), strict=True):
        corners = _candidates(point, size, ink.shape, gap)
        ends = corners + size
        free = np.ones(len(corners), bool)
        for top, left, bottom, right in taken:
            free &= (
                (ends[:, 0] <= top)
                | (corners[:, 0] >= bottom)
                | (ends[:, 1] <= left)
                | (corners[:, 1] >= right)
            )
        corners, ends = corners[free], ends[free]
        if not len(corners):
            places.append(None)
            continue
        a, b = corners.astype(int), ends.astype(int)
        hidden = (
            covered[b[:, 0], b[:, 1]]
            - covered[a[:, 0], b[:, 1]]
            - covered[b[:, 0], a[:, 1]]
            + covered[a[:, 0], a[:, 1]]
        )
        away = np.hypot(*((corners + ends) / 2 - point).T)
        best = int(np.argmin(away / size.max() + 3 * hidden / size.prod()))
        places.append((int(corners[best, 0]), int(corners[best, 1])))
        taken = np.vstack([taken, [*(corners[best] - 2), *(ends[best] + 2)]])
    return places


@dataclass(frozen=True, eq=False)
class _Canvas:
    """The scene at the size in which it is shown."""

    pixels: Picture
    scale_y: float
    scale_x: float

    def px(self, designed: float) -> int:
        """Width of a line or size of a letter, for a picture of this size."""
        longest = float(max(self.pixels.shape[:2]))
        return max(round(designed * longest / _DESIGNED_FOR_PX), 1)

    def points(
        self, y: npt.NDArray[np.floating], x: npt.NDArray[np.floating]
    ) -> npt.NDArray[np.float64]:
        """Return places (x, y) in the picture; pixel centres are whole numbers in both."""
        return np.stack(
            [
                (np.asarray(x, float) + 0.5) * self.scale_x - 0.5,
                (np.asarray(y, float) + 0.5) * self.scale_y - 0.5,
            ],
            axis=-1,
        )

    def line(
        self, y: npt.NDArray[np.floating], x: npt.NDArray[np.floating]
    ) -> npt.NDArray[np.int32]:
        """Return places as OpenCV draws them, without those that coincide with the one before."""
        points = np.clip(self.points(y, x), -2000, max(self.pixels.shape) + 2000)
        whole = np.rint(points * 2**_SHIFT).astype(np.int32)
        moved = np.any(np.diff(whole, axis=0) != 0, axis=1)
        kept: npt.NDArray[np.int32] = whole[np.flatnonzero(np.concatenate([[True], moved]))]
        return kept

    def stretched(self, values: npt.NDArray[np.floating], scene: Scene) -> npt.NDArray[np.float32]:
        """Return a map over the scene, whose outermost cells are its outermost px, as shown."""
        rows, columns = self.pixels.shape[:2]
        cells_y = (values.shape[0] - 1) / max(scene.height - 1, 1)
        cells_x = (values.shape[1] - 1) / max(scene.width - 1, 1)
        y = ((np.arange(rows) + 0.5) / self.scale_y - 0.5) * cells_y
        x = ((np.arange(columns) + 0.5) / self.scale_x - 0.5) * cells_x
        at_x, at_y = np.meshgrid(x.astype(np.float32), y.astype(np.float32))
        shown: npt.NDArray[np.float32] = cv2.remap(
            values.astype(np.float32), at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        return shown


def _canvas(scene: Scene, image: Picture | None, longest_side_px: int, dim: float = 0.6) -> _Canvas:
    """Give the scene's picture, grey enough for colours to stand out; a dark plane without one."""
    factor = longest_side_px / max(scene.width, scene.height)
    # A scene that is a narrow strip still has room for labels.
    columns, rows = (max(round(side * factor), 64) for side in (scene.width, scene.height))
    if image is None:
        pixels = np.full((rows, columns, 3), (44, 48, 56), np.uint8)
    else:
        smaller = image.shape[0] > rows
        way = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
        shown = cv2.resize(image, (columns, rows), interpolation=way).astype(np.float32)
        grey = shown.mean(axis=2, keepdims=True)
        pixels = np.rint((0.35 * shown + 0.65 * grey) * dim).astype(np.uint8)
    return _Canvas(pixels, rows / scene.height, columns / scene.width)


def _moment(
    trails: Trails, row: int, times: npt.NDArray[np.float64], lag_s: float, longest_side_px: int
) -> Moment:
    paths = trails.scene.snapshots["path"].to_numpy(object)
    if not len(times):
        return Moment(row, trails.scene.image)
    end = float(trails.table["end"].iloc[row])
    first = int(np.searchsorted(times, end - lag_s))
    problem = f"no snapshot was taken after {when(trails, row)}" if first == len(times) else ""
    for i in [*range(first, min(first + 3, len(times))), *([len(times) - 1] if problem else [])]:
        path = Path(paths[i])
        picture = _read(path, longest_side_px)
        if picture is not None:
            wrong = _misfit(picture, trails.scene)
            return Moment(row, picture, float(times[i]), path, problem or wrong)
        problem = problem or f"snapshot {path.name} cannot be read; another picture is shown"
    return Moment(row, trails.scene.image, None, None, problem)


def _misfit(picture: Picture, scene: Scene) -> str:
    """Say so if a snapshot has another shape than the scene: it is stretched to fit."""
    here, there = picture.shape[1] / picture.shape[0], scene.width / scene.height
    if abs(here / there - 1) < 0.02:
        return ""
    return "the snapshot's sides have another ratio than the scene's; it is stretched to fit"


def _read(path: Path, longest_side_px: int) -> Picture | None:
    try:
        content = np.frombuffer(path.read_bytes(), np.uint8)
        image = cv2.imdecode(content, cv2.IMREAD_COLOR) if len(content) else None
    except (OSError, cv2.error):
        return None
    if image is None:
        return None
    factor = longest_side_px / max(image.shape[:2])
    if factor < 1:
        image = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    picture: Picture = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    return picture


def _stretch(trails: Trails, row: int, known: Stretch | None) -> Stretch | None:
    """Keep a stretch within its trail."""
    if known is None:
        return None
    n = int(trails.n_samples[row])
    first = min(max(known[0], 0), n - 1)
    return first, min(max(known[1], first + 1), n)


def _draw_others(canvas: _Canvas, trails: Trails) -> None:
    """Hint at the scene, of which there is no picture, by the trails in it."""
    for row in np.unique(np.linspace(0, len(trails) - 1, min(len(trails), _HINTS)).astype(int)):
        samples = trails.trail(row)
        line = canvas.line(trails.y[samples], trails.x[samples])
        cv2.polylines(canvas.pixels, [line], False, _HINT, 1, cv2.LINE_AA, shift=_SHIFT)


def _draw_trail(
    canvas: _Canvas,
    trails: Trails,
    row: int,
    stretch: Stretch | None,
    colour: Colour,
    width: float = 1.5,
) -> None:
    """Draw a trail with ring and arrow; the stretch that departs is thicker."""
    samples = trails.trail(row)
    y, x = trails.y[samples], trails.x[samples]
    line = canvas.line(y, x)
    thin, thick = canvas.px(width), canvas.px(2.5 * width)
    _draw(canvas.pixels, line, colour, thin)
    if stretch is not None:
        # A stretch of one sample is drawn to the next one, so that it shows.
        part = slice(stretch[0], max(stretch[1], stretch[0] + 2))
        _draw(canvas.pixels, canvas.line(y[part], x[part]), colour, thick)
    start = tuple(int(v) for v in line[0])
    radius = canvas.px(2.5 * width)
    for width_px, shade in ((thin + 2, (0, 0, 0)), (thin, colour)):
        cv2.circle(
            canvas.pixels, start, radius << _SHIFT, shade, width_px, cv2.LINE_AA, shift=_SHIFT
        )
    _draw_arrow(canvas, line, colour, canvas.px(8 * width))


def _draw_arrow(canvas: _Canvas, line: npt.NDArray[np.int32], colour: Colour, length: int) -> None:
    tip = line[-1].astype(float)
    back = np.hypot(*(line - tip).T) >= length << _SHIFT
    if not back.any():
        return
    direction = tip - line[np.flatnonzero(back)[-1]]
    along = direction / np.hypot(*direction) * (length << _SHIFT)
    across = np.array([-along[1], along[0]]) * 0.45
    corners = np.rint([tip + 0.3 * along, tip - 0.7 * along + across, tip - 0.7 * along - across])
    corners = corners.astype(np.int32)
    cv2.fillPoly(canvas.pixels, [corners], colour, cv2.LINE_AA, shift=_SHIFT)
    cv2.polylines(canvas.pixels, [corners], True, (0, 0, 0), 1, cv2.LINE_AA, shift=_SHIFT)


def _draw(
    pixels: Picture,
    line: npt.NDArray[np.int32],
    colour: Colour,
    width: int,
    *,
    closed: bool = False,
    casing: int = 2,
) -> None:
    """Draw a line with a dark edge, so that it stands out from what lies below."""
    if casing:
        cv2.polylines(pixels, [line], closed, (0, 0, 0), width + casing, cv2.LINE_AA, shift=_SHIFT)
    cv2.polylines(pixels, [line], closed, colour, width, cv2.LINE_AA, shift=_SHIFT)


def _anchor(
    canvas: _Canvas, trails: Trails, row: int, stretch: Stretch | None
) -> npt.NDArray[np.float64]:
    """Return the point (y, x) that a label belongs to: the middle of the stretch, else the end."""
    samples = trails.trail(row)
    at = samples.stop - 1 if stretch is None else samples.start + (stretch[0] + stretch[1] - 1) // 2
    point = canvas.points(trails.y[at : at + 1], trails.x[at : at + 1])[0]
    rows, columns = canvas.pixels.shape[:2]
    anchor: npt.NDArray[np.float64] = np.clip(point[::-1], 0, (rows - 1, columns - 1))
    return anchor


def _draw_labels(
    canvas: _Canvas,
    labels: Sequence[str],
    anchors: Sequence[npt.NDArray[np.float64]],
    ink: npt.NDArray[np.bool_],
) -> None:
    if not labels:
        return
    size_px = max(canvas.px(17), 9)
    pad = max(size_px // 4, 2)
    sizes = np.array([_text_size(label, size_px) for label in labels]) + 2 * pad
    places = place_labels(np.array(anchors), sizes, ink, gap=canvas.px(16))
    boxes = [
        (i, (left, top), (left + int(sizes[i, 1]) - 1, top + int(sizes[i, 0]) - 1))
        for i, (top, left) in ((i, place) for i, place in enumerate(places) if place is not None)
    ]
    for i, low, high in boxes:  # all lines before all boxes, so that no line crosses a text
        anchor = anchors[i][::-1]
        line = np.rint(np.array([anchor, np.clip(anchor, low, high)]) * 2**_SHIFT)
        _draw(canvas.pixels, line.astype(np.int32), _colour(i), 1)
    for i, low, high in boxes:
        cv2.rectangle(canvas.pixels, low, high, _colour(i), cv2.FILLED)
        cv2.rectangle(canvas.pixels, low, high, (0, 0, 0), 1)
    texts = [(low[0] + pad, low[1] + pad, labels[i], _on(_colour(i))) for i, low, _ in boxes]
    _write(canvas.pixels, texts, size_px)


def _candidates(
    point: npt.NDArray[np.float64],
    size: npt.NDArray[np.float64],
    shape: tuple[int, ...],
    gap: float,
) -> npt.NDArray[np.float64]:
    """Return corners of a label around a point, from near to far, that lie in the picture."""
    bounds = np.array(shape[:2]) - size
    if np.any(bounds < 0):
        return np.empty((0, 2))
    angles = np.arange(16) * (2 * np.pi / 16) - np.pi / 4
    rings = gap * 1.5 ** np.arange(int(np.ceil(np.log(max(shape) / gap) / np.log(1.5))) + 1)
    direction = np.stack([np.sin(angles), np.cos(angles)], axis=1)
    # The label's edge, not its centre, keeps the distance.
    reach = direction * rings[:, None, None] + direction * size / 2
    corners = np.rint(point + reach - size / 2).reshape(-1, 2)
    inside: npt.NDArray[np.float64] = corners[np.all((corners >= 0) & (corners <= bounds), axis=1)]
    return inside


def _tile(
    trails: Trails, moment: Moment, anomaly: float, stretch: Stretch | None, plain: _Canvas
) -> Picture:
    tile_px = max(plain.pixels.shape[:2])
    row = moment.row
    if moment.picture is None:
        canvas = replace(plain, pixels=plain.pixels.copy())
    else:
        canvas = _canvas(trails.scene, moment.picture, tile_px, dim=0.85)
    # A tile is small: its lines are drawn three times as wide as in a large picture.
    _draw_trail(canvas, trails, row, _stretch(trails, row, stretch), _TRAIL, width=5)
    hull = trails.hulls[row] if len(trails.hulls) else None
    if hull is not None and len(hull) > 1:
        _draw(canvas.pixels, canvas.line(hull[:, 0], hull[:, 1]), _HULL, 2, closed=True)
    columns = canvas.pixels.shape[1]
    size_px = max(round(tile_px / 26), 9)
    strip = np.full((2 * size_px, columns, 3), _PAPER, np.uint8)
    ending = f" @ {when(trails, row)} ({percent(anomaly)})"
    name = _fitted(str(trails.table["class"].iloc[row]), columns - 12, size_px, ending)
    _write(strip, [(6, size_px // 2 - 1, name, _INK)], size_px)
    note = _picture_note(trails, moment)
    if note:
        _write(canvas.pixels, [(6, 4, note, _INK)], size_px, outlined=True)
    return np.vstack([canvas.pixels, strip])


def _picture_note(trails: Trails, moment: Moment) -> str:
    """Say so if the picture is not of the end of the trail."""
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
    sheet = np.full(
        (down * (height + gap) + gap, across * (width + gap) + gap, 3), _PAPER, np.uint8
    )
    for i, tile in enumerate(tiles):
        top, left = gap + (i // across) * (height + gap), gap + (i % across) * (width + gap)
        sheet[top : top + height, left : left + width] = tile
    return sheet


def _across(n: int, height: int, width: int) -> int:
    """Tiles in a row, such that the sheet is about as wide as a screen."""
    best = np.sqrt(n * 1.5 * height / width)
    return int(min(max(round(best), 1), _TILES_ACROSS if width >= height else 2 * _TILES_ACROSS))


def _page(canvas: _Canvas, title: str, below: Picture, key: str = "") -> Picture:
    parts = [canvas.pixels, below]
    if title:
        size_px = max(canvas.px(20), 11)
        parts.insert(0, _title_bar(title, canvas.pixels.shape[1], size_px, key))
    return np.vstack(parts)


def _title_bar(title: str, width: int, size_px: int, key: str = "") -> Picture:
    bar = np.full((2 * size_px, width, 3), _PAPER, np.uint8)
    text = _fitted(title, width - size_px, size_px)
    _write(bar, [(size_px // 2, size_px // 2 - 2, text, _INK)], size_px)
    small = round(0.75 * size_px)
    left = width - size_px // 2 - _text_size(key, small)[1]
    if key and left > _text_size(text, size_px)[1] + 2 * size_px:
        _write(bar, [(left, size_px // 2 + 2, key, _FAINT)], small)
    return bar


def _colour_scale(
    heat: npt.NDArray[np.float32], shade: npt.NDArray[np.float32], canvas: _Canvas
) -> Picture:
    """Draw which colour stands for how many trails."""
    width = canvas.pixels.shape[1]
    size_px = max(canvas.px(16), 10)
    strip = np.full((round(3.6 * size_px), width, 3), _PAPER, np.uint8)
    caption = "trails per place"
    left = size_px + _text_size(caption, size_px)[1] + size_px
    right = width - 2 * size_px
    if right - left < 6 * size_px or not np.any(np.isfinite(heat)):
        return strip
    top, bottom = size_px // 2, size_px // 2 + round(1.2 * size_px)
    ramp = np.linspace(0, 255, right - left).astype(int)
    strip[top:bottom, left:right] = _heat_colours()[ramp]
    texts = [(size_px, top, caption, _INK)]
    for level in np.linspace(0, 1, 6 if right - left > 30 * size_px else 3):
        text = _number(_heat_at(heat, shade, float(level)))
        x = round(left + level * (right - left - 1))
        strip[bottom : bottom + max(size_px // 4, 2), x : x + 1] = _INK
        place = x - _text_size(text, size_px)[1] // 2
        texts.append((place, bottom + size_px // 3, text, _INK))
    _write(strip, texts, size_px)
    return strip


def _heat_at(heat: npt.NDArray[np.float32], shade: npt.NDArray[np.float32], level: float) -> float:
    """Return the heat whose scaled value is closest to a level; scaling never falls."""
    distance = np.abs(shade - level)
    near = heat[distance <= np.nanmin(distance) + 1e-6]
    # Where a limit cuts heat off, the value at the limit is the telling one.
    return float(near.max() if level <= 0 else near.min())


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 9.95 else f"{value:.1f}".removesuffix(".0")


def _listing(entries: Sequence[str], canvas: _Canvas) -> Picture:
    """List trails by rank in columns, each with its colour."""
    width = canvas.pixels.shape[1]
    size_px = max(canvas.px(15), 9)
    shown = list(entries[:_LISTED])
    more = len(entries) - len(shown)
    widest = max((_text_size(entry, size_px)[1] for entry in shown), default=0) + 3 * size_px
    columns = min(max(width // max(widest, 1), 1), max(len(shown), 1))
    per_column = -(-len(shown) // columns)
    line_px = round(1.5 * size_px)
    strip = np.full(((per_column + bool(more)) * line_px + size_px, width, 3), _PAPER, np.uint8)
    texts = []
    for i, entry in enumerate(shown):
        left = size_px // 2 + (i // per_column) * (width // columns)
        top = size_px // 2 + (i % per_column) * line_px
        strip[top : top + size_px, left : left + size_px] = _colour(i)
        room = width // columns - 2 * size_px
        texts.append((left + round(1.5 * size_px), top - 1, _fitted(entry, room, size_px), _INK))
    if more:
        top = size_px // 2 + per_column * line_px
        texts.append((size_px // 2, top, f"and {more} more in scores.csv", _FAINT))
    _write(strip, texts, size_px)
    return strip


def _colour(rank: int) -> Colour:
    return COLOURS[rank % len(COLOURS)]


def _on(colour: Colour) -> Colour:
    """Black or white, whichever is readable on a colour."""
    luminance = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]
    return (0, 0, 0) if luminance > 100 else (255, 255, 255)


@cache
def _heat_colours() -> npt.NDArray[np.float32]:
    import matplotlib as mpl

    # The scale's own black would hide what lies below.
    return (mpl.colormaps["inferno"](np.linspace(0.12, 1, 256))[:, :3] * 255).astype(np.float32)


@cache
def _font(size_px: int) -> object:
    import matplotlib as mpl
    from PIL import ImageFont

    return ImageFont.truetype(f"{mpl.get_data_path()}/fonts/ttf/DejaVuSans.ttf", size_px)


@lru_cache(4096)
def _text_size(text: str, size_px: int) -> tuple[int, int]:
    """Height and width of a text in px; all texts of a size are equally high."""
    return size_px, int(np.ceil(_font(size_px).getlength(text)))  # type: ignore[attr-defined]


def _fitted(text: str, width: int, size_px: int, ending: str = "") -> str:
    """Shorten a text until it fits with its ending."""
    text = " ".join(text.split())
    if _text_size(text + ending, size_px)[1] <= width:
        return text + ending
    for length in range(min(len(text), 200), 0, -1):
        short = text[:length] + "…" + ending
        if _text_size(short, size_px)[1] <= width:
            return short
    return ending.strip()


def _write(
    pixels: Picture,
    texts: Sequence[tuple[int, int, str, Colour]],
    size_px: int,
    *,
    outlined: bool = False,
) -> None:
    """Write texts (left, top, text, colour) into a picture."""
    from PIL import Image, ImageDraw

    page = Image.fromarray(pixels)
    pen = ImageDraw.Draw(page)
    for left, top, text, colour in texts:
        pen.text(
            # Letters begin a little below the top of their line.
            (left, top - size_px // 6),
            text,
            fill=colour,
            font=_font(size_px),  # type: ignore[arg-type]
            stroke_width=2 if outlined else 0,
            stroke_fill=(0, 0, 0),
        )
    pixels[:] = np.asarray(page)
