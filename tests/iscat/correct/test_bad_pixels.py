from __future__ import annotations

import pickle

import dask.array as da
import numpy as np
import pytest
from scipy import ndimage

from napari_uai.errors import BadValueError, TooFewFramesError
from napari_uai.iscat.correct.bad_pixels import (
    FilledFrames,
    bad_pixel_repair,
    find_bad_pixels,
    median_filter,
)
from napari_uai.iscat.correct.power import power_normalization
from napari_uai.iscat.correct.rolling_average import differential_rolling_average
from napari_uai.videos.frames import ArrayFrames, frames_of

RNG = np.random.default_rng(10)
SPECKLE = RNG.gamma(4, 500, (24, 26))
LASER = 1 + 0.02 * RNG.normal(size=(300, 1, 1))
GOOD = RNG.poisson(SPECKLE * LASER).astype(np.uint16)


def damaged():
    rng = np.random.default_rng(11)
    video = GOOD.copy()
    video[:, 5, 6] = rng.integers(0, 20000, 300)  # hot
    video[:, 0, 0] = 0  # dead, in the corner
    video[:, 10, 11] = 65535  # saturated
    video[:, :, 20] = 0  # dead column
    video[:, 17, 3:5] = rng.integers(0, 20000, (300, 2))  # a hot pair
    bad = np.zeros((24, 26), bool)
    bad[5, 6] = bad[0, 0] = bad[10, 11] = True
    bad[17, 3:5] = bad[:, 20] = True
    return video, bad


@pytest.mark.parametrize("size", [1, 3, 5, 7])
@pytest.mark.parametrize("shape", [(4, 11, 13), (3, 1, 9), (3, 9, 1), (2, 2, 3), (1, 30, 170)])
def test_median_filter_agrees_with_scipy(size, shape):
    video = RNG.normal(size=shape).astype(np.float32)
    expected = ndimage.median_filter(video, size=size, axes=(1, 2), mode="reflect")
    np.testing.assert_array_equal(median_filter(video, size=size), expected)


@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "i4", "f4", "f8", "?"])
@pytest.mark.parametrize("size", [3, 5])
def test_median_filter_takes_any_real_dtype(size, dtype):
    video = RNG.integers(0, 2 if dtype == "?" else 100, (3, 20, 21)).astype(dtype)
    expected = ndimage.median_filter(video, size=size, axes=(1, 2), mode="reflect")
    np.testing.assert_array_equal(median_filter(video, size=size), expected)


def test_median_filter_takes_counts_and_views():
    video = GOOD[:5, 1:-1]
    expected = ndimage.median_filter(video, size=3, axes=(1, 2))
    out = median_filter(video)
    assert out.dtype == np.float32
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("stage", [median_filter, bad_pixel_repair])
def test_lazy_equals_eager(stage):
    video, _ = damaged()
    lazy = stage(da.from_array(video, chunks=(70, 24, 26)))
    assert isinstance(lazy, da.Array)
    np.testing.assert_array_equal(lazy.compute(), stage(video))


@pytest.mark.parametrize(
    ("size", "said"), [(0, "at least 1"), (-3, "at least 1"), (2, "odd"), (4, "odd")]
)
def test_sizes_that_are_not_odd_and_positive_are_refused(size, said):
    with pytest.raises(BadValueError, match=said):
        median_filter(GOOD, size=size)


def test_every_kind_of_bad_pixel_is_found_and_no_good_one():
    video, bad = damaged()
    np.testing.assert_array_equal(find_bad_pixels(video), bad)
    assert not find_bad_pixels(GOOD).any()


def test_bad_pixels_show_in_normalised_and_rolling_average_videos_too():
    video, bad = damaged()
    video[:, 10, 11] = 0  # normalised, a saturated pixel follows the laser: it is not constant
    np.testing.assert_array_equal(find_bad_pixels(power_normalization(video)), bad)
    contrast = differential_rolling_average(video, batch_size=20)
    found = find_bad_pixels(contrast)
    assert found[bad].all()
    assert found[~bad].mean() < 0.01


def test_a_landing_is_not_a_bad_pixel():
    rows, columns = np.ogrid[:24, :26]
    spot = np.exp(-((rows - 12) ** 2 + (columns - 9) ** 2) / (2 * 1.7**2))
    video = RNG.poisson(4000 * (1 + 0.05 * spot * (np.arange(300) > 150)[:, None, None]))
    assert not find_bad_pixels(video).any()


def test_only_bad_pixels_are_replaced_by_the_median_of_good_neighbours():
    video, bad = damaged()
    out = bad_pixel_repair(video)
    assert out.dtype == np.float32
    np.testing.assert_array_equal(out[:, ~bad], video[:, ~bad])
    around = np.delete(video[:, 4:7, 5:8].reshape(300, 9), 4, axis=1)
    np.testing.assert_array_equal(out[:, 5, 6], np.median(around, axis=1))
    beside = video[:, 7:10, [19, 21]].reshape(300, -1)
    np.testing.assert_array_equal(out[:, 8, 20], np.median(beside, axis=1))
    np.testing.assert_array_equal(out[:, 0, 0], np.median(video[:, [0, 1, 1], [1, 0, 1]], axis=1))


def test_a_wide_hole_is_filled_from_its_rim():
    video = GOOD.astype(np.float32)
    video[:, 6:12, 6:12] = np.nan
    out = bad_pixel_repair(video)
    assert np.isfinite(out).all()
    assert find_bad_pixels(video)[6:12, 6:12].all()


def test_some_frames_are_repaired_as_all_are():
    video = np.random.default_rng(0).poisson(1000, (40, 12, 14))
    video[:, 3, 5] = 0
    frames = frames_of(bad_pixel_repair(ArrayFrames(video)))
    numbers = np.array([2, 3, 17, 39])
    np.testing.assert_array_equal(frames.read_at(numbers), frames.read(0, 40)[numbers])
    filled = FilledFrames(ArrayFrames(video), frames.bad_pixels)
    np.testing.assert_array_equal(filled.read_at(numbers), filled.read(0, 40)[numbers])


def test_nothing_to_repair_changes_nothing():
    np.testing.assert_array_equal(bad_pixel_repair(GOOD), GOOD)
    constant = np.full((5, 4, 4), 9, np.uint8)
    assert not find_bad_pixels(constant).any()
    np.testing.assert_array_equal(bad_pixel_repair(constant), constant)


def test_what_was_found_travels_along_when_pickled():
    video, bad = damaged()
    frames = frames_of(bad_pixel_repair(da.from_array(video)))
    np.testing.assert_array_equal(frames.bad_pixels, bad)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(frames)).bad_pixels, bad)


def test_wrong_values_are_refused():
    with pytest.raises(TooFewFramesError):
        bad_pixel_repair(GOOD[:1])
    with pytest.raises(BadValueError, match="threshold"):
        find_bad_pixels(GOOD, threshold=0)
    with pytest.raises(BadValueError, match="max_frames"):
        find_bad_pixels(GOOD, max_frames=1)
    with pytest.raises(BadValueError, match="all pixels are bad"):
        bad_pixel_repair(np.full((4, 3, 3), np.nan))
