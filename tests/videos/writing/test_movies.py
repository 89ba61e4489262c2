"""Movies show what they should, at the right rate, or are not there."""

import tracemalloc

import av
import dask.array as da
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from napari_uai.errors import BadValueError, CancelledError, OutputError
from napari_uai.monitor import Monitor
from napari_uai.videos import MovieSettings, open_video, video_info, write_movie
from napari_uai.videos.writing.movies import MOVIE_SUFFIXES
from napari_uai.videos.writing.overlay import BRIGHT, DARK, UNSIGNED, Overlay, scale_bar_um

PLAIN = {"zoom": 1, "scale_bar": False, "time": False}


def counts(n=30, rows=20, columns=24):
    return np.random.default_rng(1).integers(0, 256, (n, rows, columns)).astype("u1")


def grey(path):
    return np.asarray(open_video(path))


@pytest.mark.parametrize(("rows", "columns"), [(20, 24), (21, 23)])
def test_an_avi_holds_the_pixels_of_8_bits_as_they_are(tmp_path, rows, columns):
    video = counts(rows=rows, columns=columns)
    path = write_movie(video, tmp_path / "a.avi", MovieSettings(low=0, high=255, **PLAIN))
    np.testing.assert_array_equal(grey(path), video)


@pytest.mark.filterwarnings("ignore::napari_uai.videos.VideoWarning")
def test_an_mp4_is_close_to_the_video_and_padded_to_even_sides(tmp_path):
    ramp = np.linspace(0, 255, 31 * 45).reshape(1, 31, 45).repeat(9, 0)
    path = write_movie(ramp, tmp_path / "a.mp4", MovieSettings(low=0, high=255, **PLAIN))
    shown = grey(path)
    assert shown.shape == (9, 32, 46)
    np.testing.assert_allclose(shown[:, :31, :45], ramp, atol=8)


def test_a_gif_plays_at_the_rate(tmp_path):
    path = write_movie(counts(), tmp_path / "a.gif", MovieSettings(rate=20, **PLAIN))
    with Image.open(path) as gif:
        assert gif.n_frames == 30
        assert gif.size == (24, 20)
        assert gif.info["duration"] == 50


def test_contrast_limits_become_black_and_white(tmp_path):
    video = np.full((3, 8, 8), 1000.0)
    video[1], video[2] = 1100, np.nan
    settings = MovieSettings(low=900, high=1100, **PLAIN)
    shown = grey(write_movie(video, tmp_path / "a.avi", settings))
    assert [int(frame[0, 0]) for frame in shown] == [128, 255, 0]


def test_the_sidecar_states_the_scale_of_the_recording_not_of_the_movie(tmp_path):
    settings = MovieSettings(step=4, rate=25, zoom=2)
    path = write_movie(
        counts(), tmp_path / "a.avi", settings, pixel_size_um=0.05, frame_rate_hz=400
    )
    info = video_info(path)
    assert info.shape == (8, 40, 48)
    assert info.frame_rate_hz == pytest.approx(100)
    assert info.pixel_size_um == pytest.approx(0.025)


@pytest.mark.parametrize("step", [1, 3, 7])
def test_every_nth_frame_is_shown(tmp_path, step):
    settings = MovieSettings(low=0, high=255, step=step, **PLAIN)
    shown = grey(write_movie(counts(), tmp_path / "a.avi", settings))
    np.testing.assert_array_equal(shown, counts()[::step])


@pytest.mark.filterwarnings("ignore:.*are converted to grey")
def test_landings_are_marked_where_and_when_they_happened(tmp_path):
    video = np.zeros((100, 40, 40), "u1")
    landings = pd.DataFrame({"raw_frame": [150], "y": [25.0], "x": [32.0]})
    settings = MovieSettings(low=0, high=255, rate=10, mark=1.0, zoom=4, time=False)
    path = write_movie(video, tmp_path / "a.avi", settings, landings=landings, origin=(100, 5, 2))
    shown = grey(path)
    marked = np.flatnonzero(shown.max(axis=(1, 2)))
    assert (marked[0], marked[-1]) == (45, 55)
    y, x = np.nonzero(shown[50])
    assert y.mean() == pytest.approx(4 * 20.5, abs=1)
    assert x.mean() == pytest.approx(4 * 30.5, abs=1)


def rgb(path):
    with av.open(str(path)) as movie:
        return np.array([frame.to_ndarray(format="rgb24") for frame in movie.decode(video=0)])


@pytest.mark.parametrize(("contrast", "hue"), [(0.02, BRIGHT), (-0.01, DARK)])
@pytest.mark.parametrize(("suffix", "off_by"), [(".avi", 0), (".gif", 1), (".mp4", 12)])
def test_marks_are_coloured_by_sign_and_all_else_stays_grey(
    tmp_path, suffix, off_by, contrast, hue
):
    ramp = np.linspace(0, 255, 60 * 80).reshape(1, 60, 80).repeat(5, 0).round()
    landings = pd.DataFrame({"frame": [2], "y": [30.0], "x": [20.0], "contrast": [contrast]})
    settings = MovieSettings(low=0, high=255, rate=2, mark=1.0, **PLAIN | {"zoom": 4})
    path = write_movie(ramp, tmp_path / f"a{suffix}", settings, landings=landings)
    shown = rgb(path).astype(int)
    expected = ramp.repeat(4, 1).repeat(4, 2)
    y, x = np.mgrid[:240, :320]
    from_centre = np.hypot(y - 4 * 30.5, x - 4 * 20.5)
    far = np.abs(from_centre - 20) > 6
    for frame, is_marked in zip(shown, (False, True, True, True, False), strict=True):
        place = far if is_marked else np.ones_like(far)
        for channel in range(3):
            np.testing.assert_allclose(frame[place, channel], expected[0][place], atol=off_by)
        coloured = np.ptp(frame, axis=-1) > 100
        assert coloured.any() == is_marked
        if is_marked:
            ring = frame[coloured & (np.abs(from_centre - 20) < 1)]
            np.testing.assert_allclose(np.median(ring, axis=0), hue, atol=3 * off_by + 1)


def test_marks_have_the_colour_that_they_have_in_the_window():
    from napari_uai.widgets.kit import palette

    for rgb_colour, name in ((BRIGHT, "BRIGHT"), (DARK, "DARK"), (UNSIGNED, "UNSIGNED")):
        assert "#{:02x}{:02x}{:02x}".format(*rgb_colour) == getattr(palette, name)


@pytest.mark.parametrize(
    ("longest", "length"), [(0.7, 0.5), (1.0, 1.0), (3, 2), (9.99, 5), (0.011, 0.01), (250, 200)]
)
def test_scale_bars_have_round_lengths(longest, length):
    assert scale_bar_um(longest) == pytest.approx(length)


def test_the_scale_bar_is_as_long_as_it_says():
    pixels = np.full((300, 400), 100, "u1")
    Overlay(zoom=2, pixel_size_um=0.05).draw(pixels, 0)
    bar = pixels[300 - 15 // 2 - 2]  # 15 px letters, 3 px high bar
    assert (bar == 255).sum() == 80  # 2 µm at 0.025 µm per pixel of the movie


def test_time_or_frame_number_is_written():
    assert Overlay(seconds_per_frame=1 / 400)._time(1001) == "2.502 s"
    assert Overlay()._time(1001) == "frame 1001"
    blank = np.full((300, 400), 100, "u1")
    stamped = blank.copy()
    Overlay(timed=True).draw(stamped, 7)
    changed = np.argwhere(stamped != blank)
    assert len(changed)
    assert changed.max(axis=0)[0] < 40


@pytest.mark.parametrize("suffix", MOVIE_SUFFIXES)
def test_a_cancelled_movie_leaves_nothing(tmp_path, suffix, monkeypatch):
    monkeypatch.setattr("napari_uai.videos.frames.CHUNK_BYTES", 4 * 20 * 24 * 7)
    told = []
    monitor = Monitor(lambda fraction, _: told.append(fraction), lambda: len(told) > 1)
    with pytest.raises(CancelledError):
        write_movie(counts(300), tmp_path / f"a{suffix}", MovieSettings(**PLAIN), monitor=monitor)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_is_refused(tmp_path):
    with pytest.raises(BadValueError, match=r"not a movie: use one of \.avi, \.mp4, \.gif"):
        write_movie(counts(), tmp_path / "a.tif")
    with pytest.raises(BadValueError, match="no frames"):
        write_movie(counts(0), tmp_path / "a.avi")
    with pytest.raises(BadValueError, match="low must be below high"):
        write_movie(counts(), tmp_path / "a.avi", MovieSettings(low=1e6))
    with pytest.raises(BadValueError, match="no column y"):
        write_movie(counts(), tmp_path / "a.avi", landings=pd.DataFrame({"frame": [1]}))
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "a.avi").write_text("mine")
    with pytest.raises(OutputError, match="already exists"):
        write_movie(counts(), tmp_path / "a.avi")


def test_memory_does_not_grow_with_the_length_of_a_movie(tmp_path):
    video = da.zeros((20_000, 100, 100), dtype="u2", chunks=(100, 100, 100))  # 400 MB
    tracemalloc.start()
    write_movie(video, tmp_path / "a.avi", MovieSettings(step=2, **PLAIN))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100e6
