import sys
import threading

import numpy as np
import pytest

from napari_uai.cli.app import main
from napari_uai.errors import BadValueError, CancelledError, OutputError, RecipeError, WeightsError
from napari_uai.iscat.recipes.recipe import parse_recipe
from napari_uai.iscat.recipes.training import (
    TrainingPlan,
    placed_rolling_average,
    rolling_average,
    train_on_recording,
    training_parameters,
)
from napari_uai.monitor import Monitor
from napari_uai.videos.recording import Recording

pytest.importorskip("torch")

RECIPE = """
description = "A rolling average, and what nobody needs for it."

[[stage]]
name = "power"
use = "power_normalization"

[[stage]]
name = "dra"
use = "differential_rolling_average"
parameters = { batch_size = 10 }

[[stage]]
name = "drift"
use = "stage_drift_correction"
input = ["dra", "power"]

[[stage]]
name = "steps"
use = "detect_steps"
input = "power"
"""
SMALL = [
    "network.spread=2",
    "network.channels=4",
    "training.steps=2",
    "training.windows=2",
    "training.crop_px=16",
]


@pytest.fixture(scope="module")
def recipe():
    return parse_recipe(RECIPE, name="small")


@pytest.fixture(scope="module")
def recording():
    random = np.random.default_rng(0)
    speckle = 1 + 0.1 * random.normal(size=(20, 20))
    frames = random.poisson(1000 * speckle * np.ones((140, 1, 1)))
    return Recording(frames.astype(np.uint16))


@pytest.mark.slow
def test_the_network_learns_the_corrected_rolling_average_with_the_recipes_batch(
    recording, recipe, tmp_path
):
    result = train_on_recording(
        recording,
        tmp_path / "w.safetensors",
        recipe=recipe,
        settings=[*SMALL, "training.epochs=2", "dra.batch_size=8"],
    )
    assert result.weights.settings.stride == 8
    assert result.weights.settings.channels == 4
    assert result.weights.trained["video"][:3] == [140 - 15, 20, 20]
    assert len(result.history) == 3
    assert result.path.exists()
    assert result.gain >= 0


def test_no_stage_runs_that_the_rolling_average_does_not_need(recording, recipe):
    video = rolling_average(recording, recipe)
    assert video.shape == (121, 20, 20)
    steps = parse_recipe(RECIPE.replace('"drift"', '"moved"').replace('"dra"', '"x"'), name="s")
    assert rolling_average(recording, steps).shape == (121, 20, 20)


@pytest.mark.slow
def test_a_stopped_training_goes_on_to_the_same_weights(recording, recipe, tmp_path):
    how = {"recipe": recipe, "settings": [*SMALL, "training.epochs=3"]}
    whole = train_on_recording(recording, tmp_path / "a.safetensors", **how)
    stop = threading.Event()
    with pytest.raises(CancelledError):
        train_on_recording(
            recording,
            tmp_path / "b.safetensors",
            on_epoch=lambda history: stop.set(),
            monitor=Monitor(cancelled=stop.is_set),
            **how,
        )
    assert (tmp_path / "b.csv").exists()
    resumed = train_on_recording(recording, tmp_path / "b.safetensors", **how)
    np.testing.assert_allclose(
        resumed.history["validation_loss"], whole.history["validation_loss"], rtol=1e-5
    )


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("training.epochs=0", "training.epochs must be a whole number, at least 1, got 0"),
        ("training.epoch=1", "did you mean 'epochs'"),
        ("network.frames=6", "network.frames must be an odd whole number, at least 5"),
        ("training.loss=l3", "training.loss must be one of mse, huber, got 'l3'"),
        ("training.epochs", "NAME=VALUE"),
        ("dra.batch=4", "did you mean 'batch_size'"),
    ],
)
def test_a_setting_that_does_not_fit_is_named(recording, recipe, tmp_path, setting, message):
    with pytest.raises(RecipeError, match=message):
        train_on_recording(recording, tmp_path / "w.safetensors", recipe=recipe, settings=[setting])
    assert not list(tmp_path.iterdir())


def test_a_recipe_without_a_rolling_average_is_refused(recording):
    only = parse_recipe('[[stage]]\nname = "power"\nuse = "power_normalization"\n', name="bare")
    with pytest.raises(RecipeError, match="computes no rolling average"):
        rolling_average(recording, only)


def test_every_setting_has_a_name_and_a_default():
    known = training_parameters()
    assert known["training.epochs"] >= 1
    assert known["network.blind"] is True


def test_without_torch_the_way_out_is_named(monkeypatch, recording, recipe, tmp_path):
    monkeypatch.delitem(sys.modules, "napari_uai.iscat.fastdvdnet.train", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(WeightsError, match=r'training needs .*: pip install "napari-uai\[torch'):
        train_on_recording(recording, tmp_path / "w.safetensors", recipe=recipe)
    assert not list(tmp_path.iterdir())


def test_a_rolling_average_that_is_at_hand_teaches_the_same(recording, recipe, tmp_path):
    settings = [*SMALL, "training.epochs=1"]
    one = train_on_recording(
        recording, tmp_path / "a.safetensors", recipe=recipe, settings=settings
    )
    video, origin = placed_rolling_average(recording, recipe)
    plan = TrainingPlan.of(tmp_path / "b.safetensors", batch_size=10, settings=settings)
    same = plan.carry_out(video)
    assert origin == (10, 0, 0)
    np.testing.assert_allclose(
        same.history["validation_loss"], one.history["validation_loss"], rtol=1e-6
    )
    with pytest.raises(RecipeError, match=r"'dra\.batch_size=5' belongs to a recipe"):
        TrainingPlan.of(plan.out, batch_size=10, settings=["dra.batch_size=5"])


def test_weights_to_begin_with_bring_their_shape(recording, recipe, tmp_path):
    settings = [*SMALL, "training.epochs=1"]
    first = train_on_recording(
        recording, tmp_path / "a.safetensors", recipe=recipe, settings=settings
    )
    second = train_on_recording(
        recording,
        tmp_path / "b.safetensors",
        recipe=recipe,
        settings=[s for s in settings if s.startswith("training")],
        start_from=first.path,
    )
    assert second.weights.settings == first.weights.settings
    before, reached = second.history["validation_loss"][0], first.history["validation_loss"].min()
    assert before == pytest.approx(reached, rel=1e-5)


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_read(recipe, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="choose another folder"):
        train_on_recording(
            tmp_path / "missing.bin", tmp_path / "file" / "w.safetensors", recipe=recipe
        )


def test_the_command_line_trains_and_says_what_it_reached(recording, tmp_path, capsys):
    (tmp_path / "small.toml").write_text(RECIPE)
    np.save(tmp_path / "r.npy", np.asarray(recording.video))
    out = tmp_path / "w.safetensors"
    settings = [part for s in (*SMALL, "training.epochs=1") for part in ("--set", s)]
    given = [str(tmp_path / "r.npy"), "--out", str(out), "--recipe", str(tmp_path / "small.toml")]
    assert main(["train", *given, *settings]) == 0
    said = capsys.readouterr()
    assert "best epoch" in said.out
    assert "epoch 1: loss" in said.err
    assert out.with_suffix(".csv").exists()


def test_what_does_not_fit_is_told_before_the_recording_is_read(tmp_path):
    nowhere = "no such recording.bin"
    with pytest.raises(BadValueError, match=r"no device (cuda|mps) .*choose auto or cpu"):
        train_on_recording(nowhere, tmp_path / "w.safetensors", device=absent_device())
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="choose another folder"):
        train_on_recording(nowhere, tmp_path / "file" / "w.safetensors")
    with pytest.raises(BadValueError, match="choose such a name"):
        train_on_recording(nowhere, tmp_path / "w.pt")


def absent_device():
    import torch

    return "mps" if torch.cuda.is_available() else "cuda"


def test_the_command_line_names_the_devices(tmp_path, capsys):
    given = ["r.npy", "--out", str(tmp_path / "w.safetensors"), "--device", "gpu"]
    assert main(["train", *given]) == 2
    assert "no device 'gpu'; choose from auto, cpu, cuda, mps" in capsys.readouterr().err


def test_a_rolling_average_too_large_for_memory_is_read_as_it_is_needed(
    recording, recipe, tmp_path, monkeypatch
):
    settings = [*SMALL, "training.epochs=1"]
    losses = {}
    for kept in (2**30, 0):
        monkeypatch.setattr("napari_uai.iscat.recipes.training.KEPT_BYTES", kept)
        out = tmp_path / f"{kept}.safetensors"
        made = train_on_recording(recording, out, recipe=recipe, settings=settings)
        losses[kept] = made.history["validation_loss"]
    np.testing.assert_allclose(losses[0], losses[2**30], rtol=1e-5)


def test_the_command_line_says_that_noise_teaches_nothing(tmp_path, capsys):
    (tmp_path / "small.toml").write_text(RECIPE.replace("batch_size = 10", "batch_size = 4"))
    noise = np.random.default_rng(1).poisson(1000, (60, 16, 16)).astype(np.uint16)
    np.save(tmp_path / "r.npy", noise)
    out = tmp_path / "w.safetensors"
    given = [str(tmp_path / "r.npy"), "--out", str(out), "--recipe", str(tmp_path / "small.toml")]
    settings = (*SMALL, "training.epochs=1", "training.learning_rate=1e-9")
    given += [part for s in settings for part in ("--set", s)]
    assert main(["train", *given]) == 0
    said = capsys.readouterr()
    learnt = "best epoch 1 of 1" in said.out
    assert learnt != ("nothing was learnt" in said.err)
