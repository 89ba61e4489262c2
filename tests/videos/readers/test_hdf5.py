"""HDF5 files: one dataset or several, mass photometers, nothing outside the file."""

import pickle

import h5py
import numpy as np
import pytest

from napari_uai.errors import VideoFormatError
from napari_uai.videos import open_frames, open_video, video_info


def counts(dtype="u2"):
    return np.random.default_rng(1).integers(0, 250, (12, 20, 24)).astype(dtype)


def write(path, **datasets):
    with h5py.File(path, "w") as file:
        for name, values in datasets.items():
            file.create_dataset(name.replace("__", "/"), data=values)
    return path


@pytest.mark.parametrize("options", [{}, {"chunks": (1, 20, 24), "compression": "gzip"}], ids=str)
def test_files_of_mass_photometers_open(tmp_path, options):
    with h5py.File(tmp_path / "a.mp", "w") as file:
        file.create_dataset("movie/frame", data=counts(), **options)
        file.create_dataset("movie/other", data=counts())
        file["movie"].attrs["frame_rate"] = 400.0
    frames, info = open_frames(tmp_path / "a.mp")
    assert (info.format, info.image, info.frame_rate_hz) == ("hdf5", "movie/frame", 400)
    np.testing.assert_array_equal(frames.read(2, 9), counts()[2:9])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(frames)).read(0, 12), counts())


def test_the_only_video_opens_whatever_stands_beside_it(tmp_path):
    path = write(tmp_path / "a.h5", data__video=counts(), times=np.arange(12.0), mean=counts()[0])
    assert video_info(path).image == "data/video"
    np.testing.assert_array_equal(open_video(path).compute(), counts())


def test_one_of_several_datasets_is_chosen(tmp_path):
    path = write(tmp_path / "a.h5", dark=counts() * 0, raw=counts())
    with pytest.raises(VideoFormatError, match=r"several datasets \(dark, raw\): choose one"):
        open_video(path)
    for choice in ("raw", "/raw", "1"):
        np.testing.assert_array_equal(open_video(path, image=choice).compute(), counts())
    with pytest.raises(VideoFormatError, match="no dataset flat: it has dark, raw"):
        open_video(path, image="flat")


@pytest.mark.parametrize("axes", [None, "TZYX"])
def test_labels_of_dimensions_name_the_axes(tmp_path, axes):
    video = np.stack([counts(), counts() + 1], axis=1)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        dataset = file.create_dataset("raw", data=video)
        for dimension, label in zip(dataset.dims, "tzyx", strict=True):
            dimension.label = "" if axes else label
    np.testing.assert_array_equal(
        open_video(tmp_path / "a.h5", axes=axes, plane=1).compute(), counts() + 1
    )


def test_scales_of_dimensions_name_the_axes(tmp_path):
    """As in netCDF 4."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        dataset = file.create_dataset("raw", data=np.moveaxis(counts(), 0, -1))
        for axis, name in enumerate(("y", "x", "time")):
            file[name] = np.arange(dataset.shape[axis])
            file[name].make_scale(name)
            dataset.dims[axis].attach_scale(file[name])
    np.testing.assert_array_equal(open_video(tmp_path / "a.h5").compute(), counts())


@pytest.mark.parametrize("choice", [None, "inside", "group/frame"])
def test_pixels_in_other_files_are_refused(tmp_path, choice):
    write(tmp_path / "secret.h5", frame=counts())
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["inside"] = h5py.ExternalLink("secret.h5", "frame")
        file["group"] = h5py.ExternalLink("secret.h5", "/")
    with pytest.raises(VideoFormatError, match="dataset"):
        open_video(tmp_path / "a.h5", image=choice)


@pytest.mark.parametrize("kind", ["external", "virtual"])
def test_datasets_that_point_to_other_files_are_refused(tmp_path, kind):
    counts().tofile(tmp_path / "secret.bin")
    write(tmp_path / "secret.h5", frame=counts())
    with h5py.File(tmp_path / "a.h5", "w") as file:
        if kind == "external":
            place = [(str(tmp_path / "secret.bin"), 0, h5py.h5f.UNLIMITED)]
            file.create_dataset("raw", (12, 20, 24), "u2", external=place)
        else:
            layout = h5py.VirtualLayout((12, 20, 24), "u2")
            layout[:] = h5py.VirtualSource(tmp_path / "secret.h5", "frame", (12, 20, 24))
            file.create_virtual_dataset("raw", layout)
    with pytest.raises(VideoFormatError, match="are in other files"):
        open_video(tmp_path / "a.h5")


def test_a_filter_that_is_missing_is_named(tmp_path, monkeypatch):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("raw", data=counts(), chunks=(1, 20, 24), compression="gzip")
    monkeypatch.setattr("h5py.h5z.filter_avail", lambda _: False)
    with pytest.raises(VideoFormatError, match=r"filter 1 .*pip install hdf5plugin"):
        open_video(tmp_path / "a.h5")


@pytest.mark.parametrize("content", [b"", b"\x89HDF\r\n\x1a\n" + bytes(100), b"text"])
def test_what_is_no_whole_hdf5_is_refused(tmp_path, content):
    (tmp_path / "a.h5").write_bytes(content)
    with pytest.raises(VideoFormatError, match=r"empty|not a complete HDF5"):
        open_video(tmp_path / "a.h5")
