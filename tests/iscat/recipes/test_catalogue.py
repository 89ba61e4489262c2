"""What the catalogue reads from the functions."""

from __future__ import annotations

import dataclasses

import pytest

from napari_uai.errors import RecipeError, nearest
from napari_uai.iscat.fastdvdnet.settings import TrainingSettings
from napari_uai.iscat.recipes import catalogue
from napari_uai.iscat.recipes.catalogue import STAGES
from napari_uai.parameters import Parameters
from napari_uai.videos.offset import Offset

pytestmark = pytest.mark.usefixtures("toys")


def test_stage_knows_its_inputs_and_output_by_their_annotations():
    landings = catalogue.stage("toy_landings")
    assert [(i.name, i.kind, i.required) for i in landings.inputs] == [
        ("video", "video", True),
        ("table", "table", True),
    ]
    assert landings.output == "table"
    assert catalogue.stage("toy_cut").output == "video"


def test_inputs_of_which_there_may_be_many_are_numbered():
    scores = STAGES["anomaly_scores"]
    assert [(i.name, i.required, i.many) for i in scores.inputs] == [("features", True, True)]
    assert [(i.name, i.required) for i in scores.inputs_of(3)] == [
        ("feature", True),
        ("feature_2", False),
        ("feature_3", False),
    ]
    assert [i.name for i in scores.inputs_of(0)] == ["feature"]
    landings = catalogue.stage("toy_landings")
    assert landings.inputs_of(3) == landings.inputs


def test_parameter_carries_limits_unit_default_and_description():
    rows = catalogue.stage("toy_cut").parameters["rows"]
    assert (rows.type, rows.default, rows.minimum, rows.open_minimum) == (int, 1, 0, False)
    assert rows.unit == "px"
    assert rows.description == "Number of rows, counted from the top."
    assert rows.accepts == "a whole number, at least 0 (px)"


def test_optional_parameter_keeps_the_limits_inside_the_union():
    shift = catalogue.stage("toy_difference").parameters["shift"]
    assert (shift.type, shift.optional, shift.minimum, shift.maximum) == (float, True, -1, 1)
    assert shift.open_minimum
    assert not shift.open_maximum
    assert shift.accepts == "a number, above -1, at most 1, or none"


def test_literal_gives_the_choices():
    polarity = catalogue.stage("toy_peaks").parameters["polarity"]
    assert polarity.choices == ("bright", "dark")


def test_monitor_is_no_parameter():
    peaks = catalogue.stage("toy_peaks")
    assert peaks.takes_monitor
    assert "monitor" not in peaks.parameters


def test_unknown_stage_names_the_nearest():
    with pytest.raises(RecipeError, match="did you mean 'toy_peaks'"):
        catalogue.stage("toy_peeks")


def test_unknown_parameter_names_the_nearest():
    with pytest.raises(RecipeError, match=r"dra has no parameter 'batchsize'.*'batch_size'"):
        catalogue.stage("toy_difference").check({"batchsize": 2}, label="dra")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "at least 1"),
        ("many", "a whole number"),
        (2.5, "a whole number"),
        (True, "a whole number"),
    ],
)
def test_value_that_does_not_fit_says_what_does(value, words):
    with pytest.raises(RecipeError, match=rf"dra\.batch_size must be .*{words}"):
        catalogue.stage("toy_difference").check({"batch_size": value}, label="dra")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2, -1])
def test_open_and_infinite_limits_are_kept(value):
    with pytest.raises(RecipeError, match="above -1, at most 1"):
        catalogue.stage("toy_difference").check({"shift": value})


def test_missing_required_value_is_asked_for():
    with pytest.raises(RecipeError, match="half_width is required"):
        catalogue.stage("toy_landings").check({})


def test_offsets_add_and_subtract_by_axis():
    assert Offset(3, 1, 0).plus(Offset(2, 0, 5)).minus(Offset(1, 1, 1)) == Offset(4, 0, 4)


def test_long_lists_of_known_names_are_cut():
    said = nearest("xyz", [f"stage_{i}" for i in range(40)])
    assert said.endswith("stage_11 and 28 more")
    assert nearest("xyz", ["dra", "power"]) == "choose from dra, power"


def test_settings_of_a_dataclass_are_parameters():
    known = Parameters.of_settings(TrainingSettings(epochs=7))
    assert list(known) == [f.name for f in dataclasses.fields(TrainingSettings)]
    assert (known["epochs"].default, known["epochs"].minimum) == (7, 1)
    assert known["loss"].choices == ("mse", "huber")
    assert (known["validation"].open_minimum, known["validation"].maximum) == (True, 0.5)
    assert known["crop_px"].unit == "px"
    assert known["patience"].description.startswith("Epochs without a lower validation loss")
    assert Parameters.of_settings(TrainingSettings)["epochs"].default == 20


@pytest.mark.parametrize(
    ("stage_name", "parameter", "text"),
    [
        ("power_normalization", "region", "4 whole numbers (px), or none"),
        ("power_normalization", "other_regions", "groups of 4 whole numbers (px), or none"),
        ("circular_mask", "center", "2 numbers (px), or none"),
        ("noise_floor", "batch_sizes", "whole numbers, each at least 1 (frames)"),
        ("polygonal_mask", "vertices", "pairs of numbers (px)"),
    ],
)
def test_what_several_numbers_must_be_is_told_in_words(stage_name, parameter, text):
    assert STAGES[stage_name].parameters[parameter].accepts == text
