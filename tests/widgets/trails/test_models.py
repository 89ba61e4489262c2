"""What the trail dock computes without a window: ranking, drawing, places, sources."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from napari_uai.errors import BadValueError, NapariUaiError
from napari_uai.simulate.settings import TrailSettings
from napari_uai.simulate.trails.simulation import simulate_trails
from napari_uai.trails.analysis.analysis import analyse_trails
from napari_uai.trails.io.convert import trails_of_frame
from napari_uai.widgets.kit.layers import Place
from napari_uai.widgets.trails.drawing import (
    BADGE_RADIUS,
    badge_points,
    heat_colours,
    opened_tracks,
    path_of,
    thinned,
)
from napari_uai.widgets.trails.placement import Placement, Source, source_of_layer, source_of_trails
from napari_uai.widgets.trails.ranking import Filter, _distance_from_origin, nearest_trail, rank


@pytest.fixture(scope="module")
def trails():
    return simulate_trails(TrailSettings(trails=60, seed=4)).trails


@pytest.fixture(scope="module")
def result(trails):
    return analyse_trails(trails)


def test_without_a_filter_the_ranking_is_that_of_the_scores(result):
    ranking = rank(result, Filter())
    assert ranking.rows.tolist() == list(result.rows)
    np.testing.assert_array_equal(ranking.values, result.scores["anomaly"])


@pytest.mark.parametrize("score", ["heat", "dwell"])
def test_another_score_reorders_rows_and_places_together(result, score):
    ranking = rank(result, Filter(score=score))
    wanted = result.scores.sort_values(score, ascending=False, kind="stable")
    assert ranking.places.tolist() == wanted.index.tolist()
    names = result.trails.table["trail"].to_numpy()[ranking.rows]
    assert names.tolist() == wanted["trail"].tolist()


def test_filters_hide_classes_low_scores_and_other_times(result):
    table = result.trails.table
    kind = table["class"].iloc[0]
    middle = float(table["start"].median())
    shown = rank(result, Filter(hidden={kind}, least=0.2, from_s=middle))
    kept = [
        row
        for row, value in zip(result.rows, result.scores["anomaly"], strict=True)
        if table["class"][row] != kind and value >= 0.2 and table["end"][row] >= middle
    ]
    assert shown.rows.tolist() == kept


def test_the_nearest_trail_is_found_as_by_brute_force(result):
    rng = np.random.default_rng(0)
    trails, rows = result.trails, np.arange(len(result.trails))
    for y, x in rng.uniform(0, [trails.scene.height, trails.scene.width], (20, 2)):
        found = nearest_trail(result, rows, (y, x), within_px=30.0)
        apart = [distance(trails, row, y, x) for row in rows]
        if min(apart) > 30:
            assert found is None
        else:
            assert apart[found] == pytest.approx(min(apart), abs=0.3)


def distance(trails, row, y, x):
    """Distance from a trail, by many points along each of its steps."""
    here = trails.trail(row)
    part = np.linspace(0, 1, 200)
    at = np.arange(here.stop - here.start)
    dense = np.unique(np.concatenate([i + part for i in at[:-1]]))
    return np.hypot(
        np.interp(dense, at, trails.y[here]) - y, np.interp(dense, at, trails.x[here]) - x
    ).min()


def test_thinned_trails_keep_their_ends_and_the_budget(trails):
    rows = np.array([5, 2, 40])
    samples, owners = thinned(trails, rows, budget=60)
    assert len(samples) <= 60
    for place, row in enumerate(rows):
        mine = samples[owners == place]
        assert mine[0] == trails.offsets[row]
        assert mine[-1] == trails.offsets[row + 1] - 1
        assert (np.diff(mine) > 0).all()


def test_within_the_budget_no_sample_is_left_out(trails):
    samples, _ = thinned(trails, np.arange(len(trails)), budget=10**9)
    np.testing.assert_array_equal(samples, np.arange(len(trails.y)))


def test_tracks_are_sorted_and_no_time_is_below_zero(trails):
    data, attributes, kind = opened_tracks(source_of_trails(trails))
    assert kind == "tracks"
    order = np.lexsort((data[:, 1], data[:, 0]))
    np.testing.assert_array_equal(order, np.arange(len(data)))
    assert data[:, 1].min() == 0
    assert len(attributes["features"]["class"]) == len(data)


def test_heat_covers_the_scene_corner_to_corner(trails):
    place = Place(scale=(1.0, 0.5, 0.5), translate=(0.0, 10.0, 20.0))
    look = Placement(place).flat((10, 20), trails)
    far = np.array(look["translate"]) + np.array(look["scale"]) * (9, 19)
    np.testing.assert_allclose(look["translate"], (10, 20))
    wanted = np.array([10, 20]) + 0.5 * np.array([trails.scene.height - 1, trails.scene.width - 1])
    np.testing.assert_allclose(far, wanted)


def test_world_and_scene_are_there_and_back(trails):
    place = Place(scale=(2.0, 0.5, 0.25), translate=(1.0, 10.0, 20.0))
    ground = Placement(place, origin_s=100.0, rate_hz=10.0)
    [world] = ground.to_world(101.0, 4.0, 8.0)
    np.testing.assert_allclose(world, (21, 12, 22))
    np.testing.assert_allclose(ground.to_px(world), (4, 8))


def test_badges_cover_no_trail_and_keep_apart_and_inside(trails):
    size = trails.scene.height, trails.scene.width
    radius = BADGE_RADIUS * max(size)
    paths = [path_of(trails, row) for row in range(9)]
    points = np.array(badge_points(paths, paths, size))
    assert (points >= radius - 1).all()
    assert (points <= np.array(size) - radius + 1).all()
    apart = np.linalg.norm(points[:, None] - points[None], axis=2)
    assert apart[np.triu_indices(len(points), 1)].min() >= 2 * radius
    for point in points:
        for path in paths:
            y, x = (path - point).T
            assert _distance_from_origin(y, x) > radius
    assert badge_points([], [], size) == []


def test_heat_begins_with_nothing_and_ends_with_the_class_s_colour():
    colours = heat_colours("#ff8000")
    assert colours[0, 3] == 0
    np.testing.assert_allclose(colours[-1, :3], [1, 128 / 255, 0], atol=1e-6)
    assert (np.diff(colours[:, 3]) > 0).all()


def test_positions_left_of_the_scene_are_moved_and_found_again():
    from napari.layers import Tracks

    data = np.array([[1, 0, -5, -8], [1, 1, 2, 3], [1, 2, 9, 4], [2, 0, 0, 0], [2, 1, 4, 4]])
    layer = Tracks(data, scale=(1, 0.1, 0.1), features={"label": ["a", "a", "a", "b", "b"]})
    source = source_of_layer(layer)
    assert isinstance(source, Source)
    trails = source.trails
    assert trails.table["class"].tolist() == ["a", "b"]
    world = source.placement.to_world(trails.time, trails.y, trails.x)
    np.testing.assert_allclose(world, data[:, 1:] * (1, 0.1, 0.1), atol=1e-6)


@pytest.mark.parametrize("size", [0.5, 24.0, 300.0, 80_000.0])
def test_tracks_in_any_unit_stay_where_they_are(size):
    from napari.layers import Tracks

    rng = np.random.default_rng(3)
    position = rng.uniform(0, size, (40, 2))
    data = np.column_stack([np.repeat(np.arange(8), 5), np.tile(np.arange(5), 8), position])
    layer = Tracks(data, scale=(2.0, 0.5, 0.25), translate=(3.0, 10.0, 20.0))
    source = source_of_layer(layer)
    trails = source.trails
    assert not len(trails.problems)
    assert 2 <= max(trails.scene.width, trails.scene.height) <= 4097
    assert trails.y.max() <= trails.scene.height
    world = source.placement.to_world(trails.time, trails.y, trails.x)
    wanted = data[:, 1:] * layer.scale + layer.translate
    np.testing.assert_allclose(world, wanted, rtol=1e-4, atol=1e-5 * size)


def test_linked_points_may_have_names_gaps_and_loners():
    from napari.layers import Points

    data = np.array([[0, 1, 1], [1, 5, 5], [2, np.nan, 3], [0, 2, 2], [1, 3, 4], [1, 9, 9]])
    names = ["fast", "fast", "fast", "slow", "slow", None]
    trails = source_of_layer(Points(data, features={"particle": names})).trails
    assert trails.table["trail"].tolist() == ["fast", "slow"]
    assert trails.n_samples.tolist() == [2, 2]
    numbers = [4, 4, 4, 7, 7, -1]
    trails = source_of_layer(Points(data, features={"particle": numbers})).trails
    assert trails.table["trail"].tolist() == ["4", "7"]


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (lambda n: n.Points(np.zeros((4, 3))), "link the spots first"),
        (lambda n: n.Points(np.zeros((4, 2)), features={"particle": [1] * 4}), "has 2 axes"),
        (lambda n: n.Points(np.zeros((4, 3)), features={"particle": [-1] * 4}), "no sample"),
        (lambda n: n.Tracks([[1, 0, 1, 1], [1, 1, 2, 2]], rotate=30), "rotated"),
        (lambda n: n.Tracks([[1, 0, 1, 1, 1], [1, 1, 2, 2, 2]]), "has 4 axes"),
        (lambda n: n.Tracks([[1, 0, 1, 1], [2, 1, 2, 2]]), "one usable sample"),
    ],
)
def test_layers_that_hold_no_trails_are_refused_with_what_to_do(layer, words):
    import napari.layers

    with pytest.raises(NapariUaiError, match=words):
        source_of_layer(layer(napari.layers))


def test_one_track_alone_is_ranked():
    from napari.layers import Tracks

    trails = source_of_layer(Tracks([[5, 0, 1, 1], [5, 1, 20, 20], [5, 2, 90, 70]])).trails
    assert len(analyse_trails(trails).scores) == 1


def test_a_drawn_way_follows_all_corners_of_a_trail_that_waits():
    waits = np.column_stack([np.zeros(5000), np.zeros(5000)])
    corners = np.array([[0, 0], [0, 300], [200, 300], [200, 40], [90, 40]], float)
    walk = np.vstack([np.linspace(a, b, 40) for a, b in pairwise(corners)])
    position = np.vstack([waits, walk])
    table = {
        "trail": 1,
        "frame": np.arange(len(position)),
        "y": position[:, 0],
        "x": position[:, 1],
    }
    trails = trails_of_frame(pd.DataFrame(table), scene_size=(400, 300))
    path = path_of(trails, 0)
    assert len(path) < 10
    for corner in corners:
        assert np.linalg.norm(path - corner, axis=1).min() < 3


def test_a_missing_layer_is_reported():
    with pytest.raises(BadValueError, match="no Tracks layer"):
        source_of_layer(None)
