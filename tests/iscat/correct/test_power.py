from __future__ import annotations

import pickle

import dask.array as da
import numpy as np
import pytest

from napari_uai.errors import BadValueError, TooFewFramesError
from napari_uai.iscat.correct.power import PowerNormalizedFrames, frame_power, power_normalization
from napari_uai.iscat.correct.rolling_average import rolling_mean
from napari_uai.videos.frames import ArrayFrames, compute_video

RNG = np.random.default_rng(1)
COUNTS = RNG.integers(500, 4000, (23, 7, 9), dtype=np.uint16)


def plain(video, region=None):
    video = video.astype(np.float64)
    top, bottom, left, right = region or (0, video.shape[1], 0, video.shape[2])
    power = video[:, top:bottom, left:right].sum(axis=(1, 2))
    return video / power[:, None, None] * power.mean()


@pytest.mark.parametrize("dtype", ["<u2", ">u2", "u1", "i4", "u8", "f2", "<f4", ">f8", "?"])
def test_agrees_with_the_plain_formula_for_every_type(dtype):
    video = (COUNTS % 128 + 1).astype(dtype)
    out = power_normalization(video)
    assert out.dtype == np.float32
    np.testing.assert_allclose(out, plain(video), rtol=2e-7)


@pytest.mark.parametrize("cut", [np.s_[:, 1:-1], np.s_[:, :, 1:], np.s_[:, ::2], np.s_[::-1]])
def test_views_are_read_where_they_lie(cut):
    np.testing.assert_allclose(power_normalization(COUNTS[cut]), plain(COUNTS[cut]), rtol=2e-7)


def test_columns_before_rows_in_memory():
    video = np.asfortranarray(COUNTS)
    np.testing.assert_allclose(power_normalization(video), plain(COUNTS), rtol=2e-7)


def test_pixels_at_odd_addresses():
    stored = np.frombuffer(b"x" + COUNTS.tobytes(), np.uint8)[1:].view(COUNTS.dtype)
    assert not stored.flags.aligned
    np.testing.assert_allclose(
        power_normalization(stored.reshape(COUNTS.shape)), plain(COUNTS), rtol=2e-7
    )


def test_power_is_measured_in_the_region():
    region = (1, 4, 2, 9)
    np.testing.assert_array_equal(
        frame_power(COUNTS, region=region), COUNTS[:, 1:4, 2:9].sum(axis=(1, 2))
    )
    np.testing.assert_allclose(
        power_normalization(COUNTS, region=region), plain(COUNTS, region), rtol=2e-7
    )


def test_power_is_that_of_several_regions():
    regions = {"region": (1, 4, 2, 9), "other_regions": ((4, 7, 0, 2), (1, 4, 0, 2))}
    expected = COUNTS[:, 1:4].sum(axis=(1, 2)) + COUNTS[:, 4:7, :2].sum(axis=(1, 2))
    np.testing.assert_array_equal(frame_power(COUNTS, **regions), expected)
    out = power_normalization(COUNTS, **regions)
    np.testing.assert_allclose(out, COUNTS * (expected.mean() / expected)[:, None, None], rtol=2e-7)
    sums = rolling_mean(power_normalization(da.from_array(COUNTS), **regions), batch_size=3)
    np.testing.assert_allclose(sums[0].compute(), out[:3].mean(axis=0), rtol=2e-7)


def test_regions_that_overlap_or_lack_the_first_are_refused():
    with pytest.raises(BadValueError, match="overlaps"):
        power_normalization(COUNTS, region=(1, 4, 2, 9), other_regions=((3, 5, 0, 3),))
    with pytest.raises(BadValueError, match="need a region"):
        power_normalization(COUNTS, other_regions=((3, 5, 0, 3),))


def test_all_frames_have_the_mean_power_afterwards():
    power = frame_power(power_normalization(COUNTS))
    np.testing.assert_allclose(power, COUNTS.sum(axis=(1, 2)).mean(), rtol=1e-6)


def test_lazy_equals_eager_to_the_last_bit():
    lazy = power_normalization(da.from_array(COUNTS, chunks=(5, 7, 9)))
    assert isinstance(lazy, da.Array)
    np.testing.assert_array_equal(lazy.compute(), power_normalization(COUNTS))
    np.testing.assert_array_equal(lazy[11].compute(), power_normalization(COUNTS)[11])


@pytest.mark.parametrize("value", [0, np.nan, np.inf, -1])
def test_a_frame_without_power_is_named(value):
    video = COUNTS.astype(np.float32)
    video[17] = value
    with pytest.raises(BadValueError, match="frame 17 "):
        power_normalization(video)


def test_a_single_nan_pixel_is_found():
    video = COUNTS.astype(np.float64)
    video[4, 3, 2] = np.nan
    with pytest.raises(BadValueError, match="frame 4 "):
        power_normalization(video)


@pytest.mark.parametrize("region", [(0, 8, 0, 9), (3, 3, 0, 9), (-1, 4, 0, 9), (0, 4, 0)])
def test_a_region_outside_of_the_frame_is_refused(region):
    with pytest.raises(BadValueError, match="region"):
        power_normalization(COUNTS, region=region)


def test_a_video_without_frames_is_refused():
    with pytest.raises(TooFewFramesError):
        power_normalization(COUNTS[:0])
    assert frame_power(COUNTS[:0]).shape == (0,)


def test_known_powers_travel_along_when_pickled():
    frames = PowerNormalizedFrames(ArrayFrames(COUNTS))
    assert pickle.loads(pickle.dumps(frames)).known_power is None
    expected = compute_video(frames)
    copy = pickle.loads(pickle.dumps(frames))
    np.testing.assert_array_equal(copy.known_power, COUNTS.sum(axis=(1, 2)))
    np.testing.assert_array_equal(compute_video(copy), expected)
