from __future__ import annotations

import importlib
from importlib.resources import files

import npe2
import pytest

from napari_uai.iscat.recipes.catalogue import STAGES
from napari_uai.widgets.iscat.workflow_dock import AVERAGES, DEFAULT_RECIPE, RecipeWidget
from napari_uai.widgets.kit.preferences import preferences


@pytest.fixture(scope="module")
def contributions():
    return npe2.PluginManifest.from_file(str(files("napari_uai") / "napari.yaml")).contributions


def test_every_stage_is_a_command_in_the_layer_menus(contributions):
    commands = {c.id: c for c in contributions.commands}
    in_menus = {
        item.command
        for items in contributions.menus.values()
        for item in items
        if hasattr(item, "command")
    }
    for name in STAGES:
        identifier = f"napari-uai.{name}"
        assert commands[identifier].python_name == f"napari_uai.widgets.iscat.stage_dock:{name}"
        assert identifier in in_menus


def test_the_menu_of_the_plugin_is_short(contributions):
    assert [widget.display_name for widget in contributions.widgets] == [
        "iSCAT workflow",
        "Trail workflow",
        "Open raw recording",
        "iSCAT stage",
        "Train network",
        "Detection limit",
        "Link a second recording",
    ]


def test_no_command_names_a_stage_that_does_not_exist(contributions):
    for command in contributions.commands:
        module, _, name = command.python_name.partition(":")
        assert module != "napari_uai.widgets.iscat.stage_dock" or name in {*STAGES, "StageDock"}


def test_every_command_can_be_imported(contributions):
    for command in contributions.commands:
        module, _, name = command.python_name.partition(":")
        assert callable(getattr(importlib.import_module(module), name))


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
