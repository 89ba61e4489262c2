"""Packed pixels against their definition, bit by bit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_uai.errors import BadValueError
from napari_uai.videos import ReadOptions, VideoInfo, open_frames, open_video
from napari_uai.videos.pixel_types import PACKED, bytes_of, pixel_type, pixels_in


def packed_lowest_first(pixels, bits):
    """The pixels as one long number, the first one in its lowest bits (PFNC, suffix p)."""
    number = sum(int(pixel) << (bits * i) for i, pixel in enumerate(pixels))
    return number.to_bytes(-(-len(pixels) * bits // 8), "little")


def packed_gige(pixels, bits):
    """The upper eight bits in a byte each, the lowest ones of two pixels in a byte between."""
    low = bits - 8
    out = bytearray()
    for one, other in zip(pixels[::2], pixels[1::2], strict=True):
        lowest = (one & ((1 << low) - 1)) | (other & ((1 << low) - 1)) << 4
        out += bytes([one >> low, lowest, other >> low])
    return bytes(out)


def packed(pixels, name):
    bits = PACKED[name].bits
    write = packed_lowest_first if PACKED[name].lowest_first else packed_gige
    return write([int(p) for p in pixels], bits)


@pytest.mark.parametrize("name", PACKED)
@given(data=st.data())
def test_pixels_are_unpacked(name, data):
    kind = PACKED[name]
    n = kind.group * data.draw(st.integers(0, 12))
    pixels = data.draw(st.lists(st.integers(0, 2**kind.bits - 1), min_size=n, max_size=n))
    content = np.frombuffer(packed(pixels, name), np.uint8)
    assert content.size == bytes_of(kind, n)
    np.testing.assert_array_equal(pixels_in(content, kind), pixels)


@pytest.mark.parametrize("name", PACKED)
def test_a_packed_recording_opens(tmp_path, name):
    kind = PACKED[name]
    video = np.random.default_rng(0).integers(0, 2**kind.bits, (5, 6, 10), np.uint16)
    path = tmp_path / "a.raw"
    path.write_bytes(b"head" + b"".join(packed(frame.ravel(), name) for frame in video))
    opened = open_video(path, height=6, width=10, dtype=name, offset=4, frames=(1, None))
    assert opened.dtype == np.uint16
    np.testing.assert_array_equal(opened.compute(), video[1:])
    info: VideoInfo = open_frames(path, ReadOptions(6, 10, name, 4))[1]
    assert (info.dtype, info.shape) == (name, (5, 6, 10))


def test_bytes_before_each_frame_are_skipped(tmp_path):
    video = np.random.default_rng(0).integers(0, 4096, (7, 6, 10), np.uint16)
    path = tmp_path / "a.raw"
    for header in (2, 3, 16):
        path.write_bytes(b"".join(bytes(range(header)) + frame.tobytes() for frame in video))
        opened = open_video(path, height=6, width=10, dtype="<u2", frame_header=header)
        np.testing.assert_array_equal(opened.compute(), video)


@pytest.mark.parametrize(
    ("text", "same"), [("uint12", "mono12p"), ("Mono10Packed", "mono10packed"), ("GRAY16", "<u2")]
)
def test_other_names_of_types_are_known(text, same):
    assert pixel_type(text) == pixel_type(same)


def test_unknown_types_are_refused():
    with pytest.raises(BadValueError, match="mono12p"):
        pixel_type("mono11p")
