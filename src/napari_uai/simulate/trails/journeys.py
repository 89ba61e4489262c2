"""Journeys of all objects of a simulated scene: ordinary ones, and anomalies."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from napari_uai.errors import BadValueError
from napari_uai.simulate.settings import TrailSettings
from napari_uai.simulate.trails.movements import MOVEMENT_KINDS, Movements
from napari_uai.simulate.trails.routes import OBJECT_CLASSES, ObjectClass, Route
from napari_uai.simulate.trails.scene import StreetScene
from napari_uai.simulate.trails.traffic import (
    ANOMALY_KINDS,
    HABITS,
    Journey,
    Oddities,
    ordinary_journey,
)


def journeys_of(
    rng: np.random.Generator, place: StreetScene, settings: TrailSettings
) -> list[Journey]:
    """Return the journeys of all objects, in random order.

    Parameters
    ----------
    rng
        Random number generator.
    place
        Streets and routes.
    settings
        Numbers of trails, anomalies and stops.

    Returns
    -------
    list of Journey
        One per trail; all kinds of anomalies are equally frequent.

    Raises
    ------
    BadValueError
        If a kind of anomaly is impossible in this scene, or no path has enough trails.
    """
    if settings.least_route_trails:
        place = replace(place, routes=_well_travelled(place.routes, settings))
    journeys = _anomalous(rng, place, settings)
    n_ordinary = settings.trails - len(journeys)
    for kind, n in _class_counts(rng, n_ordinary, settings).items():
        routes = _choose_routes(rng, place, kind, n, settings)
        journeys.extend(ordinary_journey(rng, route, settings) for route in routes)
    order = rng.permutation(len(journeys))
    return [journeys[i] for i in order]


def _anomalous(
    rng: np.random.Generator, place: StreetScene, settings: TrailSettings
) -> list[Journey]:
    n = round(settings.trails * settings.anomalous_fraction)
    if settings.anomalies == "traffic":
        traffic = Oddities(rng, place, settings)
        return [traffic.make(ANOMALY_KINDS[i % len(ANOMALY_KINDS)]) for i in range(n)]
    movements = Movements(rng, place, settings)
    if settings.anomalies == "movements":
        return [movements.make(MOVEMENT_KINDS[i % len(MOVEMENT_KINDS)]) for i in range(n)]
    routes = range(round(n / settings.rare_route_members))
    return [journey for _ in routes for journey in movements.rare_route()]


def _well_travelled(routes: tuple[Route, ...], settings: TrailSettings) -> tuple[Route, ...]:
    """Return the routes of whose paths each is expected to have enough trails."""
    n_ordinary = settings.trails * (1 - settings.anomalous_fraction)
    kept: list[Route] = []
    for kind in dict.fromkeys(route.kind for route in routes):
        n = n_ordinary * (HABITS[kind].share if settings.scene == "roundabout" else 1)
        own = [route for route in routes if route.kind == kind and not route.rare]
        own.sort(key=lambda route: route.share / len(route.paths))
        # The trails of a closed route take the others: the least travelled is closed first.
        while own and n * own[0].share / len(own[0].paths) < (
            settings.least_route_trails * sum(route.share for route in own)
        ):
            del own[0]
        kept.extend(route for route in routes if any(route is other for other in own))
    if len({route.kind for route in kept}) < len({route.kind for route in routes}):
        raise BadValueError(
            f"least_route_trails is {settings.least_route_trails}: too many for "
            f"{settings.trails} trails"
        )
    return tuple(kept)


def _class_counts(
    rng: np.random.Generator, n: int, settings: TrailSettings
) -> dict[ObjectClass, int]:
    if settings.scene == "lanes":
        return {"car": n}
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
    """Choose routes: a few trails for each rare route, the others by popularity."""
    routes = [route for route in place.routes if route.kind == kind]
    few = [route for route in routes if route.rare]
    usual = [route for route in routes if not route.rare]
    low, high = np.asarray(settings.rare_route_trails) * settings.trails / 1500
    chosen = [r for r in few for _ in range(round(rng.uniform(low, high)))][:n]
    shares = np.array([route.share for route in usual])
    counts = rng.multinomial(n - len(chosen), shares / shares.sum())
    return chosen + [r for r, count in zip(usual, counts, strict=True) for _ in range(count)]
