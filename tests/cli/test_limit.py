"""``napari-uai limit``: what is printed and written, and errors of the command line."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from napari_uai.cli.app import main
from napari_uai.cli.terminal import FAILED
from napari_uai.sample_data import sample_path


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """A file of noise."""
    path = tmp_path_factory.mktemp("limit") / "noise.npy"
    np.save(path, np.random.default_rng(0).poisson(10_000, (480, 32, 32)).astype(np.uint16))
    return path


@pytest.mark.slow
def test_limits_are_printed_and_written(recording, tmp_path, capsys):
    out = tmp_path / "out"
    words = ["limit", str(recording), "--out", str(out), "--batch", "60", "--injections", "12"]
    assert main([*words, "--nulls", "0", "--contrast-per-kda", "3e-5"]) == 0
    text, notes = capsys.readouterr()
    assert "no landing is strong enough" in notes
    assert text.startswith("matched: 50% at ")
    assert "kDa" in text
    assert "of 12 injected landings found at 1 accepted false" in text
    assert len(pd.read_csv(out / "injections.csv")) == 12


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--batch", "200"], ["smaller"]),
        (["--batch", "40", "--suggest"], ["either"]),
        (["--injections", "1"], ["injections", "10"]),
        (["--recipe", "matchd"], ["matched"]),
        (["--set", "dra.batchsize=3"], ["batch_size"]),
        (["--calibration", "none.toml"], ["none.toml"]),
        (["--calibration", "a.toml", "--contrast-per-kda", "1e-5"], ["one calibration"]),
        (["--contrast-per-kda", "-1"], ["slope"]),
    ],
)
def test_mistakes_are_told_on_one_line(recording, tmp_path, one_line_error, arguments, words):
    out = tmp_path / "out"
    assert main(["limit", str(recording), "--out", str(out), *arguments]) == FAILED
    one_line_error(*words)
    assert not out.exists()


def test_files_of_the_user_stop_it_before_it_begins(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("napari_uai.iscat.limit.analysis.detection_limit", None)  # not reached
    (tmp_path / "curves.csv").write_text("mine")
    assert main(["limit", str(sample_path("landings.bin")), "--out", str(tmp_path)]) == 2
    assert "has curves.csv, which no run has written like that" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["curves.csv"]
