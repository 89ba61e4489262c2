"""Samples of a table to trails: what cannot be used is dropped and reported."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_uai.errors import TrailFormatError, counted, one_line
from napari_uai.trails.io.columns import (
    Samples,
    column_that_tells_apart,
    samples_of,
    share,
    untracked,
)
from napari_uai.trails.io.extent import in_scene
from napari_uai.trails.io.grouping import LATEST, all_usable, commonest, grouped, trail_order
from napari_uai.trails.io.position_facts import inside
from napari_uai.trails.io.records import Problem, nothing_usable
from napari_uai.trails.io.sample_table import SampleTable
from napari_uai.trails.io.table_options import NOTHING_SAID, TableOptions
from napari_uai.trails.table import UNCLASSIFIED, Scene, Trails, offsets_of, problem_table
from napari_uai.typing import Bools, Floats, Ints, Ints32

_EXAMPLES = 3
"""Largest number of trails that are named for each reason."""

_SEVERAL = 0.05
"""Share of simultaneous samples of a trail from which on a table may hold several recordings."""


def trails_of_table(
    samples: SampleTable,
    *,
    options: TableOptions = NOTHING_SAID,
    frame_rate_hz: float | None = None,
    scene_size: tuple[int, int] | None = None,
    camera: str | None = None,
    keep_extrapolated: bool = True,
    file: str = "",
    **fields: Any,
) -> Trails:
    """Return the trails of a table of samples.

    Parameters
    ----------
    samples
        Table as read from a file.
    options
        What the caller says about the table.
    frame_rate_hz
        Frames per second; if None, as stated by the file, or 1.
    scene_size
        Width and height of the picture, in px; if None, as stated by the file, or derived from the
        positions.
    camera
        Camera to take, if there are several.
    keep_extrapolated
        Whether to keep samples marked as extrapolated.
    file
        Name of the file, for problems.
    **fields
        Further fields of :class:`Trails`, except its problems.

    Raises
    ------
    TrailFormatError
        If a column is missing, or no trail has two usable samples.
    BadValueError
        If an option does not fit the table.
    """
    problems = list(samples.problems)
    usable = samples_of(
        samples,
        options=options,
        frame_rate_hz=frame_rate_hz,
        camera=camera,
        keep_extrapolated=keep_extrapolated,
        file=file,
        problems=problems,
    )
    normalized = samples.normalized if options.normalized is None else options.normalized
    noun, size = samples.noun, scene_size or samples.scene_size
    read_as = {"format": samples.format, "columns": usable.columns}
    return _Assembly(usable, noun, file, problems).trails(
        size, normalized, read_as={k: v for k, v in read_as.items() if v}, **fields
    )


@dataclass
class _Columns:
    """Samples as arrays of one length."""

    owner: Ints32
    time: Floats
    y: Floats
    x: Floats
    kind: Ints32 | None
    utc_offset_s: Floats | None

    def __len__(self) -> int:
        return len(self.owner)

    def take(self, which: Bools | Ints) -> None:
        """Keep some of the samples, in the given order."""
        for name, values in vars(self).items():
            if values is not None:
                setattr(self, name, values[which])


class _Assembly:
    """Samples on their way to trails, and what was dropped."""

    def __init__(self, samples: Samples, noun: str, file: str, problems: list[Problem]) -> None:
        self._samples, self._noun, self._file = samples, noun, file
        owner, self._names = grouped(samples.trail)
        self._kinds: npt.NDArray[np.object_] | None = None
        kind: Ints32 | None = None
        if samples.kind is not None:
            kind, self._kinds = grouped(samples.kind)
        self._columns = _Columns(
            owner, samples.time, samples.y, samples.x, kind, samples.utc_offset_s
        )
        self._total = len(owner)
        self._earlier = problems
        self._first: list[Problem] = []
        self._notes: list[str] = list(samples.notes)
        self._dropped: list[tuple[int, list[Problem]]] = []

    def trails(
        self, scene_size: tuple[int, int] | None, normalized: bool | None, **fields: Any
    ) -> Trails:
        """Return the trails of all usable samples."""
        self._drop_incomplete()
        order = trail_order(self._columns.owner, self._columns.time, len(self._names))
        if order is not None:
            self._columns.take(order)
        size = self._place(scene_size, normalized)
        self._drop_simultaneous()
        trails = self._assembled(Scene(*size), fields)
        single = trails.n_samples < 2
        if single.any():
            self._drop_single(trails, single)
            trails = trails.select(~single)
        return replace(trails, problems=problem_table(self.problems))

    @property
    def problems(self) -> list[Problem]:
        """What was dropped, the commonest reason first, and then what was assumed."""
        dropped = sorted(self._dropped, key=lambda item: -item[0])
        totals = [rows[0] for n, rows in dropped if n >= 0]
        examples = [row for _, rows in dropped for row in rows[1:]]
        notes = [(self._file, "", note) for note in self._notes]
        return [*self._first, *totals, *self._earlier, *notes, *examples]

    def _drop_incomplete(self) -> None:
        """Drop samples without a trail, a finite time or a finite position."""
        nobody = np.append(untracked(self._names), False)
        if nobody.any():
            bad = nobody[self._columns.owner]
            self._report(bad, "without an identity (-1)", of_trails=False)
            self._keep(~bad)
        columns = self._columns
        if all_usable(columns.owner, columns.time, columns.y, columns.x):
            return
        lacks = {
            "trail": columns.owner < 0,
            "time": ~(np.abs(columns.time) <= LATEST),
            "position": ~(np.isfinite(columns.y) & np.isfinite(columns.x)),
        }
        done = np.zeros(len(columns), bool)
        for what, bad in lacks.items():
            self._report(bad & ~done, f"without a valid {what}")
            done |= bad
        self._keep(~done)

    def _place(
        self, scene_size: tuple[int, int] | None, normalized: bool | None
    ) -> tuple[int, int]:
        """Convert positions to pixels; drop those outside of the scene."""
        columns = self._columns
        extent = in_scene(
            columns.y, columns.x, columns.owner, scene_size=scene_size, normalized=normalized,
            unit=self._samples.unit,
        )  # fmt: skip
        width, height = extent.size
        self._notes = [*extent.notes, *self._notes]
        y, x = extent.y, extent.x
        within = inside(y, x, width, height)
        if scene_size is not None and not within.any():
            self._refuse_scene(scene_size)
        columns.y, columns.x = y, x
        if extent.far is None and within.all():
            return extent.size
        far = np.zeros(len(x), bool) if extent.far is None else extent.far
        self._report(far, "far from all others")
        outside = ~within & ~far
        what = f"outside the picture ({width} x {height} px)"
        self._report(outside, what, first=scene_size is not None)
        self._keep(within & ~far)
        return extent.size

    def _refuse_scene(self, size: tuple[int, int]) -> None:
        x, y = self._columns.x, self._columns.y
        raise TrailFormatError(
            f"all {counted(len(x), self._noun)} are outside the picture "
            f"({size[0]} x {size[1]} px): "
            f"x {x.min():.7g} to {x.max():.7g}, y {y.min():.7g} to {y.max():.7g}; leave out "
            "scene_size (--scene) to derive the scene from the positions"
        )

    def _drop_simultaneous(self) -> None:
        """Drop all but the first of the samples that a trail has at the same time."""
        owner, time = self._columns.owner, self._columns.time
        twice = np.zeros(len(owner), bool)
        twice[1:] = (time[1:] == time[:-1]) & (owner[1:] == owner[:-1])
        if np.count_nonzero(twice) > _SEVERAL * len(twice):
            self._refuse_parts(int(np.count_nonzero(twice)))
        if twice.any():
            self._report(twice, "at the time of another sample of the trail (duplicate id?)")
            self._keep(~twice)

    def _refuse_parts(self, n: int) -> None:
        """Raise an error if a column tells simultaneous samples of trails apart."""
        apart = column_that_tells_apart(self._samples)
        if apart is None:
            return
        name, values = apart
        listed = ", ".join(one_line(value, 40) for value in values[:_EXAMPLES])
        more = ", ..." if len(values) > _EXAMPLES else ""
        raise TrailFormatError(
            f"{n} of {counted(self._total, self._noun)} ({share(n, self._total)}) are at the time "
            f"of another sample of their trail; column {name!r} ({listed}{more}) tells them apart: "
            f"choose one, for example where='{name}={values[0]}' (--where)"
        )

    def _assembled(self, scene: Scene, fields: dict[str, Any]) -> Trails:
        """Return the trails of samples sorted by trail and time."""
        columns = self._columns
        counts = np.bincount(columns.owner, minlength=len(self._names))
        offsets = offsets_of(counts[counts > 0])
        first = offsets[:-1]
        table = pd.DataFrame(
            {
                "trail": pd.Series(self._names[counts > 0]).astype(str),
                "class": pd.Series(self._commonest_classes()[counts > 0]).astype(str),
                "start": columns.time[first],
                "end": columns.time[offsets[1:] - 1],
                "n_samples": counts[counts > 0],
            }
        )
        if columns.utc_offset_s is not None:
            table["utc_offset_s"] = columns.utc_offset_s[first]
        if self._samples.of_day:
            table["time_of_day"] = True
        y, x = columns.y.astype(np.float32), columns.x.astype(np.float32)
        return Trails(offsets, y, x, columns.time, table, scene, **fields)

    def _commonest_classes(self) -> npt.NDArray[np.object_]:
        """Return the most frequent class of each trail; of several, the first in the table."""
        classes = np.full(len(self._names), UNCLASSIFIED, object)
        kind, owner, kinds = self._columns.kind, self._columns.owner, self._kinds
        if kind is None or kinds is None:
            return classes
        classified = kind >= 0
        if not classified.all():
            kind, owner = kind[classified], owner[classified]
        names = np.array([str(name).strip() or UNCLASSIFIED for name in kinds], object)
        best = commonest(owner, kind, len(classes), len(kinds))
        classes[best >= 0] = names[best[best >= 0]]
        return classes

    def _drop_single(self, trails: Trails, single: Bools) -> None:
        names = trails.table["trail"][single].tolist()
        n, total = len(names), len(trails)
        if n == total and n > 2:
            others = [f"{name!r}" for name in self._samples.others[:4]]
            other = f", such as {' or '.join(others)}" if others else ""
            raise TrailFormatError(
                f"no usable trail: each of the {n} ids in column {self._samples.trail_column!r} "
                f"has a single sample; the id of the trail may be in another column{other}: "
                "columns='trail=NAME'"
            )
        rows = [(self._file, name, "only one usable sample: dropped") for name in names]
        if n > 1:
            of = f"{n} of {counted(total, 'trail')} ({share(n, total)})"
            text = f"{of} with only one usable sample: dropped"
            rows.insert(0, (self._file, "", text))
        self._dropped.append((n, rows if n == 1 else rows[: _EXAMPLES + 1]))
        if n == total:
            raise nothing_usable(self.problems)

    def _keep(self, keep: Bools) -> None:
        if not keep.all():
            self._columns.take(keep)
        if not len(self._columns):
            raise nothing_usable(self.problems)

    def _report(
        self, bad: Bools, reason: str, *, of_trails: bool = True, first: bool = False
    ) -> None:
        """Note how many samples are dropped, in all and of some trails."""
        n = int(np.count_nonzero(bad))
        if not n:
            return
        owner = self._columns.owner[bad]
        counts = np.bincount(owner[owner >= 0])
        most = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
        if of_trails and len(most) <= 1:
            name = str(self._names[most[0]]) if len(most) else ""
            rows = [(self._file, name, f"{counted(n, self._noun)} {reason}: dropped")]
        elif not of_trails:
            text = f"{counted(n, self._noun)} {reason}, {share(n, self._total)}: dropped"
            rows = [(self._file, "", text)]
        else:
            text = (
                f"{n} of {counted(self._total, self._noun)} ({share(n, self._total)}) in "
                f"{counted(len(most), 'trail')} {reason}: dropped"
            )
            rows = [(self._file, "", text)]
            rows += [
                (
                    self._file,
                    str(self._names[trail]),
                    f"{counted(counts[trail], self._noun)} {reason}: dropped",
                )
                for trail in most[:_EXAMPLES]
            ]
        if first:
            self._first.append(rows[0])
            self._dropped.append((-1, rows))
        else:
            self._dropped.append((n, rows))
