from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import asdict

import pytest

from napari_uai.errors import BadValueError, OutputError, WeightsError
from napari_uai.iscat.fastdvdnet.settings import NetworkSettings, TrainingSettings
from napari_uai.iscat.fastdvdnet.training_files import (
    best_epoch,
    state_path,
    unfinished_training,
    writable_target,
)

HISTORY = {
    "epoch": [0, 1, 2],
    "training_loss": [math.nan, 0.9, 0.8],
    "validation_loss": [1.0, 0.95, 0.97],
    "learning_rate": [0.0, 1e-3, 1e-3],
    "seconds": [0.0, 1.0, 1.0],
}


NAMED = r"unfinished\.safetensors: the unfinished training"


@pytest.fixture
def state():
    return {
        "training": asdict(TrainingSettings(epochs=7)),
        "network": NetworkSettings(stride=30).to_dict(),
        "video": [100, 8, 8, "0.5"],
        "history": HISTORY,
    }


def write_state(out, text):
    """A file of safetensors without any tensor, its header laid out by hand."""
    header = json.dumps({"__metadata__": {"state": text}}).encode()
    state_path(out).write_bytes(len(header).to_bytes(8, "little") + header + b" ")


def test_a_stopped_training_tells_how_far_it_came(tmp_path, state):
    out = tmp_path / "w.safetensors"
    assert unfinished_training(out) is None
    write_state(out, json.dumps(state))
    found = unfinished_training(out)
    assert found.epochs == 2
    assert found.training.epochs == 7
    assert found.network.stride == 30
    assert best_epoch(found.history["validation_loss"]) == 1


def test_a_state_that_is_not_whole_is_named(tmp_path, state):
    out = tmp_path / "w.safetensors"
    for broken in (
        "{",
        "[]",
        json.dumps({**state, "network": {"layers": 3}}),
        json.dumps({**state, "history": {"epoch": [0, 1], "validation_loss": [1.0]}}),
    ):
        write_state(out, broken)
        with pytest.raises(WeightsError, match=NAMED):
            unfinished_training(out)
    whole = state_path(out).read_bytes()
    for cut in (b"", b"cut", whole[:20]):
        state_path(out).write_bytes(cut)
        with pytest.raises(WeightsError, match=NAMED):
            unfinished_training(out)


def test_a_loss_that_is_no_number_is_never_the_best():
    assert best_epoch([1.0, math.nan, 0.5, math.nan]) == 2
    assert best_epoch([1.0, math.nan]) == 0


def test_a_target_is_refused_before_any_work(tmp_path):
    assert writable_target(tmp_path / "new" / "w.safetensors").parent.is_dir()
    with pytest.raises(BadValueError, match="choose such a name"):
        writable_target(tmp_path / "w.h5")
    (tmp_path / "folder.safetensors").mkdir()
    with pytest.raises(OutputError, match="is a folder; choose another name"):
        writable_target(tmp_path / "folder.safetensors")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="choose another folder"):
        writable_target(tmp_path / "file" / "w.safetensors")


def test_looking_for_a_state_does_not_load_torch():
    code = (
        "import napari_uai.iscat.fastdvdnet.training_files, sys; sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
