"""What disturbed a recording, as stretches that a timeline shades; uses no Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_uai.errors import counted
from napari_uai.widgets.kit.time_spans import TimeSpan

if TYPE_CHECKING:
    from napari_uai.iscat.recipes.run import RunResult


def disturbed_times(result: RunResult) -> tuple[TimeSpan, ...]:
    """Return frames that a run left out, jumps, and what the camera dropped, in frames of the file.

    Parameters
    ----------
    result
        Run of a recipe; its recording may begin after the first frame of the file.
    """
    found, status, first = result.disturbances, result.status, result.recording.first_frame
    spans = []
    if found is not None:
        spans += [
            TimeSpan(s.first + first, s.last + first, f"{s.text(first)}: {s.why}; left out")
            for s in found.spans
        ]
        spans += [_at(jump + first, "the whole image changes at once") for jump in found.jumps]
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
