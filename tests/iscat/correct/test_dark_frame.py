from __future__ import annotations

import pickle

import dask.array as da
import numpy as np
import pytest

from napari_uai.errors import BadValueError, TooFewFramesError
from napari_uai.iscat.correct.dark_frame import dark_frame_subtraction
from napari_uai.videos.frames import frames_of

RNG = np.random.default_rng(5)
VIDEO = RNG.integers(0, 1000, (20, 6, 7), dtype=np.uint16)
DARK = RNG.integers(0, 30, (11, 6, 7), dtype=np.uint16)


def test_the_mean_dark_frame_is_subtracted():
    out = dark_frame_subtraction(VIDEO, DARK)
    assert out.dtype == np.float32
    np.testing.assert_allclose(out, VIDEO.astype(float) - DARK.mean(axis=0), rtol=1e-6, atol=1e-5)


def test_lazy_equals_eager():
    lazy = dark_frame_subtraction(da.from_array(VIDEO), da.from_array(DARK))
    assert isinstance(lazy, da.Array)
    np.testing.assert_array_equal(lazy.compute(), dark_frame_subtraction(VIDEO, DARK))
    assert isinstance(dark_frame_subtraction(da.from_array(VIDEO), DARK), da.Array)


def test_frames_can_be_sent_to_other_processes():
    frames = frames_of(dark_frame_subtraction(da.from_array(VIDEO), DARK))
    expected = frames.read(3, 5)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(frames)).read(3, 5), expected)


def test_other_sizes_are_refused():
    with pytest.raises(BadValueError, match="6 x 7 px, the dark video of 6 x 6 px"):
        dark_frame_subtraction(VIDEO, DARK[:, :, :6])


def test_an_empty_dark_video_is_refused():
    with pytest.raises(TooFewFramesError):
        dark_frame_subtraction(VIDEO, DARK[:0])


def test_a_dark_frame_that_is_not_finite_is_named():
    dark = DARK.astype(np.float32)
    dark[8, 0, 0] = np.nan
    with pytest.raises(BadValueError, match="frame 8 of the dark video"):
        dark_frame_subtraction(VIDEO, dark)
