"""Landings as steps: everything a recording says about a particle that arrives and stays.

A rolling average of fixed batch size discards what lies outside its two batches. A generalised
least-squares fit of a step uses the whole recording, provided that the motion of the background is
known:

1. bins of frames, relative to their mean image;
2. camera pattern and stage drift removed (:mod:`napari_uai.iscat.correct.moving_background`);
3. matched filter with the point-spread function, pixels weighted by their noise;
4. temporal covariance of the background, and from it the best test for a step in every bin;
5. matching pursuit (:mod:`napari_uai.iscat.detect.steps.pursuit`);
6. steps 2 to 5 again without the strong events, which would otherwise be taken for background, and
   with a point-spread function measured on them;
7. each event tested against slow changes at its position
   (:class:`~napari_uai.iscat.detect.steps.models.SlowNoise`);
8. expected number of false events as a function of the score, extrapolated from weak events
   (:mod:`napari_uai.iscat.detect.steps.false_alarms`).

Long recordings are processed in segments and large fields in tiles, each with its own mean image
and covariance, so that memory stays bounded and the background may differ between them.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import Annotated, TypeAlias

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Unit

from napari_uai.errors import TooFewFramesError
from napari_uai.iscat.correct.moving_background import DriftOrder
from napari_uai.iscat.detect.steps.background import starting_psfs
from napari_uai.iscat.detect.steps.false_alarms import expected_false, favour_common_sign
from napari_uai.iscat.detect.steps.finder import Finder
from napari_uai.iscat.detect.steps.models import CHANGING
from napari_uai.iscat.detect.steps.part_search import PartSearch
from napari_uai.iscat.detect.steps.parts import counted_once, recording_parts
from napari_uai.iscat.detect.steps.weighing import REAL_FROM, SAME_TIME_BINS
from napari_uai.iscat.disturbances.record import Disturbances
from napari_uai.iscat.parameters import BatchSize, Polarity, SigmaPx
from napari_uai.iscat.tables import require_columns
from napari_uai.monitor import SILENT, Monitor
from napari_uai.stages import stage
from napari_uai.store.keeping import kept_each
from napari_uai.videos.frames import Video, frames_of, map_chunks
from napari_uai.workers import CALLS_PER_WORKER, active_workers

TilePx: TypeAlias = Annotated[int, Ge(32), Unit("px")]

TWIN_SIGMAS = 1.5
"""Largest distance between the positions that two adjacent parts assign to the same event."""

EVENT_COLUMNS = (
    "frame",
    "y",
    "x",
    "contrast",
    "score",
    "contrast_error",
    "y_error",
    "x_error",
    "frame_error",
    "frame_before",
    "frame_after",
    "other_times",
    "changing",
    "kind",
    "expected_false",
)


class ChangingBackgroundWarning(UserWarning):
    """The number of false landings cannot be known."""


@stage(
    "Detect steps",
    menu="measure",
    methods="Particles that land or leave were detected as steps in time at one place: bins of "
    "frames were correlated with the point-spread function, whitened with the temporal "
    "covariance of the background that was estimated from the recording itself, and "
    "decomposed into steps by matching pursuit. Contrasts, places and times are from one "
    "generalised least-squares fit of all steps together with camera pattern and stage drift",
)
def detect_steps(
    video: Video,
    *,
    batch_size: BatchSize = 500,
    sigma_px: SigmaPx = 1.7,
    point_spread_function: str = "fitted",
    drift_order: DriftOrder = 3,
    polarity: Polarity = "auto",
    tile_px: TilePx = 96,
    border_px: Annotated[float, Ge(0), Unit("px")] = 2.0,
    min_score: Annotated[float, Gt(0), Unit("standard deviations")] = 3.0,
    disturbances: Disturbances | None = None,
    monitor: Monitor = SILENT,
) -> pd.DataFrame:
    """Detect particles that land or leave, strongest first, down to weak candidates.

    Parameters
    ----------
    video
        Frames, rows, columns, normalised by power; not a rolling average.
    batch_size
        Time scale (frames) of a landing: bins are a twentieth of it, segments twelve times as long.
    sigma_px
        Standard deviation of the point-spread function.
    point_spread_function
        ``fitted`` to the strong events, as a radial profile like those that pupils give at about
        that width (which it remains if there are none); ``gaussian``; or the path of an image
        (.npy, .tif; square of odd size).
    drift_order
        Highest derivative of the mean image used to remove stage drift.
    polarity
        Sign of the contrasts: ``bright``, ``dark``, ``both``, or ``auto``: both, weighted by how
        common each sign is among the strong events.
    tile_px
        Size of the tiles in which larger fields are processed.
    border_px
        Distance from the edge of the field within which events are not reported, because half of a
        particle would be outside.
    min_score
        Weaker candidates are not reported.
    disturbances
        What disturbs the video, as a run finds it: frames that are left
        out, pixels without weight, and jumps of the whole image, at which another segment begins.
    monitor
        Progress and cancellation, once per segment and tile.

    Returns
    -------
    pandas.DataFrame
        ``frame`` (first frame with the particle, or without it), ``y, x`` (px), ``contrast``
        (relative, signed; of a departure that of the step), ``score`` (standard deviations), the
        standard errors ``contrast_error, y_error, x_error, frame_error``; the landing is between
        ``frame - frame_before`` and ``frame + frame_after`` with a probability of 68 %, and farther
        than half a batch from ``frame`` with that of ``other_times``; ``changing``, the share of
        places of this recording whose background changes slowly; ``kind`` (``landing``, or
        ``takeoff`` if the step reverses an earlier one at that position), ``expected_false``
        (number of events with at least that score that noise alone would produce in this
        recording). Of several point-spread functions, ``psf_image`` is the one chosen, from 0.

    Raises
    ------
    TooFewFramesError
        If the video is shorter than two batches.
    BadValueError
        If a parameter is outside its limits, pixels are NaN or infinite, or the video does not
        change.

    Warnings
    --------
    Landings within half a batch of either end of the recording, and within ``border_px`` of the
    edge of the field, are not reported.

    Particles are assumed to appear within a few frames and to stay: one that leaves again within a
    fraction of a batch is detected weakly or not at all, and one that moves is not a single
    landing.

    One point-spread function describes the whole field; of several, one per tile and segment is
    chosen.

    A background that itself makes steps (a jump of focus, a blinking particle) can pass for
    landings.

    Standard errors include the noise of the background with its covariance in time, events that
    overlap, slow changes at that very place, where it is fitted the point-spread function, what
    neighbours that nobody saw may have changed, and what a search adds on average. They exclude
    selection: weak events that are reported are, on average, overestimated. Two particles that land
    within a pixel and a few bins of each other are one.

    References
    ----------
    Mallat & Zhang, IEEE Trans. Signal Process. 41, 3397 (1993), doi:10.1109/78.258082; Johnstone,
    Ann. Stat. 29, 295 (2001), doi:10.1214/aos/1009210544.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai import iscat
    >>> y, x = np.mgrid[:32, :32]
    >>> spot = 0.005 * np.exp(-((y - 10) ** 2 + (x - 14) ** 2) / (2 * 1.7**2))
    >>> video = np.random.default_rng(0).normal(1, 0.01, (400, 32, 32))
    >>> video[220:] *= 1 + spot
    >>> events = iscat.detect_steps(video, batch_size=40)
    >>> events.loc[0, ["frame", "y", "x"]].astype(float).round().tolist()
    [221.0, 10.0, 14.0]
    """
    frames = frames_of(video)
    if len(frames) < 2 * batch_size:
        raise TooFewFramesError(
            f"the video has {len(frames)} frames, fewer than two batches of {batch_size}: make "
            "batch_size smaller"
        )
    bank = starting_psfs(point_spread_function, sigma_px)
    finder = Finder(bank, sigma_px, point_spread_function == "fitted", drift_order)
    found = disturbances or Disturbances.none_of(frames.shape)
    parts = recording_parts(frames, found, batch_size, tile_px, margin=2 * bank[0].radius)
    tables = _found_in_parts(PartSearch(parts, found, finder), monitor)
    events = counted_once(
        pd.concat(tables, ignore_index=True),
        near_px=TWIN_SIGMAS * sigma_px,
        near_frames=SAME_TIME_BINS * parts[0].binned.bin_size,
    ).reset_index(drop=True)
    share = _share_that_changes(events)
    if share > CHANGING:
        warnings.warn(
            f"the background changes slowly at {share:.0%} of the places, where it can pass for "
            "landings: more than the accepted number may be false",
            ChangingBackgroundWarning,
            stacklevel=2,
        )
    events = events.drop(columns="bin").assign(changing=share, kind=_kinds(events, batch_size))
    events["score"] = favour_common_sign(events, polarity)
    events["expected_false"] = expected_false(events["score"].to_numpy(float))
    inside = np.ones(len(events), bool)
    for name, n in zip(("y", "x"), frames.shape[1:], strict=True):
        inside &= ((events[name] >= border_px) & (events[name] <= n - 1 - border_px)).to_numpy()
    events = events[inside & (events["score"] >= min_score)]
    order = ["score", "frame", "y", "x"]
    events = events.sort_values(order, ascending=[False, True, True, True], ignore_index=True)
    columns = [*EVENT_COLUMNS, *(["psf_image"] if len(bank) > 1 else [])]
    return events.loc[:, columns]


def _found_in_parts(search: PartSearch, monitor: Monitor) -> list[pd.DataFrame]:
    """Return the events that each part owns; parts are searched side by side."""
    n = len(search.parts)
    labels = [f"part {i + 1} of {n}" for i in range(n)]

    def found(missing: Sequence[int]) -> Iterator[tuple[int, pd.DataFrame]]:
        workers = active_workers()
        if workers is not None and len(missing) > 1:
            search.parts[0].binned.read(0, 1)  # what is found once for all frames is sent
            at_most = max(len(missing) // (CALLS_PER_WORKER * workers.size()), 1)
            calls = search.calls(missing, at_most)
            for k, tables in workers.each(search, calls, monitor, "parts of the search"):
                yield from zip(range(*calls[k]), tables, strict=True)
            return
        monitors = monitor.side_by_side([labels[i] if n > 1 else "" for i in missing])

        def at(k: int, _: int) -> pd.DataFrame:
            return search.part(missing[k], monitors[k])

        to_stop = Monitor(cancelled=monitor.cancelled)
        yield from zip(missing, map_chunks(at, len(missing), 1, monitor=to_stop), strict=True)

    done = dict(kept_each(labels, found))
    return [done[i].assign(part=i) for i in range(n)]


@stage(
    "Accept events",
    menu="measure",
    methods="Candidates were accepted down to the score at which the expected number of false "
    "ones, estimated from this recording itself, reached the accepted number",
)
def accept_events(
    events: pd.DataFrame,
    *,
    false_landings: Annotated[float, Gt(0), Unit("per recording")] = 1.0,
    take_offs: bool = True,
) -> pd.DataFrame:
    """Keep the events above the threshold that admits a given number of false ones.

    Parameters
    ----------
    events
        As from :func:`detect_steps`, with ``expected_false`` and ``kind``.
    false_landings
        Accepted number of false landings in this recording.
    take_offs
        Whether particles that leave are kept.

    Returns
    -------
    pandas.DataFrame
        The accepted rows in their order.

    Raises
    ------
    BadValueError
        If ``false_landings`` is not positive, or a column is missing.

    Warnings
    --------
    The expected number of false landings is an estimate, right to within a factor of a few, and
    more reliable for a long recording than for a short one.

    Examples
    --------
    >>> import pandas as pd
    >>> from napari_uai import iscat
    >>> events = pd.DataFrame(
    ...     {"score": [9.1, 7.5, 3.2], "expected_false": [1e-9, 1e-4, 40], "kind": "landing"}
    ... )
    >>> iscat.accept_events(events)["score"].tolist()
    [9.1, 7.5]
    """
    require_columns(events, "expected_false", "kind")
    keep = events["expected_false"] <= false_landings
    if not take_offs:
        keep &= events["kind"] != "takeoff"
    return events[keep].reset_index(drop=True)


def _share_that_changes(events: pd.DataFrame) -> float:
    """Return the share of the places whose background changes slowly, mean of all parts."""
    return float(events.groupby("part")["slow_share"].first().mean()) if len(events) else 0.0


def _kinds(events: pd.DataFrame, batch_size: int) -> list[str]:
    """Label an event as a departure if it reverses an earlier step at its position."""
    kinds = np.full(len(events), "landing", dtype=object)
    y, x, frame, contrast = (events[c].to_numpy(float) for c in ("y", "x", "frame", "contrast"))
    error = events["contrast_error"].to_numpy(float)
    strong = events["score"].to_numpy(float) >= REAL_FROM
    for i in np.flatnonzero(strong):
        same = np.hypot(y - y[i], x - x[i]) <= 2.5
        before = strong & same & (frame < frame[i] - batch_size / 10)
        tolerance = np.maximum(3 * np.hypot(error, error[i]), 0.3 * abs(contrast[i]))
        undone = before & (np.abs(contrast + contrast[i]) <= tolerance)
        if undone.any():
            kinds[i] = "takeoff"
    return list(kinds)
