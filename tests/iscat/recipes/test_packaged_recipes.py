"""The recipes that come with the package, and what the hand-crafted ones find."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_uai.errors import NapariUaiError
from napari_uai.evaluate.evaluation import evaluate_landings
from napari_uai.evaluate.truth import truth_of
from napari_uai.iscat.fastdvdnet.network import FastDVDnet
from napari_uai.iscat.fastdvdnet.settings import REFERENCE
from napari_uai.iscat.fastdvdnet.weights import save_weights
from napari_uai.iscat.recipes.recipe import landing_recipe_names, load_recipe
from napari_uai.iscat.recipes.run import ROLLING_AVERAGE, run_recipe
from napari_uai.simulate.files import truth_document
from napari_uai.simulate.iscat.recording import simulate_recording
from napari_uai.simulate.settings import RecordingSettings

SETTINGS = RecordingSettings(
    seed=3, frames=1500, rows=40, columns=44, batch_size=200, landings=4, landing_snr=(9.0, 12.0)
)


@pytest.fixture(scope="module")
def recording():
    made = simulate_recording(SETTINGS)
    return made.video, truth_of(truth_document(SETTINGS, made.truth))


@pytest.mark.parametrize("name", landing_recipe_names())
def test_every_recipe_calls_its_rolling_average_dra_and_gives_landings(name):
    recipe = load_recipe(name)
    recipe.step(ROLLING_AVERAGE)
    assert {"landings", "localizations"} <= set(recipe.outputs)
    assert recipe.description
    longer = recipe.with_settings(["dra.batch_size=321"])
    values = [longer.values(step.name) for step in recipe.steps]
    assert {v["batch_size"] for v in values if "batch_size" in v} == {321}


@pytest.mark.slow
def test_handcrafted_finds_strong_landings(recording):
    video, truth = recording
    settings = ["dra.batch_size=200", "measured.min_length=60"]
    result = run_recipe(video, "handcrafted", settings=settings)
    figures = evaluate_landings(result.landings, truth)
    assert figures.average_precision > 0.9
    assert figures.n_found == 4
    assert len(result.localizations) > 200


@pytest.mark.slow
@pytest.mark.parametrize("name", ["matched", "rescored"])
def test_a_noisy_pixel_within_a_landing_changes_none_of_its_contrasts(recording, name):
    video, settings = recording[0].astype(np.float32), ["dra.batch_size=200"]
    quiet = run_recipe(video, name, settings=settings).landings.iloc[0]
    y, x = round(quiet["y"]), round(quiet["x"]) + 1
    noisy = video.copy()
    noisy[:, y, x] *= 1 + 0.3 * np.random.default_rng(0).standard_normal(len(video))
    found = run_recipe(noisy, name, settings=settings).landings
    same = found.iloc[np.hypot(found["y"] - quiet["y"], found["x"] - quiet["x"]).argmin()]
    for column in ("contrast", "peak_contrast", "intersection_contrast"):
        assert same[column] == pytest.approx(quiet[column], rel=0.2)


@pytest.mark.slow
def test_reference_handcrafted_looks_at_every_hundredth_frame(recording):
    result = run_recipe(recording[0], "reference-handcrafted", settings=["dra.batch_size=200"])
    assert result.counts["anomalies"] == result.counts["dra"] == 1101
    assert set(result.tables["spots"]["frame"] % 100) == {0}
    assert len(result.tables["spots"]) > 1


@pytest.mark.slow
def test_prediction_finds_strong_landings_in_less_noise(recording):
    video, truth = recording
    result = run_recipe(video, "prediction", settings=["dra.batch_size=200"])
    figures = evaluate_landings(result.landings, truth)
    assert figures.n_found == 4
    assert figures.average_precision > 0.9
    frames = slice(400, 700, 50)
    before, after = (np.asarray(result.videos[n][frames]) for n in ("drift", "residual"))
    assert np.median(np.abs(after)) < 0.8 * np.median(np.abs(before))


@pytest.mark.slow
def test_reference_network_takes_the_plugins_network_and_its_scaling(recording, tmp_path):
    torch.manual_seed(0)
    weights = save_weights(FastDVDnet(REFERENCE).eval(), tmp_path / "w.safetensors")
    own = [f"background.weights={weights}", "background.stride=1", "scaled.limits=none"]
    video = recording[0][:160]
    result = run_recipe(video, "reference-network", settings=["dra.batch_size=50", *own])
    scaled = np.asarray(result.videos["scaled"])
    assert (scaled.min(), scaled.max()) == (0, 1)
    frames = slice(10, 12)
    background = np.asarray(result.videos["background"][frames])
    assert (background >= 0).all()
    difference = np.abs(scaled[frames] - background)
    np.testing.assert_allclose(result.videos["residual"][frames], difference, atol=1e-6)


@pytest.mark.slow
def test_forest_of_reference_network_sees_the_residual(recording):
    video = recording[0][:120]
    settings = ["dra.batch_size=20", "background.precision=float32"]
    scores = [
        np.asarray(run_recipe(video, "reference-network", settings=s).videos["anomalies"][40:42])
        for s in (settings, [*settings, "background.stride=10"])
    ]
    assert not np.array_equal(*scores)


ANOMALY_RECIPES = ["handcrafted", "reference-handcrafted", "reference-network", "prediction"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ANOMALY_RECIPES)
def test_noise_alone_is_no_error(name):
    video = np.random.default_rng(0).poisson(1e4, (300, 24, 24)).astype(np.uint16)
    result = run_recipe(video, name, settings=["dra.batch_size=50"])
    assert len(result.landings) < 20


@pytest.mark.parametrize("name", ANOMALY_RECIPES)
def test_constant_recording_is_an_error_that_names_the_stage(name):
    video = np.full((300, 24, 24), 100, np.uint16)
    with pytest.raises(NapariUaiError, match="stage"):
        run_recipe(video, name, settings=["dra.batch_size=50"])
