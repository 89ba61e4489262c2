"""Finding all that disturbs a recording, in one pass."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from napari_uai.errors import counted
from napari_uai.iscat.disturbances.camera import camera_notes, likely_offset, saturated_pixels
from napari_uai.iscat.disturbances.flicker import flickering_pixels
from napari_uai.iscat.disturbances.jumps import exact_frames, jumping_bins
from napari_uai.iscat.disturbances.odd_frames import odd_frames
from napari_uai.iscat.disturbances.overview import Overview, overview
from napari_uai.iscat.disturbances.passing import passing_bins
from napari_uai.iscat.disturbances.record import Disturbances, Span, spans_of
from napari_uai.iscat.disturbances.residuals import tiles_of
from napari_uai.monitor import SILENT, Monitor
from napari_uai.typing import Bools, Ints
from napari_uai.videos.frames import Frames, Video, frames_of

FEWEST_FRAMES = 200
FEWEST_PIXELS = 15
"""Shorter recordings, and fields with shorter sides (px), are not searched."""

FEWEST_BINS = 30

MOST_LEFT_OUT = 0.5
"""Fraction of the frames up to which they are left out."""

MOST_PASSING = 0.2
"""Fraction of the bins up to which those through which something passes are left out."""

MOST_PIXELS = 0.1


def find_disturbances(
    video: Video, *, moving_too: bool = True, monitor: Monitor = SILENT
) -> Disturbances:
    """Find what disturbs a recording: frames and pixels to leave out, and jumps.

    Parameters
    ----------
    video
        Frames, rows, columns; counts of the camera without status line, none of them NaN.
    moving_too
        Whether what passes through the field disturbs, and what its passage can be taken for:
        flickering pixels, jumps, an offset. Not where it is what one looks for.
    monitor
        Progress and cancellation of the single pass over the recording.

    Returns
    -------
    Disturbances
        Nothing for recordings of fewer than 200 frames, or smaller than 15 x 15 px.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> scene = 1000 * (1 + 0.1 * np.sin(np.arange(24) / 2))
    >>> video = rng.poisson(scene, (400, 24, 24))
    >>> video[120:130] = 0
    >>> find_disturbances(video).sentences()
    ('frames 120-129: no light; left out',)
    """
    frames = frames_of(video)
    nothing = Disturbances.none_of(frames.shape)
    if len(frames) < FEWEST_FRAMES or min(frames.shape[1:]) < FEWEST_PIXELS:
        return nothing
    seen = overview(frames, monitor=monitor.part(0.0, 0.6))
    if seen is None:
        return nothing
    spans = odd_frames(frames, seen)
    n_odd = sum(span.last - span.first + 1 for span in spans)
    if n_odd > MOST_LEFT_OUT * len(frames):
        note = (
            f"{n_odd} of {counted(len(frames), 'frame')} have no light or are unlike the others: "
            "too many to leave them out; cut the recording"
        )
        return replace(nothing, notes=(note,))
    saturated = saturated_pixels(frames, seen)
    found = replace(
        nothing,
        spans=spans,
        saturated=saturated,
        notes=camera_notes(frames, seen),
        offset=likely_offset(frames, seen),
    )
    if not moving_too:
        # Particles that move are noise to the estimate of the offset, too.
        return replace(found, spans=tuple(s for s in spans if s.kind != "passing"), offset=None)
    if len(seen.whole) < FEWEST_BINS:
        return found
    return _found_in_bins(frames, seen, found, monitor.part(0.6, 1.0))


def _found_in_bins(
    frames: Frames, seen: Overview, found: Disturbances, monitor: Monitor
) -> Disturbances:
    """Add what is seen in the means of bins only."""
    whole = seen.whole
    tiles = list(tiles_of(seen.bins[whole], monitor=monitor.part(0.0, 0.5)))
    if not tiles:
        return found
    tiles = [tile.without(found.saturated[tile.rows, tile.columns]) for tile in tiles]
    passing = np.zeros(len(whole), np.bool_)
    for tile in tiles:
        passing |= passing_bins(tile)
    notes = found.notes
    if passing.mean() > MOST_PASSING:
        share = f"{passing.mean():.0%}"
        notes += (f"things pass through the field in {share} of the time: not left out",)
        passing[:] = False
    breaks = jumping_bins(tiles)
    breaks = breaks[~_near(breaks, np.flatnonzero(passing))]
    flickering = np.zeros(found.shape, np.bool_)
    for i, tile in enumerate(tiles):
        monitor.update(0.5 + 0.5 * i / len(tiles))
        flickering[tile.rows, tile.columns] = flickering_pixels(tile, breaks)
    if flickering.mean() > MOST_PIXELS:
        notes += (f"{flickering.mean():.0%} of the pixels flicker: not left out",)
        flickering[:] = False
    return replace(
        found,
        spans=_joined(found.spans, _frames_of(whole[passing], seen.bin_size)),
        flickering=flickering,
        jumps=exact_frames(frames, seen, tiles, whole, breaks),
        notes=notes,
    )


def _near(bins: Ints, others: Ints) -> Bools:
    """Return which bins are next to any of the others."""
    return np.asarray(np.abs(bins[:, None] - others).min(axis=1, initial=np.iinfo(int).max) <= 3)


def _frames_of(bins: Ints, size: int) -> Ints:
    return (bins[:, None] * size + np.arange(size)).ravel()


def _joined(spans: tuple[Span, ...], passing: Ints) -> tuple[Span, ...]:
    """Add frames through which something passes; what they hold is part of it."""
    seen = np.concatenate(
        [passing, *(np.arange(s.first, s.last + 1) for s in spans if s.kind == "passing")]
    ).astype(np.int64)
    runs = spans_of(seen, "passing")
    rest = [
        span
        for span in spans
        if span.kind != "passing"
        and not any(run.first <= span.first and span.last <= run.last for run in runs)
    ]
    return tuple(sorted([*rest, *runs], key=lambda span: span.first))
