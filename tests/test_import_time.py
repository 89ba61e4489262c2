"""The library works without a viewer."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

LOAD = """
import importlib, json, sys
for module in sys.argv[1:]:
    importlib.import_module(module)
print(json.dumps(sorted(sys.modules)))
"""


def modules_after_importing(*names: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", LOAD, *names], check=True, capture_output=True, text=True
    )
    return set(json.loads(done.stdout))


@pytest.mark.parametrize(
    "name", ["napari_uai", "napari_uai.videos", "napari_uai.iscat.recipes.catalogue"]
)
def test_library_loads_no_viewer(name: str) -> None:
    loaded = modules_after_importing(name)
    assert not loaded.intersection({"napari", "magicgui", "qtpy", "PyQt6", "torch"})
