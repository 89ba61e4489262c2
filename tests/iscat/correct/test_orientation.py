"""Turned and flipped frames."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest

from napari_uai.errors import BadValueError, RecipeError
from napari_uai.iscat.correct.orientation import turn_frames
from napari_uai.iscat.recipes.catalogue import listed_stages
from napari_uai.iscat.recipes.recipe import parse_recipe

VIDEO = np.arange(24, dtype=np.uint16).reshape(2, 3, 4)


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("flip", ["none", "rows", "columns"])
def test_frames_are_those_of_numpy(turns, flip):
    expected = np.rot90(VIDEO, turns, axes=(1, 2))
    if flip != "none":
        expected = np.flip(expected, {"rows": 1, "columns": 2}[flip])
    lazy = turn_frames(da.from_array(VIDEO), quarter_turns=turns, flip=flip)
    assert (lazy.shape, lazy.dtype) == (expected.shape, VIDEO.dtype)
    np.testing.assert_array_equal(lazy.compute(), expected)
    np.testing.assert_array_equal(turn_frames(VIDEO, quarter_turns=turns, flip=flip), expected)


def test_turning_and_back_is_nothing():
    back = turn_frames(turn_frames(VIDEO, quarter_turns=3), quarter_turns=1)
    np.testing.assert_array_equal(back, VIDEO)


def test_limits_are_named():
    with pytest.raises(BadValueError, match="quarter_turns must be"):
        turn_frames(VIDEO, quarter_turns=4)


def test_a_recipe_cannot_contain_what_changes_the_numbers_of_pixels_or_frames():
    for name in ("turn_frames", "ratiometric_average"):
        assert not listed_stages()[name].passes_on
        text = f'[[stage]]\nuse = "{name}"\n[outputs]\nlandings = "{name}"\n'
        with pytest.raises(RecipeError, match=f"{name} changes the numbers of frames or pixels"):
            parse_recipe(text, name="own")
