"""The painted width: chosen so that the heat of all other trails best predicts each trail."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
import pandas as pd
from annotated_types import Ge, MinLen

from napari_uai.compiled import kernel
from napari_uai.monitor import SILENT, Monitor
from napari_uai.parameters import Ascending, checked
from napari_uai.trails.heat.brush import counts_and_areas
from napari_uai.trails.heat.footprints import (
    MIN_POINTS,
    Footprints,
    paint_footprints,
)
from napari_uai.trails.parallel import in_blocks
from napari_uai.trails.parameters import Directions, LongestSide, PaintedWidth, Weigh
from napari_uai.trails.table import Trails
from napari_uai.typing import Floats, Floats32, Ints, Ints32

LADDER = (1, 3, 5, 7, 9, 13, 17, 25)

ELSEWHERE = 0.02
"""Fraction of a trail that may lie anywhere in the scene, so that the likelihood of a trail that no
other follows is finite: about the fraction of positions that a tracker loses."""

PATIENCE = 2
"""Number of wider brushes tried after the best one so far."""


@dataclass(frozen=True, eq=False)
class WidthChoice:
    """Painted width, and the likelihoods that led to it.

    Parameters
    ----------
    painted_width_px
        Best width, in cells of the heatmap.
    ladder
        Widths that were tried.
    log_likelihood
        For each of them, the mean over trails of the logarithm of the density of the other trails
        of its class along the trail, relative to a uniform density; natural logarithm.
    """

    painted_width_px: int
    ladder: tuple[int, ...]
    log_likelihood: tuple[float, ...]


@checked
def choose_painted_width(
    trails: Trails,
    *,
    longest_side_px: LongestSide = 360,
    ladder: Annotated[tuple[PaintedWidth, ...], MinLen(1), Ascending] = LADDER,
    weigh: Weigh = "arc",
    max_trails: Annotated[int, Ge(2)] = 2000,
    monitor: Monitor = SILENT,
) -> WidthChoice:
    """Choose the painted width by leave-one-out likelihood.

    A narrow brush misses trails that run side by side, a wide one blurs where they run. Divided by
    its sum, the heat of a class is a density; leaving out each trail in turn shows which width
    predicts the trails best [1]_.

    Parameters
    ----------
    trails
        Trails of one scene; their classes are kept apart.
    longest_side_px
        Longest side of the heatmap.
    ladder
        Widths to try: odd, in ascending order. The search ends once two wider brushes did not
        increase the likelihood.
    weigh
        Weight of places along a trail: ``time`` spent or distance covered (``arc``).
    max_trails
        Larger sets are subsampled evenly to this number of trails.
    monitor
        Progress and cancellation, once per width.

    Returns
    -------
    WidthChoice
        The first width of the ladder if no class has two trails.

    Raises
    ------
    BadValueError
        If a parameter is outside its limits.

    References
    ----------
    .. [1] R. P. W. Duin, "On the choice of smoothing parameters for Parzen estimators of
       probability density functions", IEEE Transactions on Computers C-25, 1175-1179 (1976),
       doi:10.1109/TC.1976.1674577

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from napari_uai.trails import choose_painted_width, trails_of_frame
    >>> y = np.repeat(np.arange(20, 30), 2)  # ten parallel trails, one px apart
    >>> samples = pd.DataFrame({"trail": y, "frame": [0, 1] * 10, "x": [0, 63] * 10, "y": y})
    >>> trails = trails_of_frame(samples, scene_size=(64, 48))
    >>> choose_painted_width(trails, longest_side_px=64).painted_width_px
    7
    """
    some = trails
    if len(trails) > max_trails:
        some = trails.select(np.linspace(0, len(trails) - 1, max_trails).round())
    traced = paint_footprints(some, longest_side_px=longest_side_px)
    groups = pd.factorize(some.table["class"].to_numpy())[0].astype(np.int32)
    n_groups, weights = int(groups.max(initial=0)) + 1, traced.weights(weigh)
    likelihoods: list[float] = []
    for i, width in enumerate(ladder):
        monitor.update(i / len(ladder), f"width {width} px")
        painted = replace(traced, painted_width_px=width)
        likelihoods.append(_likelihood(painted, groups, n_groups, weights))
        if len(likelihoods) - 1 - int(np.argmax(likelihoods)) >= PATIENCE:
            break
    best = ladder[int(np.argmax(likelihoods))]
    return WidthChoice(best, tuple(ladder[: len(likelihoods)]), tuple(likelihoods))


def paint_at_width(
    trails: Trails,
    *,
    longest_side_px: LongestSide,
    painted_width_px: PaintedWidth | None,
    n_directions: Directions = 1,
    monitor: Monitor = SILENT,
) -> Footprints:
    """Paint trails at a given width; if None, at that of :func:`choose_painted_width`.

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
    """Return the mean logarithm of the density of the other trails along each trail."""
    counts, areas = counts_and_areas(footprints, groups, n_groups)
    sums = counts.reshape(n_groups, -1).sum(axis=1, dtype=np.int64)
    others = sums[groups] - areas
    followed = others > 0
    if not followed.any():
        return 0.0
    even = np.where(followed, np.prod(footprints.map_shape) / np.maximum(others, 1), 0.0)
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
    return float(logs[followed].mean())


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
