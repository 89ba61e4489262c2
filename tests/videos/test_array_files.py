"""npy files and zarr stores."""

import pickle

import numpy as np
import pytest
import zarr

from napari_uai.errors import VideoFormatError
from napari_uai.videos import open_frames, open_video, video_info
from napari_uai.videos.grey import to_grey
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


@pytest.mark.parametrize("shape", [(20, 24), (1, 1, 20, 24), (6, 1, 20, 24), (1, 6, 20, 24)])
def test_axes_of_length_one_are_passed_over(tmp_path, shape):
    np.save(tmp_path / "a.npy", counts(*shape))
    np.testing.assert_array_equal(
        open_video(tmp_path / "a.npy").compute(), counts(*shape).reshape(-1, 20, 24)
    )
    zarr.save_array(tmp_path / "a.zarr", counts(*shape))
    np.testing.assert_array_equal(
        open_video(tmp_path / "a.zarr").compute(), counts(*shape).reshape(-1, 20, 24)
    )


def test_colours_become_grey(tmp_path):
    rgb = counts(5, 12, 14, 3, dtype="u1")
    np.save(tmp_path / "a.npy", rgb)
    zarr.save_array(tmp_path / "a.zarr", rgb)
    for name in ("a.npy", "a.zarr"):
        opened = open_video(tmp_path / name)
        assert opened.shape == (5, 12, 14)
        np.testing.assert_array_equal(opened.compute(), to_grey(rgb))


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


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_zarr_arrays_of_either_version_open(tmp_path, zarr_format):
    video = counts(50, 20, 24)
    store = zarr.create_array(
        tmp_path / "a.zarr",
        data=video,
        chunks=(7, 20, 24),
        zarr_format=zarr_format,
        attributes={"pixel_size_um": 0.0437, "frame_rate_hz": 400},
    )
    opened = open_video(tmp_path / "a.zarr", frames=(3, 48))
    np.testing.assert_array_equal(opened.compute(), video[3:48])
    info = video_info(tmp_path / "a.zarr")
    assert (info.format, info.pixel_size_um, info.frame_rate_hz) == ("zarr", 0.0437, 400)
    frames, _ = open_frames(tmp_path / "a.zarr")
    frames.read(0, 1)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(frames)).read(8, 9), video[8:9])
    store[0] = 7
    assert open_frames(tmp_path / "a.zarr")[0].name != frames.name


def test_ome_zarr_opens_at_full_resolution_with_its_scale(tmp_path):
    video = counts(6, 1, 1, 20, 24)
    group = zarr.create_group(
        tmp_path / "a.zarr",
        zarr_format=2,
        attributes={
            "multiscales": [
                {
                    "axes": [
                        {"name": "t", "type": "time", "unit": "millisecond"},
                        {"name": "c"},
                        {"name": "z"},
                        {"name": "y", "unit": "micrometer"},
                        {"name": "x", "unit": "micrometer"},
                    ],
                    "datasets": [
                        {
                            "path": "0",
                            "coordinateTransformations": [
                                {"type": "scale", "scale": [2.5, 1, 1, 0.0437, 0.0437]}
                            ],
                        },
                        {"path": "1"},
                    ],
                }
            ]
        },
    )
    group.create_array("0", data=video)
    group.create_array("1", data=video[..., ::2, ::2])
    np.testing.assert_array_equal(open_video(tmp_path / "a.zarr").compute(), video[:, 0, 0])
    info = video_info(tmp_path / "a.zarr")
    assert info.pixel_size_um == pytest.approx(0.0437)
    assert info.frame_rate_hz == pytest.approx(400)


def test_a_group_opens_if_it_holds_one_array(tmp_path):
    group = zarr.create_group(tmp_path / "a.zarr")
    with pytest.raises(VideoFormatError, match="no array"):
        open_video(tmp_path / "a.zarr")
    group.create_array("video", data=counts())
    np.testing.assert_array_equal(open_video(tmp_path / "a.zarr").compute(), counts())
    np.testing.assert_array_equal(open_video(tmp_path / "a.zarr" / "video").compute(), counts())
    group.create_array("mask", data=counts())
    with pytest.raises(VideoFormatError, match="arrays mask, video"):
        open_video(tmp_path / "a.zarr")


def test_a_folder_that_only_looks_like_zarr_is_refused(tmp_path):
    (tmp_path / "a.zarr").mkdir()
    with pytest.raises(VideoFormatError, match="not a readable zarr store"):
        open_video(tmp_path / "a.zarr")


def test_a_damaged_chunk_is_an_error_that_names_the_store(tmp_path):
    zarr.create_array(tmp_path / "a.zarr", data=counts(), chunks=(1, 20, 24))
    chunk = next(p for p in (tmp_path / "a.zarr" / "c").rglob("*") if p.is_file())
    chunk.write_bytes(b"damaged")
    with pytest.raises(VideoFormatError, match=r"a\.zarr: frames .* cannot be read"):
        open_video(tmp_path / "a.zarr").compute()
