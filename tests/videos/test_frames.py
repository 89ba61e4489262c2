"""Frames as arrays: what an index, numpy and napari get of them."""

import copy
import pickle

import dask.array as da
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_uai.errors import BadValueError
from napari_uai.iscat.correct.filters import gaussian_filter
from napari_uai.iscat.correct.rolling_average import differential_rolling_average
from napari_uai.videos import frames as module
from napari_uai.videos.frames import Frames, compute_video, frames_of, lazy_video

SHAPE = (7, 3, 4)
VIDEO = np.random.default_rng(0).integers(0, 1000, SHAPE).astype(np.uint16)


class ReadFrames(Frames):
    """Frames of an array that note which were read."""

    name = "read"

    def __init__(self, array):
        self.array, self.shape, self.dtype, self.was_read = array, array.shape, array.dtype, set()

    def read(self, start, stop):
        assert 0 <= start <= stop <= len(self)
        self.was_read |= set(range(start, stop))
        return self.array[start:stop]


def assert_same(made, expected):
    np.testing.assert_array_equal(np.asarray(made), np.asarray(expected), strict=True)


basic = hnp.basic_indices(SHAPE, allow_newaxis=True, allow_ellipsis=True)
arrays = hnp.integer_array_indices(SHAPE, result_shape=hnp.array_shapes(min_dims=1, max_dims=2))
masks = st.one_of(hnp.arrays(bool, SHAPE[:1]), hnp.arrays(bool, SHAPE[:2]), hnp.arrays(bool, SHAPE))


@given(st.one_of(basic, arrays, masks))
@settings(max_examples=200, deadline=None)
def test_an_index_gives_what_numpy_gives(index):
    assert_same(ReadFrames(VIDEO)[index], VIDEO[index])


@given(
    frames=st.one_of(
        hnp.basic_indices(SHAPE[:1]),
        st.lists(st.integers(-SHAPE[0], SHAPE[0] - 1), max_size=9),
        hnp.arrays(bool, SHAPE[:1]),
        st.integers(-SHAPE[0], SHAPE[0] - 1).map(np.int16),
    ),
    row=st.one_of(st.integers(-3, 2), st.just(slice(None)), st.just([0, 2]), st.just(None)),
)
@settings(max_examples=150, deadline=None)
def test_of_all_frames_only_those_in_the_index_are_read(frames, row):
    frames = frames[0] if isinstance(frames, tuple) and len(frames) == 1 else frames
    index = (*frames, row) if isinstance(frames, tuple) else (frames, row)
    source = ReadFrames(VIDEO)
    try:
        expected = VIDEO[index]
    except IndexError:
        with pytest.raises(IndexError):
            source[index]
        return
    assert_same(source[index], expected)
    if frames is not None and not isinstance(frames, (tuple, slice)):
        assert source.was_read == set(np.atleast_1d(np.arange(len(VIDEO))[frames]).tolist())


def test_frames_far_apart_are_read_alone_and_near_ones_together():
    video = np.arange(100.0)[:, None, None] * np.ones((1, 3, 4))
    far, near = ReadFrames(video), ReadFrames(video)
    assert_same(far[90:10:-20], video[90:10:-20])
    assert far.was_read == {90, 70, 50, 30}
    assert_same(near[10:20:3], video[10:20:3])
    assert near.was_read == set(range(10, 20))


@pytest.mark.parametrize("index", [7, -8, (0, 3), (slice(None), -4), (0, 0, 0, 0), [0, 7], "a"])
def test_an_index_out_of_bounds_is_an_error(index):
    with pytest.raises((IndexError, TypeError)):
        ReadFrames(VIDEO)[index]


@given(st.slices(50), st.integers(-3, 2))
@settings(max_examples=50, deadline=None)
def test_many_frames_are_read_in_chunks_and_are_the_same(frames, row):
    video = np.random.default_rng(1).normal(size=(50, 3, 4))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CHUNK_BYTES", 8 * 4 * 12)
        patch.setattr(module, "_NEAR", 3)
        assert ReadFrames(video).chunks == (8, 3, 4)
        assert_same(ReadFrames(video)[frames], video[frames])
        assert_same(ReadFrames(video)[frames, row], video[frames, row])
        assert_same(ReadFrames(video)[frames, [0, 1], [2, 3]], video[frames, [0, 1], [2, 3]])


def test_numpy_makes_an_array_of_all_frames():
    source = ReadFrames(VIDEO)
    assert_same(np.asarray(source), VIDEO)
    assert_same(np.asarray(source, np.float32), VIDEO.astype(np.float32))
    assert not np.shares_memory(np.array(frames_of(VIDEO)), VIDEO)
    assert np.shares_memory(np.asarray(frames_of(VIDEO)), VIDEO)
    with pytest.raises(ValueError, match="always a copy"):
        np.array(source, copy=False)


def test_numpys_functions_and_arithmetic_are_lazy():
    source = ReadFrames(VIDEO)
    other = np.random.default_rng(2).normal(size=SHAPE)
    pairs = [
        (np.max(source, axis=0, keepdims=False), VIDEO.max(axis=0)),
        (np.mean(source, axis=0), VIDEO.mean(axis=0)),
        (np.stack([source, source]), np.stack([VIDEO, VIDEO])),
        (source - other, VIDEO - other),
        (other - source, other - VIDEO),
        (source * source, VIDEO * VIDEO),
        (source > 500, VIDEO > 500),
        (np.sqrt(source), np.sqrt(VIDEO)),
        (da.from_array(other) + source, other + VIDEO),
        (source.mean(axis=(1, 2)), VIDEO.mean(axis=(1, 2))),
        (source.std(), VIDEO.std()),
        (source.sum(0), VIDEO.sum(0)),
        (source.min(), VIDEO.min()),
        (source.max(), VIDEO.max()),
        (source.astype(np.float32), VIDEO.astype(np.float32)),
    ]
    assert source.was_read == set()
    for made, expected in pairs:
        assert isinstance(made, da.Array)
        np.testing.assert_allclose(made.compute(), expected)


def test_size_is_that_of_an_array():
    source = ReadFrames(VIDEO)
    assert (source.size, source.ndim, len(source)) == (VIDEO.size, 3, 7)
    assert repr(source) == "<ReadFrames (7, 3, 4) uint16>"


def test_frames_are_equal_and_hashed_as_objects():
    one, other = ReadFrames(VIDEO), ReadFrames(VIDEO)
    assert one == one
    assert one != other
    assert len({one, other}) == 2


def test_copies_are_the_same_frames():
    source = differential_rolling_average(frames_of(VIDEO), batch_size=2)
    assert copy.copy(source) is source
    assert copy.deepcopy({"data": source})["data"] is source
    assert_same(pickle.loads(pickle.dumps(source)).read(0, 3), source.read(0, 3))


def test_a_stage_gives_frames_for_frames():
    source = ReadFrames(VIDEO)
    made = gaussian_filter(differential_rolling_average(source, batch_size=2), sigma_px=1.0)
    assert isinstance(made, Frames)
    assert source.was_read == set()
    expected = gaussian_filter(differential_rolling_average(VIDEO, batch_size=2), sigma_px=1.0)
    np.testing.assert_array_equal(compute_video(made), expected)
    np.testing.assert_array_equal(np.asarray(made), expected)


def test_frames_are_their_own_frames_and_those_behind_their_lazy_video():
    source = ReadFrames(VIDEO)
    assert frames_of(source) is source
    assert frames_of(lazy_video(source)) is source


def test_frames_of_complex_numbers_are_refused():
    with pytest.raises(BadValueError, match="integers or floats"):
        frames_of(ReadFrames(VIDEO.astype(complex)))
