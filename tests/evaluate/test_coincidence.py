from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from napari_uai.errors import BadValueError
from napari_uai.evaluate import find_coincidences
from napari_uai.simulate.iscat.fluorescence import FluorescenceSettings, simulate_fluorescence


def points(n: int, seed: int, size: float = 100.0) -> pd.DataFrame:
    return pd.DataFrame(np.random.default_rng(seed).uniform(0, size, (n, 2)), columns=["y", "x"])


def test_chance_is_that_of_independent_points() -> None:
    landings, spots = points(300, 0), points(60, 1)
    found = find_coincidences(landings, spots, shape=(100, 100), tolerance_px=3.0)
    r = found.by_tolerance["tolerance_px"].to_numpy()
    expected = 300 * (1 - (1 - np.pi * r**2 / 100**2) ** 60)
    assert found.by_tolerance["chance_mean"].to_numpy() == pytest.approx(expected, rel=0.12)
    inside = found.by_tolerance["coinciding"].between(
        found.by_tolerance["chance_low"], found.by_tolerance["chance_high"]
    )
    assert inside.mean() > 0.8  # nothing but chance here
    assert found.landings["coincidence_chance"].sum() == pytest.approx(
        found.by_tolerance.set_index("tolerance_px")["chance_mean"][3.0]
    )


def test_labelled_particles_coincide_beyond_chance() -> None:
    landings = points(40, 2).assign(raw_frame=10)
    settings = FluorescenceSettings(
        rows=64, columns=64, frames=3, rotation_deg=9.0, shift_rows=-5.0, shift_columns=-8.0,
        first_frame=0.0, bleaching_frames=1e9, labelled_fraction=0.5,
    )  # fmt: skip
    truth = simulate_fluorescence(landings, settings).truth
    angle = np.deg2rad(settings.rotation_deg)
    link = np.eye(3)
    link[:2, :2] = 2 * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    link[:2, 2] = settings.shift_rows, settings.shift_columns
    found = find_coincidences(landings, truth, shape=(64, 64), link=link, tolerance_px=0.5)
    coincide = found.landings["coincides"]
    assert set(np.flatnonzero(coincide == 1)) == set(truth["landing"]) & set(
        np.flatnonzero(coincide.notna())
    )
    # Oracle: distances of all pairs in px of the first recording.
    mapped = truth[["y", "x"]].to_numpy() @ link[:2, :2].T + link[:2, 2]
    apart = np.hypot(*(landings[["y", "x"]].to_numpy()[:, None] - mapped).transpose(2, 0, 1))
    known = coincide.notna().to_numpy()
    assert found.landings["spot_distance_px"][known].to_numpy() == pytest.approx(
        apart.min(axis=1)[known]
    )
    assert "20 of 40 landings coincide" in found.summary() or not known.all()
    row = found.by_tolerance.iloc[0]
    assert row["coinciding"] > row["chance_high"]


def test_landings_outside_the_second_field_do_not_count() -> None:
    landings = pd.DataFrame({"y": [10.0, 10.0], "x": [10.0, 90.0]})
    found = find_coincidences(landings, points(5, 0, 40), shape=(40, 40))
    assert found.landings["coincides"].isna().tolist() == [False, True]
    assert "(1 outside the second recording)" in found.summary()


def test_without_spots_nothing_coincides() -> None:
    found = find_coincidences(points(5, 0, 40), points(0, 0), shape=(40, 40))
    assert found.landings["coincides"].tolist() == [0.0] * 5
    assert (found.by_tolerance[["coinciding", "chance_mean", "chance_high"]] == 0).all().all()


def test_bad_values_are_refused() -> None:
    with pytest.raises(BadValueError, match="tolerance_px must be above 0"):
        find_coincidences(points(5, 0), points(5, 1), shape=(40, 40), tolerance_px=0)
    with pytest.raises(BadValueError, match="too small to tell chance"):
        find_coincidences(points(5, 0, 8), points(5, 1, 8), shape=(8, 8))
