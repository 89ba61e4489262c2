"""Recordings without what disturbs them, frame numbers unchanged."""

from __future__ import annotations

import numpy as np

from napari_uai.iscat.correct.bad_pixels import FilledFrames
from napari_uai.iscat.disturbances.record import Disturbances
from napari_uai.typing import Bools, Ints
from napari_uai.videos.frames import Frames
from napari_uai.videos.sampling import runs_of
from napari_uai.videos.sources.chosen import ChosenFrames


def mended_frames(frames: Frames, found: Disturbances) -> Frames:
    """Replace what is left out, so that stages that know nothing of it are not disturbed.

    Parameters
    ----------
    frames
        The recording.
    found
        What disturbs it.

    Returns
    -------
    Frames
        Of the same length and type. Frames that are left out are replaced by those before and after
        the gap, mirrored at its ends: their noise is that of other frames, and what changes from
        before to after changes in the middle. Pixels that are left out have the median of the good
        ones around them.
    """
    out = found.left_out
    if out.any():
        frames = ChosenFrames(frames, _mirrored(out))
    return FilledFrames(frames, found.masked) if found.masked.any() else frames


def _mirrored(out: Bools) -> Ints:
    """Return for each frame the one that takes its place; itself if it is kept."""
    kept = np.flatnonzero(~out)
    numbers = np.arange(len(out))
    for run in runs_of(np.flatnonzero(out)):
        before, after = kept[kept < run[0]][::-1], kept[kept > run[-1]]
        half = len(run) if not len(after) else 0 if not len(before) else len(run) // 2
        numbers[run[:half]] = np.resize(_there_and_back(before), half)
        numbers[run[half:]] = np.resize(_there_and_back(after), len(run) - half)[::-1]
    return numbers


def _there_and_back(numbers: Ints) -> Ints:
    return np.concatenate([numbers, numbers[::-1]])
