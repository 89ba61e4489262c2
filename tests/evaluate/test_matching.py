from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_uai.errors import BadValueError
from napari_uai.evaluate.matching import match_landings


def truth(*rows):
    return pd.DataFrame(rows, columns=["raw_frame", "y", "x", "contrast"])


def found(*rows):
    return pd.DataFrame(rows, columns=["raw_frame", "y", "x", "score", "contrast"])


def taken(found_table, truth_table, **limits):
    limits = {"max_frames": 50, "max_px": 2.5} | limits
    return match_landings(found_table, truth_table, **limits)["true_index"].tolist()


def test_limits_in_time_and_space_are_inclusive():
    one = truth((1000, 10, 10, 1e-3))
    assert taken(found((1050, 10, 12.5, 5, 1)), one) == [0]
    assert taken(found((1051, 10, 10, 5, 1)), one) == [-1]
    assert taken(found((1000, 12, 12, 5, 1)), one) == [-1]  # 2.83 px


def test_each_true_landing_is_taken_once_by_the_strongest():
    ranked = match_landings(
        found((1001, 10, 10, 5, 1), (1010, 11, 10, 9, 1)),
        truth((1000, 10, 10, 1e-3)),
        max_frames=50,
    )
    assert ranked["score"].tolist() == [9, 5]
    assert ranked["true_index"].tolist() == [0, -1]


def test_the_nearest_true_landing_is_taken_and_the_next_leaves_the_other():
    two = truth((1000, 10, 10, 1e-3), (1010, 10, 12, 1e-3))
    both = found((1008, 10, 11.9, 9, 1), (1009, 10, 11.8, 5, 1))
    assert taken(both, two) == [1, 0]


def test_the_sign_decides_only_when_asked():
    one, wrong = truth((1000, 10, 10, -1e-3)), found((1000, 10, 10, 5, 2e-3))
    assert taken(wrong, one) == [0]
    assert taken(wrong, one, same_sign=True) == [-1]


def test_empty_tables_match_nothing():
    assert taken(found(), truth((1, 1, 1, 1))) == []
    assert taken(found((1, 1, 1, 1, 1)), truth()) == [-1]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (found((1, 1, 1, 1, 1)).drop(columns="score"), "has no column 'score'; its columns: raw"),
        (found((1, 1, float("nan"), 1, 1)), "row 0: 'x' must be a finite number, got .*nan"),
        (found((1, 1, "left", 1, 1)), "row 0: 'x' must be a finite number, got 'left'"),
    ],
)
def test_tables_without_the_numbers_are_refused(table, message):
    with pytest.raises(BadValueError, match=message):
        taken(table, truth((1, 1, 1, 1)))


def test_limits_must_be_positive():
    with pytest.raises(BadValueError, match="max_px must be above 0, got 0"):
        taken(found(), truth(), max_px=0)


coordinates = st.tuples(st.integers(0, 300), st.floats(0, 20), st.floats(0, 20), st.floats(0, 9))


@pytest.mark.slow
@settings(deadline=None)
@given(st.lists(coordinates, max_size=12), st.lists(coordinates, max_size=12))
def test_matching_is_one_to_one_and_within_limits(some, true):
    truth_table = truth(*[(*t[:3], 1.0) for t in true])
    ranked = match_landings(found(*[(*s, 1.0) for s in some]), truth_table, max_frames=50)
    hits = ranked[ranked["true_index"] >= 0]
    assert hits["true_index"].is_unique
    for _, hit in hits.iterrows():
        match = truth_table.iloc[int(hit["true_index"])]
        assert abs(hit["raw_frame"] - match["raw_frame"]) <= 50
        assert (hit["y"] - match["y"]) ** 2 + (hit["x"] - match["x"]) ** 2 <= 2.5**2 + 1e-9
