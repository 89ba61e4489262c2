import json
import pickle

import h5py
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from napari_uai.errors import BadValueError, OutputError, WeightsError
from napari_uai.iscat.fastdvdnet.network import FastDVDnet
from napari_uai.iscat.fastdvdnet.settings import REFERENCE, NetworkSettings
from napari_uai.iscat.fastdvdnet.weights import _as_torch, load_weights, save_weights

SMALL = NetworkSettings(spread=2, channels=4, stride=50)


@pytest.fixture
def saved(tmp_path):
    torch.manual_seed(0)
    network = FastDVDnet(SMALL).eval()
    return network, save_weights(network, tmp_path / "w.safetensors", trained={"loss": 0.5})


def test_weights_come_back_as_they_were(saved):
    network, path = saved
    weights = load_weights(path)
    assert weights.settings == SMALL
    assert weights.trained == {"loss": 0.5}
    windows = torch.rand(1, 4, 12, 12)
    assert torch.equal(weights.network(windows), network(windows))


def test_the_description_can_be_read_by_people(saved):
    description = json.loads(saved[1].with_suffix(".json").read_text())
    assert description["network"]["stride"] == 50
    assert len(description["sha256"]) == 64


def test_nothing_but_the_two_files_is_left(saved):
    assert sorted(p.name for p in saved[1].parent.iterdir()) == ["w.json", "w.safetensors"]


@pytest.mark.parametrize("length", [0, 7, 100, -4])
def test_a_cut_file_is_refused(saved, length):
    path = saved[1]
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(WeightsError, match=r"w\.safetensors"):
        load_weights(path)


def test_a_changed_file_is_refused(saved):
    path = saved[1]
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(WeightsError, match="checksum"):
        load_weights(path)


def test_a_pickle_is_refused_unread(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("it was unpickled",))

    path = tmp_path / "w.safetensors"
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(WeightsError, match="pickle"):
        load_weights(path)
    torch.save({"a": torch.ones(2)}, path)
    with pytest.raises(WeightsError, match="pickle"):
        load_weights(path)


def test_weights_of_another_architecture_are_refused(saved, tmp_path):
    network, path = saved
    other = save_weights(
        FastDVDnet(NetworkSettings(spread=3, channels=4)), tmp_path / "o.safetensors"
    )
    description = json.loads(other.with_suffix(".json").read_text())
    description["network"] = network.settings.to_dict()
    other.with_suffix(".json").write_text(json.dumps(description))
    with pytest.raises(WeightsError, match="another architecture"):
        load_weights(other)
    path.with_suffix(".json").write_text(json.dumps({"format": "else"}))
    with pytest.raises(WeightsError, match="describe"):
        load_weights(path)


def test_a_missing_file_or_description_is_named(saved):
    path = saved[1]
    path.with_suffix(".json").unlink()
    with pytest.raises(WeightsError, match=r"w\.json is missing: .* copy both"):
        load_weights(path)
    with pytest.raises(WeightsError, match="nowhere"):
        load_weights("nowhere.safetensors")


def test_weights_have_their_ending(saved, tmp_path):
    with pytest.raises(BadValueError, match="safetensors"):
        save_weights(saved[0], tmp_path / "w.pt")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        save_weights(saved[0], tmp_path / "file" / "w.safetensors")


def keras_kernel(module):
    """Kernel in TensorFlow's order, and what a Keras layer of its kind is called."""
    weight = module.weight.detach().numpy()
    if module.groups > 1:
        spread = weight.reshape(module.groups, -1, 3, 3).transpose(2, 3, 0, 1)
        return "depthwise_conv2d", "depthwise_kernel", spread
    out = weight
    if module.stride == (1, 1) and module.out_channels == 2 * module.in_channels:
        n = out.shape[0] // 4
        out = np.stack([out[4 * c + k] for k in range(4) for c in range(n)])
    return "conv2d", "kernel", out.transpose(2, 3, 1, 0)


def write_keras(path, network, *, version, first=0):
    """Write weights as Keras does, layers in alphabetical order of their names."""
    counts = {"conv2d": first, "depthwise_conv2d": first, "batch_normalization": first}
    layers = []
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            kind, name, kernel = keras_kernel(module)
            arrays = {name: kernel}
        elif isinstance(module, nn.BatchNorm2d):
            kind = "batch_normalization"
            arrays = {
                "gamma": module.weight.detach().numpy(),
                "beta": module.bias.detach().numpy(),
                "moving_mean": module.running_mean.numpy(),
                "moving_variance": module.running_var.numpy(),
            }
        else:
            continue
        number = counts[kind]
        counts[kind] += 1
        layers.append((kind if number == 0 else f"{kind}_{number}", arrays))
    with h5py.File(path, "w") as file:
        for layer, arrays in sorted(layers, key=lambda layer: layer[0]):
            for i, (name, array) in enumerate(arrays.items()):
                where = f"{layer}/{layer}/{name}:0" if version == 2 else f"layers/{layer}/vars/{i}"
                file[where] = array


@pytest.fixture(scope="module")
def reference():
    torch.manual_seed(1)
    network = FastDVDnet(REFERENCE).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.1, 0.1)
            module.running_var.uniform_(0.5, 2)
    return network


@pytest.mark.parametrize(("version", "first"), [(2, 0), (3, 0), (2, 60)])
def test_weights_of_keras_give_the_same_prediction(tmp_path, reference, version, first):
    path = tmp_path / "anomaly_weights.h5"
    write_keras(path, reference, version=version, first=first)
    windows = torch.rand(1, 5, 16, 16)
    with torch.no_grad():
        np.testing.assert_array_equal(load_weights(path).network(windows), reference(windows))


def test_keras_weights_of_another_shape_are_refused(tmp_path, reference):
    path = tmp_path / "w.h5"
    write_keras(path, FastDVDnet(NetworkSettings(blind=False, shared=False)), version=2)
    with pytest.raises(WeightsError, match=r"batch_normalization|conv2d"):
        load_weights(path)
    write_keras(path, reference, version=2)
    with h5py.File(path, "a") as file:
        del file["conv2d_3"]
    with pytest.raises(WeightsError, match="59 layers conv2d"):
        load_weights(path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(WeightsError, match=r"w\.h5"):
        load_weights(path)


def test_channels_go_where_tensorflows_depth_to_space_puts_them():
    """Out[2 h + i, 2 w + j, c] = in[h, w, (2 i + j) C + c]."""
    rng = np.random.default_rng(0)
    conv = nn.Conv2d(2, 4, 3)
    kernel = rng.normal(size=(3, 3, 2, 4)).astype(np.float32)
    image = torch.from_numpy(rng.normal(size=(1, 2, 5, 5)).astype(np.float32))
    plain = torch.from_numpy(kernel.transpose(3, 2, 0, 1).copy())
    stacked = functional.conv2d(image, plain)[0].numpy()  # channels, rows, columns
    expected = np.empty((6, 6))
    for h, w, i, j in np.ndindex(3, 3, 2, 2):
        expected[2 * h + i, 2 * w + j] = stacked[2 * i + j, h, w]
    moved = torch.from_numpy(_as_torch(kernel, conv).copy())
    shuffled = functional.pixel_shuffle(functional.conv2d(image, moved), 2)[0, 0]
    np.testing.assert_allclose(shuffled, expected, rtol=1e-5)
