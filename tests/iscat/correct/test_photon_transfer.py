"""Gain, offset and read noise against those of simulated cameras."""

from __future__ import annotations

import numpy as np
import pytest

from napari_uai.errors import BadValueError, CancelledError, TooFewFramesError
from napari_uai.iscat.correct.photon_transfer import photon_transfer
from napari_uai.monitor import Monitor

GAIN, OFFSET, READ = 4.0, 350.0, 10.0
LIGHT = (
    8000 * (1 + 0.3 * np.sin(np.arange(40) / 5)) * (1 + 0.1 * np.cos(np.arange(32) / 7))[:, None]
)


def recorded(light, frames, seed=0, flicker=0.0):
    """12 bits, whole counts, with read noise and a laser that flickers."""
    rng = np.random.default_rng(seed)
    laser = 1 + flicker * rng.normal(size=(frames, 1, 1))
    electrons = rng.poisson(light * laser, (frames, *light.shape)) + rng.normal(
        0, READ, (frames, *light.shape)
    )
    return np.clip(np.round(electrons / GAIN + OFFSET), 0, 4095).astype(np.uint16)


LEVELS = np.concatenate([recorded(share * LIGHT, 150, seed=k) for k, share in
                         enumerate((0.02, 0.1, 0.3, 1.0, 1.5))])  # fmt: skip


def pull(camera, name, truth):
    return (camera[name] - truth) / camera[f"{name}_error"]


def test_one_level_of_a_flickering_laser_gives_the_gain_within_its_error():
    pulls = []
    for seed in range(8):
        video = recorded(LIGHT, 400, seed, flicker=0.01)
        camera = photon_transfer(video, offset=OFFSET).iloc[0]
        pulls += [pull(camera, "electrons_per_count", GAIN), pull(camera, "read_noise", READ)]
    assert 0.5 < np.sqrt(np.mean(np.square(pulls))) < 1.5


def test_several_levels_give_gain_and_read_noise_to_a_percent():
    camera = photon_transfer(LEVELS, offset=OFFSET).iloc[0]
    assert camera.electrons_per_count == pytest.approx(GAIN, rel=0.01)
    assert camera.read_noise == pytest.approx(READ, rel=0.02)
    assert abs(pull(camera, "read_noise", READ)) < 4
    assert camera.offset == OFFSET
    assert np.isnan(camera.offset_error)


def test_an_unknown_offset_is_where_the_line_meets_zero():
    camera = photon_transfer(LEVELS).iloc[0]
    # Read noise moves it.
    assert abs(pull(camera, "offset", OFFSET - READ**2 / GAIN)) < 4
    assert np.isnan(camera.read_noise)


def test_read_noise_is_that_of_a_recording_without_light(tmp_path):
    np.save(tmp_path / "dark.npy", recorded(0 * LIGHT, 200, seed=9))
    camera = photon_transfer(LEVELS, offset=str(tmp_path / "dark.npy")).iloc[0]
    assert camera.read_noise == pytest.approx(READ, rel=0.01)
    assert camera.offset == pytest.approx(OFFSET, abs=0.1)


def test_hot_and_saturated_pixels_are_left_out():
    video = recorded(LIGHT, 300)
    video[::2, 3, 5] += 900
    video[:, 10:14] = recorded(2.5 * LIGHT, 300)[:, 10:14]
    camera = photon_transfer(video, offset=OFFSET).iloc[0]
    assert video.max() == 4095
    assert camera.electrons_per_count == pytest.approx(GAIN, rel=0.03)


def test_groups_of_pixels_lie_on_the_line():
    table = photon_transfer(LEVELS, bins=12)
    assert len(table) == 12
    assert table["mean"].is_monotonic_increasing
    assert table["pixels"].sum() <= 5 * LIGHT.size
    distance = (table["variance"] - table["line"]) / table["variance_error"]
    assert np.sqrt(np.mean(distance**2)) < 2
    np.testing.assert_allclose(
        table["line"], (table["mean"] - table["offset"]) / table["electrons_per_count"]
    )


def test_what_cannot_be_measured_is_refused():
    with pytest.raises(TooFewFramesError, match="at least 21 frames"):
        photon_transfer(LEVELS[:20])
    even = np.random.default_rng(0).poisson(900, (60, 20, 20))
    with pytest.raises(BadValueError, match="differ too little in brightness"):
        photon_transfer(even)
    with pytest.raises(BadValueError, match="must be a number of counts"):
        photon_transfer(LEVELS, offset="dark.npy")
    with pytest.raises(CancelledError):
        photon_transfer(LEVELS, monitor=Monitor(cancelled=lambda: True))
