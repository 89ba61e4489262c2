"""Trails of one scene: samples in flat arrays, a row of a table per trail, the scene itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_uai.errors import BadValueError
from napari_uai.typing import Floats, Floats32, Ints

Groups: TypeAlias = npt.NDArray[np.object_]
"""Group that each trail is compared with; by default its class."""

Picture: TypeAlias = npt.NDArray[np.uint8]
"""Rows, columns, RGB."""

UNCLASSIFIED = "unclassified"
"""Class of an object that its tracker gave none."""

TRAIL_COLUMNS = ("trail", "class", "start", "end", "n_samples")
PROBLEM_COLUMNS = ("file", "trail", "problem")


@dataclass(frozen=True, eq=False)
class Scene:
    """What the camera sees.

    Parameters
    ----------
    width, height
        Of the camera's picture, in px; positions of trails are in these pixels.
    image
        Background picture: rows, columns, RGB; uint8; of any size. None if there is none.
    source
        File that the picture was read from.
    snapshots
        ``time`` (s) and ``path`` of each picture that was taken meanwhile, oldest first.
    """

    width: int
    height: int
    image: Picture | None = None
    source: Path | None = None
    snapshots: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame({"time": np.empty(0), "path": np.empty(0, object)})
    )


@dataclass(frozen=True, eq=False)
class Trails:
    """Objects that were tracked through one scene.

    Samples of all trails lie one after the other, oldest first, so that a hundred thousand trails
    are four arrays: trail ``i`` owns samples ``offsets[i]`` to ``offsets[i + 1] - 1``.

    Parameters
    ----------
    offsets
        First sample of each trail, and the number of all samples; int64, one more than trails.
    y, x
        Position of each sample in px of the scene, rows down, columns right; float32.
    time
        Of each sample, in s; float64. Since 1970 where the source says so, else from 0; frames
        over the frame rate (1 per second if unknown) where the source counts frames.
    table
        A row for each trail: ``trail`` (its name, str), ``class`` (str), ``start``, ``end`` (s),
        ``n_samples``; sources may add columns.
    scene
        Size and picture of what the camera sees.
    hulls
        Outline of each object at its last sample (corners, (y, x) in px); None where unknown.
        Empty if the source knows none.
    problems
        What could not be used, and why: ``file``, ``trail`` (empty if it is the file), ``problem``.
    source
        File or folder that the trails were read from.
    """

    offsets: Ints
    y: Floats32
    x: Floats32
    time: Floats
    table: pd.DataFrame
    scene: Scene
    hulls: Sequence[Floats32 | None] = ()
    problems: pd.DataFrame = field(default_factory=lambda: problem_table([]))
    source: Path | None = None

    def __post_init__(self) -> None:
        n = len(self.table)
        if len(self.offsets) != n + 1 or self.offsets[0] != 0 or np.any(np.diff(self.offsets) < 1):
            raise BadValueError(
                "offsets hold the first sample of each trail, which has one or more"
            )
        if not len(self.y) == len(self.x) == len(self.time) == self.offsets[-1]:
            raise BadValueError("y, x and time hold a value for each sample")
        missing = set(TRAIL_COLUMNS) - set(self.table.columns)
        if missing:
            raise BadValueError(f"the table of trails lacks {', '.join(sorted(missing))}")
        if len(self.hulls) not in (0, n):
            raise BadValueError(f"there are {len(self.hulls)} hulls for {n} trails")

    def __len__(self) -> int:
        """Return the number of trails."""
        return len(self.table)

    @property
    def n_samples(self) -> Ints:
        """Samples in each trail."""
        return np.diff(self.offsets)

    @property
    def owner(self) -> Ints:
        """Trail (row of the table) that each sample belongs to."""
        return np.repeat(np.arange(len(self)), self.n_samples)

    @property
    def samples(self) -> pd.DataFrame:
        """A row for each sample: ``trail`` (its name), ``time``, ``y``, ``x``."""
        names = self.table["trail"].to_numpy()[self.owner]
        return pd.DataFrame({"trail": names, "time": self.time, "y": self.y, "x": self.x})

    @property
    def classes(self) -> pd.Series[int]:
        """Number of trails of each class, the most frequent first."""
        return (
            self.table["class"]
            .value_counts()
            .sort_index()
            .sort_values(ascending=False, kind="stable")
        )

    def trail(self, row: int) -> slice:
        """Return where the samples of a trail lie in ``y``, ``x`` and ``time``."""
        return slice(int(self.offsets[row]), int(self.offsets[row + 1]))

    def select(self, rows: npt.ArrayLike) -> Trails:
        """Return some of the trails.

        Parameters
        ----------
        rows
            Rows of the table in the order wanted, or a mask of them (bool).
        """
        wanted = np.asarray(rows)
        index = np.flatnonzero(wanted) if wanted.dtype == bool else wanted.astype(np.int64)
        counts = self.n_samples[index]
        offsets = offsets_of(counts)
        # Sample j of a chosen trail lies as far behind its old start as behind its new one.
        take = np.arange(offsets[-1]) + np.repeat(self.offsets[index] - offsets[:-1], counts)
        return replace(
            self,
            offsets=offsets,
            y=self.y[take],
            x=self.x[take],
            time=self.time[take],
            table=self.table.iloc[index].reset_index(drop=True),
            hulls=[self.hulls[i] for i in index] if len(self.hulls) else (),
        )


def trails_of(samples: pd.DataFrame, scene: Scene, **known: Any) -> Trails:
    """Make trails of a table of samples.

    Parameters
    ----------
    samples
        ``trail``, ``time`` (s), ``y``, ``x`` (px); a ``class`` if known. Any order.
    scene
        What the camera sees.
    **known
        Further fields of :class:`Trails`.

    Returns
    -------
    Trails
        In the order in which they first appear; samples by time, equal times as they stood.

    Raises
    ------
    BadValueError
        If a column is missing.
    """
    missing = {"trail", "time", "y", "x"} - set(samples.columns)
    if missing:
        raise BadValueError(f"the table of samples lacks {', '.join(sorted(missing))}")
    owner, names = pd.factorize(samples["trail"])
    time = samples["time"].to_numpy(np.float64)
    order = np.lexsort((time, owner))
    counts = np.bincount(owner, minlength=len(names))
    offsets = offsets_of(counts)
    time = time[order]
    first = order[offsets[:-1]]
    kinds = (
        samples["class"].to_numpy()[first].astype(str)
        if "class" in samples
        else np.full(len(names), UNCLASSIFIED)
    )
    table = pd.DataFrame(
        {
            "trail": pd.Series(names).astype(str),
            "class": pd.Series(kinds, dtype=object).astype(str),
            "start": time[offsets[:-1]],
            "end": time[offsets[1:] - 1],
            "n_samples": counts,
        }
    )
    y = samples["y"].to_numpy(np.float32)[order]
    x = samples["x"].to_numpy(np.float32)[order]
    return Trails(offsets, y, x, time, table, scene, **known)


def offsets_of(counts: npt.NDArray[np.integer]) -> Ints:
    """Return the first place of each of several runs of given lengths, and the end of the last."""
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def group_codes(groups: Groups) -> Ints:
    """Return the number of each trail's group, from 0, in alphabetical order of the groups."""
    return np.unique(groups.astype(str), return_inverse=True)[1].astype(np.int64)


def check_finite(**samples: Floats | Floats32) -> None:
    """Raise BadValueError if a value of the samples, by name, is not finite."""
    for name, values in samples.items():
        # A finite sum means finite values, and takes no memory; the sum itself may overflow.
        with np.errstate(over="ignore", invalid="ignore"):
            finite = np.isfinite(np.sum(values))
        if not finite and not np.isfinite(values).all():
            raise BadValueError(f"{name} must be finite: drop samples with NaN or infinite {name}")


def problem_table(problems: Sequence[tuple[str, str, str]]) -> pd.DataFrame:
    """Return a table of problems from (file, trail, problem)."""
    return pd.DataFrame(list(problems), columns=list(PROBLEM_COLUMNS), dtype=object)
