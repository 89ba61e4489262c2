import numpy as np
import pandas as pd
import pytest

from napari_uai.errors import BadValueError, TrailFormatError
from napari_uai.trails.io.convert import (
    frame_of_trails,
    tracks_of_trails,
    trails_of_frame,
    trails_of_tracks,
)

TRACKS = np.array(
    [[4, 0, 10, 20], [4, 2, 11, 21], [4, 1, 12, 22], [9, 5, 3, 4], [9, 6, 5, 6]], np.float64
)


def test_tracks_of_napari_make_trails():
    trails = trails_of_tracks(TRACKS, frame_rate_hz=10, scene_size=(40, 30))
    assert trails.table["trail"].tolist() == ["4", "9"]
    np.testing.assert_allclose(trails.time, [0, 0.1, 0.2, 0.5, 0.6])
    np.testing.assert_array_equal(trails.y, [10, 12, 11, 3, 5])
    np.testing.assert_array_equal(trails.x, [20, 22, 21, 4, 6])
    assert (trails.scene.width, trails.scene.height) == (40, 30)


def test_trails_make_the_tracks_they_were_made_of():
    trails = trails_of_tracks(TRACKS, frame_rate_hz=10, scene_size=(40, 30))
    tracks = tracks_of_trails(trails, frame_rate_hz=10)
    expected = TRACKS[[0, 2, 1, 3, 4]]
    np.testing.assert_array_equal(tracks[:, 0], [0, 0, 0, 1, 1])
    np.testing.assert_allclose(tracks[:, 1:], expected[:, 1:])


@pytest.mark.parametrize(
    "tracks", [TRACKS[:, :3], np.zeros((4, 5)), np.zeros(4), [["a"] * 4], [[1, 2], [3]]]
)
def test_what_is_no_array_of_tracks_is_refused(tracks):
    with pytest.raises(BadValueError, match="identity, t, y"):
        trails_of_tracks(tracks)


def test_tracks_without_a_usable_trail_are_told():
    for tracks in (np.zeros((0, 4)), TRACKS[:1], TRACKS * np.nan):
        with pytest.raises(TrailFormatError, match="no usable trail"):
            trails_of_tracks(tracks)


def test_a_table_makes_trails_and_back():
    table = pd.DataFrame(
        {
            "trail": ["b", "b", "a", "a"],
            "class": ["car", "car", "bus", "bus"],
            "time": [0.0, 0.5, 3.0, 4.0],
            "y": np.float32([1, 2, 3, 4]),
            "x": np.float32([5, 6, 7, 8]),
        }
    )
    trails = trails_of_frame(table, scene_size=(20, 10))
    assert trails.table["class"].tolist() == ["car", "bus"]
    assert trails.problems.empty
    pd.testing.assert_frame_equal(frame_of_trails(trails), table, check_dtype=False)


def test_a_table_of_any_index_and_of_dates_is_read():
    table = pd.DataFrame(
        {
            "particle": [1, 1],
            "time": pd.to_datetime(["2023-05-23 16:00:00", "2023-05-23 16:00:01"]),
            "x": [1, 2],
            "y": [3, 4],
        },
        index=[17, 17],
    )
    trails = trails_of_frame(table, scene_size=(20, 10))
    np.testing.assert_array_equal(trails.time, [1684857600, 1684857601])


def test_a_rate_that_is_none_is_refused():
    with pytest.raises(BadValueError, match="frame_rate_hz"):
        tracks_of_trails(trails_of_tracks(TRACKS), frame_rate_hz=0)
