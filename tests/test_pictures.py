"""Pictures are read once, the same everywhere: colours, types, limits, errors."""

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
