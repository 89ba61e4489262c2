"""Frames without light, torn, shifted or otherwise unlike those around them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import median_filter

from napari_uai.iscat.disturbances.overview import DARK, Overview
from napari_uai.iscat.disturbances.record import Span, SpanKind, spans_of
from napari_uai.iscat.disturbances.residuals import MEDIAN_OF_SQUARES
from napari_uai.videos.health import SATURATED_SHARE, is_largest_count
from napari_uai.videos.sampling import robust_deviation

if TYPE_CHECKING:
    from napari_uai.typing import AnyArray, Bools, Floats
    from napari_uai.videos.frames import Frames

UNLIKE = 0.6
UNLIKE_DEVIATIONS = 12.0
"""Excess of a frame's mean square deviation over that around it from which it is left out: this
fraction, and so many robust standard deviations of the excess."""

BLOCK, BLOCKS = 50, 20
"""Frames per block, and blocks before and after a frame, that say what is usual around it."""

LONG = 10
"""Frames from which a run of unlike frames is something that passes."""

LIKE = 3.0
"""Rows, or shifted frames, whose deviation is below this multiple of the usual one are ordinary."""

NAMED = 200
"""Unlike frames that are looked at one by one; the kind of others is not determined."""


def odd_frames(frames: Frames, seen: Overview) -> tuple[Span, ...]:
    """Find the frames that differ from those before and after them far more than noise does.

    Parameters
    ----------
    frames
        The recording; only odd frames are read again.
    seen
        Its overview.

    Returns
    -------
    tuple of Span
        In order.
    """
    usual_level = float(np.median(seen.level[seen.level > 0]))
    level = seen.level / usual_level
    dark = (level < DARK) | ((level < 1 - DARK / 3) & (seen.pattern < DARK))
    unlike = _unlike(seen.deviation * np.maximum(level, DARK), dark) & ~dark
    spans = list(spans_of(np.flatnonzero(dark), "no light"))
    kinds: dict[SpanKind, list[int]] = {}
    usual = float(np.median(seen.deviation[~(dark | unlike)])) if not (dark | unlike).all() else 1.0
    for run in spans_of(np.flatnonzero(unlike), "unlike"):
        long = run.last - run.first + 1 >= LONG
        for frame in range(run.first, run.last + 1):
            kind: SpanKind = "passing" if long else "unlike"
            if seen.flat[frame]:
                kind = "constant"
            elif not long and sum(map(len, kinds.values())) < NAMED:
                kind = _kind(np.asarray(frames.read(frame, frame + 1)[0], np.float64), seen, usual)
            kinds.setdefault(kind, []).append(frame)
    for kind, numbers in kinds.items():
        spans += spans_of(numbers, kind)
    return tuple(sorted(spans, key=lambda span: span.first))


def _unlike(deviation: Floats, dark: Bools) -> Bools:
    """Return which frames deviate more than those before them and those after them do."""
    usual = _usual(np.where(dark, np.nan, deviation))
    excess = deviation / usual - 1
    good = np.isfinite(excess) & ~dark
    if not good.any():
        return np.zeros(len(dark), np.bool_)
    scatter = robust_deviation(excess[good])
    return np.asarray(good & (excess > max(UNLIKE, UNLIKE_DEVIATIONS * scatter)))


def _usual(deviation: Floats) -> Floats:
    """Return the median before or after each frame, whichever is larger.

    So neither side of a jump is unlike the other.
    """
    n = -(-len(deviation) // BLOCK)
    padded = np.full(n * BLOCK, np.nan)
    padded[: len(deviation)] = deviation
    blocks = padded.reshape(n, BLOCK)
    some = np.isfinite(blocks).any(axis=1)
    if not some.any():
        return np.full(len(deviation), np.nan)
    middle = np.full(n, np.nan)
    middle[some] = np.nanmedian(blocks[some], axis=1)
    middle = np.interp(np.arange(n), np.flatnonzero(some), middle[some])
    reach = min(BLOCKS, n)
    # An origin shifts the window of the filter to one side.
    before, after = (
        median_filter(middle, reach, mode="nearest", origin=side)
        for side in ((reach - 1) // 2, -(reach // 2))
    )
    return np.repeat(np.maximum(before, after), BLOCK)[: len(deviation)]


def _kind(frame: AnyArray, seen: Overview, usual: float) -> SpanKind:
    """Say what is wrong with one frame."""
    if is_largest_count(frame.max()) and np.mean(frame == frame.max()) > SATURATED_SHARE:
        return "saturated"
    # Row by row, because the mean of a torn frame does not describe its intact part.
    ratio = np.median(frame / np.maximum(seen.reference, 0.1), axis=1)[:, None]
    scaled = np.where(ratio > 0, frame / np.where(ratio > 0, ratio, 1), 0)
    rows = _row_deviation(scaled, seen) <= LIKE * usual
    if 0.1 <= rows.mean() <= 0.9 and np.count_nonzero(np.diff(rows.astype(int))) <= len(rows) / 8:
        return "torn"
    relative = frame / max(frame.mean(), np.finfo(float).tiny)
    return "shifted" if _is_shifted(relative, seen, usual) else "unlike"


def _row_deviation(relative: AnyArray, seen: Overview) -> Floats:
    squares = np.where(seen.steady, (relative - seen.reference) ** 2, 0)
    return np.asarray(squares.sum(axis=1) / np.maximum(seen.steady.sum(axis=1), 1))


def _is_shifted(relative: AnyArray, seen: Overview, usual: float) -> bool:
    """Return whether most of the frame is the reference, moved by whole pixels."""
    from scipy.signal import fftconvolve

    reference = np.where(seen.steady, seen.reference, 1) - 1
    image = np.where(seen.steady, np.clip(relative, 0.5, 2), 1) - 1
    likeness = fftconvolve(image, reference[::-1, ::-1])
    peak = np.unravel_index(int(likeness.argmax()), likeness.shape)
    dy, dx = (int(p) - (n - 1) for p, n in zip(peak, image.shape, strict=True))
    height, width = image.shape
    if (dy, dx) == (0, 0) or abs(dy) >= height // 2 or abs(dx) >= width // 2:
        return False
    here = (
        slice(max(dy, 0), height + min(dy, 0)), slice(max(dx, 0), width + min(dx, 0)),
    )  # fmt: skip
    there = (
        slice(max(-dy, 0), height + min(-dy, 0)), slice(max(-dx, 0), width + min(-dx, 0)),
    )  # fmt: skip
    left = np.median((image[here] - reference[there]) ** 2) / MEDIAN_OF_SQUARES
    return bool(left <= LIKE * usual)
