"""Recipes without some of their steps."""

from __future__ import annotations

import pytest

from napari_uai.errors import RecipeError
from napari_uai.iscat.recipes.recipe import load_recipe, parse_recipe
from napari_uai.iscat.recipes.run import progress_of_steps


def test_steps_that_map_videos_or_add_a_table_can_be_left_out():
    recipe = load_recipe("matched")
    names = [step.name for step in recipe.steps if recipe.can_be_left_out(step.name)]
    assert names == ["status_line", "power", "drift", "repaired", "moved"]


def test_what_took_the_output_of_a_step_takes_its_input():
    recipe = load_recipe("matched").without(["power", "drift", "repaired", "moved"])
    assert recipe.step("dra").inputs == ("status_line",)
    assert recipe.step("steps").inputs == ("status_line",)
    assert recipe.step("localizations").inputs == ("events", "dra")
    assert "drift" not in recipe.outputs
    assert parse_recipe(recipe.to_toml(), name=recipe.name).steps == recipe.steps


def test_a_filter_of_spots_can_be_left_out():
    recipe = load_recipe("classical").without(["round"])
    assert recipe.step("tracks").inputs == ("fits",)


def test_a_step_that_others_refer_to_cannot_be_left_out():
    with pytest.raises(RecipeError, match=r"\(stage dra\) cannot be omitted"):
        load_recipe("matched").without(["dra"])


def test_progress_of_a_run_is_told_step_by_step():
    recipe = load_recipe("classical")
    names = [step.name for step in recipe.steps]
    assert set(progress_of_steps(recipe, 0.0).values()) == {0.0}
    assert set(progress_of_steps(recipe, 1.0).values()) == {1.0}
    half = progress_of_steps(recipe, 0.5)
    assert list(half) == names
    assert sum(0 < share < 1 for share in half.values()) == 1
    assert list(half.values()) == sorted(half.values(), reverse=True)
