"""What the camera itself does: saturated pixels, an offset, counts in steps too large."""

from __future__ import annotations

import numpy as np

from napari_uai.iscat.correct.transfer_line import ROUNDING, transfer_line
from napari_uai.iscat.disturbances.overview import Overview
from napari_uai.typing import Bools
from napari_uai.videos.frames import Frames
from napari_uai.videos.health import is_largest_count

SATURATED = 0.002
"""Fraction of the frames in which a pixel reaches the largest count."""

MOST_SATURATED = 0.3

OFFSET_ERRORS = 4.0
OFFSET_SHARE = 0.02
"""Standard errors, and fraction of the mean, from which an offset is told."""

COARSE = 0.35
"""Noise of a frame before rounding, in counts, below which its steps hide small changes."""


def saturated_pixels(frames: Frames, seen: Overview) -> Bools:
    """Return the pixels that reach the largest count of the camera more than now and then."""
    none = np.zeros(seen.reference.shape, np.bool_)
    if frames.dtype.kind not in "ui" or not is_largest_count(seen.ceiling):
        return none
    mask = np.asarray(seen.at_ceiling > SATURATED * len(frames))
    return none if mask.mean() > MOST_SATURATED else mask


def likely_offset(frames: Frames, seen: Overview) -> tuple[float, float, float] | None:
    """Return what the camera adds without light, its error, and the mean; None if unlikely."""
    usable = _usable(seen)
    line = transfer_line(
        seen.mean[usable], seen.variance[usable], whole_counts=frames.dtype.kind in "ui"
    )
    if line is None:
        return None
    offset, error = line.offset, line.offset_error
    mean = float(seen.mean[usable].mean())
    likely = offset > OFFSET_ERRORS * error and offset > OFFSET_SHARE * mean
    return (offset, error, mean) if likely else None


def camera_notes(frames: Frames, seen: Overview) -> tuple[str, ...]:
    """Return what is to be said about digitisation."""
    usable = _usable(seen)
    if frames.dtype.kind not in "ui" or not usable.any():
        return ()
    noise = float(np.sqrt(max(np.median(seen.variance[usable]) - ROUNDING, 0.0)))
    if noise >= COARSE:
        return ()
    note = (
        f"the noise of a frame is {noise:.2f} counts only: steps of whole counts hide small "
        "changes; use more bits or more gain"
    )
    return (note,)


def _usable(seen: Overview) -> Bools:
    return np.asarray(seen.steady & (seen.at_ceiling == 0) & (seen.mean > 0) & (seen.variance > 0))
