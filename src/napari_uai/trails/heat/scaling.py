"""Scales of heat: from numbers of trails to how ordinary a place is, from 0 to 1.

A change of limits or scale maps the heat already read along the trails; nothing is painted again.
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock

import numpy as np
import numpy.typing as npt

from napari_uai.compiled import kernel, reordering_kernel
from napari_uai.errors import BadValueError
from napari_uai.monitor import SILENT, Monitor
from napari_uai.parameters import checked
from napari_uai.trails.heat.heat import TrailHeat
from napari_uai.trails.parallel import in_blocks
from napari_uai.trails.parameters import HeatScale, Limit, LimitUnit
from napari_uai.typing import Bools, Floats, Floats32, Ints, Ints32

# Bins of heat are the upper bits of 1 + heat, 2048 per doubling: fine where few trails pass, and
# few bins where thousands do.
_SHIFT = 12
_FIRST_BIN = int(np.float32(1.0).view(np.int32)) >> _SHIFT
_N_BINS = (int(np.float32(2.0**24).view(np.int32)) >> _SHIFT) - _FIRST_BIN + 1


@dataclass(frozen=True, eq=False)
class ClassScale:
    """Mapping from the heat of one class to how ordinary a place is.

    Parameters
    ----------
    lower, upper
        Limits, in trails: places at or below the lower limit map to 0, those at or above the upper
        limit to 1. The upper limit does not exceed the hottest place.
    scale
        Scale between the limits.
    ranks
        For each bin of heat, the fraction of points along the trails of the class that are colder;
        float32; empty unless the scale is ``rank``.
    """

    lower: float
    upper: float
    scale: HeatScale
    ranks: Floats32

    def apply(self, heat: npt.NDArray[np.floating]) -> Floats32:
        """Map heat of any shape to 0 to 1; float32."""
        values = np.ascontiguousarray(heat, np.float32)
        out = np.empty(values.size, np.float32)
        _map(values.ravel(), *self.terms(), self.ranks, out)
        return out.reshape(values.shape)

    def terms(self) -> tuple[int, float, float, float, float, float]:
        """Return the number of the scale, both limits, and offset, shift and factor of its term.

        Heat maps to ``(term(heat + offset) - shift) * factor``; to 0 if the limits coincide.
        """
        offset = {"log": 1.0 - self.lower, "surprisal": 0.5}.get(self.scale, 0.0)
        number = {"linear": 0, "sqrt": 1, "log": 2, "surprisal": 2, "rank": 3}[self.scale]
        low, high = (
            _term(number, np.float32(limit), np.float32(offset), self.ranks)
            for limit in (self.lower, self.upper)
        )
        factor = 1.0 / (high - low) if high > low else 0.0
        return number, self.lower, self.upper, offset, float(low), float(factor)


@dataclass(frozen=True, eq=False)
class ScaledHeat:
    """How ordinary the places along each trail are.

    Parameters
    ----------
    at_points
        For each point of the footprints, from 0 (no other trail) to 1; float32.
    scales
        Mapping of each class of the heat.
    """

    at_points: Floats32
    scales: tuple[ClassScale, ...]


@checked
def rescale(
    heat: TrailHeat,
    *,
    lower: Limit = 0.0,
    upper: Limit = 20.0,
    unit: LimitUnit = "permille",
    scale: HeatScale = "surprisal",
    monitor: Monitor = SILENT,
) -> ScaledHeat:
    """Map heat to how ordinary a place is, from 0 to 1.

    Parameters
    ----------
    heat
        Measured heat; not changed.
    lower, upper
        Heat at and below which a place maps to 0, and at and above which it maps to 1, so that the
        busiest places do not make all others look empty. The upper limit is reduced to the hottest
        place of a class. The reference uses a ``log`` scale from 3 to 50 ``trails``.
    unit
        Unit of the limits. ``trails``: number of trails. ``permille``: per thousand included
        trails of the class. ``quantile``: quantile of the heat met along the trails of the class,
        0 to 1.
    scale
        Scale between the limits. ``linear``: number of trails. ``sqrt``: its square root, which
        stabilizes counting noise. ``log``: ``ln(heat - lower + 1)``, steep just above the lower
        limit. ``surprisal``: logarithm of the fraction of trails that pass, half a trail added, so
        that no surprise maps to 1. ``rank``: fraction of the places met that are less frequented,
        so that the same fraction is ordinary in every scene.
    monitor
        Progress and cancellation, once per block of trails.

    Returns
    -------
    ScaledHeat
        Values along the trails, and the mapping of each class.

    Raises
    ------
    BadValueError
        If the limits are not in ascending order or outside the range of the unit, or a name is
        unknown.

    Examples
    --------
    >>> import pandas as pd
    >>> from napari_uai.trails import measure_heat, paint_footprints, rescale, trails_of_frame
    >>> samples = pd.DataFrame({"trail": ["a", "a", "b", "b", "c", "c"], "frame": [0, 1] * 3,
    ...                         "x": [0, 63] * 3, "y": [10, 10, 10, 10, 40, 40]})
    >>> footprints = paint_footprints(trails_of_frame(samples, scene_size=(64, 48)))
    >>> heat = measure_heat(footprints, blur_px=1)
    >>> scaled = rescale(heat, lower=0, upper=2, unit="trails", scale="linear")
    >>> [float(scaled.at_points[start]) for start in footprints.offsets[:-1]]
    [0.5, 0.5, 0.0]
    """
    _check_limits(lower, upper, unit)
    bins = None
    if unit == "quantile" or scale == "rank":
        bins = _histograms(heat)
    scales = tuple(
        _class_scale(heat, k, lower, upper, unit, scale, None if bins is None else bins[k])
        for k in range(len(heat.classes))
    )
    terms = np.array([each.terms() for each in scales], np.float64).reshape(-1, 6)
    ranks = np.stack([each.ranks for each in scales])
    at_points = np.empty_like(heat.at_points)

    def work(first: int, last: int) -> None:
        _map_trails(
            heat.footprints.offsets,
            heat.class_of_trail,
            heat.at_points,
            terms,
            ranks,
            first,
            last,
            at_points,
        )

    offsets = heat.footprints.offsets
    in_blocks(work, offsets, text="scaling", min_samples=100_000, monitor=monitor)
    return ScaledHeat(at_points, scales)


def _check_limits(lower: float, upper: float, unit: LimitUnit) -> None:
    highest = {"quantile": 1.0, "permille": 1000.0}.get(unit, np.inf)
    if not lower < upper <= highest:
        most = f", up to {highest:g}" if np.isfinite(highest) else ""
        raise BadValueError(
            f"limits of heat must be in ascending order{most} ({unit}), got {lower:g} and {upper:g}"
        )


def _class_scale(
    heat: TrailHeat,
    k: int,
    lower: float,
    upper: float,
    unit: LimitUnit,
    scale: HeatScale,
    bins: Ints | None,
) -> ClassScale:
    """Convert limits to trails of one class, and its histogram to ranks."""
    if unit == "permille":
        n_trails = int(heat.n_trails[k])
        lower, upper = lower * n_trails / 1000, upper * n_trails / 1000
    if unit == "quantile" and bins is not None:
        lower, upper = (_quantile(bins, limit) for limit in (lower, upper))
    hottest = float(heat.blurred[k].max(initial=0.0))
    ranks = np.zeros(0, np.float32)
    if scale == "rank" and bins is not None:
        # Ties share their mean rank.
        total = max(int(bins.sum()), 1)
        ranks = ((np.cumsum(bins) - 0.5 * bins) / total).astype(np.float32)
    return ClassScale(lower, max(min(upper, hottest), lower), scale, ranks)


def _histograms(heat: TrailHeat) -> list[Ints]:
    """Return the histogram of the heat along the included trails of each class."""
    counts = np.zeros((len(heat.classes), _N_BINS), np.int64)
    offsets, lock = heat.footprints.offsets, Lock()

    def work(first: int, last: int) -> None:
        mine, trails = np.zeros_like(counts), slice(first, last)
        groups, included = heat.class_of_trail[trails], heat.included[trails]
        _count_bins(offsets[first : last + 1], groups, included, heat.at_points, mine)
        with lock:
            np.add(counts, mine, out=counts)

    in_blocks(work, offsets, text="scaling", min_samples=100_000)
    return list(counts)


def _quantile(bins: Ints, share: float) -> float:
    """Return a quantile of heat from its histogram, to a 2048th of a doubling."""
    total = np.cumsum(bins)
    if total[-1] == 0:
        return 0.0
    bin_ = int(np.searchsorted(total, max(share * total[-1], 1), side="left"))
    bits = np.int32((min(bin_, _N_BINS - 1) + _FIRST_BIN) << _SHIFT)
    return float(bits.view(np.float32)) - 1.0


@kernel
def _bin(one_more: Floats32) -> Ints32:
    """Return the bins of heat, given 1 + heat."""
    return (one_more.view(np.int32) >> _SHIFT) - _FIRST_BIN


@kernel
def _count_bins(
    offsets: Ints,
    groups: Ints32,
    included: Bools,
    values: Floats32,
    counts: Ints,
) -> None:
    for i in range(len(offsets) - 1):
        if included[i]:
            histogram = counts[groups[i]]
            for bin_ in _bin(values[offsets[i] : offsets[i + 1]] + np.float32(1.0)):
                histogram[min(bin_, _N_BINS - 1)] += 1


@kernel
def _term(number: int, value: np.float32, offset: np.float32, ranks: Floats32) -> float:
    """Return the term of a scale: the value, its root, its logarithm or its rank."""
    if number == 1:
        return float(np.sqrt(value))
    if number == 2:
        return float(np.log(max(value + offset, np.float32(1e-6))))
    if number == 3:
        one = np.empty(1, np.float32)
        one[0] = value + np.float32(1.0)
        return float(ranks[min(_bin(one)[0], _N_BINS - 1)])
    return float(value)


@reordering_kernel
def _map(
    values: Floats32,
    number: int,
    lower: float,
    upper: float,
    offset: float,
    shift: float,
    factor: float,
    ranks: Floats32,
    out: Floats32,
) -> None:
    """Map heat to 0 to 1, in single precision."""
    low, high = np.float32(lower), np.float32(upper)
    plus, less, times = np.float32(offset), np.float32(shift), np.float32(factor)
    if number == 0:
        for p in range(len(values)):
            out[p] = (min(max(values[p], low), high) - less) * times
    elif number == 1:
        for p in range(len(values)):
            out[p] = (np.sqrt(min(max(values[p], low), high)) - less) * times
    elif number == 2:
        for p in range(len(values)):
            out[p] = (np.log(min(max(values[p], low), high) + plus) - less) * times
    else:
        bins = _bin(np.minimum(np.maximum(values, low), high) + np.float32(1.0))
        for p in range(len(values)):
            out[p] = (ranks[min(bins[p], _N_BINS - 1)] - less) * times
    for p in range(len(out)):
        out[p] = min(max(out[p], np.float32(0.0)), np.float32(1.0))


@kernel
def _map_trails(
    offsets: Ints,
    groups: Ints32,
    values: Floats32,
    terms: Floats,
    ranks: Floats32,
    first: int,
    last: int,
    out: Floats32,
) -> None:
    for i in range(first, last):
        start, end = offsets[i], offsets[i + 1]
        number, lower, upper, offset, shift, factor = terms[groups[i]]
        _map(
            values[start:end],
            int(number),
            lower,
            upper,
            offset,
            shift,
            factor,
            ranks[groups[i]],
            out[start:end],
        )
