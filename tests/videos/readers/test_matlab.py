"""MATLAB files: rows, columns, frames, in both versions of the format."""

import pickle

import h5py
import numpy as np
import pytest
from scipy.io import savemat

from napari_uai.errors import VideoFormatError
from napari_uai.videos import open_frames, open_video


def counts(n=12):
    return np.random.default_rng(1).integers(0, 250, (n, 20, 24)).astype("u2")


def scene(n=40):
    """Frames of one scene, so that the axis of the frames can be told."""
    rng = np.random.default_rng(1)
    return np.rint(1000 + 100 * rng.normal(size=(20, 24)) + rng.normal(size=(n, 20, 24)) * 20)


def save_73(path, **variables):
    """Write a file of version 7.3 as MATLAB does: axes in reverse order, a header of text."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, values in variables.items():
            file.create_dataset(name, data=np.ascontiguousarray(values.T))
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(512))


def save_5(path, **variables):
    savemat(path, variables)


SAVE = pytest.mark.parametrize("save", [save_5, save_73])


@SAVE
def test_frames_are_along_the_last_axis(tmp_path, save):
    save(tmp_path / "a.mat", video=np.moveaxis(counts(), 0, -1), rate=np.array([[400.0]]))
    frames, info = open_frames(tmp_path / "a.mat")
    assert info.format == "mat"
    np.testing.assert_array_equal(frames.read(0, 12), counts())
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(frames)).read(3, 5), counts()[3:5])


@SAVE
def test_frames_along_the_first_axis_are_doubted(tmp_path, save):
    save(tmp_path / "a.mat", video=scene())
    with pytest.raises(VideoFormatError, match="give axes"):
        open_video(tmp_path / "a.mat")


@SAVE
def test_one_of_several_variables_is_chosen(tmp_path, save):
    video = np.moveaxis(counts(), 0, -1)
    save(tmp_path / "a.mat", dark=video * 0, raw=video)
    with pytest.raises(VideoFormatError, match=r"several .*s \(dark, raw\): choose one"):
        open_video(tmp_path / "a.mat")
    np.testing.assert_array_equal(open_video(tmp_path / "a.mat", image="raw").compute(), counts())


@pytest.mark.parametrize("content", [b"", b"MATLAB 5.0 MAT-file" + bytes(200), b"text"])
def test_what_is_no_mat_file_is_refused(tmp_path, content):
    (tmp_path / "a.mat").write_bytes(content)
    with pytest.raises(VideoFormatError, match=r"a\.mat"):
        open_video(tmp_path / "a.mat")
