"""Populations of particles that diffuse."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from napari_uai.errors import BadValueError
from napari_uai.iscat.measure.diffusing_population import diffusion_histogram, diffusion_population
from napari_uai.iscat.measure.diffusion import diffusion_constants

UNIT = "px2_per_frame"


def spots_of(seed, constants, lengths, sigma=0.3):
    rng = np.random.default_rng(seed)
    parts = []
    for i, (constant, n) in enumerate(zip(constants, lengths, strict=True)):
        walk = np.sqrt(2 * constant) * rng.normal(size=(2, n)).cumsum(axis=1)
        y, x = walk + sigma * rng.normal(size=walk.shape)
        parts.append(pd.DataFrame({"particle": i, "frame": np.arange(n), "y": y, "x": x}))
    return pd.concat(parts, ignore_index=True)


@pytest.mark.parametrize("spread", [0.0, 0.3, 0.7])
def test_median_and_spread_of_a_log_normal_population_come_back(spread):
    rng = np.random.default_rng(11)
    constants = 2.0 * np.exp(spread * rng.normal(size=60))
    lengths = rng.integers(15, 80, 60)
    row = diffusion_population(spots_of(1, constants, lengths), exposure=0).iloc[0]
    assert row[f"diffusion_low_{UNIT}"] <= 2 <= row[f"diffusion_high_{UNIT}"]
    assert row["spread_low"] <= spread <= row["spread_high"]
    assert row["trajectories"] == 60
    assert row["spots"] == lengths.sum()


def test_long_trajectories_count_more():
    lengths = [1000, 12, 12, 12]
    spots = spots_of(2, [1.0, 1.0, 1.0, 1.0], lengths)
    each = diffusion_constants(spots, exposure=0)
    row = diffusion_population(spots, exposure=0).iloc[0]
    wanted = np.average(each[f"diffusion_{UNIT}"], weights=lengths)
    assert row[f"mean_{UNIT}"] == pytest.approx(wanted)
    assert row[f"diffusion_{UNIT}"] == pytest.approx(each[f"diffusion_{UNIT}"][0], rel=0.05)


def test_diameters_are_those_of_the_median():
    spots = spots_of(3, [1.0] * 5, [60] * 5)
    row = diffusion_population(spots, pixel_size_um=0.05, frame_rate_hz=1e3, exposure=0).iloc[0]
    force = 1.380649e-23 * 298.15 / (3 * np.pi * 0.89e-3)
    wanted = force / (row["diffusion_um2_per_s"] * 1e-12) * 1e9
    assert row["diameter_nm"] == pytest.approx(wanted)
    assert row["diameter_low_nm"] < row["diameter_nm"] < row["diameter_high_nm"]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_trajectories_have_no_spread(count):
    spots = spots_of(4, [1.0] * 3, [40] * 3)
    row = diffusion_population(spots[spots["particle"] < count], exposure=0).iloc[0]
    assert row["trajectories"] == count
    assert np.isnan(row["spread"])
    assert np.isnan(row[f"diffusion_{UNIT}"]) == (count == 0)


def test_particles_that_stand_still_are_left_out():
    spots = pd.concat(
        [spots_of(5, [1.0] * 3, [40] * 3), pd.DataFrame({"particle": 9, "frame": range(30)})]
    ).fillna(4.0)
    assert diffusion_population(spots, exposure=0)["trajectories"].tolist() == [3]


def test_shares_of_the_histogram_are_those_of_spots():
    table = pd.DataFrame(
        {"n_spots": [10, 20, 30, 40], f"diffusion_{UNIT}": [0.11, 0.5, 0.52, -0.1]}
    )
    found = diffusion_histogram(table, bins_per_decade=1)
    assert found["trajectories"].tolist() == [3]
    assert found["share"].tolist() == [0.6]
    weight = np.array([10, 20, 30, 40.0])
    inside = np.array([1, 1, 1, 0])
    wanted = np.sqrt(np.sum((weight * (inside - 0.6)) ** 2)) / 100
    assert found["share_error"].tolist() == [pytest.approx(wanted)]
    low, high = found[f"low_{UNIT}"], found[f"high_{UNIT}"]
    np.testing.assert_allclose([low[0], high[0]], [0.1, 1.0])


def test_histograms_of_nothing_are_empty():
    table = pd.DataFrame({"n_spots": [10], f"diffusion_{UNIT}": [-0.1]})
    assert diffusion_histogram(table).empty
    assert diffusion_histogram(table.iloc[:0]).empty
    with pytest.raises(BadValueError, match="no diffusion constants"):
        diffusion_histogram(pd.DataFrame({"y": [1.0]}))
