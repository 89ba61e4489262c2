"""Axes of stored arrays: which ones are frames, rows and columns, and which have to be chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_uai.errors import ChoiceNeededError, VideoFormatError
from napari_uai.option_names import option, option_list
from napari_uai.typing import AnyArray
from napari_uai.untrusted import check_frame, check_video
from napari_uai.videos.grey import to_grey
from napari_uai.videos.mapped import to_native
from napari_uai.videos.read_options import UNKNOWN, ReadOptions

AXIS_NAMES = {
    "T": "time",
    "Z": "depth",
    "C": "channel",
    "Y": "rows",
    "X": "columns",
    "S": "colours",
}
"""Letters of axes, as in OME and tifffile; any other letter is an axis of unknown meaning."""

UNNAMED = "Q"
"""Letter of an axis whose meaning the file does not state (that of tifffile)."""

_OPTIONS = {"Z": "plane", "C": "channel"}
_MOST_COLOURS = 4
_USUAL = (
    *("TYX", "YXT", "ZYX", "CYX", "TXY", "XYT"),
    *("TZYX", "TCYX", "ZTYX", "CTYX", "TYXC", "YXTC", "TYXS"),
    *("TZCYX", "TCZYX", "ZCTYX", "CZTYX", "YXTZC"),
)


@dataclass(frozen=True)
class Layout:
    """Meaning of the axes of a stored array.

    Attributes
    ----------
    axes
        A letter for each axis.
    sizes
        Length of each axis.
    frame_axis
        Axis of the frames; None if there is one frame.
    chosen
        Index taken along each axis that is neither frames, rows, columns nor colours.
    notes
        What was assumed, one line each.
    guessed
        Whether neither the file nor the caller named the axis of the frames.
    """

    axes: str
    sizes: tuple[int, ...]
    frame_axis: int | None
    chosen: Mapping[int, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    guessed: bool = False

    @property
    def shape(self) -> tuple[int, int, int]:
        """Frames, rows, columns."""
        n = 1 if self.frame_axis is None else self.sizes[self.frame_axis]
        return n, self.sizes[self.axes.index("Y")], self.sizes[self.axes.index("X")]

    @property
    def colours(self) -> int:
        """Number of colours of a pixel; 0 if it is grey."""
        return self.sizes[self.axes.index("S")] if "S" in self.axes else 0

    @property
    def plain(self) -> bool:
        """Whether the array is frames, rows, columns, apart from axes of length 1."""
        wide = [axis for axis, size in enumerate(self.sizes) if size > 1]
        places = [self.axes.index(letter) for letter in "YX"]
        if self.frame_axis is not None:
            places.insert(0, self.frame_axis)
        order = [axis for axis in wide if axis in places]
        return wide == order == [axis for axis in places if axis in wide]

    def read(self, array: Any, start: int, stop: int) -> AnyArray:
        """Read frames of an array, as grey pixels in native byte order.

        Parameters
        ----------
        array
            Anything of the stored shape with ``__getitem__``: numpy, zarr, HDF5.
        start, stop
            First frame, and the one after the last.

        Returns
        -------
        numpy.ndarray
            Frames, rows, columns.
        """
        index: list[int | slice] = [slice(None)] * len(self.sizes)
        for axis, position in self.chosen.items():
            index[axis] = position
        if self.frame_axis is not None:
            index[self.frame_axis] = slice(start, stop)
        block = np.asarray(array[tuple(index)])
        kept = [axis for axis in range(len(self.sizes)) if axis not in self.chosen]
        if self.frame_axis is None:
            block, kept = block[np.newaxis], [-1, *kept]
        first = -1 if self.frame_axis is None else self.frame_axis
        order = [kept.index(first), *(kept.index(self.axes.index(letter)) for letter in "YX")]
        if "S" in self.axes:
            order.append(kept.index(self.axes.index("S")))
        block = block.transpose(order)
        if self.frame_axis is None:
            block = block[start:stop]
        return to_native(to_grey(block) if "S" in self.axes else block)


def array_layout(
    path: Path,
    sizes: Sequence[int],
    dtype: npt.DTypeLike,
    *,
    axes: str | None = None,
    options: ReadOptions = UNKNOWN,
) -> Layout:
    """Interpret the axes of an array as a video.

    Parameters
    ----------
    path
        Its file, for error messages.
    sizes, dtype
        Shape and type of the array.
    axes
        Letters of the axes, as the file states them; None if it does not.
    shape
        What the caller says: ``axes`` override those of the file; ``plane`` and ``channel``.

    Raises
    ------
    VideoFormatError
        If the values are not real numbers, there are no pixels, or more than one axis may be that
        of the frames and the caller chose none.
    """
    sizes = tuple(int(size) for size in sizes)
    if np.dtype(dtype).kind not in "uifb":
        raise VideoFormatError(f"{path} contains {dtype} values: save it as integers or floats")
    check_video(path, sizes)
    if 0 in sizes:
        raise VideoFormatError(f"{path} contains no pixels, its shape is {sizes}: save it again")
    notes: list[str] = []
    if options.axes is not None:
        axes = _named_by_caller(path, sizes, options.axes)
    elif axes is None or not axes.isalpha():  # a file may state any characters
        axes = _guessed(path, sizes, notes)
    axes, sizes_of = _with_frames(axes, sizes), dict(zip(axes, sizes, strict=True))
    if {"Y", "X"} <= sizes_of.keys():
        check_frame(path, sizes_of["Y"], sizes_of["X"], np.dtype(dtype).itemsize)
    else:
        raise ChoiceNeededError(
            f"{path} has axes {axes} of {_product(sizes)}: name them, such as "
            f"{option('axes', 'TYX')}",
            _suggested_axes(sizes),
        )
    return _chosen(path, axes, sizes, options, notes)


def _named_by_caller(path: Path, sizes: Sequence[int], letters: str) -> str:
    """Return a letter per axis; the caller may leave out axes of length 1."""
    wide = [axis for axis, size in enumerate(sizes) if size > 1]
    if len(letters) == len(sizes):
        return letters
    if len(letters) != len(wide):
        raise VideoFormatError(
            f"{path} has {len(sizes)} axes of {_product(sizes)}: name each of them, "
            f"got {option('axes', letters)}"
        )
    spare = iter(letter for letter in "ABDEFGHIJKLMNOPRUVW" if letter not in letters)
    named = dict(zip(wide, letters, strict=True))
    return "".join(named.get(axis) or next(spare) for axis in range(len(sizes)))


def _guessed(path: Path, sizes: Sequence[int], notes: list[str]) -> str:
    """Return letters for an array whose file does not name its axes."""
    wide = [axis for axis, size in enumerate(sizes) if size > 1]
    while len(wide) < min(3, len(sizes)):  # a short side, or a single frame
        wide = sorted({*wide, max(set(range(len(sizes))) - set(wide))})
    colour = len(wide) == 4 and sizes[wide[-1]] in {3, _MOST_COLOURS}
    if len(wide) < 2 or len(wide) > 3 + colour:
        raise ChoiceNeededError(
            f"{path} contains an array of {_product(sizes)}: save it as frames, rows, columns, or "
            f"name its axes, such as {option('axes', 'TZYX')}, and choose a plane or channel",
            _suggested_axes(sizes),
        )
    if colour:
        notes.append(
            f"{path.name}: the last axis, of length {sizes[wide[-1]]}, is taken as colours, "
            "which are converted to grey"
        )
    letters = ("YX", UNNAMED + "YX", UNNAMED + "YXS")[len(wide) - 2]
    spare = iter("ABDEFGHIJKLMNOPR")
    named = dict(zip(wide, letters, strict=True))
    return "".join(named.get(axis) or next(spare) for axis in range(len(sizes)))


def _with_frames(axes: str, sizes: Sequence[int]) -> str:
    """Return letters of axes in which ``S`` stands for colours only."""
    if "S" in axes and sizes[axes.index("S")] > _MOST_COLOURS:
        return axes.replace("S", UNNAMED if UNNAMED not in axes else "I")
    return axes


def _chosen(
    path: Path, axes: str, sizes: tuple[int, ...], options: ReadOptions, notes: list[str]
) -> Layout:
    """Choose the axis of the frames, and an index along each other one."""
    indices = {"Z": options.plane, "C": options.channel}
    others = [axis for axis, letter in enumerate(axes) if letter not in "YXS"]
    chosen: dict[int, int] = {}
    for letter, index in indices.items():
        if index is None:
            continue
        what, size = _OPTIONS[letter], sizes[axes.index(letter)] if letter in axes else 1
        if index >= size:
            there = f"its {what}s are 0 to {size - 1}" if size > 1 else f"it has one {what}"
            raise VideoFormatError(f"{path} has no {what} {index}: {there}")
        if letter in axes:
            chosen[axes.index(letter)] = index
    long = [axis for axis in others if sizes[axis] > 1 and axis not in chosen]
    time = axes.find("T")
    frame_axis = time if time in long else None
    if frame_axis is None and len(long) == 1:
        [frame_axis] = long
        if axes[frame_axis] in _OPTIONS:
            notes.append(
                f"{path.name}: axis {axes[frame_axis]} of length {sizes[frame_axis]} is taken as "
                "time"
            )
    left = [axis for axis in long if axis != frame_axis]
    if left:
        timed = frame_axis is not None
        choices = {
            _OPTIONS[axes[axis]]: tuple(map(str, range(sizes[axis])))
            for axis in left
            if axes[axis] in _OPTIONS
        }
        if not timed or len(choices) < len(left):
            choices |= _suggested_axes(sizes)
        raise ChoiceNeededError(_choice_message(path, axes, sizes, left, timed=timed), choices)
    for axis in others:
        if axis != frame_axis and axis not in chosen:
            chosen[axis] = 0
    if "S" in axes and sizes[axes.index("S")] > 2 and not any("as colours" in n for n in notes):
        notes.append(f"{path.name}: colours are converted to grey")
    guessed = options.axes is None and frame_axis is not None and axes[frame_axis] != "T"
    return Layout(axes, sizes, frame_axis, chosen, tuple(notes), guessed)


def _choice_message(
    path: Path, axes: str, sizes: Sequence[int], left: Sequence[int], *, timed: bool
) -> str:
    named = [axis for axis in left if axes[axis] in _OPTIONS]
    names = [_OPTIONS[axes[axis]] for axis in named]
    ways = " and ".join(
        f"a {name} (0 to {sizes[axis] - 1})" for name, axis in zip(names, named, strict=True)
    )
    what = f"{path} has axes {axes} of {_product(sizes)}"
    if timed and len(named) == len(left):
        return f"{what}: choose {ways}, such as {option_list(dict.fromkeys(names, 0))}"
    naming = f"{what}: name that of the frames T, such as {option('axes', 'T' + axes[1:])}"
    return f"{naming}, and choose {ways or 'the others'}"


def _suggested_axes(sizes: Sequence[int]) -> dict[str, tuple[str, ...]]:
    """Return usual meanings of the axes that are longer than 1."""
    n = sum(size > 1 for size in sizes)
    return {"axes": tuple(axes for axes in _USUAL if len(axes) == n)}


def _product(sizes: Sequence[int]) -> str:
    return " x ".join(map(str, sizes))
