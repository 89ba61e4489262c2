import pickle

import dask.array as da
import numpy as np
import pytest
import torch

from napari_uai.errors import BadValueError, CancelledError, TooFewFramesError
from napari_uai.iscat.fastdvdnet.network import FastDVDnet
from napari_uai.iscat.fastdvdnet.predict import chosen_device, chosen_precision, predicted_video
from napari_uai.iscat.fastdvdnet.settings import REFERENCE, NetworkSettings
from napari_uai.iscat.fastdvdnet.weights import Weights
from napari_uai.iscat.fastdvdnet.windows import noise_of, window_index
from napari_uai.monitor import Monitor, active_monitor
from napari_uai.videos.frames import ArrayFrames, frames_of

SIZES = {"spread": 2, "channels": 4}
NETWORKS = [
    NetworkSettings(stride=1, **SIZES),
    NetworkSettings(stride=7, **SIZES),
    NetworkSettings(stride=1, blind=False, **SIZES),
    NetworkSettings(stride=3, shared=False, **SIZES),
    NetworkSettings(frames=7, stride=2, **SIZES),
    NetworkSettings(blind=False, shared=False, non_negative=True, standardize=False, **SIZES),
]


@pytest.fixture(scope="module")
def video():
    return np.random.default_rng(0).normal(0, 0.3, (40, 10, 9)).astype(np.float32)


def weights_of(settings):
    torch.manual_seed(3)
    return Weights(FastDVDnet(settings).eval())


def plain_prediction(video, weights):
    """One window after the other through the network as it was trained."""
    settings = weights.settings
    noise = noise_of(ArrayFrames(video)) if settings.standardize else 1.0
    index = window_index(np.arange(len(video)), len(video), settings)
    with torch.no_grad():
        frames = [
            weights.network(torch.from_numpy(video[i] / np.float32(noise))[None]) for i in index
        ]
    return np.stack([f[0, 0].numpy() for f in frames]) * noise


@pytest.mark.parametrize("settings", NETWORKS)
def test_prediction_is_that_of_the_network_window_by_window(video, settings):
    weights = weights_of(settings)
    predicted = predicted_video(video, weights=weights, precision="float32")
    expected = plain_prediction(video, weights)
    np.testing.assert_allclose(predicted, expected, atol=1e-4 * np.abs(expected).max())


def test_any_frames_of_a_lazy_video_are_those_of_the_whole(video):
    weights = weights_of(NETWORKS[1])
    whole = predicted_video(video, weights=weights, precision="float32")
    lazy = predicted_video(
        da.from_array(video, chunks=(8, -1, -1)), weights=weights, precision="float32"
    )
    assert isinstance(lazy, da.Array)
    for part in (slice(0, 3), slice(17, 31), slice(39, 40)):
        np.testing.assert_allclose(lazy[part].compute(), whole[part], atol=1e-6)


def test_lazy_predictions_can_be_sent_to_other_processes(video):
    lazy = predicted_video(da.from_array(video), weights=weights_of(NETWORKS[0]))
    frames = frames_of(lazy)
    expected = frames.read(0, 4)
    again = pickle.loads(pickle.dumps(frames))
    np.testing.assert_array_equal(again.read(0, 4), expected)
    assert again.name == frames.name


def test_other_weights_are_another_video(video):
    lazy = da.from_array(video)
    one = predicted_video(lazy, weights=weights_of(NETWORKS[0]))
    torch.manual_seed(4)
    two = predicted_video(lazy, weights=Weights(FastDVDnet(NETWORKS[0]).eval()))
    assert one.name != two.name


def test_bfloat16_is_near_float32(video):
    weights = weights_of(NETWORKS[0])
    exact = predicted_video(video, weights=weights, precision="float32")
    rounded = predicted_video(video, weights=weights, precision="bfloat16")
    assert np.abs(rounded - exact).max() < 0.05 * np.abs(exact).max()


def test_a_short_video_is_refused(video):
    with pytest.raises(TooFewFramesError):
        predicted_video(video[:10], weights=weights_of(NETWORKS[1]))


def test_the_reference_sees_raw_values(video):
    assert not REFERENCE.standardize


def test_precision_is_as_asked():
    cpu = torch.device("cpu")
    assert chosen_precision("float32", cpu) is torch.float32
    assert chosen_precision("bfloat16", cpu) is torch.bfloat16


def test_a_device_that_is_not_there_is_told():
    for device in ("cuda", "mps"):
        if device == "cuda" and torch.cuda.is_available():
            continue
        if device == "mps" and torch.backends.mps.is_available():
            continue
        with pytest.raises(BadValueError, match=f"no device {device} .*choose auto or cpu"):
            chosen_device(device)
    assert chosen_device("cpu") == torch.device("cpu")


def test_a_batch_that_is_too_large_for_the_memory_is_halved(video, monkeypatch):
    weights = weights_of(NETWORKS[0])
    expected = np.asarray(predicted_video(video, weights=weights, precision="float32"))
    finish, sizes, room = FastDVDnet.finish, [], [3]

    def narrow(self, stages):
        sizes.append(len(stages))
        if len(stages) > room[0]:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return finish(self, stages)

    monkeypatch.setattr(FastDVDnet, "finish", narrow)
    found = np.asarray(predicted_video(video, weights=weights, precision="float32"))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)
    assert max(sizes) > 3
    room[0] = 0
    with pytest.raises(BadValueError, match="too small for a single window"):
        np.asarray(predicted_video(video, weights=weights, precision="float32"))


@pytest.mark.parametrize("standardize", [True, False])
def test_a_frame_without_numbers_is_named(video, standardize):
    broken = np.repeat(video, 5, axis=0)
    broken[100, 2, 3] = np.nan
    weights = weights_of(NetworkSettings(standardize=standardize, **SIZES))
    with pytest.raises(BadValueError, match="frame 100 contains NaN"):
        predicted_video(broken, weights=weights)


def test_a_wish_to_stop_acts_at_the_next_batch(video):
    looks = iter([False, True])
    monitor = Monitor(cancelled=lambda: next(looks))
    lazy = predicted_video(da.from_array(video), weights=weights_of(NETWORKS[0]))
    with active_monitor(monitor), pytest.raises(CancelledError):
        frames_of(lazy).read(0, len(video))
