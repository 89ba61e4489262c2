"""The batch of a recipe that fits the length of a recording.

A landing is seen where two whole batches lie on either side of it, so that a batch which is long
for its recording leaves no room for landings, and turns the V of each into a slope.
"""

from __future__ import annotations

from collections.abc import Mapping

from napari_uai.iscat.recipes.recipe import Recipe, is_reference

BATCH = "batch_size"

LONGEST_SHARE = 6
"""Smallest ratio of the frames of a recording to a batch that is suggested for it."""

_DIGITS = (5, 2, 1)


def batches_of(recipe: Recipe) -> Mapping[str, int]:
    """Return the batch of each stage that has its own; those of other stages follow them.

    Examples
    --------
    >>> from napari_uai.iscat.recipes.recipe import load_recipe
    >>> dict(batches_of(load_recipe("matched")))
    {'dra': 500}
    """
    return {
        step.name: int(recipe.values(step.name)[BATCH])
        for step in recipe.steps
        if BATCH in step.parameters and not is_reference(step.parameters[BATCH])
    }


def suggested_batch(n_frames: int, batch: int) -> int:
    """Return a batch that fits a recording: the given one, or a round number that is shorter.

    Parameters
    ----------
    n_frames
        Frames of the recording.
    batch
        Batch that the recipe has.

    Returns
    -------
    int
        At most a sixth of the recording; 1, 2 or 5 times a power of ten if ``batch`` is longer.

    Examples
    --------
    >>> suggested_batch(1200, 500), suggested_batch(20_000, 500), suggested_batch(700, 500)
    (200, 500, 100)
    """
    longest = max(n_frames // LONGEST_SHARE, 1)
    if batch <= longest:
        return batch
    power: int = 10 ** (len(str(longest)) - 1)
    fitting = [digit * power for digit in _DIGITS if digit * power <= longest]
    return fitting[0]


def warning_of_batch(recipe: Recipe, n_frames: int) -> str | None:
    """Return one line if the batch of a recipe is longer than a recording can bear.

    Examples
    --------
    >>> from napari_uai.iscat.recipes.recipe import load_recipe
    >>> warning_of_batch(load_recipe("matched"), 1200)
    '1200 frames: two batches of 500 exceed a third of them; dra.batch_size=200 suggested'
    >>> warning_of_batch(load_recipe("matched"), 6000)
    """
    own = batches_of(recipe)
    better = {name: suggested_batch(n_frames, batch) for name, batch in own.items()}
    long = [name for name, batch in own.items() if better[name] < batch]
    if not long:
        return None
    longest = max(own[name] for name in long)
    settings = ", ".join(f"{name}.{BATCH}={better[name]}" for name in long)
    return (
        f"{n_frames} frames: two batches of {longest} exceed a third of them; {settings} suggested"
    )
