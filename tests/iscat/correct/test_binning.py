import dask.array as da
import numpy as np
import pytest

from napari_uai.errors import BadValueError, TooFewFramesError
from napari_uai.iscat.correct.binning import bin_frames
from napari_uai.videos.frames import frames_per_chunk


@pytest.mark.parametrize("bin_size", [1, 7, 600])
def test_bins_are_means_of_consecutive_frames_and_the_rest_is_dropped(bin_size):
    video = np.random.default_rng(0).integers(0, 4000, (1250, 20, 30)).astype(np.uint16)
    n = len(video) // bin_size
    expected = video[: n * bin_size].reshape(n, bin_size, 20, 30).mean(axis=1)
    np.testing.assert_allclose(bin_frames(video, bin_size=bin_size), expected, rtol=1e-6)


@pytest.mark.slow
def test_bins_larger_than_a_chunk_are_summed_in_pieces():
    video = np.random.default_rng(1).normal(size=(40, 800, 900)).astype(np.float32)
    assert frames_per_chunk(video.shape) < 20
    expected = video.reshape(2, 20, 800, 900).mean(axis=1, dtype=np.float64)
    np.testing.assert_allclose(bin_frames(video, bin_size=20), expected, atol=1e-6)


def test_a_lazy_video_gives_a_lazy_result_with_the_same_values():
    video = np.random.default_rng(2).normal(size=(103, 8, 9))
    lazy = bin_frames(da.from_array(video, chunks=(10, 8, 9)), bin_size=5)
    assert isinstance(lazy, da.Array)
    np.testing.assert_array_equal(lazy.compute(), bin_frames(video, bin_size=5))


def test_too_large_and_senseless_bins_are_refused():
    with pytest.raises(TooFewFramesError, match="use a smaller bin_size"):
        bin_frames(np.zeros((10, 4, 4)), bin_size=11)
    with pytest.raises(BadValueError, match="at least 1"):
        bin_frames(np.zeros((10, 4, 4)), bin_size=0)
