"""Disturbances of simulated recordings, against what they are defined to be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_uai.errors import BadValueError, TooFewFramesError
from napari_uai.simulate.iscat.optics import particle_image
from napari_uai.simulate.iscat.recording import SimulatedFrames, simulate_recording
from napari_uai.simulate.iscat.scenarios import DISTURBED, disturbed, undisturbed
from napari_uai.simulate.settings import RecordingSettings

QUIET = RecordingSettings(
    seed=5,
    frames=800,
    rows=40,
    columns=36,
    batch_size=100,
    landings=0,
    hot_pixels=0,
    laser_drift=0,
    laser_noise=0,
    line_pattern=0,
    speckle_contrast=0.1,
)


def read(**changes):
    """The recording, its undisturbed twin (both in electrons) and what disturbs it."""
    frames = SimulatedFrames(replace(QUIET, **changes))
    twin = simulate_recording(QUIET).video.astype(np.float64)
    return frames.read(0, 800).astype(np.float64), twin, frames.disturbances


def test_without_light_there_is_the_dark_level_and_elsewhere_the_same_recording():
    video, twin, (off,) = read(light_off_frames=60)
    assert (off.kind, off.last - off.first) == ("light_off", 59)
    assert (video[off.first : off.last + 1] == 0).all()
    rest = np.r_[0 : off.first, off.last + 1 : 800]
    np.testing.assert_array_equal(video[rest], twin[rest])


def test_odd_frames_are_of_each_kind_in_turn():
    video, twin, odd = read(odd_frames=4)
    assert [each.kind for each in odd] == ["zeros", "torn", "shifted", "random"]
    changed = np.flatnonzero((video != twin).any(axis=(1, 2)))
    assert changed.tolist() == [each.first for each in odd]
    zeros, torn, shifted, _ = (video[frame] for frame in changed)
    assert not zeros.any()
    np.testing.assert_array_equal(torn[:20], twin[changed[1], :20])
    assert np.sort(shifted.ravel()).tolist() == np.sort(twin[changed[2]].ravel()).tolist()


def test_focus_changes_the_background_by_as_much_as_set():
    video, _, (jump,) = read(focus_jump=0.02)
    change = video[jump.first :].mean(0) / video[: jump.first].mean(0)
    noise = np.sqrt(1 / jump.first + 1 / (800 - jump.first)) / np.sqrt(QUIET.electrons)
    assert np.sqrt(change.var() - noise**2) == pytest.approx(0.02, rel=0.05)


def test_flickering_pixels_jump_forth_and_back():
    video, twin, pixels = read(flickering_pixels=3, flicker_jumps=2, flicker_size=0.05)
    changed = (np.abs(video - twin) > 0.02 * QUIET.electrons).mean(axis=0) > 0.01
    assert sorted(map(list, np.argwhere(changed))) == sorted([p.y, p.x] for p in pixels)
    for pixel in pixels:
        course = video[:, int(pixel.y), int(pixel.x)] / twin[:, int(pixel.y), int(pixel.x)]
        assert abs(course[: pixel.first] - 1).max() < 0.01
        assert abs(course[pixel.first] - 1) == pytest.approx(0.05, abs=0.01)
        assert abs(course[-100:] - 1).max() < 0.01


def test_a_bubble_passes_and_leaves_nothing_behind():
    video, twin, (bubble,) = read(bubbles=1, bubble_frames=100)
    power = (video / twin).mean(axis=(1, 2))
    middle = (bubble.first + bubble.last) // 2
    assert (video / twin)[middle].max() == pytest.approx(1.2, abs=0.03)
    rest = np.r_[0 : bubble.first, bubble.last + 1 : 800]
    np.testing.assert_allclose(power[rest], 1)
    assert power[[bubble.first, bubble.last]] == pytest.approx(1, abs=1e-3)


def test_a_step_of_the_illumination_is_of_all_pixels():
    video, _, (step,) = read(illumination_step=0.2)
    ratio = video[step.first :].mean(0) / video[: step.first].mean(0)
    assert ratio.mean() == pytest.approx(0.8, abs=0.003)
    assert ratio.std() == pytest.approx(0.2 * 0.05 / np.sqrt(2), rel=0.15)


def test_counts_end_where_the_bits_of_the_camera_do():
    video, _, _ = read(bits=12, electrons_per_count=10.0, bright_spots=2)
    assert video.max() == 4095
    assert 0.002 < (video == 4095).mean() < 0.1


def test_rows_share_the_noise_of_the_readout():
    video, twin, _ = read(row_noise=0.01)
    ratio = (video / twin).mean(axis=2)
    assert ratio.std() == pytest.approx(0.01, rel=0.03)


def test_an_elliptic_image_has_the_stated_ratio_of_widths_and_the_same_area():
    image = particle_image((81, 81), 40, 40, sigma_px=3.0, ringing=0, ellipticity=2.0)
    offsets = np.arange(-40, 41)
    height, width = (np.sqrt((image.sum(axis=axis) @ offsets**2) / image.sum()) for axis in (1, 0))
    assert (width / height, np.sqrt(width * height)) == pytest.approx((2, 3))


def test_particles_stay_as_long_as_set_or_wander():
    settings = replace(undisturbed(2), take_offs=5, stay_frames=700)
    truth = SimulatedFrames(settings).truth
    left = truth[truth["kind"] == "takeoff"]
    stays = [
        row.raw_frame - truth.loc[np.isclose(truth["contrast"], -row.contrast), "raw_frame"].min()
        for row in left.itertuples()
    ]
    assert stays == [700] * 5
    with pytest.raises(TooFewFramesError, match=r"more than 5400 .*and stay_frames 5000"):
        replace(settings, stay_frames=5000)
    wandering = SimulatedFrames(replace(undisturbed(2), landed_diffusion=1e-3))
    steps = np.diff(wandering._wander[-20:], axis=0)
    assert steps.std() == pytest.approx(np.sqrt(2 * 1e-3 * 50), rel=0.1)


@pytest.mark.parametrize("name", DISTURBED)
def test_disturbed_recordings_differ_from_the_undisturbed_in_what_they_say(name):
    settings = disturbed(name, 7)
    changed = {**vars(undisturbed(7)), **DISTURBED[name]}
    assert vars(settings) == changed
    assert SimulatedFrames(settings).read(0, 50).dtype == np.uint16


def test_an_unknown_disturbance_names_the_closest():
    with pytest.raises(BadValueError, match="did you mean 'bubble'"):
        disturbed("buble")
