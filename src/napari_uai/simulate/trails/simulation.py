"""Simulated trails: ordinary traffic, and a few anomalous objects."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import pandas as pd

from napari_uai.monitor import SILENT, Monitor
from napari_uai.simulate.paths import smooth_paths
from napari_uai.simulate.settings import TrailSettings
from napari_uai.simulate.trails.curves import STEP_PX, headings, path_length
from napari_uai.simulate.trails.journeys import journeys_of
from napari_uai.simulate.trails.lanes import hidden, lane_scene, scale_at
from napari_uai.simulate.trails.outlines import outlines_of
from napari_uai.simulate.trails.routes import HEIGHT, WIDTH
from napari_uai.simulate.trails.scene import StreetScene, street_scene
from napari_uai.simulate.trails.traffic import HABITS, Journey
from napari_uai.trails.table import Scene, Trails, offsets_of
from napari_uai.typing import Bools, Floats, Floats32

START = datetime(2024, 6, 12, 8, 0, tzinfo=UTC)
"""Start of the recording."""

JUMP_S = 1e-3
"""Time in which a tracker changes from one object to another, in s: less than between samples."""

BRIDGED_S = (0.4, 1.5)
"""Range of the duration of extrapolated gaps, in s."""


@dataclass(frozen=True, eq=False)
class SimulatedTrails:
    """Simulated trails with ground truth.

    Attributes
    ----------
    trails
        Trails as returned by a tracker, including hulls. Their scene has no picture; see
        :func:`napari_uai.simulate.trails.scene_picture.background_picture`.
    truth
        One row per trail, in the same order: ``trail`` (name), ``class``, ``route``, ``anomaly``
        (kind; empty if ordinary), ``start`` and ``end`` of the anomalous part (in s; NaN if
        ordinary).
    extrapolated
        Whether each sample was extrapolated by the tracker; bool.
    outlines
        Outline of each object at each sample: samples, 8 corners, (y, x) in px; float32.
    place
        Streets and routes.
    settings
        Settings of the simulation.

    Examples
    --------
    >>> import napari_uai as uai
    >>> simulated = uai.simulate_trails(uai.simulate.TrailSettings(trails=20, duration_s=60))
    >>> len(simulated.truth), simulated.outlines.shape[1:]
    (20, (8, 2))
    """

    trails: Trails
    truth: pd.DataFrame
    extrapolated: Bools
    outlines: Floats32
    place: StreetScene
    settings: TrailSettings


def simulate_trails(settings: TrailSettings, *, monitor: Monitor = SILENT) -> SimulatedTrails:
    """Simulate the traffic of a scene as recorded by a tracker.

    Cars, bicycles, pedestrians and buses follow the routes of a scene in their lanes, at speeds
    that vary between objects and along the path. They slow down in curves, wait at crossings, rest
    on the square and stop at bus stops; some swerve, stop elsewhere or walk back; some routes are
    rare. Positions have errors, sampling rates differ, some trails start late or end early, and
    some gaps are extrapolated. Kinds of anomalies:

    - ``reversed``: driving in the wrong direction,
    - ``off-route``: a detour through places that no object of the class visits,
    - ``loitering``: staying at an ordinary place much longer than others,
    - ``late turn``: turning, or turning back, after the place where others turn,
    - ``shortcut``: moving straight from one route to another, or cutting a corner,
    - ``wrong class``: using a route of another class that the object's own class does not use.

    ``anomalies="movements"`` replaces them by movements at ordinary places:

    - ``kink``: to the side and back within a few steps,
    - ``back and forth``: back some way, then on again,
    - ``hop``: to a neighbouring lane within a few steps,
    - ``turn round``: turning in the lane and going back,
    - ``jump``: a tracker that continues with another object.

    ``anomalies="rare routes"`` by ``rare route``: a connection of two routes that only
    ``rare_route_members`` objects use. ``scene="lanes"`` is another scene: bending lanes of one
    class in perspective, some side by side, with stop lines and with things that hide objects.

    Parameters
    ----------
    settings
        Settings of the simulation.
    monitor
        Progress and cancellation, once per hundred trails.

    Returns
    -------
    SimulatedTrails
        Trails in the order of their starts.

    Raises
    ------
    CancelledError
        If cancelled by the monitor.

    Examples
    --------
    >>> import napari_uai as uai
    >>> settings = uai.simulate.TrailSettings(trails=50, anomalous_fraction=0.04)
    >>> simulated = uai.simulate_trails(settings)
    >>> len(simulated.trails), int((simulated.truth["anomaly"] != "").sum())
    (50, 2)
    """
    rng = np.random.default_rng(settings.seed)
    lanes = settings.scene == "lanes"
    place = lane_scene(rng, settings) if lanes else street_scene(rng)
    journeys = journeys_of(rng, place, settings)
    starts = np.sort(rng.uniform(0, settings.duration_s, len(journeys))) + START.timestamp()
    tracks = []
    for i, journey in enumerate(journeys):
        if i % 100 == 0:
            monitor.update(i / len(journeys), "simulating trails")
        track = _track(rng, journey, settings)
        tracks.append(_seen(track, hidden(track.points, place)) if lanes else track)
    return _collect(place, settings, journeys, tracks, np.round(starts, 3))


@dataclass(frozen=True, eq=False)
class _Track:
    """Samples of one object: times from its first sample, positions and headings."""

    time: Floats
    points: Floats
    extrapolated: Bools
    angles: Floats
    odd: tuple[float, float] | None


def _track(rng: np.random.Generator, journey: Journey, settings: TrailSettings) -> _Track:
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
    beside = _keeping(rng, at, place, habits.spread_px * settings.spread)[:, None]
    jitter = _jitter(rng, len(middle), settings.jitter_px, rate)
    if settings.scene == "lanes":
        beside *= scale_at(middle, settings.perspective)[:, None]
    points = middle + right * beside
    points += jitter
    odd = _odd_time(journey, reached, sway_at, time)
    angles = np.arctan2(-right[:, 1], right[:, 0])
    return _lose(rng, _Track(time, points, np.zeros(len(time), bool), angles, odd), settings)


def _timetable(
    rng: np.random.Generator, journey: Journey, settings: TrailSettings
) -> tuple[tuple[Floats, Floats], list[tuple[float, float, float]]]:
    """Return when each place on the path is reached, and start, duration and sway of stops."""
    habits, at = HABITS[journey.kind], path_length(journey.path)
    own = habits.speed * journey.speed * rng.lognormal(0, settings.speed_variation)
    unrest = smooth_paths(rng, len(at), 1, 40.0)[:, 0]
    speed = own * np.exp(0.5 * settings.speed_variation * unrest)
    if np.isfinite(habits.bend):
        turn = np.gradient(np.unwrap(np.arctan2(*headings(journey.path).T)))
        bend = np.abs(np.convolve(turn, np.ones(9) / 9, mode="same")) / STEP_PX
        speed = np.minimum(speed, np.sqrt(habits.bend / np.maximum(bend, 1e-6)))
    if settings.scene == "lanes":
        speed *= scale_at(journey.path, settings.perspective)
    for place, _, _ in journey.halts:
        near = np.sqrt(np.abs(at - place) / (0.5 * habits.speed))
        speed = np.minimum(speed, own * np.clip(near, 0.15, None))
    steps = np.diff(at) * 2 / (speed[1:] + speed[:-1])
    if journey.jump is not None:
        steps[journey.jump] = JUMP_S
    when = np.concatenate([[0.0], np.cumsum(steps)])
    places, sways = at, []
    for halt, seconds, sway in sorted(journey.halts):
        place = min(halt, float(at[-1]))
        start = float(np.interp(place, places, when))
        after = places > place
        when = np.concatenate([when[~after], [start, start + seconds], when[after] + seconds])
        places = np.concatenate([places[~after], [place, place], places[after]])
        sways.append((start, seconds, sway))
    return (places, when), sways


def _sway(
    rng: np.random.Generator, time: Floats, start: float, seconds: float, sway_px: float
) -> Floats:
    """Return slow movements along the path during a stop, from and back to its place."""
    fine = np.arange(0, seconds + 1, 0.5)
    wander = sway_px * smooth_paths(rng, len(fine), 1, 8.0)[:, 0]
    wander *= np.clip(np.minimum(fine, seconds - fine) / 4, 0, 1)
    return np.interp(time - start, fine, wander, left=0.0, right=0.0)


def _keeping(rng: np.random.Generator, at: Floats, place: Floats, spread_px: float) -> Floats:
    """Return the distance of an object to the right of the path: constant plus some weaving."""
    weave = smooth_paths(rng, len(at), 1, 50.0)[:, 0]
    offset = spread_px * (0.75 * rng.standard_normal() + 0.65 * weave)
    return np.interp(place, at, np.clip(offset, -2.5 * spread_px, 2.5 * spread_px))


def _jitter(rng: np.random.Generator, n: int, jitter_px: float, rate: float) -> Floats:
    slow = smooth_paths(rng, n, 2, 1.5 * rate)
    size = np.where(rng.random((n, 1)) < 1 / 300, 6.0, 1.0) * rng.lognormal(0, 0.35)
    return np.asarray(jitter_px * (size * rng.standard_normal((n, 2)) + 0.5 * slow))


def _odd_time(
    journey: Journey,
    reached: tuple[Floats, Floats],
    sways: list[tuple[float, float, float]],
    time: Floats,
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
    """Start late, end early and extrapolate gaps, but keep the anomalous part."""
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
    step = float(track.time[1])
    for at_end in (False, True):
        n = max(round(rng.uniform(*BRIDGED_S) / step), 1)
        if rng.random() < settings.gap_fraction and len(points) > 3 * n + 6:
            start = len(points) - n if at_end else int(rng.integers(4, len(points) - n))
            _extrapolate(points, unseen, start, n)
    time = track.time[first:last]
    odd = None
    if track.odd is not None:
        odd = (max(track.odd[0], time[0]) - time[0], min(track.odd[1], time[-1]) - time[0])
    return _Track(time - time[0], points, unseen, track.angles[first:last], odd)


def _seen(track: _Track, behind: Bools) -> _Track:
    """Leave out the samples behind something, but keep enough, and both ends."""
    kept = ~behind
    kept[[0, 1, -2, -1]] = True
    return replace(
        track,
        time=track.time[kept],
        points=track.points[kept],
        extrapolated=track.extrapolated[kept],
        angles=track.angles[kept],
    )


def _extrapolate(points: Floats, unseen: Bools, start: int, n: int) -> None:
    velocity = (points[start - 1] - points[start - 4]) / 3
    points[start : start + n] = points[start - 1] + np.arange(1, n + 1)[:, None] * velocity
    unseen[start : start + n] = True


def _collect(
    place: StreetScene,
    settings: TrailSettings,
    journeys: list[Journey],
    tracks: list[_Track],
    starts: Floats,
) -> SimulatedTrails:
    counts = np.array([len(track.time) for track in tracks])
    offsets = offsets_of(counts)
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
    # A separate generator: sizes of objects must not affect their paths.
    rng = np.random.default_rng([settings.seed, 21])
    angles = np.concatenate([track.angles for track in tracks])
    outlines = outlines_of(rng, kinds, counts, points, angles)
    hulls = [*outlines[offsets[1:] - 1]]
    trails = Trails(offsets, y, x, time, table, Scene(WIDTH, HEIGHT), hulls=hulls)
    extrapolated = np.concatenate([track.extrapolated for track in tracks])
    return SimulatedTrails(trails, truth, extrapolated, outlines, place, settings)


def _names(starts: Floats) -> list[str]:
    """Return names as given by trackers: year, day of the year, hour, minute and a number."""
    stamps = [datetime.fromtimestamp(start, UTC).strftime("%Y%j%H%M") for start in starts]
    number: dict[str, int] = {}
    names = []
    for stamp in stamps:
        number[stamp] = number.get(stamp, 0) + 1
        names.append(f"{stamp}{number[stamp]:03d}")
    return names
