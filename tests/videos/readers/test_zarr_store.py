"""zarr stores: arrays, groups, OME-Zarr of both versions, plates, zips."""

import json
import pickle
import shutil

import numpy as np
import pytest
import zarr

from napari_uai.errors import VideoFormatError
from napari_uai.videos import open_frames, open_video, video_info
from napari_uai.videos.grey import to_grey


def counts(*shape, dtype="u2"):
    return np.random.default_rng(1).integers(0, 250, shape or (6, 20, 24)).astype(dtype)


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


@pytest.mark.filterwarnings("ignore:.*colours")
def test_colours_become_grey(tmp_path):
    rgb = counts(5, 12, 14, 3, dtype="u1")
    np.save(tmp_path / "a.npy", rgb)
    zarr.save_array(tmp_path / "a.zarr", rgb)
    for name in ("a.npy", "a.zarr"):
        opened = open_video(tmp_path / name)
        assert opened.shape == (5, 12, 14)
        np.testing.assert_array_equal(opened.compute(), to_grey(rgb))


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
    with pytest.raises(VideoFormatError, match=r"several arrays \(mask, video\)"):
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


AXES = [{"name": name} for name in "tczyx"]
UNITS = {"t": "millisecond", "y": "micrometer", "x": "micrometer"}


def multiscales(*scale, of_all=(1, 1, 1, 1, 1)):
    """Metadata of an image; `of_all` is the scale of the multiscale level."""
    axes = [
        axis | ({"unit": UNITS[axis["name"]]} if axis["name"] in UNITS else {}) for axis in AXES
    ]
    return [
        {
            "axes": axes,
            "datasets": [
                {
                    "path": "0",
                    "coordinateTransformations": [{"type": "scale", "scale": [*scale]}],
                }
            ],
            "coordinateTransformations": [{"type": "scale", "scale": [*of_all]}],
        }
    ]


def write_image(store, path, video, version, **options):
    """Write an OME-Zarr image by hand; return its group."""
    zarr_format = 2 if version == "0.4" else 3
    group = zarr.open_group(store, mode="a", path=path, zarr_format=zarr_format)
    stated = {"multiscales": multiscales(1, 1, 1, 0.05, 0.05, of_all=(2.5, 1, 1, 1, 1))}
    group.attrs.update(stated if version == "0.4" else {"ome": {"version": version, **stated}})
    group.create_array("0", data=video[:, None, None], chunks=(3, 1, 1, 10, 24), **options)
    return group


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_the_scale_of_the_multiscale_level_counts_too(tmp_path, version):
    write_image(tmp_path / "a.zarr", "", counts(), version)
    info = video_info(tmp_path / "a.zarr")
    assert info.pixel_size_um == pytest.approx(0.05)
    assert info.frame_rate_hz == pytest.approx(400)
    assert info.axes == "TCZYX"
    np.testing.assert_array_equal(open_video(tmp_path / "a.zarr").compute(), counts())


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_fields_of_a_plate_are_a_choice(tmp_path, version):
    plate = tmp_path / "plate.zarr"
    zarr.open_group(plate, mode="w", zarr_format=2 if version == "0.4" else 3)
    for field, well in enumerate(("A/1/0", "B/2/0")):
        write_image(plate, well, counts() + field, version)
    with pytest.raises(VideoFormatError, match=r"several images \(A/1/0, B/2/0\)"):
        open_video(plate)
    for choice in ("B/2/0", "1"):
        np.testing.assert_array_equal(open_video(plate, image=choice).compute(), counts() + 1)
    np.testing.assert_array_equal(open_video(plate / "A/1/0").compute(), counts())


@pytest.mark.parametrize("name", ["a.zarr.zip", "a.ozx", "a.zip"])
@pytest.mark.parametrize("inside", ["", "a.zarr"])
def test_a_zipped_store_opens(tmp_path, name, inside):
    write_image(tmp_path / "stored" / inside, "", counts(), "0.5")
    shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path / "stored")
    (tmp_path / "packed.zip").rename(tmp_path / name)
    frames, info = open_frames(tmp_path / name)
    assert info.format == "zarr"
    np.testing.assert_array_equal(frames.read(0, 6), counts())
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(frames)).read(2, 4), counts()[2:4])


def test_codecs_that_may_run_code_are_refused(tmp_path):
    zarr.create_array(tmp_path / "a.zarr", data=counts(), chunks=(2, 20, 24), zarr_format=2)
    stated = tmp_path / "a.zarr" / ".zarray"
    facts = json.loads(stated.read_text()) | {"filters": [{"id": "pickle", "protocol": 5}]}
    stated.write_text(json.dumps(facts))
    with pytest.raises(VideoFormatError, match=r"pickle|not a readable zarr store"):
        open_video(tmp_path / "a.zarr")


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_stores_of_xarray_open_with_their_axes(tmp_path, zarr_format):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=zarr_format)
    names = ["y", "x", "time"]
    for name, size in zip(names, (20, 24, 6), strict=True):
        group.create_array(name, data=np.arange(size))
    options = {"dimension_names": names} if zarr_format == 3 else {}
    if zarr_format == 2:
        options = {"attributes": {"_ARRAY_DIMENSIONS": names}}
    group.create_array("video", data=np.moveaxis(counts(), 0, -1), **options)
    assert video_info(tmp_path / "a.zarr").image == "video"
    np.testing.assert_array_equal(open_video(tmp_path / "a.zarr").compute(), counts())
