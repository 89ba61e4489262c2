"""Recordings that change after they were opened."""

from __future__ import annotations

import os
import shutil

import cv2
import numpy as np
import pytest

from napari_uai.errors import VideoFormatError
from napari_uai.sample_data import sample_path
from napari_uai.videos.recording import open_recording


def _append(path):
    with path.open("ab") as file:
        file.write(b"more")


def _overwrite(path):
    with path.open("r+b") as file:
        file.write(b"other")


def _replace(path):
    other = path.with_name("other")
    other.write_bytes(bytes(path.stat().st_size))
    other.replace(path)


CHANGES = {
    "appended": (_append, "had 3936000 bytes and has 3936004"),
    "truncated": (lambda path: os.truncate(path, 1000), "had 3936000 bytes and has 1000"),
    "overwritten": (_overwrite, "was written to"),
    "replaced": (_replace, "was written to"),
    "touched": (lambda path: path.touch(), "was written to"),
    "removed": (lambda path: path.unlink(), "is gone"),
}


@pytest.mark.parametrize("how", CHANGES)
def test_a_file_that_changes_is_an_error(how, tmp_path):
    for name in ("landings.bin", "landings.json"):
        shutil.copy(sample_path(name), tmp_path)
    recording = open_recording(tmp_path / "landings.bin")
    recording.check_unchanged()
    change, words = CHANGES[how]
    change(tmp_path / "landings.bin")
    with pytest.raises(VideoFormatError, match=words):
        recording.check_unchanged()


@pytest.mark.parametrize("how", ["one is replaced by another of its size", "renamed", "one more"])
def test_a_folder_of_images_that_changes_is_an_error(how, tmp_path):
    rng = np.random.default_rng(0)
    for i in range(4):
        cv2.imwrite(str(tmp_path / f"f{i:03}.bmp"), rng.integers(0, 255, (8, 8), "uint8"))
    recording = open_recording(tmp_path)
    recording.check_unchanged()
    if how == "renamed":
        (tmp_path / "f003.bmp").rename(tmp_path / "f004.bmp")
    else:
        name = "f002.bmp" if "replaced" in how else "f004.bmp"
        cv2.imwrite(str(tmp_path / name), rng.integers(0, 255, (8, 8), "uint8"))
    with pytest.raises(VideoFormatError, match="changed while it was analysed"):
        recording.check_unchanged()
