from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import KDTree

from napari_uai.errors import BadValueError, CancelledError
from napari_uai.monitor import Monitor
from napari_uai.simulate.settings import TrailSettings
from napari_uai.simulate.trails.curves import headings
from napari_uai.simulate.trails.routes import HEIGHT, WIDTH
from napari_uai.simulate.trails.scene import street_scene
from napari_uai.simulate.trails.simulation import simulate_trails
from napari_uai.simulate.trails.traffic import ANOMALY_KINDS, HABITS

SETTINGS = TrailSettings(seed=5, trails=600, anomalous_fraction=0.1, duration_s=1200)


@pytest.fixture(scope="module")
def simulated():
    return simulate_trails(SETTINGS)


def rows_of(simulated, kind):
    return np.flatnonzero(simulated.truth["anomaly"] == kind)


def points_of(simulated, row, *, odd_part=False):
    own, trails = simulated.trails.trail(row), simulated.trails
    points, time = np.stack([trails.y[own], trails.x[own]], axis=1), trails.time[own]
    start, end = simulated.truth.loc[row, ["start", "end"]]
    return points[(time >= start - 1e-3) & (time <= end + 1e-3)] if odd_part else points


def test_the_same_settings_give_the_same_trails_and_another_seed_another_place():
    small = replace(SETTINGS, trails=60)
    a, b, c = (simulate_trails(s) for s in (small, small, replace(small, seed=6)))
    np.testing.assert_array_equal(a.trails.y, b.trails.y)
    np.testing.assert_array_equal(a.outlines, b.outlines)
    assert a.truth.equals(b.truth)
    assert not np.array_equal(a.place.centre, c.place.centre)


@pytest.mark.slow
def test_all_kinds_of_anomalies_are_equally_frequent(simulated):
    kinds = simulated.truth["anomaly"].value_counts()
    assert {kind: kinds[kind] for kind in ANOMALY_KINDS} == dict.fromkeys(ANOMALY_KINDS, 10)
    assert kinds[""] == 540
    assert simulated.trails.classes.index.tolist() == ["car", "pedestrian", "bicycle", "bus"]


def test_two_per_cent_of_1500_trails_are_anomalous_by_default():
    settings = TrailSettings()
    assert settings.trails * settings.anomalous_fraction == 30


def test_truth_stands_in_the_order_of_the_trails_and_within_their_times(simulated):
    table, truth = simulated.trails.table, simulated.truth
    assert truth["trail"].tolist() == table["trail"].tolist()
    assert table["trail"].is_unique
    assert table["trail"].str.fullmatch(r"2024164\d{7}").all()
    assert table["start"].is_monotonic_increasing
    odd = truth["anomaly"] != ""
    assert truth.loc[~odd, ["start", "end"]].isna().all(axis=None)
    assert (truth["start"] >= table["start"])[odd].all()
    assert (truth["end"] <= table["end"] + 1e-6)[odd].all()
    assert (truth["end"] > truth["start"])[odd].all()


def test_samples_lie_inside_the_picture_at_equal_times(simulated):
    trails = simulated.trails
    assert trails.n_samples.min() >= 4
    assert 0 <= trails.y.min() <= trails.y.max() <= HEIGHT - 1
    assert 0 <= trails.x.min() <= trails.x.max() <= WIDTH - 1
    for row in range(len(trails)):
        steps = np.diff(trails.time[trails.trail(row)])
        # tens of microseconds: doubles of seconds since 1970
        np.testing.assert_allclose(steps, steps[0], atol=1e-5)
        assert 1 / 5 - 1e-5 <= steps[0] <= 1 / 1.5 + 1e-5


@pytest.mark.slow
def test_ordinary_trails_keep_to_the_routes_of_their_class():
    simulated = simulate_trails(replace(SETTINGS, whims=0.0))
    trees = {kind: KDTree(simulated.place.paths_of(kind)) for kind in HABITS}
    seen = ~simulated.extrapolated
    for kind, habits in HABITS.items():
        ordinary = (simulated.truth["anomaly"] == "") & (simulated.truth["class"] == kind)
        samples = ordinary.to_numpy()[simulated.trails.owner] & seen
        points = np.stack([simulated.trails.y[samples], simulated.trails.x[samples]], axis=1)
        distance = trees[kind].query(points)[0]
        assert np.quantile(distance, 0.99) < 3 * habits.spread_px
        assert distance.max() < 2.5 * habits.spread_px + 20


@pytest.mark.parametrize("kind", ["off-route", "shortcut", "wrong class"])
def test_odd_places_are_places_where_the_class_does_not_go(simulated, kind):
    for row in rows_of(simulated, kind):
        tree = KDTree(simulated.place.paths_of(simulated.truth["class"][row]))
        distance = tree.query(points_of(simulated, row, odd_part=True))[0]
        assert distance.max() > 18


def test_reversed_trails_use_a_lane_the_other_way(simulated):
    for row in rows_of(simulated, "reversed"):
        kind, name = simulated.truth.loc[row, ["class", "route"]]
        route = next(r for r in simulated.place.routes if (r.kind, r.name) == (kind, name))
        path, points = route.paths[0], points_of(simulated, row)
        distance, near = KDTree(path).query(points)
        assert np.median(distance) < 3 * HABITS[kind].spread_px
        ahead = np.einsum("ij,ij->i", headings(path)[near][:-1], np.diff(points, axis=0))
        assert ahead.sum() < 0


def test_loiterers_stay_at_an_ordinary_place_longer_than_anybody_is_in_the_scene(simulated):
    duration = simulated.trails.table["end"] - simulated.trails.table["start"]
    ordinary = simulated.truth["anomaly"] == ""
    for row in rows_of(simulated, "loitering"):
        kind = simulated.truth["class"][row]
        usual = duration[ordinary & (simulated.truth["class"] == kind)]
        stay = simulated.truth["end"][row] - simulated.truth["start"][row]
        assert stay > usual.quantile(0.95)
        assert stay > 2 * usual.median()
        tree = KDTree(simulated.place.paths_of(kind))
        assert np.quantile(tree.query(points_of(simulated, row))[0], 0.9) < 20


def test_late_turns_leave_and_join_routes_at_both_ends(simulated):
    for row in rows_of(simulated, "late turn"):
        tree = KDTree(simulated.place.paths_of(simulated.truth["class"][row]))
        distance = tree.query(points_of(simulated, row))[0]
        assert min(distance[:3].min(), distance[-3:].min()) < 15
        assert len(points_of(simulated, row, odd_part=True)) >= 1


@pytest.mark.slow
def test_rare_routes_have_ten_to_twenty_of_1500_trails():
    truth = simulate_trails(TrailSettings(seed=2)).truth
    place = street_scene(np.random.default_rng(2))
    counts = truth[truth["anomaly"] == ""].groupby(["class", "route"]).size()
    rare = [counts[r.kind, r.name] for r in place.routes if r.rare]
    assert len(rare) >= 5
    assert all(10 <= n <= 20 for n in rare)
    assert sum(rare) < 0.1 * len(truth)


@pytest.mark.slow
def test_where_all_is_well_travelled_no_ordinary_route_is_rare():
    truth = simulate_trails(TrailSettings(seed=2, least_route_trails=20)).truth
    counts = truth[truth["anomaly"] == ""].groupby(["class", "route"]).size()
    assert counts.min() >= 8  # 20 are expected: a Poisson count of 7 has a probability of 1e-3
    assert set(truth["class"]) == set(HABITS)


def test_paths_without_trails_cannot_all_be_closed():
    with pytest.raises(BadValueError, match="least_route_trails is 400: too many for 600 trails"):
        simulate_trails(replace(SETTINGS, least_route_trails=400))


def test_without_spread_and_jitter_objects_are_on_the_lines():
    settings = replace(SETTINGS, trails=60, spread=0.0, jitter_px=0.0, anomalous_fraction=0.0)
    settings = replace(settings, whims=0.0)
    made = simulate_trails(settings)
    for row in range(60):
        tree = KDTree(made.place.paths_of(made.truth["class"][row]))
        unseen = made.extrapolated[made.trails.trail(row)]
        assert tree.query(points_of(made, row)[~unseen])[0].max() < 1.5


@pytest.mark.slow
def test_whims_are_small_against_anomalies():
    settings = replace(SETTINGS, spread=0.0, jitter_px=0.0, anomalous_fraction=0.0, whims=5.0)
    made = simulate_trails(replace(settings, gap_fraction=0.0))
    trees = {kind: KDTree(made.place.paths_of(kind)) for kind in HABITS}
    far = np.array(
        [trees[made.truth["class"][r]].query(points_of(made, r))[0].max() for r in range(600)]
    )
    assert far.max() < 16
    assert 0.2 < (far > 2).mean() < 0.6
    back = [r for r in range(600) if np.hypot(*np.ptp(points_of(made, r)[[0, -1]], axis=0)) < 20]
    assert set(made.truth["class"][back]) == {"pedestrian"}


def test_extrapolated_samples_go_straight_on_and_their_number_is_set():
    small = replace(SETTINGS, trails=100)
    assert not simulate_trails(replace(small, gap_fraction=0.0)).extrapolated.any()
    made = simulate_trails(replace(small, gap_fraction=0.9))
    unseen = made.extrapolated
    inner = np.flatnonzero(unseen[1:-1] & unseen[:-2] & unseen[2:]) + 1
    inside = (made.trails.y[inner] % (HEIGHT - 1) > 0) & (made.trails.x[inner] % (WIDTH - 1) > 0)
    for axis in (made.trails.y, made.trails.x):
        bend = axis[inner - 1] - 2 * axis[inner] + axis[inner + 1]
        assert np.quantile(np.abs(bend[inside]), 0.9) < 1e-2
    assert unseen.mean() > 0.02


@pytest.mark.slow
def test_lost_trails_do_not_lose_what_makes_them_odd():
    made = simulate_trails(replace(SETTINGS, lost_fraction=0.95, anomalous_fraction=0.2))
    whole = simulate_trails(replace(SETTINGS, lost_fraction=0.0, anomalous_fraction=0.2))
    assert made.trails.n_samples.sum() < 0.75 * whole.trails.n_samples.sum()
    for kind in ("off-route", "shortcut"):
        for row in rows_of(made, kind):
            tree = KDTree(made.place.paths_of(made.truth["class"][row]))
            assert tree.query(points_of(made, row, odd_part=True))[0].max() > 18


def test_outlines_surround_their_positions_and_the_last_is_the_hull(simulated):
    trails = simulated.trails
    points = np.stack([trails.y, trails.x], axis=1)
    inside = np.all((points > 80) & (points < (HEIGHT - 80, WIDTH - 80)), axis=1)
    np.testing.assert_allclose(simulated.outlines[inside].mean(axis=1), points[inside], atol=4)
    for row in (0, 17):
        last = trails.offsets[row + 1] - 1
        np.testing.assert_array_equal(trails.hulls[row], simulated.outlines[last])
    length = np.ptp(simulated.outlines[inside], axis=1).max(axis=1)
    kinds = simulated.truth["class"].to_numpy()[trails.owner][inside]
    assert np.median(length[kinds == "bus"]) > 70
    assert np.median(length[kinds == "pedestrian"]) < 12


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"trails": 3}, "trails must be a whole number, at least 10, got 3"),
        ({"anomalous_fraction": 0.7}, r"anomalous_fraction must be .*at most 0\.5, got 0\.7"),
        ({"rates_hz": (0.0, 2.0)}, r"rates_hz must be 2 numbers, each at least 0\.1"),
        ({"rates_hz": 2.0}, r"rates_hz must be 2 numbers, .*got 2\.0"),
        ({"jitter_px": float("nan")}, "jitter_px must be a number, .*got nan"),
    ],
)
def test_settings_outside_their_limits_are_refused(values, message):
    with pytest.raises(BadValueError, match=message):
        TrailSettings(**values)


def test_a_cancelled_simulation_stops():
    with pytest.raises(CancelledError):
        simulate_trails(SETTINGS, monitor=Monitor(cancelled=lambda: True))


@pytest.mark.parametrize("seed", range(5, 25))
def test_every_place_is_whole(seed):
    place = street_scene(np.random.default_rng(seed))
    for route in place.routes:
        for path, stops in zip(route.paths, route.stops, strict=True):
            steps = np.hypot(*np.diff(path, axis=0).T)
            assert steps.max() < 4
            assert np.all((path >= -0.5) & (path <= (HEIGHT, WIDTH)))
            assert all(0 <= stop.place <= steps.sum() for stop in stops)
