"""Passes over samples, compared with pandas and numpy."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest

from napari_uai.trails.io.grouping import all_usable, commonest, grouped, n_pairs, trail_order
from napari_uai.trails.io.position_facts import facts_of, inside, near_extremes


@pytest.fixture
def rng():
    return np.random.default_rng(4)


def test_names_are_numbered_as_pandas_does(rng):
    names = pd.Categorical(rng.choice(["b", "a", "c", None], 500), categories=list("abcd"))
    number, known = grouped(names)
    codes, values = pd.factorize(names)
    np.testing.assert_array_equal(number, codes)
    assert known.tolist() == list(values)


@pytest.mark.parametrize("sorted_by", ["trail", "time", "nothing"])
def test_samples_are_sorted_as_numpy_does(rng, sorted_by):
    owner = rng.integers(0, 20, 1000).astype(np.int32)
    time = rng.integers(0, 30, 1000).astype(float)
    if sorted_by != "nothing":
        how = (time, owner) if sorted_by == "trail" else (owner, time)
        order = np.lexsort(how)
        owner, time = owner[order], time[order]
    found = trail_order(owner, time, 20)
    right = np.lexsort((time, owner))
    np.testing.assert_array_equal(np.arange(1000) if found is None else found, right)
    assert (found is None) == (sorted_by == "trail")


@pytest.mark.parametrize("n_kinds", [1, 3, 400])
def test_the_commonest_kind_is_that_of_counting(rng, n_kinds):
    owner = rng.integers(0, 300, 2000).astype(np.int32)
    kind = rng.integers(0, n_kinds, 2000).astype(np.int32)
    right = np.full(310, -1)
    for trail in np.unique(owner):
        counts = Counter(kind[owner == trail].tolist())
        right[trail] = min(counts, key=lambda k: (-counts[k], k))
    np.testing.assert_array_equal(commonest(owner, kind, 310, n_kinds), right)


@pytest.mark.parametrize("n", [5, 3000])
def test_pairs_are_counted(rng, n):
    one, other = (rng.integers(-1, n, 900).astype(np.int32) for _ in range(2))
    right = {(a, b) for a, b in zip(one.tolist(), other.tolist(), strict=True) if min(a, b) >= 0}
    assert n_pairs(one, other, n, n) == len(right)


def test_samples_that_lack_something_are_found():
    owner, good = np.zeros(3, np.int32), np.ones(3)
    assert all_usable(owner, good, good, good)
    assert not all_usable(np.array([0, -1, 0], np.int32), good, good, good)
    for bad in (np.nan, np.inf, -np.inf):
        values = np.array([1.0, 2.0, bad])
        assert not all_usable(owner, values, good, good)
        assert not all_usable(owner, good, values, good)
        assert not all_usable(owner, good, good, values)


@pytest.mark.parametrize("kind", ["normal", "few", "constant", "far"])
def test_values_near_the_extremes_are_those_of_sorting(rng, kind):
    values = rng.normal(size=5000)
    if kind == "few":
        values = np.round(values)
    elif kind == "constant":
        values[:] = 3.25
    elif kind == "far":
        values[::900] = 1e18
    for k in (0, 1, 100, 2499):
        right = np.sort(values)
        assert near_extremes(values, k) == (right[k], right[-1 - k])


def test_facts_about_positions_are_those_of_numpy(rng):
    x, y = rng.normal(0, 60, (2, 4000)).round(1)
    x[::3], y[::3] = np.round(x[::3]), np.round(y[::3])
    facts = facts_of(y, x)
    assert facts[:4] == (x.min(), x.max(), y.min(), y.max())
    assert facts.n_fractional == ((x % 1 != 0) | (y % 1 != 0)).sum()
    assert facts.n_beyond_1 == (~((x >= 0) & (x <= 1) & (y >= 0) & (y <= 1))).sum()
    assert facts.n_beyond_100 == (~((x >= 0) & (x <= 100) & (y >= 0) & (y <= 100))).sum()
    assert facts.n_negative == ((x < -0.5) | (y < -0.5)).sum()
    right = (x >= -0.5) & (x < 63.5) & (y >= -0.5) & (y < 47.5)
    np.testing.assert_array_equal(inside(y, x, 64, 48), right)
