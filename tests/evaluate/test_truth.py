from __future__ import annotations

import json

import pytest

from napari_uai.errors import VideoFormatError
from napari_uai.evaluate.truth import read_truth
from napari_uai.simulate.files import write_recording
from napari_uai.simulate.iscat.recording import RecordingSettings, simulate_recording

LANDING = {"raw_frame": 5, "y": 1, "x": 2, "contrast": 1e-3}


def test_what_the_simulation_wrote_is_read_back(tmp_path):
    settings = RecordingSettings(
        frames=500, rows=20, columns=20, batch_size=60, landings=4, take_offs=2
    )
    truth = read_truth(write_recording(settings, tmp_path / "some.bin").truth)
    made = simulate_recording(settings).truth
    assert truth.landings["raw_frame"].tolist() == made["raw_frame"].tolist()
    assert truth.landings["kind"].tolist() == made["kind"].tolist()
    assert truth.landings["contrast"].tolist() == made["contrast"].tolist()
    assert (truth.n_frames, truth.batch_size, truth.sigma_px) == (500, 60, 1.7)


def test_a_truth_of_landings_alone_is_enough(tmp_path):
    path = tmp_path / "truth.json"
    path.write_text(json.dumps({"landings": [LANDING | {"raw_frame": 9}, LANDING]}))
    truth = read_truth(path)
    assert truth.landings["raw_frame"].tolist() == [5, 9]
    assert truth.n_frames is None
    path.write_text(json.dumps({"landings": []}))
    assert read_truth(path).landings.empty


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not valid JSON"),
        ("[]", "is not a truth file: it must contain a list 'landings'"),
        ('{"landings": [1]}', "each entry of 'landings' must be an object"),
        ('{"landings": [{"y": 1}]}', "'landings' has no column 'raw_frame'"),
        (
            json.dumps({"landings": [LANDING, LANDING | {"y": None}]}),
            "'landings', row 1: 'y' must be a finite number",
        ),
        (
            json.dumps({"landings": [LANDING], "settings": {"frames": -1}}),
            "the setting 'frames' must be a positive whole number, got -1",
        ),
        (json.dumps({"landings": [LANDING], "settings": 1}), "'settings' must be an object"),
    ],
)
def test_a_bad_file_is_one_clear_error(tmp_path, text, message):
    path = tmp_path / "truth.json"
    path.write_text(text)
    with pytest.raises(VideoFormatError, match=message) as error:
        read_truth(path)
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)


def test_a_missing_or_binary_file_is_named(tmp_path):
    with pytest.raises(VideoFormatError, match="No such file"):
        read_truth(tmp_path / "none.json")
    (tmp_path / "video.bin").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(VideoFormatError, match="is not valid JSON"):
        read_truth(tmp_path / "video.bin")
