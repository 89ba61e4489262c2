import numpy as np
import pandas as pd
import pytest

from napari_uai.errors import (
    BadValueError,
    CancelledError,
    OutputError,
    TooFewFramesError,
    WeightsError,
)
from napari_uai.fastdvdnet.predict import predicted_video
from napari_uai.fastdvdnet.settings import NetworkSettings
from napari_uai.fastdvdnet.train import TrainingSettings, augmented, train_network
from napari_uai.fastdvdnet.training_files import best_epoch
from napari_uai.fastdvdnet.weights import load_weights
from napari_uai.monitor import Monitor

NETWORK = NetworkSettings(stride=2, spread=2, channels=4)
QUICK = TrainingSettings(epochs=4, steps=6, windows=4, crop_px=16, validation=0.25)


@pytest.fixture(scope="module")
def video():
    """A pattern that swells and fades slowly, under as much noise."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:16, :18]
    pattern = np.sin(y / 2) * np.cos(x / 3)
    course = np.sin(np.arange(120) / 9)
    return (course[:, None, None] * pattern + rng.normal(0, 0.3, (120, 16, 18))).astype(np.float32)


def weights_in(weights):
    return {k: v.numpy().copy() for k, v in weights.network.state_dict().items()}


def test_a_background_that_repeats_is_learnt(video, tmp_path):
    longer = TrainingSettings(epochs=12, steps=30, windows=8, crop_px=16, validation=0.25)
    weights, history = train_network(
        video, tmp_path / "w.safetensors", network=NETWORK, training=longer
    )
    residual = video - predicted_video(video, weights=weights, precision="float32")
    noise = 0.3**2
    assert residual[95:].var() - noise < 0.2 * (video[95:].var() - noise)
    assert history["validation_loss"].min() < 0.6 * history["validation_loss"].iloc[0]
    assert weights.trained["validation_loss"] == history["validation_loss"].min()


def test_the_files_say_how_it_went(video, tmp_path):
    out = tmp_path / "new" / "w.safetensors"
    told = []
    weights, history = train_network(
        video, out, network=NETWORK, training=QUICK, on_epoch=lambda h: told.append(len(h))
    )
    assert sorted(p.name for p in out.parent.iterdir()) == ["w.csv", "w.json", "w.safetensors"]
    written = pd.read_csv(out.with_suffix(".csv"))
    np.testing.assert_allclose(written["validation_loss"], history["validation_loss"])
    assert told == [2, 3, 4, 5]
    assert weights.trained["training"]["epochs"] == 4


def cancelling(at):
    """Cancels once a share of the work is done."""
    done = [0.0]
    return Monitor(lambda fraction, _: done.append(fraction), lambda: done[-1] >= at)


@pytest.mark.parametrize("at", [0.3, 0.6])
def test_a_stopped_training_goes_on_to_the_same_result(video, tmp_path, at):
    kwargs = {"network": NETWORK, "training": QUICK}
    whole, whole_history = train_network(video, tmp_path / "a.safetensors", **kwargs)
    out = tmp_path / "b.safetensors"
    with pytest.raises(CancelledError):
        train_network(video, out, **kwargs, monitor=cancelling(at))
    losses = pd.read_csv(out.with_suffix(".csv"))["validation_loss"]
    if best_epoch(losses):  # the best state stands; random weights are not written meanwhile
        assert load_weights(out).trained["validation_loss"] == pytest.approx(losses.min())
    else:
        assert not out.exists()
    resumed, history = train_network(video, out, **kwargs)
    assert history["epoch"].tolist() == whole_history["epoch"].tolist()
    np.testing.assert_array_equal(history["validation_loss"], whole_history["validation_loss"])
    for name, value in weights_in(whole).items():
        np.testing.assert_array_equal(weights_in(resumed)[name], value)


def test_an_unfinished_training_is_not_taken_for_another(video, tmp_path):
    out = tmp_path / "w.safetensors"
    with pytest.raises(CancelledError):
        train_network(video, out, network=NETWORK, training=QUICK, monitor=cancelling(0.3))
    other = NetworkSettings(stride=3, spread=2, channels=4)
    with pytest.raises(WeightsError, match="other settings"):
        train_network(video, out, network=other, training=QUICK)
    (tmp_path / "w.unfinished.safetensors").write_bytes(b"cut")
    with pytest.raises(WeightsError, match="cannot be read"):
        train_network(video, out, network=NETWORK, training=QUICK)


def test_the_held_out_part_is_never_trained_on(video, tmp_path):
    raw = NetworkSettings(stride=2, spread=2, channels=4, standardize=False)
    other = np.concatenate([video[:90], video[:89:-1]])
    one = train_network(video, tmp_path / "a.safetensors", network=raw, training=QUICK)[1]
    two = train_network(other, tmp_path / "b.safetensors", network=raw, training=QUICK)[1]
    np.testing.assert_array_equal(one["training_loss"], two["training_loss"])
    assert (one["validation_loss"] != two["validation_loss"]).any()


def test_training_can_start_from_other_weights(video, tmp_path):
    out = tmp_path / "a.safetensors"
    first, history = train_network(video, out, network=NETWORK, training=QUICK)
    again = train_network(
        video, tmp_path / "b.safetensors", network=NETWORK, training=QUICK, start_from=out
    )[1]
    assert again["validation_loss"].iloc[0] == pytest.approx(history["validation_loss"].min())
    with pytest.raises(WeightsError, match="another shape"):
        train_network(video, out, network=NetworkSettings(stride=2), training=QUICK, start_from=out)
    assert first.settings == NETWORK


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda v: v[:7], TooFewFramesError, "training needs 8 frames"),
        (np.ones_like, BadValueError, "constant"),
        (lambda v: np.where(np.arange(120)[:, None, None] == 33, np.nan, v), BadValueError, "NaN"),
    ],
)
def test_videos_that_teach_nothing_are_refused(video, tmp_path, change, error, message):
    everything = TrainingSettings(epochs=1, steps=20, windows=16, crop_px=16)
    with pytest.raises(error, match=message):
        train_network(
            change(video), tmp_path / "w.safetensors", network=NETWORK, training=everything
        )


def test_a_folder_that_cannot_be_written_is_named(video, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="choose another folder"):
        train_network(video, tmp_path / "file" / "w.safetensors", network=NETWORK, training=QUICK)


@pytest.mark.parametrize(
    "wrong", [{"epochs": 0}, {"crop_px": 4}, {"validation": 0.7}, {"loss": "l"}]
)
def test_impossible_trainings_are_refused(wrong):
    with pytest.raises(BadValueError):
        TrainingSettings(**wrong)


def test_augmentation_keeps_what_belongs_together():
    rng = np.random.default_rng(0)
    base = rng.normal(size=(6, 1, 12, 10)).astype(np.float32)
    windows = np.concatenate([base, 2 * base], axis=1)
    out = augmented(windows, 8, rng)
    assert out.shape == (6, 2, 8, 8)
    np.testing.assert_allclose(out[:, 1], 2 * out[:, 0])
    assert augmented(windows, 48, rng).shape == (6, 2, 10, 10)
    for window, part in zip(windows, augmented(windows, 8, rng), strict=True):
        assert set(np.abs(part[0]).ravel()) <= set(np.abs(window[0]).ravel())
    unsigned = augmented(np.abs(windows), 8, rng, signs=False)
    assert (unsigned >= 0).all()
