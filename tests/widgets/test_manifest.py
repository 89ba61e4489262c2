from __future__ import annotations

import importlib
from importlib.resources import files

import npe2
import pytest

from napari_uai.iscat.recipes.catalogue import STAGES
from napari_uai.widgets.iscat.stages import StageWidget
from napari_uai.widgets.iscat.workflow_dock import AVERAGES, DEFAULT_RECIPE, RecipeWidget
from napari_uai.widgets.kit.preferences import preferences


@pytest.fixture(scope="module")
def contributions():
    return npe2.PluginManifest.from_file(str(files("napari_uai") / "napari.yaml")).contributions


def test_every_stage_is_a_command_a_widget_and_a_menu_entry(contributions):
    commands = {c.id: c for c in contributions.commands}
    widgets = {w.command: w for w in contributions.widgets}
    in_menus = {
        item.command
        for items in contributions.menus.values()
        for item in items
        if hasattr(item, "command")
    }
    for name, stage in STAGES.items():
        identifier = f"napari-uai.{name}"
        assert commands[identifier].python_name == f"napari_uai.widgets.iscat.stages:{name}"
        assert widgets[identifier].display_name == stage.title
        assert identifier in in_menus


def test_no_command_names_a_stage_that_does_not_exist(contributions):
    for command in contributions.commands:
        module, _, name = command.python_name.partition(":")
        assert module != "napari_uai.widgets.iscat.stages" or name in STAGES


def test_every_command_can_be_imported(contributions):
    for command in contributions.commands:
        module, _, name = command.python_name.partition(":")
        assert callable(getattr(importlib.import_module(module), name))


def test_a_stage_has_its_own_class_made_once():
    import napari_uai.widgets.iscat.stages as module

    for name in STAGES:
        made = getattr(module, name)
        assert issubclass(made, StageWidget)
        assert made.stage_name == name
        assert getattr(module, name) is made
    with pytest.raises(AttributeError, match="no_such_stage"):
        module.no_such_stage  # noqa: B018


def test_preferences_begin_with_the_values_of_the_dock():
    wishes = preferences("workflow")
    assert wishes.recipe == DEFAULT_RECIPE
    assert wishes.average in AVERAGES


def test_the_dock_begins_as_the_preferences_say(viewer, open_widget, notifications):
    preferences("workflow").recipe = "classical"
    preferences("workflow").average = "memory"
    dock = open_widget(viewer, "iSCAT workflow")
    assert dock.recipe_choice.currentText() == "classical"
    assert dock.average.currentData() == "memory"
    preferences("workflow").recipe = "no such recipe"
    again = RecipeWidget(viewer)
    assert "no such recipe" in notifications[-1]
    assert again.recipe_choice.currentText() == DEFAULT_RECIPE
    again.deleteLater()
