"""Isolation forests beside scikit-learn's and beside a walk down their own trees."""

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.ensemble import IsolationForest

from napari_uai.errors import BadValueError
from napari_uai.iscat.detect.anomalies.isolation_forest import fit_forest, forest_scores


def points(n_features=2, n=4096, seed=0):
    """Heavy-tailed, correlated."""
    rng = np.random.default_rng(seed)
    out = rng.standard_t(4, (n_features, n)).astype(np.float32)
    out[1:] += 0.5 * out[0]
    return out


def mean_depth(n):
    return 1 if n == 2 else 2 * (np.log(n - 1) + np.euler_gamma) - 2 * (n - 1) / n


def walked_scores(forest, planes):
    """Go down every tree, cut by cut."""
    total = np.zeros(planes.shape[1])
    for tree in range(forest.n_trees):
        node = np.zeros(planes.shape[1], int)
        while (forest.feature[tree, node] >= 0).any():
            feature = forest.feature[tree, node]
            value = planes[np.maximum(feature, 0), np.arange(planes.shape[1])]
            below = value <= forest.threshold[tree, node]
            following = np.where(below, node + 1, forest.right[tree, node])
            node = np.where(feature >= 0, following, node)
        total += forest.depth[tree, node]
    return 2 ** (-total / forest.n_trees / mean_depth(forest.samples_per_tree))


@pytest.mark.parametrize(
    ("n_features", "max_samples", "n_trees"),
    [
        (1, 100, 100),
        (2, 100, 30),
        (2, 256, 140),
        (2, 700, 5),
        (3, 100, 20),
        (9, 300, 130),
        (4, 2, 3),
    ],
)
def test_tables_give_the_leaf_that_a_walk_down_the_tree_gives(n_features, max_samples, n_trees):
    planes = points(n_features, 1000)
    planes[:, 500:] = planes[:, 500:].round(1)  # values on which others are cut
    forest = fit_forest(planes, n_trees=n_trees, max_samples=max_samples)
    np.testing.assert_allclose(
        forest_scores(forest, planes), walked_scores(forest, planes), rtol=2e-6
    )


@pytest.mark.slow
@pytest.mark.parametrize("n_features", [2, 5])
def test_scores_agree_with_those_of_scikit_learn_as_two_of_its_seeds_do(n_features):
    planes = points(n_features)

    def theirs(seed):
        forest = IsolationForest(n_estimators=100, max_samples=100, random_state=seed)
        return -forest.fit(planes.T).score_samples(planes.T)

    def ours(seed):
        return forest_scores(fit_forest(planes, max_samples=100, seed=seed), planes)

    def agreement(first, second):
        k = 20
        top = set(np.argsort(-first)[:k]) & set(np.argsort(-second)[:k])
        return np.array([spearmanr(first, second)[0], len(top) / k])

    seeds = range(4)
    peer = np.mean([agreement(theirs(s), theirs(s + 10)) for s in seeds], axis=0)
    mixed = np.mean([agreement(theirs(s), ours(s)) for s in seeds], axis=0)
    assert (mixed > peer - [0.02, 0.1]).all()


@pytest.mark.slow
def test_many_trees_have_the_scores_of_many_trees_of_scikit_learn():
    planes = points(2, 600)
    theirs = IsolationForest(n_estimators=1000, max_samples=64, random_state=0).fit(planes.T)
    ours = forest_scores(fit_forest(planes, n_trees=1000, max_samples=64), planes)
    np.testing.assert_allclose(ours, -theirs.score_samples(planes.T), atol=0.02)
    assert abs(ours.mean() + theirs.score_samples(planes.T).mean()) < 0.004


def test_trees_are_cut_as_the_paper_says():
    planes = points(3)
    forest = fit_forest(planes, n_trees=20, max_samples=100)
    leaves = (forest.feature < 0) & (forest.depth > 0)
    inner = forest.feature >= 0
    assert (leaves.sum(axis=1) == inner.sum(axis=1) + 1).all()
    assert forest.samples_per_tree == 100
    # a tree of 100 points ends at depth 7 at the latest, and leaves of one point add nothing
    assert (forest.depth[leaves] >= 1).all()
    assert (forest.depth[leaves] < 7 + mean_depth(94)).all()


def test_same_seed_gives_the_same_forest_and_another_another():
    planes = points()
    first, again, other = (fit_forest(planes, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.threshold, again.threshold)
    assert not np.array_equal(first.threshold, other.threshold)


def test_maps_keep_their_shape_and_masked_pixels_have_no_score():
    maps = points().reshape(2, 64, 64)
    maps[1, :5] = np.nan
    maps[0, 30, 30] = np.inf
    forest = fit_forest(maps)
    scores = forest_scores(forest, maps)
    masked = ~np.isfinite(maps).all(axis=0)
    assert scores.shape == (64, 64)
    assert scores.dtype == np.float32
    np.testing.assert_array_equal(np.isnan(scores), masked)
    kept = forest_scores(fit_forest(maps[:, ~masked]), maps[:, ~masked])
    np.testing.assert_array_equal(scores[~masked], kept)


def test_point_far_from_all_others_has_the_highest_score():
    planes = points(2)
    planes[:, 77] = 30, -30
    scores = forest_scores(fit_forest(planes, max_samples=100), planes)
    assert scores.argmax() == 77
    assert 0 < scores.min() < 0.5 < scores.max() < 1


def test_constant_feature_beside_another_is_never_cut():
    planes = points(2)
    planes[0] = 3
    forest = fit_forest(planes)
    assert set(np.unique(forest.feature)) == {-1, 1}


def test_any_order_of_magnitude_and_sign_is_ranked():
    planes = points(1) * np.float32(1e-30)
    planes[0, :2] = -1e30, 1e30
    forest = fit_forest(planes, max_samples=1000, n_trees=10)
    np.testing.assert_allclose(
        forest_scores(forest, planes), walked_scores(forest, planes), rtol=2e-6
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_trees": 0}, "n_trees must be a whole number, at least 1, at most 10000"),
        ({"max_samples": 1}, "max_samples must be a whole number, at least 2, at most 1024"),
        ({"seed": -1}, "seed must be a whole number, at least 0"),
    ],
)
def test_parameters_out_of_limits_are_errors(change, message):
    with pytest.raises(BadValueError, match=message):
        fit_forest(points(), **change)


def test_masks_that_leave_nothing_and_constant_features_are_errors():
    with pytest.raises(BadValueError, match=r"0 of 10 points are finite.*masked"):
        fit_forest(np.full((2, 10), np.nan))
    with pytest.raises(BadValueError, match="all features are constant"):
        fit_forest(np.ones((2, 10)))
    with pytest.raises(BadValueError, match="of the same shape"):
        fit_forest([np.ones(3), np.ones(4)])
    with pytest.raises(BadValueError, match="trained on 2 features, got 3"):
        forest_scores(fit_forest(points(2)), points(3))
