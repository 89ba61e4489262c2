import hashlib
import subprocess
import sys
from dataclasses import replace

import dask.array as da
import numpy as np
import pytest
import torch

from napari_uai.errors import BadValueError, NapariUaiError, TooFewFramesError, WeightsError
from napari_uai.iscat.detect.anomalies.features import residual
from napari_uai.iscat.fastdvdnet.network import FastDVDnet
from napari_uai.iscat.fastdvdnet.predict import predicted_video
from napari_uai.iscat.fastdvdnet.settings import NetworkSettings
from napari_uai.iscat.fastdvdnet.stages import background_weights, predict_background
from napari_uai.iscat.fastdvdnet.weights import load_weights, save_weights
from napari_uai.iscat.recipes.outputs import run_record
from napari_uai.iscat.recipes.recipe import parse_recipe
from napari_uai.iscat.recipes.run import run_recipe
from napari_uai.videos.frames import Frames, frames_of, lazy_video

SMALL = NetworkSettings(spread=2, channels=4, stride=3)
RECIPE = """
[[stage]]
name = "dra"
use = "differential_rolling_average"
parameters = { batch_size = 8 }

[[stage]]
name = "background"
use = "predict_background"
parameters = { stride = "@dra.batch_size" }

[[stage]]
name = "residual"
use = "residual"
input = ["dra", "background"]
"""


@pytest.fixture(scope="module")
def video():
    return np.random.default_rng(0).normal(0, 0.3, (40, 10, 9)).astype(np.float32)


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    torch.manual_seed(0)
    return save_weights(FastDVDnet(SMALL).eval(), tmp_path_factory.mktemp("w") / "own.safetensors")


@pytest.mark.slow
def test_the_list_of_stages_needs_no_torch():
    code = (
        "import sys\n"
        "from napari_uai.iscat.recipes.catalogue import stage\n"
        "assert stage('predict_background').parameters\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_stride_chooses_other_neighbours_and_leaves_the_network_as_it_is(video, own):
    weights = load_weights(own)
    weights.network.settings = replace(SMALL, stride=7)
    expected = predicted_video(video, weights=weights, precision="float32")
    given = predict_background(video, weights=str(own), stride=7, precision="float32")
    np.testing.assert_array_equal(given, expected)
    trained = predict_background(video, weights=str(own), precision="float32")
    assert not np.allclose(given, trained)


def test_packaged_weights_are_kept_as_trained_whatever_the_stride(video):
    one = predict_background(da.from_array(video), stride=4)
    predict_background(da.from_array(video), stride=5)
    assert predict_background(da.from_array(video), stride=4).name == one.name


class CountedFrames(Frames):
    name = "counted"

    def __init__(self, array):
        self.array = array
        self.shape, self.dtype = array.shape, array.dtype
        self.read_frames = []

    def read(self, start, stop):
        self.read_frames += range(start, stop)
        return self.array[start:stop]


def test_nothing_is_read_until_a_frame_is_asked_for_and_then_only_its_window(video, own):
    frames = CountedFrames(np.concatenate([video] * 10))
    predicted = predict_background(lazy_video(frames), weights=str(own), stride=20)
    assert frames.read_frames == []
    frames_of(predicted).read(200, 201)
    for_the_noise = 64
    assert set(frames.read_frames[for_the_noise:]) == {160, 180, 220, 240}


def test_name_tells_weights_stride_and_precision(video, own):
    lazy = da.from_array(video)
    names = {
        predict_background(lazy, **how).name
        for how in (
            {"weights": str(own), "precision": "float32"},
            {"weights": str(own), "stride": 4, "precision": "bfloat16"},
            {"weights": str(own), "stride": 4, "precision": "float32"},
            {"stride": 4, "precision": "float32"},
        )
    }
    assert len(names) == 4
    again = predict_background(lazy, weights=str(own), stride=4, precision="float32").name
    assert again in names


@pytest.mark.slow
def test_record_of_a_run_tells_the_checksum_of_the_weights(own):
    video = np.random.default_rng(1).poisson(1e4, (60, 12, 12)).astype(np.uint16)
    recipe = parse_recipe(RECIPE, name="r").with_settings([f"background.weights={own}"])
    result = run_recipe(video, recipe)
    stages = {stage["name"]: stage for stage in run_record(result)["stages"]}
    assert stages["background"]["weights_sha256"] == hashlib.sha256(own.read_bytes()).hexdigest()
    assert "weights_sha256" not in stages["dra"]
    assert stages["background"]["parameters"]["stride"] == 8
    difference = result.videos["dra"] - result.videos["background"]
    np.testing.assert_allclose(result.videos["residual"], difference, atol=1e-9)
    assert (
        result.videos["residual"].name
        == residual(result.videos["dra"], result.videos["background"]).name
    )


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"weights": "nowhere.safetensors"}, WeightsError, "nowhere.safetensors"),
        ({"weights": " "}, WeightsError, "packaged"),
        ({"stride": 30}, TooFewFramesError, "60 frames"),
        ({"stride": 0}, BadValueError, "stride"),
        ({"precision": "float16"}, BadValueError, "bfloat16"),
        ({"device": "abacus"}, BadValueError, "cuda"),
    ],
)
def test_what_does_not_fit_is_one_clear_line(video, own, changes, error, message):
    with pytest.raises(error, match=message) as caught:
        predict_background(video, **{"weights": str(own), **changes})
    assert "\n" not in str(caught.value)


def test_broken_weights_are_named_with_the_stage(own, tmp_path):
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(own.read_bytes()[:-5])
    broken.with_suffix(".json").write_bytes(own.with_suffix(".json").read_bytes())
    video = np.random.default_rng(1).poisson(1e4, (60, 12, 12)).astype(np.uint16)
    recipe = parse_recipe(RECIPE, name="r").with_settings([f"background.weights={broken}"])
    with pytest.raises(WeightsError, match=r"\(stage background\): .*broken\.safetensors"):
        run_recipe(video, recipe)


def test_without_torch_the_message_says_what_to_install(video, own, monkeypatch):
    monkeypatch.delitem(sys.modules, "napari_uai.iscat.fastdvdnet.weights")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(NapariUaiError, match=r'pip install "napari-uai\[torch\]"'):
        predict_background(video, weights=str(own))


def test_packaged_weights_are_of_the_default_network_and_small():
    weights = background_weights()
    assert weights.settings == NetworkSettings(stride=500)
    assert weights.trained["held_out_loss"] < weights.trained["held_out_variance"]
    assert sum(v.numel() for v in weights.network.state_dict().values()) < 700_000


def test_packaged_weights_take_noise_out_that_neighbours_share():
    batch = 20
    sums = np.random.default_rng(2).normal(size=(9 * batch, 24, 24)).cumsum(0)
    means = (sums[batch:] - sums[:-batch]) / batch
    rolling = (means[batch:] - means[:-batch]).astype(np.float32)
    left = rolling - predict_background(rolling, stride=batch, precision="float32")
    inner = slice(2 * batch, -2 * batch)
    # neighbours share batches: a third of the variance is left at best
    assert 1 / 3 < left[inner].var() / rolling[inner].var() < 0.55
