import numpy as np
import pandas as pd
import pytest

from napari_uai.errors import BadValueError, CancelledError
from napari_uai.monitor import Monitor
from napari_uai.trails.scores.resampling import (
    resample_along_arc,
    walk,
    within_reach,
)
from napari_uai.trails.table import Scene, trails_of


def make_trails(*ways):
    frames = [
        pd.DataFrame({"trail": str(i), "time": np.arange(len(w)), "y": w[:, 0], "x": w[:, 1]})
        for i, w in enumerate(np.asarray(w, float) for w in ways)
    ]
    return trails_of(pd.concat(frames), Scene(200, 100))


@pytest.fixture
def wild():
    rng = np.random.default_rng(1)
    return make_trails(*(rng.uniform(0, 100, (n, 2)).cumsum(0) / 5 for n in (2, 7, 40, 133)))


def arc_positions(way):
    return np.concatenate([[0], np.hypot(*np.diff(way, axis=0).T).cumsum()])


def ways(trails):
    for i in range(len(trails)):
        part = trails.trail(i)
        yield np.column_stack([trails.y[part], trails.x[part]]).astype(float)


def test_points_lie_at_equal_distances_along_the_way(wild):
    points = resample_along_arc(wild, n_points=9)
    for way, found in zip(ways(wild), points, strict=True):
        arc = arc_positions(way)
        wanted = np.linspace(0, arc[-1], 9)
        expected = np.column_stack([np.interp(wanted, arc, way[:, k]) for k in (0, 1)])
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_trails_that_never_move_repeat_their_place():
    trails = make_trails([[3, 4]], [[5, 6]] * 4, [[1, 1], [1, 1], [1, 3], [1, 3]])
    points = resample_along_arc(trails, n_points=3)
    np.testing.assert_array_equal(points[0], [[3, 4]] * 3)
    np.testing.assert_array_equal(points[1], [[5, 6]] * 3)
    np.testing.assert_array_equal(points[2], [[1, 1], [1, 2], [1, 3]])


def test_dividers_touch_the_way_a_step_apart(wild):
    paths = walk(wild, step_px=7)
    for i in range(len(wild)):
        own = slice(paths.offsets[i], paths.offsets[i + 1])
        apart = np.hypot(np.diff(paths.y[own]), np.diff(paths.x[own]))
        np.testing.assert_allclose(apart, 7, rtol=1e-4)
        assert np.all(np.diff(paths.sample[own]) > 0)
        # Nothing between two points leaves the circle about the first.
        for k, (a, b) in enumerate(zip(paths.sample[own][:-1], paths.sample[own][1:], strict=True)):
            between = slice(int(np.ceil(a)), int(np.floor(b)) + 1)
            y, x = paths.y[own][k], paths.x[own][k]
            assert np.all(np.hypot(wild.y[between] - y, wild.x[between] - x) <= 7.001)
        last = slice(int(np.ceil(paths.sample[own][-1])), wild.offsets[i + 1])
        y, x = paths.y[own][-1], paths.x[own][-1]
        assert np.all(np.hypot(wild.y[last] - y, wild.x[last] - x) <= 7.001)


def test_points_lie_on_the_segments_that_they_name(wild):
    paths = walk(wild, step_px=7)
    position = np.arange(wild.offsets[-1])
    np.testing.assert_allclose(
        np.interp(paths.sample, position, wild.y), paths.y, atol=1e-3, rtol=0
    )
    assert np.all(np.diff(paths.owner) >= 0)


def test_dividers_step_over_jitter():
    rng = np.random.default_rng(0)
    x = np.arange(0, 100, 0.05)
    way = np.column_stack([np.full(len(x), 50.0), x]) + rng.uniform(-0.5, 0.5, (len(x), 2))
    trails = make_trails(way, way[:3])
    paths = walk(trails, step_px=5)
    assert arc_positions(way)[-1] > 500
    assert 20 <= paths.offsets[1] <= 22
    assert paths.offsets[2] - paths.offsets[1] == 1


@pytest.mark.parametrize("n_trails", [0, 1, 3000])
def test_threads_give_what_one_thread_gives(n_trails):
    rng = np.random.default_rng(2)
    long = [rng.uniform(0, 100, (rng.integers(1, 80), 2)) for _ in range(n_trails)]
    table = pd.DataFrame(
        {
            "trail": np.repeat(np.arange(n_trails), [len(w) for w in long]),
            "time": np.concatenate([np.arange(len(w)) for w in long] or [[]]),
            "y": np.concatenate([w[:, 0] for w in long] or [[]]),
            "x": np.concatenate([w[:, 1] for w in long] or [[]]),
        }
    )
    trails = trails_of(table, Scene(100, 100))
    points = resample_along_arc(trails, n_points=4)
    paths = walk(trails, step_px=9)
    assert points.shape == (n_trails, 4, 2)
    assert len(paths.offsets) == n_trails + 1
    for i in range(0, n_trails, 499):
        alone = trails.select([i])
        np.testing.assert_array_equal(resample_along_arc(alone, n_points=4)[0], points[i])
        own = slice(paths.offsets[i], paths.offsets[i + 1])
        np.testing.assert_array_equal(walk(alone, step_px=9).x, paths.x[own])


def test_values_out_of_range_and_a_stop_are_heard(wild):
    with pytest.raises(BadValueError, match="n_points"):
        resample_along_arc(wild, n_points=1)
    for step in (0, -1, np.nan):
        with pytest.raises(BadValueError, match="step_px"):
            walk(wild, step_px=step)
    with pytest.raises(CancelledError):
        walk(wild, step_px=1, monitor=Monitor(cancelled=lambda: True))


def test_positions_that_are_not_finite_are_refused():
    trails = make_trails([[1, 1], [np.nan, 2], [3, 3]], [[0, 0], [1, np.inf]])
    for resample in (resample_along_arc, lambda of: walk(of, step_px=1)):
        with pytest.raises(BadValueError, match="must be finite: drop"):
            resample(trails)


def test_the_end_of_the_world_is_one_scene_away(wild):
    assert within_reach(wild) is not None
    far = make_trails([[50, 50], [1e12, -1e12], [60, 60]])
    near = within_reach(far)
    np.testing.assert_array_equal(near.y, [50, 200, 60])
    np.testing.assert_array_equal(near.x, [50, -200, 60])
