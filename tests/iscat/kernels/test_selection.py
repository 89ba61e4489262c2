import numpy as np
import pytest

from napari_uai.iscat.kernels.selection import falling_order, median_of


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_medians_are_those_of_numpy(dtype):
    rng = np.random.default_rng(0)
    for n in (1, 2, 3, 4, 10, 101, 5184):
        for values in (rng.normal(size=n), rng.integers(0, 3, n), np.arange(n), -np.arange(n)):
            line = values.astype(dtype)
            assert median_of(line.copy()) == np.median(line)


def test_order_is_falling_and_stable():
    rng = np.random.default_rng(1)
    for n in (0, 1, 2, 7, 64, 1000):
        values = rng.integers(0, 20, n).astype(float)
        np.testing.assert_array_equal(falling_order(values), np.argsort(-values, kind="stable"))
