"""Pictures are read once, the same everywhere: colours, types, limits, errors."""

import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from napari_uai import pictures
from napari_uai.pictures import PictureError, read_image, read_picture

COLOURS = np.arange(5 * 7 * 4, dtype=np.uint8).reshape(5, 7, 4)


@pytest.mark.parametrize("channels", [3, 4])
def test_colours_are_red_green_blue_as_pillow_writes_them(tmp_path, channels):
    path = tmp_path / "Größe.png"
    Image.fromarray(COLOURS[..., :channels]).save(path)
    np.testing.assert_array_equal(read_image(path), COLOURS[..., :channels])
    np.testing.assert_array_equal(read_picture(path), COLOURS[..., :3])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_grey_keeps_its_type_and_becomes_three_equal_colours(tmp_path, dtype):
    grey = np.arange(35, dtype=dtype).reshape(5, 7)
    cv2.imwrite(str(tmp_path / "grey.png"), grey)
    image = read_image(tmp_path / "grey.png")
    assert image.dtype == dtype
    np.testing.assert_array_equal(image, grey)
    picture = read_picture(tmp_path / "grey.png")
    assert picture.dtype == np.uint8
    assert picture.shape == (5, 7, 3)
    assert (picture == picture[..., :1]).all()


@pytest.mark.parametrize("read", [read_image, read_picture])
@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "does not exist"), (b"", "is not a readable image"), (b"\xff\xd8\xff", "is not a")],
)
def test_what_is_not_a_picture_is_an_error_with_a_reason(tmp_path, read, content, reason):
    path = tmp_path / "a.jpg"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PictureError, match=r"a\.jpg " + reason) as caught:
        read(path)
    assert caught.value.reason.startswith(reason)


def test_large_pictures_are_refused_before_they_are_decoded(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    Image.fromarray(COLOURS).save(path)
    with pytest.raises(PictureError, match=r"is too large \(7 x 5 px\)"):
        read_picture(path, max_pixels=34)
    assert read_picture(path, max_pixels=35).shape == (5, 7, 3)
    monkeypatch.setattr(pictures, "MAX_BYTES", 10)
    with pytest.raises(PictureError, match="larger than"):
        read_image(path)


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@pytest.mark.parametrize("at", ["IDAT", "IHDR", "end"])
def test_a_damaged_png_is_an_error_and_nothing_is_printed(at, tmp_path, capfd):
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), np.random.default_rng(1).integers(0, 2**16, (20, 30), np.uint16))
    data = bytearray(path.read_bytes())
    if at == "end":
        del data[-40:]
    else:
        data[data.index(at.encode()) + 12] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(PictureError, match=r"is not a|is a damaged|too large"):
        read_image(path)
    assert capfd.readouterr() == ("", "")


def test_faulty_profiles_and_texts_of_a_png_are_skipped_silently(tmp_path, capfd):
    path = tmp_path / "a.png"
    image = np.random.default_rng(1).integers(0, 2**16, (20, 30), np.uint16)
    cv2.imwrite(str(path), image)
    data = path.read_bytes()
    extra = png_chunk(b"iCCP", b"name\0\0no profile") + png_chunk(b"gAMA", b"\0" * 4)
    path.write_bytes(data[:33] + extra + data[33:])
    np.testing.assert_array_equal(read_image(path), image)
    assert capfd.readouterr() == ("", "")
