"""The part of a recipe that makes the rolling average, to be run again for a saved run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_uai.iscat.recipes.recipe import Recipe, Step


def recipe_of_average(recipe: Recipe) -> Recipe | None:
    """Return the steps of a recipe that make the rolling average, and videos made of it alone.

    Returns
    -------
    Recipe or None
        None if the recipe has no rolling average.
    """
    from napari_uai.iscat.recipes.run import ROLLING_AVERAGE

    steps = {step.name: step for step in recipe.steps}
    if ROLLING_AVERAGE not in steps:
        return None
    wanted = set(_behind(steps, ROLLING_AVERAGE))
    for step in recipe.steps:  # a chain of videos, each made of those before
        if step.stage.output == "video" and wanted.issuperset(step.inputs):
            wanted.add(step.name)
    kept = [
        replace(step, parameters=recipe.values(step.name))  # may refer to steps that are left out
        for step in recipe.steps
        if step.name in wanted
    ]
    return replace(recipe, steps=tuple(kept), outputs={})


def _behind(steps: dict[str, Step], name: str) -> Iterator[str]:
    """Yield a step and all that it needs."""
    yield name
    for needed in steps[name].inputs if name in steps else ():
        yield from _behind(steps, needed)
