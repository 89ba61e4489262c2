from __future__ import annotations

import json

import numpy as np

from napari_uai.evaluate.ranking import read_trail_truth
from napari_uai.sample_data import sample_path
from napari_uai.simulate.iscat.fluorescence import fluorescence_document
from napari_uai.simulate.settings import TrailSettings
from napari_uai.simulate.trails.simulation import simulate_trails
from napari_uai.simulate.write_samples import (
    sample_fluorescence,
    sample_recording_settings,
    sample_trail_settings,
)
from napari_uai.trails.io.reading import open_trails
from napari_uai.videos.recording import open_recording


def test_the_committed_sample_trails_are_what_their_settings_give():
    folder, settings = sample_path("trails"), sample_trail_settings()
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 3e6
    read, made = open_trails(folder / "locations"), simulate_trails(settings)
    assert read.problems.empty
    order = np.argsort(read.table["trail"].to_numpy())
    read = read.select(order)
    assert read.table["trail"].tolist() == made.trails.table["trail"].tolist()
    np.testing.assert_allclose(read.y, made.trails.y, atol=0.05)
    np.testing.assert_allclose(read.x, made.trails.x, atol=0.05)
    truth = read_trail_truth(folder / "truth.csv")
    assert truth["anomaly"].tolist() == made.truth["anomaly"].tolist()
    assert (truth["anomaly"] != "").sum() == 12
    stated = json.loads((folder / "simulation.json").read_text())["settings"]
    plain = {name: tuple(v) if isinstance(v, list) else v for name, v in stated.items()}
    assert TrailSettings(**plain) == settings


def test_the_committed_fluorescence_is_what_its_settings_give():
    made = sample_fluorescence()
    recording = open_recording(sample_path("fluorescence.bin"))
    np.testing.assert_array_equal(np.asarray(recording.video), made.video)
    iscat = sample_recording_settings()
    assert recording.pixel_size_um == iscat.pixel_size_um * made.settings.magnification
    assert recording.frame_rate_hz == iscat.frame_rate_hz / made.settings.frames_per_frame
    stated = json.loads(sample_path("fluorescence_truth.json").read_text())
    assert stated == json.loads(json.dumps(fluorescence_document(made)))
