"""Unreliable frames and pixels are named and sound ones passed over; NaN is left out."""

import dask.array as da
import numpy as np
import pandas as pd
import pytest

from napari_uai.errors import BadValueError
from napari_uai.videos.frames import frames_of
from napari_uai.videos.health import finite_video, recording_health


def recording(n=60):
    return np.random.default_rng(0).poisson(3000, (n, 20, 16)).astype(np.uint16)


def problems_of(video):
    return list(recording_health(video).problems)


def test_a_sound_recording_has_no_problems():
    assert problems_of(recording()) == []
    assert problems_of(recording(0)) == []


def test_constant_frames_are_named():
    video = recording()
    video[7] = 0
    assert problems_of(video)[0].startswith("1 frame is constant (7): ")
    video[20:30] = 65535
    assert problems_of(da.from_array(video))[0].startswith(
        "11 frames are constant (7, 20, 21, 22, 23, ...): "
    )


def test_saturated_frames_are_told_from_hot_pixels():
    video = recording()
    video[:, 3, 3] = 4095
    video[11:13, 5:9] = 4095
    said = problems_of(video)
    assert said[0].startswith("2 frames are saturated in more than 1% of the pixels (11, 12): ")
    assert said[1].startswith("1 pixel is dead or stuck at one value (row, column (3, 3)): ")
    assert len(said) == 2


def test_a_dead_column_is_named():
    video = recording()
    video[:, :, 9] = 0
    assert problems_of(video) == [
        "20 pixels are dead or stuck at one value (column 9): landings there are unreliable"
    ]


def test_pixels_that_change_late_or_once_are_alive():
    video = recording(400)
    video[:, 4, 4] = 3000
    video[399, 4, 4] = 3001
    assert problems_of(video) == []


@pytest.mark.parametrize("lost", [[7], [0, 1], [59], [10, 11, 40]])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_frames_with_nan_or_infinity_are_named_and_left_out(lost, value):
    video = recording().astype("f4")
    filled = pd.DataFrame(video.reshape(60, -1))
    filled.loc[lost] = np.nan
    filled = filled.ffill().bfill().to_numpy().reshape(video.shape)
    video[lost, 3, 5] = value
    health = recording_health(video)
    listed = ", ".join(map(str, lost))
    verb = "frame contains" if len(lost) == 1 else "frames contain"
    assert health.problems[0].startswith(f"{len(lost)} {verb} NaN or infinity ({listed}): left out")
    assert health.not_finite.tolist() == lost
    np.testing.assert_array_equal(finite_video(video, health), filled)
    frames = finite_video(frames_of(video), health)
    parts = [frames.read(k, k + 7) for k in range(0, 60, 7)]
    np.testing.assert_array_equal(np.concatenate(parts), filled)


def test_what_is_finite_stays_the_same_object():
    video = recording()
    assert finite_video(video, recording_health(video)) is video


def test_a_recording_of_many_frames_with_nan_is_refused():
    video = recording().astype("f4")
    video[:4, 0, 0] = np.nan
    with pytest.raises(BadValueError, match="4 of 60 frames contain NaN or infinity"):
        finite_video(video, recording_health(video))


def test_recordings_that_are_constant_as_a_whole_are_left_to_the_stages():
    assert problems_of(np.full((9, 5, 5), 65535, np.uint16)) == []
    assert recording_health(np.full((9, 5, 5), np.nan)).not_finite.size == 9
