"""A pass over frames that was killed goes on after the last complete chunk."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from napari_uai.iscat.detect.spots import detect_spots
from napari_uai.store.folder import Store
from napari_uai.store.keeping import keeping, kept, pieces_of
from napari_uai.videos import kept_chunks as module
from napari_uai.videos.frames import ArrayFrames
from napari_uai.videos.kept_chunks import kept_chunks


class Killed(BaseException):
    """Ends a run as nothing that it could handle."""


def _sums(store, calls, killed_at=None):
    def total(start, stop):
        if killed_at is not None and start >= killed_at:
            raise Killed
        calls.append((start, stop))
        return np.arange(start, stop).sum()

    with keeping(store), pieces_of("video", "a.bin"):
        return kept_chunks(total, 95, 10, message="sums")


@pytest.mark.parametrize(("most", "killed_at", "left"), [(1000, 70, 3), (5, 70, 4), (2, 60, 5)])
def test_chunks_of_a_killed_pass_are_not_computed_again(
    tmp_path, monkeypatch, most, killed_at, left
):
    monkeypatch.setattr(module, "MOST_PIECES", most)
    store = Store(tmp_path / "store")
    with pytest.raises(Killed):
        _sums(store, [], killed_at=killed_at)
    assert len(list(store.pieces())) <= most
    calls = []
    found = _sums(store, calls)
    assert len(calls) <= left  # chunks in other threads may have been done
    assert max(calls) == (90, 95)
    expected = [np.arange(95)[i : i + 10].sum() for i in range(0, 95, 10)]
    assert found == expected
    calls.clear()
    assert _sums(store, calls) == expected
    assert calls == []


class Watched(ArrayFrames):
    """Frames that know which of them were read, and where a run is killed."""

    def __init__(self, array, killed_at=None):
        super().__init__(array)
        self.starts, self.killed_at = [], killed_at

    def read(self, start, stop):
        if self.killed_at is not None and stop - start > 1 and start >= self.killed_at:
            raise Killed
        if stop - start > 1:
            self.starts.append(start)
        return super().read(start, stop)


def test_a_killed_search_for_spots_goes_on(tmp_path):
    video = np.random.default_rng(0).normal(size=(2500, 12, 12)).astype(np.float32)
    store = Store(tmp_path / "store")

    def spots(frames):
        with keeping(store), pieces_of("video", "a.bin"):
            return kept("spots", None, lambda: detect_spots(frames, threshold=4))

    with pytest.raises(Killed):
        spots(Watched(video, killed_at=2000))
    frames = Watched(video)
    found = spots(frames)
    assert 2000 in frames.starts
    assert 0 not in frames.starts
    assert len(found) > 0
    pd.testing.assert_frame_equal(found, detect_spots(video, threshold=4), check_exact=True)
