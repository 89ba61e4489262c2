"""Models of a scene in a real window: compare with one, save one, and what goes wrong."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtWidgets import QFileDialog

from napari_uai.trails.analysis.model_file import read_model, write_model
from napari_uai.trails.analysis.scene_model import fit_scene
from napari_uai.trails.analysis.scene_scores import score_against


@pytest.fixture
def model(few, tmp_path):
    """File of a model of half of the trails."""
    return write_model(fit_scene(few.select(np.arange(len(few) // 2))), tmp_path / "gate.model")


def listed(dock):
    return [dock.table.ranks.name_at(place) for place in range(dock.table.ranks.rowCount())]


def choose(monkeypatch, name, path):
    monkeypatch.setattr(QFileDialog, name, lambda *_: (str(path), ""))


def test_a_model_ranks_the_trails_until_a_score_does(
    ranked, few, model, settled, monkeypatch, keep_picture, viewer
):
    before = listed(ranked)
    choose(monkeypatch, "getOpenFileName", model)
    ranked.ranking_page.compare_action.trigger()
    assert ranked.busy
    settled(ranked)
    expected = score_against(read_model(model), few)
    # Equal ones may be listed in any order.
    of_listed = expected.set_index("trail")["anomaly"].loc[listed(ranked)]
    np.testing.assert_allclose(of_listed, expected["anomaly"], rtol=1e-9)
    np.testing.assert_allclose(ranked.ranking.values, expected["anomaly"], rtol=1e-9)
    assert ranked.ranking_page.score.currentText() == "model gate.model"
    n_odd = int((expected["p_value"] <= 0.01).sum())
    status = ranked.run_bar.status.text()
    assert f"Ranked by gate.model: {n_odd} of {len(few)} trails with p up to 0.01" in status
    assert "\n" not in status
    keep_picture(viewer, "trail-model")
    ranked.ranking_page.score.setCurrentText("anomaly")
    assert listed(ranked) == before


def test_a_model_of_the_ranked_trails_is_saved(ranked, few, tmp_path, settled, monkeypatch):
    path = tmp_path / "new" / "scene.model"
    choose(monkeypatch, "getSaveFileName", path)
    ranked.ranking_page.save_model_action.trigger()
    settled(ranked)
    assert ranked.run_bar.status.text() == f"Model of {len(few)} trails saved as scene.model."
    saved = read_model(path)
    assert len(saved) == len(few)
    np.testing.assert_array_equal(saved.reference.total, fit_scene(few).reference.total)


def test_settings_of_the_scores_are_those_of_the_saved_model(ranked, tmp_path, settled):
    ranked.settings.show_settings("default", ("n_directions=8",))
    ranked.models.save(tmp_path / "scene.model")
    settled(ranked)
    assert read_model(tmp_path / "scene.model").settings["n_directions"] == 8


@pytest.mark.parametrize("content", [b"no model", b""])
def test_a_bad_file_is_said_in_one_line(ranked, tmp_path, settled, content):
    path = tmp_path / "bad.model"
    path.write_bytes(content)
    before = listed(ranked)
    ranked.models.compare(path)
    settled(ranked)
    status = ranked.run_bar.status.text()
    assert "bad.model" in status
    assert "a model of a scene" in status
    assert "\n" not in status
    assert listed(ranked) == before


def test_a_model_of_another_scene_is_said_in_one_line(ranked, few, tmp_path, settled):
    other = type(few)(**{**few.__dict__, "scene": type(few.scene)(few.scene.width, 2000)})
    path = write_model(fit_scene(other), tmp_path / "other.model")
    ranked.models.compare(path)
    settled(ranked)
    assert "give the same scene size" in ranked.run_bar.status.text()


def test_without_trails_there_is_nothing_to_compare_or_save(trail_dock, model, tmp_path):
    for act in (trail_dock.models.compare, trail_dock.models.save):
        act(model)
        assert "no trails ranked yet" in trail_dock.run_bar.status.text()
    assert not trail_dock.ranking_page.model_button.isEnabled()


def test_models_are_of_the_preset_default(ranked, tmp_path, settled):
    ranked.settings.show_settings("reference", ())
    ranked.ask()
    settled(ranked)
    ranked.models.save(tmp_path / "scene.model")
    assert "preset default" in ranked.run_bar.status.text()
