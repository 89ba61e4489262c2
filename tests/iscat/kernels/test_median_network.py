from __future__ import annotations

import itertools

import numpy as np
import pytest

from napari_uai.iscat.kernels.median_network import (
    LANES,
    median_network,
    median_of_lanes,
    sorting_steps,
)


@pytest.mark.parametrize("size", range(1, 13))
def test_steps_sort_every_sequence_of_zeros_and_ones(size):
    """Which is to sort everything (Knuth's zero-one principle)."""
    rows = np.array(list(itertools.product((0, 1), repeat=size))).T
    for low, high in sorting_steps(size):
        rows[[low, high]] = np.sort(rows[[low, high]], axis=0)
    assert (np.diff(rows, axis=0) >= 0).all()


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 9, 25, 70, 71, 72, 73, 128, 257])
def test_medians_agree_with_numpy(size):
    values = np.random.default_rng(size).normal(size=(size, LANES)).astype(np.float32)
    out = np.empty(LANES, np.float32)
    median_of_lanes(values.ravel().copy(), size, median_network(size), out)
    np.testing.assert_allclose(out, np.median(values, axis=0), rtol=1e-6, atol=1e-8)


def test_equal_and_infinite_values_are_ranked_too():
    values = np.repeat(np.float32([[3], [np.inf], [3], [-np.inf], [3], [1]]), LANES, axis=1)
    out = np.empty(LANES, np.float32)
    median_of_lanes(values.ravel().copy(), 6, median_network(6), out)
    assert (out == 3).all()


def test_steps_that_the_median_does_not_need_are_left_out():
    assert len(median_network(72).low) < 0.85 * len(sorting_steps(72))
