import os
import subprocess
import sys

import numba
import numpy as np

from napari_uai.compiled import (
    announced_compilation,
    counted_compilation,
    kernel,
    kernels_can_be_kept,
)

PROGRAM = """
import numpy as np
from napari_uai.compiled import announced_compilation, kernel
from napari_uai.iscat.kernels.median_network import median_network
from napari_uai.iscat.correct.fixed_pattern import fixed_pattern_correction
with announced_compilation(lambda: print("compiling")):
    fixed_pattern_correction(np.ones((2, 8, 8), np.float32))
"""


def test_a_compilation_is_announced_once_and_a_compiled_kernel_not():
    double = numba.njit(lambda x: 2 * x)  # not cached on disk

    said = []
    with announced_compilation(lambda: said.append("compiling")):
        assert double(1) == 2
        assert double(1.5) == 3.0
    assert said == ["compiling"]
    with announced_compilation(lambda: said.append("again")):
        assert double(np.float64(2)) == 4
    assert said == ["compiling"]


def test_kernels_from_the_cache_on_disk_are_not_announced(tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    outputs = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for _ in range(2)
    ]
    assert outputs == ["compiling\n", ""]


def test_without_a_folder_for_its_files_a_kernel_is_compiled_every_time(monkeypatch, tmp_path):
    file = tmp_path / "file"
    file.write_text("no folder")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(file / "kernels"))
    assert not kernels_can_be_kept()
    for _ in range(2):
        compiled = kernel(lambda x: 2 * x)
        with counted_compilation() as counted:
            assert compiled(3) == 6
        assert counted.kernels == 1
