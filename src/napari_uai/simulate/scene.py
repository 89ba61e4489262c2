"""A simulated scene: a roundabout, streets, pavements, a park, a car park, and their routes.

Positions are (y, x) in px of the camera's picture, rows down; 10 px are about a metre. Traffic
keeps to the right. Every seed gives another place: streets come in at other angles, and other
routes are popular.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d
from scipy.sparse.csgraph import dijkstra

Array: TypeAlias = npt.NDArray[np.float64]

ObjectClass: TypeAlias = Literal["car", "bicycle", "pedestrian", "bus"]

OBJECT_CLASSES: tuple[ObjectClass, ...] = get_args(ObjectClass)

WIDTH, HEIGHT = 1280, 720
"""Of the camera's picture; px."""

STEP_PX = 2.0
"""Between two points of a path."""

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
    paths: tuple[Array, ...]
    stops: tuple[tuple[Stop, ...], ...]
    share: float
    rare: bool = False


@dataclass(frozen=True, eq=False)
class StreetScene:
    """The place.

    Parameters
    ----------
    centre
        Middle of the roundabout.
    streets
        Middle line of each street from the roundabout outwards; in the order of ``ARMS``.
    footpaths
        Paths of the park and between buildings.
    access
        Middle line of the way into the car park.
    bays
        Middle of each parking bay.
    plaza
        Middle of the square in the park.
    buildings
        Top, left, bottom, right of each.
    routes
        Of all classes.
    """

    centre: Array
    streets: tuple[Array, ...]
    footpaths: tuple[Array, ...]
    access: Array
    bays: Array
    plaza: Array
    buildings: tuple[tuple[float, float, float, float], ...]
    routes: tuple[Route, ...]

    def paths_of(self, kind: str) -> Array:
        """Return the points of all ordinary paths of a class, (n, 2)."""
        return np.concatenate([path for r in self.routes if r.kind == kind for path in r.paths])


def street_scene(rng: np.random.Generator) -> StreetScene:
    """Make a place.

    Parameters
    ----------
    rng
        Random numbers: where streets come in, and how popular routes are.
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
    walks = _Walks(centre, streets, plaza, door, access)
    routes = (
        *_car_routes(rng, centre, streets, access, bays),
        *_bicycle_routes(rng, centre, streets, walks),
        *_bus_routes(centre, streets),
        *_pedestrian_routes(rng, walks),
    )
    return StreetScene(
        centre, streets, tuple(walks.footpaths), access, bays, plaza, buildings, routes
    )


def smooth_path(points: Any, sigma_px: float = 12.0) -> Array:
    """Round the corners of a line.

    Parameters
    ----------
    points
        Corners (n, 2); px.
    sigma_px
        Of the Gaussian along the line; ends stay where they are.

    Returns
    -------
    numpy.ndarray
        (m, 2), a point every 2 px.
    """
    even = even_path(points)
    pad = int(4 * sigma_px / STEP_PX) + 1
    # Continued straight, so that neither end is drawn inwards.
    before = even[0] + np.arange(-pad, 0)[:, None] * (even[min(3, len(even) - 1)] - even[0]) / 3
    after = even[-1] + np.arange(1, pad + 1)[:, None] * (even[-1] - even[-min(4, len(even))]) / 3
    long = np.concatenate([before, even, after])
    return even_path(gaussian_filter1d(long, sigma_px / STEP_PX, axis=0)[pad:-pad])


def even_path(points: Any) -> Array:
    """Return points every 2 px along a line, its ends included."""
    line = np.asarray(points, np.float64)
    at = path_length(line)
    n = max(round(at[-1] / STEP_PX) + 1, 2)
    places = np.linspace(0, at[-1], n)
    return np.stack([np.interp(places, at, line[:, 0]), np.interp(places, at, line[:, 1])], axis=1)


def path_length(path: Array) -> Array:
    """Return the distance along a line from its start to each of its points."""
    return np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])


def headings(path: Array) -> Array:
    """Return the unit vector of travel at each point of a path."""
    along = np.gradient(path, axis=0)
    return np.asarray(along / np.maximum(np.hypot(along[:, :1], along[:, 1:]), 1e-9))


def right_of(path: Array, offset_px: float | Array) -> Array:
    """Shift a path to its right (negative: left)."""
    along = headings(path)
    right = np.stack([along[:, 1], -along[:, 0]], axis=1)
    return np.asarray(path + right * np.reshape(offset_px, (-1, 1)))


def _streets(rng: np.random.Generator, centre: Array) -> tuple[Array, ...]:
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
        # On beyond the picture, so that lanes and pavements beside it reach the edge.
        beyond = line[-1] + np.arange(1, 31)[:, None] * (line[-1] - line[-2])
        lines.append(np.concatenate([line, beyond]))
    return tuple(lines)


def _access(rng: np.random.Generator, streets: tuple[Array, ...]) -> Array:
    west = streets[ARMS.index("west")]
    x = rng.uniform(280, 330)
    start = west[np.argmin(np.abs(west[:, 1] - x))]
    return even_path([start, (rng.uniform(570, 600), x)])


def _lane_in(street: Array, offset: float) -> Array:
    return _in_view(right_of(street[::-1], offset))


def _lane_out(street: Array, offset: float) -> Array:
    return _in_view(right_of(street, offset))


def _in_view(path: Array) -> Array:
    return path[np.all((path >= 0) & (path <= (HEIGHT - 1, WIDTH - 1)), axis=1)]


def _drive(
    centre: Array,
    streets: tuple[Array, ...],
    come: int,
    leave: int,
    *,
    offset: float = LANE_OFFSET,
    radius: float = RING_RADIUS,
) -> Array:
    """Path through the roundabout, from one street to another (or the same)."""
    inbound, outbound = _lane_in(streets[come], offset), _lane_out(streets[leave], offset)
    angle_in = np.arctan2(*(streets[come][0] - centre)) - 0.4
    angle_out = np.arctan2(*(streets[leave][0] - centre)) + 0.4
    turn = (angle_in - angle_out) % (2 * np.pi)
    angles = np.linspace(angle_in, angle_in - turn, 60)
    ring = centre + radius * np.stack([np.sin(angles), np.cos(angles)], axis=1)
    return smooth_path(np.concatenate([inbound[:-4], ring, outbound[4:]]))


def _place_near(path: Array, point: Array) -> float:
    return float(path_length(path)[np.argmin(np.hypot(*(path - point).T))])


def _give_way(path: Array, centre: Array, share: float, seconds: float) -> tuple[Stop, ...]:
    """Wait before the roundabout, some of them before the crossing."""
    distance = np.hypot(*(path - centre).T)
    first = int(np.argmax(distance < OUTER_RADIUS + 12))
    second = int(np.argmax(distance < CROSSING_RADIUS + 30))
    at = path_length(path)
    return (
        Stop(float(at[second]), 0.4 * share, seconds),
        Stop(float(at[first]), share, seconds),
    )


def _shares(rng: np.random.Generator, n: int) -> Array:
    """Popularity of routes: a few carry much, many little; none is next to nothing."""
    return np.asarray(rng.permutation(1 / np.arange(2, n + 2)) * rng.uniform(0.8, 1.25, n))


def _car_routes(
    rng: np.random.Generator,
    centre: Array,
    streets: tuple[Array, ...],
    access: Array,
    bays: Array,
) -> list[Route]:
    ways = [(a, b) for a in range(4) for b in range(4) if a != b]
    routes = []
    for (a, b), share in zip(ways, _shares(rng, len(ways)), strict=True):
        path = _drive(centre, streets, a, b)
        stops = _give_way(path, centre, 0.3, 4.0)
        routes.append(Route(f"{ARMS[a]} to {ARMS[b]}", "car", (path,), (stops,), float(share)))
    for arm in rng.choice(4, 2, replace=False):
        path = _drive(centre, streets, int(arm), int(arm))
        stops = _give_way(path, centre, 0.3, 4.0)
        routes.append(Route(f"turn round, {ARMS[arm]}", "car", (path,), (stops,), 0.0, rare=True))
    return routes + _parking_routes(centre, streets, access, bays)


def _parking_routes(
    centre: Array, streets: tuple[Array, ...], access: Array, bays: Array
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


def _parking(name: str, paths: list[Array], share: float) -> Route:
    stops = tuple((Stop(float(path_length(p)[-1]) / 2, 0.15, 4.0),) for p in paths)
    return Route(name, "car", tuple(paths), stops, share, rare=share == 0)


def _until(path: Array, point: Array, beyond_px: float) -> Array:
    at = path_length(path)
    return path[at < _place_near(path, point) + beyond_px]


def _from(path: Array, point: Array, beyond_px: float) -> Array:
    at = path_length(path)
    return path[at > _place_near(path, point) + beyond_px]


def _bicycle_routes(
    rng: np.random.Generator, centre: Array, streets: tuple[Array, ...], walks: _Walks
) -> list[Route]:
    ways = [(0, 2), (2, 0), (1, 3), (3, 1), (0, 1), (1, 2), (2, 3), (3, 0)]
    routes = []
    for (a, b), share in zip(ways, _shares(rng, len(ways)), strict=True):
        path = _drive(centre, streets, a, b, offset=27, radius=92)
        stops = _give_way(path, centre, 0.2, 3.0)
        routes.append(Route(f"{ARMS[a]} to {ARMS[b]}", "bicycle", (path,), (stops,), float(share)))
    path = walks.path(("west", 1), ("north", -1))
    stops = (Stop(_place_near(path, walks.plaza), 0.1, 15.0),)
    routes.append(Route("through the park", "bicycle", (path,), (stops,), 0.0, rare=True))
    return routes


def _bus_routes(centre: Array, streets: tuple[Array, ...]) -> list[Route]:
    routes = []
    for a, b in ((0, 2), (2, 0)):
        path = _drive(centre, streets, a, b)
        at = path_length(path)
        place = at[-1] - 170 if b == 0 else at[-1] - 480
        # A bay beside the lane: 14 px to the right over some 120 px.
        path = even_path(right_of(path, 14 * np.exp(-(((at - place) / 45) ** 4))))
        stops = (*_give_way(path, centre, 0.3, 4.0), Stop(float(place), 0.9, 16.0))
        routes.append(Route(f"{ARMS[a]} to {ARMS[b]}", "bus", (path,), (stops,), 0.5))
    return routes


class _Walks:
    """The net of pavements, crossings and footpaths; routes are shortest ways through it."""

    def __init__(
        self,
        centre: Array,
        streets: tuple[Array, ...],
        plaza: Array,
        door: Array,
        access: Array,
    ) -> None:
        self.centre, self.plaza = centre, plaza
        self.links: dict[tuple[Any, Any], Array] = {}
        self.footpaths: list[Array] = []
        corners = {}
        walk = right_of(access[::-1], 24)[::-1][int(PAVEMENT_OFFSET / STEP_PX) :]
        joints = {("west", 1): 0.62, ("north", -1): 0.5}
        joints |= {("south", 1): 0.6, ("east", 1): 0.55, ("south", -1): 0.55}
        for arm, street in zip(ARMS, streets, strict=True):
            outer = street[np.hypot(*(street - centre).T) > CROSSING_RADIUS]
            for side in (-1, 1):
                line = _in_view(right_of(outer, side * PAVEMENT_OFFSET))
                corners[arm, side] = line[0]
                cut = int(joints.get((arm, side), 0.5) * len(line))
                if (arm, side) == ("west", -1):
                    cut = int(np.argmin(np.hypot(*(line - walk[0]).T)))
                self._link((arm, side, "corner"), (arm, side, "joint"), line[: cut + 1])
                self._link((arm, side, "joint"), (arm, side), line[cut:])
        for i, arm in enumerate(ARMS):
            crossing = [corners[arm, -1], corners[arm, 1]]
            self._link((arm, -1, "corner"), (arm, 1, "corner"), crossing)
            after = ARMS[(i + 1) % 4]
            arc = self._arc(corners[arm, 1], corners[after, -1])
            self._link((arm, 1, "corner"), (after, -1, "corner"), arc)
        lot = access[-1] + np.array([0.0, 120.0])
        self._footpath(("west", 1, "joint"), "plaza", plaza, (40, -60))
        self._footpath("plaza", ("north", -1, "joint"), plaza, (-30, 120))
        self._link(("west", -1, "joint"), "car park", even_path([self._node("west", -1), *walk]))
        self._footpath("lot", ("south", 1, "joint"), lot, (10, 80))
        self._link("car park", "lot", [walk[-1], lot])
        self._footpath(("east", 1, "joint"), "door", door, (-40, 10))
        self._footpath("door", ("south", -1, "joint"), door, (-60, -60))

    def path(self, start: Any, end: Any) -> Array:
        """Return the shortest way between two nodes, as a smooth path."""
        nodes = sorted({node for link in self.links for node in link}, key=str)
        number = {node: i for i, node in enumerate(nodes)}
        pairs = [(number[a], number[b]) for a, b in self.links]
        lengths = [float(path_length(line)[-1]) for line in self.links.values()]
        graph = np.zeros((len(nodes), len(nodes)))
        graph[tuple(np.array(pairs).T)] = lengths
        _, came = dijkstra(
            graph, directed=False, indices=np.array([number[start]]), return_predecessors=True
        )
        way = [number[end]]
        while way[-1] != number[start]:
            way.append(int(came[0, way[-1]]))
        legs = [self._leg(nodes[a], nodes[b]) for a, b in pairwise(reversed(way))]
        return smooth_path(np.concatenate(legs), 8)

    def _leg(self, a: Any, b: Any) -> Array:
        return self.links[a, b] if (a, b) in self.links else self.links[b, a][::-1]

    def _link(self, a: Any, b: Any, line: Any) -> None:
        self.links[a, b] = even_path(line)

    def _node(self, arm: str, side: int) -> Array:
        return np.asarray(self.links[(arm, side, "joint"), (arm, side)][0])

    def _footpath(self, a: Any, b: Any, end: Array, bend: tuple[float, float]) -> None:
        """Link of a node of the pavement and a place beside the street, slightly bent."""
        joint = a if isinstance(a, tuple) else b
        other = self._node(joint[0], joint[1])
        t = np.linspace(0, 1, 60)[:, None]
        middle = (other + end) / 2 + np.array(bend) / 2
        line = even_path((1 - t) ** 2 * other + 2 * t * (1 - t) * middle + t**2 * end)
        self._link(a, b, line if joint is a else line[::-1])
        self.footpaths.append(line)

    def _arc(self, start: Array, end: Array) -> Array:
        first, last = np.arctan2(*(start - self.centre)), np.arctan2(*(end - self.centre))
        angles = first + np.linspace(0, (last - first) % (2 * np.pi), 30)
        radii = np.linspace(np.hypot(*(start - self.centre)), np.hypot(*(end - self.centre)), 30)
        return np.asarray(
            self.centre + radii[:, None] * np.stack([np.sin(angles), np.cos(angles)], axis=1)
        )


COMMON_WALKS: tuple[tuple[Any, Any], ...] = (
    (("west", 1), ("north", -1)),
    (("west", -1), ("south", 1)),
    (("west", -1), ("east", 1)),
    (("north", 1), ("east", -1)),
    (("south", -1), ("east", 1)),
    (("west", 1), ("east", -1)),
    (("north", -1), ("south", 1)),
    (("north", 1), ("south", -1)),
    (("south", -1), "door"),
    (("east", 1), "door"),
    (("west", -1), "lot"),
    ("lot", ("south", 1)),
)

RARE_WALKS: tuple[tuple[Any, Any], ...] = (("lot", "door"), ("plaza", ("east", -1)))


def _pedestrian_routes(rng: np.random.Generator, walks: _Walks) -> list[Route]:
    routes = []
    for (a, b), share in zip(COMMON_WALKS, _shares(rng, len(COMMON_WALKS)), strict=True):
        lean = rng.uniform(0.35, 0.65)
        routes.append(_walk(walks, a, b, share * lean, rare=False))
        routes.append(_walk(walks, b, a, share * (1 - lean), rare=False))
    routes.extend(_walk(walks, a, b, 0.0, rare=True) for a, b in RARE_WALKS)
    return routes


def _walk(walks: _Walks, a: Any, b: Any, share: float, *, rare: bool) -> Route:
    path = walks.path(a, b)
    at = path_length(path)
    stops = []
    if np.hypot(*(path - walks.plaza).T).min() < 12:
        stops.append(Stop(_place_near(path, walks.plaza), 0.3, 35.0, sway_px=5.0))
    for corners in (line for link, line in walks.links.items() if _is_crossing(link)):
        near = [np.hypot(*(path - end).T) for end in (corners[0], corners[-1])]
        if max(d.min() for d in near) < 14:
            place = min(at[np.argmin(d)] for d in near) - 8
            stops.append(Stop(float(max(place, 4)), 0.55, 8.0, sway_px=1.5))
    name = f"{_words(a)} to {_words(b)}"
    ordered = tuple(sorted(stops, key=lambda stop: stop.place))
    return Route(name, "pedestrian", (path,), (ordered,), float(share), rare=rare)


def _is_crossing(link: tuple[Any, Any]) -> bool:
    return all(len(n) == 3 and n[2] == "corner" for n in link) and link[0][0] == link[1][0]


def _words(node: Any) -> str:
    return node if isinstance(node, str) else f"{node[0]} {'right' if node[1] > 0 else 'left'}"
