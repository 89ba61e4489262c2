from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import correlate1d
from scipy.special import j1

from napari_uai.errors import CancelledError
from napari_uai.monitor import Monitor
from napari_uai.simulate.iscat.recording import (
    RecordingSettings,
    SimulatedFrames,
    simulate_recording,
)

QUIET = RecordingSettings(
    seed=5,
    frames=400,
    rows=40,
    columns=36,
    batch_size=100,
    landings=0,
    hot_pixels=0,
    laser_drift=0,
    laser_noise=0,
    line_pattern=0,
)
"""Shot noise on speckle, and nothing else."""


def step(video, frame, batch=100):
    video = video.astype(np.float64)
    before, after = video[frame - batch : frame].mean(0), video[frame : frame + batch].mean(0)
    return (after - before) / before


def test_noise_of_the_rolling_average_is_the_closed_form_of_shot_noise():
    settings = replace(QUIET, rows=100, columns=100, speckle_contrast=0)
    noise = step(simulate_recording(settings).video, 150)
    assert settings.sigma_dra() == pytest.approx(np.sqrt(2 / (100 * 30_000)))
    assert noise.std() == pytest.approx(settings.sigma_dra(), rel=0.03)
    assert abs(noise.mean()) < 4 * settings.sigma_dra() / 100


@pytest.mark.parametrize("electrons", [200.0, 5000.0])
def test_variance_of_the_counts_is_their_mean_and_the_read_noise(electrons):
    settings = replace(QUIET, electrons=electrons, read_noise=10, speckle_contrast=0)
    video = simulate_recording(settings).video.astype(np.float64)
    assert video.mean() == pytest.approx(electrons, rel=0.002)
    assert video.var(axis=0).mean() == pytest.approx(electrons + 100, rel=0.02)


def test_counts_are_electrons_over_gain_above_the_dark_level():
    settings = replace(QUIET, electrons_per_count=2, dark_counts=64)
    video = simulate_recording(settings).video.astype(np.float64)
    assert video.mean() == pytest.approx(15_064, rel=0.003)
    assert simulate_recording(replace(QUIET, electrons=1e6)).video.max() == 65535


def test_speckle_has_the_stated_contrast_and_the_drop_darkens_the_corners():
    one = SimulatedFrames(replace(QUIET, rows=300, columns=300, speckle_contrast=0.2))
    background = one.background(0)
    assert background.std() / background.mean() == pytest.approx(0.2, rel=0.08)
    drop = simulate_recording(replace(QUIET, illumination_drop=0.4, speckle_contrast=0)).video
    mean = drop.astype(np.float64).mean(0)
    assert mean[0, 0] / mean[20, 18] == pytest.approx(0.6, abs=0.04)


def test_the_same_settings_give_the_same_bytes_however_they_are_read():
    settings = replace(QUIET, landings=6, hot_pixels=3, line_pattern=1e-3, status_line="last row")
    video = simulate_recording(settings).video
    frames = SimulatedFrames(settings)
    np.testing.assert_array_equal(frames.read(37, 173), video[37:173])
    np.testing.assert_array_equal(frames.read(399, 400), video[399:])
    assert frames.read(10, 10).shape == (0, 41, 36)


def test_another_seed_gives_another_recording_and_the_camera_moves_no_landing():
    some = replace(QUIET, landings=6)
    truth = SimulatedFrames(some).truth
    assert not truth.equals(SimulatedFrames(replace(some, seed=6)).truth)
    assert truth.equals(SimulatedFrames(replace(some, hot_pixels=9, laser_noise=0.01)).truth)


def test_a_landing_is_a_step_of_the_stated_contrast_at_the_stated_frame_and_place():
    settings = replace(
        QUIET, landings=1, landing_contrast=(0.05, 0.05), electrons=60_000, electrons_per_count=4
    )
    made = simulate_recording(settings)
    (landing,) = made.truth.itertuples()
    frame, y, x = landing.raw_frame, round(landing.y), round(landing.x)
    relative = step(made.video, frame)
    distance = np.hypot(*np.ogrid[-y : 40 - y, -x : 36 - x])
    assert np.abs(relative[distance < 2]).max() == pytest.approx(0.05, rel=0.12)
    assert abs(landing.contrast) == pytest.approx(0.05)
    one = made.video.astype(np.float64)
    core = one[:, y - 1 : y + 2, x - 1 : x + 2].mean(axis=(1, 2))
    jump = np.diff(core)
    assert np.abs(jump).argmax() == frame - 1  # between frame - 1 and frame


def test_signal_to_noise_ratio_is_that_of_the_matched_filter():
    made = simulate_recording(replace(QUIET, landings=3, landing_snr=(8, 8)))
    y, x = np.mgrid[:40, :36]
    for landing in made.truth.itertuples():
        r = np.hypot(y - landing.y, x - landing.x)
        v = 2 * r / 1.7 + 1e-9
        h = 0.5 * np.exp(-(r**2) / (2 * 1.7**2)) + j1(v) / v
        electrons = made.video[landing.raw_frame - 50 : landing.raw_frame].mean(0)
        noise = np.sqrt(2 / (100 * electrons))
        snr = abs(landing.contrast) * np.sqrt(np.sum((h / noise) ** 2))
        assert snr == pytest.approx(8, rel=0.01)
        assert landing.snr == pytest.approx(8, rel=1e-6)


def test_landings_keep_from_edges_and_ends_and_the_dark_share_is_exact():
    truth = SimulatedFrames(replace(QUIET, landings=40, dark_fraction=0.25)).truth
    assert truth["raw_frame"].between(100, 300).all()
    assert truth["y"].between(4, 35).all()
    assert truth["x"].between(4, 31).all()
    assert (truth["contrast"] < 0).sum() == 10
    assert (truth["kind"] == "landing").all()


def test_take_offs_undo_a_landing_a_batch_or_more_later():
    settings = replace(QUIET, frames=900, landings=3, take_offs=3, landing_contrast=(0.02, 0.04))
    made = simulate_recording(settings)
    gone = made.truth[made.truth["kind"] == "takeoff"]
    assert len(gone) == 3
    for leaving in gone.itertuples():
        came = made.truth.iloc[(made.truth["contrast"] + leaving.contrast).abs().argmin()]
        assert came["raw_frame"] + 100 <= leaving.raw_frame <= 800
    last = made.video[-100:].astype(np.float64).mean(0)
    first = made.video[:100].astype(np.float64).mean(0)
    assert np.abs(last / first - 1).max() < 6 * settings.sigma_dra()


def test_arrival_takes_the_stated_frames():
    slow = SimulatedFrames(replace(QUIET, landings=1, arrival_frames=20))
    landing = int(slow.truth["raw_frame"].iloc[0])
    presence = slow._presence(np.arange(landing - 2, landing + 22))[:, 0]
    np.testing.assert_allclose(presence[:3], [0, 0, 0.05])
    np.testing.assert_allclose(presence[20:], [0.95, 1, 1, 1])


def test_drift_moves_speckle_and_particles_by_the_stated_distance():
    settings = replace(QUIET, frames=2000, drift_px=0.3, landings=4, sigma_px=3)
    frames = SimulatedFrames(settings)
    start, end = frames.background(0), frames.background(2000)
    stencil = np.array([1, -8, 0, 8, -1]) / 12
    mean = (start + end) / 2
    inner = (slice(2, -2), slice(2, -2))
    gradient = np.stack([correlate1d(mean, stencil, axis)[inner].ravel() for axis in (0, 1)])
    found, *_ = np.linalg.lstsq(gradient.T, (start - end)[inner].ravel(), rcond=None)
    np.testing.assert_allclose(found, frames.shift[-1], atol=0.005)
    here = frames._stage_at(frames.truth["raw_frame"].to_numpy())
    order = np.argsort(frames._lands)
    np.testing.assert_allclose(frames.truth["y"], frames._y[order] + here[:, 0])


def test_focus_changes_the_speckle_and_not_its_mean():
    frames = SimulatedFrames(replace(QUIET, focus_rad=0.5, rows=80, columns=80))
    still = frames._membrane[0]
    calm, turned = (frames._background_at(frames.shift[0], p, still) for p in (0.0, 0.5))
    assert np.ptp(frames.phase) == pytest.approx(0.5)
    assert turned.std() == pytest.approx(calm.std(), rel=0.1)
    change = (turned - calm).std() / calm.std()
    assert change == pytest.approx(2 * np.sin(0.25), rel=0.1)  # |exp(i 0.5) - 1|


def test_scatterers_wander_or_fade_within_their_contrast():
    frames = SimulatedFrames(replace(QUIET, frames=3000, scatterers=6))
    moved = np.hypot(np.ptp(frames._scatterer_y, axis=0), np.ptp(frames._scatterer_x, axis=0))
    faded = np.ptp(np.abs(frames._scatterer_contrast), axis=0)
    assert (moved[::2] > 0.3).all()
    assert (moved[1::2] == 0).all()
    assert (faded[::2] == 0).all()
    assert (faded[1::2] > 3e-4).all()
    assert np.abs(frames._scatterer_contrast).max() <= 2e-3


def test_laser_noise_and_drift_show_in_the_power():
    settings = replace(QUIET, laser_noise=2e-3)
    power = simulate_recording(settings).video.mean(axis=(1, 2))
    assert power.std() / power.mean() == pytest.approx(2e-3, rel=0.15)
    drift = simulate_recording(replace(QUIET, laser_drift=0.02)).video.mean(axis=(1, 2))
    assert np.ptp(drift) / drift.mean() == pytest.approx(0.02, rel=0.1)


def test_line_pattern_wanders_along_rows_and_columns():
    settings = replace(QUIET, line_pattern=0.02, line_pattern_correlation=100, speckle_contrast=0)
    video = simulate_recording(settings).video.astype(np.float64)
    change = video[-20:].mean(0) / video[:20].mean(0) - 1
    rows, columns = np.median(change, axis=1), np.median(change, axis=0)
    assert rows.std() == pytest.approx(0.02 * np.sqrt(2), rel=0.35)
    assert columns.std() == pytest.approx(0.02 * np.sqrt(2), rel=0.35)
    left = change - rows[:, None] - columns + np.median(change)
    assert left.std() < 0.003


def test_hot_pixels_are_those_of_high_temporal_variance():
    made = replace(QUIET, hot_pixels=4)
    video = simulate_recording(made).video.astype(np.float64)
    variance = video.var(axis=0)
    worst = np.argwhere(variance > 4 * np.median(variance))
    expected = SimulatedFrames(made).hot_pixels
    assert sorted(map(tuple, worst)) == sorted(map(tuple, expected))


@pytest.mark.parametrize("place", ["last row", "last column"])
def test_status_line_holds_counter_and_geometry_and_leaves_the_image_alone(place):
    plain = replace(QUIET, dropped_frames=3)
    video = simulate_recording(replace(plain, status_line=place)).video
    line = video[:, -1, :] if place == "last row" else video[:, :, -1]
    image = video[:, :-1, :] if place == "last row" else video[:, :, :-1]
    np.testing.assert_array_equal(image, simulate_recording(plain).video)
    assert line[0, :4].tolist() == [255, 0, 170, 85]

    def field(offset):
        return line[:, offset : offset + 4].astype(np.int64) @ 256 ** np.arange(4)

    gaps = np.diff(field(4)) - 1
    assert gaps.sum() == 3
    assert (gaps >= 0).all()
    np.testing.assert_array_equal(field(8), field(4) * 2500)  # µs at 400 frames per second
    np.testing.assert_allclose(field(16), image.mean(axis=(1, 2)), atol=0.5)
    assert line.max() <= 255


def test_progress_reaches_the_end_and_cancelling_stops():
    told = []
    simulate_recording(QUIET, monitor=Monitor(progress=lambda f, _: told.append(f)))
    assert told[-1] == 1
    with pytest.raises(CancelledError):
        simulate_recording(QUIET, monitor=Monitor(cancelled=lambda: True))


def test_a_membrane_turns_the_speckle_differently_from_place_to_place():
    frames = SimulatedFrames(replace(QUIET, rows=80, columns=80, membrane_rad=0.1, frames=20_000))
    phase = frames._membrane_rows @ frames._membrane @ frames._membrane_columns.T
    assert phase.std() == pytest.approx(0.1, rel=0.15)
    near, far = (np.mean(phase[:, :, d:] * phase[:, :, :-d]) / phase.var() for d in (2, 40))
    assert near > 0.9
    assert abs(far) < 0.2
    assert not np.allclose(frames.background(0), frames.background(9000), atol=1e-3)


def test_vesicles_diffuse_inside_the_field_beside_what_else_is_there():
    settings = replace(QUIET, frames=20_000, scatterers=2, vesicles=300, vesicle_diffusion=1e-4)
    frames = SimulatedFrames(settings)
    assert frames._scatterer_y.shape == frames._scatterer_contrast.shape == (401, 302)
    y = frames._scatterer_y[:, 2:]
    assert y.min() >= 0
    assert y.max() <= settings.rows - 1
    inside = np.abs(y[0] - settings.rows / 2) < settings.rows / 4
    moved = (y[40] - y[0])[inside]
    assert np.mean(moved**2) == pytest.approx(2 * 1e-4 * 2000, rel=0.3)
    bare = SimulatedFrames(replace(settings, vesicles=0))
    np.testing.assert_array_equal(frames._scatterer_x[:, :2], bare._scatterer_x)


def test_what_lives_leaves_everything_else_of_a_recording_as_it_is():
    calm, living = (
        SimulatedFrames(replace(QUIET, seed=3, membrane_rad=rad, vesicles=n))
        for rad, n in ((0.0, 0), (0.1, 5))
    )
    np.testing.assert_array_equal(calm.shift, living.shift)
    np.testing.assert_array_equal(calm.truth["raw_frame"], living.truth["raw_frame"])
    np.testing.assert_array_equal(calm.hot_pixels, living.hot_pixels)
