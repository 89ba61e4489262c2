from __future__ import annotations

import dask.array as da
import numpy as np
import pytest

from napari_uai.errors import BadValueError
from napari_uai.iscat.correct.fixed_pattern import fixed_pattern_correction

RNG = np.random.default_rng(3)
NOISE = RNG.normal(scale=1e-4, size=(9, 12, 17)).astype(np.float32)


def offset(frame, axis, method):
    """Of one line, as the formula is printed."""
    median = np.median(frame, axis=axis, keepdims=True)
    if method == "median":
        return median
    deviation = np.abs(frame - median)
    limit = np.median(deviation, axis=axis, keepdims=True)
    return np.mean(frame, axis=axis, keepdims=True, where=deviation <= limit)


def plain(video, method, axes):
    out = video.astype(np.float64)
    for t, frame in enumerate(out):
        if axes != "columns":
            out[t] = frame - offset(frame, 1, method)
        if axes != "rows":
            out[t] = out[t] - offset(out[t], 0, method)
    return out


@pytest.mark.parametrize("axes", ["both", "rows", "columns"])
@pytest.mark.parametrize("method", ["median", "clipped_mean"])
@pytest.mark.parametrize("shape", [(12, 17), (17, 12), (1, 17), (12, 1), (90, 161)])
def test_agrees_with_the_plain_formula(method, axes, shape):
    video = RNG.normal(scale=1e-4, size=(4, *shape)).astype(np.float32)
    out = fixed_pattern_correction(video, method=method, axes=axes)
    assert out.dtype == np.float32
    np.testing.assert_allclose(out, plain(video, method, axes), rtol=1e-6, atol=1e-10)


@pytest.mark.parametrize("method", ["median", "clipped_mean"])
def test_offsets_of_rows_and_columns_vanish(method):
    stripes = RNG.normal(size=(9, 12, 1)) + RNG.normal(size=(9, 1, 17))
    out = fixed_pattern_correction(NOISE + stripes, method=method)
    assert np.std(out) < 2 * np.std(NOISE)


def test_only_the_lines_asked_for_are_corrected():
    rows = np.broadcast_to(np.arange(12.0)[:, None], (2, 12, 17))
    assert not fixed_pattern_correction(rows, axes="rows").any()
    np.testing.assert_array_equal(
        fixed_pattern_correction(rows, axes="columns"), rows - np.median(rows, axis=1)[:, None]
    )


def test_a_particle_is_not_taken_for_pattern():
    video = NOISE.copy()
    video[4, 5:8, 5:8] += 0.1
    out = fixed_pattern_correction(video)
    assert out[4, 6, 6] == pytest.approx(0.1, abs=5e-4)


def test_lazy_equals_eager():
    lazy = fixed_pattern_correction(da.from_array(NOISE, chunks=(4, 12, 17)))
    assert isinstance(lazy, da.Array)
    np.testing.assert_array_equal(lazy.compute(), fixed_pattern_correction(NOISE))


def test_empty_video_stays_empty():
    assert fixed_pattern_correction(NOISE[:0]).shape == (0, 12, 17)


@pytest.mark.parametrize("wrong", [{"method": "none"}, {"method": "mean"}, {"axes": "0"}])
def test_unknown_choices_are_refused(wrong):
    with pytest.raises(BadValueError, match="must be one of"):
        fixed_pattern_correction(NOISE, **wrong)
