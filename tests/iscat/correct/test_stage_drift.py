from dataclasses import replace

import dask.array as da
import numpy as np
import pytest
from scipy.ndimage import median_filter

from napari_uai.errors import BadValueError
from napari_uai.iscat.correct.moving_background import (
    MovingBackground,
    gradient_images,
    positive_mean,
)
from napari_uai.iscat.correct.power import power_normalization
from napari_uai.iscat.correct.rolling_average import differential_rolling_average
from napari_uai.iscat.correct.stage_drift import measure_stage_drift, stage_drift_correction
from napari_uai.simulate.iscat.recording import simulate_recording
from napari_uai.simulate.settings import RecordingSettings

SETTINGS = RecordingSettings(
    seed=5, frames=2400, rows=40, columns=44, batch_size=200, landings=0, hot_pixels=2,
    drift_px=0.15, speckle_contrast=0.1,
)  # fmt: skip


@pytest.fixture(scope="module")
def recording():
    return simulate_recording(SETTINGS)


def test_derivatives_are_those_of_a_known_image():
    y, x = np.mgrid[:40, :50] / 5.0
    image = 2 + np.sin(y) * np.cos(x)
    expected = [
        np.cos(y) * np.cos(x),
        -np.sin(y) * np.sin(x),
        -np.sin(y) * np.cos(x),
        -np.cos(y) * np.sin(x),
        -np.sin(y) * np.cos(x),
    ]
    inner = slice(3, -3), slice(3, -3)
    orders = [1, 1, 2, 2, 2]
    for ours, plain, order in zip(gradient_images(image, 2), expected, orders, strict=True):
        np.testing.assert_allclose(
            ours[inner], (plain / 5**order / image)[inner], atol=2e-4 / 5**order
        )


@pytest.mark.parametrize("fraction", [0, 0.2])
def test_bad_pixels_of_a_mean_image_have_the_median_of_the_square_around_them(fraction):
    rng = np.random.default_rng(0)
    mean = rng.uniform(1, 2, (12, 9))
    bad = rng.random(mean.shape) < fraction
    bad[0, 0] = fraction > 0
    np.testing.assert_array_equal(
        positive_mean(mean, bad), np.where(bad, median_filter(mean, 5), mean)
    )


def test_the_drift_is_measured_to_its_standard_error(recording):
    table = measure_stage_drift(power_normalization(recording.video), bin_size=50)
    at = np.rint(table["frame"]).astype(int)
    true = recording.drift_px[at] - recording.drift_px[at[0]]
    error = table[["y_px", "x_px"]].to_numpy() - true
    error -= error.mean(axis=0)
    stated = table[["y_error_px", "x_error_px"]].to_numpy()
    assert np.sqrt(np.mean((error / stated) ** 2)) < 2
    assert np.abs(error).max() < 0.02
    assert np.ptp(true) > 0.1


def test_segments_are_joined(recording):
    video = power_normalization(recording.video)
    whole = measure_stage_drift(video, bin_size=50)
    parts = measure_stage_drift(video, bin_size=50, segment_bins=16)
    difference = (whole - parts)[["y_px", "x_px"]].to_numpy()
    assert np.abs(difference).max() < 0.015


@pytest.mark.slow
def test_a_corrected_rolling_average_has_the_noise_of_a_still_stage(recording):
    still = simulate_recording(replace(SETTINGS, drift_px=0.0))
    noise = {}
    for name, given in (("still", still), ("drifting", recording)):
        video = power_normalization(given.video)
        dra = differential_rolling_average(video, batch_size=200)
        noise[name] = np.median(np.std(dra[::100], axis=(1, 2)))
        corrected = stage_drift_correction(dra, video)
        noise[f"{name} corrected"] = np.median(np.std(corrected[::100], axis=(1, 2)))
    assert noise["drifting"] > 1.3 * noise["still"]
    assert noise["drifting corrected"] == pytest.approx(noise["still"], rel=0.03)
    assert noise["still corrected"] == pytest.approx(noise["still"], rel=0.02)


@pytest.mark.slow
def test_lazy_and_eager_agree_and_frames_do_not_depend_on_chunks(recording):
    video = power_normalization(recording.video)
    dra = differential_rolling_average(video, batch_size=200)
    eager = stage_drift_correction(dra, video)
    lazy = stage_drift_correction(
        da.from_array(dra, chunks=(300, 40, 44)), da.from_array(video, chunks=(300, 40, 44))
    )
    assert isinstance(lazy, da.Array)
    np.testing.assert_allclose(lazy[333:450].compute(), eager[333:450], atol=1e-9)
    np.testing.assert_allclose(lazy[337].compute(), eager[337], atol=1e-9)


def test_videos_that_do_not_belong_together_are_refused(recording):
    dra = differential_rolling_average(recording.video, batch_size=200)
    with pytest.raises(BadValueError, match="give the video from which"):
        stage_drift_correction(dra, recording.video[:-1])
    with pytest.raises(BadValueError, match="give the video from which"):
        stage_drift_correction(dra, recording.video[:, 1:])


def test_pattern_and_drift_are_told_apart():
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:48, :52]
    mean = 1 + 0.1 * np.sin(y / 2.1 + 0.7 * np.cos(x / 3)) * np.cos(x / 2.3)
    gradients = gradient_images(mean, 2)
    drift = 0.02 * rng.normal(size=(30, 2))
    moved = -np.tensordot(drift, gradients[:2], 1)
    pattern = 0.01 * (rng.normal(size=(30, 48, 1)) + rng.normal(size=(30, 1, 52)))
    noise = 1e-4 * rng.normal(size=moved.shape)
    weights = np.full(mean.shape, 1e8)
    weights[10, 10] = 0
    background = MovingBackground(gradients, weights)
    residual, coefficients = background.subtract(moved + pattern + noise)
    np.testing.assert_allclose(
        -coefficients[:2].T - -coefficients[:2].T.mean(axis=0),
        drift - drift.mean(axis=0),
        atol=1e-3,
    )
    assert residual.std() == pytest.approx(1e-4, rel=0.15)
    assert (residual[:, 10, 10] == 0).all()
