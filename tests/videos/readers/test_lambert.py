"""Files of Lambert Instruments: a text, then pixels, written here as the format is described."""

import numpy as np
import pytest

from napari_uai.errors import ChoiceNeededError, VideoFormatError
from napari_uai.videos import VideoWarning, open_frames, open_video, video_info

RNG = np.random.default_rng(3)


def write(path, pixels, *, tail=b"", version="1.0", dtype="UINT16", **layout):
    """Write a file; pixels of several axes are slowest first, channels fastest."""
    stated = {"datatype": dtype, "channels": 1, "x": 6, "y": 4, "z": 1, "phases": 1} | layout
    lines = "\n".join(f"{key} = {value}" for key, value in stated.items())
    head = (
        f"{{FLIMIMAGE}}\n[INFO]\nversion = {version}\ncompression = 0\n[LAYOUT]\n{lines}\n{{END}}"
    )
    path.write_bytes(head.encode() + bytes(pixels.tobytes()) + tail)
    return path


def counts(*shape, dtype="<u2"):
    return RNG.integers(0, 100, shape).astype(dtype)


@pytest.mark.parametrize(
    ("name", "dtype"),
    [("UINT8", "|u1"), ("INT16", "<i2"), ("UINT16", "<u2"), ("UINT32", "<u4"), ("REAL32", "<f4")],
)
def test_frames_of_every_type(tmp_path, name, dtype):
    right = counts(7, 4, 6, dtype=dtype)
    path = write(tmp_path / "a.fli", right, dtype=name, timestamps=7, frameRate=250, deviceName="H")
    frames, info = open_frames(path)
    np.testing.assert_array_equal(frames.read(2, 7), right[2:])
    assert (info.format, info.dtype, info.axes) == ("lambert", dtype, "FTPZYXC")
    assert (info.frame_rate_hz, info.details, info.warnings) == (250, {"camera": "H"}, ())
    renamed = path.rename(tmp_path / "a.dat")
    np.testing.assert_array_equal(open_video(renamed).compute(), right)


def test_packed_pixels_have_their_lowest_bits_first(tmp_path):
    right = RNG.integers(0, 4096, (5, 4, 6))
    first, second = right[..., ::2], right[..., 1::2]
    packed = np.stack([first & 255, first >> 8 | (second & 15) << 4, second >> 4], -1)
    path = write(tmp_path / "a.fli", packed.astype("u1"), dtype="UINT12", packing="lsb")
    np.testing.assert_array_equal(open_video(path).compute(), right)
    assert video_info(path).dtype == "mono12p"


def test_channels_are_interleaved_and_planes_are_chosen(tmp_path):
    right = counts(5, 3, 4, 6, 2)
    path = write(tmp_path / "a.fli", right, channels=2, z=3, timestamps=5)
    with pytest.raises(ChoiceNeededError, match=r"choose a plane \(0 to 2\) and a channel"):
        open_video(path)
    video = open_video(path, plane=2, channel=1)
    np.testing.assert_array_equal(video.compute(), right[:, 2, :, :, 1])


def test_phases_are_frames_if_there_is_one_time(tmp_path):
    right = counts(12, 4, 6)
    path = write(tmp_path / "a.fli", right, phases=12, timestamps=1)
    np.testing.assert_array_equal(open_video(path).compute(), right)


def test_number_of_frames_is_that_of_the_file(tmp_path):
    right = counts(7, 4, 6)
    np.testing.assert_array_equal(open_video(write(tmp_path / "a.fli", right)).compute(), right)
    short = write(tmp_path / "b.fli", right, timestamps=9)
    with pytest.warns(VideoWarning, match=r"states 9 frames, it holds 7: all are read"):
        assert open_video(short).shape == right.shape
    dark = write(tmp_path / "c.fli", right, timestamps=7, hasDarkImage=1, tail=bytes(48))
    with pytest.warns(VideoWarning, match=r"the dark image behind its frames is not subtracted"):
        np.testing.assert_array_equal(open_video(dark).compute(), right)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"version": "2.0"},
            r"of version 2.0, compression 0, which is not read: export",
        ),
        ({"dtype": "UINT12", "packing": "msb"}, r"type UINT12 packed as 'msb', which are not read"),
        ({"dtype": "COMPLEX"}, r"type COMPLEX, which are not read: export it as TIFF"),
        ({"x": "six"}, r"states 'six' as its length x: export it as TIFF"),
        ({"x": 10**9}, r"a\.fli"),
        ({"y": 400}, r"fewer than its header states: copy it again"),
        ({"frequencies": 3, "timestamps": 7}, r"fewer than its header states: copy it again"),
        ({"dtype": "UINT12", "z": 2}, r"packed pixels in other axes than time, rows and columns"),
    ],
)
def test_what_cannot_be_read_is_told(tmp_path, changes, message):
    path = write(tmp_path / "a.fli", counts(7, 4, 6), **changes)
    with pytest.raises(VideoFormatError, match=message):
        open_video(path, plane=0 if "z" in changes else None)


def test_header_without_end(tmp_path):
    (tmp_path / "a.fli").write_bytes(b"{FLIMIMAGE}\n[INFO]\nversion = 1.0\n" + bytes(999))
    with pytest.raises(VideoFormatError, match=r"has no complete header of Lambert Instruments"):
        open_video(tmp_path / "a.fli")
