"""Ratiometric averages against means of slices."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest

from napari_uai.errors import BadValueError, TooFewFramesError
from napari_uai.iscat.correct.ratiometric import ratiometric_average
from napari_uai.videos.frames import frames_of

VIDEO = np.random.default_rng(4).poisson(1000, (47, 5, 6)).astype(np.uint16)
BATCHES = VIDEO[:40].reshape(4, 10, 5, 6).mean(axis=1)


def test_each_batch_is_relative_to_the_one_before():
    out = ratiometric_average(VIDEO, batch_size=10)
    assert out.dtype == np.float32
    np.testing.assert_allclose(out, BATCHES[1:] / BATCHES[:-1] - 1, atol=3e-7)


def test_each_batch_is_relative_to_the_reference():
    out = ratiometric_average(VIDEO, VIDEO[:13], batch_size=10)
    np.testing.assert_allclose(out, BATCHES / VIDEO[:13].mean(axis=0) - 1, atol=3e-7)


def test_lazy_equals_eager_in_any_part():
    lazy = ratiometric_average(da.from_array(VIDEO, chunks=(7, -1, -1)), batch_size=4)
    expected = ratiometric_average(VIDEO, batch_size=4)
    np.testing.assert_array_equal(lazy.compute(), expected)
    frames = frames_of(lazy)
    np.testing.assert_array_equal(frames.read(3, 7), expected[3:7])


def test_dead_pixels_have_no_contrast():
    video = VIDEO.copy()
    video[:, 2, 3] = 0
    assert not ratiometric_average(video, batch_size=10)[:, 2, 3].any()


def test_what_does_not_fit_is_refused():
    with pytest.raises(TooFewFramesError, match="two batches of 30 frames"):
        ratiometric_average(VIDEO, batch_size=30)
    assert len(ratiometric_average(VIDEO, VIDEO[:3], batch_size=30)) == 1
    with pytest.raises(BadValueError, match="the reference video of 4 x 6 px"):
        ratiometric_average(VIDEO, VIDEO[:3, :4], batch_size=10)
    with pytest.raises(TooFewFramesError, match="the reference video has no frames"):
        ratiometric_average(VIDEO, VIDEO[:0], batch_size=10)
