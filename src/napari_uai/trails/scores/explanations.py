"""Where a trail departs from ordinary traffic: anomaly of each sample, and departing stretch."""

from __future__ import annotations

import numpy as np

from napari_uai.compiled import kernel
from napari_uai.monitor import SILENT, Monitor
from napari_uai.trails.heat.footprints import Footprints
from napari_uai.trails.parallel import in_blocks
from napari_uai.trails.scores.companions import Companions
from napari_uai.trails.table import Trails
from napari_uai.typing import Floats, Floats32, Ints


def score_samples(
    trails: Trails,
    companions: Companions,
    footprints: Footprints,
    ordinary: Floats32,
    typical_px: Floats,
    *,
    monitor: Monitor = SILENT,
) -> Floats32:
    """Return how anomalous each sample is.

    This is the mean of two values: the distance ``d`` from the best companion as
    ``d / (d + typical)``, and how rarely others pass there in the same direction.

    Parameters
    ----------
    trails
        Trails of one scene.
    companions
        Companions of the trails.
    footprints
        Footprints of the trails.
    ordinary
        How ordinary each point of the footprints is, 0 to 1; float32.
    typical_px
        For each trail, the distance that maps to 0.5; float64.
    monitor
        Progress and cancellation, once per block of trails.

    Returns
    -------
    numpy.ndarray
        One value per sample, 0 to 1; float32. For a trail without a companion, the second value
        alone.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from napari_uai.trails import find_companions, measure_heat, paint_footprints, rescale
    >>> from napari_uai.trails import score_samples, trails_of_frame
    >>> samples = pd.DataFrame({"trail": np.repeat(["a", "b", "c"], 3), "frame": [0, 1, 2] * 3,
    ...                         "x": [0, 30, 60] * 3, "y": [20, 20, 20, 20, 20, 20, 20, 20, 45]})
    >>> trails = trails_of_frame(samples, scene_size=(64, 48))
    >>> footprints = paint_footprints(trails)
    >>> ordinary = rescale(measure_heat(footprints, blur_px=1), unit="trails", upper=2).at_points
    >>> scores = score_samples(
    ...     trails, find_companions(trails), footprints, ordinary, np.full(3, 5.0))
    >>> int(scores.argmax())  # the last sample of c
    8
    """
    scores = np.empty(len(trails.y), np.float32)
    paths = companions.paths
    points = (paths.offsets, paths.sample, companions.apart)
    places = (footprints.point_of_sample, ordinary)

    def work(start: int, stop: int) -> None:
        _score_samples(trails.offsets, points, places, typical_px, start, stop, scores)

    in_blocks(work, trails.offsets, text="samples", min_samples=100_000, monitor=monitor)
    return scores


def departing_stretches(
    trails: Trails,
    at_samples: Floats32,
    thresholds: Floats,
    *,
    monitor: Monitor = SILENT,
) -> Ints:
    """Return the stretch of each trail that departs from ordinary traffic.

    This is the stretch with the largest sum of scores above a threshold (maximum subarray [1]_),
    where each sample is weighted by its fraction of the trail's time and length: both a short
    excursion and a long one with an ordinary place inside are found as a whole.

    Parameters
    ----------
    trails
        Trails of one scene.
    at_samples
        How anomalous each sample is; float32.
    thresholds
        For each trail, the score above which a sample departs; float64. If no sample does, the
        stretch is the sample with the highest score.
    monitor
        Progress and cancellation, once per block of trails.

    Returns
    -------
    numpy.ndarray
        First sample of the stretch, and the sample after its last, counted within the trail:
        trails, 2; int64.

    References
    ----------
    .. [1] J. Bentley, "Programming pearls: algorithm design techniques", Communications of the ACM
       27, 865-873 (1984), doi:10.1145/358234.381162

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from napari_uai.trails import departing_stretches, trails_of_frame
    >>> samples = pd.DataFrame({"trail": "a", "frame": range(6), "x": range(6), "y": [9] * 6})
    >>> trails = trails_of_frame(samples, scene_size=(64, 48))
    >>> scores = np.array([0.1, 0.1, 0.9, 0.8, 0.9, 0.1], np.float32)
    >>> departing_stretches(trails, scores, np.array([0.5]))
    array([[2, 5]])
    """
    stretches = np.empty((len(trails), 2), np.int64)
    samples = (trails.y, trails.x, trails.time, at_samples)

    def work(start: int, stop: int) -> None:
        _stretches(trails.offsets, samples, thresholds, start, stop, stretches)

    in_blocks(work, trails.offsets, text="stretches", min_samples=100_000, monitor=monitor)
    return stretches


@kernel
def _score_samples(
    offsets: Ints,
    points: tuple[Ints, Floats, Floats32],
    places: tuple[Ints, Floats32],
    typical: Floats,
    start: int,
    stop: int,
    scores: Floats32,
) -> None:
    point_offsets, sample, apart = points
    point_of_sample, ordinary = places
    for i in range(start, stop):
        p, last = point_offsets[i], point_offsets[i + 1] - 1
        for j in range(offsets[i], offsets[i + 1]):
            while p < last and sample[p + 1] <= j:
                p += 1
            place = 1.0 - ordinary[point_of_sample[j]]
            distance = np.float64(apart[p])
            if np.isnan(distance):
                scores[j] = place
                continue
            if p < last:
                part = (j - sample[p]) / (sample[p + 1] - sample[p])
                distance += max(part, 0.0) * (apart[p + 1] - distance)
            share = distance / (distance + typical[i]) if distance > 0 else 0.0
            scores[j] = 0.5 * (place + share)


@kernel
def _stretches(
    offsets: Ints,
    samples: tuple[Floats32, Floats32, Floats, Floats32],
    thresholds: Floats,
    start: int,
    stop: int,
    stretches: Ints,
) -> None:
    y, x, time, scores = samples
    for i in range(start, stop):
        first, beyond = offsets[i], offsets[i + 1]
        duration = time[beyond - 1] - time[first]
        length = 0.0
        for j in range(first + 1, beyond):
            length += np.hypot(y[j] - y[j - 1], x[j] - x[j - 1])
        per_second = 1 / duration if duration > 0 else 0.0
        per_px = 1 / length if length > 0 else 0.0
        best, begin, end = -np.inf, first, first + 1
        highest = first
        total, since = 0.0, first
        for j in range(first, beyond):
            before, after = max(j - 1, first), min(j + 1, beyond - 1)
            weight = per_second * (time[after] - time[before])
            weight += per_px * np.hypot(y[j] - y[before], x[j] - x[before])
            weight += per_px * np.hypot(y[after] - y[j], x[after] - x[j])
            if total <= 0:
                total, since = 0.0, j
            total += (weight + 1e-12) * (scores[j] - thresholds[i])
            if total > best:
                best, begin, end = total, since, j + 1
            if scores[j] > scores[highest]:
                highest = j
        if best <= 0:
            begin, end = highest, highest + 1
        stretches[i, 0], stretches[i, 1] = begin - first, end - first
