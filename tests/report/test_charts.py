"""Charts show values where they are."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from napari_uai.report.charts import MOST_POINTS, Chart, padded, ticks, with_power


def chart(**changes) -> Chart:
    return Chart("a chart", **{"x": (0, 10), "y": (-1, 1), "x_label": "x", **changes})


def points_of(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"[ML](\S+?) ([^ML]+)", path)]


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6), st.integers(2, 8))
def test_ticks_are_evenly_spaced_round_numbers_inside(low, span, n):
    high = low + span
    assume(high - low > 1e-9 * max(abs(low), abs(high)))
    _, values = ticks(low, high, n)
    assert 1 <= len(values) <= n + 1
    assert low - 1e-6 * span <= min(values)
    assert max(values) <= high + 1e-6 * span
    if len(values) > 1:
        step = np.diff(values)
        np.testing.assert_allclose(step, step[0], rtol=1e-5)
        mantissa = step[0] / 10 ** np.floor(np.log10(step[0]) + 1e-6)
        assert min(abs(mantissa - m) for m in (1, 2, 5, 10)) < 1e-3


def test_positions_are_linear_between_the_edges_of_the_axes(parse):
    own = chart(margins=(50, 10, 20, 30), width=460, height=250)
    own.line(np.array([0.0, 5, 10]), np.array([-1.0, 0, 1]), "bright")
    path = parse(own.svg()).all("path")[0].attributes["d"]
    assert points_of(path) == [(50, 220), (250, 120), (450, 20)]


def test_an_axis_may_descend_as_in_images():
    own = chart(y=(9.5, -0.5))
    assert own.at_y(-0.5) < own.at_y(9.5)


def test_lines_are_interrupted_where_there_is_no_value(parse):
    own = chart()
    own.line(np.arange(5.0), np.array([0, 1, np.nan, 0.5, 0]), "dark")
    assert parse(own.svg()).all("path")[0].attributes["d"].count("M") == 2


def test_long_lines_keep_their_ends(parse):
    own = chart(x=(0, 99_999))
    own.line(np.arange(100_000.0), np.zeros(100_000), "dark")
    drawn = points_of(parse(own.svg()).all("path")[0].attributes["d"])
    assert len(drawn) == MOST_POINTS
    assert (drawn[0][0], drawn[-1][0]) == (own.at_x(0), own.at_x(99_999))


def test_signs_have_shapes_of_their_own_and_say_what_they_are(parse):
    own = chart()
    own.points(np.array([1.0, 2, 3]), np.array([0.5, -0.5, np.nan]), ["bright", "dark", "dark"],
               ["one", "two", "three"])  # fmt: skip
    whole = parse(own.svg())
    assert [c.all("title")[0].text for c in whole.all("circle")] == ["one"]
    assert [r.all("title")[0].text for r in whole.all("rect") if r.all("title")] == ["two"]


def test_bars_reach_from_base_to_top(parse):
    own = chart(y=(0, 4))
    own.bars(
        np.array([0.0, 5]), np.array([5.0, 10]), np.array([0.0, 1]), np.array([2.0, 1]), "dark"
    )
    bars = [r for r in parse(own.svg()).all("rect") if "dark" in r.attributes["class"]]
    assert len(bars) == 1  # the second one is empty
    y, height = (float(bars[0].attributes[name]) for name in ("y", "height"))
    assert (y, y + height) == pytest.approx((own.at_y(2), own.at_y(0)), abs=0.11)


def test_a_chart_is_described(parse):
    svg = parse(chart().svg()).all("svg")[0]
    assert (svg.attributes["role"], svg.attributes["aria-label"]) == ("img", "a chart")


def test_the_power_of_ten_joins_the_unit():
    assert with_power("contrast", -3) == "contrast (10⁻³)"
    assert with_power("mass (kDa)", 4) == "mass (10⁴ kDa)"
    assert with_power("x (px)", 0) == "x (px)"


def test_a_range_is_never_empty():
    for values in ([], [np.nan], [2.0, 2.0], [0.0]):
        low, high = padded(np.array(values))
        assert low < high
