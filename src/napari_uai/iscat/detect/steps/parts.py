"""Parts of a recording: overlapping segments in time and tiles in space."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pandas as pd
from scipy.spatial import KDTree

from napari_uai.errors import TooFewFramesError
from napari_uai.iscat.correct.binning import BinnedFrames
from napari_uai.iscat.correct.stage_drift import binned_frames
from napari_uai.iscat.disturbances.record import Disturbances
from napari_uai.monitor import Monitor
from napari_uai.typing import AnyArray, Floats, Ints
from napari_uai.videos.frames import Frames
from napari_uai.videos.sources.chosen import ChosenFrames

BINS_PER_BATCH = 20
SEGMENT_BATCHES = 12
OVERLAP_BATCHES = 4
FEWEST_BINS = 12

END_BATCHES = 0.5
"""Steps closer to either end are not reported: too few frames show the state without them."""


# one part of a recording ----------------------------------------------------------------------


@dataclass(frozen=True)
class Part:
    """A segment in time and a tile in space, with the inner part whose events it owns."""

    binned: BinnedFrames
    bins: tuple[int, int]
    rows: tuple[int, int]
    columns: tuple[int, int]
    own_bins: tuple[float, float]
    own_rows: tuple[float, float]
    own_columns: tuple[float, float]
    numbers: Ints

    def read_segment(self, monitor: Monitor) -> Floats:
        """Read the bins of this segment, for the whole field."""
        # For cancellation only: progress counts parts.
        quiet = Monitor(cancelled=monitor.cancelled)
        return binned_frames(self.binned, *self.bins, monitor=quiet)

    def shares_segment(self, other: Part) -> bool:
        """Return whether another part has the same bins."""
        return self.numbers is other.numbers and self.bins == other.bins

    def tile_of(self, images: AnyArray) -> AnyArray:
        """Crop this tile from the segment's bins, or from a mask (1, rows, columns)."""
        return images[:, self.rows[0] : self.rows[1], self.columns[0] : self.columns[1]]

    def owned(self, events: pd.DataFrame) -> pd.DataFrame:
        """Convert events to the coordinates of the video, and keep those that this part owns."""
        size = self.binned.bin_size
        events = events.assign(
            y=events["y"] + self.rows[0],
            x=events["x"] + self.columns[0],
            bin=events["bin"] + self.bins[0],
        )
        at = events["bin"].to_numpy(np.float64) * size
        events["frame"] = self._in_video(np.rint(at)).astype(np.int64)
        for name, side in (("frame_before", -1), ("frame_after", 1)):
            away = size * events[name].to_numpy(np.float64)
            # What happened in a gap is placed at either end, within a bin.
            farther = side * (self._in_video(at + side * (away + size)) - self._in_video(at))
            events[name] = np.where(farther > away + size + 0.5, farther, away)
        events["frame_error"] *= size
        keep = np.ones(len(events), bool)
        for name, (low, high) in (
            ("bin", self.own_bins),
            ("y", self.own_rows),
            ("x", self.own_columns),
        ):
            keep &= (events[name] >= low) & (events[name] < high)
        return events[keep]

    def bins_at(self, frames: AnyArray) -> Floats:
        """Return when frames of the video are, in bins of this part."""
        at = np.interp(frames, self.numbers, np.arange(len(self.numbers)))
        return np.asarray(at / self.binned.bin_size - self.bins[0])

    def _in_video(self, at: AnyArray) -> AnyArray:
        """Return times in the video, whose left out frames this part does not count."""
        return np.asarray(np.interp(at, np.arange(len(self.numbers)), self.numbers))


def recording_parts(
    frames: Frames,
    disturbances: Disturbances,
    batch_size: int,
    tile_px: int,
    *,
    margin: int,
) -> list[Part]:
    """Divide a recording into segments, and each into tiles that overlap by a margin (px).

    Frames that are left out are in none, and segments end where the whole image jumps.
    """
    pieces = disturbances.pieces(2 * batch_size)
    return [
        part
        for numbers in pieces
        for part in _parts_of(ChosenFrames(frames, numbers), batch_size, tile_px, margin, numbers)
    ]


def _parts_of(
    frames: Frames, batch_size: int, tile_px: int, margin: int, numbers: Ints
) -> Iterator[Part]:
    bin_size = max(batch_size // BINS_PER_BATCH, 1)
    binned = BinnedFrames(frames, bin_size)
    if len(binned) < FEWEST_BINS:
        raise TooFewFramesError(
            f"detecting steps needs at least {FEWEST_BINS} bins, {len(frames)} frames make "
            f"{len(binned)} bins of {bin_size}: use a smaller batch_size"
        )
    per_batch = max(batch_size // bin_size, 1)
    length, overlap = SEGMENT_BATCHES * per_batch, OVERLAP_BATCHES * per_batch
    ends = per_batch * END_BATCHES, len(binned) - per_batch * END_BATCHES
    for bins, within in _cut(len(binned), length, overlap, slack=length // 3):
        own_bins = max(within[0], ends[0]), min(within[1], ends[1])
        for rows, own_rows in _cut(frames.shape[1], tile_px, margin, slack=tile_px // 3):
            for columns, own_columns in _cut(frames.shape[2], tile_px, margin, slack=tile_px // 3):
                yield Part(binned, bins, rows, columns, own_bins, own_rows, own_columns, numbers)


Range: TypeAlias = tuple[int, int]


def _cut(
    n: int, length: int, overlap: int, *, slack: int
) -> Iterator[tuple[Range, tuple[float, float]]]:
    """Divide 0..n into overlapping ranges of a given length, each with the part that it owns."""
    count = 1 if n <= length + slack else -(-(n - overlap) // max(length - overlap, 1))
    edges = np.linspace(0, n, count + 1)
    for i in range(count):
        low = 0 if i == 0 else max(int(edges[i] - overlap / 2), 0)
        high = n if i == count - 1 else min(int(np.ceil(edges[i + 1] + overlap / 2)), n)
        own_low = -np.inf if i == 0 else float(edges[i])
        own_high = np.inf if i == count - 1 else float(edges[i + 1])
        yield (low, high), (own_low, own_high)


def counted_once(events: pd.DataFrame, *, near_px: float, near_frames: float) -> pd.DataFrame:
    """Drop events that a neighbouring part has detected with a higher score."""
    if events["part"].nunique() < 2:
        return events
    scaled = events[["frame", "y", "x"]] / [near_frames, near_px, near_px]
    pairs = KDTree(scaled).query_pairs(np.sqrt(2), output_type="ndarray")
    part, bright = events["part"].to_numpy(), events["contrast"].to_numpy() > 0
    frame, y, x = (scaled[name].to_numpy() for name in ("frame", "y", "x"))
    a, b = pairs.T
    twins = (part[a] != part[b]) & (bright[a] == bright[b])
    twins &= (np.abs(frame[a] - frame[b]) <= 1) & (np.hypot(y[a] - y[b], x[a] - x[b]) <= 1)
    score = events["score"].to_numpy()
    weaker = np.where(score[a] < score[b], a, b)[twins]
    keep = np.ones(len(events), bool)
    keep[weaker] = False
    return events[keep]
