"""From a trained network to the command that uses it."""

from __future__ import annotations

import hashlib
import json
import shlex

import numpy as np
import pytest

from napari_uai.cli.app import main

pytest.importorskip("torch")


@pytest.mark.slow
def test_the_command_that_training_prints_runs_as_it_stands(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    video = np.random.default_rng(0).poisson(1e4, (340, 24, 24)).astype("<u2")
    (tmp_path / "my recording.bin").write_bytes(video.tobytes())
    shape = ["--height", "24", "--width", "24", "--dtype", "<u2", "--frames", "20:"]
    settings = ["dra.batch_size=40", "network.spread=2", "network.channels=4"]
    settings += ["training.epochs=1", "training.steps=2", "training.windows=2"]
    given = [*shape, *(part for s in settings for part in ("--set", s))]
    assert main(["train", "my recording.bin", "--out", "w.safetensors", *given]) == 0
    line = capsys.readouterr().out.splitlines()[-1]
    command = shlex.split(line.removeprefix("to use it: "))
    assert command[0] == "napari-uai"
    assert main(command[1:]) == 0
    record = json.loads((tmp_path / "results" / "run.json").read_text())
    assert record["input"]["shape"] == [320, 24, 24]
    stages = {stage["name"]: stage for stage in record["stages"]}
    assert stages["dra"]["parameters"]["batch_size"] == 40
    trained = hashlib.sha256((tmp_path / "w.safetensors").read_bytes()).hexdigest()
    assert stages["background"]["weights_sha256"] == trained
