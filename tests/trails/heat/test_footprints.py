"""Footprints: what each trail paints, which way it goes, and what it weighs where."""

import cv2
import numpy as np
import pandas as pd
import pytest

from napari_uai.errors import BadValueError, CancelledError
from napari_uai.monitor import Monitor
from napari_uai.trails.heat.brush import (
    brush,
    count_groups,
    count_trails,
    counts_and_areas,
)
from napari_uai.trails.heat.footprints import heatmap_grid, paint_footprints
from napari_uai.trails.heat.heat import NEIGHBOURING_DIRECTIONS, make_blur
from napari_uai.trails.heat.own_heat import own_heat
from napari_uai.trails.table import Scene, trails_of

# One cell per px: the heatmap is the scene.
SCENE = Scene(64, 48)
GRID = {"longest_side_px": 64}


def trails_along(*paths, time=None, scene=SCENE):
    """Trails through lists of (x, y), a sample a second."""
    rows = [
        (f"t{i}", j if time is None else time[j], y, x)
        for i, path in enumerate(paths)
        for j, (x, y) in enumerate(path)
    ]
    return trails_of(pd.DataFrame(rows, columns=["trail", "time", "y", "x"]), scene)


def wandering(n, seed, scene=SCENE):
    """Make trails of 1 to 30 samples that wander through the scene and leave it at times."""
    rng = np.random.default_rng(seed)
    start = rng.uniform(0, 60, (n, 2))
    return trails_along(
        *(p + np.cumsum(rng.normal(0, 4, (rng.integers(1, 30), 2)), axis=0) for p in start),
        scene=scene,
    )


def dense(footprints, row):
    """Lay the brush on each cell of a path in a plain loop."""
    layers, rows, columns = footprints.map_shape
    canvas = np.zeros(footprints.map_shape, int)
    full = brush(footprints.painted_width_px)[0]
    for cell in footprints.cells[footprints.offsets[row] : footprints.offsets[row + 1]]:
        layer, r, c = np.unravel_index(cell, (layers, rows, columns))
        for dr, dc in full:
            if 0 <= r + dr < rows and 0 <= c + dc < columns:
                canvas[layer, r + dr, c + dc] = 1
    return canvas


def painted_areas(footprints):
    """Return the number of cells that each trail covers."""
    return counts_and_areas(footprints, np.zeros(len(footprints), np.int32), 1)[1]


@pytest.mark.parametrize("width", [1, 3, 5, 9])
@pytest.mark.parametrize("n_directions", [1, 8])
def test_counts_are_those_of_a_plain_loop_over_trails(width, n_directions):
    trails = wandering(30, seed=width)
    footprints = paint_footprints(trails, painted_width_px=width, n_directions=n_directions, **GRID)
    expected = [dense(footprints, i) for i in range(len(trails))]
    np.testing.assert_array_equal(count_trails(footprints), np.sum(expected, axis=0))
    np.testing.assert_array_equal(painted_areas(footprints), [e.sum() for e in expected])
    np.testing.assert_array_equal(count_trails(footprints, [7]), expected[7])


def test_many_trails_in_threads_count_as_few_in_one():
    trails = wandering(700, seed=3)
    footprints = paint_footprints(trails, n_directions=4, **GRID)
    parts = [count_trails(footprints, [i]) for i in range(len(trails))]
    np.testing.assert_array_equal(count_trails(footprints), np.sum(parts, axis=0))


def test_counts_of_trails_that_come_and_go_are_increments():
    footprints = paint_footprints(wandering(20, seed=1), **GRID)
    some = np.arange(20) % 3 == 0
    increment = count_trails(footprints, some) - count_trails(footprints, [0, 3])
    rest = np.setdiff1d(np.flatnonzero(some), [0, 3])
    np.testing.assert_array_equal(increment, count_trails(footprints, rest))


def test_groups_are_counted_apart_and_negative_ones_not_at_all():
    footprints = paint_footprints(wandering(9, seed=2), **GRID)
    groups = np.array([0, 1, -1] * 3, np.int32)
    counts = count_groups(footprints, groups, 2)
    np.testing.assert_array_equal(counts[0], count_trails(footprints, groups == 0))
    np.testing.assert_array_equal(counts[1], count_trails(footprints, groups == 1))


def test_a_trail_that_crosses_itself_counts_once_in_each_cell():
    loop = [(10, 10), (40, 30), (40, 10), (10, 30), (10, 10), (40, 30)]
    assert count_trails(paint_footprints(trails_along(loop), **GRID)).max() == 1


def test_width_3_is_what_opencv_paints_with_thickness_2():
    for path in ([(5, 9), (50, 9)], [(20, 4), (20, 40)]):
        canvas = np.zeros((48, 64), np.uint8)
        cv2.polylines(canvas, [np.array(path, np.int32)], isClosed=False, color=1, thickness=2)
        ours = count_trails(paint_footprints(trails_along(path), **GRID))[0]
        np.testing.assert_array_equal(ours, canvas)


def test_a_painted_width_is_as_wide_as_it_says_in_any_direction():
    scene = Scene(400, 400)
    for width in (3, 7, 15):
        for angle in np.linspace(0, np.pi, 9):
            there = 120 * np.array([np.cos(angle), np.sin(angle)])
            path = [200 - there, 200 + there]
            footprints = paint_footprints(
                trails_along(path, scene=scene), longest_side_px=400, painted_width_px=width
            )
            round_ends = np.pi * width**2 / 4
            assert (painted_areas(footprints)[0] - round_ends) / 240 == pytest.approx(
                width, rel=0.3 if width == 3 else 0.13
            )


def test_paths_go_on_to_neighbouring_cells_through_every_sample():
    trails = wandering(40, seed=4)
    footprints = paint_footprints(trails, n_directions=6, **GRID)
    rows, columns = footprints.shape
    at = np.stack(np.unravel_index(footprints.cells % (rows * columns), (rows, columns)))
    inner = np.ones(len(footprints.cells), bool)
    inner[footprints.offsets[:-1]] = False
    steps = np.abs(np.diff(at, axis=1)).max(axis=0)[inner[1:]]
    assert (steps == 1).all()
    expected = np.stack([trails.y, trails.x]) * np.array(footprints.scale)[:, None]
    expected = np.clip(np.floor(expected + 0.5), 0, [[rows - 1], [columns - 1]])
    np.testing.assert_array_equal(at[:, footprints.point_of_sample], expected)


def test_the_outermost_pixels_lie_on_the_outermost_cells():
    shape, (scale_y, scale_x) = heatmap_grid(1280, 720, 360)
    assert shape == (202, 360)
    assert (719 * scale_y, 1279 * scale_x) == pytest.approx((201, 359))
    assert heatmap_grid(30, 300, 60)[0] == (60, 6)


def test_shares_of_each_trail_sum_to_one():
    footprints = paint_footprints(wandering(50, seed=5), **GRID)
    for shares in (footprints.time_share, footprints.arc_share):
        sums = np.add.reduceat(shares, footprints.offsets[:-1])
        np.testing.assert_allclose(sums, 1, rtol=1e-5)


def test_time_lies_where_it_is_spent_and_arc_where_ground_is_covered():
    rng = np.random.default_rng(0)
    there = [(x, 20) for x in range(5, 30)]
    rest = [(30 + dx, 20 + dy) for dx, dy in rng.normal(0, 0.7, (100, 2))]
    on = [(x, 20) for x in range(31, 60)]
    footprints = paint_footprints(trails_along([*there, *rest, *on]), **GRID)
    column = footprints.cells % 64
    resting = (column >= 27) & (column <= 33)
    assert footprints.time_share[resting].sum() == pytest.approx(105 / 154, abs=0.03)
    assert footprints.arc_share[resting].sum() < 0.25


def test_time_between_sparse_samples_is_spread_over_the_way():
    path = [(10, 10), (30, 10), (50, 10)]
    footprints = paint_footprints(trails_along(path, time=[0.0, 3.0, 4.0]), **GRID)
    column = footprints.cells % 64
    assert footprints.time_share[column < 30].sum() == pytest.approx(0.75 * 20 / 21)
    np.testing.assert_allclose(footprints.arc_share, 1 / 41, rtol=0.03)


@pytest.mark.parametrize("bin_", range(8))
def test_a_straight_trail_lies_in_the_bin_of_its_direction(bin_):
    way = np.array([np.cos(bin_ * np.pi / 4), np.sin(bin_ * np.pi / 4)])
    path = [(32, 24) + way * (t - 15) for t in range(30)]
    footprints = paint_footprints(trails_along(path, path[::-1]), n_directions=8, **GRID)
    layer = footprints.cells // (48 * 64)
    there, back = np.split(layer, footprints.offsets[1:-1])
    assert set(there) == {bin_}
    assert set(back) == {(bin_ + 4) % 8}


def test_jitter_of_an_object_that_dwells_does_not_point_everywhere():
    rng = np.random.default_rng(1)
    there = [(x, 20) for x in range(5, 30)]
    rest = [(30 + dx, 20 + dy) for dx, dy in rng.normal(0, 0.8, (200, 2))]
    on = [(x, 20) for x in range(31, 60)]
    footprints = paint_footprints(trails_along([*there, *rest, *on]), n_directions=12, **GRID)
    layers, counts = np.unique(footprints.cells // (48 * 64), return_counts=True)
    assert set(layers) <= {11, 0, 1}
    assert counts.max() > 0.95 * counts.sum()


def test_a_trail_that_gets_nowhere_has_no_direction():
    rest = [(30 + 0.5 * (i % 2), 20) for i in range(20)]
    footprints = paint_footprints(trails_along(rest, [(3, 3)]), n_directions=4, **GRID)
    assert footprints.n_layers == 5
    assert set(footprints.cells // (48 * 64)) == {4}


def test_both_stretches_of_a_turn_keep_their_direction():
    corner = [(x, 10) for x in range(5, 40)] + [(40, y) for y in range(10, 45)]
    footprints = paint_footprints(trails_along(corner), n_directions=4, **GRID)
    layer, place = np.divmod(footprints.cells, 48 * 64)
    row, column = np.divmod(place, 64)
    assert (layer[column < 32] == 0).all()
    assert (layer[row > 18] == 1).all()


@pytest.mark.parametrize("kind", ["box", "gaussian"])
@pytest.mark.parametrize("n_directions", [1, 6])
def test_own_heat_is_the_blurred_footprint_read_along_the_path(kind, n_directions):
    footprints = paint_footprints(wandering(12, seed=6), n_directions=n_directions, **GRID)
    blur = make_blur(5, kind)
    own = own_heat(footprints, blur_weights=blur.weights, direction_weights=NEIGHBOURING_DIRECTIONS)
    for i in range(12):
        planes = [
            cv2.sepFilter2D(p.astype(float), -1, *[blur.weights.astype(float)] * 2, borderType=1)
            for p in dense(footprints, i)
        ]
        if n_directions > 1:
            bins = planes[:-1]
            planes[:-1] = [
                bins[b] + 0.5 * bins[b - 1] + 0.5 * bins[(b + 1) % n_directions]
                for b in range(n_directions)
            ]
        mine = slice(footprints.offsets[i], footprints.offsets[i + 1])
        expected = np.ravel(planes)[footprints.cells[mine]]
        np.testing.assert_allclose(own[mine], expected, atol=1e-6)


def test_positions_beyond_the_border_are_drawn_at_the_border():
    footprints = paint_footprints(trails_along([(-50, 10), (200, 10)]), **GRID)
    column = footprints.cells % 64
    assert (column.min(), column.max()) == (0, 63)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"painted_width_px": 4}, "odd"),
        ({"painted_width_px": -1}, "at least 1"),
        ({"longest_side_px": 8}, "16"),
        ({"n_directions": 0}, "at least 1, at most 72"),
        ({"direction_span_px": 0.0}, "above 0"),
    ],
)
def test_parameters_outside_their_limits_are_refused(wrong, says):
    with pytest.raises(BadValueError, match=says):
        paint_footprints(trails_along([(1, 1)]), **wrong)


def test_positions_that_are_not_finite_are_refused():
    with pytest.raises(BadValueError, match="x must be finite"):
        paint_footprints(trails_along([(np.nan, 3), (4, 4)]), **GRID)


def test_painting_stops_when_asked_to():
    with pytest.raises(CancelledError):
        paint_footprints(wandering(3, seed=0), monitor=Monitor(cancelled=lambda: True), **GRID)
