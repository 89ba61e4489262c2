"""Runs on disturbed recordings: what is said, written and reported."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_uai.iscat.recipes.outputs import run_record
from napari_uai.iscat.recipes.run import run_recipe
from napari_uai.simulate.iscat.recording import SimulatedFrames
from napari_uai.simulate.iscat.scenarios import undisturbed
from napari_uai.videos.recording import Recording

pytestmark = pytest.mark.slow


def test_what_disturbs_is_found_said_and_never_reported():
    settings = replace(
        undisturbed(6),
        frames=1800,
        rows=40,
        columns=40,
        batch_size=150,
        landings=6,
        landing_snr=(9.0, 14.0),
        flickering_pixels=3,
        light_off_frames=60,
        odd_frames=2,
        status_line="last row",
    )
    frames = SimulatedFrames(settings)
    recording = Recording(frames.read(0, 1800), first_frame=500)
    result = run_recipe(recording, "matched", dra={"batch_size": 150})
    found = result.disturbances
    simulated = {each.kind: each for each in frames.disturbances}
    off = simulated["light_off"]
    said = next(line for line in result.problems if "no light" in line)
    assert f"frames {off.first + 500}-{off.last + 500}" in said
    assert any(line.startswith("3 pixels") and "flicker" in line for line in result.problems)
    assert found.masked.shape == (41, 40)
    assert found.left_out.sum() == 62
    landings, truth = result.landings, frames.truth
    assert len(landings) <= len(truth) + 1
    for t in truth.itertuples():
        if off.first - 75 < t.raw_frame < off.last + 75:
            continue
        near = np.hypot(landings["y"] - t.y, landings["x"] - t.x) < 2
        near &= np.abs(landings["raw_frame"] - 500 - t.raw_frame) < 75
        assert near.any()
    record = run_record(result)["disturbances"]
    assert {"kind": "no light", "first": off.first + 500, "last": off.last + 500} in record[
        "frames_left_out"
    ]
    assert len(record["flickering_pixels"]) == 3


def test_the_note_about_an_offset_ends_when_it_is_subtracted():
    settings = replace(undisturbed(3), dark_counts=400.0, rows=32, columns=32, landings=2)
    video = SimulatedFrames(settings).read(0, 3000)
    said = {
        offset: run_recipe(video, "classical", dra={"batch_size": 200}, power={"offset": offset})
        for offset in (0, 400)
    }
    assert any("probably adds" in line for line in said[0].problems)
    assert not any("probably adds" in line for line in said[400].problems)
