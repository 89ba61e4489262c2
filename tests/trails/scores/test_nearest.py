import numpy as np
import pandas as pd
import pytest

from napari_uai.errors import BadValueError, CancelledError
from napari_uai.monitor import Monitor
from napari_uai.trails.scores.nearest import nearest_distances, nearest_of_points, relative
from napari_uai.trails.scores.resampling import resample_along_arc
from napari_uai.trails.table import Scene, trails_of


def make_trails(ways, classes=None):
    classes = classes or ["car"] * len(ways)
    frames = [
        pd.DataFrame(
            {
                "trail": str(i),
                "class": kind,
                "time": np.arange(len(way)),
                "y": np.asarray(way, float)[:, 0],
                "x": np.asarray(way, float)[:, 1],
            }
        )
        for i, (way, kind) in enumerate(zip(ways, classes, strict=True))
    ]
    return trails_of(pd.concat(frames), Scene(100, 100))


@pytest.mark.parametrize("k", [1, 3])
def test_distances_are_those_of_an_exhaustive_search(k):
    rng = np.random.default_rng(0)
    ways = [rng.uniform(0, 100, (rng.integers(1, 9), 2)) for _ in range(60)]
    kinds = [str(kind) for kind in rng.integers(0, 2, 60)]
    trails = make_trails(ways, kinds)
    found = nearest_distances(trails, k=k, n_points=8)
    points = resample_along_arc(trails, n_points=8).astype(float)
    for i in range(60):
        others = [j for j in range(60) if j != i and kinds[j] == kinds[i]]
        apart = sorted(np.sqrt(((points[i] - points[j]) ** 2).sum(1).mean()) for j in others)
        np.testing.assert_allclose(found[i], np.mean(apart[:k]), rtol=1e-5)


def test_the_way_back_is_another_way():
    there = [[0, 0], [0, 100]]
    trails = make_trails([there, [[3, 0], [3, 100]], there[::-1]])
    distances = nearest_distances(trails)
    np.testing.assert_allclose(distances[:2], 3, rtol=1e-5)
    assert distances[2] > 50


def test_equal_trails_have_no_distance_and_a_lone_one_none_to_measure():
    way = [[0, 0], [5, 5]]
    distances = nearest_distances(make_trails([way, way, way], ["a", "a", "b"]), k=5)
    np.testing.assert_array_equal(distances, [0, 0, np.nan])
    everybody = np.zeros(3, object)
    distances = nearest_distances(make_trails([way, way, way], ["a", "a", "b"]), groups=everybody)
    np.testing.assert_allclose(distances, 0, atol=1e-6)


def test_no_trails_have_no_distances():
    distances, rows = nearest_of_points(np.empty((0, 4, 2), np.float32), k=2)
    assert distances.shape == rows.shape == (0, 2)


def test_neighbours_are_named_in_the_order_of_their_distance():
    places = np.array([0, 10, 13, 14, 100, 7, 7, 7], np.float32)
    points = np.repeat(places, 8).reshape(-1, 4, 2)
    groups = np.array(["a"] * 4 + ["b"] + ["c"] * 3, object)
    distances, rows = nearest_of_points(points, k=2, groups=groups)
    root = np.sqrt(2)
    np.testing.assert_array_equal(rows[:4], [[1, 2], [2, 3], [3, 1], [2, 1]])
    np.testing.assert_allclose(distances[:4] / root, [[10, 13], [3, 4], [1, 3], [1, 4]], rtol=1e-6)
    np.testing.assert_array_equal(rows[4], [-1, -1])
    assert [set(found) for found in rows[5:]] == [{6, 7}, {5, 7}, {5, 6}]
    np.testing.assert_allclose(distances[4:], [[np.nan] * 2] + [[0, 0]] * 3)


def test_typical_distance_is_a_half():
    distances = np.array([0, 2, 4, np.nan])
    np.testing.assert_allclose(relative(distances, 2), [0, 0.5, 2 / 3, np.nan])
    np.testing.assert_array_equal(relative(np.array([0, 1, np.nan]), 0), [0, 1, np.nan])


def test_values_out_of_range_and_a_stop_are_heard():
    trails = make_trails([[[0, 0]], [[1, 1]]])
    with pytest.raises(BadValueError, match="k must be a whole number, at least 1"):
        nearest_distances(trails, k=0)
    with pytest.raises(CancelledError):
        nearest_distances(trails, monitor=Monitor(cancelled=lambda: True))
