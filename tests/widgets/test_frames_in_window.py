"""Layers that hold frames: what napari does with an array it does with them."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
from napari.layers import _layer_actions
from napari_builtins.io import napari_write_image
from scipy.ndimage import gaussian_filter

from napari_uai.iscat.correct.rolling_average import differential_rolling_average
from napari_uai.iscat.detect.anomalies.batch_features import batch_deviation, batch_difference
from napari_uai.iscat.detect.anomalies.features import difference_of_gaussians_3d
from napari_uai.videos.frames import ArrayFrames, compute_video, frames_of
from napari_uai.widgets.iscat.stage_call import sums_behind
from napari_uai.widgets.kit.layers import Place, array_of, image_layer

BATCH = 20


class ReadFrames(ArrayFrames):
    """Frames of an array that note which were read."""

    def __init__(self, array):
        super().__init__(array)
        self.was_read = []

    def read(self, start, stop):
        self.was_read += range(start, stop)
        return super().read(start, stop)


@pytest.fixture
def average(recording):
    return frames_of(differential_rolling_average(frames_of(recording), batch_size=BATCH))


@pytest.fixture
def layer(viewer, average):
    data, attributes, _ = image_layer(average, Place(), name="average")
    return viewer.add_image(data, **attributes)


@pytest.fixture
def look(viewer, layer, qtbot):
    """Take a picture of the canvas with the layer; it is the same with all frames in memory."""
    data, attributes, _ = image_layer(compute_video(layer.data), Place(), name="in memory")
    twin = viewer.add_image(data, **attributes)
    viewer.screenshot(canvas_only=False, flash=False)  # lays the window out, which is hidden

    def compare():
        viewer.reset_view()
        pictures = []
        for one, other in ((layer, twin), (twin, layer)):
            one.visible, other.visible = True, False
            qtbot.waitUntil(lambda one=one: one.loaded)
            pictures.append(viewer.screenshot(canvas_only=True, flash=False))
        np.testing.assert_array_equal(*pictures)
        assert np.ptp(pictures[0][..., 0]) > 100
        return pictures[0]

    compare.twin = twin
    return compare


def test_the_slider_reads_the_frame_in_view_and_no_other(viewer, recording, slicing, qtbot):
    frames = ReadFrames(recording)
    layer = viewer.add_image(frames, contrast_limits=(0, 60_000))
    qtbot.waitUntil(lambda: layer.loaded)
    frames.was_read.clear()
    for frame in (300, 17):
        viewer.dims.set_point(0, frame)
        qtbot.waitUntil(lambda: layer.loaded)
        assert layer.get_value((frame, 10, 8)) == recording[frame, 10, 8]
    assert set(frames.was_read) == {300, 17}


def test_lazy_frames_are_shown_as_computed(viewer, look, slicing):
    pictures = []
    for frame in (0, 200, 560):
        viewer.dims.set_point(0, frame)
        pictures.append(look())
    assert not np.array_equal(pictures[0], pictures[1])


def test_rows_over_time_and_the_volume_can_be_looked_at(viewer, look):
    viewer.dims.order = (1, 0, 2)
    viewer.dims.set_point(1, 10)
    look()
    viewer.dims.order = (0, 1, 2)
    viewer.dims.ndisplay = 3
    look()


def test_the_mean_of_a_thick_slice_can_be_looked_at(viewer, layer, look):
    layer.projection_mode = look.twin.projection_mode = "mean"
    viewer.dims.set_point(0, 100)
    thin = look()
    viewer.dims.thickness = (11, 0, 0)
    assert not np.array_equal(look(), thin)


def test_contrast_limits_of_all_data_are_found(layer, average):
    truth = compute_video(average)
    layer.reset_contrast_limits(mode="data")
    np.testing.assert_allclose(layer.contrast_limits, (truth.min(), truth.max()))


def test_the_histogram_counts_all_pixels(layer, average):
    layer.contrast_limits_range = (-1, 1)
    layer.histogram.mode = "full"
    assert layer.histogram.counts.sum() == average.size


def test_a_projection_as_of_the_menu_is_lazy(layer, average):
    projected = np.max(array_of(layer), axis=0, keepdims=False)
    assert isinstance(projected, da.Array)
    np.testing.assert_array_equal(projected, compute_video(average).max(axis=0))


def test_a_layer_that_is_projected_and_duplicated_by_napari(viewer, layer, average):
    viewer.layers.selection.active = layer
    _layer_actions._project(viewer.layers, axis=0, mode="max")
    viewer.layers.selection = {layer}
    _layer_actions._duplicate_layer(viewer.layers)
    others = {one.name: array_of(one) for one in viewer.layers if one.name != layer.name}
    assert others["average copy"] is average
    truth = compute_video(average).max(axis=0, keepdims=True)
    np.testing.assert_array_equal(others["average max-proj"], truth)


def test_naparis_own_writer_saves_them(layer, average, tmp_path):
    import tifffile

    path = str(tmp_path / "average.tif")
    assert napari_write_image(path, *layer.as_layer_data_tuple()[:2]) == path
    np.testing.assert_array_equal(tifffile.imread(path), compute_video(average))


def test_other_plugins_can_calculate_with_what_their_viewer_gives_them(layer, average):
    truth = compute_video(average)
    data = layer.data  # in napari's wrapping for plugins
    assert data is not average
    np.testing.assert_array_equal(np.asarray(data), truth)
    np.testing.assert_array_equal(data[17, 3:9], truth[17, 3:9])
    np.testing.assert_array_equal(data * np.float32(2), truth * 2)
    np.testing.assert_allclose(np.max(data, axis=0), truth.max(axis=0))
    np.testing.assert_allclose(gaussian_filter(data, (0, 1, 1)), gaussian_filter(truth, (0, 1, 1)))


def test_a_plugin_of_ours_gets_the_same_frames_each_time(layer, average):
    assert array_of(layer) is array_of(layer) is average


@pytest.mark.parametrize(("stage", "passes"), [(batch_difference, 1), (batch_deviation, 2)])
def test_all_passes_that_a_layer_needs_are_found(recording, stage, passes):
    frames = frames_of(stage(frames_of(recording), batch_size=BATCH))
    sums = {id(sums): sums for sums in sums_behind(frames)}
    assert len(sums) == passes
    filtered = frames_of(difference_of_gaussians_3d(frames))
    assert {id(sums) for sums in sums_behind(filtered)} == set(sums)


def test_no_pass_is_left_for_the_window(viewer, open_widget, run, recording):
    viewer.add_image(recording, name="raw")
    widget = open_widget(viewer, "Standard deviation of a batch")
    widget.form.set_values({"batch_size": BATCH})
    run(widget)
    assert all(sums.prepared for sums in sums_behind(array_of(viewer.layers[-1])))
