"""Pictures of a simulated scene: the empty scene from above, and objects in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import cv2
import numpy as np

from napari_uai.simulate.trails.curves import headings, path_length, right_of
from napari_uai.simulate.trails.routes import (
    CROSSING_RADIUS,
    HEIGHT,
    ISLAND_RADIUS,
    KERB_OFFSET,
    OUTER_RADIUS,
    PAVEMENT_OFFSET,
    WIDTH,
)
from napari_uai.simulate.trails.scene import StreetScene
from napari_uai.trails.table import Picture
from napari_uai.typing import Floats, Floats32, Ints32

Colour: TypeAlias = tuple[int, int, int]

FINE = 2
"""Factor by which the scene is painted larger, and then reduced, for smooth edges."""

LAWN, MEADOW = (148, 172, 128), (160, 181, 138)
PAVEMENT, ROAD, PAINT = (205, 199, 187), (132, 135, 140), (228, 228, 222)
SAND, ROOFS, SHADE = (214, 200, 168), ((176, 140, 124), (164, 158, 152), (186, 164, 134)), 0.72
TREES = ((104, 138, 96), (118, 150, 104), (94, 128, 92))

PAINTS: dict[str, tuple[Colour, ...]] = {
    "car": ((196, 60, 52), (52, 92, 160), (238, 238, 236), (58, 60, 66), (176, 180, 186)),
    "bus": ((226, 172, 44),),
    "bicycle": ((30, 110, 100), (120, 50, 110), (40, 60, 90)),
    "pedestrian": ((180, 70, 90), (60, 60, 110), (90, 70, 50), (240, 220, 120)),
}
"""Colours of objects (RGB), by class; each trail has one of them."""

GLASS = (44, 52, 62)


def background_picture(place: StreetScene, *, seed: int = 0) -> Picture:
    """Return a picture of the empty scene from above.

    Parameters
    ----------
    place
        Streets, paths, buildings.
    seed
        Seed of the positions of trees and the grain of lawns.

    Returns
    -------
    numpy.ndarray
        720 rows, 1280 columns, RGB; uint8.
    """
    rng = np.random.default_rng([seed, 20])
    canvas = _lawn(rng)
    _paint_paths(canvas, place)
    _paint_streets(canvas, place)
    _paint_car_park(canvas, place)
    _plant_trees(canvas, place, rng)
    for i, (top, left, bottom, right) in enumerate(place.buildings):
        _build(canvas, (top, left, bottom, right), ROOFS[i % len(ROOFS)])
    small = cv2.resize(canvas, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    # Camera noise.
    grain = small + rng.normal(0, 2.0, (HEIGHT, WIDTH, 1))
    return np.asarray(np.clip(np.rint(grain), 0, 255), np.uint8)


def draw_objects(
    picture: Picture,
    outlines: Floats32,
    kinds: Sequence[str],
    numbers: Sequence[int],
) -> None:
    """Draw objects into a picture, in place.

    Parameters
    ----------
    picture
        Rows, columns, RGB; uint8.
    outlines
        Corners of each object: objects, 8, (y, x) in px; see
        :func:`napari_uai.simulate.trails.outlines.outlines_of`.
    kinds
        Class of each object.
    numbers
        Number of each object, such as its index among all trails, which selects its colour.
    """
    for outline, kind, number in zip(outlines, kinds, numbers, strict=True):
        colours = PAINTS[kind]
        middle = outline.mean(axis=0)
        _fill(picture, outline + 2.0, tuple(int(v * 0.5) for v in ROAD), fine=1)
        _fill(picture, outline, colours[number % len(colours)], fine=1)
        if kind in ("car", "bus"):
            _fill(picture, middle + 0.55 * (outline - middle), GLASS, fine=1)
            _fill(picture, middle + 0.42 * (outline - middle), colours[number % len(colours)], 1)
        else:
            _fill(picture, middle + 0.4 * (outline - middle), (70, 54, 44), fine=1)


def _lawn(rng: np.random.Generator) -> Picture:
    """Return grass with patches of another green."""
    coarse = rng.normal(size=(HEIGHT // 24, WIDTH // 24)).astype(np.float32)
    patches = cv2.resize(coarse, (WIDTH * FINE, HEIGHT * FINE), interpolation=cv2.INTER_CUBIC)
    share = np.clip(0.5 + 0.35 * patches, 0, 1)[..., None]
    return np.asarray((1 - share) * LAWN + share * MEADOW, np.uint8)


def _paint_paths(canvas: Picture, place: StreetScene) -> None:
    for path in place.footpaths:
        _line(canvas, path, 22, SAND)
    _disc(canvas, place.plaza, 44, SAND)
    _disc(canvas, place.plaza, 30, (204, 188, 154))
    _disc(canvas, place.plaza, 9, (150, 176, 190))
    for angle in np.arange(4) * np.pi / 2 + 0.6:
        out = np.array([np.sin(angle), np.cos(angle)])
        across = np.array([out[1], -out[0]])
        bench = place.plaza + 36 * out + np.outer([-8, 8], across)
        _line(canvas, bench, 4, (120, 92, 66))


def _paint_streets(canvas: Picture, place: StreetScene) -> None:
    edge = 2 * (PAVEMENT_OFFSET + 10)
    for street in place.streets:
        _line(canvas, street, edge, PAVEMENT)
    _disc(canvas, place.centre, CROSSING_RADIUS + 16, PAVEMENT)
    # Grass between pavement and roundabout.
    _disc(canvas, place.centre, CROSSING_RADIUS - 8, LAWN)
    for street in place.streets:
        near = np.vstack([place.centre, street])
        _line(canvas, near, edge, PAVEMENT)
    _disc(canvas, place.centre, OUTER_RADIUS + 4, PAVEMENT)
    for street in place.streets:
        _line(canvas, np.vstack([place.centre, street]), 2 * KERB_OFFSET, ROAD)
    _line(canvas, place.access, 40, ROAD)
    _disc(canvas, place.centre, OUTER_RADIUS, ROAD)
    _disc(canvas, place.centre, ISLAND_RADIUS + 3, PAVEMENT)
    _disc(canvas, place.centre, ISLAND_RADIUS, LAWN)
    _disc(canvas, place.centre, 16, (186, 150, 160))
    for street in place.streets:
        distance = np.hypot(*(street - place.centre).T)
        middle = street[distance > CROSSING_RADIUS + 22]
        for start in range(0, len(middle) - 8, 20):
            _line(canvas, middle[start : start + 8], 2, PAINT)
        _zebra(canvas, street[np.argmax(distance > CROSSING_RADIUS)], street)


def _zebra(canvas: Picture, place: Floats, street: Floats) -> None:
    near = int(np.argmin(np.hypot(*(street - place).T)))
    along = headings(street)[near]
    across = np.array([along[1], -along[0]])
    for offset in np.arange(-KERB_OFFSET + 5, KERB_OFFSET - 2, 8):
        bar = place + offset * across + np.outer([-8, 8], along)
        _line(canvas, bar, 4, PAINT)


def _paint_car_park(canvas: Picture, place: StreetScene) -> None:
    top, left = place.bays.min(axis=0) - 24
    bottom, right = place.bays.max(axis=0) + 24
    corners = np.array([(top, left), (top, right), (bottom, right), (bottom, left)])
    _fill(canvas, corners, ROAD)
    for y, x in place.bays:
        for side in (-17, 17):
            _line(canvas, np.array([(y - 20, x + side), (y + 20, x + side)]), 2, PAINT)
    walk = right_of(place.access[::-1], 24)[::-1]
    along = path_length(walk)
    _line(canvas, walk[along > PAVEMENT_OFFSET], 14, PAVEMENT)
    # The footpath continues along the car park.
    end = place.access[-1]
    _line(canvas, np.array([walk[-1], end + np.array([0, 120])]), 12, PAVEMENT)


def _plant_trees(canvas: Picture, place: StreetScene, rng: np.random.Generator) -> None:
    free = np.ones((HEIGHT, WIDTH), np.uint8)
    for route in place.routes:
        for path in route.paths:
            cv2.polylines(free, [_pixels(path, 1)], isClosed=False, color=0, thickness=62)
    y, x = np.rint(place.centre).astype(int).tolist()
    cv2.circle(free, (x, y), round(OUTER_RADIUS), 0, -1)
    for top, left, bottom, right in place.buildings:
        free[int(top) - 20 : int(bottom) + 20, int(left) - 20 : int(right) + 20] = 0
    lot = place.bays
    (top, left), (bottom, right) = lot.min(axis=0) - 40, lot.max(axis=0) + 40
    free[int(top) : int(bottom), int(left) : int(right)] = 0
    spots = np.argwhere(free)
    for y, x in spots[rng.choice(len(spots), min(70, len(spots)), replace=False)]:
        _tree(canvas, np.array([y, x], np.float64), float(rng.uniform(9, 19)), rng)


def _tree(canvas: Picture, spot: Floats, radius: float, rng: np.random.Generator) -> None:
    green = TREES[int(rng.integers(len(TREES)))]
    _disc(canvas, spot + 0.35 * radius, radius, tuple(int(v * SHADE) for v in LAWN))
    _disc(canvas, spot, radius, green)
    _disc(canvas, spot - 0.25 * radius, 0.55 * radius, tuple(min(v + 14, 255) for v in green))


def _build(canvas: Picture, box: tuple[float, float, float, float], roof: Colour) -> None:
    top, left, bottom, right = box
    corners = np.array([(top, left), (top, right), (bottom, right), (bottom, left)])
    _fill(canvas, corners + 9, tuple(int(v * SHADE) for v in LAWN))
    _fill(canvas, corners, roof)
    inner = corners + np.array([(7, 7), (7, -7), (-7, -7), (-7, 7)])
    _fill(canvas, inner, tuple(min(v + 12, 255) for v in roof))
    middle = (top + bottom) / 2
    ridge = np.array([(middle, left + 30), (middle, right - 30)])
    _line(canvas, ridge, 3, tuple(int(v * 0.88) for v in roof))


def _line(canvas: Picture, path: Floats, width_px: float, colour: tuple[int, ...]) -> None:
    width = round(width_px * FINE)
    cv2.polylines(canvas, [_pixels(path, FINE)], isClosed=False, color=colour, thickness=width)


def _disc(canvas: Picture, centre: Floats, radius_px: float, colour: tuple[int, ...]) -> None:
    y, x = np.rint(centre * FINE).astype(int).tolist()
    cv2.circle(canvas, (x, y), round(radius_px * FINE), colour, -1, cv2.LINE_AA)


def _fill(canvas: Picture, corners: Any, colour: tuple[int, ...], fine: int = FINE) -> None:
    points = np.rint(np.asarray(corners)[:, ::-1] * fine * 16).astype(np.int32)
    cv2.fillPoly(canvas, [points], colour, cv2.LINE_AA, 4)


def _pixels(path: Floats, fine: int) -> Ints32:
    return np.rint(np.asarray(path)[:, ::-1] * fine).astype(np.int32)
