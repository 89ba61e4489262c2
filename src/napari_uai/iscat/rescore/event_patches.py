"""Event patches: views of an event before and after it, at its position and around it.

Each event is cut out of the same binned, background-free frames in which the step detector found
it, with the sign chosen so that its step is positive, and scaled to white noise of unit variance
and a point-spread function of fixed width. All other reliable events are subtracted first.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.ndimage import map_coordinates

from napari_uai.iscat.correct.moving_background import MovingBackground
from napari_uai.iscat.detect.point_spread_function import PointSpreadFunction, gaussian_psf
from napari_uai.iscat.detect.steps.background import (
    matched_filter,
    measured_psf,
    prepared,
)
from napari_uai.iscat.detect.steps.false_alarms import weak_decay
from napari_uai.iscat.detect.steps.parts import Part, recording_parts
from napari_uai.iscat.detect.steps.pursuit import Step
from napari_uai.iscat.detect.steps.weighing import REAL_FROM
from napari_uai.iscat.disturbances.record import Disturbances
from napari_uai.monitor import SILENT, Monitor, raise_if_cancelled
from napari_uai.typing import Bools, Floats, Floats32
from napari_uai.videos.frames import Frames

HALF = 7

UNIT_SIGMA = 1.7
"""Width of the point-spread function in pixels of a view, whatever the camera."""

WINDOWS = (0, 1, 2, 4, 8, 16, 32, 64, 10**6)
"""Limits, in bins from the step, of the windows over which images are averaged."""

REACH = 64
"""Bins of a course on either side of the step."""

BASELINE = 20
"""Bins on either side whose mean is the zero of a view."""

RING = (3.5, 7.0)
SAME_PLACE = 3.2
NEAR = 7.0
SURE = 6.0
SIDE = 2 * HALF + 1
IMAGES = 2 * (len(WINDOWS) - 1)
COURSES = 6

FIGURES = (
    "score",
    "statistic",
    "log time error",
    "batches before",
    "batches after",
    "sigmas to the edge",
    "events here",
    "sure events here",
    "events here and now",
    "events near",
    "events near and now",
    "sure events near",
    "log density",
    "log sure density",
    "decay",
    "usual statistic",
    "log share of sign",
    "strongest here",
    "log change",
    "log change of place",
    "log change of size",
    "log change around",
    "usual change",
    "usual change of place",
    "other times",
    "changing",
)
"""Scalar figures of each event; distances in sigma, *now* is within half a batch."""


@dataclass(frozen=True)
class EventViews:
    """Views of n events.

    Attributes
    ----------
    images
        (n, 16, 15, 15): sums over windows of bins before and after the step in turn, growing from 1
        bin to all, divided by the root of the number of bins.
    courses
        (n, 6, 128): over the bins around the step, amplitudes of the point-spread function, of its
        derivatives along rows and columns, and of its Laplacian; mean of a surrounding ring; and
        whether the bin is within the recording.
    figures
        (n, 26): see ``FIGURES``.
    """

    images: Floats32
    courses: Floats32
    figures: Floats32

    def __len__(self) -> int:
        return len(self.figures)


def event_views(
    events: pd.DataFrame,
    frames: Frames,
    *,
    batch_size: int,
    sigma_px: float,
    drift_order: int,
    tile_px: int,
    disturbances: Disturbances | None = None,
    monitor: Monitor = SILENT,
) -> EventViews:
    """Cut events out of the recording in which they were detected.

    Parameters
    ----------
    events
        Table of :func:`~napari_uai.iscat.detect.steps.detector.detect_steps`.
    frames
        The frames in which they were detected, normalised by power.
    batch_size, sigma_px, drift_order, tile_px, disturbances
        As in the detection.
    monitor
        Progress and cancellation, once per event.
    """
    images = np.zeros((len(events), IMAGES, SIDE, SIDE), np.float32)
    courses = np.zeros((len(events), COURSES, 2 * REACH), np.float32)
    psf = gaussian_psf(sigma_px)
    found = disturbances or Disturbances.none_of(frames.shape)
    parts = recording_parts(frames, found, batch_size, tile_px, margin=2 * psf.radius)
    read = np.empty(0)
    for i, part in enumerate(parts):
        if i == 0 or not part.shares_segment(parts[i - 1]):  # all tiles of one are read once
            read = part.read_segment(monitor)
        mine = _owned(part, events)
        if mine.any():
            masked = part.tile_of(found.masked[None])[0]
            window = _Window.of(
                part, part.tile_of(read), masked, events, psf, sigma_px, drift_order
            )
            chosen = np.flatnonzero(mine)
            for n, j in enumerate(chosen):
                images[j], courses[j] = window.view(int(j))
                monitor.update((i + (n + 1) / len(chosen)) / len(parts), "views of events")
        monitor.update((i + 1) / len(parts), "views of events")
    figures = _figures(events, courses, frames.shape, batch_size, sigma_px)
    return EventViews(images, courses, figures)


def _owned(part: Part, events: pd.DataFrame) -> Bools:
    """Return which events a part owns; those on a border belong to both; the later part counts."""
    frame = events["frame"].to_numpy(float)
    own: Bools = (frame >= part.numbers[0]) & (frame <= part.numbers[-1])
    for place, (low, high) in (
        (part.bins_at(frame) + part.bins[0], part.own_bins),
        (events["y"].to_numpy(float), part.own_rows),
        (events["x"].to_numpy(float), part.own_columns),
    ):
        own &= (place >= low - 1) & (place < high + 1)
    return own


@dataclass(frozen=True)
class _Window:
    """The frames of one part without background and reliable events, from which views are cut.

    Attributes
    ----------
    rest
        (bins, rows, columns), white noise of unit variance.
    first, y, x, contrast
        Of all events of the recording, in the coordinates of this part.
    shown
        Which of them have been subtracted from ``rest``.
    """

    rest: Floats
    root_weights: Floats
    psf: PointSpreadFunction
    spacing: float
    templates: Floats
    first: npt.NDArray[np.int64]
    y: Floats
    x: Floats
    contrast: Floats
    shown: Bools

    @classmethod
    def of(
        cls,
        part: Part,
        binned: Floats,
        masked: Bools,
        events: pd.DataFrame,
        psf: PointSpreadFunction,
        sigma_px: float,
        drift_order: int,
    ) -> _Window:
        background, relative = prepared(binned, drift_order, masked)
        n_bins, rows, columns = relative.shape
        bins = part.bins_at(events["frame"].to_numpy(float))
        y = events["y"].to_numpy(float) - part.rows[0]
        x = events["x"].to_numpy(float) - part.columns[0]
        first = np.clip(np.rint(bins).astype(np.int64), 1, n_bins - 1)
        shown = (bins >= 1) & (bins <= n_bins - 1) & (events["score"].to_numpy(float) >= REAL_FROM)
        shown &= (y >= 0) & (y <= rows - 1) & (x >= 0) & (x <= columns - 1)
        contrast = events["contrast"].to_numpy(float)
        statistic = contrast / events["contrast_error"].to_numpy(float)
        psf = _measured(background, relative, psf, first, y, x, contrast, statistic, shown)
        model = np.zeros_like(relative)
        for i in np.flatnonzero(shown):
            (r, c), image = psf.at(y[i], x[i], (rows, columns))
            model[first[i] :, r, c] += contrast[i] / psf.peak * image
        root = np.sqrt(background.weights)
        rest = background.subtract(relative - model)[0] * root
        spacing = sigma_px / UNIT_SIGMA
        return cls(rest, root, psf, spacing, _templates(psf, spacing), first, y, x, contrast, shown)

    def view(self, i: int) -> tuple[Floats, Floats]:
        """Return images and courses of event i."""
        shape = self.rest.shape[1:]
        along_rows, rows = _resampling(self.y[i], shape[0], self.spacing)
        along_columns, columns = _resampling(self.x[i], shape[1], self.spacing)
        patch = self.rest[:, rows, columns]
        first = int(self.first[i])
        if self.shown[i]:
            whole = np.zeros(shape)
            (r, c), image = self.psf.at(self.y[i], self.x[i], (shape[0], shape[1]))
            whole[r, c] = self.contrast[i] / self.psf.peak * image
            patch = patch.copy()
            patch[first:] += (whole * self.root_weights)[rows, columns]
        cube = along_rows @ patch @ along_columns.T
        # A coarser grid collects more pixels: white noise keeps its strength per area.
        cube *= np.sign(self.contrast[i]) * self.spacing
        before, after = cube[max(first - BASELINE, 0) : first], cube[first : first + BASELINE]
        cube -= (before.mean(axis=0) + after.mean(axis=0)) / 2
        return _windows(cube, first), _courses(cube, first, self.templates)


def _measured(
    background: MovingBackground,
    relative: Floats,
    psf: PointSpreadFunction,
    first: npt.NDArray[np.int64],
    y: Floats,
    x: Floats,
    contrast: Floats,
    statistic: Floats,
    sure: Bools,
) -> PointSpreadFunction:
    _, gain = matched_filter(relative[:1], background.weights, psf)
    residual, _ = background.subtract(relative)
    steps = [
        Step(
            int(first[i]) - 1,
            0.0,
            y[i],
            x[i],
            statistic[i],
            contrast[i] / psf.peak * gain[round(y[i]), round(x[i])],
        )
        for i in np.flatnonzero(sure)
    ]
    return measured_psf(psf, steps, residual, background.weights, gain)


def _resampling(centre: float, n: int, spacing: float) -> tuple[Floats, slice]:
    """Matrix that samples around a position by cubic convolution, and the pixels it needs.

    Keys 1981, doi:10.1109/TASSP.1981.1163711; 0 outside the field.
    """
    at = centre + spacing * np.arange(-HALF, HALF + 1)
    distance = np.abs(at[:, None] - np.arange(n))
    inner = 1.5 * distance**3 - 2.5 * distance**2 + 1
    outer = -0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2
    matrix = np.where(distance <= 1, inner, np.where(distance < 2, outer, 0))
    used = np.flatnonzero(matrix.any(axis=0))
    pixels = slice(int(used[0]), int(used[-1]) + 1)
    return matrix[:, pixels], pixels


def _templates(psf: PointSpreadFunction, spacing: float) -> Floats:
    """Return images of unit norm: a point, its shift along rows and columns, its growth, a ring."""
    offsets = np.arange(-HALF, HALF + 1) * spacing + psf.radius
    grid = np.stack(np.meshgrid(offsets, offsets, indexing="ij")).reshape(2, -1)
    point = map_coordinates(psf.image, grid, order=3).reshape(SIDE, SIDE)
    rows, columns = (np.asarray(np.gradient(point, axis=axis)) for axis in (0, 1))
    growth = np.asarray(np.gradient(rows, axis=0)) + np.asarray(np.gradient(columns, axis=1))
    steps = np.arange(-HALF, HALF + 1)
    distance = np.hypot(steps[:, None], steps[None])
    ring = ((distance > RING[0]) & (distance <= RING[1])).astype(float)
    point, rows, columns = (np.asarray(i / np.linalg.norm(i)) for i in (point, rows, columns))
    out: list[Floats] = [point, rows, columns]
    for image in (growth, ring):
        rest: Floats = image
        for other in out:
            rest = rest - other * float(np.sum(rest * other))
        out.append(np.asarray(rest / max(float(np.linalg.norm(rest)), 1e-12)))
    return np.stack(out)


def _windows(cube: Floats, first: int) -> Floats:
    images = []
    for near, far in pairwise(WINDOWS):
        before = cube[max(first - far, 0) : max(first - near, 0)]
        after = cube[first + near : first + far]
        images += [part.sum(axis=0) / np.sqrt(max(len(part), 1)) for part in (before, after)]
    return np.stack(images)


def _courses(cube: Floats, first: int, templates: Floats) -> Floats:
    courses = np.zeros((COURSES, 2 * REACH))
    low, high = max(first - REACH, 0), min(first + REACH, len(cube))
    there = slice(low - first + REACH, high - first + REACH)
    pixels = cube[low:high].reshape(high - low, -1)
    courses[:-1, there] = templates.reshape(len(templates), -1) @ pixels.T
    courses[-1, there] = 1
    return courses


def _figures(
    events: pd.DataFrame,
    courses: Floats32,
    shape: tuple[int, int, int],
    batch_size: int,
    sigma_px: float,
) -> Floats32:
    n = len(events)
    score, frame, y, x, contrast = (
        events[name].to_numpy(float) for name in ("score", "frame", "y", "x", "contrast")
    )
    batch = frame / batch_size
    statistic = np.abs(contrast / events["contrast_error"].to_numpy(float))
    edge = np.minimum.reduce([y, x, shape[1] - 1 - y, shape[2] - 1 - x]) / sigma_px
    volume = shape[0] / batch_size * shape[1] * shape[2] / sigma_px**2
    sure, bright = score >= SURE, contrast > 0
    n_same = np.where(bright, np.sum(sure & bright), np.sum(sure & ~bright))
    change, place, size, around = _changes(courses)
    *company, strongest_here = _company(score, batch, y / sigma_px, x / sigma_px)
    everywhere = [
        np.log(1e3 * n / volume + 1e-3),
        np.log(1e3 * max(int(np.sum(score >= REAL_FROM)), 1) / volume),
        weak_decay(score),
        float(np.median(statistic[sure])) if sure.any() else 8.0,
    ]
    columns = [
        score,
        statistic,
        np.log(events["frame_error"].to_numpy(float) / batch_size),
        np.minimum(batch, 3),
        np.minimum(shape[0] / batch_size - batch, 3),
        np.minimum(edge, 8),
        *company,
        *(np.full(n, value) for value in everywhere),
        np.log((n_same + 1) / (np.sum(sure) + 2)),
        strongest_here,
        change,
        place,
        size,
        around,
        np.full(n, np.median(change) if n else 0.0),
        np.full(n, np.median(place) if n else 0.0),
        events["other_times"].to_numpy(float),
        events["changing"].to_numpy(float),
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def _changes(courses: Floats32) -> tuple[Floats, Floats, Floats, Floats]:
    """Log of the standard deviation of the courses: amplitude, position, size, ring."""
    c = np.asarray(courses, np.float64)
    spread = c[:, 0].std(axis=1), c[:, 1:3].std(axis=(1, 2)), c[:, 3].std(1), c[:, 4].std(1)
    change, place, size, around = (np.log(np.maximum(s, 1e-6)) for s in spread)
    return change, place, size, around


def _company(score: Floats, batch: Floats, y: Floats, x: Floats) -> list[Floats]:
    """Log of one more than the number of other events around each, and the strongest of them."""
    counts = np.zeros((7, len(score)))
    for i in range(len(score)):
        distance = np.hypot(y - y[i], x - x[i])
        now = np.abs(batch - batch[i]) < 0.5
        others = np.arange(len(score)) != i
        same, near = others & (distance < SAME_PLACE), others & (distance < NEAR)
        real = score >= REAL_FROM
        groups = same, same & real, same & now, near, near & now, near & real
        raise_if_cancelled()
        counts[:6, i] = [np.log1p(group.sum()) for group in groups]
        counts[6, i] = score[same].max(initial=0)
    return list(counts)
