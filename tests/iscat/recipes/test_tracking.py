"""The recipe for particles that move, on simulated recordings."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from napari_uai.evaluate.trajectories import evaluate_trajectories
from napari_uai.evaluate.truth import Truth
from napari_uai.iscat.recipes.batch import analyse_folder
from napari_uai.iscat.recipes.outputs import write_results
from napari_uai.iscat.recipes.recipe import load_recipe, parse_recipe
from napari_uai.iscat.recipes.run import run_recipe
from napari_uai.simulate.files import write_recording
from napari_uai.simulate.iscat.recording import simulate_recording
from napari_uai.simulate.iscat.scenarios import scenario
from napari_uai.videos.recording import Recording

SETTINGS = replace(scenario("diffusing", seed=4), frames=500, movers=6, rows=64, columns=64)
PER_S = 0.0437**2 * 5000


@pytest.fixture(scope="module")
def made():
    return simulate_recording(SETTINGS)


@pytest.fixture(scope="module")
def result(made):
    recording = Recording(made.video, pixel_size_um=0.0437, frame_rate_hz=5000.0, first_frame=100)
    return run_recipe(recording, "tracking")


def test_the_diffusion_constant_is_recovered_within_its_error(result):
    row = result.population.iloc[0]
    assert row["diffusion_low_um2_per_s"] <= 0.5 * PER_S <= row["diffusion_high_um2_per_s"]
    mean, error = row["mean_um2_per_s"], row["mean_error_um2_per_s"]
    assert abs(mean - 0.5 * PER_S) < 3 * error
    assert error < 0.05 * mean
    assert row["diameter_low_nm"] < 102.8 < row["diameter_high_nm"]


@pytest.mark.slow
def test_slow_particles_do_not_seem_faster():
    """A median with traces of slow particles would pull their fits: by 5 % and more."""
    ratios = []
    for seed in range(4):
        settings = replace(
            scenario("diffusing", seed=seed), frames=800, movers=6, mover_diffusion=(0.1, 0.1)
        )
        found = run_recipe(simulate_recording(settings).video, "tracking").population.iloc[0]
        ratios.append(found["mean_px2_per_frame"] / 0.1)
        low, high = (found[f"diffusion_{end}_px2_per_frame"] for end in ("low", "high"))
        assert low / 1.03 <= 0.1 <= high * 1.03
    assert np.mean(ratios) == pytest.approx(1, abs=0.05)


def test_trajectories_are_those_of_the_particles(result, made):
    truth = Truth(
        made.truth, movers=made.movers, pixel_size_um=0.0437, frame_rate_hz=5000.0, shape=(64, 64)
    )
    found = result.trajectories.assign(
        first_frame=result.trajectories["first_frame"] - 100,
        last_frame=result.trajectories["last_frame"] - 100,
    )
    figures = evaluate_trajectories(found, truth)
    assert len(figures.matched) >= 0.9 * len(found)
    assert figures.in_motion > 0.75 * figures.seen_frames
    # Short ones at the edge are those that happened to stay, and seem slow.
    spots = figures.matched["n_spots"]
    assert np.average(figures.matched["within"], weights=spots) >= 0.85
    contrast = figures.matched["contrast"] / figures.matched["true_contrast"]
    assert contrast.median() == pytest.approx(1, abs=0.1)


def test_frames_are_those_of_the_file(result):
    assert result.trajectories["first_frame"].min() >= 100
    assert result.trajectories["last_frame"].max() < 600
    tracks = result.tracks
    np.testing.assert_array_equal(tracks["raw_frame"], tracks["frame"] + 100)
    first = tracks.groupby("particle")["raw_frame"].min()
    wanted = result.trajectories.set_index("particle")["first_frame"]
    np.testing.assert_array_equal(first[wanted.index], wanted)


def test_the_tables_are_written_and_no_landings(result, tmp_path):
    written = write_results(result, tmp_path / "out")
    assert set(written) == {
        "tracks.csv", "trajectories.csv", "displacements.csv", "population.csv",
        "distribution.csv", "recipe.toml", "summary.png", "run.json",
    }  # fmt: skip
    table = pd.read_csv(written["trajectories.csv"])
    np.testing.assert_allclose(
        table["diffusion_um2_per_s"], result.trajectories["diffusion_um2_per_s"], rtol=1e-6
    )
    record = json.loads(written["run.json"].read_text())
    assert record["found"] == {"trajectories": len(table), "spots": table["n_spots"].sum()}
    (stage,) = [s for s in record["stages"] if s["name"] == "trajectories"]
    assert stage["parameters"]["pixel_size_um"] == 0.0437
    again = parse_recipe(written["recipe.toml"].read_text(), name="tracking")
    assert again.to_toml() == load_recipe("tracking").to_toml()


def test_a_repeated_run_of_a_folder_is_known_to_be_the_same(tmp_path):
    settings = replace(SETTINGS, frames=150, movers=3)
    write_recording(settings, tmp_path / "day" / "recording.bin")
    first, again = (
        analyse_folder(tmp_path / "day", tmp_path / "out", "tracking")[0] for _ in range(2)
    )
    assert (first.earlier, again.earlier) == (False, True)
    assert first.n_trajectories == again.n_trajectories
    assert first.n_trajectories is not None


def test_an_unknown_scale_is_said(made):
    result = run_recipe(made.video[:200], "tracking")
    assert any("px^2 per frame" in problem for problem in result.problems)
    assert "diffusion_px2_per_frame" in result.trajectories.columns
    setting = ["trajectories.pixel_size_um=0.05", "trajectories.frame_rate_hz=100"]
    result = run_recipe(made.video[:200], "tracking", settings=setting)
    assert "lag_s" in result.displacements.columns
    assert not any("px^2 per frame" in problem for problem in result.problems)


def test_nothing_that_moves_gives_empty_tables(tmp_path):
    video = np.random.default_rng(0).poisson(1e4, (250, 32, 32)).astype(np.uint16)
    result = run_recipe(video, "tracking", spots={"threshold": 7.0})
    assert result.trajectories.empty
    assert len(result.population) == 1
    assert "tracks.csv" in write_results(result, tmp_path / "out")


def test_dark_frames_are_in_no_trajectory(made):
    video = made.video.copy()
    video[200:230] = 0
    result = run_recipe(video, "tracking")
    assert not result.tracks["frame"].between(200, 229).any()
    assert len(result.trajectories) > 5
