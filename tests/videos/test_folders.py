"""Listing recordings, and what is said when one is not there."""

from pathlib import Path

import pytest

from napari_uai.errors import BadValueError, VideoFormatError
from napari_uai.videos import list_recordings, open_video, video_format
from napari_uai.videos.folders import RECORDING_SUFFIXES, natural_key
from napari_uai.videos.formats import FORMATS


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\0")


def listed(folder, *args):
    return [path.relative_to(folder).as_posix() for path in list_recordings(folder, *args)]


def test_recordings_are_listed_from_all_folders_in_natural_order(tmp_path):
    touch(tmp_path, "run10/a.bin", "run2/b10.bin", "run2/b9.bin", "z.bin", "run2/notes.txt")
    assert listed(tmp_path) == ["run2/b9.bin", "run2/b10.bin", "run10/a.bin", "z.bin"]


@pytest.mark.parametrize("suffix", ["bin", ".bin", "BIN"])
def test_only_whole_suffixes_count(tmp_path, suffix):
    touch(tmp_path, "a.bin", "b.xbin", "bin", "c.BIN", "d.raw", "._a.bin", ".hidden/e.bin")
    assert listed(tmp_path, suffix) == ["a.bin", "c.BIN"]


def test_several_suffixes_and_zarr_stores_are_listed(tmp_path):
    touch(tmp_path, "a.zarr/zarr.json", "a.zarr/c/0.bin", "b.raw", "c.ome.tif", "d.png")
    assert listed(tmp_path) == ["a.zarr", "b.raw", "c.ome.tif"]
    assert listed(tmp_path, ("ome.tif", "png")) == ["c.ome.tif", "d.png"]


def test_a_folder_without_recordings_gives_an_empty_list(tmp_path):
    assert list_recordings(tmp_path, "bin") == []


def test_what_is_no_folder_is_refused(tmp_path):
    touch(tmp_path, "a.bin")
    with pytest.raises(VideoFormatError, match="is a file, not a folder"):
        list_recordings(tmp_path / "a.bin")
    with pytest.raises(VideoFormatError, match="does not exist"):
        list_recordings(tmp_path / "nowhere")
    with pytest.raises(BadValueError, match="at least one suffix"):
        list_recordings(tmp_path, "")


def test_natural_order_compares_numbers_by_value():
    names = ["a10", "a9", "a09b", "10", "9", "B1"]
    assert sorted(names, key=lambda n: natural_key(Path(n))) == [
        "9",
        "10",
        "a9",
        "a09b",
        "a10",
        "B1",
    ]


def test_a_missing_file_is_named_with_those_that_are_alike(tmp_path):
    touch(tmp_path, "recording_01.bin", "other.txt")
    with pytest.raises(VideoFormatError, match=r"contains recording_01\.bin$"):
        open_video(tmp_path / "recording_1.bin")
    with pytest.raises(VideoFormatError, match="nor does its folder"):
        open_video(tmp_path / "nowhere" / "a.bin")


def test_an_empty_file_is_refused(tmp_path):
    (tmp_path / "a.bin").write_bytes(b"")
    with pytest.raises(VideoFormatError, match=r"empty \(0 bytes\)"):
        open_video(tmp_path / "a.bin", height=3, width=3, dtype="u1")


def test_a_folder_is_no_recording_but_tells_which_are_in_it(tmp_path):
    touch(tmp_path, "sub/a.bin")
    with pytest.raises(VideoFormatError, match=r"one of its recordings, e\.g\. .*a\.bin"):
        open_video(tmp_path)


def test_an_unknown_suffix_is_raw_once_its_shape_is_known(tmp_path):
    touch(tmp_path, "a.dat")
    with pytest.raises(VideoFormatError, match="not of a supported format"):
        open_video(tmp_path / "a.dat")
    assert video_format(tmp_path / "a.dat", shape_given=True) == "raw"
    assert open_video(tmp_path / "a.dat", height=1, width=1, dtype="u1").shape == (1, 1, 1)
    (tmp_path / "a.json").write_text('{"height": 1, "width": 1, "dtype": "u1"}')
    assert open_video(tmp_path / "a.dat").shape == (1, 1, 1)


def test_recordings_of_every_format_are_listed():
    alone = {suffix for each in FORMATS if each.name != "images" for suffix in each.suffixes}
    assert set(RECORDING_SUFFIXES) == alone
