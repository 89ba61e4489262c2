import dask.array as da
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, shift

from napari_uai.errors import BadValueError
from napari_uai.iscat.correct.whole_pixel_drift import register_drift
from napari_uai.videos import frames_of


def drifting(drift, shape=(48, 56), electrons=20_000, seed=0):
    """Speckle that moves with the sample under a profile that does not, with shot noise."""
    rng = np.random.default_rng(seed)
    scene = gaussian_filter(rng.normal(size=(shape[0] + 60, shape[1] + 60)), 1.5)
    scene = 1 + 0.1 * scene / scene.std()
    y, x = np.indices(shape)
    profile = np.exp(-((y - shape[0] / 2) ** 2 + (x - shape[1] / 2) ** 2) / (2 * 40**2))
    frames = []
    for dy, dx in drift:
        moved = shift(scene, (dy, dx), order=3, mode="nearest")[30:-30, 30:-30]
        frames.append(rng.poisson(electrons * profile * moved))
    return np.array(frames, np.uint16)


def test_the_sample_stays_where_it_is_at_the_beginning():
    drift = np.stack([np.linspace(0, 9.2, 200), np.linspace(0, -14.6, 200)], axis=1)
    video = drifting(drift)
    still = register_drift(video, bin_size=4)
    assert (still.dtype, still.shape) == (video.dtype, video.shape)
    for i in range(0, 200, 7):
        # Near half a pixel either way of rounding is right.
        near = [np.rint(drift[i] + error).astype(int) for error in (0, 0.3, -0.3)]
        near += [(near[1][0], near[2][1]), (near[2][0], near[1][1])]
        assert any(
            np.array_equal(still[i][: 48 - dy, -dx or None :], video[i][dy:, : 56 + dx])
            if dx
            else np.array_equal(still[i][: 48 - dy], video[i][dy:])
            for dy, dx in near
        )


def test_a_still_sample_is_left_as_it_is():
    video = drifting(np.zeros((60, 2)))
    np.testing.assert_array_equal(register_drift(video, bin_size=10), video)


def test_frames_are_shifted_lazily_and_alike_in_all_kinds_of_videos():
    drift = np.stack([np.linspace(0, 3, 90), np.zeros(90)], axis=1)
    video = drifting(drift)
    lazy = register_drift(da.from_array(video, chunks=(20, -1, -1)), bin_size=10)
    whole = register_drift(video, bin_size=10)
    np.testing.assert_array_equal(lazy.compute(), whole)
    np.testing.assert_array_equal(frames_of(lazy).read(50, 60), whole[50:60])
    assert not np.array_equal(whole[80], video[80])


def test_small_frames_and_bad_bins_are_errors():
    with pytest.raises(BadValueError, match="8 rows and columns at least, got 7 x 40"):
        register_drift(np.ones((10, 7, 40)))
    with pytest.raises(BadValueError, match="bin_size"):
        register_drift(np.ones((10, 20, 40)), bin_size=0)
