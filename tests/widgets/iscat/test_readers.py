from __future__ import annotations

import json

import napari
import numpy as np
import pytest
import tifffile
from napari.layers import Points

from napari_uai.errors import VideoFormatError
from napari_uai.sample_data import sample_path
from napari_uai.videos.frames import Frames
from napari_uai.videos.read_options import ReadOptions
from napari_uai.videos.writing.writers import write_video
from napari_uai.widgets.iscat.readers import recording_reader, table_reader
from napari_uai.widgets.kit.layers import KEY
from napari_uai.widgets.kit.plugin_docks import RAW_TITLE
from napari_uai.widgets.kit.preferences import preferences


@pytest.fixture
def bare_file(tmp_path, recording):
    path = tmp_path / "recording.bin"
    recording.tofile(path)
    return path


@pytest.fixture
def described_file(bare_file):
    described = {"height": 24, "width": 20, "dtype": "<u2", "pixel_size_um": 0.05}
    bare_file.with_suffix(".json").write_text(json.dumps(described))
    return bare_file


def test_a_recording_with_a_sidecar_opens_lazily(viewer, described_file, recording):
    [layer] = viewer.open(described_file, plugin="napari-uai")
    assert isinstance(layer.data, Frames)
    assert layer.name == "recording"
    np.testing.assert_array_equal(np.asarray(layer.data[17]), recording[17])
    assert tuple(layer.scale) == (1.0, 0.05, 0.05)
    assert layer.metadata[KEY]["source"] == str(described_file)


def test_a_name_may_tell_the_shape(viewer, tmp_path, recording):
    path = tmp_path / "cam_type_uint16_shape(600, 24, 20).raw"
    recording.tofile(path)
    [layer] = viewer.open(path, plugin="napari-uai")
    assert layer.data.shape == (600, 24, 20)


def test_an_unknown_shape_is_asked_for_in_a_widget(viewer, bare_file, monkeypatch):
    monkeypatch.setattr(napari, "current_viewer", lambda: viewer)
    assert viewer.open(bare_file, plugin="napari-uai") == []
    widget = viewer.window.dock_widgets[f"{RAW_TITLE} (napari-uai)"]
    assert widget.path.text() == str(bare_file)


def test_the_widget_previews_opens_and_remembers(
    viewer, open_widget, bare_file, recording, previewed
):
    widget = open_widget(viewer, RAW_TITLE)
    widget.set_path(bare_file)
    widget.height_px.setValue(24)
    widget.width_px.setValue(20)
    widget.pixel_type.setCurrentIndex(widget.pixel_type.findData("<u2"))
    previewed(widget)
    assert widget.suggestions.count() > 1
    assert (widget.height_px.value(), widget.width_px.value()) == (24, 20)  # as typed
    assert not widget.preview.picture.pixmap().isNull()
    assert "600 frames of 24 x 20 px" in widget.message.text()
    widget.remember.setChecked(True)
    widget.open_button.click()
    np.testing.assert_array_equal(np.asarray(viewer.layers[0].data[3]), recording[3])
    [again] = viewer.open(bare_file, plugin="napari-uai")
    assert again.data.shape == (600, 24, 20)


def test_the_shape_in_the_sidecar_comes_first(viewer, open_widget, tmp_path, recording, previewed):
    path = tmp_path / "recording.bin"
    path.write_bytes(b"header!!" + recording.astype(">i2").tobytes())
    described = {"height": 24, "width": 20, "dtype": ">i2", "offset": 8}
    path.with_suffix(".json").write_text(json.dumps(described))
    widget = open_widget(viewer, RAW_TITLE)
    widget.set_path(path)
    previewed(widget)
    assert widget.shape_of_file() == ReadOptions(**described)
    widget.open_button.click()
    np.testing.assert_array_equal(np.asarray(viewer.layers[0].data[3]), recording[3])


def test_an_impossible_shape_is_reported(viewer, open_widget, bare_file, previewed):
    widget = open_widget(viewer, RAW_TITLE)
    widget.set_path(bare_file)
    widget.height_px.setValue(10_000)
    widget.width_px.setValue(10_000)
    previewed(widget)
    assert "too few for one frame" in widget.message.text()
    assert not widget.open_button.isEnabled()
    assert len(viewer.layers) == 0
    widget.set_path(bare_file.with_name("gone.bin"))
    previewed(widget)
    assert "gone.bin" in widget.message.text()


def test_the_next_recording_of_that_shape_opens_without_questions(
    viewer, open_widget, tmp_path, monkeypatch, notifications, previewed
):
    monkeypatch.setattr(napari, "current_viewer", lambda: viewer)
    frames = np.fromfile(sample_path("landings.bin"), "<u2").reshape(1200, 41, 40)
    frames.tofile(tmp_path / "first.bin")
    widget = open_widget(viewer, RAW_TITLE)
    widget.set_path(tmp_path / "first.bin")
    previewed(widget)
    widget.open_button.click()
    assert viewer.layers[0].data.shape == frames.shape
    other = tmp_path / "other.bin"
    frames[100:500].tofile(other)
    [layer] = viewer.open(other, plugin="napari-uai")
    np.testing.assert_array_equal(np.asarray(layer.data[3]), frames[103])
    assert "shape of the last recording" in notifications[-1]
    frames[:800, :, :36].tofile(other)  # 41 x 40 px would fill it, too
    assert viewer.open(other, plugin="napari-uai") == []
    preferences("recordings").ask_again = True
    frames.tofile(other)
    assert viewer.open(other, plugin="napari-uai") == []


def test_a_shape_that_cannot_be_saved_is_reported_and_the_file_open(
    viewer, open_widget, bare_file, notifications, previewed
):
    bare_file.with_name("recording.bin.json").mkdir()
    widget = open_widget(viewer, RAW_TITLE)
    widget.set_path(bare_file)
    previewed(widget)
    widget.remember.setChecked(True)
    widget.open_button.click()
    assert len(viewer.layers) == 1
    assert "could not be saved next to it" in notifications[-1]


def test_a_pixel_size_of_the_preferences_is_that_of_files_that_tell_none(
    viewer, bare_file, described_file
):
    preferences("recordings").pixel_size_nm = 200.0
    [told] = viewer.open(described_file, plugin="napari-uai")
    described_file.with_suffix(".json").write_text('{"height": 24, "width": 20, "dtype": "<u2"}')
    [untold] = viewer.open(described_file, plugin="napari-uai")
    assert (told.scale[1], untold.scale[1]) == (0.05, 0.2)


def test_without_a_viewer_an_unknown_shape_is_one_clear_error(bare_file, monkeypatch):
    monkeypatch.setattr(napari, "current_viewer", lambda: None)
    with pytest.raises(VideoFormatError, match="has no header: give height"):
        recording_reader(str(bare_file))(str(bare_file))


def test_an_empty_file_is_an_error_not_a_question(viewer, tmp_path, monkeypatch):
    monkeypatch.setattr(napari, "current_viewer", lambda: viewer)
    path = tmp_path / "empty.bin"
    path.touch()
    with pytest.raises(VideoFormatError, match="is empty"):
        recording_reader(str(path))(str(path))


def test_folders_and_missing_files_are_left_to_others(tmp_path):
    assert recording_reader(str(tmp_path)) is None
    assert recording_reader(str(tmp_path / "nothing.bin")) is None


def test_landings_open_as_rings_at_their_frame_of_the_file(viewer, tmp_path):
    path = tmp_path / "landings.csv"
    path.write_text("landing,frame,raw_frame,y,x,contrast,score\n1,100,300,10.5,8,0.01,9\n")
    [layer] = viewer.open(path, plugin="napari-uai")
    assert isinstance(layer, Points)
    np.testing.assert_allclose(layer.data_to_world(layer.data[0]), (300, 10.5, 8))
    assert layer.features["score"].tolist() == [9]


def test_landings_lie_over_a_recording_in_micrometres(
    viewer, described_file, tmp_path, monkeypatch
):
    monkeypatch.setattr(napari, "current_viewer", lambda: viewer)
    [video] = viewer.open(described_file, plugin="napari-uai")
    path = tmp_path / "landings.csv"
    path.write_text("landing,frame,raw_frame,y,x\n1,100,300,10,8\n")
    [layer] = viewer.open(path, plugin="napari-uai")
    np.testing.assert_allclose(layer.data_to_world(layer.data[0]), (300, 0.5, 0.4))
    assert layer.units == video.units


def test_other_tables_are_left_to_others(tmp_path):
    path = tmp_path / "landings.csv"
    path.write_text("name,age\nAda,36\n")
    assert table_reader(str(path)) is None
    path.write_bytes(b"\xff\xfe\x00")
    assert table_reader(str(path)) is None


@pytest.mark.parametrize("name", ["video.npy", "video.tif", "video.ome.tiff", "video.zarr"])
def test_stacks_open_lazily_with_their_scale(viewer, recording, tmp_path, name):
    path = write_video(recording, tmp_path / name, pixel_size_um=0.05)
    [layer] = viewer.open(path, plugin="napari-uai")
    assert isinstance(layer.data, Frames)
    np.testing.assert_array_equal(np.asarray(layer.data[17]), recording[17])
    assert layer.scale[1] == pytest.approx(0.05)


def test_single_pictures_are_left_to_napari(tmp_path):
    tifffile.imwrite(tmp_path / "one.tif", np.zeros((64, 64), np.uint8))
    tifffile.imwrite(tmp_path / "colour.tif", np.zeros((9, 9, 3), np.uint8), photometric="rgb")
    np.save(tmp_path / "one.npy", np.zeros((4, 5)))
    (tmp_path / "folder").mkdir()
    for name in ("one.tif", "colour.tif", "one.npy", "nothing.tif", "folder"):
        assert recording_reader(str(tmp_path / name)) is None


def test_what_cannot_be_read_is_one_clear_error(tmp_path):
    (tmp_path / "text.tif").write_text("no picture")
    with pytest.raises(VideoFormatError, match=r"text\.tif is not a complete TIFF file"):
        recording_reader(str(tmp_path / "text.tif"))(str(tmp_path / "text.tif"))
