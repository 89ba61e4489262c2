"""Anomaly scores and masks of small videos with a planted anomaly."""

import pickle
import sys

import dask.array as da
import numpy as np
import pytest

from napari_uai.errors import BadValueError, CancelledError, NapariUaiError, TooFewFramesError
from napari_uai.iscat.detect.anomalies.isolation_forest import fit_forest, forest_scores
from napari_uai.iscat.detect.anomalies.maps import FeatureStack, anomaly_mask, anomaly_scores
from napari_uai.monitor import Monitor, overseen
from napari_uai.videos.frames import ArrayFrames, frames_of

N, HEIGHT, WIDTH = 30, 16, 20
PLACE = (12, 7, 9)


def features(seed=0):
    """Two videos of noise of different size; one pixel of one frame is far out in both."""
    rng = np.random.default_rng(seed)
    first, second = rng.normal(size=(2, N, HEIGHT, WIDTH))
    first[PLACE], second[PLACE] = 7, 7
    return first, 1e-4 * second


def lazily(*videos):
    return [da.from_array(video, chunks=(7, -1, -1)) for video in videos]


@pytest.mark.parametrize("method", ["forest", "forest_per_frame", "one_class_svm"])
def test_planted_pixel_has_the_highest_score(method):
    scores = anomaly_scores(*features(), method=method)
    assert scores.shape == (N, HEIGHT, WIDTH)
    assert np.unravel_index(scores.argmax(), scores.shape) == PLACE


@pytest.mark.parametrize("method", ["forest", "forest_per_frame", "one_class_svm"])
def test_lazy_scores_are_those_of_arrays_whatever_the_block(method):
    first, second = features()
    second[:, :3] = np.nan
    whole = anomaly_scores(first, second, method=method)
    lazy = anomaly_scores(*lazily(first, second), method=method)
    assert isinstance(lazy, da.Array)
    np.testing.assert_array_equal(np.asarray(lazy), whole)
    np.testing.assert_array_equal(np.asarray(lazy[11:14]), whole[11:14])
    assert lazy.name == anomaly_scores(*lazily(first, second), method=method).name


def test_one_forest_serves_all_frames_and_ordinary_ones_stay_low():
    scores = anomaly_scores(*features())
    ordinary = np.delete(scores, PLACE[0], axis=0)
    assert scores[PLACE] > ordinary.max()


def test_fresh_forest_is_that_of_the_frame_alone():
    first, second = features()
    scores = anomaly_scores(first, second, method="forest_per_frame", max_samples=50, seed=3)
    planes = np.stack([first[5], 1e4 * second[5]])
    alone = forest_scores(fit_forest(planes, max_samples=50, seed=3), planes)
    assert np.corrcoef(scores[5].ravel(), alone.ravel())[0, 1] > 0.999


def test_every_feature_counts_whatever_its_unit():
    first, second = features()
    first[20, 3, 3], second[25, 4, 4] = 7, 7e-4
    for scores in (anomaly_scores(first, second), anomaly_scores(second, first)):
        ordinary = np.quantile(scores, 0.9)
        assert scores[20, 3, 3] > ordinary
        assert scores[25, 4, 4] > ordinary


def test_masked_pixels_have_no_score_and_do_not_matter():
    first, second = features()
    second[:, :, :5] = np.nan
    cut = anomaly_scores(first[:, :, 5:], second[:, :, 5:])
    first[:, :, :5] = 1e6
    scores = anomaly_scores(first, second)
    assert np.isnan(scores[:, :, :5]).all()
    np.testing.assert_array_equal(scores[:, :, 5:], cut)
    assert not np.asarray(anomaly_mask(scores))[:, :, :5].any()


def test_window_takes_frames_on_both_sides_and_repeats_the_ends():
    video = np.arange(10.0)[:, None, None] * np.ones((1, 2, 2))
    stack = FeatureStack((ArrayFrames(video),), window=3, stride=4)
    np.testing.assert_array_equal(
        stack.read(0, 10)[:, :, 0, 0],
        [[0, 0, 0, 0, 0, 1, 2, 3, 4, 5], range(10), [4, 5, 6, 7, 8, 9, 9, 9, 9, 9]],
    )
    np.testing.assert_array_equal(stack.read(7, 9)[:, :, 1, 1], [[3, 4], [7, 8], [9, 9]])
    far = FeatureStack((ArrayFrames(video),), window=3, stride=50)
    np.testing.assert_array_equal(far.read(4, 6)[:, :, 0, 0], [[0, 0], [4, 5], [9, 9]])


def test_window_finds_what_lasts():
    rng = np.random.default_rng(3)
    video = rng.normal(size=(N, HEIGHT, WIDTH))
    video[10:17, 5, 5] = 3
    scores = anomaly_scores(video, window=5)
    assert np.unravel_index(scores.argmax(), scores.shape)[1:] == (5, 5)


def test_constant_frame_among_others_has_no_anomaly():
    first, second = features()
    first[4], second[4] = 0, 0
    scores = anomaly_scores(first, second, method="forest_per_frame")
    assert (scores[4] == scores[4, 0, 0]).all()
    mask = anomaly_mask(scores, threshold=0.01, threshold_unit="contamination_per_frame")
    assert not mask[4].any()
    assert mask[5].sum() == pytest.approx(0.01 * HEIGHT * WIDTH, abs=1.5)


def test_mask_marks_as_many_pixels_or_peaks_as_asked():
    scores = np.random.default_rng(0).random((200, HEIGHT, WIDTH)).astype(np.float32)
    share = anomaly_mask(scores, threshold=0.01, threshold_unit="contamination")
    assert share.dtype == np.uint8
    assert share.mean() == pytest.approx(0.01, rel=0.1)
    per_frame = anomaly_mask(scores, threshold=0.01, threshold_unit="contamination_per_frame")
    assert set(per_frame.sum(axis=(1, 2))) <= {3, 4}
    peaks = anomaly_mask(scores, threshold=2.0)
    assert peaks.sum() / 200 == pytest.approx(2, rel=0.1)
    np.testing.assert_array_equal(
        anomaly_mask(scores, threshold=0.9, threshold_unit="score"), scores > 0.9
    )


def test_threshold_is_measured_on_the_control_if_there_is_one():
    rng = np.random.default_rng(0)
    control = rng.random((50, HEIGHT, WIDTH)).astype(np.float32)
    scores = rng.random((50, HEIGHT, WIDTH)).astype(np.float32) / 2
    scores[3, 4, 5] = 2
    assert anomaly_mask(scores, control, threshold=0.02).sum() == 1
    lazy = anomaly_mask(*lazily(scores, control), threshold=0.02)
    np.testing.assert_array_equal(np.asarray(lazy), anomaly_mask(scores, control, threshold=0.02))


def test_constant_scores_mark_nothing():
    assert not anomaly_mask(np.full((5, 8, 8), 0.5)).any()


def test_scores_travel_to_other_processes():
    lazy = anomaly_scores(*lazily(*features()))
    again = pickle.loads(pickle.dumps(lazy))
    np.testing.assert_array_equal(again.compute(), lazy.compute())


def test_any_number_of_features_is_taken_but_at_least_one():
    video = np.random.default_rng(0).normal(size=(12, 4, 8, 8))
    np.testing.assert_array_equal(
        anomaly_scores(*video, *np.zeros((3, 4, 8, 8))).shape, anomaly_scores(*video).shape
    )
    with pytest.raises(BadValueError, match="at least 1 feature"):
        anomaly_scores()


def test_features_of_different_length_are_an_error():
    first, second = features()
    with pytest.raises(BadValueError, match=r"30 x 16 x 20, 29 x 16 x 20.*one batch size"):
        anomaly_scores(first, second[1:])


def test_frames_without_a_usable_pixel_are_errors():
    first, second = features()
    with pytest.raises(BadValueError, match="frame 0 has no pixel that is finite"):
        anomaly_scores(first, np.full_like(second, np.nan))
    second[7] = np.nan
    with pytest.raises(BadValueError, match="frame 7 has no pixel"):
        anomaly_scores(first, second, sample_frames=2)


def test_constant_features_are_an_error():
    with pytest.raises(BadValueError, match="all features are constant"):
        anomaly_scores(np.ones((5, 8, 8)), np.zeros((5, 8, 8)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"window": 2}, "window must be an odd whole number, at least 1"),
        ({"stride": 0}, "stride must be a whole number, at least 1"),
        ({"sample_frames": 0}, "sample_frames must be a whole number, at least 1"),
        ({"nu": 0}, "nu must be a number, above 0, at most 1"),
        ({"method": "tree"}, "method must be one of forest"),
        ({"n_trees": 0}, "n_trees must be a whole number, at least 1, at most 10000"),
    ],
)
def test_parameters_out_of_limits_are_errors(change, message):
    with pytest.raises(BadValueError, match=message):
        anomaly_scores(*features(), **change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"threshold": 0}, "threshold must be a number, above 0, got 0"),
        ({"threshold": 0.6, "threshold_unit": "contamination"}, "at most 0.5"),
        ({"threshold": np.nan}, "threshold must be a number, above 0, got nan"),
        ({"threshold": 321}, "more than its 320 pixels"),
        ({"threshold": 1.5, "threshold_unit": "contamination_per_frame"}, "at most 0.5"),
        ({"threshold_unit": "sigma"}, "threshold_unit"),
    ],
)
def test_thresholds_that_do_not_fit_their_unit_are_errors(change, message):
    with pytest.raises(BadValueError, match=message):
        anomaly_mask(features()[0], **change)


def test_empty_videos_are_errors():
    with pytest.raises(TooFewFramesError):
        anomaly_scores(np.empty((0, 8, 8)))
    with pytest.raises(TooFewFramesError):
        anomaly_mask(np.empty((0, 8, 8)))


def test_support_vector_machine_asks_for_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.svm", None)
    with pytest.raises(NapariUaiError, match=r"install napari-uai\[svm\]"):
        anomaly_scores(*features(), method="one_class_svm")


def test_a_wish_to_stop_acts_at_the_next_frame():
    stop_after = 10
    looks = iter([False] * stop_after + [True])
    features = da.from_array(np.random.default_rng(0).normal(size=(40, 8, 8)))
    frames = frames_of(anomaly_scores(features, method="forest_per_frame"))
    with overseen(Monitor(cancelled=lambda: next(looks))), pytest.raises(CancelledError):
        frames.read(0, 40)
    assert next(looks, None) is None
