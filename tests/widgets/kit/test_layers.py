from __future__ import annotations

import dask.array as da
import numpy as np
import pandas as pd
import pytest
from napari.layers import Image, Points

from napari_uai.errors import BadValueError
from napari_uai.iscat.correct.rolling_average import rolling_mean
from napari_uai.videos.contrast import robust_limits
from napari_uai.videos.frames import Frames, frames_of, lazy_video
from napari_uai.videos.recording import Recording
from napari_uai.widgets.kit.layers import (
    KEY,
    Place,
    array_of,
    frames_in,
    image_layer,
    place_of,
    points_layer,
    table_of,
)


def test_limits_ignore_a_few_hot_pixels():
    video = np.random.default_rng(0).normal(1000, 10, (20, 50, 50))
    video[:, 3, 4] = 60_000
    low, high = robust_limits(video)
    assert 900 < low < 1000 < high < 1100


def test_limits_of_signed_data_are_symmetric():
    video = np.random.default_rng(0).normal(0.001, 0.01, (20, 50, 50))
    low, high = robust_limits(video)
    assert low == -high
    assert 0.02 < high < 0.05


@pytest.mark.parametrize("value", [0.0, 7.0, np.nan])
def test_limits_of_a_constant_video_are_a_range(value):
    low, high = robust_limits(np.full((3, 4, 4), value))
    assert np.isfinite((low, high)).all()
    assert low < high


def test_a_video_that_starts_later_is_placed_at_its_first_frame():
    place = Place(scale=(1.0, 0.5, 0.5), translate=(3.0, 1.0, 0.0)).moved((200, 1, 0))
    _, attributes, _ = image_layer(np.zeros((2, 4, 4)), place, name="later")
    assert attributes["translate"] == (203.0, 1.5, 0.0)


def test_positions_survive_the_way_through_a_layer_at_another_place():
    found_in = Place(scale=(1.0, 0.5, 0.5), translate=(200.0, 0.5, 0.0))
    table = pd.DataFrame({"frame": [5, 9], "y": [3.25, 4.0], "x": [7.5, 1.0], "sigma": [1.5, 1.7]})
    data, attributes, _ = points_layer(table, found_in, name="spots")
    layer = Points(data, **attributes)
    raw = Place(scale=(1.0, 0.5, 0.5))
    back = table_of(layer, raw)
    assert back["frame"].tolist() == [205, 209]
    np.testing.assert_allclose(back["y"], table["y"] + 1.0)
    np.testing.assert_allclose(back["x"], table["x"])
    assert back["sigma"].tolist() == [1.5, 1.7]


@pytest.mark.parametrize("saved_for_the_file", [False, True])
def test_fitted_centres_stay_those_of_their_spots(saved_for_the_file):
    """A spot in a video that begins at row 3, column 4 of its recording."""
    recording = Place(scale=(1.0, 0.05, 0.05), translate=(0.0, 1.0, 2.0))
    cropped = recording.moved((0, 3, 4))
    offset = (0.0, 3.0, 4.0) if saved_for_the_file else (0.0, 0.0, 0.0)
    table = pd.DataFrame({"frame": [1], "y": [7.0], "x": [9.0]})
    table["Fit_Y-Center"], table["Fit_X-Center"] = 7.2 + offset[1], 8.9 + offset[2]
    layer = Points(**points_attributes(table, cropped, offset))
    for place, moved in ((cropped, (0, 0)), (recording, (3, 4))):
        back = table_of(layer, place).iloc[0]
        assert back[["y", "x"]].tolist() == pytest.approx([7 + moved[0], 9 + moved[1]])
        fitted = back[["Fit_Y-Center", "Fit_X-Center"]].tolist()
        assert fitted == pytest.approx([7.2 + moved[0], 8.9 + moved[1]])


def points_attributes(table, place, offset):
    data, attributes, _ = points_layer(table, place, name="spots", offset=offset)
    return {"data": data, **attributes}


def test_rows_without_a_position_are_left_out():
    table = pd.DataFrame({"frame": [5, 9], "y": [3.25, np.nan], "x": [7.5, 1.0]})
    data, attributes, _ = points_layer(table, Place(), name="spots")
    assert data.shape == (1, 3)
    assert len(attributes["features"]) == 1


def test_history_grows_and_the_input_keeps_its_own():
    place = Place(record={"history": [{"stage": "opened"}]})
    later = place.with_step("dra", {"batch_size": 5}, ["raw"])
    assert [step["stage"] for step in later.record["history"]] == ["opened", "dra"]
    assert len(place.record["history"]) == 1


def test_the_pixel_size_of_a_recording_scales_its_layer():
    from napari_uai.widgets.kit.layers import recording_layer

    data, attributes, _ = recording_layer(Recording(np.ones((3, 4, 5)), pixel_size_um=0.05))
    layer = Image(data, **attributes)
    assert tuple(layer.scale) == (1.0, 0.05, 0.05)
    assert str(layer.units[1]) == "micrometer"
    assert layer.metadata[KEY]["pixel_size_um"] == 0.05
    assert place_of(layer).scale == (1.0, 0.05, 0.05)


@pytest.mark.parametrize("lazily", [da.from_array, frames_of, lambda v: lazy_video(frames_of(v))])
def test_a_lazy_video_is_given_to_its_layer_as_frames(lazily):
    video = np.random.default_rng(0).normal(size=(9, 4, 5))
    made = rolling_mean(lazily(video), batch_size=3)
    data, attributes, _ = image_layer(made, Place(), name="mean")
    assert isinstance(data, Frames)
    layer = Image(data, **attributes)
    assert array_of(layer) is data
    assert frames_in(array_of(layer)) is data
    np.testing.assert_array_equal(data, rolling_mean(video, batch_size=3))


def test_an_array_in_memory_is_given_to_its_layer_as_it_is():
    video = np.random.default_rng(0).normal(size=(9, 4, 5))
    assert image_layer(video, Place(), name="video")[0] is video


def test_chunks_of_other_dask_arrays_are_computed_once():
    computed = []

    def block(block_info=None):
        computed.append(block_info[None]["chunk-location"][0])
        return np.full((5, 4, 6), computed[-1], np.float32)

    array = da.map_blocks(block, chunks=((5,) * 4, (4,), (6,)), dtype=np.float32)
    computed.clear()  # dask tries the function out
    frames = frames_in(array)
    assert [frames[i, 0, 0] for i in (7, 8, 6, 12, 7)] == [1, 1, 1, 2, 1]
    assert computed == [1, 2]


def test_an_image_of_two_axes_is_one_frame():
    layer = Image(np.arange(12.0).reshape(3, 4))
    video = array_of(layer)
    assert video.shape == (1, 3, 4)
    assert place_of(layer).scale == (1.0, 1.0, 1.0)


def test_a_layer_of_four_axes_is_refused_by_name():
    with pytest.raises(BadValueError, match="'stack' is not a video"):
        array_of(Image(np.zeros((2, 2, 2, 2)), name="stack"))


def test_a_linked_place_leads_to_the_world_and_back():
    layer = Image(
        np.zeros((5, 6, 7)),
        scale=(1, 0.5, 0.5),
        translate=(3, 1, 0),
        affine=[[10, 0, 0, 4], [0, 0.9, -0.1, 2], [0, 0.1, 0.9, 3], [0, 0, 0, 1]],
    )
    place = place_of(layer)
    data = np.array([[0.0, 0.0, 0.0], [4.0, 5.0, 2.5]])
    world = np.array([layer.data_to_world(position) for position in data])
    np.testing.assert_allclose(place.to_world(data), world)
    np.testing.assert_allclose(place.to_data(world), data, atol=1e-12)
    assert place.frame_at(world[1, 0]) == pytest.approx(4.0)
    assert place.frames_to_world(2) == pytest.approx(20.0)


def test_a_turned_layer_keeps_its_rotation_in_what_is_made_of_it():
    layer = Image(np.zeros((5, 6, 7)), rotate=np.eye(3)[[0, 2, 1]], translate=(0, 1, 2))
    _, attributes, _ = image_layer(np.zeros((2, 6, 7)), place_of(layer).moved((2, 0, 0)), name="x")
    made = Image(np.zeros((2, 6, 7)), **attributes)
    np.testing.assert_allclose(
        made.data_to_world((0, 4, 3)), layer.data_to_world((2, 4, 3)), atol=1e-12
    )
