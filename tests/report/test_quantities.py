"""Numbers are printed with as many digits as they deserve, and read back as what they were."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from napari_uai.report.quantities import common_power, number, with_error

SOME = st.floats(1e-12, 1e12) | st.floats(-1e12, -1e-12)


@given(SOME, st.integers(2, 6))
def test_a_number_is_right_to_its_digits(printed, value, digits):
    assert printed(number(value, digits)) == [pytest.approx(value, rel=0.51 * 10 ** (1 - digits))]


@given(SOME, st.floats(1e-9, 1e6), st.integers(-6, 3))
@example(-5.47006017687905e-06, 1e-09, 3)
def test_value_and_error_agree_with_the_last_printed_digit(printed, value, error, power):
    assume(abs(value / 10.0**power) < 1e12)
    shown, shown_error = printed(with_error(value, error, power=power))
    unit = 10.0**power
    # An error of 0.99999996 is printed as 1.0: its first digit is that of the rounded number.
    digit = 10.0 ** -max(1 - math.floor(math.log10(error / unit * (1 + 1e-6))), 0)
    assert abs(shown - value / unit) <= 0.51 * digit + 1e-12 * abs(value / unit)
    assert abs(shown_error - error / unit) <= 0.51 * digit


def test_a_value_without_error_or_that_is_none_is_printed_all_the_same():
    assert with_error(0.25, math.nan) == "0.25"
    assert with_error(math.nan, 0.1) == "–"
    assert number(math.inf) == "–"


def test_small_values_share_a_power_and_ordinary_ones_have_none():
    assert common_power([math.nan, 4e-4, -2e-3]) == -3
    assert common_power([0.2, 12]) == 0
    assert common_power([]) == 0
