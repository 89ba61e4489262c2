"""Frames by their numbers."""

from __future__ import annotations

import numpy as np
import pytest

from napari_uai.errors import BadValueError
from napari_uai.videos.frames import frames_of
from napari_uai.videos.sources.chosen import ChosenFrames

VIDEO = np.random.default_rng(0).integers(0, 99, (12, 3, 4)).astype(np.uint8)


@pytest.mark.parametrize("numbers", [[3, 4, 5, 9, 8, 8, 0], [2, 3, 4], [11], []])
def test_frames_are_those_of_the_numbers_however_they_are_read(numbers):
    chosen = ChosenFrames(frames_of(VIDEO), np.array(numbers, np.int64))
    assert chosen.shape == (len(numbers), 3, 4)
    np.testing.assert_array_equal(np.asarray(chosen), VIDEO[numbers])
    for start in range(len(numbers) + 1):
        for stop in range(start, len(numbers) + 1):
            np.testing.assert_array_equal(chosen.read(start, stop), VIDEO[numbers[start:stop]])


def test_names_differ_and_missing_frames_are_refused():
    frames = frames_of(VIDEO)
    names = {ChosenFrames(frames, np.array(n)).name for n in ([1, 2], [2, 1])}
    assert len(names) == 2
    with pytest.raises(BadValueError, match="numbered from 0 to 11"):
        ChosenFrames(frames, np.array([12]))
