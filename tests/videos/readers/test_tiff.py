"""TIFF files of every kind that cameras and programs write."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tifffile

from napari_uai.errors import VideoFormatError
from napari_uai.videos import VideoWarning, list_recordings, open_frames, open_video, video_info
from napari_uai.videos.mapped import FileFrames
from napari_uai.videos.readers.tiff import TiffFrames


def counts(n=6, height=20, width=24, dtype="u2"):
    rng = np.random.default_rng(1)
    return rng.integers(0, 250, (n, height, width)).astype(dtype)


def grey_of(rgb):
    thousandths = rgb[..., :3].astype(np.int64) @ np.array([299, 587, 114])
    return np.rint(thousandths / 1000).astype(rgb.dtype)


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


@pytest.mark.filterwarnings("ignore:.*colours are converted to grey")
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_colours_become_grey_with_the_weights_of_red_green_and_blue(tmp_path, compression, planar):
    rgb = np.random.default_rng(0).integers(0, 256, (5, 12, 14, 3)).astype(np.uint8)
    stored = rgb if planar == "contig" else np.moveaxis(rgb, -1, 1)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, stored, photometric="rgb", planarconfig=planar, compression=compression)
    np.testing.assert_array_equal(open_video(path).compute(), grey_of(rgb))
    assert video_info(path).shape == (5, 12, 14)


def test_a_colour_table_says_how_pixels_are_shown_not_what_they_are(tmp_path):
    video = counts(2, dtype="u1")
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)
    tifffile.imwrite(
        tmp_path / "a.tif", video, photometric="palette", colormap=np.stack([ramp[::-1]] * 3)
    )
    with pytest.warns(VideoWarning, match="colour table; pixels are taken as stored"):
        opened = open_video(tmp_path / "a.tif")
    np.testing.assert_array_equal(opened.compute(), video)


@pytest.mark.parametrize("compression", [None, "lzw"])
def test_white_as_zero_is_said_and_left_as_it_is(tmp_path, compression):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, counts(), photometric="miniswhite", compression=compression)
    with pytest.warns(VideoWarning, match="white is stored as zero"):
        opened = open_video(path)
    np.testing.assert_array_equal(opened.compute(), counts())


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


def test_a_channel_is_chosen(tmp_path):
    path = tmp_path / "a.ome.tif"
    video = counts(6).reshape(3, 2, 20, 24)
    tifffile.imwrite(path, video, metadata={"axes": "TCYX"})
    with pytest.raises(VideoFormatError, match=r"choose a channel \(0 to 1\)"):
        open_video(path)
    np.testing.assert_array_equal(open_video(path, channel=1).compute(), video[:, 1])
    with pytest.raises(VideoFormatError, match="no channel 2: its channels are 0 to 1"):
        open_video(path, channel=2)


@pytest.mark.parametrize("small_first", [True, False])
def test_images_of_another_size_are_left_out_with_a_warning(tmp_path, small_first):
    blocks = [counts(1, 7, 9), counts(4)]
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for block in blocks if small_first else blocks[::-1]:
            writer.write(block, photometric="minisblack")
    with pytest.warns(VideoWarning, match="2 series"):
        opened = open_video(tmp_path / "a.tif")
    np.testing.assert_array_equal(opened.compute(), counts(4))
    other = open_video(tmp_path / "a.tif", image=str(int(not small_first)))
    assert other.shape == (1, 7, 9)


@pytest.mark.parametrize("appended", [2, 70])
def test_series_that_are_alike_are_one_video(tmp_path, appended):
    video = counts(3 * appended)
    for start in range(0, len(video), 3):
        tifffile.imwrite(
            tmp_path / "a.tif", video[start : start + 3], append=True, photometric="minisblack"
        )
    np.testing.assert_array_equal(open_video(tmp_path / "a.tif").compute(), video)


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "lzw"},
        {"compression": "lzw", "predictor": True},
        {"compression": "zstd"},
        {"compression": "jpeg2000"},
        {"compression": "jpegxl"},
        {"compression": "packbits"},
        {"compression": "lzma"},
        {"tile": (16, 32), "compression": "lzw"},
        {"byteorder": ">", "compression": "zlib", "predictor": True},
        {"bitspersample": 10},
        {"bitspersample": 12},
    ],
    ids=str,
)
def test_every_compression_is_read(tmp_path, options):
    tifffile.imwrite(tmp_path / "a.tif", counts(), photometric="minisblack", **options)
    np.testing.assert_array_equal(open_video(tmp_path / "a.tif").compute(), counts())


@pytest.mark.parametrize("content", [b"II*\0\x08\0\0\0", b"II*\0\x00\0\0\0"])
def test_a_file_without_pages_is_refused(tmp_path, content):
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(VideoFormatError, match=r"a\.tif .*export it"):
        open_video(tmp_path / "a.tif")


def ome_series(folder, video, *, parts, stem="r_MMStack_Default"):
    """Write a recording into several OME-TIFF files as Micro-Manager does."""
    names = [f"{stem}{f'_{k}' if k else ''}.ome.tif" for k in range(len(parts))]
    ids = [f"urn:uuid:00000000-0000-0000-0000-{k:012d}" for k in range(len(parts))]
    places = [(k, page) for k, n in enumerate(parts) for page in range(n)]
    planes = "".join(
        f'<TiffData FirstC="0" FirstT="{time}" FirstZ="0" IFD="{page}" PlaneCount="1">'
        f'<UUID FileName="{names[k]}">{ids[k]}</UUID></TiffData>'
        for time, (k, page) in enumerate(places)
    )
    n, height, width = video.shape
    start = 0
    for k, name in enumerate(names):
        xml = (
            '<?xml version="1.0" encoding="UTF-8"?>'
            '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
            f'UUID="{ids[k]}"><Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" '
            f'Type="uint16" SizeX="{width}" SizeY="{height}" SizeC="1" SizeZ="1" SizeT="{n}" '
            'PhysicalSizeX="0.05"><Channel ID="Channel:0:0" SamplesPerPixel="1"/>'
            f"{planes}</Pixels></Image></OME>"
        )
        with tifffile.TiffWriter(folder / name) as writer:
            for i, page in enumerate(video[start : start + parts[k]]):
                writer.write(
                    page,
                    description=None if i else xml,
                    metadata=None,
                    photometric="minisblack",
                    contiguous=False,
                )
        start += parts[k]
    return [folder / name for name in names]


@pytest.mark.parametrize("parts", [(4, 2), (1, 3, 2), (6, 0)])
def test_every_file_of_an_ome_series_opens_all_of_it(tmp_path, parts):
    files = ome_series(tmp_path, counts(), parts=[n for n in parts if n])
    for path in files:
        frames, info = open_frames(path)
        np.testing.assert_array_equal(frames.read(0, 6), counts())
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(frames)).read(3, 5), counts()[3:5])
        assert info.pixel_size_um == pytest.approx(0.05)
    (tmp_path / "r_MMStack_Default_metadata.txt").write_text("{}")
    np.testing.assert_array_equal(open_video(tmp_path).compute(), counts())
    assert list_recordings(tmp_path) == files[:1]


@pytest.mark.parametrize("lost", [0, 1])
def test_an_ome_series_with_a_missing_file_is_refused(tmp_path, lost):
    files = ome_series(tmp_path, counts(), parts=(4, 2))
    files.pop(lost).unlink()
    with pytest.raises(VideoFormatError, match=r"of 6 pages are in files that are missing"):
        open_video(files[0])


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


def test_a_file_that_another_one_describes_is_said(tmp_path):
    xml = (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:1">'
        '<BinaryOnly MetadataFile="a.companion.ome" UUID="urn:uuid:0"/></OME>'
    )
    tifffile.imwrite(tmp_path / "a.ome.tif", counts(), description=xml, metadata=None)
    with pytest.warns(VideoWarning, match=r"a series that a\.companion\.ome describes"):
        opened = open_video(tmp_path / "a.ome.tif")
    np.testing.assert_array_equal(opened.compute(), counts())
