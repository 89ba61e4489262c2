"""The command line: kernels compiled beforehand."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from napari_uai.cli.app import main

WARM = [sys.executable, "-m", "napari_uai.cli", "warm", "tracking"]


@pytest.mark.slow
def test_what_was_compiled_before_is_not_compiled_again(tmp_path):
    said = [
        subprocess.run(
            WARM,
            env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
        for _ in range(2)
    ]
    assert [lines[-1] for lines in said] == [f"compiled kernels are in {tmp_path}"] * 2
    assert said[0][0].startswith("tracking ")
    assert " 0 kernels compiled" not in said[0][0]
    assert said[1][0].endswith(" 0.0 s of processor time, 0 kernels compiled")


@pytest.mark.parametrize("words", [["nonsense"], ["--dtype", "complex64"]])
def test_a_recipe_or_type_that_is_unknown_is_one_line(words, capsys):
    assert main(["warm", *words]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
