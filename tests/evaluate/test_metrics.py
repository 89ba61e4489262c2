from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from napari_uai.evaluate.metrics import (
    average_precision,
    contrast_bound,
    detection_limit,
    position_bound,
    precision_recall,
    recall_by_snr,
    recall_limit,
    snr_of_whole_recording,
    threshold_for,
)


def test_average_precision_of_hand_made_lists():
    assert average_precision([1, 1, 1], 3) == 1
    assert average_precision([1, 1, 1, 0, 0], 6) == 0.5  # half were never found
    assert average_precision([0, 1], 1) == 0.5
    assert average_precision([1, 0, 1, 0, 0, 1], 3) == pytest.approx((1 + 2 / 3 + 3 / 6) / 3)
    assert average_precision([], 4) == 0
    assert np.isnan(average_precision([], 0))


def test_average_precision_is_the_area_under_the_steps_of_precision_over_recall():
    rng = np.random.default_rng(0)
    hits, score = rng.random(200) < 0.3, np.arange(200, 0, -1.0)
    table = precision_recall(score, hits, int(hits.sum()))
    steps = np.diff(np.append(0, table["recall"]))
    area = np.sum(steps * table["precision"])
    assert average_precision(hits, int(hits.sum())) == pytest.approx(area)


def test_average_precision_of_a_random_order_is_the_share_of_true_ones():
    rng = np.random.default_rng(1)
    hits = [rng.permutation(np.arange(2000) < 500) for _ in range(20)]
    assert np.mean([average_precision(h, 500) for h in hits]) == pytest.approx(0.25, abs=0.01)


def test_precision_and_recall_count_equal_scores_together():
    table = precision_recall([9, 7, 7, 5], [1, 0, 1, 1], 4)
    assert table["threshold"].tolist() == [9, 7, 5]
    assert table["true"].tolist() == [1, 2, 3]
    assert table["false"].tolist() == [0, 1, 1]
    assert table["precision"].tolist() == pytest.approx([1, 2 / 3, 3 / 4])
    assert table["recall"].tolist() == [0.25, 0.5, 0.75]
    assert precision_recall([], [], 4).empty


def test_threshold_allows_no_more_false_ones_than_stated():
    score, hits = [9, 8, 7, 6, 5], [1, 0, 1, 0, 1]
    assert threshold_for(score, hits, 0) == 9
    assert threshold_for(score, hits, 1) == 7
    assert threshold_for(score, hits, 2) == 5
    assert threshold_for([9, 9], [1, 0], 0) == np.inf
    assert threshold_for([], [], 0) == np.inf


def test_recall_in_bins_of_signal_to_noise():
    table = recall_by_snr([2.5, 3, 3.5, 7, 12], [False, True, False, True, True])
    assert table["landings"].tolist() == [1, 2, 0, 0, 1, 0, 1]
    np.testing.assert_array_equal(table["recall"], [0, 0.5, np.nan, np.nan, 1, np.nan, 1])


def test_recall_limit_recovers_a_known_logistic_curve():
    rng = np.random.default_rng(2)
    size = np.exp(rng.uniform(np.log(2e-4), np.log(3e-3), 4000))
    hit = rng.random(4000) < expit(4 * np.log(size / 8e-4))
    assert recall_limit(size, hit, 0.5) == pytest.approx(8e-4, rel=0.05)
    assert recall_limit(size, hit, 0.9) == pytest.approx(8e-4 * 9 ** (1 / 4), rel=0.07)


def test_recall_limit_lies_in_the_gap_of_separable_landings_and_beyond_the_range_else():
    size = np.array([1e-4, 2e-4, 3e-4, 4e-4, 5e-4, 6e-4])
    assert 3e-4 < recall_limit(size, size > 3.5e-4, 0.5) < 4e-4
    assert recall_limit(size, np.ones(6, bool), 0.9) == 0
    assert recall_limit(size, np.zeros(6, bool), 0.5) == np.inf
    assert np.isnan(recall_limit(size[:0], np.ones(0, bool), 0.5))


@pytest.mark.parametrize(("n_frames", "threshold"), [(9999, 9), (10_000, 7), (25_000, 5)])
def test_detection_limit_allows_one_false_landing_per_10000_frames(n_frames, threshold):
    contrast = np.array([-3e-3, 2e-3, 1e-3, 5e-4])
    found_score = np.array([9, 7, 5, np.nan])
    limit = detection_limit([9, 8, 7, 6, 5], [1, 0, 1, 0, 1], contrast, found_score, n_frames)
    assert limit.threshold == threshold


def test_bounds_are_those_of_the_numerical_fisher_information():
    sigma, contrast, noise = 1.7, 8e-4, 3.65e-4
    y, x = np.mgrid[-15:16, -15:16] - 0.3

    def image(c, y0, x0):
        return c * np.exp(-((y - y0) ** 2 + (x - x0) ** 2) / (2 * sigma**2))

    at, step = np.array([contrast, 0, 0]), np.array([1e-6, 1e-4, 1e-4])
    slopes = [(image(*(at + s)) - image(*(at - s))).ravel() / (2 * s.sum()) for s in np.diag(step)]
    information = np.array([[a @ b for b in slopes] for a in slopes]) / noise**2
    bounds = np.sqrt(np.diag(np.linalg.inv(information)))
    snr = np.linalg.norm(image(*at)) / noise
    assert contrast_bound(-contrast, snr) == pytest.approx(bounds[0], rel=1e-4)
    assert position_bound(snr, sigma) == pytest.approx(bounds[1], rel=1e-4)


def test_a_step_in_the_middle_of_two_batches_has_the_ratio_of_the_rolling_average():
    assert snr_of_whole_recording(5, 500, 500, 1000) == pytest.approx(5)
    assert snr_of_whole_recording(5, 3000, 500, 6000) == pytest.approx(5 * np.sqrt(6))
