"""Flat frames, as videos and as files."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest

from napari_uai.errors import BadValueError, TooFewFramesError
from napari_uai.iscat.correct.flat_frame import flat_frame_division

RNG = np.random.default_rng(8)
SENSITIVITY = 1 + 0.2 * RNG.normal(size=(6, 7))
LIGHT = np.linspace(500, 900, 5)[:, None, None]
VIDEO = LIGHT * SENSITIVITY
FLAT = np.stack([300 * SENSITIVITY, 500 * SENSITIVITY])


def test_sensitivity_of_pixels_is_removed_and_the_mean_is_kept():
    out = flat_frame_division(VIDEO, FLAT)
    assert out.dtype == np.float32
    np.testing.assert_allclose(
        out, np.broadcast_to(LIGHT * SENSITIVITY.mean(), out.shape), rtol=1e-6
    )


def test_flat_frames_come_from_a_file_too(tmp_path):
    np.save(tmp_path / "flat.npy", FLAT)
    lazy = flat_frame_division(da.from_array(VIDEO), path=str(tmp_path / "flat.npy"))
    np.testing.assert_array_equal(lazy.compute(), flat_frame_division(VIDEO, FLAT))


def test_the_offset_is_subtracted_from_both(tmp_path):
    expected = flat_frame_division(VIDEO, FLAT)
    np.save(tmp_path / "dark.npy", np.full((2, 6, 7), 50.0))
    for offset in (50, str(tmp_path / "dark.npy")):
        out = flat_frame_division(VIDEO + 50, FLAT + 50, offset=offset)
        np.testing.assert_allclose(out, expected, rtol=1e-5)


def test_pixels_without_light_in_the_flat_frame_are_0():
    flat = FLAT.copy()
    flat[:, 2, 3] = 0
    assert not flat_frame_division(VIDEO, flat)[:, 2, 3].any()


def test_what_does_not_fit_is_refused(tmp_path):
    for given in ({}, {"path": "flat.npy"}):
        with pytest.raises(BadValueError, match="one of the two"):
            flat_frame_division(VIDEO, *([FLAT] if given else []), **given)
    with pytest.raises(BadValueError, match=r"recording of even light; .* does not exist"):
        flat_frame_division(VIDEO, path=str(tmp_path / "none.npy"))
    with pytest.raises(BadValueError, match="the flat video of 5 x 7 px"):
        flat_frame_division(VIDEO, FLAT[:, :5])
    with pytest.raises(TooFewFramesError, match="the flat video has no frames"):
        flat_frame_division(VIDEO, FLAT[:0])
    with pytest.raises(BadValueError, match="have no light"):
        flat_frame_division(VIDEO, 0 * FLAT)
    with pytest.raises(BadValueError, match="frame 1 of the flat video contains NaN"):
        flat_frame_division(VIDEO, np.where(np.arange(2)[:, None, None] == 1, np.nan, FLAT))
