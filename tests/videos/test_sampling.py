"""Frames that stand for a video, and the scatter of values."""

import numpy as np
import pytest
from scipy.stats import median_abs_deviation

from napari_uai.videos.sampling import robust_deviation, spread_frames


@pytest.mark.parametrize("n", [0, 1, 2, 3, 64, 97, 1000])
def test_frames_are_different_ascending_and_reach_from_end_to_end(n):
    for at_most in range(1, 130):
        frames = spread_frames(n, at_most)
        assert len(frames) == min(n, at_most)
        assert (np.diff(frames) > 0).all()
        assert frames[:1].tolist() == [0][:n]
        if len(frames) > 1:
            assert frames[-1] == n - 1
            assert np.abs(frames - np.linspace(0, n - 1, len(frames))).max() <= 0.5


def test_the_deviation_is_that_of_scipy():
    values = np.random.default_rng(3).normal(7, 2, 1001)
    expected = median_abs_deviation(values, scale="normal")
    assert robust_deviation(values) == pytest.approx(expected, rel=1e-4)
    assert robust_deviation(values, about=0.0) == 1.4826 * np.median(np.abs(values))
    assert robust_deviation(values.astype(np.float32)) == pytest.approx(expected, rel=1e-4)
