"""What holds for every format alike."""

import subprocess
import sys

import numpy as np
import pytest

from napari_uai.errors import BadValueError, VideoFormatError
from napari_uai.videos import ReadOptions, open_frames, open_video, video_info


@pytest.fixture
def npy(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, np.arange(24, dtype=">u2").reshape(2, 3, 4))
    return path


def test_arguments_that_agree_with_the_file_are_welcome(npy):
    assert open_video(npy, height=3, width=4, dtype="uint16", offset=0).shape == (2, 3, 4)


@pytest.mark.parametrize(
    "argument",
    [{"height": 4}, {"width": 3}, {"dtype": "<f4"}, {"offset": 8}, {"axis_order": "width-height"}],
)
def test_arguments_that_contradict_a_file_with_a_header_are_refused(npy, argument):
    with pytest.raises(VideoFormatError, match="omit"):
        open_video(npy, **argument)


def test_an_unknown_axis_order_is_refused(npy):
    with pytest.raises(BadValueError, match="axis_order"):
        open_video(npy, axis_order="xy")


def test_info_tells_what_the_video_is(npy):
    info = video_info(npy, frames=(1, None))
    assert info.shape == open_video(npy, frames=(1, None)).shape
    assert (info.format, info.dtype, info.first_frame, info.file_frames) == ("npy", ">u2", 1, 2)
    assert info.file_bytes == npy.stat().st_size
    assert info.modified_ns == npy.stat().st_mtime_ns
    assert info.warnings == ()


def test_any_index_of_a_chosen_range_counts_from_its_first_frame(npy):
    frames, _ = open_frames(npy, ReadOptions(frames=(1, 2)))
    assert frames.read(0, 1)[0, 0, 0] == 12
    assert frames.read(0, 9).shape == (1, 3, 4)


def test_text_paths_work_as_paths_do(npy):
    assert open_video(str(npy)).name == open_video(npy).name


def test_a_file_that_may_not_be_read_is_refused(npy, monkeypatch):
    def denied(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("numpy.load", denied)
    with pytest.raises(VideoFormatError, match=r"a\.npy"):
        open_video(npy)


def test_importing_videos_brings_no_heavy_library():
    code = (
        "import sys, napari_uai.videos;"
        "print([m for m in ('pandas','zarr','tifffile','cv2','imageio') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["a.seq", "a.cine", "a.mraw", "A.DCIMG"])
def test_formats_of_other_cameras_are_named(tmp_path, name):
    (tmp_path / name).write_bytes(bytes(100))
    with pytest.raises(VideoFormatError, match="is not read: export it there as TIFF"):
        open_video(tmp_path / name)
