"""Runs that are really killed; ``make bench-survival`` does it often and at random."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from napari_uai.cli.app import main
from napari_uai.sample_data import sample_path

RUN = ["iscat", str(sample_path("landings.bin")), "--set", "dra.batch_size=200", "--out"]


def _contents(folder):
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    record = json.loads(files.pop("run.json"))
    assert set(record["sha256_of_files"]) == files.keys()
    return files


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal")
def test_after_a_kill_the_next_run_goes_on_gives_equal_bytes_and_leaves_no_stray_file(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("NAPARI_UAI_CACHE_GIB", "1")
    monkeypatch.setenv("NAPARI_UAI_CACHE", str(tmp_path / "cache"))
    out = tmp_path / "out"
    process = subprocess.Popen(
        [sys.executable, "-m", "napari_uai.cli", *RUN, str(out)], stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 120
    while len(list((tmp_path / "cache").rglob("*.piece"))) < 5 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert [path.name for path in out.iterdir()] == [".napari-uai"]
    before = {path: path.stat().st_ino for path in (tmp_path / "cache").rglob("*.piece")}
    assert main([*RUN, str(out)]) == 0
    assert all(path.stat().st_ino == number for path, number in before.items())
    monkeypatch.setenv("NAPARI_UAI_CACHE_GIB", "0")
    assert main([*RUN, str(tmp_path / "whole")]) == 0
    assert _contents(out) == _contents(tmp_path / "whole")
    assert [path for path in tmp_path.rglob("*") if path.name.startswith(".")] == []
