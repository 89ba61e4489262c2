"""Routes of a simulated scene, and the classes of objects that take them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np

from napari_uai.simulate.trails.curves import path_length
from napari_uai.typing import Floats

ObjectClass: TypeAlias = Literal["car", "bicycle", "pedestrian", "bus"]
OBJECT_CLASSES: tuple[ObjectClass, ...] = get_args(ObjectClass)

WIDTH, HEIGHT = 1280, 720
"""Of the camera's picture; px."""

RING_RADIUS = 75.0
"""Of the circle on which cars drive round the island; px."""

ISLAND_RADIUS, OUTER_RADIUS = 46.0, 106.0
"""Of the kerbs of the roundabout; px."""

LANE_OFFSET, KERB_OFFSET, PAVEMENT_OFFSET = 16.0, 34.0, 48.0
"""Of lanes, kerbs and pavements from the middle of a street; px."""

CROSSING_RADIUS = 142.0
"""Distance of the zebra crossings from the middle of the roundabout; px."""

ARMS = ("east", "south", "west", "north")
"""By angle from the x axis towards y."""


@dataclass(frozen=True)
class Stop:
    """A place on a route where some dwell, as everybody may.

    Parameters
    ----------
    place
        Distance from the start of the route; px.
    share
        Of those who come by, how many stop.
    seconds
        Median of how long.
    sway_px
        How far they move about meanwhile, along the route.
    """

    place: float
    share: float
    seconds: float
    sway_px: float = 0.0


@dataclass(frozen=True, eq=False)
class Route:
    """A way through the scene that objects of a class use.

    Parameters
    ----------
    name
        From where to where.
    kind
        Class of the objects.
    paths
        One or several variants (for instance to each of the parking bays): points (y, x) every
        2 px, in the direction of travel.
    stops
        For each path, where some dwell.
    share
        Of the class's trails; relative. 0 for a route that is rare.
    rare
        Whether only one to one and a half per cent of all trails take it.
    """

    name: str
    kind: ObjectClass
    paths: tuple[Floats, ...]
    stops: tuple[tuple[Stop, ...], ...]
    share: float
    rare: bool = False


def points_in_view(path: Floats) -> Floats:
    """Return the points of a path that lie in the picture."""
    return path[np.all((path >= 0) & (path <= (HEIGHT - 1, WIDTH - 1)), axis=1)]


def place_near(path: Floats, point: Floats) -> float:
    """Return how far along a path its point nearest to another lies, in px."""
    return float(path_length(path)[np.argmin(np.hypot(*(path - point).T))])


def route_shares(rng: np.random.Generator, n: int) -> Floats:
    """Popularity of routes: a few carry much, many little; none is next to nothing."""
    return np.asarray(rng.permutation(1 / np.arange(2, n + 2)) * rng.uniform(0.8, 1.25, n))
