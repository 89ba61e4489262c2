"""What is saved from napari's menu opens again as it was."""

from __future__ import annotations

import json
from pathlib import Path

import dask.array as da
import h5py
import numpy as np
import pandas as pd
import pytest
from napari.plugins import _npe2
from npe2 import PluginManifest
from scipy.io import loadmat

from napari_uai.errors import BadValueError, OutputError
from napari_uai.sample_data import sample_path
from napari_uai.trails.heat.masks import read_mask
from napari_uai.videos.frames import Frames
from napari_uai.videos.recording import open_recording
from napari_uai.widgets.iscat.writers import write_mask, write_places, write_raw
from napari_uai.widgets.kit.layers import Place, points_layer
from napari_uai.widgets.kit.preferences import preferences

RECIPE = "classical"


def save(viewer, layer, path, name, *others):
    """Save as napari's dialog does once a file type was chosen."""
    layers = [layer, *others]
    titles, writers = _npe2.file_extensions_string_for_layers(layers)
    [chosen] = [
        writer
        for title, writer in zip(titles.split(";;"), writers, strict=True)
        if title.startswith(f"napari-uai {name} (") and path.suffix in title
    ]
    viewer.layers.selection = set(layers)
    written, _ = _npe2.write_layers(str(path), layers, writer=chosen)
    assert written == [str(path)]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.raw", "raw video"),
        ("a.bin", "raw video"),
        ("a.npy", "raw video"),
        ("a.zarr", "zarr video"),
        ("a.ome.tif", "TIFF video"),
        ("a.h5", "HDF5 video"),
    ],
)
def test_a_saved_video_opens_again_with_its_scale(viewer, recording, tmp_path, name, kind):
    [layer] = viewer.open(sample_path("landings.bin"), plugin="napari-uai")
    frames = np.asarray(layer.data[:50])
    layer.data = da.from_array(frames)
    save(viewer, layer, tmp_path / name, kind)
    [again] = viewer.open(tmp_path / name, plugin="napari-uai")
    assert isinstance(again.data, Frames)
    np.testing.assert_array_equal(np.asarray(again.data), frames)
    assert again.scale[1] == pytest.approx(layer.scale[1])
    save(viewer, layer, tmp_path / name, kind)  # over what is there


def test_a_lazy_average_is_saved_with_its_values(viewer, open_widget, run, recording, tmp_path):
    viewer.add_image(recording, name="raw")
    widget = open_widget(viewer, "Differential rolling average")
    widget.form.set_values({"batch_size": 100})
    run(widget)
    average = viewer.layers[-1]
    save(viewer, average, tmp_path / "average.zarr", "zarr video")
    stored = open_recording(tmp_path / "average.zarr").video
    np.testing.assert_array_equal(np.asarray(stored), np.asarray(average.data))


def test_a_movie_shows_the_contrast_limits_of_the_layer(viewer, tmp_path):
    layer = viewer.add_image(np.full((6, 9, 8), 150.0), contrast_limits=(100, 200))
    preferences("movies").time = False
    preferences("movies").step = 2
    for suffix in (".avi", ".mp4", ".gif"):
        save(viewer, layer, tmp_path / f"a{suffix}", "movie")
    shown = np.asarray(open_recording(tmp_path / "a.avi").video)
    assert shown.shape[0] == 3
    assert (shown == 128).all()


def test_selected_points_are_marked_in_a_movie(viewer, tmp_path):
    layer = viewer.add_image(
        np.zeros((40, 30, 32), np.uint8), scale=(1, 0.5, 0.5), translate=(100, 5, 2)
    )
    points = viewer.add_points([[120, 10, 8]], scale=(1, 1, 1))
    preferences("movies").time = False
    preferences("movies").rate = 10.0
    save(viewer, layer, tmp_path / "a.avi", "movie", points)
    shown = np.asarray(open_recording(tmp_path / "a.avi").video)
    marked = np.flatnonzero(shown.max(axis=(1, 2)))
    assert (marked[0], marked[-1]) == (15, 25)
    y, x = np.argwhere(shown[20]).mean(axis=0) / (shown.shape[1] / 30)
    assert (y, x) == pytest.approx((10.5, 12.5), abs=0.1)


@pytest.fixture
def found(viewer, open_widget, run, tmp_path):
    """A run on the sample, its folder, and its layers of landings and localizations."""
    [layer] = viewer.open(sample_path("landings.bin"), plugin="napari-uai")
    widget = open_widget(viewer, "iSCAT workflow")
    widget.recording.choose(layer.name)
    widget.show_recipe(RECIPE)
    widget.steps.forms["dra"].set_values({"batch_size": 150})
    widget.results_folder.line.setText(str(tmp_path / "run"))
    run(widget)
    layers = {name: la for la in viewer.layers for name in ("landings", "localizations")
              if la.name.startswith(f"{name} · {RECIPE}")}  # fmt: skip
    assert len(layers) == 2
    return widget, tmp_path / "run", layers


def test_marks_in_a_movie_have_the_colour_of_the_sign_of_their_landing(viewer, tmp_path):
    import av

    layer = viewer.add_image(np.zeros((6, 40, 40)), contrast_limits=(0, 1))
    features = {"landing": [1, 2], "contrast": [0.01, -0.01]}
    points = viewer.add_points([[3, 10, 10], [3, 28, 28]], features=features)
    preferences("movies").time = False
    save(viewer, layer, tmp_path / "a.avi", "movie", points)
    with av.open(str(tmp_path / "a.avi")) as movie:
        frame = [f.to_ndarray(format="rgb24") for f in movie.decode(video=0)][3].astype(int)
    half = frame.shape[0] // 2
    bright, dark = frame[:half, :half], frame[half:, half:]
    assert (bright[..., 0] > bright[..., 2] + 100).any()  # orange
    assert (dark[..., 2] > dark[..., 0] + 100).any()  # blue
    assert not (bright[..., 2] > bright[..., 0]).any()


def test_saved_landings_and_localizations_are_those_of_the_run_also_when_opened_again(
    viewer, found, tmp_path
):
    _, folder, layers = found
    for name, layer in layers.items():
        expected = (folder / f"{name}.csv").read_bytes()
        assert expected.count(b"\n") > 2
        save(viewer, layer, tmp_path / f"{name}.csv", "landings or localizations")
        assert (tmp_path / f"{name}.csv").read_bytes() == expected
        [again] = viewer.open(tmp_path / f"{name}.csv", plugin="napari-uai")
        save(viewer, again, tmp_path / f"{name}2.csv", "landings or localizations")
        assert (tmp_path / f"{name}2.csv").read_bytes() == expected


def test_saved_landings_hold_verdicts_and_lack_what_was_deleted(viewer, found, tmp_path):
    widget, folder, layers = found
    layer = layers["landings"]
    widget.landings.choose(0)
    widget.landings.judge("yes")
    layer.selected_data = {1}
    layer.remove_selected()
    save(viewer, layer, tmp_path / "landings.csv", "landings or localizations")
    before, after = (pd.read_csv(p) for p in (folder / "landings.csv", tmp_path / "landings.csv"))
    assert set(before["landing"]) - set(after["landing"]) == {2}
    assert after["accepted"].iloc[0] == "yes"


def test_rings_are_saved_with_their_frames_and_columns(viewer, tmp_path):
    table = pd.DataFrame({"frame": [7, 321], "y": [1.5, 2.0], "x": [3.0, 4.25], "kind": ["a", "b"]})
    data, attributes, _ = points_layer(table, Place(), name="rings", around=100.0)
    layer = viewer.add_points(data, **attributes)
    layer.save(str(tmp_path / "rings.csv"), plugin="napari-uai")
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "rings.csv"), table)


def test_points_and_tracks_are_saved_for_other_programs(viewer, tmp_path):
    points = viewer.add_points([[5, 1.5, 2.0], [7, 3.0, 4.25]], features={"mass": [0.5, 2.0]})
    save(viewer, points, tmp_path / "spots.json", "landings or localizations")
    rows = json.loads((tmp_path / "spots.json").read_text())["rows"]
    assert rows[1] == {"frame": 7, "y": 3.0, "x": 4.25, "mass": 2.0}
    save(viewer, points, tmp_path / "spots.h5", "landings or localizations")
    with h5py.File(tmp_path / "spots.h5") as file:
        assert file["mass"][:].tolist() == [0.5, 2.0]
    tracks = viewer.add_tracks([[3, 0, 1.5, 2.0], [3, 1, 3.0, 4.25]])
    save(viewer, tracks, tmp_path / "tracks.mat", "tracks")
    data = loadmat(tmp_path / "tracks.mat", squeeze_me=True)["data"]
    assert data["x"].item().tolist() == [2.0, 4.25]


def test_points_of_others_are_saved_with_their_features(viewer, tmp_path):
    layer = viewer.add_points([[5, 1.5, 2.0], [7, 3.0, 4.25]], features={"mass": [0.5, 2.0]})
    save(viewer, layer, tmp_path / "spots.csv", "landings or localizations")
    assert (tmp_path / "spots.csv").read_text() == "frame,y,x,mass\n5,1.5,2,0.5\n7,3,4.25,2\n"


def test_a_saved_mask_is_what_was_painted(viewer, tmp_path):
    painted = np.zeros((30, 40), int)
    painted[3:9, 5:20], painted[20:, 30:] = 1, 7
    save(viewer, viewer.add_labels(painted), tmp_path / "mask.png", "region mask")
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.png").inside, painted != 0)


def test_a_name_without_suffix_gets_one(tmp_path):
    written = write_mask(str(tmp_path / "region"), np.ones((4, 4), int), {})
    assert written == [str(tmp_path / "region.png")]
    assert read_mask(tmp_path / "region.png").inside.all()


def test_napari_saves_pictures_as_before(npe2pm, viewer, tmp_path):
    npe2pm.register(PluginManifest.from_distribution("napari"))
    colours = viewer.add_image(np.zeros((6, 6, 3), np.uint8), rgb=True)
    assert colours.save(str(tmp_path / "colours.tif"))


@pytest.mark.parametrize(
    ("write", "data", "attributes", "message"),
    [
        (write_raw, np.zeros((4, 4, 3), np.uint8), {"rgb": True}, "convert it to grey"),
        (write_raw, np.zeros((2, 3, 4, 5)), {}, "is not a video"),
        (write_mask, np.zeros((4, 4), int), {}, "is empty"),
        (write_mask, np.ones((2, 4, 4), int), {}, "New region mask"),
        (write_places, np.zeros((2, 4)), {}, "4 axes"),
    ],
)
def test_layers_that_cannot_be_saved_are_reported(tmp_path, write, data, attributes, message):
    with pytest.raises(BadValueError, match=message):
        write(str(tmp_path / "a.raw"), data, {"name": "layer", **attributes})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("write", "name", "data"),
    [
        (write_raw, "a.raw", np.ones((4, 4, 4))),
        (write_mask, "a.png", np.ones((4, 4), int)),
        (write_places, "a.csv", np.ones((4, 3))),
    ],
)
def test_an_unwritable_path_is_reported(tmp_path, write, name, data):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"file.*choose"):
        write(str(Path(tmp_path / "file" / name)), data, {})
