"""Movies: every frame is the one that a plain pass through the file gives."""

import pickle

import av
import numpy as np
import pytest

from napari_uai.errors import VideoFormatError
from napari_uai.videos import VideoWarning, open_frames, open_video, video_info
from napari_uai.videos.grey import to_grey

HEIGHT, WIDTH = 48, 60


def scene(n=60, most=255):
    """Frames that all differ: a spot that moves over a slope."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    spots = [np.exp(-((x - k % WIDTH) ** 2 + (y - 20) ** 2) / 20) for k in range(n)]
    return np.rint((np.array(spots) + x / WIDTH) / 2 * most).astype("u1" if most < 256 else "u2")


def grey_frame(pixels, layout):
    frame = av.VideoFrame(WIDTH, HEIGHT, layout)
    plane = frame.planes[0]
    rows = np.zeros((HEIGHT, plane.line_size // pixels.itemsize), pixels.dtype)
    rows[:, :WIDTH] = pixels
    plane.update(rows.tobytes())
    return frame


def write_movie(path, video, codec, layout, *, rate=30, b_frames=0, gop=12, times=None):
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, layout
        stream.max_b_frames, stream.gop_size = b_frames, gop
        for k, pixels in enumerate(video):
            if layout.startswith("gray"):
                frame = grey_frame(pixels, layout)
            else:
                frame = av.VideoFrame.from_ndarray(np.repeat(pixels[..., None], 3, -1), "rgb24")
            if times is not None:
                frame.pts = times[k]
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def plain_pass(path):
    """Decode a movie from its first frame to its last."""
    with av.open(str(path)) as container:
        frames = container.decode(container.streams.video[0])
        return np.array([to_grey(frame.to_ndarray(format="rgb24")) for frame in frames])


@pytest.mark.parametrize(
    ("layout", "most"), [("gray", 255), ("gray10le", 1023), ("gray12le", 4095), ("gray16le", 65535)]
)
def test_lossless_grey_movies_give_the_pixels_that_were_written(tmp_path, layout, most):
    video = scene(most=most)
    frames, info = open_frames(write_movie(tmp_path / "a.mkv", video, "ffv1", layout, rate=400))
    assert (info.format, info.frame_rate_hz, info.warnings) == ("movie", 400, ())
    np.testing.assert_array_equal(frames.read(0, 60), video)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(frames)).read(50, 52), video[50:52])


def test_uncompressed_grey_avi_gives_the_pixels_that_were_written(tmp_path):
    write_movie(tmp_path / "a.avi", scene(), "rawvideo", "gray")
    assert open_video(tmp_path / "a.avi").dtype == np.uint8
    np.testing.assert_array_equal(open_video(tmp_path / "a.avi").compute(), scene())
    (tmp_path / "a.avi").rename(tmp_path / "b.dat")
    assert video_info(tmp_path / "b.dat").format == "movie"


@pytest.mark.filterwarnings("ignore:.*compressed with losses", "ignore:.*colours", "ignore:.*times")
@pytest.mark.parametrize(
    ("name", "codec", "layout", "b_frames"),
    [
        ("a.avi", "mjpeg", "yuvj444p", 0),
        ("a.avi", "mpeg4", "yuv420p", 0),
        ("a.avi", "mpeg4", "yuv420p", 2),
        ("a.avi", "libx264", "yuv420p", 3),
        ("a.mp4", "libx264", "yuv420p", 0),
        ("a.mp4", "libx264", "yuv420p", 3),
        ("a.mov", "mpeg4", "yuv420p", 2),
        ("a.mkv", "libx264", "yuv420p", 3),
        ("a.webm", "libvpx-vp9", "yuv420p", 0),
        ("a.mpg", "mpeg2video", "yuv420p", 2),
    ],
)
def test_any_frame_is_that_of_a_plain_pass(tmp_path, name, codec, layout, b_frames):
    rate = 25
    path = write_movie(tmp_path / name, scene(), codec, layout, rate=rate, b_frames=b_frames)
    whole = plain_pass(path)
    frames, _ = open_frames(path)
    assert len(frames) == len(whole)
    source = frames.source  # without the blocks that are kept
    for start in np.random.default_rng(0).permutation(len(whole)):
        stop = start + 1 + start % 3
        np.testing.assert_array_equal(source.read(start, stop), whole[start:stop])
    np.testing.assert_array_equal(frames.read(0, len(whole)), whole)


def test_what_loses_contrast_or_colour_is_said(tmp_path):
    write_movie(tmp_path / "a.mp4", scene(), "libx264", "yuv420p")
    lossy, colours = video_info(tmp_path / "a.mp4").warnings
    assert "compressed with losses (h264)" in lossy
    assert "colours (yuv420p) are converted to grey" in colours


def test_uneven_times_are_said(tmp_path):
    times = [*range(30), *range(35, 65)]
    write_movie(tmp_path / "a.mkv", scene(), "ffv1", "gray", times=times)
    with pytest.warns(VideoWarning, match="1 of 59 intervals between frames differ"):
        opened = open_video(tmp_path / "a.mkv")
    np.testing.assert_array_equal(opened.compute(), scene())


@pytest.mark.parametrize("content", [b"", b"RIFF", b"RIFF\0\0\0\0AVI LIST", b"text" * 100])
@pytest.mark.parametrize("name", ["a.avi", "a.mp4"])
def test_what_is_no_movie_is_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(VideoFormatError, match=r"empty|not a readable movie|contains no"):
        open_video(tmp_path / name)


def test_a_movie_whose_end_is_missing_is_refused(tmp_path):
    path = write_movie(tmp_path / "a.mp4", scene(), "libx264", "yuv420p")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(VideoFormatError, match="not a readable movie"):
        open_video(path)


def test_a_movie_is_never_taken_as_headerless(tmp_path):
    path = write_movie(tmp_path / "a.avi", scene(), "rawvideo", "gray")
    with pytest.raises(VideoFormatError, match="has dtype uint8, not uint16"):
        open_video(path, height=HEIGHT, width=WIDTH, dtype="<u2")
