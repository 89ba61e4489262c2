import numpy as np
import pandas as pd
import pytest

from napari_uai.errors import BadValueError
from napari_uai.trails.table import UNCLASSIFIED, Scene, trails_of

SCENE = Scene(100, 80)


@pytest.fixture
def samples():
    return pd.DataFrame(
        {
            "trail": ["b", "a", "b", "a", "c"],
            "time": [1.0, 5.0, 0.0, 4.0, 9.0],
            "y": [1, 2, 3, 4, 5],
            "x": [10, 20, 30, 40, 50],
        }
    )


def test_samples_come_together_by_trail_and_time(samples):
    trails = trails_of(samples, SCENE)
    assert trails.table["trail"].tolist() == ["b", "a", "c"]
    np.testing.assert_array_equal(trails.offsets, [0, 2, 4, 5])
    np.testing.assert_array_equal(trails.x, [30, 10, 40, 20, 50])
    np.testing.assert_array_equal(trails.time, [0, 1, 4, 5, 9])
    assert trails.table["start"].tolist() == [0, 4, 9]
    assert trails.table["end"].tolist() == [1, 5, 9]
    assert set(trails.table["class"]) == {UNCLASSIFIED}


def test_samples_of_trails_make_the_same_trails(samples):
    trails = trails_of(samples, SCENE)
    again = trails_of(trails.samples, SCENE)
    pd.testing.assert_frame_equal(again.table, trails.table)
    np.testing.assert_array_equal(again.y, trails.y)


@pytest.mark.parametrize("rows", [[2, 0], [False, True, True], []])
def test_selected_trails_keep_their_samples(samples, rows):
    trails = trails_of(samples.assign(**{"class": ["p", "q", "p", "q", "r"]}), SCENE)
    chosen = trails.select(rows)
    names = trails.table["trail"].to_numpy()[np.asarray(rows, bool if True in rows else int)]
    assert chosen.table["trail"].tolist() == names.tolist()
    for row, name in enumerate(names):
        old = trails.trail(trails.table["trail"].tolist().index(name))
        np.testing.assert_array_equal(chosen.x[chosen.trail(row)], trails.x[old])


def test_classes_are_counted_most_frequent_first(samples):
    trails = trails_of(samples.assign(**{"class": ["p", "q", "p", "q", "q"]}), SCENE)
    assert trails.classes.to_dict() == {"q": 2, "p": 1}


def test_a_table_without_a_column_is_refused(samples):
    with pytest.raises(BadValueError, match="missing columns time"):
        trails_of(samples.drop(columns="time"), SCENE)
