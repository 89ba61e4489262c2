from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.transform import Rotation

from napari_uai.errors import BadValueError
from napari_uai.evaluate import register_spots, spots_of_mean
from napari_uai.simulate.iscat.fluorescence import (
    FluorescenceSettings,
    simulate_fluorescence,
    to_second,
)

SETTINGS = FluorescenceSettings(
    frames=40, rows=64, columns=64, first_frame=0.0, labelled_fraction=0.6,
    bleaching_frames=1e9, photons=800.0, rotation_deg=-17.0, shift_rows=4.0, shift_columns=30.0,
)  # fmt: skip


@pytest.fixture(scope="module")
def landings() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "raw_frame": rng.integers(0, 400, 30),
            "y": rng.uniform(10, 100, 30),
            "x": rng.uniform(10, 100, 30),
        }
    )


def test_labels_are_found_where_they_were_simulated(landings: pd.DataFrame) -> None:
    made = simulate_fluorescence(landings, SETTINGS)
    spots = spots_of_mean(made.video)[["y", "x"]].to_numpy()
    true = made.truth[["y", "x"]].to_numpy()
    inside = ((true > 2) & (true < 61)).all(axis=1)
    crowd = np.hypot(*(true[:, None] - true).transpose(2, 0, 1)) + 99 * np.eye(len(true))
    alone = inside & (crowd.min(axis=1) > 6)
    apart = np.hypot(*(true[alone, None] - spots).transpose(2, 0, 1))
    assert alone.sum() >= 5
    assert apart.min(axis=1).max() < 0.25
    assert len(spots) <= len(true)


@pytest.mark.parametrize("magnification", [None, 2.0])
def test_the_similarity_of_the_second_camera_is_recovered(
    landings: pd.DataFrame, magnification: float | None
) -> None:
    made = simulate_fluorescence(landings, SETTINGS)
    spots = spots_of_mean(made.video)
    places = landings[["y", "x"]].to_numpy() + np.random.default_rng(0).normal(0, 0.1, (30, 2))
    found = register_spots(places, spots[["y", "x"]], magnification=magnification)
    rotation = Rotation.from_euler("z", SETTINGS.rotation_deg, degrees=True).as_matrix()[:2, :2]
    corners = np.array([[0.0, 0.0], [0.0, 63.0], [63.0, 0.0], [63.0, 63.0]])
    expected = 2.0 * corners @ rotation.T + (4.0, 30.0)
    mapped = corners @ found.matrix[:2, :2].T + found.matrix[:2, 2]
    assert np.abs(mapped - expected).max() < 0.5  # px, also in the corners
    assert found.residual_px < 0.5
    assert len(found.pairs) > found.pairs_by_chance
    back = to_second(places[found.pairs[:, 0]], SETTINGS)
    assert np.abs(back - spots[["y", "x"]].to_numpy()[found.pairs[:, 1]]).max() < 1.0


def test_unrelated_points_are_not_registered() -> None:
    rng = np.random.default_rng(5)
    refused = 0
    for _ in range(10):
        first, second = rng.uniform(0, 100, (12, 2)), rng.uniform(0, 50, (12, 2))
        try:
            found = register_spots(first, second)
        except BadValueError as error:
            assert "by chance" in str(error)  # noqa: PT017
            refused += 1
        else:
            assert len(found.pairs) <= found.pairs_by_chance + 2
    assert refused >= 5


@pytest.mark.parametrize("first", [np.zeros((2, 2)), np.full((5, 2), np.nan)])
def test_too_few_points_are_refused(first: np.ndarray) -> None:
    with pytest.raises(BadValueError, match="at least 3 landings in the first recording"):
        register_spots(first, np.random.default_rng(0).uniform(0, 9, (5, 2)))


def test_one_frame_tells_no_noise() -> None:
    with pytest.raises(BadValueError, match="at least two frames"):
        spots_of_mean(np.ones((1, 20, 20)))
