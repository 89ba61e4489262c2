"""What an unseen landing changes of another, against integrals and least squares written out."""

import numpy as np
import pytest

from napari_uai.iscat.detect.steps.unseen import DELAYS, cells_around, mean_squared_changes


def test_changes_are_those_of_integrals_over_all_coefficients():
    """Each coefficient of each column is weighed by its prior and the residual that it leaves."""
    rng = np.random.default_rng(0)
    own, columns = rng.normal(size=(30, 3)), rng.normal(size=(30, 4))
    columns[:, 0] += 2 * own[:, 0]
    data = own @ [3.0, -1, 0.5] + 1.2 * columns[:, 0] + rng.normal(size=30)
    expected, usual = np.array([0.3, 0.05, 0.1, 1e-3]), 1.5

    without, (rss,) = np.linalg.lstsq(own, data)[:2]
    total, moved = np.exp(-rss / 2), np.zeros(3)
    coefficients = np.linspace(-15, 15, 20001)
    prior = np.exp(-((coefficients / usual) ** 2) / 2) / (usual * np.sqrt(2 * np.pi))
    for column, odds in zip(columns.T, expected, strict=True):
        fits, squares, _, _ = np.linalg.lstsq(own, data[:, None] - np.outer(column, coefficients))
        share = odds * prior * np.exp(-squares / 2) * np.diff(coefficients[:2])
        total += share.sum()
        moved += (fits - without[:, None]) ** 2 @ share

    guess = without + np.array([0.1, -0.2, 0.3])  # as left by an earlier round of the fit
    left = data - own @ guess
    changes = mean_squared_changes(
        columns.T @ left,
        (columns**2).sum(axis=0),
        columns.T @ own,
        own.T @ left,
        own.T @ own,
        expected=expected,
        usual=usual,
    )
    np.testing.assert_allclose(changes, moved / total, rtol=1e-6)


def test_a_column_that_is_one_of_the_parameters_changes_nothing():
    own = np.eye(5)[:, :2]
    changes = mean_squared_changes(
        np.array([7.0]),
        np.ones(1),
        own[:, :1].T @ own,
        np.zeros(2),
        own.T @ own,
        expected=np.ones(1),
        usual=2.0,
    )
    assert changes.tolist() == [0.0, 0.0]


def test_cells_stand_for_all_of_the_volume_once():
    cells = cells_around(2.0)
    radius = 2.0 * (2.6 + 0.4)
    duration = DELAYS[-1] - DELAYS[0] + 5
    np.testing.assert_allclose(cells.volumes.sum(), np.pi * radius**2 * duration)
    assert cells.volumes.shape == (len(cells.delays), len(cells.offsets))
    assert np.hypot(*cells.offsets.T).max() == pytest.approx(2.6 * 2.0)
