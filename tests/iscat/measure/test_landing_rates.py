"""Rates of landings and their errors."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import poisson

from napari_uai.errors import BadValueError
from napari_uai.iscat.measure.landing_rates import fit_rates, landing_rate, poisson_interval


def test_intervals_leave_two_and_a_half_percent_on_either_side():
    low, high = poisson_interval([0, 1, 4, 100])
    assert low[0] == 0
    for n, a, b in zip([1, 4, 100], low[1:], high[1:], strict=True):
        assert poisson.sf(n - 1, a) == pytest.approx(0.025)
        assert poisson.cdf(n, b) == pytest.approx(0.025)
    assert poisson.cdf(0, high[0]) == pytest.approx(0.025)


def test_landings_are_counted_where_they_are():
    rng = np.random.default_rng(0)
    frames = rng.integers(100, 1100, 200)
    table = pd.DataFrame({"raw_frame": frames, "kind": "landing"})
    table.loc[:9, "kind"] = "takeoff"
    found = landing_rate(table, bins=10, first_frame=100, last_frame=1099, frame_rate_hz=50.0)
    kept = frames[10:]
    wanted = [((kept >= a) & (kept < a + 100)).sum() for a in range(100, 1100, 100)]
    assert found["landings"].tolist() == wanted
    assert found["first_frame"].tolist() == list(range(100, 1100, 100))
    assert found["last_frame"].tolist() == list(range(199, 1100, 100))
    np.testing.assert_allclose(found["rate_per_s"], np.array(wanted) / 2)
    np.testing.assert_allclose(found["time_s"], (np.arange(100, 1100, 100) + 49.5) / 50)
    assert found["cumulative"].iloc[-1] == 190
    low, high = poisson_interval(np.cumsum(wanted))
    np.testing.assert_allclose(found[["cumulative_low", "cumulative_high"]], np.c_[low, high])


def test_without_a_frame_rate_rates_are_per_frame():
    found = landing_rate(pd.DataFrame({"frame": [0, 9]}), bins=1)
    assert found["rate_per_frame"].tolist() == [0.2]
    assert "time_s" not in found


def test_bad_landings_are_an_error_in_one_line():
    with pytest.raises(BadValueError, match="lacks the column"):
        landing_rate(pd.DataFrame({"y": [1]}))
    with pytest.raises(BadValueError, match="no landings: give"):
        landing_rate(pd.DataFrame({"frame": []}))
    with pytest.raises(BadValueError, match="last_frame must be at least"):
        landing_rate(pd.DataFrame({"frame": [3]}), first_frame=5, last_frame=2)
    assert landing_rate(pd.DataFrame({"frame": []}), first_frame=0, last_frame=9)[
        "landings"
    ].sum() == 0  # fmt: skip


def test_the_line_is_unbiased_and_its_errors_hold():
    rng = np.random.default_rng(1)
    concentrations, durations = np.array([0, 1, 2, 5, 10.0]), np.array([60, 30, 30, 20, 20.0])
    fits = [
        fit_rates(rng.poisson(durations * (0.3 + 0.5 * concentrations)), durations, concentrations)
        for _ in range(200)
    ]
    slope, error, background, background_error, p = np.array(fits).T
    for value, wrong, wanted in ((slope, error, 0.5), (background, background_error, 0.3)):
        assert abs(value.mean() - wanted) < 3.5 * value.std() / np.sqrt(200)
        assert ((value - wanted) / wrong).std() == pytest.approx(1, abs=0.2)
    assert np.mean(p < 0.05) < 0.12
    assert fit_rates([100, 300, 100], [1, 1, 1], [1, 2, 3]).p_value < 1e-6


def test_a_line_needs_two_concentrations():
    with pytest.raises(BadValueError, match="two different"):
        fit_rates([1, 2], [1, 1], [3, 3])
