"""Patches of frames, cut and joined."""

import dask.array as da
import numpy as np
import pytest

from napari_uai.errors import BadValueError
from napari_uai.videos import Frames, Patch, cut_patches, frames_of, join_patches

COUNTS = np.random.default_rng(10).integers(0, 65_536, (3, 37, 50), dtype=np.uint16)


@pytest.mark.parametrize(
    ("size", "overlap"),
    [((16, 16), 0), ((16, 16), 5), ((16, 20), 15), ((37, 50), 9), ((1, 1), 0), ((37, 3), 2)],
)
def test_patches_that_were_not_changed_give_the_frames_again(size, overlap):
    patches = cut_patches(COUNTS, size=size, overlap=overlap)
    assert {patch.video.shape for patch in patches} == {(3, *size)}
    for patch in patches:
        rows, columns = (
            slice(at, at + n) for at, n in zip((patch.row, patch.column), size, strict=True)
        )
        np.testing.assert_array_equal(patch.video, COUNTS[:, rows, columns])
    joined = join_patches(patches)
    assert joined.dtype == np.float32
    np.testing.assert_array_equal(joined, COUNTS)
    exact = COUNTS / 3
    parts = cut_patches(exact, size=size, overlap=overlap)
    np.testing.assert_allclose(join_patches(parts), exact, rtol=1e-15)


def test_neighbours_share_the_overlap():
    patches = cut_patches(COUNTS, size=(37, 20), overlap=5)
    assert [patch.column for patch in patches] == [0, 15, 30]


def test_two_patches_are_blended_over_their_overlap():
    left, right = (Patch(0, c, np.full((1, 1, 8), v)) for c, v in ((0, 0.0), (4, 1.0)))
    expected = [0, 0, 0, 0, 1 / 5, 2 / 5, 3 / 5, 4 / 5, 1, 1, 1, 1]
    np.testing.assert_allclose(join_patches([left, right])[0, 0], expected, rtol=1e-12)


def test_patches_stay_lazy():
    lazy = da.from_array(COUNTS, chunks=(1, 37, 50))
    patches = cut_patches(lazy, size=(16, 16), overlap=4)
    assert all(isinstance(patch.video, da.Array) for patch in patches)
    joined = join_patches([Patch(p.row, p.column, p.video + 1) for p in patches])
    assert isinstance(joined, da.Array)
    np.testing.assert_array_equal(joined.compute(), COUNTS.astype(int) + 1)
    frames = join_patches(cut_patches(frames_of(COUNTS), size=(16, 16), overlap=4))
    assert isinstance(frames, Frames)
    np.testing.assert_array_equal(frames[1], COUNTS[1])


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"size": (38, 16)}, "38 rows, the frames only 37"),
        ({"size": (16, 16), "overlap": 16}, "overlap must be less than the 16 rows"),
        ({"size": (0, 4)}, "size"),
    ],
)
def test_bad_values_are_errors(values, words):
    with pytest.raises(BadValueError, match=words):
        cut_patches(COUNTS, **values)


def test_patches_that_leave_a_gap_or_differ_in_size_are_errors():
    patches = cut_patches(COUNTS, size=(16, 16), overlap=0)
    with pytest.raises(BadValueError, match="cover every pixel"):
        join_patches(patches[1:])
    with pytest.raises(BadValueError, match="no patches"):
        join_patches([])
    with pytest.raises(BadValueError, match="differ in size"):
        join_patches([*patches, Patch(0, 0, COUNTS)])
