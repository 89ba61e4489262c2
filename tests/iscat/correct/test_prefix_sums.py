from __future__ import annotations

import threading

import numpy as np
import pytest

from napari_uai.iscat.correct import prefix_sums
from napari_uai.iscat.correct.power import PowerNormalizedFrames
from napari_uai.iscat.correct.prefix_sums import PrefixSums, rounding_number
from napari_uai.videos.frames import ArrayFrames, Frames

RNG = np.random.default_rng(4)
COUNTS = RNG.integers(100, 60000, (400, 5, 6), dtype=np.uint16)


@pytest.mark.parametrize("prepared", [False, True])
def test_sums_of_integers_are_exact(prepared):
    sums = PrefixSums(ArrayFrames(COUNTS))
    if prepared:
        sums.prepare()
    first, second, third = sums.at((3, 40, 81))
    np.testing.assert_array_equal(second - first, COUNTS[3:40].sum(axis=0))
    np.testing.assert_array_equal(third - second, COUNTS[40:81].sum(axis=0))


def test_the_last_border_is_the_sum_of_all_frames():
    sums = PrefixSums(ArrayFrames(COUNTS))
    first, last = sums.at((0, 400))
    np.testing.assert_array_equal(last - first, COUNTS.sum(axis=0))


def test_rounding_is_far_below_what_single_precision_shows():
    values = RNG.normal(1, 0.1, (300, 4, 4)).astype(np.float64)
    sums = PrefixSums(ArrayFrames(values))
    first, last = sums.at((0, 300))
    np.testing.assert_allclose(last - first, values.sum(axis=0), rtol=1e-12)


def test_rounded_sums_do_not_depend_on_the_order():
    values = RNG.normal(1, 0.5, 10_000)
    magic = rounding_number(values[0], values.size)
    rounded = (values + magic) - magic
    assert len({rounded[RNG.permutation(values.size)].cumsum()[-1] for _ in range(20)}) == 1
    assert len({values[RNG.permutation(values.size)].cumsum()[-1] for _ in range(20)}) > 1


@pytest.mark.parametrize("largest", [0.0, np.nan, np.inf])
def test_nothing_is_rounded_where_the_scale_is_unknown(largest):
    assert rounding_number(largest, 100) == 0


def test_memory_is_bounded_by_wider_spacing(monkeypatch):
    monkeypatch.setattr(prefix_sums, "BORDERS_BYTES", 3 * 8 * 30)
    sums = PrefixSums(ArrayFrames(COUNTS))
    assert sums.spacing == 134
    first, last = sums.at((0, 400))
    np.testing.assert_array_equal(last - first, COUNTS.sum(axis=0))


def test_reading_on_in_order_starts_where_the_last_reading_ended(monkeypatch):
    monkeypatch.setattr(prefix_sums, "BORDERS_BYTES", 8 * 30)
    source = CountingFrames(COUNTS)
    sums = PrefixSums(source)
    sums.prepare()
    total = sums.at((150, 200))[0]
    sums.remember(150, total)
    before = source.n_read
    np.testing.assert_array_equal(sums.at((152, 153))[0], COUNTS[:152].sum(axis=0))
    assert source.n_read - before == 2 + 3


def test_sums_of_normalised_frames_have_the_unit_of_the_source():
    counts = COUNTS * (1 + np.arange(400)[:, None, None] / 400)
    power = counts.sum(axis=(1, 2))
    normalised = counts / power[:, None, None] * power.mean()
    sums = PrefixSums(PowerNormalizedFrames(ArrayFrames(counts)))
    first, last = sums.at((10, 390))
    expected = normalised[10:390].sum(axis=0)
    np.testing.assert_allclose((last - first) * sums.unit(), expected, rtol=1e-9)


class CountingFrames(Frames):
    """Counts the frames that are read."""

    name = "counting"

    def __init__(self, array):
        self.array, self.shape, self.dtype, self.n_read = array, array.shape, array.dtype, 0

    def read(self, start, stop):
        self.n_read += max(stop - start, 0)
        return self.array[start:stop]


def test_while_the_pass_is_made_beside_frames_are_read_straight_from_the_recording():
    video = np.random.default_rng(0).integers(0, 1000, (400, 4, 5)).astype(np.uint16)
    passing, may_go = threading.Event(), threading.Event()

    class Slow(ArrayFrames):
        def read(self, start, stop):
            if stop - start > 100:
                passing.set()
                may_go.wait(10)
            return super().read(start, stop)

    sums = PrefixSums(Slow(video))
    thread = threading.Thread(target=sums.prepare, kwargs={"beside": True})
    thread.start()
    assert passing.wait(10)
    assert sums.prepared
    for _ in range(20):  # more than a quarter of the recording, after which it would wait
        low, high = sums.at((200, 250))
        np.testing.assert_array_equal(high - low, video[200:250].sum(0))
    may_go.set()
    thread.join()
    np.testing.assert_array_equal(sums.at((400,))[0], video.sum(0))
