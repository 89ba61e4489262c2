"""Written files hold the video, whole or not at all."""

import errno
import json
import shutil
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import tifffile
import zarr

from napari_uai.errors import BadValueError, CancelledError, OutputError
from napari_uai.monitor import Monitor
from napari_uai.videos import open_video, video_info, write_video

SUFFIXES = [".bin", ".raw", ".tif", ".ome.tif", ".npy", ".zarr", ".h5"]


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr("napari_uai.videos.frames.CHUNK_BYTES", 4 * 20 * 24 * 7)


def counts(n=30, dtype="u2"):
    return np.random.default_rng(1).integers(0, 250, (n, 20, 24)).astype(dtype)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "f4", "f8"])
def test_what_is_written_is_read_back(tmp_path, suffix, dtype):
    video = counts(dtype=dtype)
    path = write_video(video, tmp_path / f"a{suffix}", pixel_size_um=0.0437, frame_rate_hz=400)
    opened = open_video(path)
    assert opened.dtype == video.dtype
    np.testing.assert_array_equal(opened.compute(), video)
    info = video_info(path)
    assert info.pixel_size_um == pytest.approx(0.0437)
    assert info.frame_rate_hz == pytest.approx(400)
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_lazy_video_is_written_as_its_numpy_twin(tmp_path, suffix):
    video = counts()
    path = write_video(da.from_array(video, chunks=(4, 20, 24)), tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(open_video(path).compute(), video)


@pytest.mark.parametrize("dtype", ["<u2", ">u2", ">f4"])
@pytest.mark.parametrize("suffix", [".raw", ".npy", ".tif"])
def test_the_type_and_byte_order_asked_for_are_written(tmp_path, dtype, suffix):
    path = write_video(counts(), tmp_path / f"a{suffix}", dtype=dtype)
    assert video_info(path).dtype == dtype
    np.testing.assert_array_equal(open_video(path).compute(), counts())


def test_a_raw_file_holds_nothing_but_pixels_and_its_sidecar_the_shape(tmp_path):
    path = write_video(counts(), tmp_path / "a.bin", frame_rate_hz=400)
    assert path.read_bytes() == counts().astype("<u2").tobytes()
    assert json.loads((tmp_path / "a.bin.json").read_text()) == {
        "height": 20,
        "width": 24,
        "dtype": "<u2",
        "offset": 0,
        "frames": 30,
        "frame_rate_hz": 400.0,
    }


def test_the_name_can_tell_type_and_shape(tmp_path):
    path = write_video(counts(), tmp_path / "map.raw", shape_in_name=True, dtype="f4")
    assert path.name == "map_type_float32_shape(30, 20, 24).raw"
    Path(f"{path}.json").unlink()
    np.testing.assert_array_equal(open_video(path).compute(), counts())
    with pytest.raises(BadValueError, match="shape_in_name"):
        write_video(counts(), tmp_path / "map.tif", shape_in_name=True)


def test_other_programs_read_the_tiff(tmp_path):
    write_video(counts(), tmp_path / "a.tif")
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        assert len(tiff.pages) == 30
        assert not tiff.is_bigtiff
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.tif"), counts())


def test_large_tiffs_are_bigtiff(tmp_path, monkeypatch):
    monkeypatch.setattr("napari_uai.videos.writing.writers._TIFF_LIMIT", 1000)
    path = write_video(counts(), tmp_path / "a.tif")
    with tifffile.TiffFile(path) as tiff:
        assert tiff.is_bigtiff
    np.testing.assert_array_equal(open_video(path).compute(), counts())


def test_floats_are_rounded_to_integers_and_refused_where_they_do_not_fit(tmp_path):
    video = np.array([[[0.4, 0.6, 254.5]]])
    path = write_video(video, tmp_path / "a.npy", dtype="u1")
    assert np.load(path).tolist() == [[[0, 1, 254]]]
    for value in (256.0, -1.0, np.nan, np.inf):
        with pytest.raises(BadValueError, match=r"from frame 0 on\) do not fit uint8"):
            write_video(video + value, tmp_path / "b.npy", dtype="u1")
    with pytest.raises(BadValueError, match="do not fit"):
        write_video(np.full((1, 1, 1), 70000), tmp_path / "b.npy", dtype="u2")
    assert [p.name for p in tmp_path.iterdir()] == ["a.npy"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_is_there_is_replaced_only_if_asked_to(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    write_video(counts(5), path)
    with pytest.raises(OutputError, match="already exists"):
        write_video(counts(6), path)
    assert open_video(path).shape[0] == 5
    write_video(counts(6), path, overwrite=True)
    np.testing.assert_array_equal(open_video(path).compute(), counts(6))
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


def test_a_video_may_replace_its_own_file(tmp_path):
    path = write_video(counts(), tmp_path / "a.bin")
    write_video(open_video(path)[5:], path, overwrite=True)
    np.testing.assert_array_equal(open_video(path).compute(), counts()[5:])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_cancelled_write_leaves_nothing(tmp_path, suffix):
    told = []
    monitor = Monitor(lambda fraction, _: told.append(fraction), lambda: len(told) > 1)
    with pytest.raises(CancelledError):
        write_video(counts(100), tmp_path / f"a{suffix}", monitor=monitor)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_source_that_fails_leaves_nothing(tmp_path, suffix):
    def fails(_block):
        raise BadValueError("frame 12 is broken")

    video = da.from_array(counts(), chunks=(4, 20, 24)).map_blocks(fails, dtype="u2")
    with pytest.raises(BadValueError, match="frame 12"):
        write_video(video, tmp_path / f"a{suffix}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_folder_that_cannot_be_is_an_output_error(tmp_path, suffix):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OutputError, match="cannot write to"):
        write_video(counts(), tmp_path / "file" / f"a{suffix}")


def test_a_full_disk_is_told_before_anything_is_written(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(OutputError, match="free disk space"):
        write_video(counts(), tmp_path / "a.npy")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".bin", ".npy"])
def test_a_disk_that_fills_up_leaves_nothing(tmp_path, monkeypatch, suffix):
    real_open = Path.open

    class Full:
        def __init__(self, file):
            self.file = file

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def write(self, data):
            if len(data) > 5:
                raise OSError(errno.ENOSPC, "No space left on device")
            return self.file.write(data)

    def open_full(path, mode="r", *args, **kwargs):
        file = real_open(path, mode, *args, **kwargs)
        return Full(file) if "w" in mode and ".partial" in str(path) else file

    monkeypatch.setattr(Path, "open", open_full)
    with pytest.raises(OutputError, match="free disk space"):
        write_video(counts(), tmp_path / f"a{suffix}")
    assert list(tmp_path.iterdir()) == []


def test_folders_are_made_as_needed(tmp_path):
    path = write_video(counts(), tmp_path / "new" / "folder" / "a.npy")
    assert path.is_file()


def test_an_unknown_suffix_or_an_empty_video_is_refused(tmp_path):
    with pytest.raises(BadValueError, match=r"\.mp4.*\.bin, \.raw"):
        write_video(counts(), tmp_path / "a.mp4")
    with pytest.raises(BadValueError, match="no frames"):
        write_video(counts(0), tmp_path / "a.npy")


def test_a_folder_of_that_name_is_not_replaced_by_a_file(tmp_path):
    (tmp_path / "a.npy").mkdir()
    with pytest.raises(OutputError, match="existing folder"):
        write_video(counts(), tmp_path / "a.npy", overwrite=True)


def test_a_zarr_store_is_an_image_of_ome_zarr(tmp_path):
    path = write_video(counts(), tmp_path / "a.zarr", pixel_size_um=0.05, frame_rate_hz=400)
    group = zarr.open_group(path, mode="r")
    image = group.attrs["ome"]
    assert image["version"] == "0.5"
    [multiscales] = image["multiscales"]
    assert [(a["name"], a["type"], a["unit"]) for a in multiscales["axes"]] == [
        ("t", "time", "second"),
        ("y", "space", "micrometer"),
        ("x", "space", "micrometer"),
    ]
    [level] = multiscales["datasets"]
    assert level["coordinateTransformations"] == [{"type": "scale", "scale": [0.0025, 0.05, 0.05]}]
    np.testing.assert_array_equal(group[level["path"]], counts())


def test_a_replaced_file_does_not_keep_the_scale_of_the_former(tmp_path):
    path = write_video(counts(), tmp_path / "a.npy", pixel_size_um=0.05)
    write_video(counts(), path, overwrite=True)
    assert video_info(path).pixel_size_um is None
