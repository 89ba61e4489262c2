from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
from scipy import ndimage

from napari_uai.errors import BadValueError, TooFewFramesError
from napari_uai.iscat.correct.filters import (
    difference_of_gaussians,
    flat_field,
    gaussian_filter,
)
from napari_uai.iscat.correct.temporal_median import temporal_median

RNG = np.random.default_rng(6)
VIDEO = RNG.normal(scale=1e-3, size=(5, 21, 30)).astype(np.float32)
COUNTS = RNG.integers(500, 60000, (7, 21, 30), dtype=np.uint16)


def scipy_gaussian(video, sigma):
    return ndimage.gaussian_filter(
        video.astype(np.float64), sigma, axes=(1, 2), mode="nearest", truncate=4
    )


@pytest.mark.parametrize("sigma", [0.1, 0.7, 1.7, 5, 12])
def test_gaussian_agrees_with_scipy(sigma):
    out = gaussian_filter(VIDEO, sigma_px=sigma)
    assert out.dtype == np.float32
    np.testing.assert_allclose(out, scipy_gaussian(VIDEO, sigma), rtol=2e-6, atol=1e-9)
    np.testing.assert_allclose(
        gaussian_filter(COUNTS, sigma_px=sigma), scipy_gaussian(COUNTS, sigma), rtol=2e-6
    )


@pytest.mark.parametrize("sigmas", [(1.7, 1.8), (1, 1.6), (1.7, 1.701), (2.1, 9)])
def test_difference_of_gaussians_keeps_its_precision(sigmas):
    expected = scipy_gaussian(VIDEO, sigmas[0]) - scipy_gaussian(VIDEO, sigmas[1])
    out = difference_of_gaussians(VIDEO, sigma_low=sigmas[0], sigma_high=sigmas[1])
    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=2e-6 * expected.std())


def test_difference_of_gaussians_does_not_see_a_constant():
    out = difference_of_gaussians(np.full((1, 9, 9), 5000, np.uint16))
    assert np.abs(out).max() < 5000 * 1e-6


def test_a_bright_spot_becomes_a_positive_peak():
    video = np.zeros((1, 21, 21))
    video[0, 8, 12] = 1
    out = difference_of_gaussians(gaussian_filter(video, sigma_px=1.7))
    assert np.unravel_index(np.argmax(out[0]), (21, 21)) == (8, 12)


def test_flat_field_is_relative_to_the_smooth_part():
    out = flat_field(COUNTS, sigma_px=3)
    np.testing.assert_allclose(out, COUNTS / scipy_gaussian(COUNTS, 3) - 1, rtol=2e-6, atol=2e-6)
    assert not flat_field(np.zeros((2, 5, 5)), sigma_px=1).any()


def test_temporal_median_is_relative_to_the_median_over_time():
    out = temporal_median(COUNTS)
    np.testing.assert_allclose(out, COUNTS / np.median(COUNTS, axis=0) - 1, rtol=1e-6, atol=1e-7)
    sampled = temporal_median(COUNTS, max_frames=3)
    expected = COUNTS / np.median(COUNTS[[0, 3, 6]], axis=0) - 1
    np.testing.assert_allclose(sampled, expected, rtol=1e-6, atol=1e-7)


def test_a_dead_pixel_has_no_contrast():
    counts = COUNTS.copy()
    counts[:, 3, 4] = 0
    assert not temporal_median(counts)[:, 3, 4].any()


@pytest.mark.parametrize(
    "stage", [gaussian_filter, difference_of_gaussians, flat_field, temporal_median]
)
def test_lazy_equals_eager(stage):
    lazy = stage(da.from_array(COUNTS, chunks=(3, 21, 30)))
    assert isinstance(lazy, da.Array)
    np.testing.assert_array_equal(lazy.compute(), stage(COUNTS))


@pytest.mark.parametrize("sigma", [0, -1, np.nan, np.inf])
def test_widths_are_positive(sigma):
    for call in (
        lambda: gaussian_filter(VIDEO, sigma_px=sigma),
        lambda: flat_field(VIDEO, sigma_px=sigma),
        lambda: difference_of_gaussians(VIDEO, sigma_low=sigma),
    ):
        with pytest.raises(BadValueError, match="must be a number, above 0"):
            call()


def test_widths_of_a_difference_are_in_order():
    with pytest.raises(BadValueError, match="sigma_high must be greater than sigma_low"):
        difference_of_gaussians(VIDEO, sigma_low=2, sigma_high=2)


def test_temporal_median_names_what_is_wrong():
    with pytest.raises(TooFewFramesError):
        temporal_median(COUNTS[:0])
    with pytest.raises(BadValueError, match="max_frames"):
        temporal_median(COUNTS, max_frames=0)
    video = VIDEO.copy()
    video[2, 1, 1] = np.nan
    with pytest.raises(BadValueError, match="frame 2 "):
        temporal_median(video)
