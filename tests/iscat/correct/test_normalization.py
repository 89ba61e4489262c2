from __future__ import annotations

import pickle

import dask.array as da
import numpy as np
import pytest

from napari_uai.errors import BadValueError, TooFewFramesError
from napari_uai.iscat.correct.normalization import (
    frame_normalization,
    global_normalization,
    video_limits,
)
from napari_uai.videos.frames import frames_of

RNG = np.random.default_rng(8)
VIDEO = RNG.normal(1, 0.2, (30, 8, 9)).astype(np.float32)


def test_a_recording_is_scaled_from_its_smallest_to_its_largest_pixel():
    out = global_normalization(VIDEO)
    assert out.dtype == np.float32
    low, high = VIDEO.min(), VIDEO.max()
    np.testing.assert_allclose(out, (VIDEO.astype(float) - low) / (high - low), atol=1e-7)
    assert (out.min(), out.max()) == (0, 1)
    scaled = global_normalization(VIDEO, minimum=-5, maximum=10)
    np.testing.assert_allclose(scaled, out * 15.0 - 5, atol=1e-5)


def test_percentiles_do_not_see_a_hot_pixel():
    video = VIDEO.copy()
    video[3, 3, 3] = 1e6
    out = global_normalization(video, low_percentile=1, high_percentile=99)
    low, high = np.percentile(video, (1, 99))
    np.testing.assert_allclose(
        out, (video.astype(float) - low) / (high - low), rtol=1e-5, atol=1e-5
    )
    assert video_limits(video, low_percentile=0, high_percentile=90) == pytest.approx(
        (video.min(), np.percentile(video, 90))
    )


def test_limits_of_another_recording_can_be_given():
    limits = video_limits(VIDEO[:10])
    out = global_normalization(VIDEO, limits=limits)
    np.testing.assert_array_equal(out[:10], global_normalization(VIDEO[:10]))


def test_a_constant_recording_becomes_the_minimum():
    out = global_normalization(np.full((3, 4, 4), 7, np.uint16), minimum=0.25)
    assert (out == 0.25).all()


def test_each_frame_is_scaled_by_itself():
    low = VIDEO.min(axis=(1, 2), keepdims=True)
    high = VIDEO.max(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(frame_normalization(VIDEO), (VIDEO - low) / (high - low), rtol=1e-5)
    np.testing.assert_allclose(frame_normalization(VIDEO, by="maximum"), VIDEO / high, rtol=1e-6)


def test_a_constant_frame_becomes_zero():
    video = VIDEO.copy()
    video[4] = 3
    video[5] = 0
    assert not frame_normalization(video)[4:6].any()
    by_maximum = frame_normalization(video, by="maximum")
    assert (by_maximum[4] == 1).all()
    assert not by_maximum[5].any()


@pytest.mark.parametrize("stage", [global_normalization, frame_normalization])
def test_lazy_equals_eager(stage):
    lazy = stage(da.from_array(VIDEO, chunks=(7, 8, 9)))
    assert isinstance(lazy, da.Array)
    np.testing.assert_array_equal(lazy.compute(), stage(VIDEO))


def test_limits_travel_along_when_pickled():
    frames = frames_of(global_normalization(da.from_array(VIDEO)))
    assert frames.limits == (VIDEO.min(), VIDEO.max())
    assert pickle.loads(pickle.dumps(frames)).limits == frames.limits


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("percentile", [100, 99])
def test_a_frame_that_is_not_finite_is_named(value, percentile):
    video = VIDEO.copy()
    video[21, 0, 0] = value
    with pytest.raises(BadValueError, match="frame 21 "):
        global_normalization(video, high_percentile=percentile)


def test_values_out_of_order_are_refused():
    for wrong in (
        {"low_percentile": 60, "high_percentile": 50},
        {"high_percentile": 101},
        {"minimum": 1},
        {"limits": (2, 2)},
    ):
        with pytest.raises(BadValueError):
            global_normalization(VIDEO, **wrong)
    with pytest.raises(BadValueError, match="by"):
        frame_normalization(VIDEO, by="mean")
    with pytest.raises(TooFewFramesError):
        global_normalization(VIDEO[:0])


@pytest.mark.parametrize("dtype", ["?", "u1", ">u2", "i8", "f2", ">f4", "f4", "f8"])
def test_every_type_of_pixels_is_scaled(dtype):
    video = (100 * np.random.default_rng(0).random((5, 6, 7))).astype(dtype)
    plain = video.astype(np.float64)
    expected = (plain - plain.min()) / max(plain.max() - plain.min(), 1)
    limits = (float(plain.min()), float(max(plain.max(), plain.min() + 1)))
    for laid_out in (np.asarray, lambda v: v[::2, ::-1], np.asfortranarray):
        found = global_normalization(laid_out(video), limits=limits)
        np.testing.assert_allclose(found, laid_out(expected), rtol=1e-6)
