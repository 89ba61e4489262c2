"""Recipes, the catalogue of stages, running them, ranking trails, and writing what was found.

Names are imported when they are first used, so that a widget can read the catalogue without
loading what the stages need.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_uai.trails.reading import open_trails
    from napari_uai.workflow.batch import Outcome, analyse_folder, analyse_recording
    from napari_uai.workflow.outputs import write_results
    from napari_uai.workflow.recipes import Recipe, load_recipe, recipe_names
    from napari_uai.workflow.recording import Recording, open_recording
    from napari_uai.workflow.run import RunResult, run_recipe
    from napari_uai.workflow.trail_outputs import write_trail_results
    from napari_uai.workflow.trails import (
        TrailResult,
        TrailSource,
        analyse_trails,
        rank_trails,
    )

__all__ = [
    "Outcome",
    "Recipe",
    "Recording",
    "RunResult",
    "TrailResult",
    "TrailSource",
    "analyse_folder",
    "analyse_recording",
    "analyse_trails",
    "load_recipe",
    "open_recording",
    "open_trails",
    "rank_trails",
    "recipe_names",
    "run_recipe",
    "write_results",
    "write_trail_results",
]

_MODULES = {
    "Outcome": "batch",
    "Recipe": "recipes",
    "Recording": "recording",
    "RunResult": "run",
    "TrailResult": "trails",
    "TrailSource": "trails",
    "analyse_folder": "batch",
    "analyse_recording": "batch",
    "analyse_trails": "trails",
    "load_recipe": "recipes",
    "open_recording": "recording",
    "open_trails": "trails",
    "rank_trails": "trails",
    "recipe_names": "recipes",
    "run_recipe": "run",
    "write_results": "outputs",
    "write_trail_results": "trail_outputs",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
