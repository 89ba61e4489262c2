import numpy as np
import pytest

from napari_uai.trails.scores.companions import Companions
from napari_uai.trails.scores.company import (
    EASED,
    furthest,
    mean_apart,
    mean_spacing,
    rarity,
    sparsity,
    worst_stretches,
)
from napari_uai.trails.scores.resampling import Paths


def companions_of(*apart):
    """Companions of trails whose points are so far from the closest."""
    counts = [len(each) for each in apart]
    points = np.concatenate(apart).astype(np.float32)
    zero = np.zeros(len(points), np.float32)
    paths = Paths(np.concatenate([[0], np.cumsum(counts)]), zero, zero, zero.astype(float))
    return Companions(np.empty((len(apart), 0)), np.empty((len(apart), 0), int), paths, points)


def test_the_worst_stretch_is_the_largest_mean_of_a_window():
    rng = np.random.default_rng(0)
    apart = [rng.uniform(0, 9, n) for n in (1, 5, 6, 7, 40)]
    windows = [max(each[k : k + 6].mean() for k in range(max(len(each) - 5, 1))) for each in apart]
    np.testing.assert_allclose(worst_stretches(companions_of(*apart), 6), windows, rtol=1e-5)


def test_means_along_trails_and_over_companions():
    found = companions_of(np.array([1.0, 3.0]), np.array([5.0]), np.array([np.nan]))
    np.testing.assert_allclose(mean_apart(found), [2, 5, np.nan])
    distances = np.array([[1.0, 3.0, 5.0], [2.0, np.nan, np.nan], [np.nan] * 3])
    np.testing.assert_allclose(mean_spacing(distances), [3, 2, np.nan])
    np.testing.assert_allclose(furthest(distances), [5, 2, np.nan])


def test_sparsity_compares_a_trail_with_its_companions():
    rng = np.random.default_rng(1)
    spacing = rng.uniform(1, 5, 30)
    rows = np.array([rng.choice(30, 4, replace=False) for _ in range(30)])
    rows[3, 2:] = -1
    codes = np.repeat([0, 1], 15)
    found = sparsity(spacing, rows, spacing, codes, codes)
    for i in (0, 3, 17):
        theirs = np.sort(spacing[rows[i][rows[i] >= 0]])[:2].mean()
        usual = np.median(spacing[codes == codes[i]])
        assert found[i] == pytest.approx(spacing[i] * (1 + EASED) / (theirs + EASED * usual))


def test_five_on_a_rare_route_do_not_make_each_other_ordinary():
    """Each has four on its route, and two on another that many take."""
    spacing = np.array([9.0] * 5 + [1.0] * 20)
    rare = np.array([[j for j in range(5) if j != i] + [5, 6] for i in range(5)])
    many = np.tile(np.arange(5, 11), (20, 1))
    codes = np.zeros(25, np.int64)
    found = sparsity(spacing, np.concatenate([rare, many]), spacing, codes, codes)
    np.testing.assert_allclose(found, [9.0] * 5 + [1.0] * 20)


def test_the_same_gap_is_stranger_in_dense_traffic():
    """A trail 9 px from lanes where all keep 1 px apart, and one where all keep 9 px apart."""
    spacing = np.array([1.0] * 10 + [9.0] * 10 + [9.0, 9.0])
    rows = np.array([[1]] * 10 + [[11]] * 10 + [[0], [10]])
    codes = np.zeros(22, np.int64)
    dense, sparse = sparsity(spacing, rows, spacing, codes, codes)[-2:]
    assert dense > 1.2 * sparse


def test_a_trail_alone_is_not_sparse():
    alone = np.array([np.nan])
    code = np.zeros(1, np.int64)
    assert np.isnan(sparsity(alone, np.array([[-1]]), alone, code, code)).all()


def test_identical_trails_have_no_sparsity():
    same = np.zeros(4)
    code = np.zeros(4, np.int64)
    assert (sparsity(same, np.array([[1], [0], [3], [2]]), same, code, code) == 0).all()


def test_a_rare_route_is_rarer_than_an_odd_trail_beside_a_usual_one():
    """Five on a route of their own, and one that is as far from its companions, which are not."""
    followers = np.array([6.0] * 5 + [1.0] * 20 + [6.0])
    rare = np.array([[j for j in range(5) if j != i] + [5, 6] for i in range(5)])
    rows = np.concatenate([rare, np.tile(np.arange(5, 11), (21, 1))])
    found = rarity(followers, rows, followers)
    np.testing.assert_allclose(found, [6.0] * 5 + [1.0] * 20 + [(6.0 + 4 * 1.0) / 5])


def test_rarity_is_the_mean_over_the_fellows_that_there_are():
    rng = np.random.default_rng(2)
    followers = rng.uniform(1, 5, 12)
    rows = np.array([rng.choice(12, 6, replace=False) for _ in range(12)])
    rows[3, 2:] = -1
    rows[4] = -1
    found = rarity(followers, rows, followers)
    for i in range(12):
        fellows = rows[i, :4][rows[i, :4] >= 0]
        assert found[i] == pytest.approx(np.mean([followers[i], *followers[fellows]]))
    followers[4] = np.nan
    assert np.isnan(rarity(followers, rows, followers)[4])
