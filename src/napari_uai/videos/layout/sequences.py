"""Images of a folder as one sequence: their order, and the strays among them."""

from __future__ import annotations

import glob
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, TypeAlias

from napari_uai.errors import VideoFormatError
from napari_uai.videos.folders import (
    IMAGE_SUFFIXES,
    RECORDING_SUFFIXES,
    first_of_series,
    list_recordings,
    natural_key,
)

STRAYS_PER_IMAGE = 0.1
"""More files that differ than this are not left out: then it is not clear which ones are meant."""

_NAMED = 3
_TIMES = {"t", "time", "timepoint", "tp", "frame", "fr"}
# A minus behind a letter or digit separates: run-1, 2024-01-05; elsewhere it is a sign: t=-0.5.
_NUMBER = re.compile(r"((?:(?<![^\W_])-)?\d+(?:\.\d+)?)")

Key: TypeAlias = list[tuple[int, Decimal, int, str]]


@dataclass(frozen=True)
class ImageSequence:
    """Images that belong together.

    Attributes
    ----------
    files
        In order.
    notes
        What was left out or assumed, one line each.
    """

    files: tuple[Path, ...]
    notes: tuple[str, ...] = ()


def image_sequence(path: Path) -> ImageSequence:
    """Find the images of a sequence.

    Parameters
    ----------
    path
        A folder, a pattern such as ``frames/*.png``, or one image.

    Returns
    -------
    ImageSequence
        In the order of the numbers in their names. Of a folder, a few files of another kind, or
        without the number that the others have, are left out.

    Raises
    ------
    VideoFormatError
        If there are no images, or a folder holds images or recordings of several kinds.
    """
    if path.is_file():
        return ImageSequence((path,))
    if not path.is_dir():
        files = [file for file in map(Path, glob.glob(str(path))) if is_image(file)]  # noqa: PTH207
        if not files:
            raise VideoFormatError(f"{path} matches no images ({_KINDS}): check the pattern")
        return ImageSequence(tuple(_time_first(sorted_images(files))))
    with os.scandir(path) as listed:
        found = sorted((entry.name, entry.is_file()) for entry in listed)
    entries = [path / name for name, _ in found]
    files = [
        entry
        for entry, (name, is_file) in zip(entries, found, strict=True)
        if is_file and _named_as_image(name)
    ]
    if not files:
        raise VideoFormatError(f"{path} contains no images ({_KINDS}){_instead(path, entries)}")
    files, left_out = _of_one_kind(path, files)
    files, without_number = _of_one_name(files)
    strays = [*_other_recordings(path, files, entries), *left_out, *without_number]
    notes = [strays_note(path, strays)] if strays else []
    files = first_of_series(_time_first(sorted_images(files)))
    return ImageSequence(tuple(files), tuple(notes))


def numbering_notes(path: Path, files: Sequence[Path]) -> list[str]:
    """Return notes on numbers in the names: two that vary, or a count with gaps."""
    return [*_several_numbers(path, files), *_missing_numbers(path, files)]


def is_image(path: Path) -> bool:
    """Return whether a path looks like an image of a sequence."""
    return _named_as_image(path.name) and path.is_file()


def _named_as_image(name: str) -> bool:
    return name.lower().endswith(IMAGE_SUFFIXES) and name[0] != "."


def sorted_images(files: Iterable[Path]) -> list[Path]:
    """Return files in the order of the numbers in their names, which may be negative or decimal."""
    files = list(files)
    signed, counted = _numbers_in(files)
    folders = {folder: natural_key(folder) for folder in {file.parent for file in files}}

    def key(file: Path) -> tuple[list[tuple[tuple[int, int, str], ...]], Key, str]:
        name = _split(file)
        pieces: Key = []
        for place, piece in enumerate(name.pieces):
            if place % 2 == 0:
                if piece:
                    pieces.append((1, Decimal(0), 0, piece.lower()))
                continue
            text = piece
            where = (name.template, place // 2)
            text = text if where in signed else text.lstrip("-")
            whole, _, rest = text.partition(".")
            if where in counted:
                pieces.append((0, Decimal(whole), int(rest or -1), ""))
            else:
                pieces.append((0, Decimal(text), 0, ""))
        return folders[file.parent], pieces, file.name

    return sorted(files, key=key)


def strays_note(path: Path, strays: Sequence[Path]) -> str:
    """Return a line on files that are left out."""
    named = ", ".join(file.name for file in strays[:_NAMED])
    more = f" and {len(strays) - _NAMED} more" if len(strays) > _NAMED else ""
    verb = "is" if len(strays) == 1 else "are"
    return f"{path.name}: {named}{more} {verb} left out, unlike the other files"


def few(strays: Sequence[Path], others: int) -> bool:
    """Return whether so few files differ that they can be left out."""
    return len(strays) <= STRAYS_PER_IMAGE * others


_KINDS = ", ".join(suffix[1:] for suffix in IMAGE_SUFFIXES)


class _Name(NamedTuple):
    """A name with ``#`` for each number, the numbers, and all between and including them."""

    template: str
    numbers: tuple[str, ...]
    pieces: tuple[str, ...]


def _split(file: Path) -> _Name:
    return _split_stem(file.stem)


@lru_cache(2**14)  # each name is asked for several times in a row
def _split_stem(stem: str) -> _Name:
    pieces = tuple(_NUMBER.split(stem))
    return _Name("#".join(pieces[::2]).lower(), pieces[1::2], pieces)


def _numbers_in(files: Sequence[Path]) -> tuple[set[tuple[str, int]], set[tuple[str, int]]]:
    """Return in which places of a name minus is a sign, and in which a point separates counters."""
    found: defaultdict[tuple[str, int], set[str]] = defaultdict(set)
    for name in map(_split, files):
        for place, text in enumerate(name.numbers):
            found[name.template, place].add(text)
    signed, counted = set(), set()
    for where, values in found.items():
        if any(not text.startswith("-") for text in values):
            signed.add(where)
        fractions = {text.partition(".")[2] for text in values} - {""}
        # Decimals of different lengths have no zeros at their end, counters have: 1.9, 1.10.
        if len({*map(len, fractions)}) > 1 and any(text.endswith("0") for text in fractions):
            counted.add(where)
    return signed, counted


def _of_one_kind(folder: Path, files: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    kinds = Counter(map(_kind, files))
    if len(kinds) == 1:
        return list(files), []
    main, count = kinds.most_common(1)[0]
    others = [file for file in files if _kind(file) != main]
    if not few(others, count):
        raise VideoFormatError(
            f"{folder} contains images of several kinds ({', '.join(sorted(kinds))}): "
            f"select one with a pattern such as {folder / ('*' + min(kinds))}"
        )
    return [file for file in files if _kind(file) == main], others


def _of_one_name(files: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Return the images with the numbers of the most in their names, and others if they are few."""
    templates = Counter(_split(file).template for file in files)
    main, count = templates.most_common(1)[0]
    others = [file for file in files if _split(file).template != main] if len(templates) > 1 else []
    if "#" not in main or not others or not few(others, count):
        return list(files), []
    others = [file for file in others if not _is_first(file, main, files)]
    left_out = {*others}
    return [file for file in files if file not in left_out], others


def _is_first(file: Path, main: str, files: Sequence[Path]) -> bool:
    """Return whether a name without number is that of the first part: run, run_X2, run_X3."""
    if not main.startswith(file.stem.lower()):
        return False
    last = [name.numbers[-1] for name in map(_split, files) if name.numbers]
    return not any(text.strip("0") == "" for text in last)


def _other_recordings(folder: Path, files: Sequence[Path], entries: Sequence[Path]) -> list[Path]:
    """Return recordings beside the images.

    Raises
    ------
    VideoFormatError
        If they are not few.
    """
    suffixes = {*RECORDING_SUFFIXES} - {*IMAGE_SUFFIXES}
    others = [
        entry for entry in entries if entry.suffix.lower() in suffixes and entry.name[0] != "."
    ]
    if not few(others, len(files)):
        named = ", ".join(entry.name for entry in sorted([*files[:2], *others])[: 2 * _NAMED])
        raise VideoFormatError(
            f"{folder} contains recordings of several kinds ({named}): give one of them, or a "
            f"pattern such as {folder / ('*' + files[0].suffix)}"
        )
    return others


@dataclass(frozen=True)
class _Grid:
    """Two numbers in the names of images, every value of one with every value of the other.

    Attributes
    ----------
    places
        Which of the numbers in a name vary.
    labels
        Letters before each of the two; empty if there are none.
    sizes
        Number of values of each.
    """

    places: tuple[int, int]
    labels: tuple[str, str]
    sizes: tuple[int, int]

    @property
    def order(self) -> tuple[int, int]:
        """Which of the two counts first: time, if only the second is named so."""
        times = [label in _TIMES for label in self.labels]
        return (1, 0) if times == [False, True] else (0, 1)


def _grid(files: Sequence[Path]) -> _Grid | None:
    names = [_split(file) for file in files]
    if len(names) < 4 or len({name.template for name in names}) > 1:
        return None
    columns = list(zip(*(name.numbers for name in names), strict=True))
    varying = [place for place, column in enumerate(columns) if len({*column}) > 1]
    if len(varying) != 2:
        return None
    sizes = [len({*columns[place]}) for place in varying]
    if sizes[0] * sizes[1] != len(names):
        return None
    before = names[0].template.split("#")
    labels = [re.search(r"[^\W\d_]*$", before[place].rstrip("_-=. ")) for place in varying]
    first, second = (label[0] if label else "" for label in labels)
    return _Grid((varying[0], varying[1]), (first, second), (sizes[0], sizes[1]))


def _time_first(files: Sequence[Path]) -> list[Path]:
    """Return sorted images of several positions in the order of time, then of position."""
    grid = _grid(files)
    if grid is None or grid.order == (0, 1):
        return list(files)
    rank = {text: i for i, text in enumerate(_values(files, grid.places[1]))}
    return sorted(files, key=lambda file: rank[_split(file).numbers[grid.places[1]]])


def _values(files: Sequence[Path], place: int) -> list[str]:
    """Return the different numbers at a place of the names, in the order of the files."""
    return list(dict.fromkeys(_split(file).numbers[place] for file in files))


def _several_numbers(folder: Path, files: Sequence[Path]) -> list[str]:
    """Return a note if every value of one number in the names occurs with every other one."""
    grid = _grid(files)
    if grid is None:
        return []
    first, second = grid.order
    if all(grid.labels):
        numbers = ", ".join(map("{} {}".format, grid.labels, grid.sizes))
        order = f"by {grid.labels[first]}, then by {grid.labels[second]}"
    else:
        numbers = " x ".join(map(str, grid.sizes))
        order = "in the order of the first, then of the second"
    pieces = _split(files[0]).pieces
    varied = 2 * grid.places[first] + 1
    pattern = "".join("*" if i == varied else piece for i, piece in enumerate(pieces))
    note = (
        f"{folder.name}: two numbers in the names vary ({numbers}); images are read {order}: to "
        f"read a part of them, give a pattern such as {folder / (pattern + files[0].suffix)}"
    )
    return [note]


def _missing_numbers(folder: Path, files: Sequence[Path]) -> list[str]:
    """Return a note if images that are counted evenly have gaps in their count."""
    names = [_split(file) for file in files]
    columns = list(zip(*(name.numbers for name in names), strict=False))
    varying = [column for column in columns if len({*column}) > 1]
    if len({name.template for name in names}) > 1 or len(varying) != 1:
        return []
    if not all(text.isdecimal() for text in varying[0]):
        return []
    steps = [int(b) - int(a) for a, b in pairwise(varying[0])]
    usual = min(steps)
    gaps = [k for k, step in enumerate(steps) if step != usual]
    # Times are not counted evenly: they have gaps everywhere.
    if not gaps or not few([files[k] for k in gaps], len(files)) or usual < 1:
        return []
    missing = sum(steps[k] // usual - 1 for k in gaps)
    first, after = files[gaps[0]], files[gaps[0] + 1]
    note = (
        f"{folder.name}: {missing} numbers are missing in the names, e.g. between {first.name} and "
        f"{after.name}; frames are taken as evenly spaced"
    )
    return [note]


def _kind(path: Path) -> str:
    suffix = path.suffix.lower()
    return {".jpeg": ".jpg", ".tiff": ".tif"}.get(suffix, suffix)


def _instead(folder: Path, entries: Sequence[Path]) -> str:
    """Return what to give instead of a folder without images."""
    inside = [
        entry.name
        for entry in entries
        if entry.is_dir() and entry.name[0] != "." and sum(map(is_image, entry.iterdir())) > 1
    ]
    if inside:
        inside = [path.name for path in sorted(map(Path, inside), key=natural_key)]
        named = ", ".join(inside[:_NAMED]) + (", ..." if len(inside) > _NAMED else "")
        one = len(inside) == 1
        there = f"its folder {named} does" if one else f"its folders {named} do"
        return f"; {there}: give one of them, e.g. {folder / inside[0]}"
    recordings = list_recordings(folder)
    if not recordings:
        return ": give a recording or a folder of images"
    return f": give one of its recordings, e.g. {recordings[0]}"
