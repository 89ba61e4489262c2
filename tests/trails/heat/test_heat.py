"""Heat without the trail itself; increments; means and worst windows along trails."""

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import convolve1d

from napari_uai.errors import BadValueError
from napari_uai.trails.heat.along_trails import mean_over_trails, worst_window
from napari_uai.trails.heat.brush import count_trails
from napari_uai.trails.heat.footprints import paint_footprints
from napari_uai.trails.heat.heat import (
    make_blur,
    measure_heat,
    update_heat,
)
from napari_uai.trails.table import Scene, trails_of

SCENE = Scene(64, 48)


def traffic(n, seed, n_directions=1):
    """Footprints of trails to and fro across a small scene, and a class for each."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        x = np.linspace(2, 61, 25) if i % 3 else np.linspace(61, 2, 25)
        y = 24 + rng.normal(0, 4) + rng.normal(0, 0.5, 25) + rng.normal(0, 0.3) * (x - 30)
        rows += [(f"t{i}", t, y[t], x[t]) for t in range(25)]
    trails = trails_of(pd.DataFrame(rows, columns=["trail", "time", "y", "x"]), SCENE)
    footprints = paint_footprints(trails, longest_side_px=64, n_directions=n_directions)
    return footprints, np.array(["car", "van", "car"])[np.arange(n) % 3]


def points_of(footprints, row):
    return slice(footprints.offsets[row], footprints.offsets[row + 1])


@pytest.mark.parametrize("blur_kind", ["box", "gaussian"])
@pytest.mark.parametrize("blur_px", [1, 5])
@pytest.mark.parametrize("n_directions", [1, 12])
def test_leaving_a_trail_out_equals_measuring_without_it(blur_kind, blur_px, n_directions):
    footprints, classes = traffic(30, 0, n_directions)
    how = {"blur_px": blur_px, "blur_kind": blur_kind}
    heat = measure_heat(footprints, classes, **how)
    for row in (0, 7, 29):
        without = measure_heat(footprints, classes, included=np.arange(30) != row, **how)
        own = points_of(footprints, row)
        np.testing.assert_allclose(heat.at_points[own], without.at_points[own], atol=1e-5)


@pytest.mark.parametrize("blur_kind", ["box", "gaussian"])
def test_heat_is_the_sum_of_the_other_trails_blurred_once(blur_kind):
    footprints, _ = traffic(10, 1)
    heat = measure_heat(footprints, blur_px=5, blur_kind=blur_kind)
    weights = make_blur(5, blur_kind).weights.astype(float)
    for row in range(10):
        others = count_trails(footprints, np.arange(10) != row)[0].astype(float)
        for axis in (0, 1):
            others = convolve1d(others, weights, axis=axis, mode="nearest")
        own = points_of(footprints, row)
        np.testing.assert_allclose(
            heat.at_points[own], others.ravel()[footprints.cells[own]], atol=1e-5
        )


def test_a_gaussian_is_as_wide_as_the_box_of_the_same_width():
    for width in (3, 7, 15):
        weights = make_blur(width, "gaussian").weights
        x = np.arange(len(weights)) - len(weights) // 2
        assert (weights * x**2).sum() == pytest.approx((width**2 - 1) / 12, rel=0.06)


def test_a_trail_alone_in_its_class_meets_no_heat():
    footprints, _ = traffic(4, 2)
    heat = measure_heat(footprints, ["a", "a", "a", "b"])
    assert heat.classes == ("a", "b")
    assert heat.at_points[points_of(footprints, 3)].max() < 1e-6
    assert heat.at_points[points_of(footprints, 0)].max() > 0


def test_a_trail_that_is_not_included_is_measured_against_the_others_in_full():
    footprints, _ = traffic(6, 3)
    included = np.arange(6) != 2
    heat = measure_heat(footprints, included=included, blur_px=1)
    counts = count_trails(footprints, included).ravel()
    own = points_of(footprints, 2)
    np.testing.assert_array_equal(heat.at_points[own], counts[footprints.cells[own]])
    assert heat.n_trails.tolist() == [5]


def test_those_who_go_the_other_way_are_no_company():
    footprints, _ = traffic(30, 4, n_directions=8)
    heat = measure_heat(footprints, blur_px=3)
    mean = mean_over_trails(footprints, heat.at_points)
    fro = np.arange(30) % 3 == 0
    undirected, _ = traffic(30, 4)
    both = mean_over_trails(undirected, measure_heat(undirected, blur_px=3).at_points)
    assert mean[fro].mean() < 0.8 * mean[~fro].mean()
    assert both[fro].mean() == pytest.approx(both[~fro].mean(), rel=0.2)


def test_a_trail_without_direction_is_read_from_the_most_frequented_one():
    rows = [(f"t{i}", t, 20.0, 2.0 * t) for i in range(5) for t in range(30)]
    rows += [(f"s{i}", t, 20.0, 30 + 0.2 * t) for i in range(2) for t in range(5)]
    trails = trails_of(pd.DataFrame(rows, columns=["trail", "time", "y", "x"]), SCENE)
    footprints = paint_footprints(trails, longest_side_px=64, n_directions=4)
    heat = measure_heat(footprints, blur_px=1)
    np.testing.assert_array_equal(heat.at_points[points_of(footprints, 5)], 5 + 1)
    np.testing.assert_array_equal(heat.at_points[points_of(footprints, 0)], 4)


@pytest.mark.parametrize("n_directions", [1, 6])
def test_an_update_equals_measuring_anew(n_directions):
    footprints, classes = traffic(40, 5, n_directions)
    rng = np.random.default_rng(0)
    heat = measure_heat(footprints, classes, included=rng.random(40) < 0.8)
    included, others = rng.random(40) < 0.7, classes.astype(object)
    others[:5] = "bike"
    updated = update_heat(heat, classes=others, included=included)
    anew = measure_heat(footprints, others, included=included)
    assert updated.classes == ("car", "van", "bike")
    for k, name in enumerate(anew.classes):
        np.testing.assert_array_equal(updated.counts[updated.classes.index(name)], anew.counts[k])
    np.testing.assert_array_equal(updated.at_points, anew.at_points)


def test_an_update_leaves_what_it_came_from_as_it_was():
    footprints, classes = traffic(12, 6)
    heat = measure_heat(footprints, classes)
    before = heat.counts.copy(), heat.blurred.copy(), heat.at_points.copy()
    update_heat(heat, included=np.arange(12) > 5)
    for old, now in zip(before, (heat.counts, heat.blurred, heat.at_points), strict=True):
        np.testing.assert_array_equal(old, now)


def test_the_map_of_a_class_adds_directions_up():
    directed, classes = traffic(9, 7, n_directions=4)
    plain, _ = traffic(9, 7)
    maps = [measure_heat(f, classes, blur_px=3).map_of("car") for f in (directed, plain)]
    assert maps[0].shape == (48, 64)
    assert maps[0].sum() == pytest.approx(maps[1].sum(), rel=0.1)
    with pytest.raises(BadValueError, match="choose from car, van"):
        measure_heat(plain, classes).map_of("bus")


@pytest.mark.parametrize("weigh", ["time", "arc"])
def test_a_mean_weighs_each_point_by_its_share(weigh):
    footprints, _ = traffic(8, 8)
    values = np.random.default_rng(0).random(len(footprints.cells)).astype(np.float32)
    means = mean_over_trails(footprints, values, weigh=weigh)
    for i in range(8):
        own = points_of(footprints, i)
        expected = np.average(values[own], weights=footprints.weights(weigh)[own])
        assert means[i] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("share", [0.05, 0.2, 0.7, 1.0])
def test_the_worst_window_is_the_lowest_mean_of_all_stretches(share):
    footprints, _ = traffic(8, 9)
    values = np.random.default_rng(1).random(len(footprints.cells)).astype(np.float32)
    found = worst_window(footprints, values, share=share, weigh="time")
    for i in range(8):
        own = points_of(footprints, i)
        border = np.concatenate([[0], np.cumsum(footprints.time_share[own], dtype=float)])
        border /= border[-1]
        weighed = np.diff(border) * values[own]
        sum_up_to = np.concatenate([[0], np.cumsum(weighed)])
        starts = np.linspace(0, 1 - share, 4001)
        means = (
            np.interp(starts + share, border, sum_up_to) - np.interp(starts, border, sum_up_to)
        ) / share
        assert found.mean[i] <= means.min() + 1e-6
        assert found.mean[i] == pytest.approx(means.min(), abs=2e-3)
        first, behind = found.start[i] - own.start, found.stop[i] - own.start
        assert 0 <= first < behind <= len(values[own])
        held = border[behind] - border[first]
        assert held >= share - 1e-6
        starts = np.linspace(border[first], max(border[behind] - share, border[first]), 2001)
        means = (
            np.interp(starts + share, border, sum_up_to) - np.interp(starts, border, sum_up_to)
        ) / share
        assert found.mean[i] == pytest.approx(means.min(), abs=2e-3)


def test_the_worst_window_of_a_single_point_is_its_value():
    trails = trails_of(pd.DataFrame({"trail": ["a"], "time": [0], "y": [5], "x": [5]}), SCENE)
    footprints = paint_footprints(trails)
    found = worst_window(footprints, np.array([0.25], np.float32))
    assert (found.mean[0], found.start[0], found.stop[0]) == (0.25, 0, 1)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"blur_px": 2}, "odd"),
        ({"blur_kind": "median"}, "one of box, gaussian"),
        ({"classes": ["a"]}, "one class for each"),
        ({"included": [True]}, "True or False for each"),
        ({"included": [0, 1, 2]}, "True or False for each"),
    ],
)
def test_wrong_values_are_refused(wrong, says):
    footprints, _ = traffic(3, 0)
    with pytest.raises(BadValueError, match=says):
        measure_heat(footprints, **wrong)


def test_a_share_outside_its_limits_is_refused():
    footprints, _ = traffic(3, 0)
    with pytest.raises(BadValueError, match="above 0, at most 1"):
        worst_window(footprints, np.zeros(len(footprints.cells), np.float32), share=0.0)
