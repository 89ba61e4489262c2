"""A short run of ``make fuzz``: the same inputs each time."""

import subprocess
import sys
from pathlib import Path

import pytest

FUZZ = Path(__file__).parents[1] / "tools" / "fuzz.py"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are those of Linux")
def test_damaged_and_hostile_files_do_no_harm(tmp_path):
    pytest.importorskip("torch")
    options = ["--inputs", "250", "--keep", tmp_path / "found", "--folder", tmp_path]
    run = subprocess.run(
        [sys.executable, FUZZ, *map(str, options)], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "250 inputs" in run.stdout
