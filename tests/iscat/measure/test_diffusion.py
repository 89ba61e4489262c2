"""Diffusion constants of simulated trajectories with localisation noise and motion blur."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import multivariate_normal

from napari_uai.errors import BadValueError
from napari_uai.iscat.kernels.diffusion import (
    estimator_variance,
    likely_range,
    log_likelihood,
)
from napari_uai.iscat.measure.covariance_estimator import covariance_estimate
from napari_uai.iscat.measure.diffusion import diffusion_constants, stokes_einstein_nm
from napari_uai.iscat.measure.trajectories import trajectories_of

SUBSTEPS = 16


def tracks(rng, count, steps, *, diffusion=1.0, sigma=0.3, exposure=1.0, particle=0):
    """Linked spots of particles that diffuse while the camera is open, without the package."""
    parts = []
    for number in range(count):
        within = exposure / SUBSTEPS
        durations = np.full((steps + 1, SUBSTEPS), within)
        durations[:, 0] += 1 - exposure
        walk = np.sqrt(2 * diffusion * durations.ravel()) * rng.normal(size=(2, durations.size))
        places = walk.cumsum(axis=1).reshape(2, steps + 1, SUBSTEPS).mean(axis=2)
        y, x = places + sigma * rng.normal(size=places.shape)
        frame = np.arange(steps + 1)
        parts.append(pd.DataFrame({"particle": particle + number, "frame": frame, "y": y, "x": x}))
    return pd.concat(parts, ignore_index=True)


def covariance(lags, diffusion, offset):
    matrix = np.diag(2 * diffusion * lags + 2 * offset)
    near = np.arange(len(lags) - 1)
    matrix[near, near + 1] = matrix[near + 1, near] = -offset
    return matrix


@pytest.mark.parametrize("sigma", [3.0, 1.0, 0.3, 0.1])
@pytest.mark.parametrize("steps", [9, 29, 99])
def test_known_constants_are_in_19_of_20_intervals(sigma, steps):
    rng = np.random.default_rng([steps, round(10 * sigma)])
    found = diffusion_constants(tracks(rng, 100, steps, sigma=sigma))
    low, high = (found[f"diffusion_{end}_px2_per_frame"] for end in ("low", "high"))
    within = ((low <= 1) & (high >= 1)).sum()
    assert within >= 90  # 95 are expected; fewer than 90 of 100 in 1 of 100 such tests
    value, error = found["diffusion_px2_per_frame"], found["diffusion_error_px2_per_frame"]
    assert abs(value.mean() - 1) < 3.5 * value.std() / 10
    assert np.sqrt((error**2).mean()) == pytest.approx(value.std(), rel=0.35)


def test_intervals_of_all_lengths_and_localisations_hold_in_19_of_20():
    held = []
    for number, (steps, sigma) in enumerate(
        [(9, 1.0), (14, 0.2), (29, 2.0), (49, 0.5), (99, 1.0), (199, 0.1)]
    ):
        found = diffusion_constants(tracks(np.random.default_rng(number), 60, steps, sigma=sigma))
        low, high = (found[f"diffusion_{end}_px2_per_frame"] for end in ("low", "high"))
        held.append((low <= 1) & (high >= 1))
    assert np.concatenate(held).mean() >= 0.95


@pytest.mark.parametrize("exposure", [0.0, 0.4, 1.0])
def test_blur_and_localisation_are_told_from_diffusion(exposure):
    rng = np.random.default_rng(7)
    found = diffusion_constants(
        tracks(rng, 40, 400, sigma=0.5, exposure=exposure), exposure=exposure
    )
    for name, wanted in (("diffusion_px2_per_frame", 1.0), ("localization_px", 0.5)):
        assert abs(found[name].mean() - wanted) < 4 * found[name].std() / np.sqrt(40)


def test_estimates_are_those_of_the_paper_without_gaps():
    spots = tracks(np.random.default_rng(1), 1, 300)
    (track,) = trajectories_of(spots, 4)
    dx = np.diff(spots[["y", "x"]].to_numpy(), axis=0)
    blur, n = 1 / 6, len(dx)
    square, product = (dx**2).mean(), (dx[1:] * dx[:-1]).mean()
    estimate = covariance_estimate(track, 1.0)
    assert estimate.diffusion == pytest.approx(square / 2 + product)  # equation 14
    assert estimate.variance == pytest.approx(blur * square + (2 * blur - 1) * product)  # 15
    epsilon = -product / estimate.diffusion
    relative = (6 + 4 * epsilon + 2 * epsilon**2) / n + 4 * (1 + epsilon) ** 2 / n**2  # 17
    wanted = estimate.diffusion * np.sqrt(relative / 2)  # two axes
    assert estimate.diffusion_error == pytest.approx(wanted, rel=1e-3)


def test_errors_are_exact_where_frames_are_missing():
    lags = np.array([1.0, 1, 2, 1, 3, 1, 1, 2])
    weights = 0.1 * np.eye(8) + 0.03 * (np.eye(8, k=1) + np.eye(8, k=-1))
    both = weights @ covariance(lags, 0.7, 0.2)
    assert estimator_variance(lags, 0.7, 0.2, 0.1, 0.06) == pytest.approx(2 * np.trace(both @ both))


def test_missing_frames_do_not_bias():
    rng = np.random.default_rng(5)
    spots = tracks(rng, 60, 120, sigma=0.5)
    found = diffusion_constants(spots[rng.random(len(spots)) < 0.7])
    value = found["diffusion_px2_per_frame"]
    assert abs(value.mean() - 1) < 3 * value.std() / np.sqrt(60)
    low, high = (found[f"diffusion_{end}_px2_per_frame"] for end in ("low", "high"))
    assert ((low <= 1) & (high >= 1)).mean() >= 0.9


def test_the_likelihood_is_that_of_scipy():
    lags = np.array([1.0, 2, 1, 1])
    steps = np.random.default_rng(0).normal(size=(2, 4))
    found = log_likelihood(steps, lags, 0.6, 0.1) - log_likelihood(steps, lags, 0.3, -0.05)
    wanted = [
        multivariate_normal(cov=covariance(lags, *values)).logpdf(steps).sum()
        for values in ((0.6, 0.1), (0.3, -0.05))
    ]
    assert found == pytest.approx(wanted[0] - wanted[1])


def test_the_interval_is_where_the_profile_of_the_likelihood_drops():
    spots = tracks(np.random.default_rng(3), 1, 40)
    (track,) = trajectories_of(spots, 4)
    best, low, high = likely_range(track.steps, track.lags, 1 / 6, 2.0)
    sigmas = np.linspace(0, 2, 2001)

    def profile(value):
        return max(
            log_likelihood(track.steps, track.lags, value, s * s - value / 3) for s in sigmas
        )

    assert low < best < high
    for end in (low, high):
        assert profile(best) - profile(end) == pytest.approx(2.0, abs=0.01)


def test_a_particle_that_does_not_move_has_no_lower_limit_and_no_diameter():
    spots = tracks(np.random.default_rng(2), 1, 60, diffusion=0.0, sigma=0.2)
    row = diffusion_constants(spots, pixel_size_um=0.1, frame_rate_hz=50.0, exposure=0).iloc[0]
    assert row["diffusion_low_um2_per_s"] < 1e-4
    assert abs(row["localization_um"] - 0.02) < 4 * row["localization_error_um"]
    constant = spots.assign(y=3.0, x=4.0)
    assert diffusion_constants(constant)["diffusion_px2_per_frame"].tolist() == [0.0]


def test_diameters_follow_from_the_stokes_einstein_relation():
    assert stokes_einstein_nm(4.3867, 298.15, 1.0) == pytest.approx(99.56, rel=1e-3)
    spots = tracks(np.random.default_rng(4), 1, 200)
    row = diffusion_constants(
        spots, pixel_size_um=0.05, frame_rate_hz=1000.0, temperature_k=310.0, viscosity_mpa_s=0.69
    ).iloc[0]
    force = 1.380649e-23 * 310.0 / (3 * np.pi * 0.69e-3)
    for size, motion in (("", ""), ("_low", "_high"), ("_high", "_low")):
        wanted = force / (row[f"diffusion{motion}_um2_per_s"] * 1e-12) * 1e9
        assert row[f"diameter{size}_nm"] == pytest.approx(wanted)
    relative = row["diffusion_error_um2_per_s"] / row["diffusion_um2_per_s"]
    assert row["diameter_error_nm"] == pytest.approx(row["diameter_nm"] * relative)


def test_contrast_is_the_median_of_good_fits():
    spots = tracks(np.random.default_rng(4), 1, 400)
    noise = np.random.default_rng(1).normal(0.02, 0.004, len(spots))
    fits = spots.assign(
        center_intensity=0.5, Fit_Amplitude=noise, status="ok", sigma=1.5,
        **{"Fit_Y-Center": spots["y"], "Fit_X-Center": spots["x"]},
    )  # fmt: skip
    fits.loc[0, "status"] = "not converged"
    row = diffusion_constants(fits).iloc[0]
    assert row["contrast"] == pytest.approx(np.median(np.append(noise[1:], 0.5)))
    assert row["contrast_error"] == pytest.approx(0.004 * np.sqrt(np.pi / 2 / 401), rel=0.15)


@pytest.mark.parametrize("scale", [{}, {"pixel_size_um": 0.05}, {"frame_rate_hz": 100.0}])
def test_without_a_scale_units_are_px_and_frames(scale):
    found = diffusion_constants(tracks(np.random.default_rng(0), 1, 20), **scale)
    assert "diffusion_px2_per_frame" in found.columns
    assert not any("nm" in column or "um" in column for column in found.columns)


def test_short_trajectories_are_skipped_and_counted():
    rng = np.random.default_rng(0)
    spots = pd.concat([tracks(rng, 2, 3), tracks(rng, 1, 20, particle=5)])
    with pytest.warns(UserWarning, match="2 of 3 trajectories with fewer than 10 spots skipped"):
        found = diffusion_constants(spots)
    assert found["particle"].tolist() == [5]
    with pytest.warns(UserWarning, match="3 of 3"):
        empty = diffusion_constants(spots, min_length=50)
    assert list(empty.columns) == list(found.columns)
    assert empty.empty
    assert diffusion_constants(spots.iloc[:0]).empty


def test_what_is_not_linked_is_an_error_in_one_line():
    spots = tracks(np.random.default_rng(0), 1, 20)
    with pytest.raises(BadValueError, match="lacks the column particle"):
        diffusion_constants(spots.drop(columns="particle"))
    with pytest.raises(BadValueError, match="particle 0 has two spots in frame 3"):
        diffusion_constants(spots.assign(frame=spots["frame"].replace(4, 3)))
    with pytest.raises(BadValueError, match="finite"):
        diffusion_constants(spots.assign(y=np.nan))
    with pytest.raises(BadValueError, match="exposure"):
        diffusion_constants(spots, exposure=1.5)
