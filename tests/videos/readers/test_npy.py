"""npy and npz files."""

import pickle

import numpy as np
import pytest

from napari_uai.errors import VideoFormatError
from napari_uai.videos import open_frames, open_video
from napari_uai.videos.mapped import FileFrames


def counts(*shape, dtype="u2"):
    return np.random.default_rng(1).integers(0, 250, shape or (6, 20, 24)).astype(dtype)


@pytest.mark.parametrize("dtype", ["u1", "<u2", ">u2", "<f4", ">f8", "f2", "?"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npy_is_mapped_in_either_order_and_byte_order(tmp_path, dtype, order):
    video = counts(dtype=dtype)
    np.save(tmp_path / "a.npy", np.asarray(video, order=order))
    frames, info = open_frames(tmp_path / "a.npy")
    assert isinstance(frames, FileFrames)
    assert np.dtype(info.dtype) == video.dtype
    opened = open_video(tmp_path / "a.npy", frames=(1, 5))
    assert opened.dtype.isnative
    np.testing.assert_array_equal(opened.compute(), video[1:5])


@pytest.mark.parametrize(
    "array", [counts(3, 2, 20, 24), np.zeros(5), np.zeros((2, 3, 4), complex), np.zeros((0, 3, 4))]
)
def test_arrays_that_are_no_video_are_refused(tmp_path, array):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(VideoFormatError, match="save it"):
        open_video(tmp_path / "a.npy")


def test_files_that_are_no_whole_npy_are_refused(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, counts())
    whole = path.read_bytes()
    for content in (b"", whole[:5], whole[: len(whole) // 2], b"text"):
        path.write_bytes(content)
        with pytest.raises(VideoFormatError, match=r"empty|not a complete npy"):
            open_video(path)
    np.save(path, np.array([{}], dtype=object))
    with pytest.raises(VideoFormatError, match="npy"):
        open_video(path)


def test_objects_are_refused_in_one_line(tmp_path):
    np.save(tmp_path / "a.npy", np.array([*counts(), None], dtype=object))
    with pytest.raises(VideoFormatError, match="contains Python objects: save the frames as"):
        open_video(tmp_path / "a.npy")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("order", ["C", "F"])
def test_the_only_video_of_an_npz_opens(tmp_path, save, order):
    video = np.asarray(counts(dtype=">u2"), order=order)
    save(tmp_path / "a.npz", times=np.arange(6), fps=400.0, video=video, mean=counts()[0])
    frames, info = open_frames(tmp_path / "a.npz")
    assert info.image == "video"
    assert isinstance(frames, FileFrames) == (save is np.savez)
    assert info.format == "npz"
    np.testing.assert_array_equal(frames.read(1, 4), counts()[1:4])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(frames)).read(0, 6), counts())


def test_one_of_several_arrays_of_an_npz_is_chosen(tmp_path):
    np.savez(tmp_path / "a.npz", dark=counts() * 0, video=counts())
    with pytest.raises(VideoFormatError, match=r"several arrays \(dark, video\): choose one"):
        open_video(tmp_path / "a.npz")
    for choice in ("video", "1"):
        opened = open_video(tmp_path / "a.npz", image=choice)
        np.testing.assert_array_equal(opened.compute(), counts())


def test_planes_and_channels_are_chosen_by_name(tmp_path):
    video = counts(5, 2, 3, 20, 24)
    np.save(tmp_path / "a.npy", video)
    with pytest.raises(VideoFormatError, match="name its axes"):
        open_video(tmp_path / "a.npy")
    with pytest.raises(VideoFormatError, match=r"plane \(0 to 1\) and a channel \(0 to 2\), such"):
        open_video(tmp_path / "a.npy", axes="TZCYX")
    opened = open_video(tmp_path / "a.npy", axes="TZCYX", plane=1, channel=2)
    np.testing.assert_array_equal(opened.compute(), video[:, 1, 2])
    with pytest.raises(VideoFormatError, match="no plane 2: its planes are 0 to 1"):
        open_video(tmp_path / "a.npy", axes="TZCYX", plane=2, channel=2)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("left", [0.1, 0.5, 0.95])
def test_a_npz_that_ends_early_is_refused(tmp_path, save, left):
    save(tmp_path / "a.npz", counts())
    whole = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(whole[: int(left * len(whole))])
    with pytest.raises(VideoFormatError, match="not a complete npz"):
        open_video(tmp_path / "a.npz")
