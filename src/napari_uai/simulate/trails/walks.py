"""Footpaths of a simulated scene."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from scipy.sparse.csgraph import dijkstra

from napari_uai.simulate.trails.curves import STEP_PX, even_path, path_length, right_of, smooth_path
from napari_uai.simulate.trails.routes import (
    ARMS,
    CROSSING_RADIUS,
    PAVEMENT_OFFSET,
    Route,
    Stop,
    place_near,
    points_in_view,
    route_shares,
)
from napari_uai.typing import Floats


class Walks:
    """The network of pavements, crossings and footpaths; routes are shortest paths through it."""

    def __init__(
        self,
        centre: Floats,
        streets: tuple[Floats, ...],
        plaza: Floats,
        door: Floats,
        access: Floats,
    ) -> None:
        self.centre, self.plaza = centre, plaza
        self.links: dict[tuple[Any, Any], Floats] = {}
        self.footpaths: list[Floats] = []
        corners = {}
        walk = right_of(access[::-1], 24)[::-1][int(PAVEMENT_OFFSET / STEP_PX) :]
        joints = {("west", 1): 0.62, ("north", -1): 0.5}
        joints |= {("south", 1): 0.6, ("east", 1): 0.55, ("south", -1): 0.55}
        for arm, street in zip(ARMS, streets, strict=True):
            outer = street[np.hypot(*(street - centre).T) > CROSSING_RADIUS]
            for side in (-1, 1):
                line = points_in_view(right_of(outer, side * PAVEMENT_OFFSET))
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

    def path(self, start: Any, end: Any) -> Floats:
        """Return the shortest path between two nodes, smoothed."""
        nodes = sorted({node for link in self.links for node in link}, key=str)
        number = {node: i for i, node in enumerate(nodes)}
        pairs = [(number[a], number[b]) for a, b in self.links]
        lengths = [float(path_length(line)[-1]) for line in self.links.values()]
        graph = np.zeros((len(nodes), len(nodes)))
        graph[tuple(np.array(pairs).T)] = lengths
        _, previous = dijkstra(
            graph, directed=False, indices=np.array([number[start]]), return_predecessors=True
        )
        stations = [number[end]]
        while stations[-1] != number[start]:
            stations.append(int(previous[0, stations[-1]]))
        legs = [self._leg(nodes[a], nodes[b]) for a, b in pairwise(reversed(stations))]
        return smooth_path(np.concatenate(legs), 8)

    def _leg(self, a: Any, b: Any) -> Floats:
        return self.links[a, b] if (a, b) in self.links else self.links[b, a][::-1]

    def _link(self, a: Any, b: Any, line: Any) -> None:
        self.links[a, b] = even_path(line)

    def _node(self, arm: str, side: int) -> Floats:
        return np.asarray(self.links[(arm, side, "joint"), (arm, side)][0])

    def _footpath(self, a: Any, b: Any, end: Floats, bend: tuple[float, float]) -> None:
        """Link a node of the pavement to a place beside the street by a slightly bent path."""
        joint = a if isinstance(a, tuple) else b
        other = self._node(joint[0], joint[1])
        t = np.linspace(0, 1, 60)[:, None]
        middle = (other + end) / 2 + np.array(bend) / 2
        line = even_path((1 - t) ** 2 * other + 2 * t * (1 - t) * middle + t**2 * end)
        self._link(a, b, line if joint is a else line[::-1])
        self.footpaths.append(line)

    def _arc(self, start: Floats, end: Floats) -> Floats:
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


def pedestrian_routes(rng: np.random.Generator, walks: Walks) -> list[Route]:
    """Return the routes of pedestrians: common walks in both directions, and rare walks."""
    routes = []
    for (a, b), share in zip(COMMON_WALKS, route_shares(rng, len(COMMON_WALKS)), strict=True):
        lean = rng.uniform(0.35, 0.65)
        routes.append(_walk(walks, a, b, share * lean, rare=False))
        routes.append(_walk(walks, b, a, share * (1 - lean), rare=False))
    routes.extend(_walk(walks, a, b, 0.0, rare=True) for a, b in RARE_WALKS)
    return routes


def _walk(walks: Walks, a: Any, b: Any, share: float, *, rare: bool) -> Route:
    path = walks.path(a, b)
    at = path_length(path)
    stops = []
    if np.hypot(*(path - walks.plaza).T).min() < 12:
        stops.append(Stop(place_near(path, walks.plaza), 0.3, 35.0, sway_px=5.0))
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
