"""Limits of parameters: what annotations say, and how calls are checked."""

from __future__ import annotations

from typing import Annotated

import pytest
from annotated_types import Ge, Le, Unit

from napari_uai.errors import BadValueError, RecipeError
from napari_uai.parameters import Ascending, Odd, Parameters, checked

WIDTHS = "odd whole numbers, each at least 1, in ascending order (px)"


@checked
def smooth(
    *,
    size: Annotated[int, Ge(1), Le(9), Odd, Unit("px")] = 3,
    limits: Annotated[tuple[float, float], Ascending] | None = None,
    widths: Annotated[tuple[Annotated[int, Ge(1), Odd, Unit("px")], ...], Ascending] = (1, 3),
) -> tuple[object, ...]:
    """Return what arrives."""
    return size, limits, widths


def test_odd_numbers_and_ascending_entries_are_accepted_in_their_types():
    assert smooth(size="5", limits=[0, 1], widths=[3, 5, 9]) == (5, (0.0, 1.0), (3, 5, 9))
    assert smooth() == (3, None, (1, 3))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"size": 4}, "size must be an odd whole number, at least 1, at most 9 (px), got 4"),
        ({"size": -1}, "size must be an odd whole number, at least 1, at most 9 (px), got -1"),
        ({"size": 11}, "size must be an odd whole number, at least 1, at most 9 (px), got 11"),
        ({"limits": (1, 0)}, "limits must be 2 numbers, in ascending order, or none, got (1, 0)"),
        ({"limits": (1, 1)}, "limits must be 2 numbers, in ascending order, or none, got (1, 1)"),
        (
            {"widths": (3, 4)},
            f"widths must be {WIDTHS}, got (3, 4)",
        ),
        (
            {"widths": (3, 1)},
            f"widths must be {WIDTHS}, got (3, 1)",
        ),
    ],
)
def test_calls_with_other_values_say_what_is_accepted(values, words):
    with pytest.raises(BadValueError) as error:
        smooth(**values)
    assert str(error.value) == words


def test_recipes_and_forms_know_of_odd_and_ascending():
    parameters = Parameters.of(smooth)
    assert parameters["size"].odd
    assert not parameters["size"].ascending
    assert parameters["limits"].ascending
    assert parameters["widths"].type == tuple[int, ...]
    assert (parameters["widths"].minimum, parameters["widths"].unit) == (1, "px")
    with pytest.raises(RecipeError, match="an odd whole number"):
        parameters.check({"size": 2})
