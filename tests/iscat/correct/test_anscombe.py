"""Anscombe transform against simulated counts and expectations summed term by term."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
from scipy import stats

from napari_uai.errors import BadValueError
from napari_uai.iscat.correct.anscombe import anscombe_transform, inverse_anscombe_transform

CAMERA = {"electrons_per_count": 2.5, "offset": 120.0, "read_noise": 4.0}


def expected_transform(electrons, read_noise):
    """Mean of the transform of Poisson electrons with Gaussian noise."""
    counts = np.arange(int(electrons + 15 * np.sqrt(electrons + 1)) + 20)
    noise = np.linspace(-8, 8, 2001)
    weights = stats.poisson.pmf(counts, electrons)[:, None] * stats.norm.pdf(noise) * 16 / 2000
    inside = counts[:, None] + read_noise * noise + 3 / 8 + read_noise**2
    return (weights * 2 * np.sqrt(np.maximum(inside, 0))).sum()


@pytest.mark.parametrize("light", [20, 300, 8000])
def test_noise_is_1_at_any_brightness(light):
    rng = np.random.default_rng(1)
    electrons = rng.poisson(light, (20000, 1, 1)) + rng.normal(0, 4, (20000, 1, 1))
    counts = electrons / 2.5 + 120
    assert anscombe_transform(counts, **CAMERA).std() == pytest.approx(1, rel=0.03)


@pytest.mark.parametrize("read_noise", [0.0, 1.0, 5.0])
@pytest.mark.parametrize("electrons", [0.0, 0.5, 3.0, 30.0, 120.0, 2000.0])
def test_inverse_takes_the_mean_of_transforms_to_the_mean(electrons, read_noise):
    mean = np.full((1, 1, 1), expected_transform(electrons, read_noise))
    back = inverse_anscombe_transform(mean, read_noise=read_noise)
    assert back[0, 0, 0] == pytest.approx(electrons, abs=2e-3, rel=1e-5)


def test_inverse_returns_to_the_counts_of_the_camera():
    counts = np.random.default_rng(2).uniform(2000, 9000, (3, 4, 5))
    back = inverse_anscombe_transform(anscombe_transform(counts, **CAMERA), **CAMERA)
    # The algebraic inverse is lower by 1/4 - 1/8 + 3/8 electrons.
    np.testing.assert_allclose(back, counts + 0.25 / 2.5, atol=0.02)


def test_values_below_the_transform_of_darkness_are_the_offset_and_nan_stays():
    video = np.array([[[0.0, np.nan]]])
    back = inverse_anscombe_transform(video, **CAMERA)
    assert back[0, 0, 0] == 120
    assert np.isnan(back[0, 0, 1])
    assert anscombe_transform(np.zeros((1, 1, 1)), **CAMERA)[0, 0, 0] == 0


def test_lazy_equals_eager_and_limits_are_named():
    video = np.random.default_rng(3).poisson(500, (6, 4, 5))
    for transform in (anscombe_transform, inverse_anscombe_transform):
        lazy = transform(da.from_array(video, chunks=(4, -1, -1)))
        np.testing.assert_array_equal(lazy.compute(), transform(video))
        with pytest.raises(BadValueError, match="electrons_per_count must be"):
            transform(video, electrons_per_count=0)
        with pytest.raises(BadValueError, match="read_noise must be"):
            transform(video, read_noise=-1)
