import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save

from napari_uai.errors import WeightsError
from napari_uai.iscat.rescore.event_network import (
    COURSE_LAYERS,
    FORMAT,
    IMAGE_LAYERS,
    EventNetwork,
    _checked,
    load_event_network,
    save_event_network,
    shapes,
)
from napari_uai.iscat.rescore.event_patches import COURSES, FIGURES, IMAGES, REACH, SIDE, EventViews


@pytest.fixture
def arrays():
    random = np.random.default_rng(0)
    made = {n: random.normal(0, 0.2, s).astype(np.float16) for n, s in shapes(4).items()}
    made["figures.deviation"] = np.abs(made["figures.deviation"]) + np.float16(0.5)
    return {name: array.astype(np.float32) for name, array in made.items()}


def views(n, seed=1):
    random = np.random.default_rng(seed)
    return EventViews(
        random.normal(0, 3, (n, IMAGES, SIDE, SIDE)).astype(np.float32),
        random.normal(0, 3, (n, COURSES, 2 * REACH)).astype(np.float32),
        random.normal(0, 3, (n, len(FIGURES))).astype(np.float32),
    )


def in_torch(w, given):
    """The same network in the layers of torch."""
    torch = pytest.importorskip("torch")
    w = {name: torch.from_numpy(array) for name, array in w.items()}
    relu, conv1d, conv2d = torch.relu, torch.conv1d, torch.conv2d
    seen = torch.asinh(torch.from_numpy(given.images) / 2)
    for i, (kernel, stride) in enumerate(IMAGE_LAYERS):
        weight, bias = w[f"images.{i}.weight"], w[f"images.{i}.bias"]
        seen = relu(conv2d(seen, weight, bias, stride, kernel // 2))
    followed = torch.from_numpy(given.courses)
    for i, (kernel, stride) in enumerate(COURSE_LAYERS):
        weight, bias = w[f"courses.{i}.weight"][:, :, 0], w[f"courses.{i}.bias"]
        followed = relu(conv1d(followed, weight, bias, stride, kernel // 2))
    told = (torch.from_numpy(given.figures) - w["figures.mean"]) / w["figures.deviation"]
    parts = [
        seen.flatten(1) @ w["images.out.weight"].T + w["images.out.bias"],
        followed.flatten(1) @ w["courses.out.weight"].T + w["courses.out.bias"],
        told.clip(-4, 4),
    ]
    hidden = torch.cat(parts, 1)
    for i in range(2):
        hidden = relu(hidden @ w[f"head.{i}.weight"].T + w[f"head.{i}.bias"])
    out = (hidden @ w["head.2.weight"].T + w["head.2.bias"])[:, 0]
    slope, offset, prior = w["base"]
    return (out + slope * torch.from_numpy(given.figures[:, 0]) ** 2 / 2 + offset - prior).numpy()


def test_evidence_is_that_of_the_same_layers_in_torch(arrays):
    given = views(7)
    found = EventNetwork(arrays, {}).evidence(given)
    np.testing.assert_allclose(found, in_torch(arrays, given), rtol=1e-4, atol=1e-3)


def test_evidence_does_not_depend_on_the_company_in_a_batch(arrays):
    network, given = EventNetwork(arrays, {}), views(600)
    alone = EventViews(given.images[500:501], given.courses[500:501], given.figures[500:501])
    assert network.evidence(alone)[0] == pytest.approx(network.evidence(given)[500], abs=1e-3)
    assert len(network.evidence(views(0))) == 0


def test_weights_come_back_as_they_were(arrays, tmp_path):
    path = save_event_network(arrays, tmp_path / "w.safetensors", trained={"on": "noise"})
    network = load_event_network(path)
    assert network.trained == {"on": "noise"}
    assert len(network.sha256) == 64
    for name, array in arrays.items():
        np.testing.assert_array_equal(network.arrays[name], array)


def test_the_packaged_weights_are_small_and_tell_what_they_were_trained_on():
    network = load_event_network()
    assert sum(array.size for array in network.arrays.values()) < 200_000
    assert network.trained["recordings"] > 100


def test_a_missing_file_says_what_to_give(tmp_path):
    with pytest.raises(WeightsError, match="give 'packaged' or the path"):
        load_event_network(tmp_path / "none.safetensors")


def test_weights_of_another_size_or_file_are_refused(arrays, tmp_path):
    path = save_event_network(arrays, tmp_path / "w.safetensors", trained={})
    described = json.loads(path.with_suffix(".json").read_text())
    assert described["format"] == FORMAT
    path.with_suffix(".json").write_text(json.dumps(described | {"channels": 5}))
    with pytest.raises(WeightsError, match="another architecture"):
        load_event_network(path)
    path.with_suffix(".json").write_text(json.dumps(described | {"sha256": "0"}))
    with pytest.raises(WeightsError, match="checksum"):
        load_event_network(path)
    path.with_suffix(".json").write_text("[1]")
    with pytest.raises(WeightsError, match="not weights for rescoring"):
        load_event_network(path)
    path.with_suffix(".json").write_text("{")
    with pytest.raises(WeightsError, match="not valid JSON"):
        load_event_network(path)


@pytest.mark.parametrize("length", [0, 7, 300])
def test_a_cut_file_is_refused(arrays, tmp_path, length):
    path = save_event_network(arrays, tmp_path / "w.safetensors", trained={})
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(WeightsError, match=r"w\.safetensors: corrupt"):
        load_event_network(path)


@given(st.binary(max_size=60))
def test_noise_is_refused_with_one_kind_of_error(data):
    with pytest.raises(WeightsError, match="w: corrupt"):
        _checked(data, json.dumps({"format": FORMAT}).encode(), "w")


@pytest.mark.parametrize("dtype", ["f4", "f8", "i8", "?"])
def test_arrays_of_another_kind_are_refused(dtype):
    data = save({"n": np.zeros(3, dtype)})
    with pytest.raises(WeightsError, match="checksum"):
        _checked(data, json.dumps({"format": FORMAT}).encode(), "w")
