"""Anomalies on ordinary routes: kinks, hops, turns, faults of a tracker; rare routes of several.

Their places are ordinary; what is anomalous is the shape of the path, or how few go there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal, TypeAlias, get_args

import numpy as np
from scipy.spatial import KDTree

from napari_uai.errors import BadValueError
from napari_uai.simulate.settings import TrailSettings
from napari_uai.simulate.trails.curves import (
    STEP_PX,
    even_path,
    headings,
    path_length,
    right_of,
    smooth_path,
)
from napari_uai.simulate.trails.lanes import scale_at
from napari_uai.simulate.trails.routes import HEIGHT, WIDTH, Route
from napari_uai.simulate.trails.scene import StreetScene
from napari_uai.simulate.trails.traffic import APART_PX, TRIES, Journey
from napari_uai.typing import Floats

MovementKind: TypeAlias = Literal["kink", "back and forth", "hop", "turn round", "jump"]
MOVEMENT_KINDS: tuple[MovementKind, ...] = get_args(MovementKind)

RARE_ROUTE = "rare route"
"""Kind of anomaly of the trails on rare routes."""

_Maker: TypeAlias = Callable[[Route, Floats], Journey | None]


class Movements:
    """Generator of journeys on ordinary routes whose movements are anomalous."""

    def __init__(
        self, rng: np.random.Generator, place: StreetScene, settings: TrailSettings
    ) -> None:
        self.rng, self.settings = rng, settings
        self.routes = [r for r in place.routes if not r.rare and r.kind != "bus"]
        self.trees: dict[str, KDTree] = {}
        self.place = place

    def make(self, anomaly: MovementKind) -> Journey:
        """Return a journey with a given kind of anomaly."""
        makers: dict[str, tuple[_Maker, ...]] = {
            "kink": (self._kink,),
            "back and forth": (self._back_and_forth,),
            "hop": (self._hop, self._step_aside),
            "turn round": (self._turn_round,),
            "jump": (self._jump,),
        }
        return replace(self._first(makers[anomaly]), anomaly=anomaly)

    def rare_route(self) -> list[Journey]:
        """Return journeys of several objects on a route that no other object takes."""
        found = self._first((self._crossing_over,))
        members = self.settings.rare_route_members
        return [replace(found, anomaly=RARE_ROUTE) for _ in range(members)]

    def _first(self, makers: tuple[_Maker, ...]) -> Journey:
        """Return a journey of the first way to make one that is possible in this scene."""
        for maker in makers:
            for _ in range(5 * TRIES):
                journey = maker(*self._route())
                if journey is not None:
                    return journey
        raise BadValueError("an anomaly is impossible in this scene; choose another seed")

    def _route(self, kind: str | None = None) -> tuple[Route, Floats]:
        routes = [route for route in self.routes if kind in (None, route.kind)]
        route = routes[int(self.rng.integers(len(routes)))]
        return route, route.paths[int(self.rng.integers(len(route.paths)))]

    def _point(self, path: Floats) -> tuple[int, float]:
        """Return a point in the middle of a path, and the size of things there."""
        i = int(self.rng.uniform(0.2, 0.8) * len(path))
        return i, self._scale(path[i : i + 1])[0]

    def _scale(self, points: Floats) -> Floats:
        lanes = self.settings.scene == "lanes"
        return scale_at(points, self.settings.perspective if lanes else 1.0)

    def _kink(self, route: Route, path: Floats) -> Journey | None:
        """Return a journey that moves to the side and back within a few steps."""
        rng, (i, scale) = self.rng, self._point(path)
        at = path_length(path)
        size = rng.uniform(14, 36) * scale * rng.choice([-1, 1])
        half = rng.uniform(6, 16) * scale
        bump = size * np.exp(-(((at - at[i]) / half) ** 4))
        odd = (float(at[i] - 2 * half), float(at[i] + 2 * half + abs(size)))
        return Journey(route.kind, route.name, even_path(right_of(path, bump)), odd=odd)

    def _back_and_forth(self, route: Route, path: Floats) -> Journey | None:
        """Return a journey that goes back some way and then on, once or twice."""
        rng, (i, scale) = self.rng, self._point(path)
        back = int(rng.uniform(24, 70) * scale / STEP_PX)
        if i <= back + 10:
            return None
        beside = right_of(path, float(rng.uniform(-6, 6) * scale))
        legs = [path[:i]]
        for _ in range(int(rng.integers(1, 3))):
            legs += [beside[i : i - back : -1], path[i - back : i]]
        whole = smooth_path(np.concatenate([*legs, path[i:]]), 3)
        odd = (2.0 * i - 2.0, 2.0 * i + STEP_PX * back * (len(legs) - 1))
        return Journey(route.kind, route.name, whole, odd=odd)

    def _hop(self, route: Route, path: Floats) -> Journey | None:
        """Return a journey that continues on a neighbouring lane within a few steps."""
        rng, (i, scale) = self.rng, self._point(path)
        other, beside = self._route(route.kind)
        distance = np.hypot(*(beside - path[i]).T)
        j = int(np.argmin(distance))
        if other is route or not 12 * scale < distance[j] < 45 * scale:
            return None
        j += int(rng.uniform(0.2, 0.6) * distance[j] / STEP_PX)
        if j >= len(beside) - 20 or headings(path)[i] @ headings(beside)[j] < 0.8:
            return None
        whole = smooth_path(np.concatenate([path[:i], beside[j:]]), 4)
        odd = (STEP_PX * i - 10.0, STEP_PX * i + float(distance[j]) + 20.0)
        return Journey(route.kind, f"{route.name}, {other.name}", whole, odd=odd)

    def _step_aside(self, route: Route, path: Floats) -> Journey | None:
        """Return a journey that hops to the side that has no neighbouring lane."""
        rng, (i, scale) = self.rng, self._point(path)
        beside = right_of(path, float(rng.uniform(16, 30) * scale * rng.choice([-1, 1])))
        j = i + int(0.4 * rng.uniform(16, 30) * scale / STEP_PX)
        whole = smooth_path(np.concatenate([path[:i], beside[j:]]), 4)
        odd = (STEP_PX * i - 10.0, STEP_PX * i + 50.0 * scale)
        return Journey(route.kind, route.name, whole, odd=odd)

    def _turn_round(self, route: Route, path: Floats) -> Journey | None:
        """Return a journey that turns in its lane and goes back to where it came from."""
        rng, (i, scale) = self.rng, self._point(path)
        beside = right_of(path[: i - 4], -float(rng.uniform(4, 14) * scale))
        whole = smooth_path(np.concatenate([path[:i], beside[::-1]]), 4)
        return Journey(route.kind, route.name, whole, odd=(STEP_PX * i - 8.0, 2 * STEP_PX * i))

    def _jump(self, route: Route, path: Floats) -> Journey | None:
        """Return the path of two objects that the tracker took for one."""
        i, scale = self._point(path)
        other, second = self._route(route.kind)
        j, _ = self._point(second)
        distance = float(np.hypot(*(second[j] - path[i])))
        if distance < 60 * scale:
            return None
        whole = np.concatenate([path[: i + 1], second[j:]])
        odd = (STEP_PX * i - 4.0, STEP_PX * i + distance + 4.0)
        return Journey(route.kind, f"{route.name}, {other.name}", whole, odd=odd, jump=i)

    def _crossing_over(self, route: Route, path: Floats) -> Journey | None:
        """Return a journey that leaves one route for another where nobody else does."""
        rng, (i, _) = self.rng, self._point(path)
        other, second = self._route(route.kind)
        ahead, onward = second - path[i], headings(second)
        length = np.hypot(*ahead.T)
        towards = ahead / np.maximum(length, 1e-9)[:, None]
        good = (length > 90) & (length < 600) & (towards @ headings(path)[i] > 0.35)
        good &= np.einsum("ij,ij->i", towards, onward) > 0.35
        if not good.any():
            return None
        j = int(rng.choice(np.flatnonzero(good)))
        whole = smooth_path(np.concatenate([path[:i], second[j:]]), 12)
        far = np.flatnonzero(self._apart(route.kind, whole) > APART_PX)
        inside = np.all((whole > 2) & (whole < (HEIGHT - 3, WIDTH - 3)), axis=1)
        if len(far) * STEP_PX < 60 or not inside[5:-5].all():
            return None
        at = path_length(whole)
        odd = (float(max(at[far[0]] - 40, 0)), float(at[far[-1]] + 20))
        return Journey(route.kind, f"{route.name}, {other.name}", whole, odd=odd)

    def _apart(self, kind: str, path: Floats) -> Floats:
        if kind not in self.trees:
            self.trees[kind] = KDTree(self.place.paths_of(kind))
        return np.asarray(self.trees[kind].query(path)[0])
