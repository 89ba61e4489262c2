import hashlib
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import KDTree

from napari_uai.errors import BadValueError
from napari_uai.simulate.settings import TrailSettings
from napari_uai.simulate.trails.curves import STEP_PX
from napari_uai.simulate.trails.lanes import hidden
from napari_uai.simulate.trails.movements import MOVEMENT_KINDS, RARE_ROUTE
from napari_uai.simulate.trails.routes import HEIGHT, WIDTH
from napari_uai.simulate.trails.simulation import simulate_trails

LANES = TrailSettings(
    seed=11,
    trails=200,
    anomalous_fraction=0.2,
    scene="lanes",
    anomalies="movements",
    jitter_px=0.2,
    rates_hz=(8.0, 10.0),
)


OLD = "46413c52d26809de"
"""Checksum of a scene, written before there were movements."""


@pytest.fixture(scope="module")
def simulated():
    return simulate_trails(LANES)


def rows_of(simulated, kind):
    return np.flatnonzero(simulated.truth["anomaly"] == kind)


def way_of(simulated, row):
    trails, own = simulated.trails, simulated.trails.trail(row)
    return np.stack([trails.y[own], trails.x[own]], axis=1).astype(float)


def lane_of(simulated, row):
    name = simulated.truth["route"][row].split(", ")[0]
    return next(r.paths[0] for r in simulated.place.routes if r.name == name)


def test_scenes_without_the_new_kinds_are_what_they_were():
    old = simulate_trails(TrailSettings(seed=3, trails=60, anomalous_fraction=0.1))
    content = old.trails.y.tobytes() + old.trails.x.tobytes() + old.truth.to_csv().encode()
    assert hashlib.sha256(content).hexdigest()[:16] == OLD


def test_all_movements_are_equally_frequent(simulated):
    kinds = simulated.truth["anomaly"].value_counts()
    assert {kind: kinds[kind] for kind in MOVEMENT_KINDS} == dict.fromkeys(MOVEMENT_KINDS, 8)
    assert simulated.trails.classes.to_dict() == {"car": 200}
    assert 0 <= simulated.trails.x.min() <= simulated.trails.x.max() <= WIDTH - 1
    assert 0 <= simulated.trails.y.min() <= simulated.trails.y.max() <= HEIGHT - 1


@pytest.mark.parametrize("kind", ["back and forth", "turn round"])
def test_these_movements_keep_to_their_lane_and_go_back_on_it(simulated, kind):
    for row in rows_of(simulated, kind):
        way, lane = way_of(simulated, row), lane_of(simulated, row)
        distance, near = KDTree(lane).query(way)
        assert np.median(distance) < 20
        back = np.diff(near)
        # The shortest way back is 24 px where things are smallest, less what rounding takes away.
        assert back[back < 0].sum() * STEP_PX < -24 / np.sqrt(3) + 2 * 3


def test_kinks_leave_their_lane_and_return_to_it(simulated):
    for row in rows_of(simulated, "kink"):
        distance = KDTree(lane_of(simulated, row)).query(way_of(simulated, row))[0]
        assert distance[:3].max() < 25
        assert distance[-3:].max() < 25


def test_jumps_are_between_two_consecutive_samples(simulated):
    for row in rows_of(simulated, "jump"):
        way = way_of(simulated, row)
        steps = np.hypot(*np.diff(way, axis=0).T)
        assert steps.max() > 4 * np.median(steps)
        time = simulated.trails.time[simulated.trails.trail(row)]
        start, end = simulated.truth.loc[row, ["start", "end"]]
        assert start - 1 <= time[steps.argmax()] <= end + 1


def test_rare_routes_have_as_many_members_as_asked_for():
    settings = replace(LANES, anomalies="rare routes", anomalous_fraction=0.1, rare_route_members=4)
    truth = simulate_trails(settings).truth
    rare = truth[truth["anomaly"] == RARE_ROUTE]
    assert len(rare) == 20
    assert rare.groupby("route").size().mod(4).eq(0).all()


def test_things_nearer_to_the_camera_are_faster():
    settings = replace(LANES, anomalous_fraction=0.0, perspective=5.0, dwelling=0, whims=0)
    simulated = simulate_trails(settings)
    trails = simulated.trails
    same = trails.owner[1:] == trails.owner[:-1]
    speed = (np.hypot(np.diff(trails.y), np.diff(trails.x)) / np.diff(trails.time))[same]
    far = trails.y[:-1][same] < HEIGHT / 2
    assert np.median(speed[~far]) > 1.5 * np.median(speed[far])


def test_nothing_is_seen_behind_things():
    simulated = simulate_trails(replace(LANES, occluders=3))
    points = np.stack([simulated.trails.y, simulated.trails.x], axis=1)
    inner = np.ones(len(points), bool)
    for k in (0, 1):
        inner[simulated.trails.offsets[:-1] + k] = False
        inner[simulated.trails.offsets[1:] - 1 - k] = False
    assert len(simulated.place.buildings) == 3
    assert not hidden(points[inner], simulated.place).any()
    steps = np.diff(simulated.trails.time)[np.diff(simulated.trails.owner) == 0]
    assert steps.max() > 3 * np.median(steps)


def test_movements_are_possible_in_the_roundabout():
    settings = TrailSettings(seed=2, trails=60, anomalous_fraction=0.2, anomalies="movements")
    assert set(simulate_trails(settings).truth["anomaly"]) == {"", *MOVEMENT_KINDS}


def test_lanes_have_no_anomalies_of_the_traffic():
    with pytest.raises(BadValueError, match="scene of lanes"):
        TrailSettings(scene="lanes")
