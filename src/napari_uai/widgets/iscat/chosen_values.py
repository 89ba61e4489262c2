"""The recipe and values that were chosen for a recording, kept with its layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_uai.iscat.recipes.batches import BATCH, batches_of, suggested_batch

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_uai.iscat.recipes.recipe import Recipe
    from napari_uai.widgets.iscat.recipe_steps import Changes, RecipeSteps
    from napari_uai.widgets.iscat.region_choice import Region

CHOSEN = "napari_uai chosen values"
"""Key in the metadata of a layer: layers that are derived from it do not inherit these."""


@dataclass(frozen=True)
class ChosenValues:
    """A recipe, and what was changed of it.

    Attributes
    ----------
    recipe
        Name or path.
    changes
        Values that differ from the recipe.
    off
        Stages that are switched off.
    region
        Rows and columns of the field; None for all.
    edited
        The recipe with stages added, removed or moved; None if there are none.
    span
        Frames, as start and stop; None for all.
    """

    recipe: str
    changes: Changes
    off: tuple[str, ...] = ()
    span: tuple[int, int] | None = None
    region: Region | None = None
    edited: Recipe | None = None

    @classmethod
    def shown(
        cls,
        recipe: str,
        steps: RecipeSteps,
        span: tuple[int, int] | None = None,
        region: Region | None = None,
    ) -> ChosenValues:
        """Return what a list of stages shows."""
        off = [name for name, switch in steps.switches.items() if not switch.isChecked()]
        return cls(recipe, steps.changes(), tuple(off), span, region, steps.edited)

    @classmethod
    def of_layer(cls, layer: Layer) -> ChosenValues | None:
        """Return what was chosen for a recording; None if nothing was."""
        kept = layer.metadata.get(CHOSEN)
        return kept if isinstance(kept, cls) else None

    def keep(self, layer: Layer) -> None:
        """Keep them with a recording, for as long as it is open."""
        layer.metadata[CHOSEN] = self

    def show(self, steps: RecipeSteps) -> list[str]:
        """Show them in a list of stages; return those that it does not have."""
        unknown = steps.take(self.changes)
        for name, switch in steps.switches.items():
            if switch.isEnabled():
                switch.setChecked(name not in self.off)
        return unknown


def suggest_batch(steps: RecipeSteps, n_frames: int, earlier: Changes) -> Changes:
    """Show a batch that fits a recording where the user has not chosen one.

    Parameters
    ----------
    steps
        Stages of the recipe.
    n_frames
        Frames of the recording.
    earlier
        Suggestions for the previous recording, which are replaced.

    Returns
    -------
    dict
        What is suggested, by stage and parameter; empty if the batches of the recipe fit.
    """
    suggestions: Changes = {}
    changes = steps.changes()
    for name, preset in batches_of(steps.preset).items():
        shown = changes.get(name, {}).get(BATCH, preset)
        if name not in steps.forms or shown not in (preset, earlier.get(name, {}).get(BATCH)):
            continue
        batch = suggested_batch(n_frames, preset)
        steps.forms[name].set_values({BATCH: batch})
        if batch != preset:
            suggestions[name] = {BATCH: batch}
    return suggestions
