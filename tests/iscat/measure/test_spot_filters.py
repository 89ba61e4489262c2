import numpy as np
import pandas as pd
import pytest

from napari_uai.errors import BadValueError
from napari_uai.iscat.measure.gaussian_fits import empty_fits
from napari_uai.iscat.measure.spot_filters import (
    dense_spots,
    inner_spots,
    outlier_frames,
    remove_side_lobes,
    symmetric_spots,
)


def spots(rows, sigma=1.7):
    table = pd.DataFrame(rows, columns=["y", "x", "frame", "center_intensity"], dtype=float)
    return table.assign(sigma=sigma, name=[f"#{i}" for i in range(len(rows))])


def random_spots(n=400, seed=0):
    rng = np.random.default_rng(seed)
    table = spots(
        np.column_stack([rng.uniform(0, 40, (n, 2)), rng.integers(0, 20, n), rng.normal(size=n)])
    )
    return table.assign(sigma=rng.uniform(1, 2, n))


def neighbours(table, overlap=0.0):
    """All pairs by plain comparison."""
    y, x, frame, sigma = (table[name].to_numpy() for name in ("y", "x", "frame", "sigma"))
    distance = np.hypot(y[:, None] - y, x[:, None] - x)
    near = distance <= np.sqrt(2) * (sigma[:, None] + sigma) * (1 - overlap)
    return near & (frame[:, None] == frame) & ~np.eye(len(table), dtype=bool)


def test_frames_with_more_spots_than_allowed_lose_all():
    table = spots([(5, 5, 0, 1)] * 3 + [(5, 5, 1, 1)] * 2)
    assert outlier_frames(table, max_spots=2)["frame"].tolist() == [1, 1]
    assert len(outlier_frames(table, max_spots=3)) == 5


def test_both_of_two_near_spots_are_left_out():
    table = spots([(5, 5, 0, 1), (5, 9, 0, 2), (5, 20, 0, 1), (5, 5, 1, 1)])
    assert dense_spots(table)["name"].tolist() == ["#2", "#3"]


def test_discs_that_touch_are_near():
    table = spots([(5, 5, 0, 1), (5, 5 + 2 * np.sqrt(2) * 1.7 - 1e-9, 0, 2)])
    assert len(dense_spots(table)) == 0
    assert len(dense_spots(table, overlap=0.01)) == 2


@pytest.mark.parametrize("overlap", [0.0, 0.4])
def test_dense_spots_are_those_of_a_plain_comparison(overlap):
    table = random_spots()
    expected = table["name"][~neighbours(table, overlap).any(axis=1)]
    assert dense_spots(table, overlap=overlap)["name"].tolist() == expected.tolist()


def test_side_lobes_leave_the_strongest_of_either_sign():
    dark = spots([(5, 5, 0, -5), (5, 9, 0, -1)])
    bright = spots([(5, 5, 0, 1), (5, 9, 0, 5)])
    mixed = spots([(5, 5, 0, -5), (5, 9, 0, 1)])
    assert remove_side_lobes(dark)["center_intensity"].tolist() == [-5]
    assert remove_side_lobes(bright)["center_intensity"].tolist() == [5]
    assert remove_side_lobes(mixed)["center_intensity"].tolist() == [-5]


def test_a_removed_side_lobe_removes_nothing():
    chain = spots([(5, 5, 0, 3), (5, 9, 0, 2), (5, 13, 0, 1)])
    assert remove_side_lobes(chain)["center_intensity"].tolist() == [3, 1]


def test_of_equal_spots_the_first_stays():
    assert remove_side_lobes(spots([(5, 5, 0, 2), (5, 9, 0, -2)]))["name"].tolist() == ["#0"]


def test_side_lobes_are_those_of_a_plain_greedy_loop():
    table = random_spots(seed=1)
    near = neighbours(table)
    kept = []
    for row in np.argsort(-table["center_intensity"].abs().to_numpy(), kind="stable"):
        if not near[row, kept].any():
            kept.append(row)
    assert remove_side_lobes(table)["name"].tolist() == [f"#{i}" for i in sorted(kept)]


def test_round_spots_stay_and_failed_fits_count_as_not_round():
    table = spots([(5, 5, 0, 1)] * 4).assign(Sigma_ratio=[0.6, 0.7, 0.9, np.nan])
    assert symmetric_spots(table)["name"].tolist() == ["#1", "#2"]
    assert symmetric_spots(table, keep_unfitted=True)["name"].tolist() == ["#1", "#2", "#3"]


def test_spots_near_the_edges_are_left_out():
    table = spots([(4, 10, 0, 1), (5, 5, 0, 1), (24, 30, 0, 1), (24, 35, 0, 1)])
    assert inner_spots(table, np.zeros((1, 30, 40)), margin_px=5)["name"].tolist() == ["#1", "#2"]


@pytest.mark.parametrize(
    "function",
    [
        outlier_frames,
        dense_spots,
        remove_side_lobes,
        symmetric_spots,
        lambda table: inner_spots(table, np.zeros((1, 9, 9))),
    ],
)
def test_an_empty_table_passes_unchanged(function):
    assert function(empty_fits()).dtypes.equals(empty_fits().dtypes)
    assert len(function(empty_fits())) == 0


def test_bad_values_are_named():
    table = spots([(5, 5, 0, 1)])
    with pytest.raises(BadValueError, match="overlap"):
        dense_spots(table, overlap=1.0)
    with pytest.raises(BadValueError, match="max_spots"):
        outlier_frames(table, max_spots=-1)
    with pytest.raises(BadValueError, match="Sigma_ratio"):
        symmetric_spots(table)
    with pytest.raises(BadValueError, match="min_ratio"):
        symmetric_spots(table.assign(Sigma_ratio=1.0), min_ratio=1.2)
    with pytest.raises(BadValueError, match="margin_px"):
        inner_spots(table, np.zeros((1, 9, 9)), margin_px=-1)
