"""What the workflow dock says about the values and stages that it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_uai.errors import RecipeError
from napari_uai.iscat.recipes.batches import warning_of_batch
from napari_uai.widgets.iscat.region_choice import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_uai.widgets.iscat.recipe_steps import Changes, RecipeSteps
    from napari_uai.widgets.iscat.region_choice import Region


def notes_of_recipe(
    steps: RecipeSteps, n_frames: int, suggested: Changes, region: Region | None
) -> Iterator[str]:
    """Yield what was suggested, what is unwise or does not work, and what differs.

    Parameters
    ----------
    steps
        Stages that are shown.
    n_frames
        Frames that would be analysed.
    suggested
        Values that were suggested for them.
    region
        Region to which the run is limited; None for the whole field.
    """
    changes = steps.changes()
    taken = [
        str(batch)
        for name, values in suggested.items()
        for parameter, batch in values.items()
        if changes.get(name, {}).get(parameter) == batch
    ]
    if taken:
        yield f"{n_frames} frames: batch {', '.join(taken)} suggested."
    try:
        warning = warning_of_batch(steps.recipe(), n_frames)
    except RecipeError as error:
        warning = str(error)
    if warning:
        yield f"{warning}."
    if region is not None:
        yield f"Limited to region {text_of(region)} (rows x columns)."
    if steps.edited is not None:
        yield "Stages differ from the recipe; Reset restores them."
