"""What the camera itself does: saturated pixels, an offset, counts in steps too large."""

from __future__ import annotations

import numpy as np

from napari_uai.iscat.correct.camera_offset import offset_of_line
from napari_uai.iscat.disturbances.overview import Overview
from napari_uai.typing import Bools
from napari_uai.videos.frames import Frames

SATURATED = 0.002
"""Fraction of the frames in which a pixel reaches the largest count."""

BITS = (8, 10, 12, 14, 16)
MOST_SATURATED = 0.3

OFFSET_ERRORS = 4.0
OFFSET_SHARE = 0.02
"""Standard errors, and fraction of the mean, from which an offset is told."""

COARSE = 0.35
"""Noise of a frame, in counts, below which its steps hide small changes."""


def saturated_pixels(frames: Frames, seen: Overview) -> Bools:
    """Return the pixels that reach the largest count of the camera more than now and then."""
    none = np.zeros(seen.reference.shape, np.bool_)
    if frames.dtype.kind not in "ui" or not _is_largest(int(seen.ceiling)):
        return none
    mask = np.asarray(seen.at_ceiling > SATURATED * len(frames))
    return none if mask.mean() > MOST_SATURATED else mask


def _is_largest(count: int) -> bool:
    """Return whether it is the largest count of a camera, of whatever bits, shifted or not."""
    return any(count == (2**bits - 1) << shift for bits in BITS for shift in range(17 - bits))


def camera_notes(frames: Frames, seen: Overview) -> tuple[str, ...]:
    """Return what is to be said about offset and digitisation."""
    notes = []
    usable = seen.steady & (seen.at_ceiling == 0) & (seen.mean > 0) & (seen.variance > 0)
    whole = frames.dtype.kind in "ui"
    line = offset_of_line(seen.mean[usable], seen.variance[usable], whole_counts=whole)
    mean = float(seen.mean[usable].mean()) if usable.any() else 0.0
    if line is not None:
        offset, error = line
        if offset > OFFSET_ERRORS * error and offset > OFFSET_SHARE * mean:
            notes.append(
                f"the noise says that the camera adds about {offset:.0f} +- {error:.0f} counts of "
                f"{mean:.0f} without light, which makes contrasts {1 - offset / mean:.2f} times as "
                f"large: set power.offset to its dark counts, to estimated, or to a recording "
                "without light"
            )
    noise = float(np.sqrt(np.median(seen.variance[usable]))) if usable.any() else np.inf
    if whole and noise < COARSE:
        notes.append(
            f"the noise of a frame is {noise:.2f} counts only: steps of whole counts hide small "
            "changes; use more bits or more gain"
        )
    return tuple(notes)
