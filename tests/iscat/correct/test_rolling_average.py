from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor

import dask.array as da
import numpy as np
import pytest

from napari_uai.errors import BadValueError, CancelledError, TooFewFramesError
from napari_uai.iscat.correct import prefix_sums
from napari_uai.iscat.correct.power import PowerNormalizedFrames, power_normalization
from napari_uai.iscat.correct.prefix_sums import PrefixSums
from napari_uai.iscat.correct.rolling_average import (
    DifferentialFrames,
    RollingMeanFrames,
    differential_rolling_average,
    rolling_mean,
)
from napari_uai.monitor import Monitor
from napari_uai.videos import frames as videos
from napari_uai.videos.frames import ArrayFrames, Frames, compute_video

RNG = np.random.default_rng(2)
SPECKLE = RNG.uniform(800, 3000, (13, 11))
LASER = 1 + 0.02 * np.sin(np.arange(301) / 9)
COUNTS = RNG.poisson(SPECKLE * LASER[:, None, None]).astype(np.uint16)
DETUNED = COUNTS / 7 + 1e-3 * RNG.normal(size=COUNTS.shape)
"""No two deviations from a median are equal, so that rounding decides nothing."""


def clipped_mean(values, axis):
    deviation = np.abs(values - np.median(values, axis=axis, keepdims=True))
    inside = deviation <= np.median(deviation, axis=axis, keepdims=True)
    return np.mean(values, axis=axis, keepdims=True, where=inside)


STATISTICS = {
    "none": lambda values, axis: 0.0,
    "median": lambda values, axis: np.median(values, axis=axis, keepdims=True),
    "clipped_mean": clipped_mean,
}


def plain(video, size, method="none", axes="both"):
    """float64, frame by frame, as the formula is printed."""
    video = video.astype(np.float64)
    out = []
    for i in range(len(video) - 2 * size + 1):
        before = video[i : i + size].mean(axis=0)
        difference = video[i + size : i + 2 * size].mean(axis=0) - before
        if axes in ("both", "rows"):
            difference = difference - STATISTICS[method](difference, 1)
        if axes in ("both", "columns"):
            difference = difference - STATISTICS[method](difference, 0)
        out.append(difference / before)
    return np.array(out)


def assert_close(actual, expected):
    """To 1e-6 of the video's typical contrast."""
    np.testing.assert_allclose(actual, expected, rtol=1e-6, atol=1e-6 * np.std(expected))


@pytest.mark.parametrize("axes", ["both", "rows", "columns"])
@pytest.mark.parametrize("method", ["none", "median", "clipped_mean"])
def test_agrees_with_the_plain_formula(method, axes):
    out = differential_rolling_average(DETUNED, batch_size=20, fixed_pattern=method, axes=axes)
    assert out.dtype == np.float32
    assert out.shape == (262, 13, 11)
    assert_close(out, plain(DETUNED, 20, method, axes))


@pytest.mark.parametrize("size", [1, 7, 64, 149, 150])
def test_any_batch_that_fits_twice(size):
    out = differential_rolling_average(COUNTS, batch_size=size)
    assert_close(out, plain(COUNTS, size, "median"))


def test_shortest_video_gives_one_frame():
    out = differential_rolling_average(COUNTS[:2], batch_size=1)
    assert_close(out, plain(COUNTS[:2], 1, "median"))


@pytest.mark.parametrize("shape", [(5, 1, 1), (5, 1, 8), (5, 8, 1), (5, 3, 200), (5, 200, 3)])
def test_frames_of_any_shape(shape):
    video = RNG.uniform(1, 2, shape)
    for method in ("median", "clipped_mean"):
        out = differential_rolling_average(video, batch_size=2, fixed_pattern=method)
        assert_close(out, plain(video, 2, method))


@pytest.mark.parametrize("dtype", [">u2", "u1", "i8", "<f4", ">f8"])
def test_pixels_of_any_type(dtype):
    video = (COUNTS[:60] % 100 + 100).astype(dtype)
    out = differential_rolling_average(video, batch_size=20)
    assert_close(out, plain(video, 20, "median"))


def test_after_power_normalization_one_pass_finds_powers_and_sums():
    source = CountingFrames(COUNTS)
    normalized = videos.lazy_video(PowerNormalizedFrames(source))
    frames = videos.frames_of(differential_rolling_average(normalized, batch_size=40))
    frames.prepare()
    assert source.n_read <= len(COUNTS) + 1
    power = COUNTS.sum(axis=(1, 2))
    expected = COUNTS / power[:, None, None] * power.mean()
    assert_close(compute_video(frames), plain(expected, 40, "median"))


def test_region_of_the_power_is_honoured():
    region = (2, 9, 1, 5)
    normalized = power_normalization(da.from_array(COUNTS), region=region)
    power = COUNTS[:, 2:9, 1:5].sum(axis=(1, 2))
    out = differential_rolling_average(normalized, batch_size=33, fixed_pattern="none")
    assert_close(out.compute(), plain(COUNTS / power[:, None, None], 33))


@pytest.mark.parametrize("normalize", [False, True])
def test_any_frame_by_any_way_is_the_same_to_the_last_bit(monkeypatch, normalize):
    """Before or after the pass, alone or in a chunk, from near or distant borders."""

    def frames_with(spacing):
        source = ArrayFrames(COUNTS.astype(np.float32) / 7)
        sums = PrefixSums(PowerNormalizedFrames(source) if normalize else source)
        sums.spacing = spacing
        return DifferentialFrames(sums, 25, "median", "both")

    whole = frames_with(64).read(0, 252)
    for i in (0, 100, 251):
        np.testing.assert_array_equal(frames_with(64).read(i, i + 1)[0], whole[i])
    for spacing in (1, 10, 301, 1000):
        monkeypatch.setattr(prefix_sums, "MIN_SPACING", 0)
        frames = frames_with(spacing)
        frames.prepare()
        parts = [frames.read(i, min(i + 17, 252)) for i in range(0, 252, 17)]
        np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_lazy_equals_eager():
    eager = differential_rolling_average(COUNTS, batch_size=30)
    lazy = differential_rolling_average(da.from_array(COUNTS, chunks=(50, 13, 11)), batch_size=30)
    assert isinstance(lazy, da.Array)
    assert lazy.shape == eager.shape
    np.testing.assert_array_equal(lazy.compute(), eager)
    np.testing.assert_array_equal(lazy[100:103].compute(), eager[100:103])


def test_a_preview_reads_two_batches_and_scrolling_makes_the_pass_once():
    source = CountingFrames(COUNTS)
    frames = DifferentialFrames(PrefixSums(source), 10, "median", "both")
    frames.read(100, 101)
    assert source.n_read <= 21
    for i in range(150):
        frames.read(i, i + 1)
    assert source.n_read < 2 * len(COUNTS) + 150 * 3 * 33


def test_threads_share_one_pass():
    source = CountingFrames(COUNTS)
    frames = DifferentialFrames(PrefixSums(source), 100, "median", "both")
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(lambda i: frames.read(i, i + 1), range(0, 100, 10)))
    assert_close(np.concatenate(parts), plain(COUNTS, 100, "median")[0:100:10])
    assert source.n_read < 2 * len(COUNTS) + 10 * 3 * 33


def test_a_new_batch_size_needs_no_new_pass():
    source = videos.lazy_video(CountingFrames(COUNTS))
    first = videos.frames_of(differential_rolling_average(source, batch_size=10))
    second = videos.frames_of(differential_rolling_average(source, batch_size=20))
    assert first.sums is second.sums
    assert second.sums is videos.frames_of(rolling_mean(source, batch_size=5)).sums


def test_pickled_frames_make_their_own_pass():
    frames = DifferentialFrames(PrefixSums(ArrayFrames(COUNTS)), 50, "median", "both")
    expected = compute_video(frames)
    np.testing.assert_array_equal(compute_video(pickle.loads(pickle.dumps(frames))), expected)


def test_a_pass_reports_and_can_be_cancelled():
    frames = DifferentialFrames(PrefixSums(ArrayFrames(COUNTS)), 50, "median", "both")
    with pytest.raises(CancelledError):
        frames.prepare(Monitor(cancelled=lambda: True))
    seen = []
    frames.prepare(Monitor(progress=lambda fraction, message: seen.append(fraction)))
    assert seen[-1] == 1


def test_chunk_borders_do_not_show(monkeypatch):
    expected = differential_rolling_average(COUNTS, batch_size=30)
    monkeypatch.setattr(videos, "CHUNK_BYTES", 4 * 13 * 11 * 7)
    np.testing.assert_array_equal(differential_rolling_average(COUNTS, batch_size=30), expected)


def test_a_dead_column_is_zero_and_spoils_nothing_else():
    video = COUNTS.copy()
    video[:, :, 4] = 0
    out = differential_rolling_average(video, batch_size=20)
    assert np.all(out[:, :, 4] == 0)
    alive = np.delete(np.arange(11), 4)
    assert np.isfinite(out).all()
    reference = differential_rolling_average(COUNTS, batch_size=20)
    assert np.std(out[:, :, alive]) == pytest.approx(np.std(reference[:, :, alive]), rel=0.1)


def test_constant_frames_give_zero():
    assert not differential_rolling_average(np.full((9, 4, 5), 7, np.uint8), batch_size=3).any()
    assert not differential_rolling_average(np.zeros((9, 4, 5), np.uint8), batch_size=3).any()


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("frame", [0, 150, 300])
def test_a_frame_that_is_not_finite_is_named(value, frame):
    video = COUNTS.astype(np.float32)
    video[frame, 3, 3] = value
    with pytest.raises(BadValueError, match=f"frame {frame} "):
        differential_rolling_average(video, batch_size=50)
    with pytest.raises(BadValueError, match=f"frame {frame} "):
        differential_rolling_average(
            videos.lazy_video(PowerNormalizedFrames(ArrayFrames(video))), batch_size=50
        ).compute()


def test_a_frame_without_power_is_named_by_the_common_pass():
    video = COUNTS.copy()
    video[211] = 0
    normalized = power_normalization(da.from_array(video))
    with pytest.raises(BadValueError, match="frame 211 has no light"):
        differential_rolling_average(normalized, batch_size=50).compute()


def test_a_landing_is_a_triangle_whose_tip_is_one_batch_before_it():
    video = np.full((200, 9, 9), 1000.0)
    video[120:, 4, 4] *= 1.01
    trace = differential_rolling_average(video, batch_size=30, fixed_pattern="none")[:, 4, 4]
    assert np.argmax(trace) == 120 - 30
    assert trace.max() == pytest.approx(0.01, rel=1e-6)
    assert np.flatnonzero(trace)[[0, -1]].tolist() == [61, 119]


def test_noise_follows_the_closed_form():
    counts = RNG.poisson(1000, (4000, 16, 16))
    out = differential_rolling_average(counts, batch_size=100, fixed_pattern="none")
    assert out[::200].std() == pytest.approx(np.sqrt(2 / (100 * 1000)), rel=0.05)


@pytest.mark.parametrize("n", [0, 1, 9])
def test_a_video_shorter_than_two_batches_is_refused(n):
    with pytest.raises(TooFewFramesError, match="two batches of 5 frames need 10 frames"):
        differential_rolling_average(COUNTS[:n], batch_size=5)


def test_values_out_of_their_limits_are_refused():
    with pytest.raises(BadValueError, match="batch_size"):
        differential_rolling_average(COUNTS, batch_size=0)
    with pytest.raises(BadValueError, match="fixed_pattern"):
        differential_rolling_average(COUNTS, fixed_pattern="mean")
    with pytest.raises(BadValueError, match="axes"):
        differential_rolling_average(COUNTS, axes="x")
    with pytest.raises(BadValueError, match="three axes"):
        differential_rolling_average(COUNTS[0])


@pytest.mark.parametrize("size", [1, 6, 200, 301])
def test_rolling_mean_agrees_with_the_plain_formula(size):
    expected = [COUNTS[i : i + size].mean(axis=0) for i in range(301 - size + 1)]
    np.testing.assert_allclose(rolling_mean(COUNTS, batch_size=size), expected, rtol=1e-6)


def test_rolling_mean_of_normalised_frames_is_in_counts():
    power = COUNTS.sum(axis=(1, 2))
    normalized = COUNTS / power[:, None, None] * power.mean()
    frames = RollingMeanFrames(PrefixSums(PowerNormalizedFrames(ArrayFrames(COUNTS))), 12)
    expected = [normalized[i : i + 12].mean(axis=0) for i in range(290)]
    np.testing.assert_allclose(compute_video(frames), expected, rtol=1e-6)


def test_rolling_mean_needs_one_batch():
    with pytest.raises(TooFewFramesError):
        rolling_mean(COUNTS[:4], batch_size=5)


class CountingFrames(Frames):
    """Counts the frames that are read."""

    name = "counting"

    def __init__(self, array):
        self.array, self.shape, self.dtype, self.n_read = array, array.shape, array.dtype, 0

    def read(self, start, stop):
        self.n_read += max(stop - start, 0)
        return self.array[start:stop]


@pytest.mark.parametrize(
    ("n_frames", "advice"),
    [(9, "use a batch_size of at most 4, or a longer video"), (1, ": use a longer video")],
)
def test_too_short_a_video_is_told_what_would_fit(n_frames, advice):
    with pytest.raises(TooFewFramesError, match=advice):
        differential_rolling_average(np.ones((n_frames, 4, 4), np.float32), batch_size=5)
