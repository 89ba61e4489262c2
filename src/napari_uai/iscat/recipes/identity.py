"""What identifies the recording of a run, and the output of each of its steps, for the store."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_uai.monitor import SILENT, Monitor
from napari_uai.results import checksum_of
from napari_uai.store.keeping import identity_of, is_keeping

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_uai.iscat.recipes.recipe import Recipe, Step
    from napari_uai.videos.frames import Frames
    from napari_uai.videos.recording import Recording


def with_checksum(recording: Recording, monitor: Monitor = SILENT) -> Recording:
    """Return a recording with the checksum of its file, if the run keeps finished pieces."""
    source = recording.source
    if not is_keeping() or recording.checksum is not None or source is None or not source.exists():
        return recording
    return replace(recording, checksum=checksum_of(source, monitor=monitor))


def identity_of_recording(recording: Recording, frames: Frames, recipe: Recipe) -> str | None:
    """Return what identifies a recording, and the files that the recipe names; None if unknown."""
    if recording.checksum is None:
        return None
    values = [value for step in recipe.steps for value in recipe.values(step.name).values()]
    texts = sorted({value for value in values if isinstance(value, str)})
    named = [(text, checksum_of(Path(text))) for text in texts if os.path.isfile(text)]  # noqa: PTH113
    return identity_of(frames.name, recording.checksum, named)


def identity_of_step(
    step: Step, values: Mapping[str, Any], weights: str | None, identities: Mapping[str, str | None]
) -> str | None:
    """Return what identifies the output of a step; None if its code, or its input, is unknown."""
    inputs = [identities[name] for name in step.inputs]
    if None in inputs or not is_of_this_package(step):
        return None
    try:
        return identity_of(step.stage.name, dict(values), weights, inputs)
    except TypeError:  # a value that is not plain
        return None


def is_of_this_package(step: Step) -> bool:
    """Return whether it is known if the code of a step is the same as before."""
    return step.stage.function.__module__.split(".")[0] == __name__.split(".")[0]
