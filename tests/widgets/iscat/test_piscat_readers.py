from __future__ import annotations

import h5py
import napari
import numpy as np
import pandas as pd
import pytest
from napari.layers import Image, Points, Tracks
from scipy.io import savemat

from napari_uai.errors import NapariUaiError
from napari_uai.iscat import differential_rolling_average
from napari_uai.widgets.iscat.piscat_readers import piscat_layers, piscat_reader
from napari_uai.widgets.iscat.readers import recording_reader, table_reader
from napari_uai.widgets.kit.layers import Place, image_layer
from napari_uai.widgets.trails.readers import trail_reader

SPOTS = pd.DataFrame(
    {"y": [3.0, 4.0, 9.0], "x": [1.0, 1.0, 8.0], "frame": [0, 1, 7],
     "center_intensity": [-1e-3, -2e-3, 3e-3], "sigma": 1.7}
)  # fmt: skip
LINKED = SPOTS.assign(particle=[0, 0, 1])


def saved_table(folder, table=LINKED):
    path = folder / "particles_20240101-120000.csv"
    table.to_csv(path)
    return path


def saved_trajectories(folder):
    with h5py.File(folder / "trajectories.h5", "w") as file:
        for i, spots in LINKED.groupby("particle"):
            for name, column in {
                "frame_number": "frame",
                "y_center": "y",
                "x_center": "x",
                "center_int": "center_intensity",
                "sigma": "sigma",
            }.items():
                file[f"#{i}/{name}"] = spots[column].to_numpy()
    return folder / "trajectories.h5"


@pytest.mark.parametrize("saved", [saved_table, saved_trajectories])
def test_spots_of_particles_are_points_and_tracks(viewer, tmp_path, saved):
    points, tracks = viewer.open(saved(tmp_path), plugin="napari-uai")
    assert isinstance(points, Points)
    assert isinstance(tracks, Tracks)
    assert points.visible
    np.testing.assert_array_equal(points.data, SPOTS[["frame", "y", "x"]])
    np.testing.assert_array_equal(tracks.data, [[0, 0, 3, 1], [0, 1, 4, 1]])  # one spot: no track
    assert points.features["center_intensity"].tolist() == [-1e-3, -2e-3, 3e-3]


def test_spots_that_are_not_linked_are_points(viewer, tmp_path):
    [points] = viewer.open(saved_table(tmp_path, SPOTS), plugin="napari-uai")
    assert isinstance(points, Points)


def test_each_table_of_a_file_is_a_layer(viewer, tmp_path):
    with h5py.File(tmp_path / "results.h5", "w") as file:
        for group in ("all", "filtered"):
            for name in SPOTS:
                file[f"{group}/{name}"] = SPOTS[name].to_numpy()
    layers = viewer.open(tmp_path / "results.h5", plugin="napari-uai")
    assert [layer.name for layer in layers] == ["results: all", "results: filtered"]


def test_spots_lie_over_the_average_in_which_they_were_found(viewer, tmp_path, monkeypatch):
    monkeypatch.setattr(napari, "current_viewer", lambda: viewer)
    average = differential_rolling_average(np.ones((60, 12, 12), np.float32), batch_size=20)
    place = Place(scale=(1.0, 0.05, 0.05), translate=(20.0, 0.0, 0.0))
    data, attributes, _ = image_layer(average, place, name="average")
    viewer.add_layer(Image(data, **attributes))
    points, tracks = viewer.open(saved_table(tmp_path), plugin="napari-uai")
    for layer, row in ((points, points.data[1]), (tracks, tracks.data[1])):
        np.testing.assert_allclose(layer.data_to_world(row)[-3:], (21, 4 * 0.05, 0.05))


def test_one_reader_takes_each_file(tmp_path):
    readers = (piscat_reader, recording_reader, table_reader, trail_reader)

    def taking(path):
        return [reader for reader in readers if reader(str(path)) is not None]

    assert taking(saved_table(tmp_path)) in ([piscat_reader], [piscat_reader, table_reader])
    assert taking(saved_trajectories(tmp_path)) == [piscat_reader]
    cells = np.empty(1, object)
    cells[0] = np.ones(3)
    savemat(tmp_path / "cells.mat", {"data": cells}, do_compression=True)
    assert taking(tmp_path / "cells.mat") == [piscat_reader]
    savemat(tmp_path / "video.mat", {"data": np.ones((9, 8, 7))}, do_compression=True)
    assert taking(tmp_path / "video.mat") == [recording_reader]
    with h5py.File(tmp_path / "video.h5", "w") as file:
        file["video"] = np.ones((9, 8, 7))
    assert taking(tmp_path / "video.h5") == [recording_reader]
    with h5py.File(tmp_path / "poses.h5", "w") as file:
        file["df/block0_items"] = np.array([b"nose", b"tail"])
        file["df/block0_values"] = np.ones((9, 2))
        file["df"].attrs.update({"pandas_type": np.bytes_("frame"), "nblocks": 1})
    assert taking(tmp_path / "poses.h5") == [recording_reader]
    LINKED.assign(raw_frame=1).to_csv(tmp_path / "localizations.csv")
    assert piscat_reader(str(tmp_path / "localizations.csv")) is None


@pytest.mark.parametrize("content", [b"", b"\x89HDF\r\n\x1a\n", b"MATLAB 5.0" + bytes(400)])
@pytest.mark.parametrize("name", ["a.h5", "a.mat", "psfs.csv"])
def test_damaged_files_are_not_those_of_piscat(content, name, tmp_path):
    (tmp_path / name).write_bytes(content)
    assert piscat_reader(str(tmp_path / name)) is None


def test_a_table_with_texts_is_refused_with_one_line(tmp_path):
    path = saved_table(tmp_path, SPOTS.assign(y="here"))
    with pytest.raises(NapariUaiError, match="y must contain numbers") as caught:
        piscat_layers(path)
    assert str(caught.value).isprintable()
