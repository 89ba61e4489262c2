import numpy as np
import pytest

from napari_uai.errors import BadValueError, TooFewFramesError
from napari_uai.iscat.fastdvdnet.settings import NetworkSettings
from napari_uai.iscat.fastdvdnet.windows import (
    noise_of,
    read_frames,
    window_index,
    windows_per_chunk,
)
from napari_uai.videos.frames import ArrayFrames, frames_per_chunk


def test_inside_a_video_windows_are_the_offsets():
    settings = NetworkSettings(stride=3)
    index = window_index(np.arange(6, 94), 100, settings)
    np.testing.assert_array_equal(index - np.arange(6, 94)[:, None], [settings.offsets] * 88)


@pytest.mark.parametrize("stride", [1, 5, 20])
@pytest.mark.parametrize("n", [40, 41, 60, 100])
def test_near_the_ends_the_other_side_stands_in_and_never_the_target(stride, n):
    index = window_index(np.arange(n), n, NetworkSettings(stride=stride))
    distance = np.abs(index - np.arange(n)[:, None])
    assert index.min() >= 0
    assert index.max() < n
    assert distance.min() >= stride
    assert set(np.unique(distance)) <= {stride, 2 * stride}


def test_a_window_that_sees_the_target_keeps_it():
    index = window_index(np.arange(50), 50, NetworkSettings(stride=2, blind=False))
    np.testing.assert_array_equal(index[:, 2], np.arange(50))


def test_a_video_without_neighbours_is_too_short():
    with pytest.raises(TooFewFramesError, match="40 frames"):
        window_index(np.arange(39), 39, NetworkSettings(stride=20))


def test_frames_are_read_run_by_run():
    video = np.arange(30.0).reshape(30, 1, 1)
    wanted = np.array([0, 1, 2, 9, 20, 21])
    np.testing.assert_array_equal(read_frames(ArrayFrames(video), wanted)[:, 0, 0], wanted)


def test_noise_is_that_of_the_pixels_whatever_the_outliers():
    rng = np.random.default_rng(0)
    video = rng.normal(5, 0.01, (200, 30, 30)) + rng.normal(0, 1, (200, 1, 1))
    video[:, 3, 4] = 1e3
    assert noise_of(ArrayFrames(video)) == pytest.approx(0.01, rel=0.02)


@pytest.mark.parametrize(("value", "message"), [(1.0, "constant"), (np.nan, "NaN")])
def test_videos_without_noise_are_refused(value, message):
    with pytest.raises(BadValueError, match=message):
        noise_of(ArrayFrames(np.full((10, 4, 4), value)))


@pytest.mark.parametrize("blind", [True, False])
@pytest.mark.parametrize("stride", [1, 50, 150, 3000])
def test_frames_behind_windows_take_the_memory_of_two_chunks_at_most(stride, blind):
    settings = NetworkSettings(stride=stride, blind=blind)
    video = ArrayFrames(np.broadcast_to(np.float32(0), (50_000, 64, 64)))
    chunk, n = frames_per_chunk(video.shape), windows_per_chunk(video, settings)
    seen = np.unique(window_index(np.arange(20_000, 20_000 + n), len(video), settings))
    assert chunk < len(seen) <= 2 * chunk
    assert n == chunk or len(seen) > 1.9 * chunk
