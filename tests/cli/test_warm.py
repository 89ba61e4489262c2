"""The command line: kernels compiled beforehand."""

from __future__ import annotations

import subprocess
import sys

import pytest

from napari_uai.cli.app import main
from napari_uai.kernel_files import kernel_store

WARM = [sys.executable, "-m", "napari_uai.cli", "warm", "tracking"]


@pytest.mark.slow
def test_what_was_compiled_before_is_not_compiled_again():
    """Into an empty folder it would compile for half a minute: it is that of all tests."""
    for already in (False, True):
        run = subprocess.run(WARM, capture_output=True, text=True, check=True)
        said = run.stdout.splitlines()
        assert said[-1] == f"compiled kernels are in {kernel_store().folder}"
        assert said[0].startswith("tracking ")
        if already:
            assert said[0].endswith(" 0.0 s of processor time, 0 kernels compiled")


@pytest.mark.parametrize("words", [["nonsense"], ["--dtype", "complex64"]])
def test_a_recipe_or_type_that_is_unknown_is_one_line(words, capsys):
    assert main(["warm", *words]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
