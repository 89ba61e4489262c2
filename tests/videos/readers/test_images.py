"""Image sequences: order, kinds, colours."""

import pickle

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_uai.errors import VideoFormatError
from napari_uai.videos import VideoWarning, open_frames, open_video, video_info
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
    (tmp_path / "a.jpg").write_bytes(b"")
    (tmp_path / "b.jpg").write_bytes(b"")
    with pytest.raises(VideoFormatError, match="several kinds"):
        open_video(tmp_path)
    np.testing.assert_array_equal(open_video(tmp_path / "*.png").compute(), video)
    np.testing.assert_array_equal(open_video(tmp_path / "frame1?.png").compute(), video[10:])
    with pytest.raises(VideoFormatError, match="matches no images"):
        open_video(tmp_path / "*.tif")


@pytest.mark.parametrize(
    "name", ["overview.png", "mean.png", "frame99.png", "frame99.jpg", "preview.avi", "dark.npy"]
)
def test_a_stray_file_is_left_out_and_said(tmp_path, name):
    write_sequence(tmp_path, counts())
    picture = counts(12, 20, 24)[0] if name == "mean.png" else counts(9, 7, dtype="u1")
    if name.endswith(("png", "jpg")):
        cv2.imwrite(str(tmp_path / name), picture)
    else:
        (tmp_path / name).write_bytes(b"something")
    with pytest.warns(VideoWarning, match=f"{name} is left out"):
        opened = open_video(tmp_path)
    np.testing.assert_array_equal(opened.compute(), counts())


def test_files_of_the_system_are_no_images(tmp_path):
    write_sequence(tmp_path, counts())
    for name in ("Thumbs.db", "desktop.ini", "._frame1.png", ".DS_Store"):
        (tmp_path / name).write_bytes(b"x" * 100)
    assert video_info(tmp_path).warnings == ()
    np.testing.assert_array_equal(open_video(tmp_path).compute(), counts())


@pytest.mark.parametrize(
    "names",
    [
        [f"Image ({k}).png" for k in range(1, 13)],
        [f"t={k}s.png" for k in (-10, -9, -2, -1, 0, 1, 2, 3, 9, 10, 11, 100)],
        [f"t={k}ms.png" for k in (-1.5, -0.25, 0, 0.125, 0.25, 0.5, 1, 1.5, 2, 2.75, 10, 11)],
        [f"run-{k}.png" for k in range(1, 13)],
        [f"a.1.{k}.png" for k in range(1, 13)],
        [f"2024-01-05 12.30.{k:02d}.png" for k in range(12)],
        ["run.png", *(f"run_X{k}.png" for k in range(2, 13))],
        ["f.png", *(f"f ({k}).png" for k in range(1, 12))],
        [f"img_{k:09d}_Default_000.png" for k in range(12)],
    ],
    ids=lambda names: names[-1],
)
def test_numbers_in_names_are_ordered_by_value(tmp_path, names):
    for name, frame in zip(names, counts(), strict=True):
        cv2.imwrite(str(tmp_path / name), frame)
    assert video_info(tmp_path).warnings == ()
    np.testing.assert_array_equal(open_video(tmp_path).compute(), counts())


def test_two_numbers_that_vary_are_said(tmp_path):
    for k, frame in enumerate(counts()):
        cv2.imwrite(str(tmp_path / f"pos{k // 6}_t{k % 6}.png"), frame)
    with pytest.warns(VideoWarning, match=r"two numbers in the names vary \(pos 2, t 6\)"):
        open_video(tmp_path)


def test_missing_images_are_said(tmp_path):
    write_sequence(tmp_path, counts(30, 20, 24))
    for k in (10, 11, 12, 20):
        (tmp_path / f"frame{k}.png").unlink()
    with pytest.warns(VideoWarning, match=r"4 numbers are missing .* frame9\.png and frame13\.png"):
        opened = open_video(tmp_path)
    assert opened.shape == (26, 20, 24)


def test_folders_of_positions_are_named(tmp_path):
    for name in ("Pos0", "Pos1"):
        (tmp_path / name).mkdir()
        write_sequence(tmp_path / name, counts(), ".tif")
    with pytest.raises(VideoFormatError, match=r"its folders Pos0, Pos1 do: give one of them"):
        open_video(tmp_path)
    np.testing.assert_array_equal(open_video(tmp_path / "Pos1").compute(), counts())


def test_a_folder_of_different_recordings_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", counts())
    np.save(tmp_path / "c.npy", counts())
    (tmp_path / "b.bin").write_bytes(bytes(100))
    (tmp_path / "bad.tif").write_bytes(b"II*\0")
    with pytest.raises(VideoFormatError, match=r"several kinds \(a\.tif, b\.bin, bad\.tif, c\.npy"):
        open_video(tmp_path)


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("place", [0, 5, 11])
def test_stacks_among_single_tiffs_are_read_whole_and_said(tmp_path, compression, place):
    video = counts(20, 20, 24)
    start = 0
    for k in range(12):
        n = 9 if k == place else 1
        tifffile.imwrite(
            tmp_path / f"f_{k:05d}.tif",
            video[start : start + n],
            compression=compression,
            photometric="minisblack",
        )
        start += n
    with pytest.warns(VideoWarning, match=f"f_{place:05d}.tif holds 9 frames, the others 1"):
        opened = open_video(tmp_path)
    np.testing.assert_array_equal(opened.compute(), video)


@pytest.mark.parametrize("suffix", [".bmp", ".pgm"])
def test_other_pictures_are_read(tmp_path, suffix):
    write_sequence(tmp_path, counts(dtype="u1"), suffix)
    np.testing.assert_array_equal(open_video(tmp_path).compute(), counts(dtype="u1"))


def test_one_image_is_a_video_of_one_frame(tmp_path):
    write_sequence(tmp_path, counts(1, 20, 24))
    assert open_video(tmp_path / "frame0.png").shape == (1, 20, 24)


def test_jpg_is_read(tmp_path):
    smooth = np.tile(np.linspace(50, 200, 32).astype(np.uint8), (2, 16, 1))
    write_sequence(tmp_path, smooth, ".jpg")
    np.testing.assert_allclose(open_video(tmp_path).compute(), smooth, atol=3)


@pytest.mark.filterwarnings("ignore:.*colours are converted to grey")
@pytest.mark.parametrize("channels", [3, 4])
def test_red_green_and_blue_keep_their_weights(tmp_path, channels):
    rgb = counts(2, 10, 11, channels, dtype="u1")
    bgr = rgb[..., [2, 1, 0, 3][:channels]]  # OpenCV writes blue first
    write_sequence(tmp_path, bgr)
    np.testing.assert_array_equal(open_video(tmp_path).compute(), to_grey(rgb))
    assert "colours are converted to grey" in video_info(tmp_path).warnings[0]


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


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", ">u2", "u4", "i4"])
@pytest.mark.parametrize("channels", [3, 4])
def test_grey_of_whole_numbers_is_rounded_exactly(dtype, channels):
    limits = np.iinfo(dtype)
    colours = np.random.default_rng(0).integers(
        limits.min, limits.max, (200, 300, channels), endpoint=True
    )
    colours[0, 0] = limits.max
    colours[0, 1:101, :3] = [[0, 0, k * 250 % 100] for k in range(100)]  # many halves
    thousandths = colours[..., :3] @ np.array([299, 587, 114])
    whole, rest = thousandths // 1000, thousandths % 1000
    expected = whole + ((rest > 500) | ((rest == 500) & (whole % 2 == 1)))
    grey = to_grey(colours.astype(dtype))
    assert grey.dtype == dtype
    np.testing.assert_array_equal(grey, expected)
    planar = np.ascontiguousarray(np.moveaxis(colours.astype(dtype), -1, 0))
    np.testing.assert_array_equal(to_grey(np.moveaxis(planar, 0, -1)), expected)


def test_what_becomes_of_a_folder_after_it_was_opened_is_said(tmp_path):
    write_sequence(tmp_path, counts(40, 20, 24), ".tif")
    frames, _ = open_frames(tmp_path)
    tifffile.imwrite(tmp_path / "frame1.tif", counts(2, 20, 24), photometric="minisblack")
    tifffile.imwrite(tmp_path / "frame2.tif", counts(20, 25), photometric="minisblack")
    np.testing.assert_array_equal(frames.read(0, 1), counts(40, 20, 24)[:1])
    with pytest.raises(VideoFormatError, match=r"frame1\.tif has changed since its folder"):
        frames.read(1, 2)
    with pytest.raises(VideoFormatError, match=r"frame2\.tif has 20 x 25 px"):
        frames.read(2, 3)


@pytest.mark.parametrize("options", [{}, {"compression": "lzw", "predictor": True}])
def test_folders_of_tiff_files_of_one_page_open(tmp_path, options):
    rgb = counts(40, 20, 24, 3, dtype="u1")
    for k, frame in enumerate(rgb):
        tifffile.imwrite(tmp_path / f"{k}.tif", frame, photometric="rgb", **options)
    with pytest.warns(VideoWarning, match="colours are converted to grey"):
        opened = open_video(tmp_path)
    np.testing.assert_array_equal(opened.compute(), to_grey(rgb))


@pytest.mark.parametrize("damage", [b"II*\0", b"II*\0\x08\0\0\0\xff\xff", b""])
def test_a_damaged_tiff_of_a_folder_is_named(tmp_path, damage):
    write_sequence(tmp_path, counts(40, 20, 24), ".tif")
    frames, _ = open_frames(tmp_path)
    (tmp_path / "frame7.tif").write_bytes(damage)
    with pytest.raises(VideoFormatError, match=r"frame7\.tif"):
        frames.read(7, 8)


@pytest.mark.parametrize("mode", ["RGBA", "RGB", "LA", "P", "1", "L"])
def test_a_png_of_another_kind_is_left_out_and_said(tmp_path, mode):
    write_sequence(tmp_path, counts(30, 20, 24))
    Image.new(mode, (24, 20)).save(tmp_path / "frame30.png")
    with pytest.warns(VideoWarning, match=r"frame30\.png is left out"):
        opened = open_video(tmp_path)
    assert opened.shape == (30, 20, 24)
