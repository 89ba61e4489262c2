"""Blocks of frames that are kept."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_uai.videos import open_frames, write_video
from napari_uai.videos.frames import ArrayFrames, Frames, frames_of
from napari_uai.videos.readers.images import TiffSequenceFrames as JoinedFrames
from napari_uai.videos.sources import cached as module
from napari_uai.videos.sources.cached import CachedFrames, cached

VIDEO = np.random.default_rng(0).integers(0, 1000, (23, 3, 4)).astype(np.uint16)


class ReadFrames(ArrayFrames):
    """Frames of an array that note which runs were read."""

    def __init__(self, array):
        super().__init__(array)
        self.runs = []

    def read(self, start, stop):
        self.runs.append((start, stop))
        return super().read(start, stop)


@given(
    st.integers(2, 30),
    st.lists(st.tuples(st.integers(0, 23), st.integers(0, 23)).map(sorted), max_size=8),
)
@settings(max_examples=100, deadline=None)
def test_any_run_is_that_of_the_source(block, runs):
    frames = CachedFrames(ReadFrames(VIDEO), block)
    for start, stop in runs:
        np.testing.assert_array_equal(frames.read(start, stop), VIDEO[start:stop], strict=True)


def test_neighbours_are_read_once_and_long_runs_from_the_source():
    frames = cached(ReadFrames(VIDEO), 5)
    for i in (7, 8, 6, 9, 5):
        frames.read(i, i + 1)
    assert frames.source.runs == [(5, 10)]
    frames.read(8, 12)
    assert frames.source.runs == [(5, 10), (10, 15)]
    frames.read(15, 20)
    assert frames.source.runs[2:] == [(15, 20)]


def test_long_runs_take_blocks_that_are_kept():
    frames = cached(ReadFrames(VIDEO), 5)
    for i in (5, 15):
        frames.read(i, i + 1)
    del frames.source.runs[:]
    np.testing.assert_array_equal(frames.read(3, 22), VIDEO[3:22], strict=True)
    assert frames.source.runs == [(3, 5), (10, 15), (20, 22)]


def test_what_was_read_last_stays_within_the_memory(monkeypatch):
    monkeypatch.setattr(module, "KEPT_BYTES", 2 * 5 * VIDEO[0].nbytes)
    frames = cached(ReadFrames(VIDEO), 5)
    for i in (0, 5, 0, 10, 0, 5):
        frames.read(i, i + 1)
    assert frames.source.runs == [(0, 5), (5, 10), (10, 15), (5, 10)]


def test_blocks_are_cut_to_the_memory_and_single_frames_not_kept(monkeypatch):
    source = ReadFrames(VIDEO)
    assert cached(source, 1) is source
    monkeypatch.setattr(module, "KEPT_BYTES", 6 * VIDEO[0].nbytes)
    assert cached(source, 20).block == 3
    monkeypatch.setattr(module, "KEPT_BYTES", VIDEO[0].nbytes)
    assert cached(source, 20) is source


def test_nobody_changes_what_is_kept():
    frames = cached(ReadFrames(VIDEO.copy()), 5)
    with pytest.raises(ValueError, match="read-only"):
        frames.read(2, 3)[...] = 0


def test_blocks_are_left_behind_when_frames_are_sent():
    frames = cached(ReadFrames(VIDEO), 5)
    frames.read(2, 3)
    sent = pickle.loads(pickle.dumps(frames))
    assert sent.name == frames.name == frames_of(VIDEO).name
    sent.read(2, 3)
    assert len(sent.source.runs) == 2


def source_of(frames: Frames) -> Frames:
    return frames.source if isinstance(frames, CachedFrames) else frames


def test_chunks_of_a_store_are_decoded_once(tmp_path, monkeypatch):
    frames, _ = open_frames(write_video(VIDEO, tmp_path / "a.zarr"))
    runs = []
    read = type(source_of(frames)).read
    monkeypatch.setattr(
        type(source_of(frames)),
        "read",
        lambda self, start, stop: runs.append((start, stop)) or read(self, start, stop),
    )
    for i in range(len(VIDEO)):
        np.testing.assert_array_equal(frames[i], VIDEO[i])
    assert runs == [(0, len(VIDEO))]


def test_pages_of_many_files_are_read_a_file_at_a_time(tmp_path):
    for number in range(40):
        write_video(VIDEO[:3] + number, tmp_path / f"{number}.tif")
    frames, _ = open_frames(tmp_path)
    assert isinstance(source_of(frames), JoinedFrames)
    assert frames.block == 3
    np.testing.assert_array_equal(frames[58], VIDEO[1] + 19)
