"""SPE files of WinView and LightField, compared with imageio's reader and with known frames."""

import pickle

import imageio.v3 as imageio
import numpy as np
import pytest

from napari_uai.errors import ChoiceNeededError, VideoFormatError
from napari_uai.videos import VideoWarning, open_frames, open_video, video_info

CODES = {"<f4": 0, "<i4": 1, "<i2": 2, "<u2": 3, "<u4": 8, "<f8": 5, "|u1": 6}
TICKS = 1_000_000


def counts(*shape, dtype="<u2"):
    return np.random.default_rng(1).integers(0, 250, shape or (12, 20, 24)).astype(dtype)


def header(frames, version, *, count=None, footer=0):
    """The head of an SPE file; positions are those of the specification."""
    head = bytearray(4100)

    def put(place, value, kind):
        content = np.array(value, kind).tobytes()
        head[place : place + len(content)] = content

    put(10, 0.002, "<f4")
    head[20:29] = b"05Jan2024"
    put(36, -70, "<f4")
    put(42, frames.shape[2], "<u2")
    put(108, CODES[frames.dtype.newbyteorder("<").str], "<i2")
    put(656, frames.shape[1], "<u2")
    put(678, footer, "<u8")
    put(1446, len(frames) if count is None else count, "<i4")
    put(1992, version, "<f4")
    return bytes(head)


def write_2(path, frames, **options):
    path.write_bytes(header(frames, 2.5, **options) + frames.tobytes())
    return path


def write_3(path, regions, *, times=None, tail=b"", pixel_format="MonochromeUnsigned16"):
    """A file of LightField: regions of the sensor, then the time of each exposure."""
    n, item = len(regions[0]), regions[0].dtype.itemsize
    size = sum(region[0].nbytes for region in regions)
    stride = size + (0 if times is None else 16)
    blocks = "".join(
        f'<DataBlock type="Region" count="1" width="{r.shape[2]}" height="{r.shape[1]}" '
        f'size="{r[0].size * item}" stride="{r[0].size * item}"/>'
        for r in regions
    )
    meta = (
        '<MetaFormat><MetaBlock id="1"><FrameTrackingNumber type="Int64"/>'
        f'<TimeStamp event="ExposureStarted" type="Int64" resolution="{TICKS}"/></MetaBlock>'
        "</MetaFormat>"
    )
    xml = (
        '<SpeFormat version="3.0" xmlns="http://www.princetoninstruments.com/spe/2009">'
        f'<DataFormat><DataBlock type="Frame" count="{n}" pixelFormat="{pixel_format}" '
        f'size="{size}" stride="{stride}">{blocks}</DataBlock></DataFormat>'
        f"{'' if times is None else meta}</SpeFormat>"
    )
    body = bytearray()
    for i in range(n):
        body += b"".join(region[i].tobytes() for region in regions)
        if times is not None:
            body += np.array([i + 1, times[i]], "<i8").tobytes()
    footer = 4100 + len(body)
    head = header(regions[0], 3.0, footer=footer)
    path.write_bytes(head + bytes(body) + xml.encode() + tail)
    return path


@pytest.mark.parametrize("dtype", ["<f4", "<i4", "<i2", "<u2", "<u4"])
def test_frames_of_version_2_are_those_of_imageio(tmp_path, dtype):
    path = write_2(tmp_path / "a.spe", counts(dtype=dtype))
    video = open_video(path)
    assert video.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(video.compute(), imageio.imread(path, plugin="SPE"))
    np.testing.assert_array_equal(video.compute(), counts(dtype=dtype))
    info = video_info(path)
    assert (info.format, info.axes, info.offset) == ("spe", "TYX", 4100)
    assert info.details["date"] == "05Jan2024"
    assert info.details["exposure (s)"] == "0.002"
    assert info.details["temperature"] == "-70"


@pytest.mark.parametrize("dtype", ["<f8", "|u1"])
def test_types_that_imageio_does_not_know(tmp_path, dtype):
    path = write_2(tmp_path / "a.spe", counts(dtype=dtype))
    np.testing.assert_array_equal(open_video(path).compute(), counts(dtype=dtype))


def test_frames_of_version_3_are_those_of_imageio(tmp_path):
    path = write_3(tmp_path / "a.spe", [counts()])
    np.testing.assert_array_equal(open_video(path).compute(), imageio.imread(path, plugin="SPE"))
    assert video_info(path).frame_rate_hz is None


def test_times_between_frames_are_left_out_and_give_the_rate(tmp_path):
    path = write_3(tmp_path / "a.spe", [counts()], times=1000 + 2500 * np.arange(12), tail=b"\r\n")
    frames, info = open_frames(path)
    np.testing.assert_array_equal(frames.read(0, 12), counts())
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(frames)).read(3, 7), counts()[3:7])
    assert info.frame_rate_hz == pytest.approx(400)


def test_a_region_of_several_is_chosen(tmp_path):
    large, small = counts(), counts(12, 3, 5)
    path = write_3(tmp_path / "a.spe", [large, small], times=2500 * np.arange(12))
    with pytest.raises(ChoiceNeededError, match=r"several regions \(0, 1\): choose one"):
        open_video(path)
    np.testing.assert_array_equal(open_video(path, image="0").compute(), large)
    np.testing.assert_array_equal(open_video(path, image="1").compute(), small)
    assert video_info(path, image="1").image == "region 1"


def test_regions_longer_than_the_header_are_read(tmp_path):
    large, small = counts(4, 90, 80), counts(4, 3, 5)
    path = write_3(tmp_path / "a.spe", [small, large])
    np.testing.assert_array_equal(open_video(path, image="0").compute(), small)
    np.testing.assert_array_equal(open_video(path, image="1").compute(), large)


@pytest.mark.parametrize(("count", "read"), [(99, 12), (7, 7), (0, 12)])
def test_a_wrong_number_of_frames_is_said(tmp_path, count, read):
    path = write_2(tmp_path / "a.spe", counts(), count=count)
    if count == read:
        assert len(open_video(path)) == read
        return
    with pytest.warns(VideoWarning, match=f"states {count} frames, it holds {read}: all are read"):
        video = open_video(path)
    np.testing.assert_array_equal(video.compute(), counts())


@pytest.mark.parametrize("length", [0, 1000, 4099, 4100, 4500])
def test_a_file_that_ends_early_is_refused(tmp_path, length):
    for path in (write_2(tmp_path / "2.spe", counts()), write_3(tmp_path / "3.spe", [counts()])):
        path.write_bytes(path.read_bytes()[:length])
        with pytest.raises(VideoFormatError, match="copy it again"):
            open_video(path)


def test_a_description_that_is_not_understood_is_refused(tmp_path):
    path = write_3(tmp_path / "a.spe", [counts()], pixel_format="Colour")
    with pytest.raises(VideoFormatError, match=r"not understood .*Colour.*: export it as TIFF"):
        open_video(path)
    content = write_3(tmp_path / "a.spe", [counts()]).read_bytes()
    path.write_bytes(content.replace(b'stride="960"', b'stride="-96"'))
    with pytest.raises(VideoFormatError, match="contradicts itself"):
        open_video(path)
    path.write_bytes(content.replace(b'height="20"', b'height="-9"'))
    with pytest.raises(VideoFormatError):
        open_video(path)
