import numpy as np

from napari_uai.trails.scores.resampling import Paths, divide
from napari_uai.trails.scores.shape import (
    N_POINTS,
    N_WAYS,
    TRAILS_PER_WAY,
    distances_from,
    fit_ways,
    shape_scores,
    shapes_of,
)
from napari_uai.trails.table import offsets_of


def paths_of(ways):
    offsets = offsets_of(np.array([len(way) for way in ways]))
    y, x = np.concatenate(ways).astype(np.float32).T
    return Paths(offsets, np.ascontiguousarray(y), np.ascontiguousarray(x), np.arange(len(y), 0.0))


def lanes(n=200, seed=0):
    """Three lanes of some spread; the last trail has a kink."""
    rng = np.random.default_rng(seed)
    ways = []
    for i in range(n):
        along = np.linspace(0, 400, 60)
        middle = (100 + 0.2 * along, 150 + 0 * along, 260 - 0.001 * along**2)[i % 3]
        ways.append(np.column_stack([middle + rng.normal(0, 3), along]))
    ways[-1][30:33, 0] += 15
    return ways


def test_a_path_is_divided_at_equal_distances():
    way = np.array([[0.0, 0], [0, 30], [0, 31], [40, 31]])
    points = divide(paths_of([way[:2], way]), np.array([1, 0]), 11)
    arc = np.linspace(0, 71, 11)
    corners = [0, 30, 31, 71]
    expected = [np.interp(arc, corners, way[:, k]) for k in (0, 1)]
    np.testing.assert_allclose(points[0].T, expected, atol=1e-4)
    np.testing.assert_allclose(points[1, :, 1], np.linspace(0, 30, 11), atol=1e-5)


def test_distances_of_shapes_are_those_of_positions_and_headings():
    paths = paths_of([np.array([[0.0, 0], [0, 100]]), np.array([[8.0, 0], [8, 100]]),
                      np.array([[0.0, 100], [0, 0]])])  # fmt: skip
    shapes = shapes_of(paths, np.arange(3), 50.0).astype(float)
    assert shapes.shape == (3, 4 * N_POINTS)
    np.testing.assert_allclose(np.linalg.norm(shapes[0] - shapes[1]), 8, rtol=1e-5)
    along = np.linspace(0, 100, N_POINTS)
    back = np.sqrt(np.mean((along - along[::-1]) ** 2) + 100**2)
    np.testing.assert_allclose(np.linalg.norm(shapes[0] - shapes[2]), back, rtol=1e-5)


def test_residuals_are_those_of_principal_components():
    paths, members = paths_of(lanes()), np.arange(200)
    shapes = shapes_of(paths, members, 40.0).astype(float)
    apart = shapes - shapes.mean(axis=0)
    _, _, rows = np.linalg.svd(apart, full_matrices=False)
    squares = (apart @ rows[:N_WAYS].T) ** 2
    explained = np.where(squares > squares.sum(axis=0) / TRAILS_PER_WAY, 0, squares)
    expected = np.sqrt(np.maximum((apart**2).sum(axis=1) - explained.sum(axis=1), 0))
    ways = fit_ways(paths, members, 40.0)
    residuals = distances_from(ways, paths, members, 40.0)
    np.testing.assert_allclose(residuals[199], expected[199], rtol=1e-3)
    assert residuals.argmax() == 199
    assert residuals[199] > 5 * np.sort(residuals)[-2]


def test_a_few_alike_do_not_explain_themselves():
    ways = [*lanes()[:-1], *(lanes(seed=k)[-1] for k in range(6))]
    scores = shape_scores(paths_of(ways), 500.0, np.full(len(ways), "car", object))
    assert set(np.argsort(-scores)[:6]) == set(range(199, 205))


def test_few_trails_have_few_components():
    ways = lanes(20)
    scores = shape_scores(paths_of(ways), 500.0, np.full(20, "car", object))
    assert np.isfinite(scores).all()
    assert fit_ways(paths_of(ways), np.arange(20), 40.0).components.shape[1] == 2
    assert fit_ways(paths_of(ways), np.arange(1), 40.0).components.shape[1] == 0


def test_each_class_has_its_own_model():
    ways, other = lanes(100), [way[::-1] for way in lanes(100, seed=1)]
    groups = np.repeat(np.array(["a", "b"], object), 100)
    together = shape_scores(paths_of([*ways, *other]), 500.0, groups)
    alone = shape_scores(paths_of(ways), 500.0, groups[:100])
    np.testing.assert_allclose(together[:100], alone, rtol=1e-5)
