"""Reading, changing and writing recipes."""

from __future__ import annotations

import pytest

from napari_uai.errors import RecipeError
from napari_uai.iscat.recipes.recipe import load_recipe, parse_recipe, recipe_names

pytestmark = pytest.mark.usefixtures("toys")

TWO_STAGES = """
[[stage]]
name = "cut"
use = "toy_cut"
[stage.parameters]
rows = 2

[[stage]]
name = "spots"
use = "toy_peaks"
"""


def test_packaged_recipes_are_found_by_name():
    assert recipe_names() == ["toy"]
    assert load_recipe("toy").name == "toy"


def test_input_is_the_stage_before_unless_it_is_said():
    recipe = load_recipe("toy")
    assert [s.inputs for s in recipe.steps] == [
        ("recording",),
        ("cut",),
        ("dra",),
        ("cut", "spots"),
    ]


def test_parameters_that_are_left_out_have_their_defaults():
    assert dict(load_recipe("toy").step("spots").parameters) == {
        "polarity": "bright",
        "threshold": 1.0,
        "name": "a",
        "circle": None,
    }


def test_reference_follows_the_setting_of_the_other_parameter():
    recipe = load_recipe("toy").with_settings(["dra.batch_size=5"])
    assert recipe.values("landings") == {"half_width": 5}


def test_settings_are_read_in_the_type_of_the_parameter():
    recipe = load_recipe("toy").with_settings(
        ["spots.threshold=2", "spots.name=12", "spots.circle=[3, 4]", "dra.shift = none"]
    )
    values = recipe.values("spots")
    assert values == {"polarity": "bright", "threshold": 2.0, "name": "12", "circle": (3, 4)}
    assert isinstance(values["threshold"], float)
    assert recipe.values("dra")["shift"] is None


def test_written_recipe_reads_back_the_same(tmp_path):
    recipe = load_recipe("toy").with_settings(["spots.circle=[3, 4]", "dra.batch_size=7"])
    file = tmp_path / "toy.toml"
    file.write_text(recipe.to_toml())
    again = load_recipe(file)
    assert again == recipe
    assert 'shift = "none"' in file.read_text()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("dra.batchsize=5", "dra has no parameter 'batchsize'; did you mean 'batch_size'"),
        ("dar.batch_size=5", "no stage 'dar'; did you mean 'dra'"),
        (
            "dra.batch_size=0",
            r"dra\.batch_size must be a whole number, at least 1 \(frames\), got 0$",
        ),
        ("spots.polarity=grey", "one of bright, dark"),
        ("batch_size=5", "must be written as STAGE.PARAMETER=VALUE"),
        ("dra.batch_size", "must be written as STAGE.PARAMETER=VALUE"),
        ("dra.=5", "must be written as STAGE.PARAMETER=VALUE"),
    ],
)
def test_setting_that_does_not_fit_says_what_does(setting, message):
    with pytest.raises(RecipeError, match=message):
        load_recipe("toy").with_settings([setting])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"toy_peaks"', '"toy_peak"', "no stage 'toy_peak'; did you mean 'toy_peaks'"),
        ("rows = 2", "row = 2", "no parameter 'row'; did you mean 'rows'"),
        ("rows = 2", "rows = -2", "cut.rows must be a whole number, at least 0 .*, got -2"),
        ("rows = 2", "rows = '@spots.size'", "no parameter for"),
        ("rows = 2", "rows = '@cut.rows'", "is circular"),
        ('name = "spots"', 'name = "cut"', "name is not unique"),
        ('name = "spots"', 'name = "spots"\ninput = "cuts"', "no earlier stage 'cuts'"),
        (
            'name = "spots"',
            'name = "spots"\nimput = "cut"',
            "unknown key 'imput'; did you mean 'input'",
        ),
        (
            'name = "spots"',
            'name = "spots"\ninput = ["cut", "cut"]',
            r"inputs must be video \(video\); got 2",
        ),
        ("[[stage]]", "[[stage]", "not valid TOML"),
        ("[[stage]]", "[[stages]]", "unknown key 'stages'"),
    ],
)
def test_recipe_that_is_not_valid_says_why(old, new, message):
    text = TWO_STAGES.replace(old, new)
    with pytest.raises(RecipeError, match=message):
        parse_recipe(text, name="mine")


def test_video_is_not_taken_for_a_table():
    text = TWO_STAGES + '[[stage]]\nuse="toy_landings"\ninput=["cut", "cut"]\n'
    text += "[stage.parameters]\nhalf_width=1\n"
    with pytest.raises(RecipeError, match="input table must be a table, but 'cut' returns a video"):
        parse_recipe(text, name="mine")


def test_output_must_be_a_table_of_the_recipe():
    with pytest.raises(RecipeError, match="output landings = 'cut'"):
        parse_recipe(TWO_STAGES + '[outputs]\nlandings = "cut"', name="mine")


def test_empty_recipe_is_an_error():
    with pytest.raises(RecipeError, match="has no stages"):
        parse_recipe("", name="mine")


@pytest.mark.parametrize("name", ["toi", "missing.toml"])
def test_recipe_that_does_not_exist_is_an_error(name):
    with pytest.raises(RecipeError, match=r"did you mean 'toy'|not found"):
        load_recipe(name)
