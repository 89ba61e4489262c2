"""A simulated scene: a roundabout, streets, pavements, a park, a car park, and their routes.

Positions are (y, x) in px of the camera image, with y pointing down; 10 px are about one metre.
Traffic drives on the right. Angles of streets and popularity of routes depend on the seed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_uai.simulate.trails.curves import even_path, path_length, right_of, smooth_path
from napari_uai.simulate.trails.routes import (
    ARMS,
    CROSSING_RADIUS,
    HEIGHT,
    LANE_OFFSET,
    OUTER_RADIUS,
    RING_RADIUS,
    WIDTH,
    Route,
    Stop,
    place_near,
    points_in_view,
    route_shares,
)
from napari_uai.simulate.trails.walks import Walks, pedestrian_routes
from napari_uai.typing import Floats


@dataclass(frozen=True, eq=False)
class StreetScene:
    """Streets, paths, buildings and routes of a scene.

    Parameters
    ----------
    centre
        Centre of the roundabout.
    streets
        Centre line of each street, from the roundabout outwards, in the order of ``ARMS``.
    footpaths
        Paths of the park and between buildings.
    access
        Centre line of the access to the car park.
    bays
        Centre of each parking bay.
    plaza
        Centre of the square in the park.
    buildings
        Top, left, bottom, right of each building.
    routes
        Routes of all classes.
    """

    centre: Floats
    streets: tuple[Floats, ...]
    footpaths: tuple[Floats, ...]
    access: Floats
    bays: Floats
    plaza: Floats
    buildings: tuple[tuple[float, float, float, float], ...]
    routes: tuple[Route, ...]

    def paths_of(self, kind: str) -> Floats:
        """Return the points of all ordinary paths of a class, (n, 2)."""
        return np.concatenate([path for r in self.routes if r.kind == kind for path in r.paths])


def street_scene(rng: np.random.Generator) -> StreetScene:
    """Return a random scene.

    Parameters
    ----------
    rng
        Random number generator, for angles of streets and popularity of routes.
    """
    centre = np.array([345.0, 700.0]) + rng.uniform(-25, 25, 2)
    streets = _streets(rng, centre)
    plaza = np.array([140.0, 320.0]) + rng.uniform(-25, 25, 2)
    access = _access(rng, streets)
    aisle = access[-1, 0]
    bays = np.array([(aisle + dy, x) for x in np.arange(210, 400, 34) for dy in (-38.0, 38.0)])
    bays = bays[np.abs(bays[:, 1] - access[-1, 1]) > 24]
    door = np.array([560.0, rng.uniform(1000, 1120)])
    buildings = (
        (566.0, float(door[1]) - 40, 719.0, 1250.0),
        (20.0, 890.0, 190.0, 1230.0),
        (20.0, 20.0, 150.0, 130.0),
    )
    walks = Walks(centre, streets, plaza, door, access)
    routes = (
        *_car_routes(rng, centre, streets, access, bays),
        *_bicycle_routes(rng, centre, streets, walks),
        *_bus_routes(centre, streets),
        *pedestrian_routes(rng, walks),
    )
    return StreetScene(
        centre, streets, tuple(walks.footpaths), access, bays, plaza, buildings, routes
    )


def _streets(rng: np.random.Generator, centre: Floats) -> tuple[Floats, ...]:
    ends = np.array(
        [
            (centre[0] + rng.uniform(-60, 60), WIDTH - 1),
            (HEIGHT - 1, centre[1] + rng.uniform(-90, 60)),
            (centre[0] + rng.uniform(-60, 40), 0),
            (0, centre[1] + rng.uniform(-60, 90)),
        ]
    )
    lines = []
    for arm, end in enumerate(ends):
        angle = arm * np.pi / 2 + rng.uniform(-0.12, 0.12)
        out = np.array([np.sin(angle), np.cos(angle)])
        first = centre + OUTER_RADIUS * out
        bend = centre + (OUTER_RADIUS + 0.5 * np.hypot(*(end - first))) * out
        t = np.linspace(0, 1, 200)[:, None]
        line = even_path((1 - t) ** 2 * first + 2 * t * (1 - t) * bend + t**2 * end)
        # Extended beyond the picture, so that lanes and pavements reach its edge.
        beyond = line[-1] + np.arange(1, 31)[:, None] * (line[-1] - line[-2])
        lines.append(np.concatenate([line, beyond]))
    return tuple(lines)


def _access(rng: np.random.Generator, streets: tuple[Floats, ...]) -> Floats:
    west = streets[ARMS.index("west")]
    x = rng.uniform(280, 330)
    start = west[np.argmin(np.abs(west[:, 1] - x))]
    return even_path([start, (rng.uniform(570, 600), x)])


def _lane_in(street: Floats, offset: float) -> Floats:
    return points_in_view(right_of(street[::-1], offset))


def _lane_out(street: Floats, offset: float) -> Floats:
    return points_in_view(right_of(street, offset))


def _drive(
    centre: Floats,
    streets: tuple[Floats, ...],
    come: int,
    leave: int,
    *,
    offset: float = LANE_OFFSET,
    radius: float = RING_RADIUS,
) -> Floats:
    """Return a path through the roundabout, from one street to another or the same."""
    inbound, outbound = _lane_in(streets[come], offset), _lane_out(streets[leave], offset)
    angle_in = np.arctan2(*(streets[come][0] - centre)) - 0.4
    angle_out = np.arctan2(*(streets[leave][0] - centre)) + 0.4
    turn = (angle_in - angle_out) % (2 * np.pi)
    angles = np.linspace(angle_in, angle_in - turn, 60)
    ring = centre + radius * np.stack([np.sin(angles), np.cos(angles)], axis=1)
    return smooth_path(np.concatenate([inbound[:-4], ring, outbound[4:]]))


def _give_way(path: Floats, centre: Floats, share: float, seconds: float) -> tuple[Stop, ...]:
    """Return stops in front of the roundabout and, less often, of the crossing."""
    distance = np.hypot(*(path - centre).T)
    first = int(np.argmax(distance < OUTER_RADIUS + 12))
    second = int(np.argmax(distance < CROSSING_RADIUS + 30))
    at = path_length(path)
    return (
        Stop(float(at[second]), 0.4 * share, seconds),
        Stop(float(at[first]), share, seconds),
    )


def _car_routes(
    rng: np.random.Generator,
    centre: Floats,
    streets: tuple[Floats, ...],
    access: Floats,
    bays: Floats,
) -> list[Route]:
    ways = [(a, b) for a in range(4) for b in range(4) if a != b]
    routes = []
    for (a, b), share in zip(ways, route_shares(rng, len(ways)), strict=True):
        path = _drive(centre, streets, a, b)
        stops = _give_way(path, centre, 0.3, 4.0)
        routes.append(Route(f"{ARMS[a]} to {ARMS[b]}", "car", (path,), (stops,), float(share)))
    for arm in rng.choice(4, 2, replace=False):
        path = _drive(centre, streets, int(arm), int(arm))
        stops = _give_way(path, centre, 0.3, 4.0)
        routes.append(Route(f"turn round, {ARMS[arm]}", "car", (path,), (stops,), 0.0, rare=True))
    return routes + _parking_routes(centre, streets, access, bays)


def _parking_routes(
    centre: Floats, streets: tuple[Floats, ...], access: Floats, bays: Floats
) -> list[Route]:
    west = ARMS.index("west")
    street = streets[west]
    into, out = right_of(access, 9), right_of(access[::-1], 9)
    from_west = _until(_lane_in(street, LANE_OFFSET), access[0], -26)
    from_ring = _until(_drive(centre, streets, ARMS.index("east"), west), access[0], -26)
    to_west = _from(_lane_out(street, LANE_OFFSET), access[0], 26)
    to_ring = _from(_drive(centre, streets, west, ARMS.index("east")), access[0], 26)
    coming, coming_across, leaving, leaving_across = [], [], [], []
    for bay in bays:
        aisle = np.array([access[-1, 0], bay[1]])
        park, start = [*into[18:-6], aisle, bay], [bay, aisle, *out[6:-18]]
        coming.append(smooth_path([*from_west, *park], 10))
        coming_across.append(smooth_path([*from_ring, *park], 10))
        leaving.append(smooth_path([*start, *to_west], 10))
        leaving_across.append(smooth_path([*start, *to_ring], 10))
    return [
        _parking("west to car park", coming, 0.12),
        _parking("east to car park", coming_across, 0.09),
        _parking("car park to west", leaving, 0.0),
        _parking("car park to east", leaving_across, 0.12),
    ]


def _parking(name: str, paths: list[Floats], share: float) -> Route:
    stops = tuple((Stop(float(path_length(p)[-1]) / 2, 0.15, 4.0),) for p in paths)
    return Route(name, "car", tuple(paths), stops, share, rare=share == 0)


def _until(path: Floats, point: Floats, beyond_px: float) -> Floats:
    at = path_length(path)
    return path[at < place_near(path, point) + beyond_px]


def _from(path: Floats, point: Floats, beyond_px: float) -> Floats:
    at = path_length(path)
    return path[at > place_near(path, point) + beyond_px]


def _bicycle_routes(
    rng: np.random.Generator, centre: Floats, streets: tuple[Floats, ...], walks: Walks
) -> list[Route]:
    ways = [(0, 2), (2, 0), (1, 3), (3, 1), (0, 1), (1, 2), (2, 3), (3, 0)]
    routes = []
    for (a, b), share in zip(ways, route_shares(rng, len(ways)), strict=True):
        path = _drive(centre, streets, a, b, offset=27, radius=92)
        stops = _give_way(path, centre, 0.2, 3.0)
        routes.append(Route(f"{ARMS[a]} to {ARMS[b]}", "bicycle", (path,), (stops,), float(share)))
    path = walks.path(("west", 1), ("north", -1))
    stops = (Stop(place_near(path, walks.plaza), 0.1, 15.0),)
    routes.append(Route("through the park", "bicycle", (path,), (stops,), 0.0, rare=True))
    return routes


def _bus_routes(centre: Floats, streets: tuple[Floats, ...]) -> list[Route]:
    routes = []
    for a, b in ((0, 2), (2, 0)):
        path = _drive(centre, streets, a, b)
        at = path_length(path)
        place = at[-1] - 170 if b == 0 else at[-1] - 480
        # A bay beside the lane: 14 px to the right, over about 120 px.
        path = even_path(right_of(path, 14 * np.exp(-(((at - place) / 45) ** 4))))
        stops = (*_give_way(path, centre, 0.3, 4.0), Stop(float(place), 0.9, 16.0))
        routes.append(Route(f"{ARMS[a]} to {ARMS[b]}", "bus", (path,), (stops,), 0.5))
    return routes
