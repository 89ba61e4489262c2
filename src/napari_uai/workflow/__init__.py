"""Recipes, the catalogue of stages, running them, and writing what they found.

Names are imported when they are first used, so that a widget can read the catalogue without
loading what the stages need.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_uai.workflow.batch import Outcome, analyse_folder, analyse_recording
    from napari_uai.workflow.outputs import write_results
    from napari_uai.workflow.recipes import Recipe, load_recipe, recipe_names
    from napari_uai.workflow.recording import Recording, open_recording
    from napari_uai.workflow.run import RunResult, run_recipe

__all__ = [
    "Outcome",
    "Recipe",
    "Recording",
    "RunResult",
    "analyse_folder",
    "analyse_recording",
    "load_recipe",
    "open_recording",
    "recipe_names",
    "run_recipe",
    "write_results",
]

_MODULES = {
    "Outcome": "batch",
    "Recipe": "recipes",
    "Recording": "recording",
    "RunResult": "run",
    "analyse_folder": "batch",
    "analyse_recording": "batch",
    "load_recipe": "recipes",
    "open_recording": "recording",
    "recipe_names": "recipes",
    "run_recipe": "run",
    "write_results": "outputs",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
