"""What a start of napari may not load."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.resources import files

from npe2 import PluginManifest

HEAVY = ("torch", "sklearn", "cv2", "pandas", "scipy", "numba", "skimage", "trackpy", "matplotlib")

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


def modules_named_by_the_manifest() -> list[str]:
    manifest = PluginManifest.from_file(str(files("napari_uai") / "napari.yaml"))
    commands = manifest.contributions.commands or []
    return sorted({command.python_name.split(":")[0] for command in commands})


def test_modules_named_by_the_manifest_load_nothing_heavy() -> None:
    loaded = modules_after_importing(*modules_named_by_the_manifest())
    assert not loaded.intersection(HEAVY)
