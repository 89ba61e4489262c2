"""Simulated particles that diffuse freely."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_uai.evaluate.truth import read_truth
from napari_uai.simulate.files import write_recording
from napari_uai.simulate.iscat.recording import SimulatedFrames, simulate_recording
from napari_uai.simulate.iscat.scenarios import scenario
from napari_uai.simulate.settings import RecordingSettings

PLAIN = RecordingSettings(
    landings=0, frames=300, rows=40, columns=44, speckle_contrast=0.0, line_pattern=0.0,
    laser_noise=0.0, laser_drift=0.0, hot_pixels=0, ringing=0.0,
)  # fmt: skip


@pytest.mark.parametrize("exposure", [0.0, 1.0])
def test_paths_have_their_diffusion_constant_and_blur(exposure):
    settings = replace(
        PLAIN, frames=2000, movers=40, mover_diffusion=(0.3, 0.3), exposure=exposure,
        rows=400, columns=400,
    )  # fmt: skip
    movers = SimulatedFrames(settings).movers
    steps = np.stack([movers.pivot(index="raw_frame", columns="particle", values=a) for a in "yx"])
    steps = np.diff(steps, axis=1)
    steps = steps[:, np.abs(steps).max(axis=(0, 2)) < 4]
    # Averages over the exposure: 2 D (1 - e / 3), and D e / 3 between neighbours.
    assert (steps**2).mean() == pytest.approx(0.6 * (1 - exposure / 3), rel=0.02)
    products = (steps[:, 1:] * steps[:, :-1]).mean()
    assert products == pytest.approx(0.3 * exposure / 3, abs=0.006)


def test_a_particle_is_drawn_where_it_is():
    settings = replace(PLAIN, movers=1, mover_diffusion=(1e-6, 1e-6), mover_contrast=(0.5, 0.5),
                       electrons=1e7, electrons_per_count=500.0)  # fmt: skip
    for seed in range(20):
        made = simulate_recording(replace(settings, seed=seed))
        y, x = made.movers[["y", "x"]].iloc[0]
        if 5 < y < 34 and 5 < x < 38:
            break
    signal = made.video[:20].mean(axis=0) / (1e7 / 500) - 1
    rows, columns = np.ogrid[:40, :44]
    contrast = made.movers["contrast"].iloc[0]
    wanted = contrast * np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * settings.sigma_px**2))
    np.testing.assert_allclose(signal, wanted, atol=2e-3)


def test_other_recordings_are_as_they_were():
    with_movers = SimulatedFrames(replace(PLAIN, movers=3))
    without = SimulatedFrames(PLAIN)
    far = replace(PLAIN, movers=3, mover_contrast=(0.0, 0.0))
    np.testing.assert_array_equal(SimulatedFrames(far).read(0, 60), without.read(0, 60))
    assert not np.array_equal(with_movers.read(0, 60), without.read(0, 60))
    assert without.movers.empty


def test_constants_are_within_their_range_and_signs_as_set():
    movers = SimulatedFrames(
        replace(PLAIN, movers=50, mover_diffusion=(0.1, 1.0), dark_fraction=0.3)
    ).movers
    each = movers.groupby("particle").first()
    assert each["diffusion_px2_per_frame"].between(0.1, 1.0).all()
    assert np.log10(each["diffusion_px2_per_frame"]).mean() == pytest.approx(-0.5, abs=0.15)
    assert (each["contrast"] < 0).sum() == 15


def test_the_truth_comes_back_from_its_file(tmp_path):
    settings = replace(scenario("diffusing", seed=2), frames=60, movers=3)
    written = write_recording(settings, tmp_path / "recording.bin")
    truth = read_truth(written.truth)
    wanted = SimulatedFrames(settings).movers
    assert truth.landings.empty
    assert truth.movers is not None
    np.testing.assert_allclose(truth.movers[["y", "x"]], wanted[["y", "x"]], atol=0.006)
    assert truth.shape == (72, 72)
    assert truth.frame_rate_hz == 5000
