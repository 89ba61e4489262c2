import itertools
from dataclasses import replace

import dask.array as da
import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter

from napari_uai.errors import BadValueError, CancelledError, TooFewFramesError
from napari_uai.iscat.correct.power import power_normalization
from napari_uai.iscat.detect.steps import parts
from napari_uai.iscat.detect.steps.detector import EVENT_COLUMNS, accept_events, detect_steps
from napari_uai.iscat.detect.steps.parts import _cut, counted_once
from napari_uai.iscat.disturbances.mending import mended_frames
from napari_uai.iscat.disturbances.record import Disturbances, Span
from napari_uai.monitor import Monitor
from napari_uai.simulate.iscat.recording import simulate_recording
from napari_uai.simulate.settings import RecordingSettings
from napari_uai.videos.frames import frames_of

BATCH = 200
SETTINGS = RecordingSettings(
    seed=3, frames=2400, rows=48, columns=44, batch_size=BATCH, landings=6, landing_snr=(7.0, 12.0),
    dark_fraction=0.5, hot_pixels=2, drift_px=0.05, speckle_contrast=0.1,
)  # fmt: skip


def found_in(settings, **parameters):
    recording = simulate_recording(settings)
    video = power_normalization(recording.video)
    return detect_steps(video, batch_size=BATCH, **parameters), recording.truth


def true_of(events, truth):
    """For each true event the found one of its time, place and sign, or NaN."""
    rows = []
    for t in truth.itertuples():
        near = events[
            (np.hypot(events["y"] - t.y, events["x"] - t.x) <= 2.5)
            & (np.abs(events["frame"] - t.raw_frame) <= BATCH / 2)
            & (np.sign(events["contrast"]) == np.sign(t.contrast))
        ]
        rows.append(near.iloc[0] if len(near) else pd.Series(dtype=float))
    return pd.DataFrame(rows).reset_index(drop=True)


@pytest.fixture(scope="module")
def found():
    return found_in(SETTINGS)


def test_strong_landings_are_found_where_when_and_as_strong_as_they_are(found):
    events, truth = found
    accepted = accept_events(events)
    matched = true_of(accepted, truth)
    assert matched["score"].notna().all()
    assert len(accepted) <= len(truth) + 1
    assert np.hypot(matched["y"] - truth["y"], matched["x"] - truth["x"]).max() < 0.5
    late = np.abs(matched["frame"] - truth["raw_frame"])
    assert (late <= 4 * matched["frame_error"]).all()
    assert matched["frame_error"].max() < BATCH / 10
    np.testing.assert_allclose(matched["contrast"], truth["contrast"], rtol=0.25)


@pytest.mark.slow
def test_the_stated_errors_are_those_of_many_landings():
    pulls = []
    for seed in range(6):
        events, truth = found_in(replace(SETTINGS, seed=seed, drift_px=0.0))
        matched = true_of(accept_events(events), truth)
        for name in ("y", "x", "contrast"):
            pulls.extend((matched[name] - truth[name]) / matched[f"{name}_error"])
    pulls = np.array(pulls)
    pulls = pulls[np.isfinite(pulls)]
    assert len(pulls) > 80
    assert 0.7 < 1.4826 * np.median(np.abs(pulls)) < 1.6


def test_the_table_is_complete_and_sorted(found):
    events, _ = found
    assert tuple(events.columns) == EVENT_COLUMNS
    assert events["score"].is_monotonic_decreasing
    assert events["expected_false"].is_monotonic_increasing
    assert events["frame"].dtype == np.int64
    assert not events.isna().to_numpy().any()


@pytest.mark.slow
def test_noise_alone_gives_about_as_many_as_accepted():
    counts = []
    for seed in range(8):
        settings = replace(SETTINGS, seed=seed + 50, landings=0)
        events, _ = found_in(settings)
        counts.append(len(accept_events(events, false_landings=1.0)))
    assert np.mean(counts) <= 2.0


@pytest.mark.slow
def test_lazy_and_eager_videos_give_the_same(found):
    recording = simulate_recording(SETTINGS)
    lazy = power_normalization(da.from_array(recording.video, chunks=(300, 48, 44)))
    events = detect_steps(lazy, batch_size=BATCH)
    strong = events["score"] > 5
    pd.testing.assert_frame_equal(
        events[strong], found[0][found[0]["score"] > 5], rtol=1e-2, check_exact=False
    )


@pytest.mark.slow
def test_signs_are_searched_on_request():
    settings = replace(SETTINGS, dark_fraction=1.0)
    events, truth = found_in(settings, polarity="dark")
    assert (events["contrast"] < 0).all()
    assert len(true_of(accept_events(events), truth)["score"].dropna()) == len(truth)
    events, _ = found_in(settings, polarity="bright")
    assert len(accept_events(events)) <= 1


def test_a_particle_that_leaves_is_called_a_take_off():
    settings = replace(SETTINGS, landings=3, take_offs=2, landing_snr=(11.0, 14.0))
    events, truth = found_in(settings)
    accepted = accept_events(events)
    matched = true_of(accepted, truth)
    assert list(matched["kind"]) == list(truth["kind"])
    without = accept_events(events, take_offs=False)
    assert set(without["kind"]) == {"landing"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shape", "stays"), [((48, 48), None), ((48, 48), 3), ((32, 32), None), ((10, 96), None)]
)
def test_contrasts_are_true_in_small_and_thin_fields_and_of_particles_that_leave(shape, stays):
    """Taken for background, camera lines or slow changes, a half of them would be lost."""
    rng = np.random.default_rng(sum(shape))
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    grain = gaussian_filter(rng.normal(size=shape), 1.7)
    frames = np.repeat(1 + 0.05 * grain[None] / grain.std(), 3000, axis=0)
    lines = np.linspace(5, shape[1] - 6, 4), np.linspace(5, max(shape[0] - 6, 5), 4)
    at = np.stack([lines[1][[2, 0, 3, 1]], lines[0]], axis=1)
    lands, contrasts = rng.integers(500, 1700, 4), 7e-3 * np.array([1, -1, 1, -1])
    for (y, x), start, contrast in zip(at, lands, contrasts, strict=True):
        spot = np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * 1.7**2))
        frames[start : start + stays * BATCH if stays else None] *= 1 + contrast * spot
    frames += rng.normal(size=frames.shape) / np.sqrt(2e4)
    truth = pd.DataFrame({"raw_frame": lands, "contrast": contrasts}).assign(y=at[:, 0], x=at[:, 1])
    found = true_of(accept_events(detect_steps(frames, batch_size=BATCH)), truth)
    assert found["score"].notna().all()
    assert np.median(found["contrast"] / contrasts) == pytest.approx(1, abs=0.06)
    assert (np.abs(found["contrast"] - contrasts) < 4 * found["contrast_error"]).all()


def test_segments_and_tiles_find_what_the_whole_finds(monkeypatch, found):
    monkeypatch.setattr(parts, "SEGMENT_BATCHES", 6)
    monkeypatch.setattr(parts, "OVERLAP_BATCHES", 2)
    recording = simulate_recording(replace(SETTINGS, rows=80, columns=44, landings=8))
    video = power_normalization(recording.video)
    events = accept_events(detect_steps(video, batch_size=BATCH, tile_px=40))
    matched = true_of(events, recording.truth)
    assert matched["score"].notna().sum() >= 7
    assert len(events) <= 10


def test_what_two_parts_report_counts_once_and_as_strong_as_the_stronger():
    events = pd.DataFrame(
        {
            "part": [0, 1, 1, 1, 1, 1],
            "frame": [1000, 1010, 1000, 1000, 3000, 1000],
            "y": [10.0, 10.4, 10.0, 30.0, 10.0, 10.0],
            "x": [20.0, 19.8, 20.0, 20.0, 20.0, 20.5],
            "contrast": [1e-3, 2e-3, -1e-3, 1e-3, 1e-3, 1e-3],
            "score": [6.0, 7.0, 5.0, 6.0, 6.0, 4.0],
        }
    )
    kept = counted_once(events, near_px=2.5, near_frames=100)
    # Row 5 is weaker than row 0, of another part, and there; row 0 than row 1.
    assert list(kept.index) == [1, 2, 3, 4]


def test_two_landings_in_one_part_stay_two():
    events = pd.DataFrame(
        {
            "part": [3, 3],
            "frame": [1000, 1001],
            "y": [10.0, 11.0],
            "x": [20.0, 20.0],
            "contrast": [1e-3, 1e-3],
            "score": [6.0, 7.0],
        }
    )
    assert len(counted_once(events, near_px=2.5, near_frames=100)) == 2


def test_parts_cover_everything_once():
    for n, length, overlap in ((240, 240, 80), (1000, 240, 80), (333, 96, 32), (50, 96, 32)):
        cuts = list(_cut(n, length, overlap, slack=length // 3))
        assert cuts[0][0][0] == 0
        assert cuts[-1][0][1] == n
        assert cuts[0][1][0] == -np.inf
        assert cuts[-1][1][1] == np.inf
        for (_, before), (span, after) in itertools.pairwise(cuts):
            assert before[1] == after[0]
            assert span[0] <= after[0]
            assert span[1] - span[0] <= length * 4 / 3 + overlap


def test_dead_columns_and_flashes_do_no_harm():
    recording = simulate_recording(SETTINGS)
    video = recording.video.copy()
    video[:, :, 20] = 0
    video[1000:1010] = video.max()
    events = accept_events(detect_steps(power_normalization(video), batch_size=BATCH))
    seen = np.abs(recording.truth["x"] - 20) > 3
    matched = true_of(events, recording.truth[seen].reset_index(drop=True))
    assert matched["score"].notna().all()
    assert len(events) <= len(recording.truth) + 2


def test_too_short_constant_and_nan_videos_are_refused():
    video = np.random.default_rng(0).normal(1, 0.01, (300, 20, 20))
    with pytest.raises(TooFewFramesError, match="two batches"):
        detect_steps(video, batch_size=200)
    with pytest.raises(BadValueError, match="do not change"):
        detect_steps(np.ones((400, 20, 20)), batch_size=100)
    video[7, 3, 3] = np.nan
    with pytest.raises(BadValueError, match="NaN or infinite"):
        detect_steps(video, batch_size=100)


def test_senseless_parameters_are_refused():
    video = np.ones((400, 20, 20))
    for bad in ({"polarity": "up"}, {"drift_order": 9}, {"tile_px": 3}, {"min_score": 0.0}):
        with pytest.raises(BadValueError):
            detect_steps(video, batch_size=100, **bad)
    with pytest.raises(BadValueError, match="false_landings"):
        accept_events(pd.DataFrame({"expected_false": [], "kind": []}), false_landings=0)
    with pytest.raises(BadValueError, match="expected_false"):
        accept_events(pd.DataFrame({"kind": []}))


def test_nothing_is_reported_near_the_edge_but_on_request(found):
    events, _ = found
    assert events["y"].between(2, SETTINGS.rows - 3).all()
    assert events["x"].between(2, SETTINGS.columns - 3).all()
    near, _ = found_in(SETTINGS, border_px=0)
    assert len(near) > len(events)


def test_it_can_be_cancelled():
    with pytest.raises(CancelledError):
        detect_steps(
            np.random.default_rng(0).normal(1, 0.01, (400, 20, 20)),
            batch_size=100,
            monitor=Monitor(cancelled=lambda: True),
        )


def test_its_progress_does_not_repeat_the_name_of_the_stage():
    said = set()
    detect_steps(
        np.random.default_rng(0).normal(1, 0.01, (400, 20, 20)),
        batch_size=100,
        monitor=Monitor(lambda _, message: said.add(message)),
    )
    assert "scores" in said
    assert not [message for message in said if "steps" in message]


@pytest.mark.slow
def test_frames_and_pixels_that_are_left_out_change_nothing_else(found):
    events, truth = found
    recording = simulate_recording(SETTINGS)
    video = recording.video.copy()
    gap = slice(1210, 1290)
    video[gap] = 0
    video[1290:, 20, 30] += 900
    mask = np.zeros(video.shape[1:], bool)
    mask[20, 30] = True
    disturbances = Disturbances(
        len(video), video.shape[1:], spans=(Span("no light", 1210, 1289),), flickering=mask
    )
    replaced = power_normalization(mended_frames(frames_of(video), disturbances))
    other = detect_steps(replaced, batch_size=BATCH, disturbances=disturbances)
    accepted = accept_events(other)
    assert len(accepted) <= len(truth) + 1  # one false landing is accepted
    away = np.hypot(truth["y"] - 20, truth["x"] - 30) > 4
    away &= (truth["raw_frame"] < 1100) | (truth["raw_frame"] > 1400)
    before, after = true_of(events, truth)[away], true_of(accepted, truth)[away]
    assert after["score"].notna().all()
    np.testing.assert_allclose(after["frame"], before["frame"], atol=BATCH / 20)
    np.testing.assert_allclose(after["contrast"], before["contrast"], rtol=0.15)


@pytest.mark.slow
def test_what_happens_in_a_gap_may_have_happened_anywhere_in_it():
    settings = replace(SETTINGS, landings=1, landing_snr=(20.0, 20.0), seed=5)
    recording = simulate_recording(settings)
    (landed,) = recording.truth["raw_frame"]
    gap = Span("no light", int(landed) - 60, int(landed) + 40)
    found = Disturbances(len(recording.video), recording.video.shape[1:], spans=(gap,))
    video = power_normalization(mended_frames(frames_of(recording.video), found))
    event = detect_steps(video, batch_size=BATCH, disturbances=found).iloc[0]
    assert event["frame"] - event["frame_before"] <= landed <= event["frame"] + event["frame_after"]
    assert event["frame_before"] + event["frame_after"] >= 100


@pytest.mark.slow
def test_steps_at_a_jump_of_the_image_are_not_reported():
    settings = replace(SETTINGS, landings=3, seed=8)
    recording = simulate_recording(settings)
    rng = np.random.default_rng(0)
    video = recording.video.astype(np.float32)
    video[1200:] *= 1 + 0.004 * gaussian_filter(rng.standard_normal(video.shape[1:]), 1.5)
    jumping = Disturbances(len(video), video.shape[1:], jumps=(1200,))
    events = detect_steps(power_normalization(video), batch_size=BATCH, disturbances=jumping)
    assert (np.abs(events["frame"] - 1200) >= BATCH / 2 - BATCH / 20).all()
    accepted = accept_events(events)
    matched = true_of(accepted, recording.truth)
    away = (np.abs(recording.truth["raw_frame"] - 1200) > BATCH).to_numpy()
    assert matched["score"].notna()[away].all()
    beside = accepted[np.abs(accepted["frame"] - 1200) <= BATCH]
    true = true_of(beside, recording.truth)["score"].notna() if len(beside) else []
    assert len(beside) == np.sum(true)


def test_a_background_that_changes_like_landings_is_said(recwarn):
    detect_steps(power_normalization(simulate_recording(SETTINGS).video), batch_size=BATCH)
    assert not [w for w in recwarn if "changes slowly" in str(w.message)]
    living = replace(SETTINGS, focus_rad=0.3, scatterers=30)
    with pytest.warns(UserWarning, match=r"changes slowly at \d+% of the places"):
        found_in(living)
