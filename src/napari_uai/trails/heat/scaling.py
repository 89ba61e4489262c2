"""Scales of heat: from a number of trails to how ordinary a place is, from 0 to 1.

A change of limits or scale maps the heat that was read along the trails; nothing is painted anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock

import numpy as np
import numpy.typing as npt

from napari_uai.compiled import kernel, reordering_kernel
from napari_uai.errors import BadValueError
from napari_uai.monitor import SILENT, Monitor
from napari_uai.trails.heat.heat import TrailHeat
from napari_uai.trails.parallel import in_blocks
from napari_uai.trails.parameters import HeatScale, Limit, LimitUnit
from napari_uai.typing import Bools, Floats, Floats32, Ints, Ints32

UNITS = ("trails", "quantile", "permille")
SCALES = ("linear", "log", "sqrt", "rank", "surprisal")

# Bins of heat are the upper bits of 1 + heat: 2048 to each doubling, so that they are fine where
# few trails pass and no table is long where thousands do.
_SHIFT = 12
_FIRST_BIN = int(np.float32(1.0).view(np.int32)) >> _SHIFT
_N_BINS = (int(np.float32(2.0**24).view(np.int32)) >> _SHIFT) - _FIRST_BIN + 1


@dataclass(frozen=True, eq=False)
class ClassScale:
    """How the heat of one class becomes ordinariness.

    Parameters
    ----------
    lower, upper
        Limits in trails: at and below the lower one a place is not ordinary at all (0), at and
        above the upper one wholly (1). No place is hotter than the upper one.
    scale
        Name of the scale between them.
    ranks
        For each bin of heat the share of points of the class's trails that are colder; empty
        unless a rank is asked for.
    """

    lower: float
    upper: float
    scale: HeatScale
    ranks: Floats32

    def apply(self, heat: npt.NDArray[np.floating]) -> Floats32:
        """Return how ordinary heat is (0..1, float32), of any shape."""
        values = np.ascontiguousarray(heat, np.float32)
        out = np.empty(values.size, np.float32)
        _map(values.ravel(), *self.terms(), self.ranks, out)
        return out.reshape(values.shape)

    def terms(self) -> tuple[int, float, float, float, float, float]:
        """Return the number of the scale, both limits, and offset, shift and factor of its term.

        Ordinariness is ``(term(heat + offset) - shift) * factor``; all 0 where limits coincide.
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
    """How ordinary the places are that each trail passes.

    Parameters
    ----------
    at_points
        For each point of the trails' paths, from 0 (no other passes) to 1; float32.
    scales
        Of each class of the heat.
    """

    at_points: Floats32
    scales: tuple[ClassScale, ...]


def rescale(
    heat: TrailHeat,
    *,
    lower: Limit = 0.0,
    upper: Limit = 20.0,
    unit: LimitUnit = "permille",
    scale: HeatScale = "surprisal",
    monitor: Monitor = SILENT,
) -> ScaledHeat:
    """Map heat to how ordinary a place is.

    Parameters
    ----------
    heat
        As measured; it stays as it is.
    lower, upper
        At and below the lower limit a place is as unusual as can be (0), at and above the upper
        one as ordinary as can be (1), so that the busiest places do not make the rest look empty.
        The upper limit comes down to the hottest place of a class. The reference uses a ``log``
        scale from 3 to 50 ``trails``.
    unit
        Of the limits. ``trails``: a number of them. ``permille``: of the included trails of the
        class. ``quantile``: of the heat that trails of the class meet on their way, 0 to 1.
    scale
        What lies between. ``linear``: the number of trails. ``sqrt``: its root, which evens out
        the noise of counting. ``log``: ``ln(heat - lower + 1)``, steep above the lower limit, flat
        among many. ``surprisal``: minus the logarithm of the share of trails that pass, from half
        a trail up, turned so that no surprise is 1. ``rank``: the share of all places met that
        are less frequented, so that the same share of them is ordinary in every scene.
    monitor
        Told of each block of trails.

    Returns
    -------
    ScaledHeat

    Raises
    ------
    BadValueError
        If limits are not in order or outside what the unit allows, or a name is unknown.
    """
    _check(lower, upper, unit, scale)
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


def _check(lower: float, upper: float, unit: str, scale: str) -> None:
    if unit not in UNITS:
        raise BadValueError(f"unit is {unit}: choose {', '.join(UNITS)}")
    if scale not in SCALES:
        raise BadValueError(f"scale is {scale}: choose {', '.join(SCALES)}")
    highest = {"quantile": 1.0, "permille": 1000.0}.get(unit, np.inf)
    if not 0 <= lower < upper <= highest or not np.isfinite(upper):
        raise BadValueError(
            f"limits are {lower} and {upper} ({unit}): choose 0 <= lower < upper"
            + (f" <= {highest:g}" if np.isfinite(highest) else "")
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
    """Turn limits into trails of one class, and its histogram into ranks."""
    if unit == "permille":
        n_trails = int(heat.n_trails[k])
        lower, upper = lower * n_trails / 1000, upper * n_trails / 1000
    if unit == "quantile" and bins is not None:
        lower, upper = (_quantile(bins, limit) for limit in (lower, upper))
    hottest = float(heat.blurred[k].max(initial=0.0))
    ranks = np.zeros(0, np.float32)
    if scale == "rank" and bins is not None:
        # Equal heat has the middle of the ranks that it shares.
        total = max(int(bins.sum()), 1)
        ranks = ((np.cumsum(bins) - 0.5 * bins) / total).astype(np.float32)
    return ClassScale(lower, max(min(upper, hottest), lower), scale, ranks)


def _histograms(heat: TrailHeat) -> list[Ints]:
    """Count points of the included trails of each class by the bin of their heat."""
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
    """Return the heat that a share of the points is at or below, to a 2048th of a doubling."""
    total = np.cumsum(bins)
    if total[-1] == 0:
        return 0.0
    bin_ = int(np.searchsorted(total, max(share * total[-1], 1), side="left"))
    bits = np.int32((min(bin_, _N_BINS - 1) + _FIRST_BIN) << _SHIFT)
    return float(bits.view(np.float32)) - 1.0


@kernel
def _bin(one_more: Floats32) -> Ints32:
    """Return the bins of values of heat that 1 was added to."""
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
            mine = counts[groups[i]]
            for bin_ in _bin(values[offsets[i] : offsets[i + 1]] + np.float32(1.0)):
                mine[min(bin_, _N_BINS - 1)] += 1


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
    """Map values to ordinariness, in single precision."""
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
