"""A simulated scene of bending lanes, seen in perspective: a road, a junction, a square.

Lanes connect the edges of the picture. Some begin or end together, some run side by side, some
cross. Things near the lower edge of the picture are larger, and move faster, than those far away.
"""

from __future__ import annotations

import numpy as np

from napari_uai.simulate.settings import TrailSettings
from napari_uai.simulate.trails.curves import STEP_PX, path_length, right_of, smooth_path
from napari_uai.simulate.trails.routes import HEIGHT, WIDTH, Route, Stop, points_in_view
from napari_uai.simulate.trails.scene import StreetScene
from napari_uai.typing import Bools, Floats

LANE_PX = 18.0
"""Distance of neighbouring lanes, where the scale is 1."""

SHORTEST_PX = 350.0
"""Length of the shortest lane."""

OCCLUDED_PX = (30.0, 90.0)
"""Range of the sides of what hides objects."""


def lane_scene(rng: np.random.Generator, settings: TrailSettings) -> StreetScene:
    """Return a random scene of lanes.

    Parameters
    ----------
    rng
        Random number generator.
    settings
        Number of lanes, perspective, number of occluders.
    """
    paths: list[Floats] = []
    gates = _gates(rng, max(3, round(1.5 * np.sqrt(settings.lanes)) + 1))
    while len(paths) < settings.lanes:
        start, end = (gates[i] for i in rng.choice(len(gates), 2, replace=False))
        middle = (start + end) / 2 + rng.normal(0, 0.25, 2) * (HEIGHT, HEIGHT)
        t = np.linspace(0, 1, 100)[:, None]
        bend = (1 - t) ** 2 * start + 2 * t * (1 - t) * middle + t**2 * end
        for k in range(int(rng.choice([1, 1, 2, 3]))):
            apart = LANE_PX * (k + 0.5) * scale_at(bend, settings.perspective)
            path = points_in_view(smooth_path(right_of(bend, apart), 30))
            whole = len(path) > SHORTEST_PX / STEP_PX and np.diff(path, axis=0).max() < 4
            if whole and len(paths) < settings.lanes:
                paths.append(path)
    shares = rng.lognormal(0, 0.6, len(paths))
    routes = tuple(
        Route(f"lane {i + 1}", "car", (path,), (_stops(rng, path),), float(share))
        for i, (path, share) in enumerate(zip(paths, shares, strict=True))
    )
    far = np.array([-500.0, -500.0])
    return StreetScene(
        far,
        (),
        tuple(paths),
        far[None],
        np.empty((0, 2)),
        far,
        _occluders(rng, paths, settings),
        routes,
    )


def scale_at(points: Floats, perspective: float) -> Floats:
    """Return the size of things at positions (y, x): 1 in the middle of the picture."""
    return np.asarray(perspective ** (points[:, 0] / HEIGHT - 0.5))


def hidden(points: Floats, place: StreetScene) -> Bools:
    """Return which positions lie behind something; bool."""
    behind = np.zeros(len(points), bool)
    for top, left, bottom, right in place.buildings:
        inside = (points >= (top, left)) & (points <= (bottom, right))
        behind |= inside.all(axis=1)
    return behind


def _stops(rng: np.random.Generator, path: Floats) -> tuple[Stop, ...]:
    """Return a stop line, on half of the lanes."""
    place, stops = rng.uniform(0.3, 0.7) * path_length(path)[-1], rng.random() < 0.5
    return (Stop(float(place), 0.3, 6.0, sway_px=1.0),) if stops else ()


def _gates(rng: np.random.Generator, n: int) -> Floats:
    """Return places on the edge of the picture, not too close to each other."""
    around = 2 * (WIDTH + HEIGHT)
    at = (np.arange(n) + rng.uniform(0.15, 0.85, n)) * around / n + rng.uniform(0, around)
    corners = np.array([(0, 0), (0, WIDTH), (HEIGHT, WIDTH), (HEIGHT, 0), (0, 0)], float)
    arc = path_length(corners)
    return np.stack([np.interp(at % around, arc, corners[:, k]) for k in (0, 1)], axis=1)


def _occluders(
    rng: np.random.Generator, paths: list[Floats], settings: TrailSettings
) -> tuple[tuple[float, float, float, float], ...]:
    """Return boxes around places of lanes, away from their ends."""
    boxes = []
    for _ in range(settings.occluders):
        path = paths[int(rng.integers(len(paths)))]
        y, x = path[int(rng.uniform(0.25, 0.75) * len(path))]
        height, width = rng.uniform(*OCCLUDED_PX, 2)
        boxes.append(
            (
                float(y - height / 2),
                float(x - width / 2),
                float(y + height / 2),
                float(x + width / 2),
            )
        )
    return tuple(boxes)
