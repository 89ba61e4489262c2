"""Choose one of several images in a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from napari_uai.errors import ChoiceNeededError, VideoFormatError
from napari_uai.option_names import option
from napari_uai.videos.read_options import ReadOptions

_LISTED = 8


def images_among(sizes: Mapping[str, Sequence[int]]) -> list[str]:
    """Return the names of arrays that may be meant, in a file that holds other numbers as well.

    Parameters
    ----------
    sizes
        Shape of each array.

    Returns
    -------
    list of str
        The only array of three axes, or all of two and more; axes of length 1 do not count.
    """
    axes = {name: sum(size > 1 for size in shape) for name, shape in sizes.items()}
    videos = [name for name, n in axes.items() if n >= 3]
    return videos if len(videos) == 1 else [name for name, n in axes.items() if n >= 2]


def chosen_name(path: Path, names: Sequence[str], options: ReadOptions, what: str) -> str:
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
    if options.image is None:
        if len(names) == 1:
            return names[0]
        raise ChoiceNeededError(
            f"{path} contains several {what}s ({listed}): choose one, such as "
            f"{option('image', names[0])}",
            {"image": tuple(names)},
        )
    if options.image in names:
        return options.image
    if options.image.isdecimal() and int(options.image) < len(names):
        return names[int(options.image)]
    raise VideoFormatError(f"{path} has no {what} {options.image}: it has {listed}")
