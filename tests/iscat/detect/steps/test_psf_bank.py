from dataclasses import replace

import numpy as np
import pytest

from napari_uai.iscat.correct.power import power_normalization
from napari_uai.iscat.detect.point_spread_function import PointSpreadFunction, gaussian_psf
from napari_uai.iscat.detect.steps.detector import accept_events, detect_steps
from napari_uai.iscat.detect.steps.psf_bank import likeliest, most_typical
from napari_uai.iscat.optics import Microscope, interferometric_psf
from napari_uai.simulate.iscat.recording import simulate_recording
from napari_uai.simulate.settings import RecordingSettings

FOCUS = [0.0, 0.25, 0.5, 0.75]
SETTINGS = RecordingSettings(
    seed=3, frames=1600, rows=48, columns=48, batch_size=160, landings=6, landing_snr=(7.0, 12.0),
    hot_pixels=2, optics="interferometric", speckle_contrast=0.05, margin_px=8,
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("number", [0, 2])
def test_the_image_that_particles_have_is_chosen_and_finds_them(number, tmp_path):
    np.save(tmp_path / "bank.npy", interferometric_psf((27, 27), Microscope(), focus_um=FOCUS))
    recording = simulate_recording(replace(SETTINGS, focus_um=FOCUS[number]))
    events = detect_steps(
        power_normalization(recording.video), batch_size=160, sigma_px=SETTINGS.sigma_px,
        point_spread_function=str(tmp_path / "bank.npy"),
    )  # fmt: skip
    assert (events["psf_image"] == number).all()
    accepted, truth = accept_events(events), recording.truth
    for landing in truth.itertuples():
        near = accepted[
            (np.hypot(accepted["y"] - landing.y, accepted["x"] - landing.x) <= 2)
            & (np.abs(accepted["frame"] - landing.raw_frame) <= 80)
        ]
        assert len(near) == 1
        assert near["contrast"].iloc[0] == pytest.approx(landing.contrast, rel=0.5)


def test_likelihood_chooses_the_width_of_the_points():
    rng = np.random.default_rng(0)
    squares = np.add.outer(np.arange(-12, 13) ** 2, np.arange(-12, 13) ** 2)
    bank = [PointSpreadFunction(np.exp(-squares / (2 * sigma**2))) for sigma in (1.0, 1.7, 3.0)]
    for number, psf in enumerate(bank):
        frames = rng.normal(size=(60, 50, 50))
        for y, x in ((15, 15), (35, 20), (20, 38)):
            (rows, columns), image = psf.at(y, x, (50, 50))
            frames[30:, rows, columns] += 6 * image
        frames -= frames.mean(axis=0)
        assert likeliest(bank, frames, np.ones((50, 50)), least=5.0, most=1.0) == number


def test_the_most_typical_image_is_the_one_that_others_resemble():
    same = [PointSpreadFunction(gaussian_psf(2.0).image * sign) for sign in (1, -1, 1)]
    other = PointSpreadFunction(np.pad(gaussian_psf(1.0).image, 5))
    assert most_typical([other, *same]) in (1, 2, 3)
