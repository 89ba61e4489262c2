"""Radial filters against plain formulas."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
from scipy import ndimage

from napari_uai.errors import BadValueError
from napari_uai.iscat.correct.radial_filters import fast_radial_symmetry, radial_variance_transform

RNG = np.random.default_rng(7)
NOISE = RNG.normal(5, 1, (3, 21, 30))


def ring(radius, size):
    distance = np.floor(np.hypot(*np.mgrid[-size : size + 1, -size : size + 1]))
    return (distance == radius) / (distance == radius).sum()


def plain_variance(frame, rings, kind):
    """Variance of convolutions with rings, and that within them, as in Kashkanova et al."""
    frame = frame - frame.mean()
    means = np.array([ndimage.correlate(frame, r, mode="mirror") for r in rings])
    if kind == "basic":
        return means.var(axis=0)
    squares = np.array([ndimage.correlate(frame**2, r, mode="mirror") for r in rings])
    return means.var(axis=0) / (squares - means**2).mean(axis=0)


@pytest.mark.parametrize("kind", ["basic", "normalized"])
@pytest.mark.parametrize("radii", [(0, 1), (2, 5), (1, 8)])
def test_radial_variance_is_that_of_its_formula(kind, radii):
    rings = [ring(r, radii[1]) for r in range(radii[0], radii[1] + 1)]
    out = radial_variance_transform(NOISE, radii=radii, kind=kind)
    for frame, transformed in zip(NOISE, out, strict=True):
        np.testing.assert_allclose(transformed, plain_variance(frame, rings, kind), rtol=1e-5)


@pytest.mark.parametrize("kind", ["basic", "normalized"])
def test_smooth_background_is_subtracted_first(kind):
    frame = NOISE[0]
    flat = frame - ndimage.gaussian_filter(frame, 2.0, mode="reflect")
    expected = plain_variance(flat, [ring(r, 4) for r in (1, 2, 3, 4)], kind)
    out = radial_variance_transform(NOISE[:1], radii=(1, 4), kind=kind, highpass_px=2.0)
    np.testing.assert_allclose(out[0], expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("mode", "groups"),
    [("average", [(2, 3), (4, 5), (6,)]), ("skip", [(2,), (4,), (6,)])],
)
def test_neighbouring_rings_become_one(mode, groups):
    rings = [np.mean([ring(r, 6) for r in group], axis=0) for group in groups]
    out = radial_variance_transform(
        NOISE, radii=(2, 6), kind="normalized", ring_step=2, ring_mode=mode
    )
    np.testing.assert_allclose(out[1], plain_variance(NOISE[1], rings, "normalized"), rtol=1e-5)


def test_parts_of_pixels_have_finer_rings():
    fine = NOISE[0].repeat(3, axis=0).repeat(3, axis=1)
    expected = plain_variance(fine, [ring(r, 9) for r in range(3, 10)], "basic")
    expected = expected.reshape(21, 3, 30, 3).mean(axis=(1, 3))
    out = radial_variance_transform(NOISE[:1], radii=(1, 3), kind="basic", upsample=3)
    np.testing.assert_allclose(out[0], expected, rtol=1e-5)


def test_normalized_variance_ignores_contrast_and_offset():
    once = radial_variance_transform(NOISE)
    np.testing.assert_allclose(radial_variance_transform(3 * NOISE + 100), once, rtol=1e-4)
    np.testing.assert_allclose(radial_variance_transform(-NOISE), once, rtol=1e-6)


def test_constant_frames_have_no_variance_and_nan_hides_its_surroundings():
    assert not radial_variance_transform(np.full((1, 9, 9), 7)).any()
    video = NOISE[:1].copy()
    video[0, 10, 15] = np.nan
    out = radial_variance_transform(video, radii=(1, 2), kind="basic")
    y, x = np.indices((21, 30))
    near = np.floor(np.hypot(y - 10, x - 15)) <= 2
    clean = radial_variance_transform(NOISE[:1], radii=(1, 2), kind="basic")
    assert np.isnan(out[0][near & (np.hypot(y - 10, x - 15) >= 1)]).all()
    np.testing.assert_allclose(out[0][~near], clean[0][~near], rtol=1e-5)


def test_rings_larger_than_the_frame_are_mirrored_again():
    small = NOISE[:1, :4, :5]
    expected = plain_variance(small[0], [ring(r, 7) for r in (5, 6, 7)], "basic")
    out = radial_variance_transform(small, radii=(5, 7), kind="basic")
    np.testing.assert_allclose(out[0], expected, rtol=1e-5)


def plain_symmetry(frame, radii, strictness, min_gradient=0.0, signs=(1, -1)):
    """Votes of each pixel, one by one, as in Loy & Zelinsky."""
    gy, gx = (ndimage.sobel(frame, axis, mode="nearest") / 8 for axis in (0, 1))
    size = np.hypot(gy, gx)
    total = np.zeros(frame.shape)
    for n in range(radii[0], radii[1] + 1):
        number, steepness = np.zeros(frame.shape), np.zeros(frame.shape)
        for (r, c), g in np.ndenumerate(size):
            if g == 0 or g < min_gradient:
                continue
            y, x = (int(np.round(n * d[r, c] / g)) for d in (gy, gx))
            for sign in signs:
                v, u = r + sign * y, c + sign * x
                if 0 <= v < frame.shape[0] and 0 <= u < frame.shape[1]:
                    number[v, u] += sign
                    steepness[v, u] += sign * g
        most = 8.0 if n == 1 else 9.9
        share = np.minimum(np.abs(number), most) / most
        total += ndimage.gaussian_filter(steepness / most * share**strictness, n / 4, truncate=4)
    return total / (radii[1] - radii[0] + 1)


@pytest.mark.parametrize("radii", [(1, 1), (2, 4)])
@pytest.mark.parametrize("strictness", [1, 2, 2.5])
def test_fast_radial_symmetry_is_that_of_its_formula(radii, strictness):
    video = NOISE.astype(np.float32)
    out = fast_radial_symmetry(video, radii=radii, strictness=strictness)
    for frame, transformed in zip(video, out, strict=True):
        expected = plain_symmetry(frame.astype(float), radii, strictness)
        np.testing.assert_allclose(transformed, expected, atol=1e-6)


def test_only_steep_gradients_and_those_of_one_sign_vote():
    video = NOISE[:1].astype(np.float32)
    for polarity, signs in (("bright", (1,)), ("dark", (-1,))):
        out = fast_radial_symmetry(video, polarity=polarity, min_gradient=0.3)
        expected = plain_symmetry(video[0].astype(float), (2, 3), 2, 0.3, signs)
        np.testing.assert_allclose(out[0], expected, atol=1e-6)


def test_a_spot_peaks_where_it_is_with_its_sign():
    y, x = np.indices((40, 40))
    spot = np.exp(-((y - 28) ** 2 + (x - 12) ** 2) / 6)
    bright, dark = fast_radial_symmetry(np.stack([spot, 1 - spot]))
    assert np.unravel_index(bright.argmax(), bright.shape) == (28, 12)
    assert np.unravel_index(dark.argmin(), dark.shape) == (28, 12)


@pytest.mark.parametrize("transform", [radial_variance_transform, fast_radial_symmetry])
def test_lazy_equals_eager(transform):
    lazy = transform(da.from_array(NOISE, chunks=(2, -1, -1)))
    assert isinstance(lazy, da.Array)
    np.testing.assert_array_equal(lazy.compute(), transform(NOISE))
    assert transform(NOISE[:0]).shape == (0, 21, 30)


def test_values_outside_the_limits_are_named():
    for wrong in ({"radii": (3, 3)}, {"radii": (1, 2), "ring_step": 2}):
        with pytest.raises(BadValueError, match="at least two rings"):
            radial_variance_transform(NOISE, **wrong)
    for wrong in ({"radii": (5, 2)}, {"radii": (-1, 2)}, {"highpass_px": 0.2}, {"upsample": 0}):
        with pytest.raises(BadValueError, match=next(iter(wrong))):
            radial_variance_transform(NOISE, **wrong)
    with pytest.raises(BadValueError, match="radii must be"):
        fast_radial_symmetry(NOISE, radii=(0, 2))
