import json
import math
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_uai.errors import TrailFormatError
from napari_uai.trails.io.json_arrays import (
    in_full,
    last_pairs,
    pairs,
    parse_export,
    parse_json,
    parse_record,
)

number = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(10**30), 10**30),
    st.decimals(-10, 10, places=3).map(float),
)
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), number, st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=12), st.dictionaries(st.text(max_size=4), inner, max_size=5)
    ),
    max_leaves=60,
)


def tracking_of(text):
    return parse_record(b'{"tracking": %s}' % text.encode())["tracking"]


def points_of(text):
    return pairs(tracking_of(f'{{"xy_center": {text}}}')["xy_center"])


@settings(max_examples=150, deadline=None)
@given(json_values, json_values, st.sampled_from([None, 1, "\t"]))
def test_a_record_holds_what_json_holds(value, other, indent):
    record = {"_id": value, "other": other, "tracking": {"xy_center": value, "frame_width": other}}
    text = json.dumps(record, indent=indent).encode()
    found = parse_record(text)
    assert in_full(found["_id"]) == value
    assert {key: in_full(item) for key, item in found["tracking"].items()} == record["tracking"]


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(json_values, st.sampled_from([None, 1, "\t"]))
def test_what_is_no_record_is_what_json_holds(value, indent):
    text = json.dumps([value], indent=indent).encode()
    assert parse_record(text) == parse_json(text) == json.loads(text)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(number, number), max_size=30), st.sampled_from([None, 0, " "]))
def test_pairs_are_the_numbers_that_json_reads(points, indent):
    text = json.dumps(points, indent=indent)
    expected = np.array(json.loads(text), np.float64).reshape(-1, 2)
    np.testing.assert_array_equal(points_of(text), expected)


def test_decimals_of_few_digits_are_exact():
    values = np.round(np.random.default_rng(0).uniform(-3, 3, (500, 2)), 6)
    np.testing.assert_array_equal(points_of(json.dumps(values.tolist())), values)


@pytest.mark.parametrize(
    "text",
    [
        "[[0.5,0.5],[0.25,null],[0.5,0.5],[0.5,0.5],[0.5,0.5]]",
        "[[0.5,0.5],[0.25,NaN],[0.50,0.50],[0.5,0.5],[0.500000,0.5]]",
        "[[0.5,0.5],[0.25],[0.5000,0.5000],[0.500000,0.5],[0.500000,0.5]]",
        "[[0.5,0.5],[0.25,1,2],[0.5000,0.5],[0.500000,0.5],[0.500000,0.5]]",
        '[[0.5,0.5],"word",[0.5000,0.5000],[0.50000,0.5],[0.500000,0.5]]',
        "[[0.5,0.5],7,[0.500000,0.500000],[0.5000000,0.5],[0.500000,0.5]]",
        "[[0.5,0.5],[],[0.5000000,0.5000],[0.5000000,0.5],[0.500000,0.5]]",
    ],
)
def test_a_point_that_is_none_is_nan_and_the_others_stay(text):
    points = points_of(text)
    assert np.isnan(points[1]).any()
    np.testing.assert_array_equal(points[[0, 2, 3, 4]], 0.5)


@pytest.mark.parametrize(
    "text", ["[[1 2],[3,4]]", "[[1,2][3,4]]", "[[1,,2]]", "[[1,2],]", "[[.5,1]]", "[[1,2]]]", "-"]
)
@pytest.mark.parametrize("padding", ["", " " * 60])
def test_what_json_refuses_is_no_array(text, padding):
    text = text[:1] + padding + text[1:]
    with pytest.raises((TrailFormatError, ValueError)):
        points_of(text)


def test_the_last_outline_is_found_without_the_others():
    hulls = [[[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]]] * 9 + [[[0.7, 0.8], [0.9, 1.0]]]
    for indent in (None, 2):  # without blanks between brackets, and with them
        last = last_pairs(tracking_of(json.dumps({"hull": hulls}, indent=indent))["hull"])
        np.testing.assert_array_equal(last, hulls[-1])


def test_an_outline_that_is_empty_has_no_corners():
    tracking = tracking_of(json.dumps({"hull": [[[0.125, 0.125]] * 9, []]}))
    assert last_pairs(tracking["hull"]).shape == (0, 2)


def test_keys_that_stand_twice_are_told():
    repeated = []
    assert parse_json(b'{"a": 1, "b": 2, "a": 3}', repeated) == {"a": 1, "b": 2}
    assert repeated == ["a"]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('{"a": {"tracking": {"xy_center": [[1, 2]]}}, "a": {"tracking": {"xy_center": 7}}}', "a"),
        ('{"a": {"tracking": {"xy_center": [[1, 2]]}}, "a": {"_id": 7}}', "a"),
        ('{"a": {"tracking": {"xy_center": [[1, 2]]}, "tracking": {"hull": 7}}}', "tracking"),
        ('{"a": {"tracking": {"xy_center": [[1, 2]], "xy_center": 7}}}', "xy_center"),
    ],
)
def test_of_what_an_export_holds_twice_the_first_counts(text, key):
    repeated = []
    tracking = parse_export(text.encode(), repeated)["a"]["tracking"]
    assert repeated == [key]
    np.testing.assert_array_equal(pairs(tracking["xy_center"]), [[1, 2]])


@pytest.mark.parametrize("name", ["7", '"x"', "null"])
def test_an_export_is_a_name_for_each_object_a_list_or_one_object(name):
    record = f'{{"_id": {name}, "tracking": {{"xy_center": [[1, 2]]}}}}'
    for found in (
        parse_export(f'{{"a": {record}}}'.encode(), [])["a"],
        parse_export(f"[{record}]".encode(), [])[0],
        parse_export(record.encode(), []),
    ):
        assert found["_id"] == json.loads(name)
        np.testing.assert_array_equal(pairs(found["tracking"]["xy_center"]), [[1, 2]])


@pytest.mark.parametrize("depth", [100_000, 300])
def test_arrays_in_arrays_without_end_are_no_crash(depth):
    for parse in (parse_json, parse_record, lambda data: parse_export(data, [])):
        with pytest.raises(TrailFormatError, match="JSON"):
            parse(b"[" * depth)
        with suppress(TrailFormatError):  # how deep is too deep depends on the interpreter
            parse(b"[" * depth + b'"a"' + b"]" * depth)


def test_numbers_beyond_all_limits_are_infinite_or_zero():
    points = points_of("[[1e999, -1e999], [1e-999, 1e308], [0.000000000000, 0.00000000]]")
    assert points[0].tolist() == [math.inf, -math.inf]
    assert points[1, 0] == 0
    assert points[1, 1] == pytest.approx(1e308)
