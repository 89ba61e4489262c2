import signal
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest
import torch

from napari_uai.errors import (
    BadValueError,
    CancelledError,
    OutputError,
    TooFewFramesError,
    WeightsError,
)
from napari_uai.iscat.fastdvdnet.network import FastDVDnet
from napari_uai.iscat.fastdvdnet.predict import predicted_video
from napari_uai.iscat.fastdvdnet.settings import NetworkSettings
from napari_uai.iscat.fastdvdnet.train import TrainingSettings, augmented, train_network
from napari_uai.iscat.fastdvdnet.training_files import best_epoch
from napari_uai.iscat.fastdvdnet.weights import load_weights
from napari_uai.monitor import Monitor
from napari_uai.videos.frames import ArrayFrames, lazy_video

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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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


KILLED = """
import os, signal, sys
import numpy as np
from napari_uai.iscat.fastdvdnet.settings import (NetworkSettings, TrainingSettings)
from napari_uai.iscat.fastdvdnet.train import train_network
from napari_uai.monitor import Monitor

def progress(fraction, message):
    if fraction > 0.6:  # in the middle of an epoch
        os.kill(os.getpid(), signal.SIGKILL)

train_network(
    np.load(sys.argv[1]), sys.argv[2],
    network=NetworkSettings(**eval(sys.argv[3])), training=TrainingSettings(**eval(sys.argv[4])),
    monitor=Monitor(progress),
)
"""


@pytest.mark.slow
def test_a_killed_training_goes_on_to_the_same_result(video, tmp_path):
    out = tmp_path / "b.safetensors"
    np.save(tmp_path / "video.npy", video)
    given = [tmp_path / "video.npy", out, NETWORK.to_dict(), vars(QUICK)]
    killed = subprocess.run([sys.executable, "-c", KILLED, *map(str, given)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(pd.read_csv(out.with_suffix(".csv"))) == 3
    how = {"network": NETWORK, "training": QUICK}
    resumed, history = train_network(video, out, **how)
    whole, whole_history = train_network(video, tmp_path / "a.safetensors", **how)
    losses = ["training_loss", "validation_loss", "learning_rate"]
    pd.testing.assert_frame_equal(history[losses], whole_history[losses], rtol=1e-5)
    for name, value in weights_in(whole).items():
        np.testing.assert_allclose(weights_in(resumed)[name], value, rtol=1e-4, atol=1e-6)
    assert not list(tmp_path.glob("*unfinished*"))


@contextmanager
def small_files(size):
    """The system writes no file larger than this, as on a disk that is full."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.slow
def test_a_full_disk_leaves_the_files_of_the_epoch_before(video, tmp_path):
    first = tmp_path / "first.safetensors"
    train_network(video, first, network=NETWORK, training=QUICK)
    out = tmp_path / "w.safetensors"
    how = {"network": NETWORK, "training": QUICK, "start_from": first}
    with pytest.raises(CancelledError):
        train_network(video, out, **how, monitor=cancelling(0.3))
    before = {p.name: p.read_bytes() for p in tmp_path.glob("w.*")}
    assert set(before) == {"w.csv", "w.json", "w.safetensors", "w.unfinished.safetensors"}
    # room for the weights, but not for the state, which is three times as large
    with (
        small_files(len(before["w.safetensors"]) * 3 // 2),
        pytest.raises(OutputError, match=r"cannot write to .*unfinished\.safetensors: "),
    ):
        train_network(video, out, **how)
    assert {p.name: p.read_bytes() for p in tmp_path.glob("w.*")} == before
    assert not list(tmp_path.glob(".*"))  # nothing half written either
    resumed = train_network(video, out, **how)[1]
    assert resumed["epoch"].tolist() == [0, 1, 2, 3, 4]


@pytest.mark.slow
def test_a_loss_that_is_no_longer_a_number_ends_training_and_the_best_stays(video, tmp_path):
    first, out = tmp_path / "first.safetensors", tmp_path / "w.safetensors"
    given = train_network(video, first, network=NETWORK, training=QUICK)[0]
    wild = TrainingSettings(epochs=4, steps=6, windows=4, crop_px=16, learning_rate=1e30)
    with pytest.raises(BadValueError, match=r"lower the learning rate \(1e\+30\); no weights"):
        train_network(video, out, network=NETWORK, training=wild)
    assert not out.exists()
    with pytest.raises(BadValueError, match=r"epoch 1: .*w\.safetensors has epoch 0"):
        train_network(video, out, network=NETWORK, training=wild, start_from=first)
    for name, value in weights_in(given).items():
        np.testing.assert_array_equal(weights_in(load_weights(out))[name], value)
    train_network(video, out, network=NETWORK, training=QUICK)  # another rate may follow at once


@pytest.mark.parametrize(
    "full",
    [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("MPS backend out of memory")],
)
def test_a_batch_that_is_too_large_for_the_memory_is_halved(video, tmp_path, monkeypatch, full):
    sizes = []
    forward = FastDVDnet.forward

    def narrow(self, windows):
        sizes.append((len(windows), self.training))
        if len(windows) > 2:
            raise full
        return forward(self, windows)

    monkeypatch.setattr(FastDVDnet, "forward", narrow)
    eight = TrainingSettings(epochs=1, steps=3, windows=8, crop_px=16, validation=0.25)
    history = train_network(video, tmp_path / "w.safetensors", network=NETWORK, training=eight)[1]
    assert sizes[:3] == [(8, False), (4, False), (2, False)]
    assert [size for size, training in sizes if training] == [2] * 3 * 4
    assert history["training_loss"].notna().tolist() == [False, True]


def test_a_memory_too_small_for_one_window_is_told(video, tmp_path, monkeypatch):
    def full(self, windows):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(FastDVDnet, "forward", full)
    with pytest.raises(BadValueError, match="too small for a single window"):
        train_network(video, tmp_path / "w.safetensors", network=NETWORK, training=QUICK)


def test_other_errors_are_not_taken_for_a_full_memory(video, tmp_path, monkeypatch):
    def broken(self, windows):
        raise RuntimeError("expected scalar type Float")

    monkeypatch.setattr(FastDVDnet, "forward", broken)
    with pytest.raises(RuntimeError, match="scalar type"):
        train_network(video, tmp_path / "w.safetensors", network=NETWORK, training=QUICK)


def test_gradients_of_parts_are_those_of_the_batch(video, tmp_path):
    """With its means held fixed, as batch norm takes them over a part."""
    from napari_uai.iscat.fastdvdnet import train

    run = train._Run(
        windows=train._Windows.of(ArrayFrames(video), NETWORK, QUICK, Monitor()),
        how=QUICK,
        device=torch.device("cpu"),
        precision=torch.float32,
        out=tmp_path / "w.safetensors",
        room=train._Room(7),
        random_start=True,
    )
    model = train._first_weights(NETWORK, QUICK, None).eval()
    batch = torch.from_numpy(run.windows.training(np.arange(20, 27)))
    whole = run._gradients(model, batch, 7)
    expected = [p.grad.clone() for p in model.parameters()]
    assert run._gradients(model, batch, 3) == pytest.approx(whole, rel=1e-5)
    for parameter, gradient in zip(model.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-3, atol=1e-6)


class Watched(ArrayFrames):
    """Notes how many frames are read at a time."""

    def __init__(self, array):
        super().__init__(array)
        self.reads = []

    def read(self, start, stop):
        self.reads.append(stop - start)
        return super().read(start, stop)


@pytest.mark.slow
def test_windows_are_read_as_they_are_needed(video, tmp_path):
    frames = Watched(video)
    lazy = train_network(
        lazy_video(frames), tmp_path / "a.safetensors", network=NETWORK, training=QUICK
    )[1]
    assert max(frames.reads) < 15
    eager = train_network(video, tmp_path / "b.safetensors", network=NETWORK, training=QUICK)[1]
    np.testing.assert_array_equal(lazy["validation_loss"], eager["validation_loss"])


@pytest.mark.slow
def test_the_seed_decides(video, tmp_path):
    def losses(name, **changes):
        how = TrainingSettings(**(vars(QUICK) | {"epochs": 1} | changes))
        out = tmp_path / f"{name}.safetensors"
        return train_network(video, out, network=NETWORK, training=how)[1]["training_loss"][1]

    assert losses("a") == losses("b")
    assert losses("a") != losses("c", seed=1)
    # beyond one standard deviation linear: never more than half of the square
    assert losses("d", loss="huber") < 0.5 * losses("a")


def test_training_ends_when_nothing_is_gained(video, tmp_path):
    noise = np.random.default_rng(5).normal(0, 0.3, video.shape)
    how = TrainingSettings(epochs=30, steps=4, windows=4, crop_px=16, patience=2)
    weights, history = train_network(
        noise, tmp_path / "w.safetensors", network=NETWORK, training=how
    )
    best = best_epoch(history["validation_loss"])
    assert len(history) - 1 == best + 2 < 30
    assert weights.trained["epochs"] == best


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


@pytest.mark.slow
def test_the_held_out_part_is_never_trained_on(video, tmp_path):
    raw = NetworkSettings(stride=2, spread=2, channels=4, standardize=False)
    other = np.concatenate([video[:90], video[:89:-1]])
    one = train_network(video, tmp_path / "a.safetensors", network=raw, training=QUICK)[1]
    two = train_network(other, tmp_path / "b.safetensors", network=raw, training=QUICK)[1]
    np.testing.assert_array_equal(one["training_loss"], two["training_loss"])
    assert (one["validation_loss"] != two["validation_loss"]).any()


@pytest.mark.slow
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
        (lambda v: v[:7], TooFewFramesError, "needs 8 frames"),
        (np.ones_like, BadValueError, "constant"),
        (
            lambda v: np.where(np.arange(120)[:, None, None] == 33, np.nan, v),
            BadValueError,
            "frame 33 contains NaN",
        ),
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


def test_augmentation_gives_every_turn_flip_and_sign_alike():
    window = np.arange(9.0, dtype=np.float32).reshape(1, 1, 3, 3) - 4
    square = window[0, 0]
    turned = [np.rot90(f, k) for f in (square, square[:, ::-1]) for k in range(4)]
    ways = [sign * t for t in turned for sign in (1, -1)]
    out = augmented(np.repeat(window, 800, axis=0), 3, np.random.default_rng(0))[:, 0]
    counts = [sum(np.array_equal(o, way) for o in out) for way in ways]
    # the pattern is odd: turned half-way round it is its own negative, so each way counts twice
    assert sum(counts) == 2 * 800
    assert min(counts) > 60


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
