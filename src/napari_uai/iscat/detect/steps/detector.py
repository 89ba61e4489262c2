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

from dataclasses import dataclass
from typing import Annotated, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
from annotated_types import Ge, Gt, Unit
from scipy.spatial import KDTree

from napari_uai.errors import BadValueError, TooFewFramesError
from napari_uai.iscat.correct.moving_background import DriftOrder
from napari_uai.iscat.detect.point_spread_function import PointSpreadFunction
from napari_uai.iscat.detect.radial_curve import RadialCurve
from napari_uai.iscat.detect.steps.background import (
    STILL,
    matched_filter,
    prepared,
    starting_psf,
)
from napari_uai.iscat.detect.steps.false_alarms import expected_false, favour_common_sign
from napari_uai.iscat.detect.steps.footprints import points_alike
from napari_uai.iscat.detect.steps.joint_fit import JointFit, Measured
from napari_uai.iscat.detect.steps.models import SlowNoise, StepStatistics, temporal_covariance
from napari_uai.iscat.detect.steps.parts import counted_once, recording_parts
from napari_uai.iscat.detect.steps.pursuit import Pursuit, Step
from napari_uai.iscat.disturbances.record import Disturbances
from napari_uai.iscat.parameters import BatchSize, Polarity, SigmaPx
from napari_uai.iscat.tables import require_columns
from napari_uai.monitor import SILENT, Monitor
from napari_uai.stages import stage
from napari_uai.typing import Bools, Floats
from napari_uai.videos.frames import Video, frames_of
from napari_uai.videos.sources.chosen import ChosenFrames

TilePx: TypeAlias = Annotated[int, Ge(32), Unit("px")]
PASSES = 3
PURSUE_TO = 3.0
AGAIN_FROM = 4.0

MODEL_FROM = 5.0
"""Smallest statistic of events that are certain enough to be removed from the background."""

UNKNOWN_AT_MOST = 1.0
"""As long as no event is known, how much places may change, in multiples of the upper quartile."""

REAL_FROM = 4.3
SAME_PLACE_SIGMAS = 3.2
SAME_TIME_BINS = 8

TWIN_SIGMAS = 1.5
"""Largest distance between the positions that two adjacent parts assign to the same event."""

WEIGH_ROUNDS = 5
GRID_SIGMAS = 2.4
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
    "kind",
    "expected_false",
)


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
        What disturbs the video (:func:`napari_uai.iscat.find_disturbances`): frames that are left
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
        than half a batch from ``frame`` with that of ``other_times``; ``kind`` (``landing``, or
        ``takeoff`` if the step reverses an earlier one at that position), ``expected_false``
        (number of events with at least that score that noise alone would produce in this
        recording).

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

    One point-spread function describes the whole field.

    A background that itself makes steps (a jump of focus, a blinking particle) can pass for
    landings.

    Standard errors include the noise of the background with its covariance in time, events that
    overlap, slow changes at that very place and, where it is fitted, the point-spread function.
    They exclude selection: weak events that are reported are, on average, overestimated.

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
    psf = starting_psf(point_spread_function, sigma_px)
    finder = _Finder(psf, sigma_px, point_spread_function == "fitted", drift_order)
    found = disturbances or Disturbances(len(frames), frames.shape[1:])
    parts = [
        part
        for piece in found.pieces(2 * batch_size)
        for part in recording_parts(
            ChosenFrames(frames, piece), batch_size, tile_px, margin=2 * psf.radius, numbers=piece
        )
    ]
    tables, images = [], np.empty(0)
    for i, part in enumerate(parts):
        if i == 0 or not part.shares_segment(parts[i - 1]):  # all its tiles are read once
            images = part.read_segment(monitor)
        of_part = monitor.part(i / len(parts), (i + 1) / len(parts), "steps")
        masked = part.tile_of(found.masked[None])[0]
        tables.append(part.owned(finder.find(part.tile_of(images), masked, of_part)).assign(part=i))
    events = counted_once(
        pd.concat(tables, ignore_index=True),
        near_px=TWIN_SIGMAS * sigma_px,
        near_frames=SAME_TIME_BINS * parts[0].binned.bin_size,
    ).reset_index(drop=True)
    events = events.drop(columns="bin").assign(kind=_kinds(events, batch_size))
    events["score"] = favour_common_sign(events, polarity)
    events["expected_false"] = expected_false(events["score"].to_numpy(float))
    inside = np.ones(len(events), bool)
    for name, n in zip(("y", "x"), frames.shape[1:], strict=True):
        inside &= ((events[name] >= border_px) & (events[name] <= n - 1 - border_px)).to_numpy()
    events = events[inside & (events["score"] >= min_score)]
    order = ["score", "frame", "y", "x"]
    events = events.sort_values(order, ascending=[False, True, True, True], ignore_index=True)
    return events.loc[:, list(EVENT_COLUMNS)]


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


@dataclass(frozen=True)
class _Finder:
    """Finds the steps in the binned images of one part."""

    psf: PointSpreadFunction
    sigma_px: float
    fit_psf: bool
    drift_order: int

    def find(self, images: Floats, masked: Bools, monitor: Monitor = SILENT) -> pd.DataFrame:
        """Return events with bin, y, x, contrast, score and errors, in the part's coordinates."""
        background, relative = prepared(images, self.drift_order, masked)
        psf, model = self.psf, np.zeros_like(relative)
        image = RadialCurve.expected(self.sigma_px) if self.fit_psf else psf
        joint = JointFit(relative, background, image)
        bad = background.weights == 0
        known: Events = (np.empty((0, 2)), np.empty(0), np.empty(0))
        for turn in range(PASSES):
            ask = monitor.part(turn / (PASSES + 1), (turn + 1) / (PASSES + 1)).update
            ask(0.0, "background")
            rest, _ = background.subtract(relative - model)
            rest -= rest.mean(axis=0)
            ask(0.3, "filter")
            quiet, gain = matched_filter(rest, background.weights, psf)
            white = float(np.median(np.mean(np.diff(quiet, axis=0) ** 2, axis=(1, 2)))) / 2
            if not white > 0:
                raise BadValueError(STILL)
            n_independent = bad.size / psf.correlation_area
            ask(0.5, "noise in time")
            most = UNKNOWN_AT_MOST if turn == 0 else np.inf
            temporal = temporal_covariance(
                quiet.reshape(len(quiet), -1), white, n_independent, most=most
            )
            ask(0.7, "noise in time")
            statistics = StepStatistics.of(temporal)
            ask(0.8, "search")
            last = turn == PASSES - 1
            pursuit = Pursuit(_field(statistics, quiet), statistics, psf)
            ask(0.9, "search")
            steps = pursuit.run(stop=PURSUE_TO if last else MODEL_FROM, again=AGAIN_FROM)
            if not last:
                known = joint.learn(*_joined(known, _starts(steps, psf, gain)), MODEL_FROM)
                model = joint.frames(*known)
                psf = joint.psf(psf.radius)
        weighing = monitor.part(PASSES / (PASSES + 1), 1.0, "scores")
        steps = _steps(known, statistics, psf, gain) + steps
        residual = rest + np.where(bad, 0, model)
        steps = _points(steps, residual, background.weights, statistics, white, psf, gain)
        if not steps:
            return _table(np.empty(0), None)
        filtered, _ = matched_filter(residual, background.weights, psf)
        scores, noise = self._weigh(steps, filtered, temporal, white, psf, weighing)
        starts = _starts(steps, psf, gain)
        together = _certain_or_beside(
            scores >= REAL_FROM, starts[0], SAME_PLACE_SIGMAS * self.sigma_px
        )
        measured = joint.measure(*starts, together, noise)
        # What looks like an event alone may be a part of others.
        return _table(np.minimum(scores, measured.significance), measured)

    def _weigh(
        self,
        steps: list[Step],
        filtered: Floats,
        temporal: Floats,
        white: float,
        psf: PointSpreadFunction,
        monitor: Monitor,
    ) -> tuple[Floats, SlowNoise]:
        """Score each event against slow changes at its position."""
        n_bins = len(filtered)
        noise = SlowNoise.over(temporal, white, monitor=monitor.part(0.0, 0.5))
        near = SAME_PLACE_SIGMAS * self.sigma_px
        series = _without_far_events(steps, filtered, psf, near)
        grid = np.zeros(filtered.shape[1:], bool)
        spacing = max(round(GRID_SIGMAS * self.sigma_px), 1)
        grid[spacing // 2 :: spacing, spacing // 2 :: spacing] = True
        scores = _scores(steps, series, noise)
        for turn in range(2):
            monitor.update(0.6 + 0.2 * turn)
            real = [s for s, score in zip(steps, scores, strict=True) if score >= REAL_FROM]
            courses = np.array([s.course(n_bins) for s in real]).reshape(len(real), n_bins)
            gone = courses.T @ _heights_on(real, np.argwhere(grid), psf)
            noise = noise.learnt_from(filtered[:, grid] - gone)
            monitor.update(0.7 + 0.2 * turn)
            scores = _scores(steps, series, noise)
        return scores, noise


def _points(
    steps: list[Step],
    residual: Floats,
    weights: Floats,
    statistics: StepStatistics,
    white: float,
    psf: PointSpreadFunction,
    gain: Floats,
) -> list[Step]:
    """Drop the events whose image is that of one pixel or of something wide, not of a point."""
    strong = [s for s in steps if abs(s.statistic) >= REAL_FROM]
    if not strong:
        return steps
    alike = points_alike(strong, residual, weights, statistics, white, psf, gain)
    others = {id(s) for s, point in zip(strong, alike, strict=True) if not point}
    return [s for s in steps if id(s) not in others]


Events: TypeAlias = tuple[Floats, Floats, Floats]
"""Places (px), times (bins) and contrasts."""


def _starts(steps: list[Step], psf: PointSpreadFunction, gain: Floats) -> Events:
    """Return steps as events, from which these are measured."""
    places = np.array([(s.y, s.x) for s in steps]).reshape(-1, 2)
    times = np.array([s.k + 1 + s.fraction for s in steps])
    return places, times, np.array([s.height / gain[s.pixel] * psf.peak for s in steps])


def _steps(
    events: Events, statistics: StepStatistics, psf: PointSpreadFunction, gain: Floats
) -> list[Step]:
    """Return events as steps."""
    places, times, contrasts = events
    inside = np.clip(places, 0, np.array(gain.shape) - 1.0)
    steps = []
    for (y, x), time, contrast in zip(inside.tolist(), times, contrasts, strict=True):
        k = int(np.clip(np.floor(time) - 1, 0, len(statistics.response) - 2))
        fraction = float(np.clip(time - 1 - k, 0, 1))
        height = float(contrast / psf.peak * gain[round(y), round(x)])
        _, response = statistics.between(k, fraction)
        steps.append(Step(k, fraction, y, x, height * response, height))
    return steps


def _joined(first: Events, second: Events) -> Events:
    places, times, contrasts = (np.concatenate(each) for each in zip(first, second, strict=True))
    return places, times, contrasts


def _certain_or_beside(
    certain: npt.NDArray[np.bool_], places: Floats, near_px: float
) -> npt.NDArray[np.bool_]:
    """Add the weak events whose images overlap with that of a certain one, and so change it."""
    if not certain.any():
        return certain
    distance, _ = KDTree(places[certain]).query(places)
    return np.asarray(certain | (distance <= near_px))


def _field(statistics: StepStatistics, filtered: Floats) -> npt.NDArray[np.float32]:
    n_bins, height, width = filtered.shape
    flat = filtered.reshape(n_bins, -1).astype(np.float32)
    field = flat.T @ statistics.weights.T.astype(np.float32)
    return np.ascontiguousarray(field.reshape(height, width, -1))


def _heights_on(
    steps: list[Step], places: npt.NDArray[np.int64], psf: PointSpreadFunction
) -> Floats:
    """Height of each event in the filtered video at other positions, (events, places)."""
    at = np.array([(s.y, s.x) for s in steps]).reshape(-1, 2)
    heights = np.array([s.height for s in steps])
    offsets = places[None] - at[:, None]
    return heights[:, None] * psf.correlation_between(offsets[..., 0], offsets[..., 1])


def _without_far_events(
    steps: list[Step], filtered: Floats, psf: PointSpreadFunction, near: float
) -> Floats:
    """Time course at each event, with all events at other positions subtracted."""
    places = np.array([s.pixel for s in steps])
    at = np.array([(s.y, s.x) for s in steps])
    offsets = at[:, None] - places[None]
    distance = np.hypot(offsets[..., 0], offsets[..., 1])
    others = np.where(distance >= near, _heights_on(steps, places, psf), 0)
    courses = np.array([s.course(len(filtered)) for s in steps])
    series = filtered[:, places[:, 0], places[:, 1]] - courses.T @ others
    return np.asarray(series)


def _scores(steps: list[Step], series: Floats, noise: SlowNoise) -> Floats:
    """Root of the evidence for each event; other steps at its position are subtracted in turn."""
    series = series.copy()
    n_steps = len(series) - 1
    ks = np.array([s.k + round(s.fraction) for s in steps])
    scores = np.zeros(len(steps))
    active = np.arange(len(steps))
    for _ in range(WEIGH_ROUNDS):
        evidence, heights = noise.step_evidence(series[:, active])
        close = np.abs(np.arange(n_steps)[:, None] - ks[active]) <= SAME_TIME_BINS
        scores[active] = np.sqrt(np.where(close, evidence, 0).max(axis=0))
        best = evidence.argmax(axis=0)
        entry = best, np.arange(len(active))
        elsewhere = ~close[entry] & (np.sqrt(evidence[entry]) >= PURSUE_TO)
        later = np.arange(len(series))[:, None] > best[elsewhere]
        series[:, active[elsewhere]] -= heights[entry][elsewhere] * later
        active = active[elsewhere]
        if not len(active):
            break
    return np.minimum(scores, [abs(s.statistic) for s in steps])


def _table(scores: Floats, measured: Measured | None) -> pd.DataFrame:
    """Return events as a table; ``bin`` and what begins with ``frame`` are in bins."""
    names = ["bin", "y", "x", "contrast", "score", "contrast_error", "y_error", "x_error"]
    names += ["frame_error", "frame_before", "frame_after", "other_times"]
    if measured is None:
        return pd.DataFrame(np.empty((0, len(names))), columns=names)
    times = np.array([(t.time, t.error, t.before, t.after, t.elsewhere) for t in measured.times])
    columns = [
        times[:, 0],
        *measured.places.T,
        measured.contrasts,
        scores,
        measured.contrast_errors,
        *measured.place_errors.T,
        *times[:, 1:].T,
    ]
    return pd.DataFrame(dict(zip(names, columns, strict=True)))


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
