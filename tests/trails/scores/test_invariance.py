"""Ranks do not depend on what is arbitrary: order, names, place, units, one wild sample."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from napari_uai.simulate.settings import TrailSettings
from napari_uai.simulate.trails.simulation import simulate_trails
from napari_uai.trails.scores.scores import score_trails


@pytest.fixture(scope="module")
def trails():
    chosen = TrailSettings(seed=4, trails=150, anomalous_fraction=0.04, scene="lanes",
                           anomalies="movements")  # fmt: skip
    return simulate_trails(chosen).trails


@pytest.fixture(scope="module")
def ranks(trails):
    return ranks_of(trails)


def ranks_of(trails):
    """Return the rank of each row."""
    ranks = np.empty(len(trails), int)
    ranks[score_trails(trails).rows] = np.arange(len(trails))
    return ranks


@given(seed=st.integers(0, 1000))
@settings(max_examples=5, deadline=None)
def test_the_order_of_rows_leaves_the_ranks(trails, ranks, seed):
    order = np.random.default_rng(seed).permutation(len(trails))
    np.testing.assert_array_equal(ranks_of(trails.select(order)), ranks[order])


def test_names_leave_the_ranks(trails, ranks):
    names = [f"object {i * 7919 % 1000}" for i in range(len(trails))]
    renamed = replace(trails, table=trails.table.assign(trail=names))
    np.testing.assert_array_equal(ranks_of(renamed), ranks)


@given(seconds=st.integers(-(10**6), 10**6), factor=st.sampled_from([0.25, 0.5, 2, 4]))
@settings(max_examples=5, deadline=None)
def test_origin_and_unit_of_time_leave_the_ranks(trails, ranks, seconds, factor):
    time = trails.time - trails.time[0]
    changed = ranks_of(replace(trails, time=factor * time + seconds))
    assert spearmanr(changed, ranks).statistic > 0.9999
    np.testing.assert_array_equal(changed[ranks < 10], ranks[ranks < 10])


@pytest.mark.parametrize("factor", [0.5, 2, 3])
def test_the_unit_of_length_leaves_the_ranks(trails, ranks, factor):
    scene = trails.scene
    larger = replace(
        trails,
        y=trails.y * np.float32(factor),
        x=trails.x * np.float32(factor),
        scene=replace(scene, width=int(scene.width * factor), height=int(scene.height * factor)),
    )
    changed = ranks_of(larger)
    assert spearmanr(changed, ranks).statistic > 0.99
    assert set(np.argsort(changed)[:8]) == set(np.argsort(ranks)[:8])


@pytest.mark.parametrize(("dy", "dx"), [(0, 6.0), (-5.5, 3.0)])
def test_the_place_in_the_picture_leaves_the_ranks(trails, ranks, dy, dx):
    moved = replace(trails, y=trails.y + np.float32(dy), x=trails.x + np.float32(dx))
    changed = ranks_of(moved)
    assert spearmanr(changed, ranks).statistic > 0.98
    assert len(set(np.argsort(changed)[:8]) & set(np.argsort(ranks)[:8])) >= 7


def test_one_wild_sample_leaves_the_ranks_of_all_other_trails(trails, ranks):
    y = trails.y.copy()
    last = int(ranks.argmax())
    y[trails.offsets[last] + 3] = 1e6
    changed = ranks_of(replace(trails, y=y))
    others = np.arange(len(trails)) != last
    assert changed[last] < 5
    assert spearmanr(changed[others], ranks[others]).statistic > 0.99
    top = np.argsort(ranks)[:6]
    assert np.all(np.diff(changed[top]) > 0)
