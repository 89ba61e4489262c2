"""The whole analysis, on small simulated recordings."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from napari_uai.errors import BadValueError, CancelledError, RecipeError, TooFewFramesError
from napari_uai.iscat.limit import detection_limit, write_limit
from napari_uai.iscat.limit.outputs import FILES
from napari_uai.iscat.mass import Calibration
from napari_uai.iscat.recipes.editing import limited_to
from napari_uai.iscat.recipes.recipe import load_recipe
from napari_uai.monitor import Monitor
from napari_uai.simulate.iscat.recording import simulate_recording
from napari_uai.simulate.settings import RecordingSettings
from napari_uai.videos.recording import Recording

SETTINGS = RecordingSettings(
    seed=3, frames=720, rows=32, columns=36, batch_size=60, electrons=1e5, electrons_per_count=5.0,
    landings=3, landing_snr=(10.0, 14.0), dark_fraction=0.0, speckle_contrast=0.05, hot_pixels=0,
)  # fmt: skip


@pytest.fixture(scope="module")
def video():
    return simulate_recording(SETTINGS).video


@pytest.fixture(scope="module")
def result(video):
    return detection_limit(
        Recording(video, first_frame=1000), settings=["steps.polarity=bright"],
        batch_sizes=[80, 120], injections=16, nulls=1,
        calibration=Calibration(3e-5, intercept=1e-5), seed=1,
    )  # fmt: skip


@pytest.mark.slow
def test_strong_landings_are_found_and_weak_ones_are_not(result):
    # Noise of a step between two batches for a matched filter that covers 4 pi sigma^2 / 2 px.
    pixels = np.pi * 1.7**2
    for run in result.runs:
        noise = np.sqrt(2 / (run.batch_size * SETTINGS.electrons * pixels))
        size = run.injections["contrast"].abs()
        assert run.injections["found"][size > 8 * noise].mean() > 0.8
        assert run.injections["found"][size < 1.5 * noise].sum() <= 1
        half, low, high = run.curve.contrast_at(0.5)
        assert low <= half <= high
        # The whole time course is better than two batches; the threshold is about 5.
        assert 1 * noise < half < 8 * noise


@pytest.mark.slow
def test_places_are_those_of_the_file_and_signs_those_of_the_recipe(result):
    injections = result.injections
    assert len(injections) == 32
    assert (
        injections["frame"].between(1060, 1659).all()
    )  # half a batch of the longest from the ends
    assert (injections["contrast"] > 0).all()
    found = injections[injections["found"]]
    assert (found["found_frame"] - found["frame"]).abs().max() <= 60  # half a batch
    assert result.runs[0].window == (1060, 1660)
    assert "strong" in result.runs[0].image
    assert not any("point-spread" in problem for problem in result.problems)


@pytest.mark.parametrize("recipe", ["matched", "classical"])
def test_in_a_region_landings_are_injected_there_and_have_places_of_the_file(video, recipe):
    first_row, last_row, first_column, last_column = region = 6, 30, 8, 34
    result = detection_limit(
        video, limited_to(load_recipe(recipe), region), batch_sizes=[80], injections=12, nulls=0
    )
    injected = result.injections
    assert injected["y"].between(first_row, last_row - 1).all()
    assert injected["x"].between(first_column, last_column - 1).all()
    found = injected[injected["found"]]
    assert len(found) >= 3
    assert (found["found_y"] - found["y"]).abs().max() < 2
    assert (found["found_x"] - found["x"]).abs().max() < 2


@pytest.mark.slow
def test_tables_state_limits_masses_and_false_rows(result):
    limits = result.limits
    assert limits["label"].tolist() == ["batch 80", "batch 80", "batch 120", "batch 120"]
    assert limits["mass_kda"].tolist() == pytest.approx(
        ((limits["contrast"] - 1e-5) / 3e-5).tolist()
    )
    assert set(result.nulls["kind"]) <= {"scrambled", "surrogate"}
    assert result.best.label in {"batch 80", "batch 120"}
    assert result.curves.groupby("label")["recall"].agg(lambda r: r.is_monotonic_increasing).all()


@pytest.mark.slow
def test_files_are_written_and_read_back(result, tmp_path):
    (tmp_path / "kept.txt").write_text("mine")
    files = write_limit(result, tmp_path)
    assert set(files) <= set(FILES)
    pd.testing.assert_frame_equal(pd.read_csv(files["limits.csv"]), result.limits, rtol=1e-8)
    record = json.loads(files["limit.json"].read_text())
    assert record["best"] == result.best.label
    assert record["input"]["first_frame"] == 1000
    assert [run["batch_size"] for run in record["runs"]] == [80, 120]
    assert record["runs"][0]["reuses_bins"] is True
    again = write_limit(result, tmp_path)
    assert (tmp_path / "limit.svg").read_text() == again["limit.svg"].read_text()
    assert (tmp_path / "kept.txt").exists()


@pytest.mark.slow
def test_other_recipes_run_as_a_whole(video):
    result = detection_limit(
        video[:300], "classical", batch_sizes=[60], injections=10, nulls=0,
        settings=["measured.min_length=10"],
    )  # fmt: skip
    run = result.runs[0]
    assert not run.fast
    assert run.accepted_false is None
    assert run.window == (60, 240)
    strongest = run.injections.loc[run.injections["contrast"].abs().idxmax()]
    assert strongest["contrast"] != 0


def test_cancelling_stops_it(video):
    calls = []

    def cancelled():
        calls.append(1)
        return len(calls) > 12

    with pytest.raises(CancelledError):
        detection_limit(video, batch_sizes=[60], monitor=Monitor(cancelled=cancelled))


def test_a_recipe_without_landings_has_no_limit(video, tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(
        '[[stage]]\nname = "dra"\nuse = "differential_rolling_average"\ninput = "recording"\n'
    )
    with pytest.raises(RecipeError, match="no output landings"):
        detection_limit(video, path)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"batch_sizes": [60], "suggest": True}, BadValueError, "either"),
        ({"batch_sizes": [200]}, TooFewFramesError, "smaller batch_size"),
        ({"recipe": "matchd"}, RecipeError, "matched"),
        ({"recipe": ["matched", "matched"]}, BadValueError, "twice"),
        ({"recipe": []}, BadValueError, "at least one recipe"),
        ({"injections": 3}, BadValueError, "injections"),
        ({"batch_sizes": [60], "point_spread_function": "none.tif"}, BadValueError, "not found"),
    ],
)
def test_mistakes_are_said(video, options, error, words):
    recipe = options.pop("recipe", "matched")
    with pytest.raises(error, match=words):
        detection_limit(video, recipe, **options)
