"""Mean squared displacements and anomalous exponents."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from napari_uai.iscat.kernels.diffusion import displacement_covariance, squared_displacements
from napari_uai.iscat.measure.diffusion import diffusion_constants
from napari_uai.iscat.measure.displacements import mean_squared_displacement


def walk(rng, n, *, exponent=1.0):
    """Positions of fractional Brownian motion, from the Cholesky factor of its covariance."""
    t = np.arange(1.0, n + 1)
    powers = t**exponent
    between = np.abs(t[:, None] - t) ** exponent
    root = np.linalg.cholesky(powers[:, None] + powers - between)
    return root @ rng.normal(size=(n, 2))


def linked(places, particle=0):
    frame = np.arange(len(places))
    return pd.DataFrame({"particle": particle, "frame": frame, "y": places.T[0], "x": places.T[1]})


def test_displacements_are_those_of_a_double_loop():
    rng = np.random.default_rng(0)
    places, frames = rng.normal(size=(40, 2)), np.sort(rng.choice(60, 40, replace=False))
    found, counts = squared_displacements(frames.astype(float), places, 5)
    for lag in range(1, 6):
        pairs = [
            (places[j] - places[i]) ** 2
            for i in range(40)
            for j in range(40)
            if frames[j] - frames[i] == lag
        ]
        assert counts[lag - 1] == len(pairs)
        assert found[lag - 1] == pytest.approx(np.mean(np.sum(pairs, axis=1)))


def test_covariance_is_that_of_the_matrix_of_all_displacements():
    n, d, s = 12, 0.7, 0.2
    # Positions of Brownian motion with noise; the start is of no account.
    t = np.arange(n)
    position = 2 * d * np.minimum(t[:, None], t) + s * np.eye(n)
    weights = []
    for lag in (1, 2, 3):
        differences = np.eye(n, k=lag)[: n - lag] - np.eye(n)[: n - lag]
        weights.append(differences.T @ differences / (n - lag))
    wanted = [[2 * 2 * np.trace(a @ position @ b @ position) for b in weights] for a in weights]
    found = displacement_covariance(np.array([11.0, 10.0, 9.0]), d, s, 2)
    np.testing.assert_allclose(found, wanted)


def test_errors_are_the_scatter_of_many_particles():
    rng = np.random.default_rng(1)
    spots = pd.concat([linked(walk(rng, 60), i) for i in range(150)])
    table = mean_squared_displacement(spots, max_lag=8, exposure=0)
    assert set(table["lag_frames"]) == set(range(1, 9))
    for lag, rows in table.groupby("lag_frames"):
        scatter = rows["msd_px2"].std()
        assert rows["msd_px2"].mean() == pytest.approx(4 * lag, abs=4 * scatter / np.sqrt(150))
        assert np.sqrt((rows["msd_error_px2"] ** 2).mean()) == pytest.approx(scatter, rel=0.3)


def test_units_are_those_of_the_scale():
    spots = linked(walk(np.random.default_rng(2), 50))
    plain = mean_squared_displacement(spots)
    scaled = mean_squared_displacement(spots, pixel_size_um=0.1, frame_rate_hz=200.0)
    np.testing.assert_allclose(scaled["msd_um2"], 0.01 * plain["msd_px2"])
    np.testing.assert_allclose(scaled["lag_s"], plain["lag_frames"] / 200)
    assert plain["lag_frames"].max() == 10
    assert mean_squared_displacement(spots.iloc[:20])["lag_frames"].max() == 19 // 4


@pytest.mark.parametrize("exponent", [0.6, 1.0, 1.5])
def test_exponents_are_those_of_fractional_motion(exponent):
    rng = np.random.default_rng(3)
    spots = pd.concat([linked(walk(rng, 300, exponent=exponent), i) for i in range(30)])
    found = diffusion_constants(spots, exposure=0)["exponent"]
    assert abs(found.mean() - exponent) < 3.5 * found.std() / np.sqrt(30)


def test_errors_of_exponents_hold_for_free_diffusion():
    rng = np.random.default_rng(4)
    spots = pd.concat(
        [linked(walk(rng, 200) + 0.5 * rng.normal(size=(200, 2)), i) for i in range(60)]
    )
    found = diffusion_constants(spots, exposure=0)
    pull = (found["exponent"] - 1) / found["exponent_error"]
    assert abs(pull.mean()) < 0.5
    assert pull.std() == pytest.approx(1, abs=0.3)


def test_few_lags_give_no_exponent():
    spots = linked(walk(np.random.default_rng(5), 12))
    assert diffusion_constants(spots)["exponent"].isna().all()
