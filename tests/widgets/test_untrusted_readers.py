"""Readers of the window refuse what the command line refuses, by the same functions."""

import gzip
import json
import os
import struct
import sys
import zipfile

import numpy as np
import pytest
import tifffile

from napari_uai.errors import NapariUaiError
from napari_uai.limits import COLUMNS, DEPTH, FRAME_BYTES, HEADER_BYTES, SECONDS, UNPACKED_BYTES
from napari_uai.untrusted import watch
from napari_uai.widgets.iscat.readers import raw_layers, recording_reader, table_reader
from napari_uai.widgets.kit.layers import Place, sample_truth
from napari_uai.widgets.trails.readers import trail_layers, trail_reader

PIXELS = np.arange(2 * 6 * 8, dtype="<u2").reshape(2, 6, 8)


def refusal(function, *arguments):
    with pytest.raises(NapariUaiError) as caught:
        function(*arguments)
    text = str(caught.value)
    assert text.isprintable()
    return text


def test_a_recording_that_states_a_terabyte_is_refused(tmp_path):
    (tmp_path / "a.zarr").mkdir()
    facts = {"zarr_format": 2, "shape": (1, 10**6, 10**6), "chunks": (1, 64, 64), "dtype": "<u2"}
    facts |= {"compressor": None, "fill_value": 0, "order": "C", "filters": None}
    (tmp_path / "a.zarr" / ".zarray").write_text(json.dumps(facts))
    assert FRAME_BYTES.variable in refusal(raw_layers, tmp_path / "a.zarr")


def test_a_loop_of_tiff_pages_is_asked_and_refused(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, PIXELS[0], metadata=None)
    data = bytearray(path.read_bytes())
    first = struct.unpack_from("<I", data, 4)[0]
    n_tags = struct.unpack_from("<H", data, first)[0]
    struct.pack_into("<I", data, first + 2 + 12 * n_tags, first)
    path.write_bytes(data)
    assert recording_reader(str(path)) is not None  # ours, whose error says more
    assert "followed by an earlier one" in refusal(raw_layers, path)


@pytest.mark.parametrize("name", ["a.tif", "a.npy"])
@pytest.mark.parametrize("content", [b"", b"II*\0\xff\xff\xff\xff", b"\x93NUMPY\1\0v\0{'d'" * 9])
def test_damaged_heads_raise_nothing_when_a_file_is_dropped(name, content, tmp_path):
    (tmp_path / name).write_bytes(content)
    for reader in (recording_reader, table_reader, trail_reader):
        reader(str(tmp_path / name))


@pytest.mark.skipif(sys.platform == "win32", reason="no such files")
@pytest.mark.parametrize("name", ["a.tif", "a.npy", "landings.csv", "a.zip", "a.csv.gz"])
def test_pipes_are_no_files_for_the_window(name, tmp_path):
    os.mkfifo(tmp_path / name)
    for reader in (recording_reader, table_reader, trail_reader):
        assert reader(str(tmp_path / name)) is None


def test_landings_are_read_within_limits(tmp_path):
    path = tmp_path / "landings.csv"
    path.write_text("raw_frame,y,x,score\n1,2,3,4\n")
    read = table_reader(str(path))
    [(positions, attributes, kind)] = read(str(path))
    assert kind == "points"
    np.testing.assert_allclose(positions * attributes["scale"], [[1, 2, 3]])
    path.write_text("raw_frame,y,x,score\n1,2,3,4\none,2,3,4\n")
    assert "raw_frame must contain numbers" in refusal(read, str(path))
    path.write_text("raw_frame,y,x,score\n" + "1," * 40_000 + "\n")
    assert HEADER_BYTES.variable in refusal(read, str(path))


def test_trails_are_read_within_limits(tmp_path, monkeypatch):
    path = tmp_path / "a.csv.gz"
    rows = "".join(f"1,{frame},{frame},2\n" for frame in range(9))
    path.write_bytes(gzip.compress(f"trail,frame,x,y\n{rows}".encode() + b"\n" * 2**16))
    assert trail_reader(str(path)) is not None
    monkeypatch.setenv(UNPACKED_BYTES.variable, "20")
    monkeypatch.setenv("NAPARI_UAI_MAX_UNPACKED_RATIO", "1")
    assert trail_reader(str(path)) is not None  # of which only the first bytes are read
    assert UNPACKED_BYTES.variable in refusal(trail_layers, path)
    monkeypatch.setenv(COLUMNS.variable, "3")
    (tmp_path / "b.csv").write_text(f"trail,frame,x,y\n{rows}")
    assert COLUMNS.variable in refusal(trail_layers, tmp_path / "b.csv")


def test_archives_are_asked_within_limits(tmp_path, monkeypatch):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", "trail,frame,x,y\n1,1,1,1\n1,2,2,2\n")
    assert trail_reader(str(path)) is not None
    monkeypatch.setenv("NAPARI_UAI_MAX_MEMBERS", "0")
    assert trail_reader(str(path)) is None


def test_a_truth_of_samples_is_read_within_limits(tmp_path):
    path = tmp_path / "truth.json"
    path.write_text('{"landings":' + "[" * 70 + "]" * 70 + "}")
    assert DEPTH.variable in refusal(sample_truth, path, Place())


def test_opening_in_the_window_has_a_limit_of_time(tmp_path, monkeypatch):
    def compute_for_ever(path, shape):
        n = 0
        while True:
            n += 1

    monkeypatch.setenv(SECONDS.variable, "0")
    monkeypatch.setattr(watch, "_TICK", 0.02)
    monkeypatch.setattr("napari_uai.videos.readers.npy.open_npy", compute_for_ever)
    np.save(tmp_path / "a.npy", PIXELS)
    assert SECONDS.variable in refusal(raw_layers, tmp_path / "a.npy")
