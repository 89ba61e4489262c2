"""The recipes that come with the package, and what the hand-crafted ones find."""

from __future__ import annotations

import numpy as np
import pytest

from napari_uai.errors import NapariUaiError
from napari_uai.evaluate.evaluation import evaluate_landings
from napari_uai.evaluate.truth import truth_of
from napari_uai.simulate.files import truth_document
from napari_uai.simulate.recording import simulate_recording
from napari_uai.simulate.settings import RecordingSettings
from napari_uai.workflow.recipes import load_recipe, recipe_names
from napari_uai.workflow.run import ROLLING_AVERAGE, run_recipe

SETTINGS = RecordingSettings(
    seed=3, frames=1500, rows=40, columns=44, batch_size=200, landings=4, landing_snr=(9.0, 12.0)
)


@pytest.fixture(scope="module")
def recording():
    made = simulate_recording(SETTINGS)
    return made.video, truth_of(truth_document(SETTINGS, made.truth))


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_calls_its_rolling_average_dra_and_gives_landings(name):
    recipe = load_recipe(name)
    recipe.step(ROLLING_AVERAGE)
    assert {"landings", "localizations"} <= set(recipe.outputs)
    assert recipe.description
    longer = recipe.with_settings(["dra.batch_size=321"])
    values = [longer.values(step.name) for step in recipe.steps]
    assert {v["batch_size"] for v in values if "batch_size" in v} == {321}


def test_handcrafted_finds_strong_landings(recording):
    video, truth = recording
    settings = ["dra.batch_size=200", "measured.min_length=60"]
    result = run_recipe(video, "handcrafted", settings=settings)
    figures = evaluate_landings(result.landings, truth)
    assert figures.average_precision > 0.9
    assert figures.n_found == 4
    assert len(result.localizations) > 200


def test_reference_handcrafted_looks_at_every_hundredth_frame(recording):
    result = run_recipe(recording[0], "reference-handcrafted", settings=["dra.batch_size=200"])
    assert result.counts["anomalies"] == result.counts["dra"] == 1101
    assert set(result.tables["spots"]["frame"] % 100) == {0}
    assert len(result.tables["spots"]) > 1


@pytest.mark.parametrize("name", ["handcrafted", "reference-handcrafted"])
def test_noise_alone_is_no_error(name):
    video = np.random.default_rng(0).poisson(1e4, (300, 24, 24)).astype(np.uint16)
    result = run_recipe(video, name, settings=["dra.batch_size=50"])
    assert len(result.landings) < 20


@pytest.mark.parametrize("name", ["handcrafted", "reference-handcrafted"])
def test_constant_recording_is_an_error_that_names_the_stage(name):
    video = np.full((300, 24, 24), 100, np.uint16)
    with pytest.raises(NapariUaiError, match="stage"):
        run_recipe(video, name, settings=["dra.batch_size=50"])
