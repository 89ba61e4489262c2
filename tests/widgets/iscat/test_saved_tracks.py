"""Folders with trajectories of particles, opened again."""

from __future__ import annotations

import shutil
from dataclasses import replace

import napari
import numpy as np
import pandas as pd
import pytest
from napari.layers import Image, Tracks

from napari_uai.errors import NapariUaiError
from napari_uai.iscat.recipes.batch import analyse_recording
from napari_uai.simulate.files import write_recording
from napari_uai.simulate.iscat.scenarios import scenario
from napari_uai.widgets.iscat.readers import saved_run_reader
from napari_uai.widgets.iscat.saved_run_docks import RunList
from napari_uai.widgets.iscat.saved_tracks import SavedTracks
from napari_uai.widgets.iscat.stage_plots import StageTable

TABLES = {"population", "distribution", "displacements", "trajectories"}


@pytest.fixture(scope="module")
def analysed(tmp_path_factory):
    home = tmp_path_factory.mktemp("analysed")
    settings = replace(scenario("diffusing", 1), frames=150, movers=5, rows=48, columns=48)
    write_recording(settings, home / "moving.bin")
    analyse_recording(home / "moving.bin", home / "results", "tracking")
    return home


@pytest.fixture
def home(analysed, tmp_path, viewer, monkeypatch):
    """A copy that a test may change, of the folder of recording and results."""
    monkeypatch.setattr(napari, "current_viewer", lambda: viewer)
    return shutil.copytree(analysed, tmp_path / "home")


def tables_in(viewer):
    docks = viewer.window.dock_widgets
    return {n.partition(" ")[0]: d for n, d in docks.items() if isinstance(d, StageTable)}


def test_recording_tracks_and_tables_are_there_again(viewer, home, keep_picture):
    viewer.open(home / "results", plugin="napari-uai")
    recording, tracks = viewer.layers
    assert isinstance(recording, Image)
    assert recording.data.shape == (150, 48, 48)
    assert isinstance(tracks, Tracks)
    spots = pd.read_csv(home / "results" / "tracks.csv")
    found = pd.read_csv(home / "results" / "trajectories.csv")
    own = spots[spots["particle"].isin(found["particle"])].sort_values(["particle", "frame"])
    np.testing.assert_array_equal(tracks.data[:, :2], own[["particle", "frame"]])
    fitted = own[["Fit_Y-Center", "Fit_X-Center"]]
    assert np.median(np.abs(tracks.data[:, 2:] - fitted)) < 1e-6
    np.testing.assert_allclose(tracks.scale, recording.scale)
    assert tracks.color_by == "diffusion_um2_per_s"
    tables = tables_in(viewer)
    assert set(tables) == TABLES
    pd.testing.assert_frame_equal(tables["trajectories"].table.table, found)
    keep_picture(viewer, "saved-tracks")


def test_a_recording_that_is_open_is_not_opened_again(viewer, home):
    for _ in range(2):
        viewer.open(home / "results", plugin="napari-uai")
    assert [type(layer) for layer in viewer.layers] == [Image, Tracks, Tracks]
    assert len(tables_in(viewer)) == len(TABLES)


def test_without_its_recording_tracks_and_tables_are_there(viewer, home, notifications):
    (home / "moving.bin").unlink()
    viewer.open(home / "results", plugin="napari-uai")
    [tracks] = viewer.layers
    assert tracks.scale[1] == pytest.approx(0.0437)
    assert set(tables_in(viewer)) == TABLES
    assert "moving.bin not found" in notifications[-1]


def test_a_batch_lists_how_many_trajectories_each_has(viewer, home):
    (home / "all").mkdir()
    for name in ("a", "b"):
        shutil.copytree(home / "results", home / "all" / name)
    viewer.open(home / "all", plugin="napari-uai")
    [runs] = [w for w in viewer.window.dock_widgets.values() if isinstance(w, RunList)]
    n = len(pd.read_csv(home / "results" / "trajectories.csv"))
    assert [runs.list.topLevelItem(i).text(1) for i in range(2)] == [str(n)] * 2
    runs.open_button.click()
    assert isinstance(viewer.layers[-1], Tracks)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("trajectories.csv", None, "has no trajectories.csv"),
        ("trajectories.csv", "particle,n_spots,contrast\n1,2,x\n", "contrast must contain numbers"),
        ("trajectories.csv", "particle,n_spots,contrast\n1,2,3\n1,2,3\n", "two rows of one"),
        ("tracks.csv", "particle,frame,y\n1,2,3\n", "no column x"),
        ("recipe.toml", "stage = 3", "recipe.toml"),
    ],
)
def test_damaged_files_are_named_in_one_line(home, name, content, words):
    folder = home / "results"
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_text(content)
    assert saved_run_reader(str(folder)) is not None
    with pytest.raises(NapariUaiError, match=words):
        SavedTracks.read(folder)
