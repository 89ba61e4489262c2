"""Choose one of several images in a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from napari_uai.errors import ChoiceNeededError, VideoFormatError
from napari_uai.videos.raw_shape import RawShape

_LISTED = 8


def chosen_name(path: Path, names: Sequence[str], shape: RawShape, what: str) -> str:
    """Return the name of the image that the caller chose, or of the only one.

    Parameters
    ----------
    path
        The file, for error messages.
    names
        Names of its images.
    shape
        ``image`` is a name, or a number counted from 0.
    what
        What the file calls an image, for error messages: array, dataset, series.

    Raises
    ------
    VideoFormatError
        If there is none, or not the chosen one.
    ChoiceNeededError
        If there are several and none was chosen.
    """
    listed = ", ".join(names[:_LISTED]) + (", ..." if len(names) > _LISTED else "")
    if not names:
        raise VideoFormatError(f"{path} contains no {what} of pixels: give another file")
    if shape.image is None:
        if len(names) == 1:
            return names[0]
        raise ChoiceNeededError(
            f"{path} contains several {what}s ({listed}): choose one (image)",
            {"image": tuple(names)},
        )
    if shape.image in names:
        return shape.image
    if shape.image.isdecimal() and int(shape.image) < len(names):
        return names[int(shape.image)]
    raise VideoFormatError(f"{path} has no {what} {shape.image}: it has {listed}")
