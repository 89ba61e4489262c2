from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from napari_uai.iscat.correct.binning import bin_frames
from napari_uai.iscat.correct.power import power_normalization
from napari_uai.iscat.detect.point_profile import PointProfile
from napari_uai.iscat.detect.point_spread_function import gaussian_psf
from napari_uai.iscat.limit.injection import (
    InjectedFrames,
    PointImage,
    SteppedFrames,
    injected_bins,
)
from napari_uai.videos.frames import ArrayFrames

SIZE = 8
LANDINGS = pd.DataFrame(
    {
        "frame": [20, 43, 61],
        "y": [6.3, 14.0, 19.6],
        "x": [5.0, 15.7, 3.2],
        "contrast": [0.01, -0.02, 0.005],
    }
)


@pytest.fixture
def counts():
    rng = np.random.default_rng(0)
    pattern = rng.uniform(800, 1200, (24, 22))
    power = rng.normal(1, 0.01, (96, 1, 1))
    return rng.poisson(power * pattern).astype(np.uint16)


@pytest.fixture
def image():
    return PointImage.of(gaussian_psf(1.7))


def test_frames_are_multiplied_from_the_landing_on(counts, image):
    injected = InjectedFrames(ArrayFrames(counts), LANDINGS, image)
    y, x = np.mgrid[:24, :22]
    expected = counts.astype(float)
    for frame, row, column, contrast in LANDINGS.itertuples(index=False):
        spot = np.exp(-((y - row) ** 2 + (x - column) ** 2) / (2 * 1.7**2))
        expected[frame:] *= 1 + contrast * spot
    # The Gaussian is cut off where it is below 2e-5, and interpolated to 1e-3 between pixels.
    np.testing.assert_allclose(injected[:], expected, rtol=5e-5)
    np.testing.assert_array_equal(injected.read(40, 50), injected[:][40:50])


def test_the_image_is_one_at_the_centre_and_cut_at_the_edge():
    for shape in (gaussian_psf(1.7), PointProfile.expected(1.7)):
        rows, columns, patch = PointImage.of(shape).at(0.0, 10.0, (24, 22))
        assert rows.start == 0
        assert patch[0, 10 - columns.start] == pytest.approx(1.0, abs=1e-6)


def test_bins_change_as_if_the_frames_had_been_changed(counts, image):
    raw = ArrayFrames(counts)
    before, after = (
        bin_frames(power_normalization(frames), bin_size=SIZE)[:]
        for frames in (raw, InjectedFrames(raw, LANDINGS, image))
    )
    change = injected_bins(before, SIZE, LANDINGS, image) - before
    # The noise of a bin is 1 % of the intensity: the rest is of second order in noise and contrast.
    expected = after - before
    assert np.abs(change - expected).max() < 0.02 * np.abs(expected).max()
    np.testing.assert_allclose(change.std(), expected.std(), rtol=2e-3)


def test_a_landing_within_a_bin_fills_a_part_of_it(image):
    flat = np.ones((12, 30, 30), np.float32)
    landing = pd.DataFrame({"frame": [42], "y": [15.0], "x": [15.0], "contrast": [1e-3]})
    course = injected_bins(flat, SIZE, landing, image)[:, 15, 15] - 1
    step = course[-1] - course[0]
    assert (course[5] - course[0]) / step == pytest.approx(6 / 8, abs=0.01)  # frames 42 to 47
    np.testing.assert_allclose(course[:5], course[0], atol=1e-7)


def test_stepped_frames_are_binned_exactly():
    bins = np.random.default_rng(1).normal(1000, 1, (12, 5, 6)).astype(np.float32)
    stepped = SteppedFrames(bins, SIZE, 99)
    assert stepped.shape == (99, 5, 6)
    np.testing.assert_array_equal(bin_frames(stepped, bin_size=SIZE)[:], bins)
    np.testing.assert_array_equal(stepped.read(96, 99), np.repeat(bins[-1:], 3, axis=0))
