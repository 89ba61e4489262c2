"""Review of landings: verdicts, traces, cut-outs and histograms; uses no Qt and no viewer."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from napari_uai.errors import BadValueError
from napari_uai.widgets.kit.layers import AXES, KEY, Place, place_of, table_of
from napari_uai.widgets.kit.ring_looks import ACCEPTED, Verdict, verdict_of
from napari_uai.widgets.kit.rings import around_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from napari.layers import Points

    from napari_uai.typing import AnyArray, Floats
    from napari_uai.videos.frames import Video
    from napari_uai.widgets.kit.time_spans import TimeSpan

CONTRASTS = ("contrast", "peak_contrast", "intersection_contrast", "prominence_contrast")
"""Columns that a histogram can show."""

Limits: TypeAlias = tuple[float, float]

HALF_WINDOW_PX = 10
_MAX_BARS = 40
_SAME_FRAMES, _SAME_PX = 50, 2.0
_USUAL_BATCH = 200


@dataclass
class Review:
    """Landings of a run and their verdicts.

    Parameters
    ----------
    table
        One row per landing, as in landings.csv.
    placed
        The same rows with ``frame, y, x`` in px of the video at ``place``.
    place
        Place of the video over which the landings are shown.
    traces
        Contrast by ``landing`` and ``raw_frame``; None if not available.
    video
        Rolling average, with the frames and pixels of ``placed``; None if not available.
    verdicts
        One verdict per row.
    around
        Frames before and after a landing in which its ring is visible; None for half the batch that
        the table tells.
    frames
        First and last frame of the file that were analysed; None if not known.
    spans
        What disturbed the recording.

    Attributes
    ----------
    when_changed
        Called after the table has got other columns.
    """

    table: pd.DataFrame
    placed: pd.DataFrame
    place: Place
    traces: pd.DataFrame | None = None
    video: Video | None = None
    verdicts: list[Verdict] = field(default_factory=list)
    around: float | None = None
    frames: tuple[int, int] | None = None
    spans: tuple[TimeSpan, ...] = ()
    when_changed: list[Callable[[], None]] = field(default_factory=list, init=False, repr=False)
    _before: list[dict[int, Verdict]] = field(default_factory=list, init=False, repr=False)

    def __post_init__(self) -> None:
        self._batch = 2 * self.around if self.around else batch_of(self.table)
        if self.around is None:
            self.around = half_batch(self.table)
        apart = (self.table["raw_frame"] - self.placed["frame"]).to_numpy(float)
        # Frame of the file of the first frame at the place.
        self._first = float(np.nanmedian(apart)) if np.isfinite(apart).any() else 0.0
        if len(self.verdicts) != len(self.table):
            self.verdicts = [""] * len(self.table)

    @classmethod
    def of_layer(cls, layer: Points) -> Review:
        """Return the review stored in a layer of landings, or create one from its features.

        Raises
        ------
        BadValueError
            If the layer has no landings.
        """
        stored = layer.metadata.get(KEY, {}).get("review")
        if isinstance(stored, Review):
            return stored
        if not {"landing", "contrast"} <= set(layer.features.columns):
            raise BadValueError(
                f"layer {layer.name!r} has no landings: run a recipe, or open a landings.csv"
            )
        place = place_of(layer)
        table = table_of(layer, place)
        verdicts: list[Verdict] = []
        if ACCEPTED in table.columns:
            verdicts = [verdict_of(value) for value in table[ACCEPTED]]
            table = table.drop(columns=ACCEPTED)
        return cls(table, table, place, verdicts=verdicts, around=around_of(layer))

    def judge(self, rows: list[int], verdict: Verdict) -> None:
        """Set the verdict of some rows; :meth:`undo` takes it back."""
        self._before.append({row: self.verdicts[row] for row in rows})
        for row in rows:
            self.verdicts[row] = verdict

    def add_columns(self, columns: pd.DataFrame) -> None:
        """Add columns, by the number of the landing, or replace those of these names."""
        rows = columns.reindex(self.table["landing"])
        self.table = self.table.assign(**{str(c): rows[c].to_numpy() for c in columns})
        for call in self.when_changed:
            call()

    @property
    def can_undo(self) -> bool:
        """Whether a verdict was set in this review."""
        return bool(self._before)

    def undo(self) -> list[int]:
        """Take back what was judged last; return its rows."""
        before = self._before.pop() if self._before else {}
        for row, verdict in before.items():
            self.verdicts[row] = verdict
        return list(before)

    def count(self, verdict: Verdict) -> int:
        """Return the number of landings with a verdict."""
        return self.verdicts.count(verdict)

    def row_of(self, landing: int) -> int:
        """Return the row of a landing by its number, or -1 if it is not in the table."""
        rows = np.flatnonzero(self.table["landing"].to_numpy() == landing)
        return int(rows[0]) if len(rows) else -1

    def world(self, row: int) -> Floats:
        """Return the position of a landing, (3,), in the world of the viewer."""
        position = self.placed.iloc[row][list(AXES)].to_numpy(float)
        return self.place.to_world(position)

    def trace(self, row: int) -> tuple[Floats, Floats]:
        """Return frames of the file and contrasts of a landing; empty if not available."""
        if self.traces is None or self.traces.empty:
            return np.zeros(0), np.zeros(0)
        trace = self.traces[self.traces["landing"] == self.table["landing"].iloc[row]]
        return trace["raw_frame"].to_numpy(float), trace["contrast"].to_numpy(float)

    def fitted(self, row: int, frames: Floats) -> tuple[Floats | None, Floats | None]:
        """Return the V of a landing at frames of the file, and its standard error, where known."""
        from napari_uai.iscat.measure.v_shape import v_shape, v_shape_error

        if self._batch is None:
            return None, None
        landing, error = self.table.iloc[row], None
        v = v_shape(frames, landing["raw_frame"], landing["contrast"], self._batch)
        if {"contrast_error", "frame_error"} <= {*self.table.columns}:
            error = v_shape_error(
                frames,
                landing["raw_frame"],
                landing["contrast"],
                self._batch,
                frame_error=landing["frame_error"],
                contrast_error=landing["contrast_error"],
            )
        return v, error if error is not None and np.isfinite(error).all() else None

    def world_frame(self, file_frame: float) -> float:
        """Convert a frame of the file to a world position along time."""
        return float(self.place.to_world((file_frame - self._first, 0.0, 0.0))[0])

    def file_frame(self, world_frame: float) -> float:
        """Convert a world position along time to a frame of the file."""
        return self.place.frame_at(world_frame) + self._first

    def cut_out(self, row: int) -> CutOut | None:
        """Return the surroundings of a landing in its frame of highest contrast, or None."""
        from napari_uai.videos.frames import frames_of

        position = self.placed.iloc[row][list(AXES)].to_numpy(float)
        if self.video is None or not np.isfinite(position).all():
            return None
        frames = frames_of(self.video)
        n, height, width = frames.shape
        frame = int(np.clip(round(position[0]), 0, n - 1))
        y, x = position[1:]
        top, left = max(round(y) - HALF_WINDOW_PX, 0), max(round(x) - HALF_WINDOW_PX, 0)
        bottom = min(round(y) + HALF_WINDOW_PX + 1, height)
        right = min(round(x) + HALF_WINDOW_PX + 1, width)
        if bottom <= top or right <= left:
            return None
        image = np.array(frames.read(frame, frame + 1)[0, top:bottom, left:right])
        contrast = abs(float(self.table["contrast"].iloc[row]))
        # Robust against noise and hot pixels.
        limit = max(np.nan_to_num(contrast), float(np.nanpercentile(np.abs(image), 90)), 1e-12)
        return CutOut(row, frame, image, limit, (float(y - top), float(x - left)))

    def histogram(
        self, column: str = "contrast", n_bars: int = 0, limits: Limits | None = None
    ) -> tuple[Floats, AnyArray]:
        """Return edges and counts of signed contrasts; rejected landings are excluded.

        Parameters
        ----------
        column
            Which contrast.
        n_bars
            Bars, about; 0 for as many as suit the number of landings.
        limits
            Contrasts outside are not counted; None to count all.
        """
        return contrast_bars(self._counted(column, limits), n_bars, limits)

    def rows_in_bar(
        self, bar: int, column: str = "contrast", n_bars: int = 0, limits: Limits | None = None
    ) -> list[int]:
        """Return the rows in a bar, the most confident landing first."""
        edges, _ = self.histogram(column, n_bars, limits)
        values = self._counted(column, limits)
        inside = self._bars(values, edges) == bar
        return [int(row) for row in np.flatnonzero(inside)]

    def rows_between(self, first: float, last: float) -> list[int]:
        """Return the rows between two frames of the file, the most confident landing first."""
        frames = self.table["raw_frame"].to_numpy(float)
        return [int(row) for row in np.flatnonzero((frames >= first) & (frames <= last))]

    def bar_of(
        self, row: int, column: str = "contrast", n_bars: int = 0, limits: Limits | None = None
    ) -> int:
        """Return the bar of a landing, or -1 if it is not counted."""
        edges, _ = self.histogram(column, n_bars, limits)
        return int(self._bars(self._counted(column, limits), edges)[row])

    def exported(self) -> pd.DataFrame:
        """Return the table for landings.csv, with verdicts if there are any."""
        if not any(self.verdicts):
            return self.table
        return self.table.assign(**{ACCEPTED: self.verdicts})

    def export(self, path: str | Path) -> None:
        """Write the landings with verdicts, in the format of the suffix.

        Raises
        ------
        NapariUaiError
            If the suffix is not known, or the file cannot be written.
        """
        from napari_uai.iscat.table_files import export_table

        export_table(self.exported(), path, overwrite=True)  # the dialog has asked

    def copy_verdicts(self, other: Review) -> int:
        """Copy the verdicts of an earlier review to landings at the same frame and position.

        Returns
        -------
        int
            Number of copied verdicts.
        """
        n_copied = 0
        judged = [row for row, verdict in enumerate(other.verdicts) if verdict]
        columns = ["raw_frame", "y", "x"]
        positions = self.table[columns].to_numpy(float)
        for row in judged:
            apart = np.abs(positions - other.table[columns].iloc[row].to_numpy(float))
            near = (apart[:, 0] <= _SAME_FRAMES) & (np.hypot(apart[:, 1], apart[:, 2]) <= _SAME_PX)
            if near.any():
                best = int(np.flatnonzero(near)[apart[near, 0].argmin()])
                self.verdicts[best] = other.verdicts[row]
                n_copied += 1
        return n_copied

    def _counted(self, column: str, limits: Limits | None) -> Floats:
        """Return contrasts; NaN where a landing is rejected or outside the limits."""
        values = self.table[column].to_numpy(float).copy()
        values[np.array([v == "no" for v in self.verdicts], bool)] = np.nan
        if limits is not None:
            values[(values < limits[0]) | (values > limits[1])] = np.nan
        return values

    @staticmethod
    def _bars(values: Floats, edges: Floats) -> AnyArray:
        bars = np.searchsorted(edges, values, "right") - 1
        bars[values == edges[-1]] = len(edges) - 2
        outside = ~np.isfinite(values) | (bars < 0) | (bars > len(edges) - 2)
        return np.where(outside, -1, bars)


@dataclass(frozen=True)
class CutOut:
    """Surroundings of a landing in one frame of the rolling average.

    Attributes
    ----------
    row
        Row of the landing.
    frame
        Frame of the rolling average.
    image
        Contrast, (rows, columns).
    limit
        Symmetric contrast limit.
    centre
        Row and column of the landing in the image.
    """

    row: int
    frame: int
    image: AnyArray
    limit: float
    centre: tuple[float, float]


def contrast_bars(
    values: Floats, n_bars: int = 0, limits: Limits | None = None
) -> tuple[Floats, AnyArray]:
    """Return edges and counts of a histogram of signed contrasts; NaN is not counted.

    The bars cover the limits, or all values and zero.
    """
    values = values[np.isfinite(values)]
    if not len(values):
        return np.array([-1.0, 1.0]), np.zeros(1, int)
    low, high = limits or (min(values.min(), 0.0), max(values.max(), 0.0))
    n = n_bars or int(np.clip(2 * np.sqrt(len(values)), 8, _MAX_BARS))
    step = (high - low) / n or 1.0
    # An edge at zero separates bright from dark landings.
    edges = np.arange(np.floor(low / step - 1e-9), np.ceil(high / step + 1e-9) + 1) * step
    return edges, np.histogram(values, edges)[0]


def half_batch(table: pd.DataFrame, batch_size: int | None = None) -> float:
    """Return half the batch of a run, frames: how long before and after a landing it is in view.

    Parameters
    ----------
    table
        Landings. A ``raw_frame`` lies one batch after the ``frame`` of the rolling average, which
        tells the batch of a run that is not known.
    batch_size
        Batch of the run, if known.
    """
    batch = batch_size or batch_of(table)
    return (batch if batch and batch > 0 else _USUAL_BATCH) / 2


def batch_of(table: pd.DataFrame) -> float | None:
    """Return the batch that a table of landings tells by its two kinds of frames, None if none."""
    if not len(table) or not {"frame", "raw_frame"} <= set(table.columns):
        return None
    apart = float((table["raw_frame"] - table["frame"]).median())
    return round(apart) if apart >= 1 else None
