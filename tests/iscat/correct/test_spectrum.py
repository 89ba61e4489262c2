"""Power spectra against numpy's Fourier transform."""

import dask.array as da
import numpy as np
import pytest

from napari_uai.errors import BadValueError
from napari_uai.iscat.correct.spectrum import power_spectrum
from napari_uai.videos import Frames, frames_of

RNG = np.random.default_rng(9)


@pytest.mark.parametrize("shape", [(3, 16, 20), (2, 15, 21), (1, 1, 8)])
def test_the_spectrum_is_that_of_numpy(shape):
    video = RNG.normal(1000, 30, shape)
    power = np.abs(np.fft.fftshift(np.fft.fft2(video), axes=(1, 2))) ** 2 / video[0].size
    out = power_spectrum(video, taper="none")
    assert out.dtype == np.float32
    np.testing.assert_allclose(out, np.log10(power), rtol=1e-5, atol=1e-5)


def test_a_tapered_spectrum_is_that_of_the_tapered_frame():
    video = RNG.normal(0, 1, (2, 12, 16))
    rows, columns = (np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 2 for n in (12, 16))
    window = np.outer(rows, columns)
    tapered = (video - video.mean(axis=(1, 2), keepdims=True)) * window
    power = np.abs(np.fft.fftshift(np.fft.fft2(tapered), axes=(1, 2))) ** 2 / (window**2).sum()
    out = power_spectrum(video)
    power[:, 6, 8] = video.mean(axis=(1, 2)) ** 2 * 12 * 16
    np.testing.assert_allclose(out, np.log10(power), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("taper", ["none", "hann"])
def test_white_noise_has_its_variance_at_every_frequency(taper):
    power = 10 ** power_spectrum(RNG.normal(0, 3, (400, 24, 24)), taper=taper).astype(float)
    power[:, 12, 12] = 9
    mean = power.mean(axis=0)
    assert mean.mean() == pytest.approx(9, rel=0.02)
    # near the centre the subtracted mean takes some of the power of tapered frames
    assert np.median(np.abs(mean / 9 - 1)) < 0.05


def test_stripes_are_two_points_at_their_frequency():
    for n, period in ((64, 8), (63, 9)):
        stripes = np.sin(2 * np.pi * np.arange(n) / period)[:, np.newaxis] + np.zeros((1, n, n))
        spectrum = power_spectrum(stripes, taper="none")[0]
        points = np.argwhere(spectrum > spectrum.max() - 1)
        frequencies = (points - n // 2) / n
        np.testing.assert_allclose(np.abs(frequencies), [[1 / period, 0]] * 2, atol=1e-12)


def test_a_taper_removes_the_cross_of_the_borders():
    ramp = np.arange(64.0) + np.zeros((1, 64, 64))
    off_centre = (0, 32, 32 + 20)
    assert power_spectrum(ramp)[off_centre] < power_spectrum(ramp, taper="none")[off_centre] - 3


def test_frames_without_contrast_have_a_finite_spectrum():
    for value in (0, 500):
        out = power_spectrum(np.full((1, 8, 8), value, np.uint16))
        assert np.isfinite(out).all()


def test_it_stays_lazy():
    video = RNG.normal(0, 1, (4, 8, 9))
    lazy = power_spectrum(da.from_array(video, chunks=(2, 8, 9)))
    assert isinstance(lazy, da.Array)
    np.testing.assert_array_equal(lazy.compute(), power_spectrum(video))
    assert isinstance(power_spectrum(frames_of(video)), Frames)


def test_an_unknown_taper_is_an_error():
    with pytest.raises(BadValueError, match="taper"):
        power_spectrum(np.zeros((1, 4, 4)), taper="hamming")
