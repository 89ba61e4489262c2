import json
import math
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_uai.errors import TrailFormatError
from napari_uai.trails.io.json_arrays import parse_json

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


def points_of(text):
    document = parse_json(text.encode())
    return document.pairs(document.content)


def in_full(document, value):
    """Put the arrays back that were left as text."""
    if isinstance(value, dict):
        return {key: in_full(document, item) for key, item in value.items()}
    if isinstance(value, list):
        return [in_full(document, item) for item in value]
    return document.value(value)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(json_values, st.sampled_from([None, 1, "\t"]))
def test_a_document_holds_what_json_holds(value, indent):
    text = json.dumps(value, indent=indent).encode()
    document = parse_json(text)
    assert in_full(document, document.content) == json.loads(text)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(number, number), max_size=30), st.sampled_from([None, 0, " "]))
def test_pairs_are_the_numbers_that_json_reads(points, indent):
    text = json.dumps({"xy": points}, indent=indent).encode()
    document = parse_json(text)
    found = document.pairs(document.content["xy"])
    expected = np.array(json.loads(text)["xy"], np.float64).reshape(-1, 2)
    np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_decimals_of_few_digits_are_exact():
    values = np.round(np.random.default_rng(0).uniform(-3, 3, (500, 2)), 6)
    document = parse_json(json.dumps(values.tolist()).encode())
    np.testing.assert_array_equal(document.pairs(document.content), values)


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
    document = parse_json(text.encode())
    points = document.pairs(document.content)
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
    for indent in (None, 2):
        document = parse_json(json.dumps({"hull": hulls}, indent=indent).encode())
        last = document.last_pairs(document.content["hull"])
        np.testing.assert_array_equal(last, hulls[-1])


def test_an_outline_that_is_empty_has_no_corners():
    document = parse_json(json.dumps({"hull": [[[0.125, 0.125]] * 9, []]}).encode())
    assert document.last_pairs(document.content["hull"]).shape == (0, 2)


def test_words_that_look_like_marks_stay_words():
    text = json.dumps({"a": "\x01array 7", "b": "\x01array x", "c": '[[1,2],"\\'}).encode()
    document = parse_json(text)
    assert in_full(document, document.content) == json.loads(text)


def test_keys_that_stand_twice_are_told():
    repeated = []
    document = parse_json(b'{"a": 1, "b": 2, "a": 3}', repeated)
    assert document.content == {"a": 1, "b": 2}
    assert repeated == ["a"]


@pytest.mark.parametrize("depth", [100_000, 300])
def test_arrays_in_arrays_without_end_are_no_crash(depth):
    with pytest.raises(TrailFormatError, match="JSON"):
        parse_json(b"[" * depth)
    with suppress(TrailFormatError):  # how deep is too deep depends on the interpreter
        parse_json(b"[" * depth + b'"a"' + b"]" * depth)


def test_numbers_beyond_all_limits_are_infinite_or_zero():
    document = parse_json(b"[[1e999, -1e999], [1e-999, 1e308], [0.000000000000, 0.00000000]]")
    points = document.pairs(document.content)
    assert points[0].tolist() == [math.inf, -math.inf]
    assert points[1, 0] == 0
    assert points[1, 1] == pytest.approx(1e308)
