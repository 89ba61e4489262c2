"""Features beside plain numpy and scipy."""

import dask.array as da
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from napari_uai.errors import BadValueError, TooFewFramesError
from napari_uai.iscat.correct.filters import difference_of_gaussians
from napari_uai.iscat.correct.rolling_average import differential_rolling_average
from napari_uai.iscat.detect.anomalies.batch_features import (
    batch_deviation,
    batch_difference,
    batch_mean,
)
from napari_uai.iscat.detect.anomalies.features import (
    difference_of_gaussians_3d,
    minimum_threshold_map,
    niblack_threshold_map,
    residual,
)
from napari_uai.videos.frames import lazy_video

N, SIZE = 60, 7


def drifting(seed=0):
    """Counts of shot noise on speckle, with a slow rise: what a running variance gets wrong."""
    rng = np.random.default_rng(seed)
    mean = rng.gamma(4, 7000, (9, 11)) * (1 + 0.001 * np.arange(N)[:, None, None])
    return rng.poisson(mean).astype(np.float64)


def batches(video):
    """Both batches of each frame of the rolling average."""
    for i in range(N - 2 * SIZE + 1):
        yield video[i : i + SIZE], video[i + SIZE : i + 2 * SIZE]


def lazily(video):
    return da.from_array(video, chunks=(13, -1, -1))


def test_means_and_deviations_are_those_of_numpy_frame_by_frame():
    video = drifting()
    expected = [[f(b, axis=0) for f in (np.mean, np.std) for b in both] for both in batches(video)]
    made = [
        batch_mean(video, batch_size=SIZE),
        batch_mean(video, batch_size=SIZE, batch="second"),
        batch_deviation(video, batch_size=SIZE),
        batch_deviation(video, batch_size=SIZE, batch="second"),
    ]
    np.testing.assert_allclose(np.stack(made, axis=1), expected, rtol=2e-5)


def test_deviation_does_not_lose_small_noise_on_large_counts():
    rng = np.random.default_rng(1)
    video = 1e6 + rng.normal(0, 1, (N, 4, 4))
    expected = [first.std(axis=0) for first, _ in batches(video)]
    np.testing.assert_allclose(batch_deviation(video, batch_size=SIZE), expected, rtol=1e-5)


def test_deviation_of_a_constant_video_is_zero():
    assert not batch_deviation(np.full((N, 3, 3), 7.0), batch_size=SIZE).any()


def test_differences_and_centred_means_are_those_of_numpy():
    video = drifting()
    difference = np.array([b.mean(axis=0) - a.mean(axis=0) for a, b in batches(video)])
    tolerance = {"rtol": 1e-5, "atol": 1e-5 * np.abs(difference).max()}
    signed = batch_difference(video, batch_size=SIZE, sign="signed")
    np.testing.assert_allclose(signed, difference, **tolerance)
    absolute = batch_difference(video, batch_size=SIZE)
    np.testing.assert_allclose(absolute, np.abs(difference), **tolerance)
    for batch, sign in (("first", -0.5), ("second", 0.5)):
        centred = batch_mean(video, batch_size=SIZE, batch=batch, centered=True)
        np.testing.assert_allclose(centred, sign * difference, **tolerance)


def test_features_of_batches_are_in_step_with_the_rolling_average():
    video = drifting()
    rolling = differential_rolling_average(video, batch_size=SIZE, fixed_pattern="none")
    ratio = batch_difference(video, batch_size=SIZE, sign="signed") / batch_mean(
        video, batch_size=SIZE
    )
    np.testing.assert_allclose(ratio, rolling, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("sign", ["signed", "absolute"])
def test_gaussians_in_space_and_time_are_those_of_scipy(sign):
    video = drifting() - 28000
    flat = np.asarray(difference_of_gaussians(video), np.float64)
    expected = gaussian_filter1d(flat, 1.5, axis=0, mode="nearest") - gaussian_filter1d(
        flat, 4, axis=0, mode="nearest"
    )
    made = difference_of_gaussians_3d(
        lazily(video), sigma_low_frames=1.5, sigma_high_frames=4, sign=sign
    )
    whole = np.asarray(made)
    expected = np.abs(expected) if sign == "absolute" else expected
    np.testing.assert_allclose(whole, expected, atol=1e-4 * np.abs(expected).max())
    np.testing.assert_array_equal(np.asarray(made[20:25]), whole[20:25])


def test_residual_is_the_difference_signed_or_not():
    video, predicted = drifting(), drifting(1)
    np.testing.assert_allclose(residual(video, predicted), video - predicted, rtol=1e-6)
    absolute = residual(lazily(video), lazily(predicted), sign="absolute")
    np.testing.assert_allclose(absolute, np.abs(video - predicted), rtol=1e-6)


def test_minimum_threshold_lies_between_the_humps():
    rng = np.random.default_rng(0)
    video = rng.normal(0, 0.1, (3, 40, 40))
    video[0, :, 20:] += 3
    video[2, 0, 0] = np.nan
    maps = minimum_threshold_map(video)
    np.testing.assert_array_equal(maps[0, :, :20], 0)
    np.testing.assert_array_equal(maps[0, :, 20:], 1)
    assert np.isnan(maps[2, 0, 0])
    assert np.isfinite(maps[2, 1:]).all()


def test_minimum_threshold_map_of_one_hump_is_full():
    assert (minimum_threshold_map(np.ones((2, 10, 10))) == 1).all()


def test_niblack_threshold_is_mean_less_deviations_of_the_window():
    video = drifting()[:2]
    window = video[1, 3:8, 4:9]
    made = niblack_threshold_map(video, window_px=5, k=1.5)
    np.testing.assert_allclose(made[1, 5, 6], window.mean() - 1.5 * window.std(), rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    "stage",
    [
        lambda v: batch_mean(v, batch_size=SIZE, centered=True),
        lambda v: batch_deviation(v, batch_size=SIZE, batch="second"),
        lambda v: batch_difference(v, batch_size=SIZE),
        lambda v: difference_of_gaussians_3d(v, sigma_high_frames=12),
        minimum_threshold_map,
        niblack_threshold_map,
        lambda v: residual(v, v + 1),
    ],
)
def test_lazy_video_gives_the_numbers_of_the_eager_one(stage):
    video = drifting()
    lazy = stage(lazily(video))
    assert isinstance(lazy, da.Array)
    np.testing.assert_allclose(np.asarray(lazy), stage(video), rtol=1e-5, equal_nan=True)
    assert lazy.name == stage(lazily(video)).name


def test_both_batches_share_their_sums():
    video = lazy_video_of(drifting())
    first, second = (batch_deviation(video, batch_size=SIZE, batch=b) for b in ("first", "second"))
    np.testing.assert_array_equal(np.asarray(first[SIZE:]), np.asarray(second[:-SIZE]))


def lazy_video_of(video):
    from napari_uai.videos.frames import frames_of

    return lazy_video(frames_of(video))


def test_bad_input_is_an_error_that_says_what_to_do():
    video = drifting()
    with pytest.raises(BadValueError, match=r"same frames.*60 x 9 x 11, 59 x 9 x 11"):
        residual(video, video[1:])
    with pytest.raises(TooFewFramesError, match="use a batch_size of at most 30"):
        batch_mean(video, batch_size=31)
    with pytest.raises(BadValueError, match="sigma_high_frames must be greater"):
        difference_of_gaussians_3d(video, sigma_low_frames=5, sigma_high_frames=5)
    with pytest.raises(TooFewFramesError, match="at least 1 frame"):
        difference_of_gaussians_3d(video[:0])
    with pytest.raises(BadValueError, match="window_px must be an odd whole number"):
        niblack_threshold_map(video, window_px=4)
    with pytest.raises(BadValueError, match="batch must be one of first, second"):
        batch_mean(video, batch_size=SIZE, batch="third")
    video[12] = np.nan
    with pytest.raises(BadValueError, match="frame 12 contains NaN"):
        batch_deviation(video, batch_size=SIZE)
