"""Files beside a headerless recording: ours, and those of other programs."""

import json

import numpy as np
import pytest

from napari_uai.errors import VideoFormatError
from napari_uai.videos import ReadOptions, open_frames

VIDEO = np.random.default_rng(0).integers(0, 4096, (6, 20, 24), np.uint16)
SHAPE = ReadOptions(20, 24, "<u2")


def beside(tmp_path, name, content):
    VIDEO.tofile(tmp_path / "rec.bin")
    text = content if isinstance(content, str) else json.dumps(content)
    (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path / "rec.bin"


PYLABLIB = """# pylablib cam-control
cam/data_dimensions\t(20, 24)
cam/frame_period\t0.0025
save/frame/dtype\t<u2
save/first_frame_index\t0
save/format\traw
"""


@pytest.mark.parametrize(
    ("name", "content", "rate"),
    [
        ("rec.json", {"width": "24", "height": "20", "dtype": "uint16", "fps": 400}, 400),
        ("rec.bin.json", {"Width": 24, "Height": 20, "PixelType": "GRAY16", "Note": []}, None),
        (
            "rec_metadata.txt",
            {"Summary": {"Width": 24, "Height": 20, "PixelType": "GRAY16", "Interval_ms": 2.5}},
            400,
        ),
        (
            "metadata.txt",
            {"Summary": {"Width": 24, "Height": 20, "PixelType": "GRAY16", "Frames": 6}},
            None,
        ),
        ("rec_settings.dat", PYLABLIB, None),
    ],
)
def test_other_programs_state_the_shape(tmp_path, name, content, rate):
    frames, info = open_frames(beside(tmp_path, name, content))
    np.testing.assert_array_equal(frames.read(0, 6), VIDEO)
    assert info.frame_rate_hz == pytest.approx(rate)
    assert info.source == ("sidecar",)
    assert f"{name}, of another program, states" in info.warnings[0]


@pytest.mark.parametrize(
    "content",
    [
        {"frames": [{"t": 0}], "camera": "Photonfocus"},
        {"frames": [{"t": 0}], "width": 24, "height": "many", "camera": "Photonfocus"},
        [1, 2, 3],
        {"exposure": {"ms": 2}},
    ],
)
def test_json_of_another_program_does_not_stop_the_reading(tmp_path, content):
    frames, _ = open_frames(beside(tmp_path, "rec.json", content), SHAPE)
    np.testing.assert_array_equal(frames.read(0, 6), VIDEO)


def test_what_is_ignored_is_said(tmp_path):
    stated = {"frames": [{"t": 0}], "width": 24, "height": "many", "camera": "Photonfocus"}
    _, info = open_frames(beside(tmp_path, "rec.json", stated), SHAPE)
    assert "rec.json: frames, height not understood, ignored" in info.warnings


def test_other_programs_may_contradict_the_arguments(tmp_path):
    path = beside(tmp_path, "rec.json", {"Width": 20, "Height": 24, "PixelType": "GRAY16"})
    with pytest.raises(VideoFormatError, match=r"rec\.json"):
        open_frames(path, SHAPE)


@pytest.mark.parametrize("content", ['{"height": 20,', '{"height": -1}', '{"height": "20"}'])
def test_a_wrong_sidecar_of_ours_is_named(tmp_path, content):
    with pytest.raises(VideoFormatError, match=r"rec\.json"):
        open_frames(beside(tmp_path, "rec.json", content), SHAPE)
