"""Compiled kernels are found by what they compute, and never those of other code."""

from __future__ import annotations

import importlib
import os
import pkgutil
import subprocess
import sys

import numpy as np
import pytest
from numba.core.dispatcher import Dispatcher

import napari_uai
from napari_uai.compiled import counted_compilation, kernel, reordering_kernel
from napari_uai.kernel_files import fingerprint, kernel_store

CALLEE = """
from napari_uai.compiled import kernel
FACTOR = {factor}
@kernel
def times(x):
    return {code}
"""
CALLER = """
from napari_uai.compiled import counted_compilation, kernel
from callee import times
{comment}
@kernel
def twice(x):
    return 2 * times(x)
with counted_compilation() as compiled:
    print(twice(1.0), compiled.kernels)
"""


def _written(folder, *, factor=3, code="FACTOR * x", comment=""):
    folder.mkdir(exist_ok=True)
    (folder / "callee.py").write_text(CALLEE.format(factor=factor, code=code))
    (folder / "caller.py").write_text(CALLER.format(comment=comment))
    return folder


def _run(folder, kernels):
    ended = subprocess.run(
        [sys.executable, "-B", "caller.py"],
        cwd=folder,
        env={**os.environ, "NUMBA_CACHE_DIR": str(kernels)},
        capture_output=True,
        text=True,
        check=True,
    )
    return ended.stdout.split()


def test_a_kernel_is_compiled_again_only_if_it_or_what_it_calls_changes(tmp_path):
    kernels = tmp_path / "kernels"
    assert _run(_written(tmp_path / "a"), kernels) == ["6.0", "1"]
    assert _run(tmp_path / "a", kernels) == ["6.0", "0"]
    assert _run(_written(tmp_path / "moved"), kernels) == ["6.0", "0"]
    assert _run(_written(tmp_path / "a", comment="# a comment"), kernels) == ["6.0", "0"]
    assert _run(_written(tmp_path / "a", factor=4), kernels) == ["8.0", "1"]
    assert _run(_written(tmp_path / "a", code="FACTOR + x"), kernels) == ["8.0", "1"]
    assert _run(_written(tmp_path / "a"), kernels) == ["6.0", "0"]


def test_a_damaged_file_is_compiled_again(tmp_path):
    kernels, folder = tmp_path / "kernels", _written(tmp_path / "a")
    _run(folder, kernels)
    for piece in kernels.glob("*/*.piece"):
        content = bytearray(piece.read_bytes())
        content[len(content) // 2] ^= 1
        piece.write_bytes(content)
    assert _run(folder, kernels) == ["6.0", "1"]
    assert _run(folder, kernels) == ["6.0", "0"]


def test_types_and_options_are_told_apart(monkeypatch, tmp_path):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    for decorate in (kernel, reordering_kernel):
        for values in (np.ones(3), np.ones(3, np.float32), np.ones((3, 3))[:, 0]):
            for already in (0, 1):
                compiled = decorate(_total)
                with counted_compilation() as counted:
                    assert compiled(values) == 3
                assert counted.kernels == 1 - already
    assert len(list(kernel_store().pieces())) == 6


def _total(values):
    total = 0.0
    for value in values:
        total += value
    return total


def test_a_docstring_does_not_count_and_a_text_does():
    def one(x):
        """Return something."""
        if x < 0:
            raise ValueError("negative")
        return x

    def two(x):
        """Return the same."""
        if x < 0:
            raise ValueError("negative")
        return x

    def three(x):
        """Return the same."""
        if x < 0:
            raise ValueError("below 0")
        return x

    for function in (two, three):
        function.__qualname__ = one.__qualname__
    prints = [fingerprint(kernel(function)) for function in (one, two, three)]
    assert prints[0] == prints[1] != prints[2]


def test_arrays_and_closures_count():
    def with_closure(value):
        return kernel(lambda x: x + value)

    prints = [fingerprint(with_closure(v)) for v in (1, 2, 1.0, np.ones(2), np.zeros(2))]
    assert len(set(prints)) == 5
    assert fingerprint(with_closure(1)) == prints[0]


def test_what_has_no_lasting_description_is_refused():
    nothing = object()
    with pytest.raises(TypeError, match="cannot refer to values of type object"):
        fingerprint(kernel(lambda x: nothing))


def test_every_kernel_of_the_package_has_a_fingerprint_of_its_own():
    kernels = {}
    for module in pkgutil.walk_packages(napari_uai.__path__, "napari_uai."):
        if not module.name.startswith(("napari_uai.widgets", "napari_uai.cli")):
            found = vars(importlib.import_module(module.name)).values()
            kernels |= {id(each): each for each in found if isinstance(each, Dispatcher)}
    assert len(kernels) > 100
    assert len({fingerprint(each) for each in kernels.values()}) == len(kernels)
