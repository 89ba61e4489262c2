from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from napari_uai.simulate.paths import ranged_paths, smooth_paths, stage_path


def test_smooth_paths_have_unit_variance_and_gaussian_correlation():
    paths = smooth_paths(np.random.default_rng(0), 300, 3000, 8.0)
    assert paths.std(axis=1) == pytest.approx(np.ones(300), abs=0.06)
    for lag in (8, 16):
        correlation = np.mean(paths[:-lag] * paths[lag:])
        assert correlation == pytest.approx(np.exp(-(lag**2) / (4 * 8.0**2)), abs=0.02)


def test_ranged_paths_fill_zero_to_one():
    paths = ranged_paths(np.random.default_rng(1), 100, 5, 30)
    np.testing.assert_allclose(paths.min(axis=0), 0)
    np.testing.assert_allclose(paths.max(axis=0), 1)


@pytest.mark.parametrize("n", [2, 121])
def test_stage_path_starts_at_zero_and_has_the_stated_range(n):
    path = stage_path(np.random.default_rng(2), n, 0.2, 30)
    np.testing.assert_array_equal(path[0], 0)
    assert pdist(path).max() == pytest.approx(0.2)
