"""Two tables of landings of one recording compared: found in both, or in one only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from napari_uai.evaluate.matching import match_landings
from napari_uai.typing import Bools, Ints

POSITION = ["raw_frame", "y", "x", "contrast", "score"]


@dataclass(frozen=True)
class LandingComparison:
    """Which landings of two runs are the same.

    Attributes
    ----------
    partners
        For each row of the first table, the row of the second that is the same landing, or -1.
    only_second
        Rows of the second table that have no partner, in their order.
    max_frames, max_px
        Largest difference in time (frames) and place (px) of the same landing.

    Examples
    --------
    >>> import numpy as np
    >>> import napari_uai as uai
    >>> same = uai.evaluate.LandingComparison(np.array([1, -1]), np.array([0]), 100, 2.5)
    >>> same.in_both
    array([ True, False])
    """

    partners: Ints
    only_second: Ints
    max_frames: float
    max_px: float

    @property
    def in_both(self) -> Bools:
        """Whether each row of the first table has a partner."""
        return np.asarray(self.partners >= 0)


def compare_landings(
    first: pd.DataFrame, second: pd.DataFrame, *, max_frames: float, max_px: float = 2.5
) -> LandingComparison:
    """Find the landings that two runs on the same recording have in common.

    They are matched one to one, by :func:`~napari_uai.evaluate.match_landings`: within both
    tolerances, of the same sign, the landings with the highest scores of the first table first.

    Parameters
    ----------
    first, second
        Landings as in ``landings.csv``: ``raw_frame``, ``y``, ``x`` (px), ``contrast``, ``score``.
        Rows with a value that is not finite have no partner.
    max_frames
        Largest difference in time, in frames; usually half a batch of the rolling average.
    max_px
        Largest distance, in px.

    Returns
    -------
    LandingComparison
        Partners of the rows.

    Raises
    ------
    BadValueError
        If a column is missing, or a tolerance is not positive.

    Examples
    --------
    >>> import pandas as pd
    >>> import napari_uai as uai
    >>> first = pd.DataFrame({"raw_frame": [100, 400], "y": 8.0, "x": 5.0, "contrast": -0.01,
    ...                       "score": [9.0, 6.0]})
    >>> second = first.assign(raw_frame=[900, 103])
    >>> same = uai.evaluate.compare_landings(first, second, max_frames=100)
    >>> same.partners.tolist(), same.only_second.tolist()
    ([1, -1], [0])
    """
    rows, others = _known(first), _known(second)
    found = first.iloc[rows].assign(_row=rows)
    matched = match_landings(
        found, second.iloc[others], max_frames=max_frames, max_px=max_px, same_sign=True
    )
    partners = np.full(len(first), -1)
    same = np.append(others, -1)[matched["true_index"].to_numpy(np.int64)]
    partners[matched["_row"].to_numpy(np.int64)] = same
    alone = np.setdiff1d(np.arange(len(second)), partners)
    return LandingComparison(partners, alone, max_frames, max_px)


def _known(table: pd.DataFrame) -> Ints:
    """Return the rows whose position is known."""
    there = [column for column in POSITION if column in table]
    return np.flatnonzero(np.isfinite(table[there].to_numpy(np.float64)).all(axis=1))
