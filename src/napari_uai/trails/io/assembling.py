"""Samples of a table to trails: what cannot be used is dropped and reported."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from napari_uai.errors import TrailFormatError
from napari_uai.trails.io.columns import Samples, samples_of, share, untracked
from napari_uai.trails.io.extent import in_scene
from napari_uai.trails.io.records import Problem, nothing_usable
from napari_uai.trails.io.sample_table import SampleTable
from napari_uai.trails.io.table_options import NOTHING_SAID, TableOptions
from napari_uai.trails.table import UNCLASSIFIED, Scene, Trails, problem_table, trails_of
from napari_uai.typing import Bools

_EXAMPLES = 3
"""Largest number of trails that are named for each reason."""


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
    return _Assembly(usable, samples.noun, file, problems).trails(
        scene_size or samples.scene_size, normalized, **fields
    )


class _Assembly:
    """Samples on their way to trails, and what was dropped."""

    def __init__(self, samples: Samples, noun: str, file: str, problems: list[Problem]) -> None:
        self._samples, self._noun, self._file = samples, noun, file
        self._frame = samples.frame
        self._total = len(samples.frame)
        self._earlier = problems
        self._first: list[Problem] = []
        self._notes: list[str] = list(samples.notes)
        self._dropped: list[tuple[int, list[Problem]]] = []

    def trails(
        self, scene_size: tuple[int, int] | None, normalized: bool | None, **fields: Any
    ) -> Trails:
        """Return the trails of all usable samples."""
        self._drop_incomplete()
        self._place(scene_size, normalized)
        twice = self._frame.duplicated(["trail", "time"]).to_numpy()
        self._drop(twice, "at the time of another sample of the trail (duplicate id?)")
        scene = Scene(*self._size)
        trails = trails_of(self._frame[["trail", "time", "y", "x"]], scene, **fields)
        if "class" in self._frame:
            trails = _with_commonest_class(trails, self._frame)
        trails = self._with_clock(trails)
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
        nobody = untracked(self._frame["trail"]).to_numpy()
        self._drop(nobody, "without an identity (-1)", of_trails=False)
        frame = self._frame
        y, x, time = (frame[name].to_numpy(np.float64) for name in ("y", "x", "time"))
        lacks = {
            "trail": frame["trail"].isna().to_numpy(),
            "time": ~np.isfinite(time),
            "position": ~(np.isfinite(y) & np.isfinite(x)),
        }
        done = np.zeros(len(frame), bool)
        for what, bad in lacks.items():
            self._report(frame, bad & ~done, f"without a valid {what}")
            done |= bad
        self._keep(~done)

    def _place(self, scene_size: tuple[int, int] | None, normalized: bool | None) -> None:
        """Convert positions to pixels; drop those outside of the scene."""
        frame = self._frame
        owner, _ = pd.factorize(frame["trail"])
        order = np.lexsort((frame["time"].to_numpy(np.float64), owner))
        y, x = (frame[name].to_numpy(np.float64)[order] for name in ("y", "x"))
        extent = in_scene(
            y, x, owner[order], scene_size=scene_size, normalized=normalized,
            unit=self._samples.unit,
        )  # fmt: skip
        back = np.empty(len(order), np.int64)
        back[order] = np.arange(len(order))
        y, x, far = extent.y[back], extent.x[back], extent.far[back]
        width, height = self._size = extent.size
        self._notes = [*extent.notes, *self._notes]
        self._frame = frame.assign(y=y, x=x)
        inside = (x >= -0.5) & (y >= -0.5) & (x < width - 0.5) & (y < height - 0.5)
        if scene_size is not None and not inside.any():
            self._refuse_scene(frame, scene_size)
        what = f"outside the picture ({width} x {height} px)"
        self._report(self._frame, far, "far from all others", of_trails=True)
        outside = ~inside & ~far
        self._report(self._frame, outside, what, first=scene_size is not None)
        self._keep(inside & ~far)

    def _refuse_scene(self, frame: pd.DataFrame, size: tuple[int, int]) -> None:
        x, y = frame["x"], frame["y"]
        raise TrailFormatError(
            f"all {len(frame)} {self._noun} are outside the picture ({size[0]} x {size[1]} px): "
            f"x {x.min():.7g} to {x.max():.7g}, y {y.min():.7g} to {y.max():.7g}; leave out "
            "scene_size (--scene) to derive the scene from the positions"
        )

    def _with_clock(self, trails: Trails) -> Trails:
        """Return trails with columns that say how to show their times."""
        table = trails.table
        if "utc_offset_s" in self._frame:
            first = self._frame.drop_duplicates("trail").set_index("trail")["utc_offset_s"]
            offsets = first.reindex(table["trail"].tolist()).to_numpy(np.float64)
            table = table.assign(utc_offset_s=offsets)
        if self._samples.of_day:
            table = table.assign(time_of_day=True)
        return replace(trails, table=table)

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
            text = f"{n} of {total} trails ({share(n, total)}) with only one usable sample: dropped"
            rows.insert(0, (self._file, "", text))
        self._dropped.append((n, rows if n == 1 else rows[: _EXAMPLES + 1]))
        if n == total:
            raise nothing_usable(self.problems)

    def _drop(self, bad: Bools, reason: str, *, of_trails: bool = True) -> None:
        if bad.any():
            self._report(self._frame, bad, reason, of_trails=of_trails)
            self._keep(~bad)

    def _keep(self, keep: Bools) -> None:
        if not keep.all():
            self._frame = self._frame[keep]
        if self._frame.empty:
            raise nothing_usable(self.problems)

    def _report(
        self,
        frame: pd.DataFrame,
        bad: Bools,
        reason: str,
        *,
        of_trails: bool = True,
        first: bool = False,
    ) -> None:
        """Note how many samples are dropped, in all and of some trails."""
        n = int(bad.sum())
        if not n:
            return
        dropped = frame["trail"][bad]
        counts = dropped.dropna().astype(str).value_counts()
        if of_trails and len(counts) <= 1:
            name = str(counts.index[0]) if len(counts) else ""
            rows = [(self._file, name, f"{n} {self._noun} {reason}: dropped")]
        elif not of_trails:
            text = f"{n} {self._noun} {reason}, {share(n, self._total)}: dropped"
            rows = [(self._file, "", text)]
        else:
            text = (
                f"{n} of {self._total} {self._noun} ({share(n, self._total)}) in {len(counts)} "
                f"trails {reason}: dropped"
            )
            rows = [(self._file, "", text)]
            rows += [
                (self._file, str(name), f"{k} {self._noun} {reason}: dropped")
                for name, k in counts.head(_EXAMPLES).items()
            ]
        if first:
            self._first.append(rows[0])
            self._dropped.append((-1, rows))
        else:
            self._dropped.append((n, rows))


def _with_commonest_class(trails: Trails, samples: pd.DataFrame) -> Trails:
    """Assign to each trail the most frequent class of its samples; the first of several."""
    owner, _ = pd.factorize(samples["trail"])
    kind, kinds = pd.factorize(samples["class"])
    classified = kind >= 0
    table = trails.table.copy()
    if classified.any():
        pair, counts = np.unique(
            owner[classified] * len(kinds) + kind[classified], return_counts=True
        )
        order = np.lexsort((pair, -counts, pair // len(kinds)))
        rows, first = np.unique(pair[order] // len(kinds), return_index=True)
        best = pair[order][first] % len(kinds)
        classes = np.full(len(table), UNCLASSIFIED, object)
        classes[rows] = [str(kinds[k]).strip() or UNCLASSIFIED for k in best]
        table["class"] = pd.Series(classes, dtype=str)
    return replace(trails, table=table)
