"""Recordings without what disturbs them."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from napari_uai.iscat.disturbances.mending import mended_frames
from napari_uai.iscat.disturbances.record import Disturbances, Span
from napari_uai.videos.frames import frames_of

VIDEO = np.arange(20, dtype=np.uint16)[:, None, None] + np.zeros((20, 3, 4), np.uint16)


def mended(*spans, **changes):
    found = Disturbances(20, (3, 4), spans=tuple(Span("no light", *span) for span in spans))
    return np.asarray(mended_frames(frames_of(VIDEO), found))[:, 0, 0].tolist()


def test_a_gap_is_filled_from_both_sides():
    assert mended((8, 11))[6:14] == [6, 7, 7, 6, 13, 12, 12, 13]


@pytest.mark.parametrize(("span", "first"), [((0, 2), [5, 4, 3, 3]), ((0, 0), [1, 1, 2, 3])])
def test_a_gap_at_the_start_is_filled_from_behind(span, first):
    assert mended(span)[:4] == first


def test_a_gap_at_the_end_and_one_longer_than_what_is_left():
    assert mended((18, 19))[16:] == [16, 17, 17, 16]
    assert mended((3, 19))[:10] == [0, 1, 2, 2, 1, 0, 0, 1, 2, 2]


def test_masked_pixels_have_the_median_of_those_around_and_the_type_stays():
    video = np.random.default_rng(0).integers(0, 9, (20, 3, 4)).astype(np.uint16)
    mask = np.zeros((3, 4), bool)
    mask[1, 1] = True
    frames = mended_frames(frames_of(video), Disturbances(20, (3, 4), flickering=mask))
    out = np.asarray(frames)
    assert out.dtype == np.uint16
    around = np.delete(video[:, :3, :3].reshape(20, 9), 4, axis=1)
    np.testing.assert_array_equal(out[:, 1, 1], np.rint(np.median(around, axis=1)))
    np.testing.assert_array_equal(out[:, ~mask], video[:, ~mask])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(frames)).read(3, 5), out[3:5])


def test_nothing_found_changes_nothing():
    frames = frames_of(VIDEO)
    assert mended_frames(frames, Disturbances(20, (3, 4))) is frames
