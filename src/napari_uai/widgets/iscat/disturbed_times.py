"""What disturbed a recording, as stretches that a timeline shades; uses no Qt."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_uai.errors import counted
from napari_uai.widgets.kit.time_spans import TimeSpan

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_uai.iscat.disturbances.record import Span
    from napari_uai.iscat.recipes.run import RunResult
    from napari_uai.report.records import LandingRecord, StatusRecord
    from napari_uai.videos.status_report import StatusReport


def disturbed_times(result: RunResult) -> tuple[TimeSpan, ...]:
    """Return frames that a run left out, jumps, and what the camera dropped, in frames of the file.

    Parameters
    ----------
    result
        Run of a recipe; its recording may begin after the first frame of the file.
    """
    found, status, first = result.disturbances, result.status, result.recording.first_frame
    spans: tuple[Span, ...] = ()
    jumps: tuple[int, ...] = ()
    if found is not None:
        spans = tuple(replace(s, first=s.first + first, last=s.last + first) for s in found.spans)
        jumps = tuple(jump + first for jump in found.jumps)
    return _times(spans, jumps, status, first)


def recorded_times(record: LandingRecord) -> tuple[TimeSpan, ...]:
    """Return the same of a saved run, from its ``run.json``."""
    from napari_uai.iscat.disturbances.record import Span

    found = record.disturbances
    spans = [] if found is None else [Span(s.kind, s.first, s.last) for s in found.frames_left_out]
    jumps = [] if found is None else found.jumps
    return _times(spans, jumps, record.status_line, record.input.first_frame)


def _times(
    left_out: Iterable[Span],
    jumps: Iterable[int],
    status: StatusReport | StatusRecord | None,
    first: int,
) -> tuple[TimeSpan, ...]:
    """Return what is shaded: spans and jumps in frames of the file, a status from ``first`` on."""
    spans = [TimeSpan(s.first, s.last, f"{s.text()}: {s.why}; left out") for s in left_out]
    spans += [_at(jump, "the whole image changes at once") for jump in jumps]
    if status is not None:
        spans += [
            _at(frame + first, f"{counted(n, 'image')} dropped before it")
            for frame, n in status.gaps
        ]
        spans += [_at(frame + first, "the camera was restarted") for frame in status.restarted]
        spans += [_at(frame + first, "status line damaged") for frame in status.damaged]
    return tuple(sorted(spans))


def _at(frame: int, text: str) -> TimeSpan:
    return TimeSpan(frame, frame, f"frame {frame}: {text}")
