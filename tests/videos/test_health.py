"""Constant and saturated frames, dead and stuck pixels are told; what is sound is passed over."""

import dask.array as da
import numpy as np

from napari_uai.videos.health import recording_problems


def recording(n=60):
    return np.random.default_rng(0).poisson(3000, (n, 20, 16)).astype(np.uint16)


def test_a_sound_recording_has_no_problems():
    assert recording_problems(recording()) == []
    assert recording_problems(recording(0)) == []


def test_constant_frames_are_named():
    video = recording()
    video[7] = 0
    assert recording_problems(video)[0].startswith("1 frame is constant (7): ")
    video[20:30] = 65535
    assert recording_problems(da.from_array(video))[0].startswith(
        "11 frames are constant (7, 20, 21, 22, 23, ...): "
    )


def test_saturated_frames_are_told_from_hot_pixels():
    video = recording()
    video[:, 3, 3] = 4095
    video[11:13, 5:9] = 4095
    said = recording_problems(video)
    assert said[0].startswith("2 frames are saturated in more than 1% of the pixels (11, 12): ")
    assert said[1].startswith("1 pixel is dead or stuck at one value (row, column (3, 3)): ")
    assert len(said) == 2


def test_a_dead_column_is_named():
    video = recording()
    video[:, :, 9] = 0
    assert recording_problems(video) == [
        "20 pixels are dead or stuck at one value (column 9): landings there are unreliable"
    ]


def test_pixels_that_change_late_or_once_are_alive():
    video = recording(400)
    video[:, 4, 4] = 3000
    video[399, 4, 4] = 3001
    assert recording_problems(video) == []


def test_recordings_that_are_constant_as_a_whole_or_nan_are_left_to_the_stages():
    assert recording_problems(np.full((9, 5, 5), 65535, np.uint16)) == []
    assert recording_problems(np.full((9, 5, 5), np.nan)) == []
