"""Animations: GIF, APNG and WebP that Pillow wrote, FLI, compared with what Pillow reads."""

import struct

import numpy as np
import pytest
from PIL import Image

from napari_uai.errors import VideoFormatError
from napari_uai.videos import open_frames, open_video, video_info

N, HEIGHT, WIDTH = 40, 24, 32


def moving():
    """A still picture with a square that moves: files state only what changes."""
    frames = np.tile(np.arange(WIDTH, dtype="u1") * 4, (N, HEIGHT, 1))
    for k, frame in enumerate(frames):
        frame[k // 2 : k // 2 + 3, k % 28 : k % 28 + 3] = 200 + k
    return frames


def write(path, frames, **options):
    first, *others = map(Image.fromarray, frames)
    first.save(path, save_all=True, append_images=others, duration=40, **options)
    return path


def as_pillow_reads(path):
    frames = []
    with Image.open(path) as image:
        for k in range(image.n_frames):
            image.seek(k)
            shown = image if image.mode == "P" and path.suffix == ".flc" else image.convert("L")
            frames.append(np.array(shown))
    return np.stack(frames)


@pytest.mark.parametrize(
    ("name", "options", "form"),
    [
        ("a.gif", {}, "movie"),
        ("a.gif", {"optimize": True}, "movie"),
        ("a.apng", {"format": "PNG"}, "movie"),
        ("a.png", {}, "movie"),
        ("a.webp", {"lossless": True}, "webp"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*colours .*are converted to grey")
def test_frames_in_any_order_are_those_of_pillow(tmp_path, name, options, form):
    path = write(tmp_path / name, moving(), **options)
    right = as_pillow_reads(path)
    np.testing.assert_array_equal(right, moving())
    for order in (range(N), [39, 0, 20, 5, 38, 1]):
        frames, info = open_frames(path)
        for k in order:
            np.testing.assert_array_equal(frames.read(k, k + 1)[0], right[k])
    assert (info.format, info.frame_rate_hz, info.shape) == (form, 25, right.shape)
    assert not any("losses" in note for note in info.warnings)


def flic(path, frames, ring=True):
    """An FLC animation: the first frame whole, of the others the bytes that change."""

    def chunk(kind, content):
        return struct.pack("<IH", 6 + len(content), kind) + content

    def frame(*chunks):
        content = b"".join(chunks)
        return struct.pack("<IHH8x", 16 + len(content), 0xF1FA, len(chunks)) + content

    def changed(before, after):
        rows = np.flatnonzero((before != after).any(axis=1))
        if not rows.size:
            return chunk(12, struct.pack("<HH", 0, 0))
        lines = b""
        for row in range(rows[0], rows[-1] + 1):
            pixels = np.flatnonzero(before[row] != after[row])
            if pixels.size:
                first, last = int(pixels[0]), int(pixels[-1]) + 1
                lines += bytes([1, first, last - first]) + after[row, first:last].tobytes()
            else:
                lines += bytes([0])
        return chunk(12, struct.pack("<HH", rows[0], rows[-1] - rows[0] + 1) + lines)

    greys = np.repeat(np.arange(256, dtype="u1"), 3).tobytes()
    parts = [frame(chunk(4, struct.pack("<HBB", 1, 0, 0) + greys), chunk(16, frames[0].tobytes()))]
    parts += [frame(changed(frames[k - 1], frames[k])) for k in range(1, len(frames))]
    if ring:
        parts.append(frame(changed(frames[-1], frames[0])))
    content = b"".join(parts)
    n, height, width = frames.shape
    head = struct.pack("<IHHHHHHI", 128 + len(content), 0xAF12, n, width, height, 8, 3, 40)
    head = head.ljust(80, b"\0") + struct.pack("<II", 128, 128 + len(parts[0]))
    path.write_bytes(head.ljust(128, b"\0") + content)
    return path


@pytest.mark.parametrize("ring", [True, False])
@pytest.mark.filterwarnings("ignore:.*colour table")
def test_frames_of_flic_are_those_of_pillow(tmp_path, ring):
    path = flic(tmp_path / "a.flc", moving(), ring)
    right = as_pillow_reads(path)
    np.testing.assert_array_equal(right[:N], moving())
    for order in (range(N), [39, 0, 20, 5, 38, 1]):
        frames, info = open_frames(path)
        for k in order:
            np.testing.assert_array_equal(frames.read(k, k + 1)[0], moving()[k])
    assert (info.format, info.frame_rate_hz, info.shape) == ("movie", 25, moving().shape)
    renamed = path.rename(tmp_path / "a.dat")
    np.testing.assert_array_equal(open_video(renamed).compute(), moving())


@pytest.mark.filterwarnings("ignore:.*colours are converted to grey")
def test_uneven_times_are_said(tmp_path):
    first, *others = map(Image.fromarray, moving())
    times = [40] * 20 + [400] + [40] * 19
    first.save(tmp_path / "a.webp", save_all=True, append_images=others, duration=times)
    assert "1 of 39 intervals" in video_info(tmp_path / "a.webp").warnings[1]


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.flc", "a.apng"])
def test_a_damaged_animation_is_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"damaged" * 99)
    with pytest.raises(VideoFormatError, match=f"{name} is not a readable .*: export it again"):
        open_video(tmp_path / name)


def test_a_still_png_stays_an_image(tmp_path):
    Image.fromarray(moving()[0]).save(tmp_path / "a.png")
    assert video_info(tmp_path / "a.png").format == "images"
