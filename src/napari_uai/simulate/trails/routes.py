"""Routes of a simulated scene, and the classes of objects that use them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np

from napari_uai.simulate.trails.curves import path_length
from napari_uai.typing import Floats

ObjectClass: TypeAlias = Literal["car", "bicycle", "pedestrian", "bus"]
OBJECT_CLASSES: tuple[ObjectClass, ...] = get_args(ObjectClass)

WIDTH, HEIGHT = 1280, 720
"""Size of the camera's picture, in px."""

RING_RADIUS = 75.0
"""Radius of the circle on which cars drive around the island, in px."""

ISLAND_RADIUS, OUTER_RADIUS = 46.0, 106.0
"""Radii of the kerbs of the roundabout, in px."""

LANE_OFFSET, KERB_OFFSET, PAVEMENT_OFFSET = 16.0, 34.0, 48.0
"""Distances of lanes, kerbs and pavements from the middle of a street, in px."""

CROSSING_RADIUS = 142.0
"""Distance of the zebra crossings from the centre of the roundabout, in px."""

ARMS = ("east", "south", "west", "north")
"""Streets, by angle from the x axis towards y."""


@dataclass(frozen=True)
class Stop:
    """A place on a route where stopping is ordinary.

    Parameters
    ----------
    place
        Distance from the start of the route, in px.
    share
        Fraction of passing objects that stop.
    seconds
        Median duration of a stop, in s.
    sway_px
        Movement along the route during a stop, in px.
    """

    place: float
    share: float
    seconds: float
    sway_px: float = 0.0


@dataclass(frozen=True, eq=False)
class Route:
    """A route through the scene that objects of a class use.

    Parameters
    ----------
    name
        Start and end of the route.
    kind
        Class of the objects.
    paths
        One or more variants (such as to each of the parking bays): points (y, x) every 2 px, in
        the direction of travel.
    stops
        For each path, the places where stopping is ordinary.
    share
        Relative fraction of the trails of the class; 0 for rare routes.
    rare
        Whether only 1 to 1.5 % of all trails use it.
    """

    name: str
    kind: ObjectClass
    paths: tuple[Floats, ...]
    stops: tuple[tuple[Stop, ...], ...]
    share: float
    rare: bool = False


def points_in_view(path: Floats) -> Floats:
    """Return the points of a path inside the picture."""
    return path[np.all((path >= 0) & (path <= (HEIGHT - 1, WIDTH - 1)), axis=1)]


def place_near(path: Floats, point: Floats) -> float:
    """Return the distance along a path to its point nearest to a given point, in px."""
    return float(path_length(path)[np.argmin(np.hypot(*(path - point).T))])


def route_shares(rng: np.random.Generator, n: int) -> Floats:
    """Return fractions of routes: few with much traffic, many with little, none without."""
    return np.asarray(rng.permutation(1 / np.arange(2, n + 2)) * rng.uniform(0.8, 1.25, n))
