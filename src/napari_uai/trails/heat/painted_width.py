"""How wide to paint trails: so that the heat of all others foretells best where a trail goes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
import pandas as pd
from annotated_types import Ge

from napari_uai.compiled import kernel
from napari_uai.errors import BadValueError
from napari_uai.monitor import SILENT, Monitor
from napari_uai.trails.heat.brush import counts_and_areas
from napari_uai.trails.heat.footprints import (
    MAX_WIDTH_PX,
    MIN_POINTS,
    Footprints,
    check_odd,
    paint_footprints,
)
from napari_uai.trails.parallel import in_blocks
from napari_uai.trails.parameters import Directions, LongestSide, PaintedWidth, Weigh
from napari_uai.trails.table import Trails
from napari_uai.typing import Floats, Floats32, Ints, Ints32

LADDER = (1, 3, 5, 7, 9, 13, 17, 25)

ELSEWHERE = 0.02
"""Share of a trail that may be anywhere in the scene, so that one that nobody else follows costs a
finite amount: about what is lost by a tracker."""

PATIENCE = 2
"""Widths tried behind the best one so far."""


@dataclass(frozen=True, eq=False)
class WidthChoice:
    """Width of the brush, and how it was found.

    Parameters
    ----------
    painted_width_px
        The best, in cells of the heatmap.
    ladder
        Widths that were tried.
    log_likelihood
        For each of them the mean over trails of the logarithm of the density, relative to an even
        one, that the other trails of the class leave along the trail; natural units.
    """

    painted_width_px: int
    ladder: tuple[int, ...]
    log_likelihood: tuple[float, ...]


def choose_painted_width(
    trails: Trails,
    *,
    longest_side_px: LongestSide = 360,
    ladder: Sequence[int] = LADDER,
    weigh: Weigh = "arc",
    max_trails: Annotated[int, Ge(2)] = 2000,
    monitor: Monitor = SILENT,
) -> WidthChoice:
    """Choose the painted width by leave-one-out likelihood.

    A trail that is painted too thin misses those who go the same way a little beside it, one that
    is painted too wide says less about where they go. The heat of a class, divided by its sum, is
    a density; leaving each trail out in turn tells which width foretells its way best
    (Habbema, Hermans & van den Broek 1974; Duin 1976, doi:10.1109/TC.1976.1674577).

    Parameters
    ----------
    trails
        Of one scene, with their classes.
    longest_side_px
        Longest side of the heatmap.
    ladder
        Odd widths to try, ascending; the search ends when two wider ones were no better.
    weigh
        Whether places along a trail count by the time spent or by the length of the way.
    max_trails
        Of larger sets as many are tried, evenly picked.
    monitor
        Told of each width.

    Returns
    -------
    WidthChoice
        Of the first width of the ladder if there are fewer than two trails of any class.

    Raises
    ------
    BadValueError
        If the ladder is empty or a width is not odd.
    """
    if not ladder or list(ladder) != sorted(set(ladder)):
        raise BadValueError("ladder is to hold ascending widths: give odd numbers of px")
    for width in ladder:
        check_odd("a width of the ladder", width, MAX_WIDTH_PX)
    if max_trails < 2:
        raise BadValueError(f"max_trails is {max_trails}: choose 2 or more")
    some = trails
    if len(trails) > max_trails:
        some = trails.select(np.linspace(0, len(trails) - 1, max_trails).round())
    traced = paint_footprints(some, longest_side_px=longest_side_px)
    groups = pd.factorize(some.table["class"].to_numpy())[0].astype(np.int32)
    n_groups, weights = int(groups.max(initial=0)) + 1, traced.weights(weigh)
    found: list[float] = []
    for i, width in enumerate(ladder):
        monitor.update(i / len(ladder), f"width {width} px")
        painted = replace(traced, painted_width_px=width)
        found.append(_likelihood(painted, groups, n_groups, weights))
        if len(found) - 1 - int(np.argmax(found)) >= PATIENCE:
            break
    best = ladder[int(np.argmax(found))] if found else ladder[0]
    return WidthChoice(best, tuple(ladder[: len(found)]), tuple(found))


def paint_at_width(
    trails: Trails,
    *,
    longest_side_px: LongestSide,
    painted_width_px: PaintedWidth | None,
    n_directions: Directions = 1,
    monitor: Monitor = SILENT,
) -> Footprints:
    """Paint trails at a width, or at the one that :func:`choose_painted_width` gives if None.

    Parameters are those of :func:`~napari_uai.trails.heat.footprints.paint_footprints`.
    """
    if painted_width_px is None:
        painted_width_px = choose_painted_width(
            trails, longest_side_px=longest_side_px, monitor=monitor.part(0.0, 0.5)
        ).painted_width_px
    return paint_footprints(
        trails,
        longest_side_px=longest_side_px,
        painted_width_px=painted_width_px,
        n_directions=n_directions,
        monitor=monitor.part(0.5, 1.0),
    )


def _likelihood(footprints: Footprints, groups: Ints32, n_groups: int, weights: Floats32) -> float:
    """Return the mean logarithm of the density that others leave along each trail."""
    counts, areas = counts_and_areas(footprints, groups, n_groups)
    sums = counts.reshape(n_groups, -1).sum(axis=1, dtype=np.int64)
    others = sums[groups] - areas
    known = others > 0
    if not known.any():
        return 0.0
    even = np.where(known, np.prod(footprints.map_shape) / np.maximum(others, 1), 0.0)
    logs = np.empty(len(footprints))

    def work(first: int, last: int) -> None:
        _log_densities(
            footprints.offsets,
            footprints.cells,
            groups,
            counts.reshape(n_groups, -1),
            even,
            weights,
            first,
            last,
            logs,
        )

    in_blocks(work, footprints.offsets, text="likelihood", min_samples=MIN_POINTS)
    return float(logs[known].mean())


@kernel
def _log_densities(
    offsets: Ints,
    cells: Ints32,
    groups: Ints32,
    counts: Ints32,
    even: Floats,
    weights: Floats32,
    first: int,
    last: int,
    logs: Floats,
) -> None:
    """Average the logarithm of the density along each trail, without the trail itself."""
    for i in range(first, last):
        heat = counts[groups[i]]
        total = 0.0
        for p in range(offsets[i], offsets[i + 1]):
            density = ELSEWHERE + (1.0 - ELSEWHERE) * (heat[cells[p]] - 1) * even[i]
            total += weights[p] * np.log(density)
        logs[i] = total
