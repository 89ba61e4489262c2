"""Image sequences: order, kinds, colours."""

import pickle

import cv2
import numpy as np
import pytest
import tifffile

from napari_uai.errors import VideoFormatError
from napari_uai.videos import open_frames, open_video, video_info
from napari_uai.videos.grey import to_grey


def counts(*shape, dtype="u2"):
    return np.random.default_rng(1).integers(0, 250, shape or (12, 20, 24)).astype(dtype)


def write_sequence(folder, video, suffix=".png"):
    for i, frame in enumerate(video):  # 0, 1, ..., 10, 11: natural order differs from text order
        if suffix == ".tif":
            tifffile.imwrite(folder / f"frame{i}{suffix}", frame)
        else:
            cv2.imwrite(str(folder / f"frame{i}{suffix}"), frame)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_a_folder_of_images_is_a_video_in_natural_order(tmp_path, suffix, dtype):
    video = counts(dtype=dtype)
    write_sequence(tmp_path, video, suffix)
    (tmp_path / "notes.txt").write_text("not an image")
    opened = open_video(tmp_path)
    assert opened.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(opened.compute(), video)
    np.testing.assert_array_equal(open_video(tmp_path, frames=(9, 11)).compute(), video[9:11])
    info = video_info(tmp_path)
    assert (info.format, info.shape) == ("images", video.shape)
    assert info.file_bytes == sum(p.stat().st_size for p in tmp_path.glob(f"*{suffix}"))
    frames, _ = open_frames(tmp_path)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(frames)).read(3, 5), video[3:5])


def test_a_pattern_chooses_among_images(tmp_path):
    video = counts(dtype="u1")
    write_sequence(tmp_path, video)
    (tmp_path / "cover.jpg").write_bytes(b"")
    with pytest.raises(VideoFormatError, match="several kinds"):
        open_video(tmp_path)
    np.testing.assert_array_equal(open_video(tmp_path / "*.png").compute(), video)
    np.testing.assert_array_equal(open_video(tmp_path / "frame1?.png").compute(), video[10:])
    with pytest.raises(VideoFormatError, match="matches no images"):
        open_video(tmp_path / "*.tif")


def test_one_image_is_a_video_of_one_frame(tmp_path):
    write_sequence(tmp_path, counts(1, 20, 24))
    assert open_video(tmp_path / "frame0.png").shape == (1, 20, 24)


def test_jpg_is_read(tmp_path):
    smooth = np.tile(np.linspace(50, 200, 32).astype(np.uint8), (2, 16, 1))
    write_sequence(tmp_path, smooth, ".jpg")
    np.testing.assert_allclose(open_video(tmp_path).compute(), smooth, atol=3)


@pytest.mark.parametrize("channels", [3, 4])
def test_red_green_and_blue_keep_their_weights(tmp_path, channels):
    rgb = counts(2, 10, 11, channels, dtype="u1")
    bgr = rgb[..., [2, 1, 0, 3][:channels]]  # OpenCV writes blue first
    write_sequence(tmp_path, bgr)
    np.testing.assert_array_equal(open_video(tmp_path).compute(), to_grey(rgb))


def test_tiff_files_of_several_pages_follow_each_other(tmp_path):
    video = counts(25, 20, 24)
    for i, (start, stop) in enumerate([(0, 10), (10, 20), (20, 25)]):
        tifffile.imwrite(tmp_path / f"part{i}.tif", video[start:stop], photometric="minisblack")
    opened = open_video(tmp_path)
    np.testing.assert_array_equal(opened.compute(), video)
    frames, _ = open_frames(tmp_path)
    np.testing.assert_array_equal(frames.read(8, 23), video[8:23])


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_an_image_that_differs_is_named(tmp_path, suffix):
    write_sequence(tmp_path, [*counts(3, 20, 24), counts(20, 25)], suffix)
    with pytest.raises(VideoFormatError, match=rf"frame3{suffix} has 20 x 25 px"):
        open_video(tmp_path).compute()


def test_a_damaged_image_is_named(tmp_path):
    write_sequence(tmp_path, counts(3, 20, 24))
    (tmp_path / "frame2.png").write_bytes(b"damaged")
    with pytest.raises(VideoFormatError, match=r"frame2\.png is not a readable image"):
        open_video(tmp_path).compute()


def test_grey_weighs_red_green_and_blue_as_the_standard_says():
    one = np.zeros((1, 1, 3), np.float64)
    for channel, weight in enumerate((0.299, 0.587, 0.114)):
        colour = one.copy()
        colour[..., channel] = 1
        assert to_grey(colour)[0, 0] == pytest.approx(weight)
    assert to_grey(np.full((2, 2, 4), 255, np.uint8)).tolist() == [[255, 255], [255, 255]]
