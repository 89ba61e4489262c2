"""Folders of results, opened again for review."""

from __future__ import annotations

import json
import shutil

import napari
import numpy as np
import pandas as pd
import pytest
from napari.layers import Points

from napari_uai.errors import NapariUaiError
from napari_uai.iscat.recipes.batch import analyse_folder
from napari_uai.iscat.recipes.outputs import write_results
from napari_uai.iscat.recipes.recipe import load_recipe
from napari_uai.iscat.recipes.run import run_recipe
from napari_uai.sample_data import sample_path
from napari_uai.widgets.iscat.average_again import recipe_of_average
from napari_uai.widgets.iscat.landings import LandingsView
from napari_uai.widgets.iscat.readers import saved_run_reader, table_reader
from napari_uai.widgets.iscat.review import Review
from napari_uai.widgets.iscat.saved_run import SavedRun
from napari_uai.widgets.iscat.saved_run_docks import RunList
from napari_uai.widgets.kit.layers import KEY

PLUGIN = "napari-uai"


@pytest.fixture(scope="session")
def analysed(tmp_path_factory):
    """The sample recording and the results of a run on it, as the command line leaves them."""
    home = tmp_path_factory.mktemp("analysed")
    for name in ("landings.bin", "landings.json"):
        shutil.copy(sample_path(name), home)
    result = run_recipe(home / "landings.bin", "classical", dra={"batch_size": 200})
    write_results(result, home / "results")
    return home, result


@pytest.fixture
def saved(analysed, tmp_path):
    """A copy that a test may change: the folder of recording and results."""
    home = tmp_path / "home"
    shutil.copytree(analysed[0], home)
    return home


@pytest.fixture
def opened(viewer, monkeypatch, qtbot):
    """Open a folder of results; return the review once its rolling average is there."""
    monkeypatch.setattr(napari, "current_viewer", lambda: viewer)

    def open_it(folder, *, average=True):
        before = len(views(viewer))
        viewer.open(folder, plugin=PLUGIN)
        view = views(viewer)[before]
        if average:
            qtbot.waitUntil(lambda: view.review.video is not None)
        return view

    return open_it


def views(viewer):
    widgets = viewer.window.dock_widgets.values()
    return [w for w in widgets if isinstance(w, LandingsView)]


def test_a_folder_of_results_opens_with_recording_average_landings_and_traces(
    viewer, analysed, saved, opened
):
    _, result = analysed
    view = opened(saved / "results")
    names = [layer.name for layer in viewer.layers]
    assert names == [
        "landings",
        "average · classical b200 · landings",
        "localizations · classical b200 · landings",
        "landings · classical b200 · landings",
    ]
    pd.testing.assert_frame_equal(view.review.table, result.landings, check_dtype=False)
    frames, contrasts = view.review.trace(0)
    expected = result.traces[result.traces["landing"] == 1]
    np.testing.assert_array_equal(frames, expected["raw_frame"])
    np.testing.assert_allclose(contrasts, expected["contrast"], rtol=1e-6)
    average = viewer.layers[1]
    np.testing.assert_array_equal(
        np.asarray(average.data[40]), np.asarray(result.videos["dra"][40])
    )
    assert view.review.cut_out(0) is not None


def test_rings_of_a_saved_run_are_where_the_run_placed_them(viewer, analysed, saved, opened):
    opened(saved / "results", average=False)
    rings = viewer.layers["landings · classical b200 · landings"]
    landing = analysed[1].landings.iloc[0]
    world = np.asarray(rings.data_to_world(rings.data[0]))
    pixel = 0.0437
    expected = landing["raw_frame"], pixel * landing["y"], pixel * landing["x"]
    np.testing.assert_allclose(world, expected, rtol=1e-6)


def test_the_timeline_of_a_saved_run_shades_dropped_frames_of_the_whole_recording(saved, opened):
    view = opened(saved / "results", average=False)
    assert view.timeline.whole == (0, 1199)
    assert {12, 440} <= {span.first for span in view.review.spans}
    assert "1 image dropped" in view.timeline.text_at(float(view.timeline.to_pixels(440.5)))


def test_the_fitted_v_of_a_saved_run_has_the_batch_of_its_recipe(saved, opened):
    view = opened(saved / "results", average=False)
    landing = view.review.table.iloc[0]
    frames = landing["raw_frame"] + np.array([-300.0, -200.0, -100.0, 0.0, 100.0])
    model, _ = view.review.fitted(0, frames)
    np.testing.assert_allclose(model / landing["contrast"], [0, 0, 0.5, 1, 0.5])  # batch 200


def test_exported_verdicts_are_there_again(saved, opened):
    view = opened(saved / "results", average=False)
    view.choose(1)
    view.judge("no")
    view.export(saved / "results" / "landings.csv")
    again = opened(saved / "results", average=False)
    assert again.review.verdicts[:2] == ["", "no"]
    assert "accepted" not in again.review.table.columns


def test_a_recording_that_is_open_is_used_and_not_opened_again(viewer, saved, opened):
    viewer.open(saved / "landings.bin", plugin=PLUGIN)
    opened(saved / "results")
    assert [layer.name for layer in viewer.layers].count("landings") == 1


def test_results_and_recording_may_be_moved_together_or_the_recording_beside(saved, opened):
    moved = saved.rename(saved.with_name("moved"))
    assert SavedRun.read(moved / "results").recording_path() == moved / "landings.bin"
    far = moved.with_name("far")
    far.mkdir()
    shutil.move(moved / "results", far / "results")
    assert SavedRun.read(far / "results").recording_path() is None
    for name in ("landings.bin", "landings.json"):
        shutil.move(moved / name, far / "results" / name)
    assert opened(far / "results").review.cut_out(0) is not None


def test_without_its_recording_a_run_says_where_it_was_and_has_its_traces(
    viewer, saved, opened, notifications
):
    (saved / "landings.bin").unlink()
    view = opened(saved / "results", average=False)
    [note] = notifications
    assert str(saved / "landings.bin") in note
    assert "\n" not in note
    assert len(view.review.trace(0)[0])
    assert [type(layer) for layer in viewer.layers] == [Points, Points]


def test_another_recording_of_that_name_is_not_taken_for_it(saved, opened, notifications):
    frames = np.fromfile(saved / "landings.bin", "<u2")
    frames[: 300 * 41 * 40].tofile(saved / "landings.bin")
    sidecar = json.loads((saved / "landings.json").read_text())
    (saved / "landings.json").write_text(json.dumps(sidecar | {"frames": 300}))
    view = opened(saved / "results", average=False)
    [note] = notifications
    assert "300 x 41 x 40 px, but 1200 x 41 x 40 px were analysed" in note
    assert len(view.review.trace(0)[0])


def test_a_stored_average_is_opened_and_not_made_again(viewer, analysed, saved, opened):
    from napari_uai.videos.writing.writers import write_video

    average = analysed[1].videos["dra"]
    write_video(average, saved / "results" / "rolling_average.zarr")
    view = opened(saved / "results", average=False)
    assert view.review.video is not None
    np.testing.assert_array_equal(np.asarray(view.review.video[7]), np.asarray(average[7]))


def test_a_run_without_landings_opens_and_says_none(viewer, saved, opened):
    for name in ("landings", "localizations", "traces"):
        path = saved / "results" / f"{name}.csv"
        path.write_text(path.read_text().splitlines()[0] + "\n")
    view = opened(saved / "results")
    assert view.count.text() == "0 landings"
    names = [layer.name for layer in viewer.layers]
    assert names == ["landings", "average · classical b200 · landings"]


@pytest.mark.parametrize("name", ["run.json", "recipe.toml", "landings.csv", "traces.csv"])
def test_a_damaged_file_is_named_in_one_line(name, saved):
    (saved / "results" / name).write_text("}{ no")
    reader = saved_run_reader(str(saved / "results"))
    with pytest.raises(NapariUaiError) as caught:
        reader(str(saved / "results"))
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["run.json", "recipe.toml", "landings.csv"])
def test_a_missing_file_is_named_in_one_line(name, saved):
    (saved / "results" / name).unlink()
    reader = saved_run_reader(str(saved / "results"))
    with pytest.raises(NapariUaiError, match=f"has no {name}: choose a complete folder"):
        reader(str(saved / "results"))


def test_other_folders_are_left_to_other_readers(tmp_path):
    (tmp_path / "run.json").write_text("{}")
    (tmp_path / "landings.csv.bak").write_text("")
    assert saved_run_reader(str(tmp_path)) is None
    assert saved_run_reader(str(tmp_path / "run.json")) is None
    assert saved_run_reader(str(tmp_path / "gone")) is None


def test_a_record_from_elsewhere_leads_to_no_other_file(saved):
    path = saved / "results" / "run.json"
    record = json.loads(path.read_text())
    for where, name in (
        ("../landings.json", "landings.bin"),
        ("//host/share/landings.bin", "landings.bin"),
        ("../landings.bin", "../landings.bin"),
    ):
        record["input"] |= {"path": where, "name": name}
        path.write_text(json.dumps(record))
        found = SavedRun.read(path.parent).recording_path()
        assert found is None or found.resolve() == saved / "landings.bin"


@pytest.mark.parametrize("recipe", ["matched", "classical", "rescored", "handcrafted"])
def test_the_average_is_made_without_the_search(recipe):
    names = [step.stage.name for step in recipe_of_average(load_recipe(recipe)).steps]
    assert "differential_rolling_average" in names
    assert not {"detect_steps", "detect_spots", "contrast_traces"} & {*names}


def test_landings_alone_have_the_traces_beside_them(viewer, saved):
    [layer] = viewer.open(saved / "results" / "landings.csv", plugin=PLUGIN)
    review = Review.of_layer(layer)
    assert len(review.trace(0)[0])
    assert review is layer.metadata[KEY]["review"]


def test_landings_beside_damaged_traces_open_with_a_warning(viewer, saved, notifications):
    (saved / "results" / "traces.csv").write_text("nothing\n1\n")
    [layer] = viewer.open(saved / "results" / "landings.csv", plugin=PLUGIN)
    assert len(layer.data)
    assert "traces.csv has no column landing" in notifications[0]


def test_a_table_of_landings_without_rows_opens(tmp_path):
    path = tmp_path / "landings.csv"
    path.write_text("landing,frame,raw_frame,y,x,contrast\n")
    [(data, _, _)] = table_reader(str(path))(str(path))
    assert data.shape == (0, 3)


@pytest.fixture
def batch(saved):
    for name in ("a", "b"):
        (saved / "in" / name).mkdir(parents=True)
        for kind in ("bin", "json"):
            shutil.copy(saved / f"landings.{kind}", saved / "in" / name / f"{name}.{kind}")
    recipe = load_recipe("classical").with_values(dra={"batch_size": 200})
    analyse_folder(saved / "in", saved / "out", recipe)
    return saved / "out"


def test_the_runs_of_a_batch_are_listed_and_opened_for_review(
    viewer, batch, monkeypatch, notifications
):
    monkeypatch.setattr(napari, "current_viewer", lambda: viewer)
    (batch / "b" / "b" / "run.json").write_text("}")
    assert viewer.open(batch, plugin=PLUGIN) == []
    [listed] = [w for w in viewer.window.dock_widgets.values() if isinstance(w, RunList)]
    rows = [listed.list.topLevelItem(i) for i in range(2)]
    assert [row.text(2) for row in rows] == ["a/a", "b/b"]
    assert rows[0].text(0) == "a.bin"
    assert rows[1].text(0) == "cannot be read"
    listed.list.setCurrentItem(rows[1])
    listed.open_button.click()
    assert "run.json" in notifications[-1]
    listed.list.itemActivated.emit(rows[0], 0)
    [view] = views(viewer)
    assert len(view.review.trace(0)[0])
    assert "a" in [layer.name for layer in viewer.layers]


def test_without_a_viewer_a_batch_says_which_folders_can_be_opened(batch):
    reader = saved_run_reader(str(batch))
    with pytest.raises(NapariUaiError, match="open one: a/a, b/b"):
        reader(str(batch))
