import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_uai.iscat.kernels.matmul import row_products, weighted_sums


@settings(deadline=None, max_examples=30)
@given(n=st.integers(0, 9), m=st.integers(0, 70), pixels=st.integers(0, 300))
def test_rows_are_multiplied_as_numpy_does(n, m, pixels):
    rng = np.random.default_rng(n + 10 * m + 1000 * pixels)
    left, right = rng.normal(size=(n, pixels)), rng.normal(size=(m, pixels))
    expected = left @ right.T
    np.testing.assert_allclose(row_products(left, right), expected, rtol=1e-12, atol=1e-12)
    columns = np.asfortranarray(left)
    np.testing.assert_allclose(row_products(columns, right), expected, rtol=1e-12, atol=1e-12)


@settings(deadline=None, max_examples=30)
@given(n=st.integers(0, 70), images=st.integers(0, 9), pixels=st.integers(0, 300))
def test_images_are_added_as_numpy_does(n, images, pixels):
    rng = np.random.default_rng(n + 100 * images + 1000 * pixels)
    weights, pictures = rng.normal(size=(n, images)), rng.normal(size=(images, pixels))
    added = weighted_sums(weights, pictures)
    np.testing.assert_allclose(added, weights @ pictures, rtol=1e-12, atol=1e-12)
    turned = weighted_sums(np.asfortranarray(weights), pictures)
    np.testing.assert_array_equal(turned, added)
