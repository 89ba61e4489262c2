"""Open every sample of the manifest as an installed wheel has it; PYTHONPATH: its files."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path

from napari.layers import Layer
from npe2 import PluginManifest

import napari_uai

place = Path(napari_uai.__file__).resolve()
assert place.is_relative_to(Path(os.environ["PYTHONPATH"]).resolve()), place
manifest = PluginManifest.from_distribution("napari-uai")
commands = {command.id: command.python_name for command in manifest.contributions.commands}
for sample in manifest.contributions.sample_data:
    module, _, name = commands[sample.command].partition(":")
    layers = [Layer.create(*entry) for entry in getattr(import_module(module), name)()]
    assert layers, sample.key
    print(f"sample {sample.key}: {', '.join(layer.name for layer in layers)}")
