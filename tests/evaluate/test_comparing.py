from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linear_sum_assignment

from napari_uai.errors import BadValueError
from napari_uai.evaluate import compare_landings


def landings(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "raw_frame": rng.integers(0, 5000, n),
            "y": rng.uniform(0, 64, n),
            "x": rng.uniform(0, 64, n),
            "contrast": rng.choice([-1, 1], n) * rng.uniform(0.001, 0.01, n),
            "score": rng.uniform(5, 50, n),
        }
    )


def test_moved_landings_are_found_in_both_and_others_in_one() -> None:
    rng = np.random.default_rng(1)
    first = landings(60, 0)
    order = rng.permutation(60)[:45]
    moved = first.iloc[order].assign(
        raw_frame=lambda t: t["raw_frame"] + rng.integers(-20, 21, len(t)),
        y=lambda t: t["y"] + rng.normal(0, 0.3, len(t)),
    )
    second = pd.concat([moved, landings(10, 2).assign(raw_frame=90_000)], ignore_index=True)
    same = compare_landings(first, second, max_frames=50)
    # Oracle: optimal assignment with forbidden pairs.
    a, b = (t[["raw_frame", "y", "x"]].to_numpy(float) for t in (first, second))
    time = abs(a[:, None, 0] - b[None, :, 0]) / 50
    place = np.hypot(a[:, None, 1] - b[None, :, 1], a[:, None, 2] - b[None, :, 2]) / 2.5
    signs = np.sign(first["contrast"].to_numpy())[:, None] * np.sign(second["contrast"].to_numpy())
    cost = np.where((time <= 1) & (place <= 1) & (signs > 0), time**2 + place**2, 1e3)
    rows, columns = linear_sum_assignment(cost)
    expected = np.full(60, -1)
    good = cost[rows, columns] < 1e3
    expected[rows[good]] = columns[good]
    assert same.partners.tolist() == expected.tolist()
    assert same.in_both.sum() == 45
    assert same.only_second.tolist() == list(range(45, 55))


def test_opposite_signs_and_unknown_places_are_not_the_same() -> None:
    first = landings(3, 0)
    second = first.assign(contrast=-first["contrast"])
    assert not compare_landings(first, second, max_frames=50).in_both.any()
    lost = first.assign(y=[np.nan, 1e9, first["y"].iloc[2]])
    same = compare_landings(first, lost, max_frames=50)
    assert same.partners.tolist() == [-1, -1, 2]
    assert same.only_second.tolist() == [0, 1]


def test_empty_tables_and_bad_tolerances() -> None:
    first, none = landings(2, 0), landings(0, 0)
    assert compare_landings(first, none, max_frames=9).partners.tolist() == [-1, -1]
    assert compare_landings(none, first, max_frames=9).only_second.tolist() == [0, 1]
    with pytest.raises(BadValueError, match="max_frames must be above 0"):
        compare_landings(first, first, max_frames=0)
