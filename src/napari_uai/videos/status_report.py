"""Completeness of a recording, from the camera counters in its status line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from napari_uai.errors import counted
from napari_uai.typing import AnyArray, Bools, Floats, Ints

_WRAPS = {"ImgCnt": 2.0**24, "RealTimeCnt": 2.0**32}
"""Values at which the counters wrap to 0."""


@dataclass(frozen=True)
class StatusReport:
    """Completeness of a recording according to the camera counters.

    Attributes
    ----------
    n_frames
        Frames in the recording.
    n_dropped
        Images that the camera took but the file lacks.
    gaps
        Frames before which images are missing, and their number.
    repeated
        Frames with the same image counter as the previous frame.
    restarted
        Frames at which the counter decreased: the camera was restarted, or recordings were joined.
    n_missed_triggers
        Triggers that came too early for the camera.
    missed_triggers
        Frames at which the counter of missed triggers increased.
    damaged
        Frames whose status line cannot be read.
    images_per_frame
        Typical step of the image counter; above 1 if frames are accumulated or skipped on purpose.
    frame_rate_hz
        From the clock of the camera; None if not recorded.

    Examples
    --------
    >>> import napari_uai as uai
    >>> video = uai.open_video(uai.sample_path("landings.bin"))
    >>> report = uai.videos.status_report(uai.videos.read_status_line(video))
    >>> report.n_dropped, report.gaps, report.complete
    (2, ((12, 1), (440, 1)), False)
    """

    n_frames: int
    n_dropped: int
    gaps: tuple[tuple[int, int], ...]
    repeated: tuple[int, ...]
    restarted: tuple[int, ...]
    n_missed_triggers: int
    missed_triggers: tuple[int, ...]
    damaged: tuple[int, ...]
    images_per_frame: int
    frame_rate_hz: float | None

    @property
    def complete(self) -> bool:
        """Whether every image is present exactly once and no trigger was missed."""
        return not (
            self.gaps or self.repeated or self.restarted or self.missed_triggers or self.damaged
        )

    @property
    def text(self) -> str:
        """The report as one line."""
        if self.complete:
            return f"status line: all {self.n_frames} frames are present, no trigger was missed"
        parts = []
        if self.gaps:
            before = _before([frame for frame, _ in self.gaps])
            parts.append(f"{counted(self.n_dropped, 'image')} dropped{before}")
        if self.repeated:
            parts.append(f"{counted(len(self.repeated), 'frame')} repeated{_at(self.repeated)}")
        if self.restarted:
            parts.append(f"counter restarted{_at(self.restarted)}")
        if self.missed_triggers:
            missed = counted(self.n_missed_triggers, "trigger")
            parts.append(f"{missed} missed{_at(self.missed_triggers)}")
        if self.damaged:
            damaged = counted(len(self.damaged), "status line")
            parts.append(f"{damaged} damaged{_at(self.damaged)}")
        return f"status line of {counted(self.n_frames, 'frame')}: {'; '.join(parts)}"


def status_report(table: pd.DataFrame) -> StatusReport:
    """Find dropped and repeated frames and missed triggers.

    Parameters
    ----------
    table
        Result of :func:`read_status_line`.

    Returns
    -------
    StatusReport
        Gaps, repeats, restarts, missed triggers and damaged lines.

    Examples
    --------
    >>> import napari_uai as uai
    >>> video = uai.open_video(uai.sample_path("landings.bin"))
    >>> print(uai.videos.status_report(uai.videos.read_status_line(video)).text)
    status line of 1200 frames: 2 images dropped (before frame 12, 440)
    """
    frame = table["frame"].to_numpy()
    good = table["NrAcc"].to_numpy() > 0
    count = _column(table, "ImgCnt", good)
    steps = _steps(count, _WRAPS["ImgCnt"])
    forward = steps[steps > 0]
    usual = float(np.median(forward)) if forward.size else 1.0
    # A damaged line between two intact ones counts as one frame that is present.
    present = np.diff(np.flatnonzero(good))
    missing = np.rint(steps / usual - present)
    missing[steps <= 0] = 0
    after = frame[good][1:]
    gaps = missing > 0
    triggers = np.diff(_column(table, "MissedTrgCnt", good))
    missed = triggers > 0
    return StatusReport(
        n_frames=len(table),
        n_dropped=int(missing[gaps].sum()),
        gaps=tuple((int(f), int(n)) for f, n in zip(after[gaps], missing[gaps], strict=True)),
        repeated=_whole(after[steps == 0]),
        restarted=_whole(after[steps < 0]),
        n_missed_triggers=int(np.ceil(triggers[missed]).sum()),
        missed_triggers=_whole(after[: missed.size][missed]),
        damaged=_whole(frame[~good]),
        images_per_frame=max(1, round(usual)),
        frame_rate_hz=_frame_rate(_column(table, "RealTimeCnt", good), present),
    )


def _column(table: pd.DataFrame, name: str, good: Bools) -> Floats:
    if name not in table:
        return np.zeros(0)
    return table[name].to_numpy(np.float64)[good]


def _steps(count: Floats, wrap: float) -> Floats:
    """Return differences of a counter that wraps to 0 after ``wrap - 1``."""
    steps = np.diff(count)
    # Only a counter near its maximum has wrapped; otherwise it was reset.
    came_round = steps < -wrap / 2
    return np.where(came_round, steps + wrap, steps)


def _frame_rate(time_us: Floats, present: Ints) -> float | None:
    steps = _steps(time_us, _WRAPS["RealTimeCnt"])
    steps = steps[(steps > 0) & (present == 1)] if steps.size == present.size else steps[:0]
    # The clock counts whole microseconds: the mean of typical steps is finer than their median.
    usual = (
        steps[np.abs(steps - np.median(steps)) <= 0.5 * np.median(steps)] if steps.size else steps
    )
    return float(1e6 / usual.mean()) if usual.size else None


def _whole(values: AnyArray) -> tuple[int, ...]:
    return tuple(int(value) for value in values)


def _at(frames: Sequence[int]) -> str:
    return f" (frame {_listed(frames)})"


def _before(frames: Sequence[int]) -> str:
    return f" (before frame {_listed(frames)})"


def _listed(frames: Sequence[int]) -> str:
    shown = ", ".join(str(frame) for frame in frames[:5])
    return f"{shown}, ..." if len(frames) > 5 else shown
