"""What is found in disturbed recordings, against what was simulated."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_uai.iscat.disturbances.finding import find_disturbances
from napari_uai.simulate.iscat.recording import SimulatedFrames
from napari_uai.simulate.iscat.scenarios import undisturbed

SMALL = replace(
    undisturbed(4), frames=1600, rows=40, columns=36, batch_size=150, landings=6, hot_pixels=0
)
QUIET = np.random.default_rng(3)


def found_in(**changes):
    """What is found, and what was simulated."""
    frames = SimulatedFrames(replace(SMALL, **changes))
    return find_disturbances(frames.read(0, len(frames))), frames.disturbances


def test_an_undisturbed_recording_is_left_as_it_is():
    found, _ = found_in()
    assert not found.any
    assert found.sentences() == ()


@pytest.mark.parametrize("changes", [{}, {"dark_counts": 400.0}, {"hot_pixels": 4}])
def test_frames_without_light_are_those_simulated(changes):
    found, (off,) = found_in(light_off_frames=120, **changes)
    (span,) = found.spans
    assert (span.kind, span.first, span.last) == ("no light", off.first, off.last)
    assert found.sentences()[0] == f"frames {off.first}-{off.last}: no light; left out"
    assert not found.jumps
    assert not found.masked.any()


def test_odd_frames_are_named_by_what_they_are():
    found, odd = found_in(odd_frames=8)
    assert found.left_out.sum() == 8
    names = {"zeros": "no light", "torn": "torn", "shifted": "shifted", "random": "unlike"}
    assert [(s.kind, s.first) for s in found.spans] == [(names[o.kind], o.first) for o in odd]


@pytest.mark.parametrize("changes", [{"focus_jump": 2e-3}, {"illumination_step": 0.1}])
def test_a_jump_of_the_image_is_found_to_the_frame(changes):
    found, (jump,) = found_in(**changes)
    assert len(found.jumps) == 1
    assert abs(found.jumps[0] - jump.first) <= 1
    assert not found.left_out.any()
    assert not found.masked.any()


@pytest.mark.parametrize(
    "changes",
    [
        {"flickering_pixels": 4},
        {"flickering_pixels": 4, "flicker_jumps": 5},
        {"flickering_pixels": 6, "flicker_size": 0.01},
    ],
)
def test_flickering_pixels_are_those_simulated(changes):
    found, pixels = found_in(**changes)
    assert sorted(map(list, np.argwhere(found.masked))) == sorted([p.y, p.x] for p in pixels)


@pytest.mark.parametrize("sigma_px", [1.0, 3.0])
def test_strong_landings_are_no_flickering_pixels(sigma_px):
    found, _ = found_in(landing_snr=(20.0, 60.0), sigma_px=sigma_px)
    assert not found.masked.any()
    assert not found.left_out.any()


@pytest.mark.parametrize(
    "changes",
    [
        {"bubbles": 1},
        {"bubbles": 1, "bubble_contrast": 0.02, "bubble_px": 3.0, "bubble_frames": 150},
    ],
)
def test_frames_through_which_something_passes_are_left_out(changes):
    found, (bubble,) = found_in(**changes)
    assert {span.kind for span in found.spans} == {"passing"}
    out = np.flatnonzero(found.left_out)
    assert bubble.first - 20 <= out[0] < out[-1] <= bubble.last + 20
    assert found.left_out[bubble.first : bubble.last].mean() > 0.6
    assert not found.jumps


def test_saturated_pixels_are_those_at_the_largest_count():
    frames = SimulatedFrames(replace(SMALL, bright_spots=2, bits=12))
    video = frames.read(0, len(frames))
    found = find_disturbances(video)
    assert found.saturated[(video == 4095).mean(axis=0) > 0.01].all()
    assert not found.saturated[(video == 4095).mean(axis=0) < 0.001].any()
    assert "reach the largest count of the camera" in found.sentences()[0]


def test_an_offset_of_the_camera_is_told():
    found, _ = found_in(dark_counts=400.0, frames=4000)
    assert found.offset is not None
    offset, error, mean = found.offset
    assert abs(offset - 400) < 4 * error
    assert mean == pytest.approx(3300, rel=0.05)
    assert "probably adds" in found.sentences()[0]
    assert found.sentences(offset_subtracted=True) == ()


def test_counts_that_are_too_coarse_are_told():
    found, _ = found_in(bits=8, electrons_per_count=1000.0, electrons=100_000.0)
    assert any("steps of whole counts" in line for line in found.sentences())


@pytest.mark.parametrize(
    "video",
    [
        QUIET.normal(0, 1, (300, 20, 20)),
        np.zeros((300, 20, 20)),
        np.ones((300, 20, 20)),
        QUIET.poisson(100, (50, 20, 20)),
        QUIET.poisson(100, (300, 8, 20)),
        QUIET.poisson(0.001, (300, 20, 20)),
        QUIET.poisson(100, (300, 20, 20)) * (np.arange(300) < 100)[:, None, None],
    ],
    ids=["no light", "zeros", "constant", "short", "small", "few photons", "mostly dark"],
)
def test_what_is_no_recording_of_light_is_not_searched(video):
    assert not find_disturbances(video).any
