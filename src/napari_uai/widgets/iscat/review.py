"""Landings under review: which are accepted, where each is found again; knows no window."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from napari_uai.errors import BadValueError, OutputError
from napari_uai.widgets.kit.layers import AXES, KEY, Place, place_of, table_of

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from napari_uai.videos.frames import Video

Verdict: TypeAlias = Literal["yes", "no", ""]

ACCEPTED = "accepted"
"""Column, in landings.csv and in a layer's features: ``yes``, ``no``, or empty if undecided."""

CONTRASTS = ("contrast", "peak_contrast", "intersection_contrast", "prominence_contrast")
"""Columns that may be shown in a histogram."""

HALF_WINDOW_PX = 10
_MAX_BARS = 40


@dataclass
class Review:
    """Landings of a run and what a person thinks of them.

    Parameters
    ----------
    table
        One row per landing, as it is written to landings.csv.
    placed
        The same rows with ``frame, y, x`` in px of the video at ``place``.
    place
        Where the video lies that the landings are shown over.
    traces
        Contrast by ``landing`` and ``raw_frame``; None if there is none.
    video
        Rolling average, in whose frames and pixels ``placed`` is; None if it is not at hand.
    verdicts
        One per row.
    """

    table: pd.DataFrame
    placed: pd.DataFrame
    place: Place
    traces: pd.DataFrame | None = None
    video: Video | None = None
    verdicts: list[Verdict] = field(default_factory=list)

    def __post_init__(self) -> None:
        if len(self.verdicts) != len(self.table):
            self.verdicts = [""] * len(self.table)

    @classmethod
    def of_layer(cls, layer: Any) -> Review:
        """Return the review that a layer of landings carries, or begin one with its features.

        Raises
        ------
        BadValueError
            If it is not a layer of landings.
        """
        kept = layer.metadata.get(KEY, {}).get("review")
        if isinstance(kept, Review):
            return kept
        if not {"landing", "contrast"} <= set(layer.features.columns):
            raise BadValueError(
                f"layer {layer.name!r} holds no landings: run a recipe, or open a landings.csv"
            )
        place = place_of(layer)
        table = table_of(layer, place)
        verdicts: list[Verdict] = []
        if ACCEPTED in table.columns:
            verdicts = [verdict_of(value) for value in table[ACCEPTED]]
            table = table.drop(columns=ACCEPTED)
        return cls(table, table, place, verdicts=verdicts)

    def judge(self, rows: list[int], verdict: Verdict) -> None:
        """Accept, reject or leave open."""
        for row in rows:
            self.verdicts[row] = verdict

    def count(self, verdict: Verdict) -> int:
        """Return how many have a verdict."""
        return self.verdicts.count(verdict)

    def row_of(self, landing: int) -> int:
        """Return the row of a landing by its number, -1 if it is not in the table."""
        found = np.flatnonzero(self.table["landing"].to_numpy() == landing)
        return int(found[0]) if len(found) else -1

    def world(self, row: int) -> np.ndarray:
        """Return frame, y and x of a landing in the world of the viewer."""
        position = self.placed.iloc[row][list(AXES)].to_numpy(float)
        return self.place.to_world(position)

    def trace(self, row: int) -> tuple[np.ndarray, np.ndarray]:
        """Return frames of the file and contrasts of a landing; empty if there is no trace."""
        if self.traces is None or self.traces.empty:
            return np.zeros(0), np.zeros(0)
        trace = self.traces[self.traces["landing"] == self.table["landing"].iloc[row]]
        return trace["raw_frame"].to_numpy(float), trace["contrast"].to_numpy(float)

    def world_frame(self, row: int, raw_frame: float) -> float:
        """Return where a frame of the file lies along the axis of frames of the viewer."""
        event = float(self.table["raw_frame"].iloc[row])
        return float(self.world(row)[0]) + self.place.frames_to_world(raw_frame - event)

    def raw_frame(self, row: int, world_frame: float) -> float:
        """Return the frame of the file at a position of the viewer."""
        event = float(self.table["raw_frame"].iloc[row])
        return event + self.place.frame_at(world_frame) - self.place.frame_at(self.world(row)[0])

    def cut_out(self, row: int) -> CutOut | None:
        """Return the surroundings of a landing where it stands out most; may take a moment."""
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
        picture = np.array(frames.read(frame, frame + 1)[0, top:bottom, left:right])
        contrast = abs(float(self.table["contrast"].iloc[row]))
        # Neither noise nor a hot pixel may hide the landing.
        limit = max(np.nan_to_num(contrast), float(np.nanpercentile(np.abs(picture), 90)), 1e-12)
        return CutOut(row, frame, picture, limit, (float(y - top), float(x - left)))

    def histogram(self, column: str = "contrast") -> tuple[np.ndarray, np.ndarray]:
        """Return edges and counts of signed contrasts; rejected landings are not counted."""
        values = self._counted(column)
        values = values[np.isfinite(values)]
        if not len(values):
            return np.array([-1.0, 1.0]), np.zeros(1, int)
        low, high = min(values.min(), 0.0), max(values.max(), 0.0)
        n = int(np.clip(2 * np.sqrt(len(values)), 8, _MAX_BARS))
        step = (high - low) / n or 1.0
        # An edge at zero: a bar is either of bright or of dark landings.
        edges = np.arange(np.floor(low / step - 1e-9), np.ceil(high / step + 1e-9) + 1) * step
        return edges, np.histogram(values, edges)[0]

    def rows_in_bar(self, bar: int, column: str = "contrast") -> list[int]:
        """Return the rows that a bar counts, surest first."""
        edges, _ = self.histogram(column)
        values = self._counted(column)
        inside = self._bars(values, edges) == bar
        return [int(row) for row in np.flatnonzero(inside)]

    def bar_of(self, row: int, column: str = "contrast") -> int:
        """Return the bar that counts a landing, -1 if none."""
        edges, _ = self.histogram(column)
        return int(self._bars(self._counted(column), edges)[row])

    def exported(self) -> pd.DataFrame:
        """Return the landings as landings.csv has them, with verdicts if there are any."""
        if not any(self.verdicts):
            return self.table
        return self.table.assign(**{ACCEPTED: self.verdicts})

    def export(self, path: str | Path) -> None:
        """Write landings.csv.

        Raises
        ------
        OutputError
            If the file cannot be written.
        """
        from napari_uai.results import write_table

        try:
            write_table(self.exported(), path)
        except OSError as error:
            raise OutputError(
                f"cannot write {path}: {error.strerror or error}; choose another place"
            ) from error

    def take_over(self, other: Review) -> int:
        """Take verdicts of an earlier review for landings at the same time and place.

        Returns
        -------
        int
            How many were taken.
        """
        taken = 0
        judged = [row for row, verdict in enumerate(other.verdicts) if verdict]
        columns = ["raw_frame", "y", "x"]
        mine = self.table[columns].to_numpy(float)
        for row in judged:
            away = np.abs(mine - other.table[columns].iloc[row].to_numpy(float))
            near = (away[:, 0] <= _SAME_FRAMES) & (np.hypot(away[:, 1], away[:, 2]) <= _SAME_PX)
            if near.any():
                best = int(np.flatnonzero(near)[away[near, 0].argmin()])
                self.verdicts[best] = other.verdicts[row]
                taken += 1
        return taken

    def _counted(self, column: str) -> np.ndarray:
        values = self.table[column].to_numpy(float).copy()
        values[np.array([v == "no" for v in self.verdicts], bool)] = np.nan
        return values

    @staticmethod
    def _bars(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
        bars = np.searchsorted(edges, values, "right") - 1
        bars[values == edges[-1]] = len(edges) - 2
        outside = ~np.isfinite(values) | (bars < 0) | (bars > len(edges) - 2)
        return np.where(outside, -1, bars)


@dataclass(frozen=True)
class CutOut:
    """Surroundings of a landing in one frame of the rolling average."""

    row: int
    frame: int
    picture: np.ndarray
    limit: float
    centre: tuple[float, float]


_SAME_FRAMES, _SAME_PX = 50, 2.0


def verdict_of(value: Any) -> Verdict:
    """Read a verdict as a table holds it."""
    text = str(value).strip().lower()
    return "yes" if text in {"yes", "true", "1"} else "no" if text in {"no", "false", "0"} else ""
