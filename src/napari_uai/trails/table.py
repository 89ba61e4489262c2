"""Trails of one scene: samples in flat arrays, a table with one row per trail, and the scene."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_uai.errors import BadValueError, one_line
from napari_uai.typing import Floats, Floats32, Ints

Groups: TypeAlias = npt.NDArray[np.object_]
"""Group that each trail is compared with; by default its class."""

Picture: TypeAlias = npt.NDArray[np.uint8]
"""Rows, columns, RGB."""

UNCLASSIFIED = "unclassified"
"""Class of objects that the tracker did not classify."""

TRAIL_COLUMNS = ("trail", "class", "start", "end", "n_samples")
PROBLEM_COLUMNS = ("file", "trail", "problem")

SINCE_1970_S = 1e8
"""Times above this value count from 1970 and are shown as time of day."""


@dataclass(frozen=True, eq=False)
class Scene:
    """The scene that a camera sees.

    Parameters
    ----------
    width, height
        Size of the camera's picture, in px; positions of trails are in these pixels.
    image
        Background picture of any size: rows, columns, RGB; uint8. None if there is none.
    source
        File of the background picture.
    snapshots
        ``time`` (in s) and ``path`` of pictures taken during the recording, oldest first.

    Examples
    --------
    >>> from napari_uai.trails import Scene
    >>> scene = Scene(1280, 720)
    >>> scene.width, scene.height
    (1280, 720)
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
    """Tracked objects of one scene.

    The samples of all trails are concatenated, oldest first, so that a hundred thousand trails are
    four arrays: trail ``i`` consists of samples ``offsets[i]`` to ``offsets[i + 1] - 1``.

    Parameters
    ----------
    offsets
        Index of the first sample of each trail, followed by the total number of samples; int64.
    y, x
        Position of each sample in px of the scene, y down, x to the right; float32.
    time
        Time of each sample, in s; float64. Since 1970 if the source has absolute times, otherwise
        from 0; for frame numbers, divided by the frame rate (1 Hz if unknown).
    table
        One row per trail: ``trail`` (name; str), ``class`` (str), ``start``, ``end`` (in s),
        ``n_samples``; readers may add columns.
    scene
        The scene.
    hulls
        Outline of each object at its last sample: corners, (y, x) in px; float32. None where
        unknown; empty if there are no outlines.
    problems
        What could not be used: ``file``, ``trail`` (empty for a whole file), ``problem``.
    source
        File or folder that the trails were read from.
    read_as
        How they were read: ``format``, and ``columns`` with their meanings, as far as known.

    Raises
    ------
    BadValueError
        If the arrays and the table do not match.

    Examples
    --------
    >>> import pandas as pd
    >>> from napari_uai.trails import trails_of_frame
    >>> samples = pd.DataFrame({"trail": ["a", "a", "b", "b"], "frame": [0, 1, 0, 1],
    ...                         "x": [0, 60, 30, 30], "y": [10, 10, 0, 40]})
    >>> trails = trails_of_frame(samples, scene_size=(64, 48))
    >>> len(trails), trails.n_samples.tolist()
    (2, [2, 2])
    >>> trails.x[trails.trail(1)]
    array([30., 30.], dtype=float32)
    >>> trails.select([1]).table["trail"].tolist()
    ['b']
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
    read_as: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n = len(self.table)
        if len(self.offsets) != n + 1 or self.offsets[0] != 0 or np.any(np.diff(self.offsets) < 1):
            raise BadValueError(
                "offsets must start at 0 and increase, with one entry more than there are trails"
            )
        if not len(self.y) == len(self.x) == len(self.time) == self.offsets[-1]:
            raise BadValueError("y, x and time must hold one value per sample")
        missing = set(TRAIL_COLUMNS) - set(self.table.columns)
        if missing:
            raise BadValueError(f"table of trails: missing columns {', '.join(sorted(missing))}")
        if len(self.hulls) not in (0, n):
            raise BadValueError(
                f"hulls must be empty or one per trail ({n}), got {len(self.hulls)}"
            )

    def __len__(self) -> int:
        """Return the number of trails."""
        return len(self.table)

    @property
    def n_samples(self) -> Ints:
        """Number of samples of each trail; int64."""
        return np.diff(self.offsets)

    @property
    def owner(self) -> Ints:
        """Row of the table of the trail that each sample belongs to; int64."""
        return np.repeat(np.arange(len(self)), self.n_samples)

    @property
    def samples(self) -> pd.DataFrame:
        """One row per sample: ``trail`` (name), ``time``, ``y``, ``x``."""
        names = self.table["trail"].to_numpy()[self.owner]
        return pd.DataFrame({"trail": names, "time": self.time, "y": self.y, "x": self.x})

    @property
    def classes(self) -> pd.Series[int]:
        """Number of trails of each class, most frequent class first."""
        return (
            self.table["class"]
            .value_counts()
            .sort_index()
            .sort_values(ascending=False, kind="stable")
        )

    def trail(self, row: int) -> slice:
        """Return the slice of ``y``, ``x`` and ``time`` of a trail."""
        return slice(int(self.offsets[row]), int(self.offsets[row + 1]))

    def select(self, rows: npt.ArrayLike) -> Trails:
        """Return some of the trails.

        Parameters
        ----------
        rows
            Rows of the table in the desired order, or a boolean mask.
        """
        wanted = np.asarray(rows)
        index = np.flatnonzero(wanted) if wanted.dtype == bool else wanted.astype(np.int64)
        counts = self.n_samples[index]
        offsets = offsets_of(counts)
        # A sample keeps its distance from the first sample of its trail.
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


def trails_of(samples: pd.DataFrame, scene: Scene, **fields: Any) -> Trails:
    """Return trails from a table of samples that needs no cleaning.

    Unlike :func:`~napari_uai.trails.trails_of_frame`, it neither converts nor drops anything.

    Parameters
    ----------
    samples
        ``trail``, ``time`` (in s), ``y``, ``x`` (in px), and optionally ``class``; in any order.
    scene
        The scene.
    **fields
        Further fields of :class:`Trails`.

    Returns
    -------
    Trails
        Trails in the order of their first appearance; samples sorted by time, ties in their order.

    Raises
    ------
    BadValueError
        If a column is missing.

    Examples
    --------
    >>> import pandas as pd
    >>> from napari_uai.trails import Scene, trails_of
    >>> samples = pd.DataFrame({"trail": ["a", "a", "b"], "time": [1.0, 0.0, 0.0],
    ...                         "y": [3.0, 2.0, 1.0], "x": [30.0, 20.0, 10.0]})
    >>> trails_of(samples, Scene(64, 48)).x
    array([20., 30., 10.], dtype=float32)
    """
    missing = {"trail", "time", "y", "x"} - set(samples.columns)
    if missing:
        raise BadValueError(f"table of samples: missing columns {', '.join(sorted(missing))}")
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
    return Trails(offsets, y, x, time, table, scene, **fields)


def offsets_of(counts: npt.NDArray[np.integer]) -> Ints:
    """Return the start of each run of given lengths, followed by the end of the last."""
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def group_codes(groups: Groups) -> Ints:
    """Return the number of each trail's group, from 0, in alphabetical order of the groups."""
    return np.unique(groups.astype(str), return_inverse=True)[1].astype(np.int64)


def check_finite(**samples: Floats | Floats32) -> None:
    """Raise BadValueError if any value of the samples, by name, is not finite."""
    for name, values in samples.items():
        # A finite sum means finite values, and takes no memory; the sum itself may overflow.
        with np.errstate(over="ignore", invalid="ignore"):
            finite = np.isfinite(np.sum(values))
        if not finite and not np.isfinite(values).all():
            raise BadValueError(f"{name} must be finite: drop samples with NaN or infinite {name}")


def join_problems(*tables: pd.DataFrame) -> pd.DataFrame:
    """Return one table of the problems of several."""
    some = [table for table in tables if len(table)]
    return pd.concat(some, ignore_index=True) if some else problem_table([])


def problem_table(problems: Sequence[tuple[str, str, str]]) -> pd.DataFrame:
    """Return a table of problems, each given as (file, trail, problem)."""
    lines = [tuple(map(one_line, problem)) for problem in problems]
    return pd.DataFrame(lines, columns=list(PROBLEM_COLUMNS), dtype=object)
