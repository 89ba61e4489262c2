"""Places, matches, recordings without landings, and which recipes reuse bins."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from napari_uai.errors import BadValueError, TooFewFramesError
from napari_uai.iscat.detect.point_spread_function import gaussian_psf
from napari_uai.iscat.limit.analysis import suggested_batches
from napari_uai.iscat.limit.injection import InjectedFrames, PointImage
from napari_uai.iscat.limit.matching import accuracy, matched
from napari_uai.iscat.limit.nulls import scrambled_bins, surrogate_bins
from napari_uai.iscat.limit.placing import (
    NEAR_BATCHES,
    NEAR_SIGMAS,
    STRONG_FACTOR,
    Ground,
    first_contrasts,
    next_contrasts,
)
from napari_uai.iscat.limit.recall import fit_recall
from napari_uai.iscat.limit.search import (
    ShiftedFrames,
    can_reuse_bins,
    needed_for_landings,
    search_of,
)
from napari_uai.iscat.recipes.recipe import load_recipe
from napari_uai.iscat.recipes.run import run_recipe
from napari_uai.simulate.iscat.recording import simulate_recording
from napari_uai.simulate.settings import RecordingSettings
from napari_uai.videos.frames import ArrayFrames
from napari_uai.videos.recording import Recording

NONE = pd.DataFrame({"frame": [], "y": [], "x": []})


# places ---------------------------------------------------------------------------------------


def ground(taken=NONE, shape=(60, 60), batch_size=100, reported=None, masked=None):
    reported = np.ones(2000, bool) if reported is None else reported
    masked = np.zeros(shape, bool) if masked is None else masked
    return Ground((50, 1950), shape, 2.0, 1.7, batch_size, taken, reported, masked)


def test_nothing_is_injected_where_nothing_is_reported():
    reported, masked = np.zeros(2000, bool), np.ones((60, 60), bool)
    reported[300:500], masked[20:40, 5:50] = True, False
    own = ground(reported=reported, masked=masked)
    places = own.places(6, np.random.default_rng(1))
    assert len(places) == 6
    frames, rows, columns = np.rint(places).astype(int).T
    assert reported[frames].all()
    assert not masked[rows, columns].any()
    assert own.capacity() < ground().capacity()


def test_landings_are_injected_away_from_all_others():
    rng = np.random.default_rng(0)
    taken = pd.DataFrame({"frame": rng.uniform(0, 2000, 20), "y": rng.uniform(0, 60, 20)})
    taken["x"] = rng.uniform(0, 60, 20)
    places = ground(taken).places(20, rng)
    every = np.concatenate([places, taken[["frame", "y", "x"]].to_numpy()])
    for i, place in enumerate(places):
        gap = np.abs(np.delete(every, i, axis=0) - place)
        far = np.hypot(gap[:, 1], gap[:, 2]) >= NEAR_SIGMAS * 1.7
        assert (far | (gap[:, 0] >= NEAR_BATCHES * 100)).all()
    assert (places[:, 0] >= 50).all()
    assert (places[:, 0] < 1950).all()
    assert (places[:, 1:] >= 2).all()
    assert (places[:, 1:] <= 57).all()


def test_a_larger_field_takes_more_landings():
    assert ground(shape=(116, 60)).capacity() == pytest.approx(2 * ground().capacity(), abs=1)


def test_a_full_field_is_an_error():
    frames = np.arange(0, 2000, 100)
    taken = pd.DataFrame({"frame": frames, "y": 4.0, "x": 4.0})
    with pytest.raises(BadValueError, match="no room"):
        ground(taken, shape=(9, 9)).places(4, np.random.default_rng(0))


def test_the_share_of_the_field_far_from_landings_is_its_area():
    one = pd.DataFrame({"frame": [0], "y": [30.0], "x": [30.0]})
    radius = NEAR_SIGMAS * 1.7
    expected = 1 - np.pi * radius**2 / 56**2
    assert ground().share_far(one) == pytest.approx(expected, abs=0.003)
    near = ground().is_near(np.array([[30.0, 36.7], [30.0, 36.9]]), one)
    assert near.tolist() == [True, False]


def test_contrasts_concentrate_where_recall_changes():
    rng = np.random.default_rng(0)
    first = first_contrasts(100, 1e-3, rng)
    assert first.min() < 4e-4
    assert first.max() > 2.5e-3
    curve = fit_recall(first, first > 5e-4)
    following = next_contrasts(100, curve, rng)
    assert np.mean((following > 3.5e-4) & (following < 8e-4)) > 0.8
    assert following.max() > STRONG_FACTOR * 5e-4


# matches --------------------------------------------------------------------------------------


def test_a_reported_landing_matches_by_place_time_and_sign():
    injected = pd.DataFrame(
        {"frame": [100, 200, 300, 400], "y": 10.0, "x": [5.0, 15, 25, 35], "contrast": 1e-3}
    )
    rows = pd.DataFrame(
        {
            "frame": [120, 200, 300, 470],
            "y": [11.0, 10, 13.0, 10],
            "x": [5.0, 15, 25, 35],
            "contrast": [1.1e-3, -1e-3, 1e-3, 1e-3],
            "contrast_error": 1e-4,
        }
    )
    result = matched(injected, rows, 100)
    assert result["found"].tolist() == [True, False, False, False]  # sign, place, time
    assert result.loc[0, "found_frame"] == 120
    assert np.isnan(result["found_contrast"][1:]).all()
    assert not matched(injected, rows[:0], 100)["found"].any()


def test_accuracy_tells_bias_spread_and_pulls():
    rng = np.random.default_rng(0)
    n = 4000
    size = rng.uniform(1e-3, 2e-3, n)
    contrast = size * rng.choice([-1, 1], n)
    table = pd.DataFrame({"frame": 100.0, "y": 5.0, "x": 6.0, "contrast": contrast, "found": True})
    table["found_contrast"] = contrast * (1.05 + 0.1 * rng.standard_normal(n))
    table["found_contrast_error"] = 0.05 * size
    for name, bias, spread in (("y", 0.1, 0.2), ("x", 0.0, 0.3), ("frame", 3, 10)):
        table[f"found_{name}"] = table[name] + bias + spread * rng.standard_normal(n)
        table[f"found_{name}_error"] = spread
    row = accuracy(table).iloc[0]
    assert row["contrast_bias"] == pytest.approx(0.05, abs=0.006)
    assert row["contrast_spread"] == pytest.approx(0.1, rel=0.05)
    assert row["contrast_pull_mean"] == pytest.approx(1.0, abs=0.1)
    assert row["contrast_pull_deviation"] == pytest.approx(2.0, rel=0.05)
    assert row["y_bias"] == pytest.approx(0.1, abs=0.01)
    assert row["time_spread"] == pytest.approx(10, rel=0.05)
    assert row["time_pull_mean"] == pytest.approx(0.3, abs=0.05)


# recordings without landings ------------------------------------------------------------------


@pytest.fixture(scope="module")
def search():
    """A drifting background with one strong landing."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:33, :34]
    drift = np.linspace(0, 1, 800)[:, None, None]
    pattern = 1000 * (1 + 0.1 * np.sin(0.4 * (x - drift)) * np.cos(0.3 * y))
    counts = rng.poisson(pattern)
    landing = pd.DataFrame({"frame": [400], "y": [16.0], "x": [17.0], "contrast": [0.05]})
    image = PointImage.of(gaussian_psf(1.7))
    video = InjectedFrames(ArrayFrames(counts), landing, image)[:]
    recipe = load_recipe("matched").with_settings(["dra.batch_size=100"])
    return search_of(Recording(video), recipe), landing, image


def test_scrambled_bins_keep_the_noise_and_nothing_else(search):
    recording, _, _ = search
    bins = scrambled_bins(recording, np.random.default_rng(1))
    noise = np.sqrt(1000 / recording.bin_size)
    assert bins.std(axis=0).mean() == pytest.approx(noise, rel=0.03)
    halves = bins[:80].mean(axis=0), bins[80:].mean(axis=0)
    assert np.std(halves[1] - halves[0]) == pytest.approx(noise * np.sqrt(2 / 80), rel=0.1)
    step = (recording.bins[80:].mean(axis=0) - recording.bins[:80].mean(axis=0))[16, 17]
    assert step > 20
    assert abs((halves[1] - halves[0])[16, 17]) < 5


def test_surrogates_keep_spectra_and_lose_the_landing(search):
    recording, landing, image = search
    rng = np.random.default_rng(1)
    bins = surrogate_bins(recording, landing, image, rng)
    still = surrogate_bins(recording, landing, image, np.random.default_rng(2))
    spectra = [np.abs(np.fft.rfft(each.astype(float), axis=0)) for each in (bins, still)]
    np.testing.assert_allclose(*spectra, rtol=1e-3, atol=0.05)
    assert not np.allclose(bins, still, rtol=1e-4)
    # Correlations between pixels stay: drift moves all of them together.
    first, second = (np.corrcoef(each[:, 5].T.astype(float)) for each in (bins, still))
    np.testing.assert_allclose(first, second, atol=1e-3)
    own = np.abs(np.fft.rfft(recording.bins[:, 16, 17].astype(float)))[1]
    assert spectra[0][1, 16, 17] < 0.5 * own


def test_shifted_frames_have_the_given_means():
    frames = np.random.default_rng(0).normal(100, 1, (43, 4, 5)).astype(np.float32)
    bins = np.random.default_rng(1).normal(50, 1, (5, 4, 5)).astype(np.float32)
    shifted = ShiftedFrames(ArrayFrames(frames), bins, 8)
    np.testing.assert_allclose(shifted[:].reshape(5, 8, 4, 5).mean(axis=1), bins, rtol=1e-5)
    np.testing.assert_array_equal(shifted.read(11, 30), shifted[:][11:30])
    inner = frames[:40].reshape(5, 8, 4, 5)
    np.testing.assert_allclose(
        shifted[:].reshape(5, 8, 4, 5).std(axis=1), inner.std(axis=1), rtol=1e-4
    )


# recipes --------------------------------------------------------------------------------------


def test_recipes_of_the_step_detector_reuse_bins():
    for name, reused in (("matched", True), ("rescored", True), ("classical", False)):
        assert can_reuse_bins(load_recipe(name)) == reused
    filtered = load_recipe("matched").to_toml().replace('use = "power_normalization"',
                                                        'use = "gaussian_filter"')  # fmt: skip
    from napari_uai.iscat.recipes.recipe import parse_recipe

    lines = [
        line
        for line in filtered.splitlines()
        if not {"region", "other_regions", "offset"} & {*line.split()}
    ]
    assert not can_reuse_bins(parse_recipe("\n".join(lines), name="own"))


def test_only_what_the_landings_need_is_run():
    names = [step.name for step in needed_for_landings(load_recipe("classical")).steps]
    assert "localizations" not in names
    assert names[-1] == "landings"
    assert {"dra", "median", "spots", "traces"} <= set(names)


def test_suggested_batches_halve_down_from_an_eighth():
    assert suggested_batches(20_000) == [312, 625, 1250, 2500]
    assert suggested_batches(6000) == [93, 187, 375, 750]
    with pytest.raises(TooFewFramesError, match="at least"):
        suggested_batches(200)


# what disturbs a recording --------------------------------------------------------------------


@pytest.fixture(scope="module")
def disturbed():
    """A recording in which the light is off for a while, pixels flicker, and the focus jumps."""
    settings = RecordingSettings(
        seed=11, frames=2400, rows=48, columns=48, batch_size=100, electrons=5e4,
        electrons_per_count=5.0, landings=6, landing_snr=(10.0, 14.0), hot_pixels=0,
        light_off_frames=170, flickering_pixels=4, flicker_size=0.02, flicker_jumps=4,
        focus_jump=5e-3,
    )  # fmt: skip
    return Recording(simulate_recording(settings).video)


def test_rows_on_bins_are_those_of_the_recipe_where_the_recording_is_disturbed(disturbed):
    recipe = load_recipe("matched").with_settings(["dra.batch_size=100", "events.false_landings=1"])
    search = search_of(disturbed, recipe)
    assert search.disturbances.any
    assert search.disturbances.left_out.sum() >= 170
    assert search.disturbances.masked.sum() == 4
    rows = search.rows(search.with_bins(search.bins))
    expected = run_recipe(disturbed, recipe).landings
    assert len(rows) == len(expected) >= 4
    apart = rows[["y", "x"]].to_numpy()[:, None] - expected[["y", "x"]].to_numpy()[None]
    late = rows["frame"].to_numpy()[:, None] - expected["raw_frame"].to_numpy()[None]
    near = (np.hypot(*np.moveaxis(apart, 2, 0)) < 0.5) & (np.abs(late) < 20)
    assert near.any(axis=1).all()
    found = rows["contrast"].to_numpy()[:, None] / expected["contrast"].to_numpy()[None]
    np.testing.assert_allclose(found[near], 1, atol=0.1)


def test_nothing_is_said_to_be_reported_where_it_cannot_be(disturbed):
    search = search_of(disturbed, load_recipe("matched").with_settings(["dra.batch_size=100"]))
    found = search.disturbances
    assert not (search.reported & found.left_out).any()
    for jump in found.jumps:
        assert not search.reported[jump - 50 : jump + 50].any()
    assert not search.reported[:50].any()
    assert search.reported.sum() > 0.7 * len(search.frames)
