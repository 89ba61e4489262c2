"""Landings that coincide with spots of a second recording, and how many would by chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_uai.errors import BadValueError
from napari_uai.evaluate.matching import check_columns
from napari_uai.typing import Floats

DISTANCE, COINCIDES, CHANCE = "spot_distance_px", "coincides", "coincidence_chance"
"""Columns that :func:`find_coincidences` adds to landings."""

TOLERANCE_PX = 2.0
"""Largest distance of a coincidence, px of the first recording."""

TOLERANCES = np.arange(0.5, 6.01, 0.25)
"""Tolerances, px, of the curve."""

MOST_SHIFTS = 400
INTERVAL = (2.5, 97.5)
"""Percentiles of the counts by chance."""


@dataclass(frozen=True)
class Coincidences:
    """Coincidences of landings with spots of a second recording.

    Attributes
    ----------
    landings
        The landings with ``spot_distance_px`` (distance of the nearest spot, px of the first
        recording), ``coincides`` (1 or 0) and ``coincidence_chance`` (share of shifted copies of
        the spots with which it coincides); NaN outside the field of the second recording.
    by_tolerance
        ``tolerance_px``, ``coinciding``, and of the shifted copies ``chance_mean``,
        ``chance_low``, ``chance_high`` (95 % of the copies).
    tolerance_px
        Tolerance of the columns.
    n_shifts
        Number of shifted copies.

    Examples
    --------
    >>> import napari_uai as uai
    >>> landings = uai.read_truth(uai.sample_path("landings_truth.json")).landings
    >>> spots = landings[["y", "x"]].iloc[:4]
    >>> found = uai.evaluate.find_coincidences(landings, spots, shape=(40, 40))
    >>> found.summary()  # doctest: +ELLIPSIS
    '4 of 5 landings coincide with a spot within 2 px; 0.1... would by chance (95 %: 0 to 1)'
    """

    landings: pd.DataFrame
    by_tolerance: pd.DataFrame
    tolerance_px: float
    n_shifts: int

    def summary(self) -> str:
        """Return the counts in one line."""
        inside = self.landings[COINCIDES].notna()
        at = int((self.by_tolerance["tolerance_px"] - self.tolerance_px).abs().argmin())
        row = self.by_tolerance.iloc[at]
        outside = int((~inside).sum())
        beyond = f" ({outside} outside the second recording)" if outside else ""
        return (
            f"{row['coinciding']:.0f} of {int(inside.sum())} landings coincide with a spot within "
            f"{self.tolerance_px:g} px{beyond}; {row['chance_mean']:.2g} would by chance "
            f"(95 %: {row['chance_low']:.0f} to {row['chance_high']:.0f})"
        )


def find_coincidences(
    landings: pd.DataFrame,
    spots: pd.DataFrame,
    *,
    shape: tuple[int, int],
    link: npt.ArrayLike | None = None,
    tolerance_px: float = TOLERANCE_PX,
) -> Coincidences:
    """Find the landings that coincide with spots of a second recording, and how many would anyway.

    Only places are compared, since labels glow long after a landing. For the chance, the spots are
    shifted across the field, those that leave it entering on the other side, by up to 400 evenly
    spaced shifts of more than twice the largest tolerance: what still coincides is chance. A link
    that was made from the same landings lays at least two of them on spots in any case.

    Parameters
    ----------
    landings
        ``y``, ``x`` (px of the first recording); other columns are kept.
    spots
        ``y``, ``x`` (px of the second recording).
    shape
        Rows and columns of the second recording.
    link
        Transform from the second to the first recording, (3, 3), for homogeneous rows and columns,
        such as :attr:`Registration.matrix`; None if their pixels are the same.
    tolerance_px
        Largest distance of a coincidence, in px of the first recording.

    Returns
    -------
    Coincidences
        Columns of the landings, and counts by tolerance.

    Raises
    ------
    BadValueError
        If a column is missing or not finite, the tolerance is not positive, or the field is too
        small to be shifted.

    References
    ----------
    Lachmanovich et al., J. Microsc. 212, 122 (2003), doi:10.1046/j.1365-2818.2003.01239.x.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> import napari_uai as uai
    >>> spots = pd.DataFrame({"y": [10.0, 40.0], "x": [12.0, 50.0]})
    >>> landings = pd.DataFrame({"y": [10.5, 30.0], "x": [12.0, 20.0]})
    >>> found = uai.evaluate.find_coincidences(landings, spots, shape=(64, 64))
    >>> found.landings["coincides"].tolist(), found.landings["spot_distance_px"].round(1).tolist()
    ([1.0, 0.0], [0.5, 21.5])
    """
    from scipy.spatial import KDTree

    if not tolerance_px > 0:
        raise BadValueError(f"tolerance_px must be above 0, got {tolerance_px}")
    check_columns(landings, ("y", "x"), "table of landings")
    check_columns(spots, ("y", "x"), "table of spots")
    matrix = np.eye(3) if link is None else np.asarray(link, np.float64)
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:2, :2]))))
    back = np.linalg.inv(matrix).astype(np.float64)
    places = _moved(back, landings[["y", "x"]].to_numpy(np.float64))
    inside = ((places >= -0.5) & (places <= np.array(shape) - 0.5)).all(axis=1)
    tolerances = np.union1d(TOLERANCES, tolerance_px)
    shifts = _shifts(shape, 2 * tolerances[-1] / scale)
    seen = spots[["y", "x"]].to_numpy(np.float64)
    nearest = _nearest(KDTree(seen), places[inside]) * scale if len(seen) else None
    by_chance = np.full((len(shifts), int(inside.sum())), np.inf)
    if len(seen):
        size = np.asarray(shape, np.float64)
        around = KDTree((seen + 0.5) % size, boxsize=size)
        for i, shift in enumerate(shifts):
            by_chance[i] = _nearest(around, (places[inside] + 0.5 - shift) % size) * scale
    distance = np.full(len(landings), np.nan)
    distance[inside] = np.inf if nearest is None else nearest
    chance = np.full(len(landings), np.nan)
    chance[inside] = (by_chance <= tolerance_px).mean(axis=0)
    table = landings.assign(
        **{
            DISTANCE: np.where(np.isfinite(distance), distance, np.nan),
            COINCIDES: np.where(inside, (distance <= tolerance_px).astype(float), np.nan),
            CHANCE: chance,
        }
    )
    counts = [(by_chance <= tolerance).sum(axis=1) for tolerance in tolerances]
    curve = pd.DataFrame(
        {
            "tolerance_px": tolerances,
            "coinciding": [int((distance[inside] <= t).sum()) for t in tolerances],
            "chance_mean": [float(each.mean()) for each in counts],
            "chance_low": [float(np.percentile(each, INTERVAL[0])) for each in counts],
            "chance_high": [float(np.percentile(each, INTERVAL[1])) for each in counts],
        }
    )
    return Coincidences(table, curve, tolerance_px, len(shifts))


def _moved(matrix: Floats, places: Floats) -> Floats:
    return np.asarray(places @ matrix[:2, :2].T + matrix[:2, 2])


def _nearest(tree: object, places: Floats) -> Floats:
    return np.asarray(tree.query(places)[0], np.float64)  # type: ignore[attr-defined]


def _shifts(shape: tuple[int, int], least: float) -> Floats:
    """Return shifts on a grid over a field that is closed to a torus, none shorter than least."""
    step = max(1.0, np.sqrt(shape[0] * shape[1] / MOST_SHIFTS))
    rows, columns = (np.arange(0.0, n, step) for n in shape)
    grid = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2)
    folded = np.minimum(grid, np.asarray(shape, np.float64) - grid)
    shifts = grid[np.hypot(*folded.T) > least]
    if not len(shifts):
        raise BadValueError(
            f"the second recording, {shape[0]} x {shape[1]} px, is too small to tell chance: its "
            f"spots cannot be shifted by more than {least:.3g} px"
        )
    return np.asarray(shifts)
