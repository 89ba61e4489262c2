from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import pywt
from scipy import fft

from napari_uai.errors import BadValueError
from napari_uai.iscat.correct.fixed_pattern import fixed_pattern_correction
from napari_uai.iscat.correct.rolling_average import differential_rolling_average

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
    rng = np.random.default_rng(1)  # some stripes have two deviations next to the median of all
    stripes = rng.normal(size=(9, 12, 1)) + rng.normal(size=(9, 1, 17))
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


def without_low_frequencies(frame, damping):
    """Of the columns, mirrored, unless all columns share them."""
    gain = np.exp(-0.5 * (np.arange(len(frame)) / 2 / damping) ** 2)
    pattern = fft.idct(gain[:, None] * fft.dct(frame, axis=0), axis=0)
    return frame - pattern + pattern.mean(axis=1, keepdims=True)


def without_striped_details(frame, wavelet, levels, damping):
    """Wavelet-Fourier filter of column stripes, as in Münch et al. (2009)."""
    smooth, *details = pywt.wavedec2(frame, wavelet, level=levels)
    filtered = []
    for across_rows, across_columns, diagonal in details:
        cycles = fft.fftfreq(len(across_columns), 1 / len(across_columns))
        gain = 1 - np.exp(-0.5 * (cycles / damping) ** 2)
        waves = gain[:, None] * fft.fft(across_columns, axis=0)
        filtered.append((across_rows, fft.ifft(waves, axis=0).real, diagonal))
    return pywt.waverec2([smooth, *filtered], wavelet)[: frame.shape[0], : frame.shape[1]]


def along_axes(frame, axes, columns_filter):
    if axes != "columns":
        frame = columns_filter(frame.T).T
    return frame if axes == "rows" else columns_filter(frame)


SHAPES = [(64, 64), (47, 90), (1, 17), (12, 1)]


@pytest.mark.parametrize("axes", ["both", "rows", "columns"])
@pytest.mark.parametrize("shape", SHAPES)
def test_fourier_filter_is_that_of_scipy(axes, shape):
    video = RNG.normal(size=(3, *shape))
    for damping in (None, 0.3, 2.5):
        out = fixed_pattern_correction(video, method="fourier", axes=axes, damping=damping)
        for frame, corrected in zip(video, out, strict=True):
            expected = along_axes(frame, axes, lambda f: without_low_frequencies(f, damping or 0.5))  # noqa: B023
            np.testing.assert_allclose(corrected, expected, atol=5e-6)


@pytest.mark.filterwarnings("ignore:Level value")
@pytest.mark.parametrize("axes", ["both", "rows", "columns"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("settings", [("sym8", 3, 1.0), ("db4", 2, 2.5), ("haar", 4, 0.7)])
def test_wavelet_filter_is_that_of_pywavelets(axes, shape, settings):
    video = RNG.normal(size=(2, *shape))
    wavelet, levels, damping = settings
    out = fixed_pattern_correction(
        video, method="wavelet", axes=axes, wavelet=wavelet, levels=levels, damping=damping
    )
    for frame, corrected in zip(video, out, strict=True):
        expected = along_axes(frame, axes, lambda f: without_striped_details(f, *settings))
        np.testing.assert_allclose(corrected, expected, atol=5e-6)


def test_filters_follow_offsets_that_vary_along_the_line():
    narrow = np.where(np.arange(64) % 2, 1.0, -1.0)
    stripes = narrow * (2 + np.cos(np.pi * np.arange(64)[:, None] / 64))
    left = {
        method: fixed_pattern_correction(stripes[None], method=method, axes="columns").std()
        for method in ("median", "fourier", "wavelet")
    }
    assert left["median"] > 0.6
    assert left["fourier"] < 0.5 * left["median"]
    assert left["wavelet"] < 0.5 * left["median"]


def test_wavelet_filter_keeps_wide_structures_that_the_fourier_filter_removes():
    wide = np.cos(2 * np.pi * np.arange(128) / 128) * np.ones((1, 128, 1))
    kept = fixed_pattern_correction(wide, method="wavelet", axes="columns")
    removed = fixed_pattern_correction(wide, method="fourier", axes="columns")
    np.testing.assert_allclose(kept, wide, atol=0.02)
    assert np.abs(removed).max() < 1e-5


def test_a_particle_loses_as_much_as_the_documentation_says():
    y, x = np.indices((64, 64))
    video = np.exp(-((y - 30) ** 2 + (x - 33) ** 2) / (2 * 1.7**2))[None]
    for method, peak in (("median", 1.0), ("fourier", 0.84), ("wavelet", 0.93)):
        out = fixed_pattern_correction(video, method=method)
        assert out[0, 30, 33] == pytest.approx(peak, abs=0.01)


@pytest.mark.parametrize("method", ["fourier", "wavelet"])
def test_filters_act_on_the_difference_of_a_rolling_average(method):
    video = RNG.normal(1000, 10, (8, 12, 17))
    before, after = video[:4].mean(axis=0), video[4:].mean(axis=0)
    expected = fixed_pattern_correction((after - before)[None], method=method)[0] / before
    out = differential_rolling_average(video, batch_size=4, fixed_pattern=method)
    np.testing.assert_allclose(out[0], expected, atol=1e-6)


def test_what_a_method_does_not_have_is_refused():
    for wrong in ({"method": "fourier", "levels": 2}, {"method": "median", "damping": 1}):
        with pytest.raises(BadValueError, match=f"the method {wrong['method']} has no"):
            fixed_pattern_correction(NOISE, **wrong)
    with pytest.raises(BadValueError, match=r"unknown wavelet 'sim8': did you mean 'sym8'"):
        fixed_pattern_correction(NOISE, method="wavelet", wavelet="sim8")


@pytest.mark.parametrize("wrong", [{"method": "none"}, {"method": "mean"}, {"axes": "0"}])
def test_unknown_choices_are_refused(wrong):
    with pytest.raises(BadValueError, match="must be one of"):
        fixed_pattern_correction(NOISE, **wrong)
