import dask.array as da
import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from napari_uai.errors import BadValueError, CancelledError, WeightsError
from napari_uai.iscat.correct.power import power_normalization
from napari_uai.iscat.detect.steps.detector import detect_steps
from napari_uai.iscat.rescore.rescoring import false_by_evidence, rescore_steps, score_of
from napari_uai.monitor import Monitor
from napari_uai.simulate.iscat.recording import simulate_recording
from napari_uai.simulate.settings import RecordingSettings

SETTINGS = RecordingSettings(
    seed=5,
    frames=1600,
    rows=48,
    columns=48,
    batch_size=160,
    landings=6,
    landing_snr=(9, 12),
    speckle_contrast=0.05,
)


@pytest.fixture(scope="module")
def found():
    recording = simulate_recording(SETTINGS)
    video = np.asarray(power_normalization(recording.video))
    return video, detect_steps(video, batch_size=160), recording.truth


@pytest.mark.slow
def test_strong_landings_stay_first_and_the_step_score_is_kept(found):
    video, events, truth = found
    rescored = rescore_steps(events, video, batch_size=160)
    assert sorted(rescored["step_score"]) == sorted(events["score"])
    first = rescored.head(len(truth))
    for _, row in truth.iterrows():
        apart = np.hypot(first["y"] - row["y"], first["x"] - row["x"])
        assert apart[np.abs(first["frame"] - row["raw_frame"]) <= 80].min() < 2.5
    assert rescored["score"].is_monotonic_decreasing
    assert rescored["expected_false"].is_monotonic_increasing
    assert rescored["expected_false"].iloc[len(truth) - 1] < 1


def test_numpy_dask_and_another_order_of_rows_give_the_same(found):
    video, events, _ = found
    once = rescore_steps(events, video, batch_size=160)
    lazy = da.from_array(video, chunks=(400, -1, -1))
    mixed = events.sample(frac=1, random_state=0).set_index(np.arange(len(events)) + 7)
    again = rescore_steps(mixed, lazy, batch_size=160)
    np.testing.assert_allclose(again["score"], once["score"], atol=1e-3)
    np.testing.assert_allclose(again["frame"].head(6), once["frame"].head(6))


def test_only_a_changing_background_is_scored_again_if_so_set(found):
    video, events, _ = found
    still = rescore_steps(events, video, batch_size=160, where="changing")
    pd.testing.assert_frame_equal(still.drop(columns="step_score"), events)
    changing = rescore_steps(events.assign(changing=0.4), video, batch_size=160, where="changing")
    everywhere = rescore_steps(events.assign(changing=0.4), video, batch_size=160)
    pd.testing.assert_frame_equal(changing, everywhere)


def test_rescoring_can_be_cancelled_between_two_events(found):
    video, events, _ = found
    asked = []

    def cancelled():
        asked.append(1)
        return len(asked) > 8

    with pytest.raises(CancelledError):
        rescore_steps(events, video, batch_size=160, monitor=Monitor(cancelled=cancelled))


def test_no_events_stay_no_events(found):
    video, events, _ = found
    rescored = rescore_steps(events.head(0), video, batch_size=160)
    assert rescored.empty
    assert "step_score" in rescored


def test_a_table_that_is_none_of_steps_is_refused(found):
    video, events, _ = found
    with pytest.raises(BadValueError, match="lacks the column contrast_error"):
        rescore_steps(events.drop(columns="contrast_error"), video, batch_size=160)


def test_weights_that_are_not_there_are_named(found, tmp_path):
    video, events, _ = found
    with pytest.raises(WeightsError, match=r"mine\.safetensors"):
        rescore_steps(events, video, batch_size=160, weights=str(tmp_path / "mine.safetensors"))


def test_half_the_squared_score_is_the_evidence():
    evidence = np.array([-2.0, 0.0, 5.0])
    scores = score_of(evidence)
    np.testing.assert_allclose(np.diff(scores**2 / 2), np.diff(evidence))
    assert score_of(np.array([-50.0]))[0] == 0


@pytest.mark.parametrize("share", [0.02, 0.2, 0.6])
def test_expected_false_events_are_those_that_there_are_whatever_the_share(share):
    random = np.random.default_rng(3)
    true = random.random(20_000) < share
    # Two Gaussians whose log likelihood ratio is 3 x.
    x = random.normal(np.where(true, 1.5, -1.5), 1)
    expected = false_by_evidence(3 * x)
    for limit in (-1.0, 0.0, 1.0):
        above = x >= limit
        actual = np.sum(above & ~true)
        assert expected[above].max() == pytest.approx(actual, rel=0.15, abs=3 * actual**0.5)


def test_noise_alone_leaves_few_to_accept():
    random = np.random.default_rng(4)
    evidence = 3 * random.normal(-1.5, 1, 100)
    assert np.sum(false_by_evidence(evidence) <= 0.3) <= 2
    assert expit(evidence).sum() < 15
