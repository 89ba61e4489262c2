"""Simulated trails: ordinary traffic of a scene, and a few objects that move as nobody else does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd
from annotated_types import Ge, Gt, Le, Lt, Unit
from scipy.spatial import KDTree

from napari_uai.errors import BadValueError
from napari_uai.monitor import SILENT, Monitor
from napari_uai.simulate.paths import smooth_paths
from napari_uai.simulate.scene import (
    HEIGHT,
    OBJECT_CLASSES,
    STEP_PX,
    WIDTH,
    Array,
    ObjectClass,
    Route,
    Stop,
    StreetScene,
    even_path,
    headings,
    path_length,
    smooth_path,
    street_scene,
)
from napari_uai.simulate.settings import check_limits
from napari_uai.trails.table import Scene, Trails

AnomalyKind: TypeAlias = Literal[
    "reversed", "off-route", "loitering", "late turn", "shortcut", "wrong class"
]

ANOMALY_KINDS: tuple[AnomalyKind, ...] = get_args(AnomalyKind)

START = datetime(2024, 6, 12, 8, 0, tzinfo=UTC)
"""When the recording begins."""

TRUTH_COLUMNS = ("trail", "class", "route", "anomaly", "start", "end")


@dataclass(frozen=True)
class TrailSettings:
    """All that simulated trails depend on.

    Parameters
    ----------
    seed
        Seed of everything random, the place included; the same settings give the same trails.
    trails
        Number of trails.
    anomalous_fraction
        Share of trails that are anomalous; all kinds equally often.
    duration_s
        Length of the recording in which all of them begin.
    rates_hz
        Range of the samples per second; each trail has its own.
    jitter_px
        Standard deviation of detected positions about the true ones, sample by sample; half of
        its size wanders slowly besides.
    spread
        How far objects keep from the middle of their lane: 1 is 3 px (bus) to 6 px (pedestrian).
    speed_variation
        Standard deviation of the logarithm of objects' ordinary speeds.
    dwelling
        How many stop where some do: 1 is about a third at crossings and the roundabout.
    lost_fraction
        Share of trails that begin late, and of those that end early.
    gap_fraction
        Share of trails with a gap that the tracker bridged by extrapolation; as many have
        extrapolated samples at their end.
    rare_route_trails
        Range of the trails on each rarely used route, of 1500 trails.
    """

    seed: Annotated[int, Ge(0)] = 0
    trails: Annotated[int, Ge(10)] = 1500
    anomalous_fraction: Annotated[float, Ge(0), Le(0.5)] = 0.02
    duration_s: Annotated[float, Gt(0), Unit("s")] = 3600.0
    rates_hz: tuple[float, float] = (1.5, 5.0)
    jitter_px: Annotated[float, Ge(0), Le(20), Unit("px")] = 0.8
    spread: Annotated[float, Ge(0), Le(3)] = 1.0
    speed_variation: Annotated[float, Ge(0), Le(1)] = 0.18
    dwelling: Annotated[float, Ge(0), Le(1.5)] = 1.0
    lost_fraction: Annotated[float, Ge(0), Lt(1)] = 0.12
    gap_fraction: Annotated[float, Ge(0), Lt(1)] = 0.1
    rare_route_trails: tuple[float, float] = (10.0, 20.0)

    def __post_init__(self) -> None:
        check_limits(self)
        if self.rates_hz[0] < 0.1:
            raise BadValueError(f"rates_hz is {self.rates_hz}: give rates of 0.1 Hz or more")


@dataclass(frozen=True, eq=False)
class SimulatedTrails:
    """Trails and what is true of them.

    Attributes
    ----------
    trails
        As a tracker would give them; ``Scene`` without a picture.
    truth
        A row per trail, in their order: ``trail`` (its name), ``class``, ``route``, ``anomaly``
        (its kind; empty if the trail is ordinary), ``start``, ``end`` (s) of the part that
        departs from what others do (NaN if ordinary).
    extrapolated
        Which samples the tracker did not see; bool, one per sample.
    place
        Streets and routes.
    settings
        What all was made from.
    """

    trails: Trails
    truth: pd.DataFrame
    extrapolated: npt.NDArray[np.bool_]
    place: StreetScene
    settings: TrailSettings


@dataclass(frozen=True)
class Habits:
    """How objects of a class move.

    Parameters
    ----------
    share
        Of all trails.
    speed
        Ordinary speed; px/s.
    spread_px
        Standard deviation of the distance from the middle of the path.
    bend
        Largest sideways acceleration in curves; px/s^2.
    length_px, width_px
        Of the outline.
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
"""Farther than this from all ordinary paths of its class, an object is where none of them goes."""

TRIES = 400


@dataclass(frozen=True, eq=False)
class _Journey:
    """What one object does: its path, where it stops for how long, and what is odd about it."""

    kind: ObjectClass
    route: str
    path: Array
    halts: tuple[tuple[float, float, float], ...] = ()  # place (px), seconds, sway (px)
    speed: float = 1.0
    anomaly: str = ""
    odd: tuple[float, float] | None = None  # stretch of the path (px); None: all of it


def simulate_trails(settings: TrailSettings, *, monitor: Monitor = SILENT) -> SimulatedTrails:
    """Simulate a scene's traffic as a tracker sees it.

    Cars, bicycles, pedestrians and buses follow the routes of a scene in their lanes, at speeds
    that vary from object to object and along the way, slow down in curves, wait at crossings, rest
    on the square, stop at bus stops; some routes are rare. The tracker's positions jitter, its
    rates differ, some trails begin late or end early, some gaps are extrapolated. Anomalous are

    - ``reversed``: a lane is used the other way,
    - ``off-route``: a detour over ground that nobody of the class uses,
    - ``loitering``: at an ordinary place, with ordinary movements, far longer than others,
    - ``late turn``: past the place where others turn, then over to their route, or back,
    - ``shortcut``: straight from one route to another, or cutting off a bend,
    - ``wrong class``: on a route of another class where the own class does not go.

    Parameters
    ----------
    settings
        What to simulate.
    monitor
        Progress and cancelling, once per hundred trails.

    Returns
    -------
    SimulatedTrails
        Trails in the order in which they begin.

    Raises
    ------
    CancelledError
        If the monitor says so.
    """
    rng = np.random.default_rng(settings.seed)
    place = street_scene(rng)
    journeys = _journeys(rng, place, settings)
    starts = np.sort(rng.uniform(0, settings.duration_s, len(journeys))) + START.timestamp()
    tracks = []
    for i, journey in enumerate(journeys):
        if i % 100 == 0:
            monitor.update(i / len(journeys), "objects on their way")
        tracks.append(_track(rng, journey, settings))
    return _collect(rng, place, settings, journeys, tracks, np.round(starts, 3))


def _journeys(
    rng: np.random.Generator, place: StreetScene, settings: TrailSettings
) -> list[_Journey]:
    n_odd = round(settings.trails * settings.anomalous_fraction)
    kinds = [ANOMALY_KINDS[i % len(ANOMALY_KINDS)] for i in range(n_odd)]
    maker = _Oddities(rng, place, settings)
    journeys = [maker.make(kind) for kind in kinds]
    n_ordinary = settings.trails - n_odd
    for kind, n in _class_counts(rng, n_ordinary).items():
        for route in _choose_routes(rng, place, kind, n, settings):
            journeys.append(ordinary_journey(rng, route, settings))
    order = rng.permutation(len(journeys))
    return [journeys[i] for i in order]


def _class_counts(rng: np.random.Generator, n: int) -> dict[ObjectClass, int]:
    shares = np.array([HABITS[kind].share for kind in OBJECT_CLASSES])
    counts = np.floor(shares * n).astype(int)
    counts[0] += n - counts.sum()
    moved = int(rng.integers(0, n // 50 + 1))
    counts[0] -= moved
    counts[2] += moved
    return dict(zip(OBJECT_CLASSES, counts.tolist(), strict=True))


def _choose_routes(
    rng: np.random.Generator, place: StreetScene, kind: str, n: int, settings: TrailSettings
) -> list[Route]:
    """Rare routes have their few trails; the others share the rest by popularity."""
    routes = [route for route in place.routes if route.kind == kind]
    few = [route for route in routes if route.rare]
    usual = [route for route in routes if not route.rare]
    low, high = np.asarray(settings.rare_route_trails) * settings.trails / 1500
    chosen = [r for r in few for _ in range(round(rng.uniform(low, high)))][:n]
    shares = np.array([route.share for route in usual])
    counts = rng.multinomial(n - len(chosen), shares / shares.sum())
    return chosen + [r for r, count in zip(usual, counts, strict=True) for _ in range(count)]


def ordinary_journey(rng: np.random.Generator, route: Route, settings: TrailSettings) -> _Journey:
    """Follow a route, and stop where others stop."""
    which = int(rng.integers(len(route.paths)))
    halts = _halts(rng, route.stops[which], settings)
    return _Journey(route.kind, route.name, route.paths[which], halts)


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


class _Oddities:
    """Makes anomalous journeys; tries again until one is an anomaly that a person would see."""

    def __init__(
        self, rng: np.random.Generator, place: StreetScene, settings: TrailSettings
    ) -> None:
        self.rng, self.settings = rng, settings
        self.routes = {k: [r for r in place.routes if r.kind == k] for k in OBJECT_CLASSES}
        self.ordinary = {kind: KDTree(place.paths_of(kind)) for kind in OBJECT_CLASSES}
        self.all_routes = list(place.routes)

    def make(self, kind: AnomalyKind) -> _Journey:
        """Return an anomalous journey of one kind."""
        makers: dict[str, Callable[[], _Journey | None]] = {
            "reversed": self._reversed,
            "off-route": self._off_route,
            "loitering": self._loitering,
            "late turn": self._late_turn,
            "shortcut": self._shortcut,
            "wrong class": self._wrong_class,
        }
        for _ in range(TRIES):
            journey = makers[kind]()
            if journey is not None:
                return replace(journey, anomaly=kind)
        raise BadValueError(f"this place has no room for the anomaly {kind!r}: choose another seed")

    def _class(self, *kinds: ObjectClass) -> ObjectClass:
        shares = np.array([HABITS[kind].share for kind in kinds])
        return kinds[int(self.rng.choice(len(kinds), p=shares / shares.sum()))]

    def _route(self, kind: ObjectClass) -> tuple[Route, Array]:
        routes = [route for route in self.routes[kind] if not route.rare]
        route = routes[int(self.rng.integers(len(routes)))]
        return route, route.paths[int(self.rng.integers(len(route.paths)))]

    def _apart(self, kind: ObjectClass, path: Array) -> Array:
        return np.asarray(self.ordinary[kind].query(path)[0])

    def _reversed(self) -> _Journey | None:
        kind = self._class("car", "bicycle", "bus")
        route, path = self._route(kind)
        if "car park" in route.name:  # its lanes lie too close for a person to tell
            return None
        return _Journey(kind, route.name, path[::-1], speed=0.8)

    def _off_route(self) -> _Journey | None:
        rng = self.rng
        kind = self._class("car", "bicycle", "pedestrian")
        route, path = self._route(kind)
        at = path_length(path)
        half = rng.uniform(0.1, 0.22) * at[-1]
        middle = rng.uniform(half, at[-1] - half)
        size = rng.uniform(45, 110) * rng.choice([-1, 1])
        bump = size * np.exp(-(((at - middle) / (0.6 * half)) ** 4))
        along = headings(path)
        shifted = path + bump[:, None] * np.stack([along[:, 1], -along[:, 0]], axis=1)
        return self._departing(kind, route.name, smooth_path(shifted, 10))

    def _loitering(self) -> _Journey | None:
        rng = self.rng
        kind = self._class("pedestrian", "bicycle")
        route, path = self._route(kind)
        at = path_length(path)
        place = rng.uniform(0.15, 0.85) * at[-1]
        seconds = rng.uniform(200, 500) if kind == "pedestrian" else rng.uniform(120, 300)
        sway = rng.uniform(14, 30)
        place = float(np.clip(place, 3 * sway, at[-1] - 3 * sway))
        return _Journey(
            kind, route.name, path, ((place, float(seconds), float(sway)),), odd=(place, place)
        )

    def _late_turn(self) -> _Journey | None:
        rng = self.rng
        kind = self._class("car", "bicycle", "pedestrian")
        (first, a), (second, b) = self._route(kind), self._route(kind)
        if kind != "pedestrian" and rng.random() < 0.5:
            return self._turn_back(kind)
        if first is second or np.hypot(*(a[0] - b[0])) > 10:
            return None
        shared = int(np.argmax(KDTree(b).query(a)[0] > 8))
        late = shared + int(rng.uniform(50, 160) / STEP_PX)
        if shared == 0 or late >= len(a) - 20:
            return None
        link = self._link(a, late, b, longest=300.0)
        return None if link is None else self._departing(kind, f"{first.name}, {second.name}", link)

    def _turn_back(self, kind: ObjectClass) -> _Journey | None:
        """Turn round in the middle of a street."""
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
        # Once round with the width of the street as diameter.
        ahead = headings(path)[i] * distance[j] * 0.6
        loop = np.concatenate([path[:i], [path[i] + ahead, back[j] + ahead], back[j:]])
        stretch = path_length(path)[i]
        odd = (float(stretch), float(stretch + 2.2 * distance[j]))
        return _Journey(kind, f"{route.name}, {other.name}", smooth_path(loop, 7), odd=odd)

    def _shortcut(self) -> _Journey | None:
        rng = self.rng
        kind = self._class("car", "bicycle", "pedestrian")
        (first, a), (second, b) = self._route(kind), self._route(kind)
        i = int(rng.uniform(0.15, 0.75) * len(a))
        link = self._link(a, i, b, longest=420.0)
        return None if link is None else self._departing(kind, f"{first.name}, {second.name}", link)

    def _link(self, a: Array, i: int, b: Array, *, longest: float) -> Array | None:
        """Leave a path at a point and go straight to another, without a sharp turn."""
        rng = self.rng
        ahead, there = b - a[i], headings(b)
        length = np.hypot(*ahead.T)
        towards = ahead / np.maximum(length, 1e-9)[:, None]
        good = (length > 90) & (length < longest) & (towards @ headings(a)[i] > 0.35)
        good &= np.einsum("ij,ij->i", towards, there) > 0.35
        good[:15] = good[-15:] = False
        if not good.any():
            return None
        j = int(rng.choice(np.flatnonzero(good)))
        return smooth_path(np.concatenate([a[:i], b[j:]]), 10)

    def _wrong_class(self) -> _Journey | None:
        rng = self.rng
        kind = self._class("car", "bicycle", "pedestrian")
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
        path: Array,
        *,
        speed: float = 0.9,
        apart: float = APART_PX,
    ) -> _Journey | None:
        """Accept a path that leads, over a good stretch, where the class does not go."""
        inside = np.all((path > 2) & (path < (HEIGHT - 3, WIDTH - 3)), axis=1)
        far = self._apart(kind, path) > apart
        if far.sum() * STEP_PX < 60 or not inside[5:-5].all():
            return None
        at = path_length(path)
        # The object has left its way somewhat before it is that far from all others.
        near = np.flatnonzero(self._apart(kind, path) > apart / 3)
        first, last = np.flatnonzero(far)[[0, -1]]
        start = at[near[near <= first][0]] if len(near) else at[first]
        return _Journey(
            kind, route, path, speed=speed, odd=(float(max(start, at[first] - 60)), float(at[last]))
        )


@dataclass(frozen=True, eq=False)
class _Track:
    """Samples of one object, times from its first sample."""

    time: Array
    points: Array
    extrapolated: npt.NDArray[np.bool_]
    heading: float
    odd: tuple[float, float] | None


def _track(rng: np.random.Generator, journey: _Journey, settings: TrailSettings) -> _Track:
    habits = HABITS[journey.kind]
    path = journey.path
    at = path_length(path)
    reached, sway_at = _timetable(rng, journey, settings)
    rate = rng.uniform(*settings.rates_hz)
    time = np.arange(0, reached[1][-1], 1 / rate)
    if len(time) < 4:
        time = np.linspace(0, reached[1][-1], 4)
    place = np.interp(time, reached[1], reached[0])
    for start, seconds, sway in sway_at:
        place += _sway(rng, time, start, seconds, sway)
    place = np.clip(place, 0, at[-1])
    middle = np.stack([np.interp(place, at, path[:, 0]), np.interp(place, at, path[:, 1])], axis=1)
    along = headings(path)
    right = np.stack(
        [np.interp(place, at, along[:, 1]), np.interp(place, at, -along[:, 0])], axis=1
    )
    points = middle + right * _keeping(rng, at, place, habits.spread_px * settings.spread)[:, None]
    points += _jitter(rng, len(points), settings.jitter_px, rate)
    odd = _odd_time(journey, reached, sway_at, time)
    heading = float(np.arctan2(-right[-1, 1], right[-1, 0]))
    return _lose(rng, _Track(time, points, np.zeros(len(time), bool), heading, odd), settings)


def _timetable(
    rng: np.random.Generator, journey: _Journey, settings: TrailSettings
) -> tuple[tuple[Array, Array], list[tuple[float, float, float]]]:
    """When each place on the path is reached; when it stands for how long, and how far it sways."""
    habits, at = HABITS[journey.kind], path_length(journey.path)
    own = habits.speed * journey.speed * rng.lognormal(0, settings.speed_variation)
    unrest = smooth_paths(rng, len(at), 1, 40.0)[:, 0]
    speed = own * np.exp(0.5 * settings.speed_variation * unrest)
    if np.isfinite(habits.bend):
        turn = np.gradient(np.unwrap(np.arctan2(*headings(journey.path).T)))
        bend = np.abs(np.convolve(turn, np.ones(9) / 9, mode="same")) / STEP_PX
        speed = np.minimum(speed, np.sqrt(habits.bend / np.maximum(bend, 1e-6)))
    for place, _, _ in journey.halts:
        near = np.sqrt(np.abs(at - place) / (0.5 * habits.speed))
        speed = np.minimum(speed, own * np.clip(near, 0.15, None))
    when = np.concatenate([[0.0], np.cumsum(np.diff(at) * 2 / (speed[1:] + speed[:-1]))])
    places, sways = at, []
    for place, seconds, sway in sorted(journey.halts):
        place = min(place, float(at[-1]))
        start = float(np.interp(place, places, when))
        after = places > place
        when = np.concatenate([when[~after], [start, start + seconds], when[after] + seconds])
        places = np.concatenate([places[~after], [place, place], places[after]])
        sways.append((start, seconds, sway))
    return (places, when), sways


def _sway(
    rng: np.random.Generator, time: Array, start: float, seconds: float, sway_px: float
) -> Array:
    """Wander about while standing: along the path, slowly, from and back to the place."""
    fine = np.arange(0, seconds + 1, 0.5)
    wander = sway_px * smooth_paths(rng, len(fine), 1, 8.0)[:, 0]
    wander *= np.clip(np.minimum(fine, seconds - fine) / 4, 0, 1)
    return np.interp(time - start, fine, wander, left=0.0, right=0.0)


def _keeping(rng: np.random.Generator, at: Array, place: Array, spread_px: float) -> Array:
    """How far right of the path the object keeps: its own habit, and some weaving."""
    weave = smooth_paths(rng, len(at), 1, 50.0)[:, 0]
    offset = spread_px * (0.75 * rng.standard_normal() + 0.65 * weave)
    return np.interp(place, at, np.clip(offset, -2.5 * spread_px, 2.5 * spread_px))


def _jitter(rng: np.random.Generator, n: int, jitter_px: float, rate: float) -> Array:
    slow = smooth_paths(rng, n, 2, 1.5 * rate)
    return np.asarray(jitter_px * (rng.standard_normal((n, 2)) + 0.5 * slow))


def _odd_time(
    journey: _Journey,
    reached: tuple[Array, Array],
    sways: list[tuple[float, float, float]],
    time: Array,
) -> tuple[float, float] | None:
    if not journey.anomaly:
        return None
    if journey.anomaly == "loitering":
        start, seconds, _ = sways[0]
        return start, start + seconds
    if journey.odd is None:
        return 0.0, float(time[-1])
    start, end = np.interp(journey.odd, *reached)
    return float(start), float(end)


def _lose(rng: np.random.Generator, track: _Track, settings: TrailSettings) -> _Track:
    """Begin late, end early, bridge gaps by extrapolation; the odd part stays."""
    n = len(track.time)
    first, last = 0, n
    if rng.random() < settings.lost_fraction:
        first = int(rng.uniform(0.05, 0.5) * n)
    if rng.random() < settings.lost_fraction:
        last = n - int(rng.uniform(0.05, 0.4) * n)
    if track.odd is not None:
        first = min(first, int(np.searchsorted(track.time, track.odd[0])) - 2)
        last = max(last, int(np.searchsorted(track.time, track.odd[1])) + 2)
    first, last = max(min(first, n - 4), 0), min(max(last, first + 4), n)
    points, unseen = track.points[first:last].copy(), np.zeros(last - first, bool)
    n = last - first
    if rng.random() < settings.gap_fraction and n > 12:
        gap = int(rng.integers(3, max(4, min(n // 4, 15))))
        _extrapolate(points, unseen, int(rng.integers(4, n - gap)), gap)
    if rng.random() < settings.gap_fraction and n > 12:
        _extrapolate(points, unseen, n - 3, 3)
    time = track.time[first:last]
    odd = None
    if track.odd is not None:
        odd = (max(track.odd[0], time[0]) - time[0], min(track.odd[1], time[-1]) - time[0])
    return _Track(time - time[0], points, unseen, track.heading, odd)


def _extrapolate(points: Array, unseen: npt.NDArray[np.bool_], start: int, n: int) -> None:
    velocity = (points[start - 1] - points[start - 4]) / 3
    points[start : start + n] = points[start - 1] + np.arange(1, n + 1)[:, None] * velocity
    unseen[start : start + n] = True


def _collect(
    rng: np.random.Generator,
    place: StreetScene,
    settings: TrailSettings,
    journeys: list[_Journey],
    tracks: list[_Track],
    starts: Array,
) -> SimulatedTrails:
    counts = np.array([len(track.time) for track in tracks])
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    points = np.concatenate([track.points for track in tracks])
    points = np.clip(points, 0, (HEIGHT - 1, WIDTH - 1)).astype(np.float32)
    time = np.concatenate([t.time + start for t, start in zip(tracks, starts, strict=True)])
    names = _names(starts)
    kinds = [journey.kind for journey in journeys]
    table = pd.DataFrame(
        {
            "trail": names,
            "class": kinds,
            "start": starts,
            "end": time[offsets[1:] - 1],
            "n_samples": counts,
        }
    )
    odd = [(np.nan, np.nan) if t.odd is None else t.odd for t in tracks]
    truth = pd.DataFrame(
        {
            "trail": names,
            "class": kinds,
            "route": [journey.route for journey in journeys],
            "anomaly": [journey.anomaly for journey in journeys],
            "start": starts + [start for start, _ in odd],
            "end": starts + [end for _, end in odd],
        }
    )
    y, x = np.ascontiguousarray(points.T)
    trails = Trails(offsets, y, x, time, table, Scene(WIDTH, HEIGHT))
    extrapolated = np.concatenate([track.extrapolated for track in tracks])
    return SimulatedTrails(trails, truth, extrapolated, place, settings)


def _names(starts: Array) -> list[str]:
    """Name trails as trackers do: year, day of the year, hour, minute and a running number."""
    stamps = [datetime.fromtimestamp(start, UTC).strftime("%Y%j%H%M") for start in starts]
    number: dict[str, int] = {}
    names = []
    for stamp in stamps:
        number[stamp] = number.get(stamp, 0) + 1
        names.append(f"{stamp}{number[stamp]:03d}")
    return names
