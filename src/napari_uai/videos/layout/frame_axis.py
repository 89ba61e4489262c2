"""Doubt which axis of an array counts the frames, where its file does not name them.

Frames of a recording show the same scene: they stay alike from the first to the last. Slices along
rows or columns show how one line of the scene changes, and far ones have nothing in common. If it
is the other way round, the frames lie along another axis than assumed.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np

from napari_uai.errors import VideoFormatError
from napari_uai.option_names import option
from napari_uai.typing import AnyArray, Floats
from napari_uai.videos.frames import Frames
from napari_uai.videos.layout.axes import Layout
from napari_uai.videos.sampling import spread_frames

_LEAST_SIDE = 8
_BYTES_READ = 32 * 2**20
_FRAMES_READ = 64
_PARTS = 8
_SLICES_PER_PART = 8
_UNLIKE, _ALIKE = 0.15, 0.3
_FIRST_GLANCE, _SURELY_ALIKE = 3, 0.6


def check_frame_axis(path: Path, frames: Frames, layout: Layout) -> None:
    """Raise an error if the frames seem to lie along another axis than a guess says.

    Parameters
    ----------
    path
        Their file, for error messages.
    frames
        As guessed; some of them are read.
    layout
        Meaning of the axes of the stored array. If the file or the caller named the frames, nothing
        is checked.

    Raises
    ------
    VideoFormatError
        If slices along rows or columns stay alike, and frames do not.
    """
    if not layout.guessed or layout.frame_axis is None or min(frames.shape) < _LEAST_SIDE:
        return
    # A frame of a chunked store costs as much as its chunk: few are enough for most recordings.
    if _likeness(_glance(frames)) > _SURELY_ALIKE or _lasting(_sample(frames), 0) > _ALIKE:
        return
    block = _sample(frames, _FRAMES_READ)
    if _lasting(block, 0) > _UNLIKE:
        return
    likeness, axis = max((_lasting(block, axis), axis) for axis in (1, 2))
    if likeness < _ALIKE:
        return
    order = [layout.frame_axis, layout.axes.index("Y"), layout.axes.index("X")]
    time = order.pop(axis)
    letters = [*layout.axes]
    letters[time] = "T"
    for place, letter in zip(sorted(order), "YX", strict=True):
        letters[place] = letter
    stored = [*layout.axes]
    stored[layout.frame_axis] = "T"
    wide = [axis for axis in range(len(stored)) if layout.sizes[axis] > 1]
    sizes = " x ".join(str(layout.sizes[axis]) for axis in wide)
    raise VideoFormatError(
        f"{path} contains an array of {sizes} whose frames seem to lie along the axis of length "
        f"{layout.sizes[time]}: give {option('axes', ''.join(letters[axis] for axis in wide))}, or "
        f"{option('axes', ''.join(stored[axis] for axis in wide))} to read it as stored"
    )


def _glance(frames: Frames) -> list[Floats]:
    """Return the structure of the first frame, of the last and of one between them."""
    numbers = spread_frames(len(frames), _FIRST_GLANCE)
    return [_structure(_finite(frames.read(i, i + 1)[0])) for i in numbers.tolist()]


def _sample(frames: Frames, at_most: int = _LEAST_SIDE) -> Floats:
    """Return short runs of frames from the whole length: chunks of stores hold neighbours."""
    frame_bytes = int(np.prod(frames.shape[1:])) * frames.dtype.itemsize
    count = int(np.clip(_BYTES_READ // frame_bytes, _LEAST_SIDE, min(at_most, len(frames))))
    run = count // _PARTS
    starts = np.linspace(0, len(frames) - run, _PARTS).astype(int)
    return _finite(np.concatenate([frames.read(int(i), int(i) + run) for i in starts]))


def _finite(block: AnyArray) -> Floats:
    return np.nan_to_num(block.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)


def _lasting(block: AnyArray, axis: int) -> float:
    """Return the mean correlation of slices along an axis that are far from each other."""
    slices = np.moveaxis(block, axis, 0)
    parts = np.array_split(slices, min(_PARTS, len(slices)))
    pictures = [_structure(part[:_SLICES_PER_PART].mean(axis=0)) for part in parts]
    return _likeness(pictures, apart=2)


def _likeness(pictures: Sequence[Floats], apart: int = 1) -> float:
    """Return the mean correlation of pictures that are at least so many places from each other."""
    far = [
        float(np.sum(pictures[i] * pictures[j]))
        for i, j in combinations(range(len(pictures)), 2)
        if j - i >= apart
    ]
    return float(np.mean(far))


def _structure(picture: Floats) -> Floats:
    """Return what a picture has beyond the means of its rows and columns, at unit length.

    The brightness of a row or column lasts in slices along any axis: of bleaching, of vignetting.
    """
    # No products of BLAS, whose threads would go on waiting busily for 0.1 s.
    rest = picture - picture.mean(axis=0) - picture.mean(axis=1, keepdims=True) + picture.mean()
    length, scale = (float(np.sqrt(np.square(each).sum())) for each in (rest, picture))
    return np.asarray(rest / length if length > 1e-9 * scale else np.zeros_like(rest))
