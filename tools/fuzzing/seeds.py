"""Small valid files of every format, written by other libraries: what is damaged afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Kind = str
SHAPE = (6, 12, 16)


@dataclass(frozen=True)
class Seed:
    """A file or folder to open.

    Attributes
    ----------
    name
        Of its folder.
    kind
        How it is opened: video, trails, recipe, weights, ...
    target
        Path below its folder.
    harmful
        Whether it is a bomb or carries code, so that it is opened as it is half of the time.
    """

    name: str
    kind: Kind
    target: str
    harmful: bool = False


_WRITERS: list[tuple[str, Kind, str, Callable[[Path], object]]] = []


def seed(kind: Kind, target: str) -> Callable[[Callable[[Path], Any]], Callable[[Path], Any]]:
    """Register a function that writes ``target`` into a folder."""

    def register(write: Callable[[Path], Any]) -> Callable[[Path], Any]:
        _WRITERS.append((f"{write.__name__.strip('_')}", kind, target, write))
        return write

    return register


def write_seeds(folder: Path) -> Iterator[Seed]:
    """Write all seeds, each into a folder of its own."""
    from fuzzing import command_seeds, table_seeds, video_seeds  # noqa: F401

    for name, kind, target, write in _WRITERS:
        own = folder / name
        own.mkdir(parents=True)
        write(own / target)
        yield Seed(name, kind, target)


def pixels(dtype: npt.DTypeLike = "<u2") -> npt.NDArray[Any]:
    """Return the video that all seeds contain."""
    rng = np.random.default_rng(5)
    still = rng.integers(80, 120, SHAPE[1:])
    return (still + rng.integers(0, 20, SHAPE)).astype(dtype)
