"""Movies, FITS files, and files of microscopes; none is offered as headerless pixels."""

import av
import cv2
import numpy as np
import pytest
from astropy.io import fits

LOSSES = r"is compressed with losses \({}\); contrasts may be wrong"
GREY = "are converted to grey"


def movie(path, frames, codec, layout, **options):
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=30, options=options)
        stream.width, stream.height, stream.pix_fmt = frames.shape[2], frames.shape[1], layout
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="gray")))
        container.mux(stream.encode())
    return path


def as_opencv_decodes(path):
    """Frames as grey, by FFmpeg inside of OpenCV."""
    film = cv2.VideoCapture(str(path))
    frames = []
    while True:
        there, picture = film.read()
        if not there:
            return np.stack(frames)
        frames.append(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY))


@pytest.fixture
def grey(b):
    """Frames of eight bits."""
    return (b[:60] // 16).astype("u1")


def test_avi_mjpg(tmp_path, grey, opens):
    path = movie(tmp_path / "a.avi", grey, "mjpeg", "yuvj444p")
    right = as_opencv_decodes(path)
    assert right.shape == grey.shape
    assert abs(right.astype(float) - grey).mean() < 6
    opens(path, right, hz=30, notes=[LOSSES.format("mjpeg"), GREY], atol=2)


def test_avi_as_told(tmp_path, grey, opens, refused):
    path = movie(tmp_path / "a.avi", grey, "rawvideo", "gray")
    known = opens(path, grey, hz=30, height=32, width=40, dtype="uint8")
    assert known.format == "movie"
    refused(path, "has dtype uint8, not uint16: omit (--)?dtype", height=32, width=40, dtype="<u2")


def test_mp4(tmp_path, grey, opens):
    path = movie(tmp_path / "a.mp4", grey, "libx264", "yuv420p")
    right = as_opencv_decodes(path)
    assert right.shape == grey.shape
    opens(path, right, hz=30, notes=[LOSSES.format("h264"), GREY], atol=2)


def test_fits_as_raw(tmp_path, b, refused):
    fits.PrimaryHDU(b).writeto(tmp_path / "a.fits")
    given = {"height": 32, "width": 40, "dtype": ">i2", "offset": 2880}
    refused(tmp_path / "a.fits", "has a header: omit (--)?offset", **given)


def test_fits_as_told(tmp_path, b, opens):
    fits.PrimaryHDU(b).writeto(tmp_path / "a.fits")
    known = opens(tmp_path / "a.fits", b, height=32, width=40, dtype="<u2")
    assert known.format == "fits"


def test_nd2_name(tmp_path, b, refused, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "bioio", None)
    head = b"\xda\xce\xbe\x0a" + bytes(8000)
    (tmp_path / "a.nd2").write_bytes(head + b.tobytes())
    refused(tmp_path / "a.nd2", r'pip install "napari-uai\[bioio\]"')
