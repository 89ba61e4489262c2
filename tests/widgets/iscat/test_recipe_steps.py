from __future__ import annotations

import tomllib

import pytest

from napari_uai.widgets.iscat.recipe_tools import StageTools
from napari_uai.widgets.iscat.workflow_dock import RecipeWidget
from napari_uai.widgets.kit.plugin_docks import LANDINGS_TITLE


@pytest.fixture
def dock(viewer, open_widget, recording):
    viewer.add_image(recording, name="raw")
    return open_widget(viewer, LANDINGS_TITLE)


def names(dock):
    return [step.name for step in dock.recipe().steps]


def tools(dock, name):
    return next(t for t in dock.steps.findChildren(StageTools) if t._name == name)


def test_a_value_that_differs_is_bold_and_goes_back_alone(dock):
    form = dock.steps.forms["steps"]
    sigma = form.initial["sigma_px"]
    form.set_values({"sigma_px": 2.5, "polarity": "bright"})
    assert form.captions["sigma_px"].font().bold()
    button = form.resets["sigma_px"]
    assert not button.isHidden()
    assert button.toolTip() == f"recipe: {sigma}"
    button.click()
    assert form.values()["sigma_px"] == sigma
    assert not form.captions["sigma_px"].font().bold()
    assert button.isHidden()
    assert form.values()["polarity"] == "bright"


def test_a_changed_value_is_marked_above_the_stages_as_well(dock):
    dock.steps.forms["steps"].set_values({"sigma_px": 2.5})
    above = dock.essentials.form
    assert above.captions["sigma_px"].font().bold()
    above.resets["sigma_px"].click()
    assert "steps" not in dock.steps.changes()


def test_a_stage_is_added_moved_and_removed_and_values_stay(dock):
    dock.steps.forms["steps"].set_values({"sigma_px": 2.5})
    before = names(dock)
    tools(dock, "power").put_after("median_filter")
    assert names(dock)[2] == "median_filter"
    assert dock.steps.forms["steps"].values()["sigma_px"] == 2.5
    tools(dock, "median_filter").up.click()
    assert names(dock)[1:3] == ["median_filter", "power"]
    dock.steps.forms["median_filter"].set_values({"size": 5})
    tools(dock, "status_line").remove.click()
    assert names(dock)[:2] == ["median_filter", "power"]
    assert dock.recipe().values("median_filter")["size"] == 5
    dock._reset()
    assert names(dock) == before
    assert dock.steps.changes().keys() <= {"dra"}  # the batch that is suggested


def test_stages_that_fit_are_listed_by_category(dock):
    shown = tools(dock, "power")
    shown.list_stages()
    groups = {a.text(): [b.text() for b in a.menu().actions()] for a in shown.menu.actions()}
    assert "Gaussian filter" in groups["Filter"]
    assert all("Detect spots" not in titles for titles in groups.values())


def test_what_does_not_fit_is_told_at_once_and_nothing_changes(dock, notifications):
    before = dock.steps
    tools(dock, "dra").up.click()
    assert "cannot change places" in notifications[-1]
    assert "cannot change places" in dock.run_bar.status.text()
    tools(dock, "steps").remove.click()
    assert "cannot be omitted" in notifications[-1]
    tools(dock, "power").put_after("polygonal_mask")
    assert "needs vertices" in notifications[-1]
    assert dock.steps is before


def test_moving_a_stage_back_is_the_recipe_again(dock):
    tools(dock, "power").up.click()
    assert dock.steps.edited is not None
    assert "Stages differ from the recipe" in dock.note.text()
    tools(dock, "power").down.click()
    assert dock.steps.edited is None
    assert "Stages differ" not in dock.note.text()


def test_stages_are_kept_per_recording_and_lost_with_another_recipe(dock, viewer, recording):
    tools(dock, "power").put_after("median_filter")
    other = viewer.add_image(recording, name="other")
    dock._reset()
    assert "median_filter" not in names(dock)
    dock.recording.choose("raw")
    assert "median_filter" in names(dock)
    again = RecipeWidget(viewer)  # as a dock that is opened again
    again.recording.choose("raw")
    assert "median_filter" in names(again)
    again.deleteLater()
    dock.recipe_choice.setCurrentText("classical")
    assert "stages added, removed or moved" in dock.note.text()
    viewer.layers.remove(other)


def test_the_recipe_of_a_run_and_a_saved_one_have_the_stages(dock, run, tmp_path):
    dock.recipe_choice.setCurrentText("classical")
    dock.steps.forms["dra"].set_values({"batch_size": 100})
    tools(dock, "power").put_after("gaussian_filter")
    dock.results_folder.line.setText(str(tmp_path / "results"))
    assert run(dock).startswith("Done")
    for path in (tmp_path / "results" / "recipe.toml", tmp_path / "saved.toml"):
        if path.name == "saved.toml":
            dock.save_recipe(path)
        stages = tomllib.loads(path.read_text("utf-8"))["stage"]
        assert [s["name"] for s in stages][2] == "gaussian_filter"
