"""Arrays in files, of which parts are read."""

from __future__ import annotations

import os
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_uai.errors import VideoFormatError
from napari_uai.videos.mapped import FileArray, FileFrames

INDICES = [
    (slice(None),),
    (slice(2, 5),),
    (slice(0, 0),),
    (slice(3, 4), 1),
    (slice(1, 6), slice(2, 3), slice(1, 4)),
    (5, slice(None), slice(2, None)),
    (slice(None), 0, slice(None)),
]


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("index", INDICES)
def test_an_index_reads_what_numpy_reads(tmp_path, order, index):
    array = np.random.default_rng(0).integers(0, 1000, (7, 4, 5), np.uint16)
    stored = np.asarray(array, order=order)
    path = tmp_path / "a"
    path.write_bytes(b"head" + stored.tobytes(order))
    read = FileArray(path, array.shape, array.dtype, offset=4, strides=stored.strides)[index]
    np.testing.assert_array_equal(read, array[index])


@given(
    st.tuples(*[st.integers(1, 6)] * 4).flatmap(
        lambda shape: st.tuples(
            st.just(shape),
            st.permutations(range(4)),
            st.tuples(*[st.tuples(st.integers(0, n), st.integers(0, n)) for n in shape]),
        )
    )
)
def test_any_part_of_an_array_of_any_order(tmp_path_factory, case):
    shape, order, ends = case
    array = np.arange(np.prod(shape), dtype=np.int32).reshape(shape)
    stored = np.ascontiguousarray(array.transpose(order)).transpose(np.argsort(order))
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(stored.transpose(order).tobytes())
    index = tuple(slice(*sorted(each)) for each in ends)
    read = FileArray(path, shape, array.dtype, strides=stored.strides)[index]
    np.testing.assert_array_equal(read, array[index])


def test_one_plane_of_a_stack_is_read_without_the_others(tmp_path, monkeypatch):
    array = np.arange(20 * 10 * 100, dtype=np.uint16).reshape(20, 10, 100)
    array.tofile(tmp_path / "a")
    sizes = []
    fill = FileArray._fill
    monkeypatch.setattr(
        FileArray,
        "_fill",
        lambda self, f, view, at: sizes.append(len(view)) or fill(self, f, view, at),
    )
    read = FileArray(tmp_path / "a", array.shape, array.dtype)[:, 3]
    np.testing.assert_array_equal(read, array[:, 3])
    assert sum(sizes) == read.nbytes


def test_headers_between_frames_are_left_out_whatever_the_type(tmp_path):
    video = np.random.default_rng(1).integers(0, 60000, (6, 3, 4)).astype(">u2")
    (tmp_path / "a").write_bytes(b"".join(b"abc" + frame.tobytes() for frame in video))
    frames = FileFrames(tmp_path / "a", shape=video.shape, dtype=">u2", frame_header=3)
    copy = pickle.loads(pickle.dumps(frames))
    np.testing.assert_array_equal(copy.read(1, 5), video[1:5])
    assert copy.read(1, 5).dtype == np.dtype("=u2")


def test_a_file_that_is_cut_between_its_size_and_its_pixels_is_an_error(tmp_path, monkeypatch):
    path = tmp_path / "a"
    np.zeros((50, 4, 4)).tofile(path)
    frames = FileFrames(path, shape=(50, 4, 4), dtype=float)
    fstat = os.fstat

    def cut_after(number):
        status = fstat(number)
        os.truncate(path, 1000)
        return status

    monkeypatch.setattr(os, "fstat", cut_after)
    with pytest.raises(VideoFormatError, match=r"has become shorter \(1000 bytes, 6400 needed\)"):
        frames.read(0, 50)


def test_a_file_that_is_gone_can_still_be_read_once_it_is_open(tmp_path):
    video = np.arange(24.0).reshape(2, 3, 4)
    video.tofile(tmp_path / "a")
    early, late = (FileFrames(tmp_path / "a", shape=video.shape, dtype=float) for _ in range(2))
    early.read(0, 1)
    (tmp_path / "a").unlink()
    np.testing.assert_array_equal(early.read(0, 2), video)
    with pytest.raises(VideoFormatError, match="can no longer be read"):
        late.read(0, 1)
