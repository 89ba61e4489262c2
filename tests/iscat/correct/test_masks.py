from __future__ import annotations

import dask.array as da
import numpy as np
import pytest

from napari_uai.errors import BadValueError
from napari_uai.iscat.correct.masks import (
    apply_mask,
    circle_mask,
    circular_mask,
    polygon_mask,
    polygonal_mask,
)

RNG = np.random.default_rng(7)
VIDEO = RNG.integers(0, 50, (6, 8, 10), dtype=np.uint8)
MASK = circle_mask((8, 10), (3, 4), 3)


def test_a_circle_holds_the_pixels_no_further_than_its_radius():
    for row, column in np.ndindex(8, 10):
        assert MASK[row, column] == (np.hypot(row - 3, column - 4) <= 3)


def test_a_polygon_is_given_in_rows_and_columns():
    mask = polygon_mask((8, 10), [(1, 2), (1, 8), (6, 8), (6, 2)])
    assert mask[2:6, 3:8].all()
    assert not mask[7:].any()
    assert not mask[:, 9:].any()


def test_pixels_inside_keep_their_value_zeros_included():
    video = VIDEO.copy()
    video[:, 3, 4] = 0
    for fill in ("median", "zero", "nan"):
        out = apply_mask(video, MASK, fill=fill)
        assert out.dtype == np.float32
        np.testing.assert_array_equal(out[:, MASK], video[:, MASK])


def test_outside_stands_what_was_asked_for():
    np.testing.assert_array_equal(apply_mask(VIDEO, MASK, fill="zero")[:, ~MASK], 0)
    assert np.isnan(apply_mask(VIDEO, MASK, fill="nan")[:, ~MASK]).all()
    filled = apply_mask(VIDEO, MASK, fill="median")[:, ~MASK]
    for values, frame in zip(filled, VIDEO, strict=True):
        assert (values == np.median(frame[MASK])).all()


def test_any_array_that_is_not_zero_inside_is_a_mask():
    labels = MASK.astype(np.int32) * 3
    np.testing.assert_array_equal(apply_mask(VIDEO, labels), apply_mask(VIDEO, MASK))


def test_circles_and_polygons_are_stages_too():
    np.testing.assert_array_equal(
        circular_mask(VIDEO, radius_px=3, center=(3, 4)), apply_mask(VIDEO, MASK)
    )
    middle = circle_mask((8, 10), (3.5, 4.5), 2)
    np.testing.assert_array_equal(circular_mask(VIDEO, radius_px=2), apply_mask(VIDEO, middle))
    corners = ((0, 0), (0, 5), (5, 0))
    expected = apply_mask(VIDEO, polygon_mask((8, 10), corners), fill="zero")
    np.testing.assert_array_equal(polygonal_mask(VIDEO, vertices=corners, fill="zero"), expected)


def test_lazy_equals_eager():
    lazy = apply_mask(da.from_array(VIDEO, chunks=(4, 8, 10)), MASK)
    assert isinstance(lazy, da.Array)
    np.testing.assert_array_equal(lazy.compute(), apply_mask(VIDEO, MASK))


def test_a_mask_of_another_size_or_without_a_pixel_is_refused():
    with pytest.raises(BadValueError, match=r"shape \(10, 8\), frames have \(8, 10\)"):
        apply_mask(VIDEO, MASK.T)
    with pytest.raises(BadValueError, match="contains no pixel"):
        apply_mask(VIDEO, np.zeros((8, 10), bool))
    with pytest.raises(BadValueError, match="contains no pixel"):
        circle_mask((8, 10), (50, 50), 3)
    with pytest.raises(BadValueError, match="at least 3 corners"):
        polygon_mask((8, 10), [(0, 0), (1, 1)])
    with pytest.raises(BadValueError, match="fill"):
        apply_mask(VIDEO, MASK, fill="ones")
