"""TIFF files of every kind that cameras and programs write."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tifffile

from napari_uai.errors import VideoFormatError
from napari_uai.videos import VideoWarning, open_frames, open_video, video_info
from napari_uai.videos.grey import RGB_WEIGHTS
from napari_uai.videos.mapped import FileFrames
from napari_uai.videos.readers.tiff import TiffFrames


def counts(n=6, height=20, width=24, dtype="u2"):
    rng = np.random.default_rng(1)
    return rng.integers(0, 250, (n, height, width)).astype(dtype)


def grey_of(rgb):
    return np.rint(rgb[..., :3].astype(float) @ np.array(RGB_WEIGHTS)).astype(rgb.dtype)


@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "u4", "f4", "f8"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("bigtiff", [False, True])
def test_plain_pages_are_mapped(tmp_path, dtype, byteorder, bigtiff):
    video = counts(dtype=dtype)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, video, bigtiff=bigtiff, byteorder=byteorder, photometric="minisblack")
    frames, info = open_frames(path)
    assert isinstance(frames, FileFrames)
    assert frames.dtype.isnative
    np.testing.assert_array_equal(open_video(path).compute(), video)
    assert np.dtype(info.dtype) == np.dtype(dtype).newbyteorder(byteorder)


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "zlib"},
        {"compression": "zlib", "predictor": True},
        {"tile": (16, 16)},
        {"rowsperstrip": 3, "compression": "zlib"},
    ],
)
def test_other_pages_are_decoded_one_by_one(tmp_path, options):
    video = counts()
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, video, photometric="minisblack", **options)
    frames, _ = open_frames(path)
    assert isinstance(frames, TiffFrames)
    np.testing.assert_array_equal(frames.read(1, 4), video[1:4])
    np.testing.assert_array_equal(open_video(path, frames=(2, 5)).compute(), video[2:5])
    copy = pickle.loads(pickle.dumps(frames))
    with ThreadPoolExecutor(8) as pool:
        each = list(pool.map(lambda i: copy.read(i, i + 1), list(range(6)) * 5))
    np.testing.assert_array_equal(np.concatenate(each), np.concatenate([video] * 5))


def test_pages_written_one_after_the_other_are_one_video(tmp_path):
    video = counts()
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for page in video:
            writer.write(page, photometric="minisblack", metadata=None)
    np.testing.assert_array_equal(open_video(tmp_path / "a.tif").compute(), video)


def test_a_single_page_is_a_video_of_one_frame(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", counts()[0])
    np.testing.assert_array_equal(open_video(tmp_path / "a.tif").compute(), counts()[:1])


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_colours_become_grey_with_the_weights_of_red_green_and_blue(tmp_path, compression, planar):
    rgb = np.random.default_rng(0).integers(0, 256, (5, 12, 14, 3)).astype(np.uint8)
    stored = rgb if planar == "contig" else np.moveaxis(rgb, -1, 1)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, stored, photometric="rgb", planarconfig=planar, compression=compression)
    np.testing.assert_array_equal(open_video(path).compute(), grey_of(rgb))
    assert video_info(path).shape == (5, 12, 14)


def test_a_palette_becomes_grey(tmp_path):
    video = counts(2, dtype="u1")
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)
    tifffile.imwrite(
        tmp_path / "a.tif", video, photometric="palette", colormap=np.stack([ramp[::-1]] * 3)
    )
    got = open_video(tmp_path / "a.tif").compute()
    np.testing.assert_allclose(got, 255 - video.astype(int), atol=1)


def test_ome_files_tell_pixel_size_and_frame_rate(tmp_path):
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(
        path,
        counts(),
        metadata={
            "axes": "TYX",
            "PhysicalSizeX": 43.7,
            "PhysicalSizeXUnit": "nm",
            "TimeIncrement": 2.5,
            "TimeIncrementUnit": "ms",
        },
    )
    info = video_info(path)
    assert info.pixel_size_um == pytest.approx(0.0437)
    assert info.frame_rate_hz == pytest.approx(400)
    np.testing.assert_array_equal(open_video(path).compute(), counts())


def test_imagej_files_tell_pixel_size_and_frame_rate(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path,
        counts(),
        imagej=True,
        resolution=(1 / 0.0437, 1 / 0.0437),
        metadata={"axes": "TYX", "unit": "um", "finterval": 0.0025},
    )
    info = video_info(path)
    assert info.pixel_size_um == pytest.approx(0.0437, rel=1e-4)
    assert info.frame_rate_hz == pytest.approx(400)


def test_dots_per_inch_of_office_programs_are_no_pixel_size(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", counts(), resolution=(72, 72), resolutionunit="INCH")
    assert video_info(tmp_path / "a.tif").pixel_size_um is None


def test_the_sidecar_corrects_the_scale_of_a_tiff(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", counts())
    (tmp_path / "a.json").write_text('{"pixel_size_um": 0.05, "frames": "not ours"}')
    assert video_info(tmp_path / "a.tif").pixel_size_um is None  # makes no sense, is passed over
    (tmp_path / "a.json").write_text('{"pixel_size_um": 0.05}')
    assert video_info(tmp_path / "a.tif").pixel_size_um == 0.05


def test_several_channels_are_refused(tmp_path):
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, counts(6).reshape(3, 2, 20, 24), metadata={"axes": "TCYX"})
    with pytest.raises(VideoFormatError, match="one channel"):
        open_video(path)


def test_images_of_another_size_are_left_out_with_a_warning(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(counts(4), photometric="minisblack")
        writer.write(counts(1, 7, 9), photometric="minisblack")
    with pytest.warns(VideoWarning, match="2 series"):
        opened = open_video(tmp_path / "a.tif")
    np.testing.assert_array_equal(opened.compute(), counts(4))


@pytest.mark.parametrize("options", [{"metadata": None}, {}, {"ome": True}])
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("left", [0.0003, 0.01, 0.5, 0.9])
def test_a_cut_file_never_passes_for_a_shorter_one(tmp_path, options, compression, left):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, counts(50), photometric="minisblack", compression=compression, **options)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(left * len(whole))])
    try:
        got = open_video(path).compute()
    except VideoFormatError as error:
        assert "a.tif" in str(error)  # noqa: PT017
    else:  # the pixels were there, only what follows them is gone
        np.testing.assert_array_equal(got, counts(50))
        assert left == 0.9
        assert compression is None


@pytest.mark.parametrize("content", [b"", b"not a tiff at all"])
def test_what_is_no_tiff_is_refused(tmp_path, content):
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(VideoFormatError, match=r"empty|not a complete TIFF"):
        open_video(tmp_path / "a.tif")
