from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from napari_uai.errors import CancelledError, OutputError
from napari_uai.monitor import Monitor
from napari_uai.sample_data import sample_path
from napari_uai.simulate.files import write_recording
from napari_uai.simulate.iscat.recording import RecordingSettings, simulate_recording
from napari_uai.simulate.write_samples import sample_recording_settings

SMALL = RecordingSettings(
    frames=330, rows=20, columns=24, batch_size=60, landings=3, status_line="last row"
)


def test_file_holds_the_simulated_counts_and_its_sidecar_their_shape(tmp_path):
    written = write_recording(SMALL, tmp_path / "new" / "some.bin")
    facts = json.loads(written.sidecar.read_text())
    video = np.fromfile(written.video, facts["dtype"], offset=facts["offset"])
    video = video.reshape(facts["frames"], facts["height"], facts["width"])
    np.testing.assert_array_equal(video, simulate_recording(SMALL).video)
    assert written.sidecar.name == "some.json"
    assert (facts["frame_rate_hz"], facts["pixel_size_um"]) == (400, 0.0437)


def test_truth_holds_landings_and_all_settings(tmp_path):
    written = write_recording(SMALL, tmp_path / "some.bin")
    document = json.loads(written.truth.read_text())
    assert document["settings"].pop("landing_snr") == [3, 10]
    again = {k: tuple(v) if isinstance(v, list) else v for k, v in document["settings"].items()}
    assert replace(SMALL, **again) == SMALL
    truth = simulate_recording(SMALL).truth
    assert [row["raw_frame"] for row in document["landings"]] == truth["raw_frame"].tolist()
    assert [row["contrast"] for row in document["landings"]] == truth["contrast"].tolist()


def test_a_cancelled_recording_leaves_nothing_behind(tmp_path):
    with pytest.raises(CancelledError):
        write_recording(SMALL, tmp_path / "some.bin", monitor=Monitor(cancelled=lambda: True))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match=r"cannot write .*some.bin: "):
        write_recording(SMALL, tmp_path / "file" / "some.bin")


def test_the_committed_sample_is_what_its_settings_give(tmp_path):
    settings = sample_recording_settings()
    path = sample_path("landings.bin")
    assert path.stat().st_size <= 4e6
    video = np.fromfile(path, "<u2").reshape(settings.file_shape)
    made = simulate_recording(settings)
    # another processor may round the last bit of a Fourier transform differently
    assert np.mean(video == made.video) > 0.999
    document = json.loads(sample_path("landings_truth.json").read_text())
    np.testing.assert_allclose(
        [(e["raw_frame"], e["y"], e["x"]) for e in document["landings"]],
        made.truth[["raw_frame", "y", "x"]],
        atol=1e-3,
    )
