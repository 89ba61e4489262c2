from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest

from napari_uai.errors import RecipeError
from napari_uai.iscat.recipes.catalogue import STAGES
from napari_uai.iscat.recipes.editing import (
    limited_to,
    stages_to_insert,
    with_stage_after,
    with_stage_moved,
)
from napari_uai.iscat.recipes.recipe import load_recipe, parse_recipe, recipe_names
from napari_uai.iscat.recipes.run import run_recipe


def names(recipe):
    return [step.name for step in recipe.steps]


def test_a_stage_that_is_put_in_is_used_by_all_that_used_the_one_before():
    recipe = with_stage_after(load_recipe("matched"), "median_filter", after="power")
    users = {s.name for s in load_recipe("matched").steps if "power" in s.inputs}
    assert {s.name for s in recipe.steps if "median_filter" in s.inputs} == users
    assert recipe.step("median_filter").inputs == ("power",)


def test_a_result_is_taken_from_the_stage_that_is_put_after_its_own():
    recipe = load_recipe("classical")
    spots = with_stage_after(recipe, "remove_side_lobes", after="tracks")
    assert spots.step("measured").inputs[0] == "remove_side_lobes"
    last = with_stage_after(recipe, "inner_spots", after="landings")
    assert last.outputs["landings"] == "inner_spots"
    assert last.step("inner_spots").inputs == ("landings", "median")  # the latest video


def test_a_stage_can_be_put_in_twice():
    recipe = with_stage_after(load_recipe("matched"), "median_filter", after="power")
    again = with_stage_after(recipe, "median_filter", after="median_filter")
    assert names(again)[2:4] == ["median_filter", "median_filter_2"]


def test_a_stage_at_the_start_takes_the_recording():
    recipe = with_stage_after(load_recipe("matched"), "bad_pixel_repair", after="recording")
    assert names(recipe)[0] == "bad_pixel_repair"
    assert recipe.step("status_line").inputs == ("bad_pixel_repair",)


@pytest.mark.parametrize("name", recipe_names())
def test_every_stage_that_is_offered_fits(name):
    recipe = load_recipe(name)
    for after in ("recording", *names(recipe)):
        for offered in stages_to_insert(recipe, after):
            if any(p.required for p in STAGES[offered.name].parameters.values()):
                continue
            edited = with_stage_after(recipe, offered.name, after=after)
            assert parse_recipe(edited.to_toml(), name=name).steps == edited.steps


def test_only_stages_that_pass_their_input_on_are_offered():
    recipe = load_recipe("matched")
    offered = {each.name for each in stages_to_insert(recipe, "power")}
    assert "gaussian_filter" in offered
    assert not offered & {"detect_spots", "accept_events", "link_spots"}
    tables = {each.name for each in stages_to_insert(recipe, "steps")}
    assert "inner_spots" in tables
    assert "gaussian_filter" not in tables
    with pytest.raises(RecipeError, match="Detect spots cannot stand after Power normalisation"):
        with_stage_after(recipe, "detect_spots", after="power")


def test_a_stage_that_needs_a_value_says_so():
    with pytest.raises(RecipeError, match="Polygonal mask needs vertices, which has no default"):
        with_stage_after(load_recipe("matched"), "polygonal_mask", after="power")


def test_moved_stages_of_a_chain_change_places_in_it():
    recipe = with_stage_moved(load_recipe("classical"), "median", -1)
    assert names(recipe)[1:4] == ["power", "median", "dra"]
    assert recipe.step("median").inputs == ("power",)
    assert recipe.step("dra").inputs == ("median",)
    assert recipe.step("spots").inputs == ("dra",)
    assert recipe.step("fits").inputs == ("spots", "dra")


@pytest.mark.parametrize("name", recipe_names())
def test_moving_back_gives_the_recipe_again(name):
    recipe, moved = load_recipe(name), 0
    for step in recipe.steps[:-1]:
        with suppress(RecipeError):  # it cannot move
            later = with_stage_moved(recipe, step.name, 1)
            moved += 1
            assert with_stage_moved(later, step.name, -1).steps == recipe.steps
    assert moved > 0


def test_a_stage_does_not_move_before_what_makes_its_input():
    with pytest.raises(RecipeError, match="needs the table that Detect spots"):
        with_stage_moved(load_recipe("classical"), "fits", -1)
    with pytest.raises(RecipeError, match=r"also used by Correct stage drift \(stage drift\), "):
        with_stage_moved(load_recipe("matched"), "dra", -1)
    with pytest.raises(RecipeError, match="is the first stage"):
        with_stage_moved(load_recipe("classical"), "status_line", -1)
    with pytest.raises(RecipeError, match="is the last stage"):
        with_stage_moved(load_recipe("classical"), "landings", 1)


def test_a_region_limits_all_stages_and_comes_first():
    recipe = limited_to(load_recipe("matched"), (1, 20, 2, 30))
    assert names(recipe)[0] == "crop"
    assert recipe.step("status_line").inputs == ("crop",)
    assert parse_recipe(recipe.to_toml(), name="matched").steps == recipe.steps
    again = limited_to(recipe, (2, 25, 3, 35))
    assert names(again) == names(recipe)
    assert again.values("crop")["region"] == (2, 25, 3, 35)


def test_an_edited_recipe_runs_as_one_that_was_written_so():
    rng = np.random.default_rng(0)
    video = rng.normal(30_000, 90, (120, 16, 16)).astype(np.float32)
    recipe = with_stage_after(load_recipe("classical"), "gaussian_filter", after="power")
    recipe = with_stage_moved(recipe, "gaussian_filter", -1)
    recipe = recipe.with_values(dra={"batch_size": 20}, measured={"min_length": 2})
    written = parse_recipe(recipe.to_toml(), name="written")
    one, other = run_recipe(video, recipe), run_recipe(video, written)
    np.testing.assert_array_equal(np.asarray(one.videos["dra"]), np.asarray(other.videos["dra"]))
    assert "gaussian_filter" in one.videos
