"""Journeys of simulated objects: ordinary ones, and anomalies that an observer would notice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
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
from napari_uai.simulate.trails.routes import (
    HEIGHT,
    OBJECT_CLASSES,
    WIDTH,
    ObjectClass,
    Route,
    Stop,
)
from napari_uai.simulate.trails.scene import StreetScene
from napari_uai.typing import Floats

AnomalyKind: TypeAlias = Literal[
    "reversed", "off-route", "loitering", "late turn", "shortcut", "wrong class"
]
ANOMALY_KINDS: tuple[AnomalyKind, ...] = get_args(AnomalyKind)


@dataclass(frozen=True)
class Habits:
    """How objects of a class move.

    Parameters
    ----------
    share
        Fraction of all trails.
    speed
        Ordinary speed, in px/s.
    spread_px
        Standard deviation of the distance from the middle of the path, in px.
    bend
        Maximum lateral acceleration in curves, in px/s^2.
    length_px, width_px
        Size of the outline, in px.
    """

    share: float
    speed: float
    spread_px: float
    bend: float
    length_px: float
    width_px: float


HABITS: dict[ObjectClass, Habits] = {
    "car": Habits(0.47, 92.0, 3.6, 32.0, 44.0, 18.0),
    "bicycle": Habits(0.14, 46.0, 4.0, 22.0, 18.0, 7.0),
    "pedestrian": Habits(0.35, 14.0, 5.5, np.inf, 8.0, 8.0),
    "bus": Habits(0.04, 72.0, 2.8, 22.0, 108.0, 25.0),
}

APART_PX = 24.0
"""Distance from all ordinary paths of its class beyond which an object is off its routes."""

TRIES = 400
"""Number of attempts at one variety of an anomaly before another is tried."""


@dataclass(frozen=True, eq=False)
class Journey:
    """Journey of one object: its path, its stops, and its anomaly if there is one."""

    kind: ObjectClass
    route: str
    path: Floats
    halts: tuple[tuple[float, float, float], ...] = ()  # place (px), seconds, sway (px)
    speed: float = 1.0
    anomaly: str = ""
    odd: tuple[float, float] | None = None  # anomalous stretch (px); None for the whole path
    jump: int | None = None  # point after which the tracker continues with another object


def ordinary_journey(rng: np.random.Generator, route: Route, settings: TrailSettings) -> Journey:
    """Return a journey along a route, with ordinary stops and occasional deviations."""
    which = int(rng.integers(len(route.paths)))
    path, halts = route.paths[which], _halts(rng, route.stops[which], settings)
    swerves = rng.random() < 0.08 * settings.whims
    if swerves:
        path = _swerve(rng, path, float(rng.uniform(6, 14) * rng.choice([-1, 1])))
    if rng.random() < 0.04 * settings.whims:
        place = rng.uniform(0.1, 0.9)
        if route.kind != "pedestrian" and not swerves:
            path = _swerve(rng, path, float(rng.uniform(3, 10)), place)
        at = place * path_length(path)[-1]
        seconds = 15 * rng.lognormal(0, 0.6)
        halts = tuple(sorted([*halts, (float(at), float(min(seconds, 75)), 1.0)]))
    # Where turning round is an anomaly, or all take well-travelled paths, no ordinary pedestrian
    # does.
    turns = settings.anomalies != "movements" and not settings.least_route_trails
    turns &= route.kind == "pedestrian"
    if turns and rng.random() < 0.01 * settings.whims:
        turn = int(rng.uniform(0.3, 0.9) * len(path))
        path = np.concatenate([path[:turn], path[turn - 2 :: -1]])
    return Journey(route.kind, route.name, path, halts)


def _swerve(
    rng: np.random.Generator, path: Floats, size_px: float, place: float | None = None
) -> Floats:
    """Avoid an obstacle on its right; negative sizes avoid it on its left."""
    at = path_length(path)
    middle = at[-1] * (rng.uniform(0.1, 0.9) if place is None else place)
    bump = size_px * np.exp(-(((at - middle) / rng.uniform(25, 60)) ** 4))
    return even_path(right_of(path, bump))


def _halts(
    rng: np.random.Generator, stops: tuple[Stop, ...], settings: TrailSettings
) -> tuple[tuple[float, float, float], ...]:
    chosen = [stop for stop in stops if rng.random() < stop.share * settings.dwelling]
    return tuple(
        (
            max(stop.place + rng.normal(0, 4), 0.0),
            min(stop.seconds * rng.lognormal(0, 0.6), 4 * stop.seconds),
            stop.sway_px,
        )
        for stop in chosen
    )


class Oddities:
    """Generator of anomalous journeys, which repeats until an observer would notice the anomaly."""

    def __init__(
        self, rng: np.random.Generator, place: StreetScene, settings: TrailSettings
    ) -> None:
        self.rng, self.settings = rng, settings
        self.routes = {k: [r for r in place.routes if r.kind == k] for k in OBJECT_CLASSES}
        self.ordinary = {kind: KDTree(place.paths_of(kind)) for kind in OBJECT_CLASSES}
        self.all_routes = list(place.routes)

    def make(self, anomaly: AnomalyKind) -> Journey:
        """Return an anomalous journey of a given kind."""
        makers: dict[str, tuple[Callable[[ObjectClass], Journey | None], ...]] = {
            "reversed": (self._reversed,),
            "off-route": (self._off_route,),
            "loitering": (self._loitering,),
            "late turn": (self._late_turn, self._turn_back),
            "shortcut": (self._shortcut,),
            "wrong class": (self._wrong_class,),
        }
        # Class and variety are drawn once, so that easy ones are not more frequent.
        for _ in range(10):
            variety = makers[anomaly][int(self.rng.integers(len(makers[anomaly])))]
            kind = self._class(self._classes(anomaly, variety == self._turn_back))
            for _ in range(TRIES):
                journey = variety(kind)
                if journey is not None:
                    return replace(journey, anomaly=anomaly)
        raise BadValueError(f"anomaly {anomaly!r} is impossible in this scene; choose another seed")

    @staticmethod
    def _classes(anomaly: AnomalyKind, turns_back: bool) -> tuple[ObjectClass, ...]:
        if anomaly == "reversed":
            return ("car", "bicycle", "bus")
        if anomaly == "loitering":
            return ("pedestrian", "bicycle")
        return ("car", "bicycle") if turns_back else ("car", "bicycle", "pedestrian")

    def _class(self, kinds: tuple[ObjectClass, ...]) -> ObjectClass:
        shares = np.array([HABITS[kind].share for kind in kinds])
        return kinds[int(self.rng.choice(len(kinds), p=shares / shares.sum()))]

    def _route(self, kind: ObjectClass) -> tuple[Route, Floats]:
        routes = [route for route in self.routes[kind] if not route.rare]
        route = routes[int(self.rng.integers(len(routes)))]
        return route, route.paths[int(self.rng.integers(len(route.paths)))]

    def _apart(self, kind: ObjectClass, path: Floats) -> Floats:
        return np.asarray(self.ordinary[kind].query(path)[0])

    def _reversed(self, kind: ObjectClass) -> Journey | None:
        route, path = self._route(kind)
        if "car park" in route.name:  # its lanes are too close together to be distinguished
            return None
        return Journey(kind, route.name, path[::-1], speed=0.8)

    def _off_route(self, kind: ObjectClass) -> Journey | None:
        rng = self.rng
        route, path = self._route(kind)
        at = path_length(path)
        size = rng.uniform(45, 110) * rng.choice([-1, 1])
        half = max(rng.uniform(0.1, 0.22) * at[-1], 1.2 * abs(size))
        middle = rng.uniform(half, max(at[-1] - half, half))
        bump = size * np.exp(-(((at - middle) / (0.6 * half)) ** 4))
        return self._departing(kind, route.name, smooth_path(right_of(path, bump), 10))

    def _loitering(self, kind: ObjectClass) -> Journey | None:
        rng = self.rng
        route, path = self._route(kind)
        at = path_length(path)
        place = rng.uniform(0.15, 0.85) * at[-1]
        seconds = rng.uniform(200, 500) if kind == "pedestrian" else rng.uniform(120, 300)
        sway = rng.uniform(14, 30)
        place = float(np.clip(place, 3 * sway, at[-1] - 3 * sway))
        return Journey(
            kind, route.name, path, ((place, float(seconds), float(sway)),), odd=(place, place)
        )

    def _late_turn(self, kind: ObjectClass) -> Journey | None:
        rng = self.rng
        (first, a), (second, b) = self._route(kind), self._route(kind)
        if first is second or np.hypot(*(a[0] - b[0])) > 10:
            return None
        shared = int(np.argmax(KDTree(b).query(a)[0] > 8))
        late = shared + int(rng.uniform(50, 160) / STEP_PX)
        if shared == 0 or late >= len(a) - 20:
            return None
        link = self._link(a, late, b, longest=300.0)
        return None if link is None else self._departing(kind, f"{first.name}, {second.name}", link)

    def _turn_back(self, kind: ObjectClass) -> Journey | None:
        """Return a journey that turns around in the middle of a street."""
        rng = self.rng
        route, path = self._route(kind)
        other, back = self._route(kind)
        at = path_length(path)
        i = int(np.searchsorted(at, rng.uniform(0.1, 0.9) * at[-1]))
        distance = np.hypot(*(back - path[i]).T)
        j = int(np.argmin(distance))
        opposite = headings(path)[i] @ headings(back)[j] < -0.9
        room = 20 <= i < len(path) - 20 and 20 <= j < len(back) - 20
        if not (opposite and room and 20 < distance[j] < 70):
            return None
        # A U-turn with the width of the street as diameter.
        ahead = headings(path)[i] * distance[j] * 0.6
        loop = np.concatenate([path[:i], [path[i] + ahead, back[j] + ahead], back[j:]])
        stretch = path_length(path)[i]
        odd = (float(stretch), float(stretch + 2.2 * distance[j]))
        return Journey(kind, f"{route.name}, {other.name}", smooth_path(loop, 7), odd=odd)

    def _shortcut(self, kind: ObjectClass) -> Journey | None:
        rng = self.rng
        (first, a), (second, b) = self._route(kind), self._route(kind)
        i = int(rng.uniform(0.15, 0.75) * len(a))
        link = self._link(a, i, b, longest=420.0)
        return None if link is None else self._departing(kind, f"{first.name}, {second.name}", link)

    def _link(self, a: Floats, i: int, b: Floats, *, longest: float) -> Floats | None:
        """Return a path that leaves another at a point, straight to a third, without sharp turn."""
        rng = self.rng
        ahead, onward = b - a[i], headings(b)
        length = np.hypot(*ahead.T)
        towards = ahead / np.maximum(length, 1e-9)[:, None]
        good = (length > 90) & (length < longest) & (towards @ headings(a)[i] > 0.35)
        good &= np.einsum("ij,ij->i", towards, onward) > 0.35
        good[:15] = good[-15:] = False
        if not good.any():
            return None
        j = int(rng.choice(np.flatnonzero(good)))
        return smooth_path(np.concatenate([a[:i], b[j:]]), 10)

    def _wrong_class(self, kind: ObjectClass) -> Journey | None:
        rng = self.rng
        route = self.all_routes[int(rng.integers(len(self.all_routes)))]
        path = route.paths[int(rng.integers(len(route.paths)))]
        if route.kind == kind or (self._apart(kind, path) > 20).mean() < 0.3:
            return None
        own, others = HABITS[kind].speed, HABITS[route.kind].speed
        speed = min(1.0, np.sqrt(others / own))
        return self._departing(kind, route.name, path, speed=float(speed), apart=20.0)

    def _departing(
        self,
        kind: ObjectClass,
        route: str,
        path: Floats,
        *,
        speed: float = 0.9,
        apart: float = APART_PX,
    ) -> Journey | None:
        """Return a journey if a long stretch of its path is off the routes of the class."""
        inside = np.all((path > 2) & (path < (HEIGHT - 3, WIDTH - 3)), axis=1)
        far = self._apart(kind, path) > apart
        if far.sum() * STEP_PX < 60 or not inside[5:-5].all():
            return None
        at = path_length(path)
        # The anomaly starts somewhat before the object is that far from all routes.
        near = np.flatnonzero(self._apart(kind, path) > apart / 3)
        first, last = np.flatnonzero(far)[[0, -1]]
        start = at[near[near <= first][0]] if len(near) else at[first]
        return Journey(
            kind, route, path, speed=speed, odd=(float(max(start, at[first] - 60)), float(at[last]))
        )
