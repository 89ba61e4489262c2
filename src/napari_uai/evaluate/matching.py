"""Which found landing is which true one: one to one, in time and space."""

from __future__ import annotations

import numpy as np
import pandas as pd

from napari_uai.errors import BadValueError

FOUND_COLUMNS = ("raw_frame", "y", "x", "score")
TRUE_COLUMNS = ("raw_frame", "y", "x", "contrast")


def match_landings(
    found: pd.DataFrame,
    truth: pd.DataFrame,
    *,
    max_frames: float,
    max_px: float = 2.5,
    same_sign: bool = False,
) -> pd.DataFrame:
    """Match found to true landings, strongest score first.

    Each found landing takes the nearest true one that is still free and lies within both limits;
    *nearest* weighs time and distance by their limits: ``(dt / max_frames)^2 + (d / max_px)^2``.

    Parameters
    ----------
    found
        One row per found landing: ``raw_frame``, ``y``, ``x`` (px), ``score`` (higher = surer),
        and ``contrast`` if ``same_sign``.
    truth
        One row per true landing: ``raw_frame``, ``y``, ``x``, ``contrast``.
    max_frames
        Largest difference in time; half a batch of the rolling average is usual; frames.
    max_px
        Largest distance; px.
    same_sign
        Whether the contrasts must have the same sign.

    Returns
    -------
    pandas.DataFrame
        The found landings, strongest first, with a new index and one more column: ``true_index``,
        the position of the row of ``truth`` that it took, -1 for a false one.

    Raises
    ------
    BadValueError
        If a column is missing or holds anything but finite numbers, or a limit is not positive.
    """
    for name, limit in (("max_frames", max_frames), ("max_px", max_px)):
        if not limit > 0:
            raise BadValueError(f"{name} is {limit}: it must be more than 0")
    sign = ("contrast",) if same_sign else ()
    check_columns(found, (*FOUND_COLUMNS, *sign), "the found landings")
    check_columns(truth, TRUE_COLUMNS, "the truth")
    ranked = found.sort_values("score", ascending=False, kind="stable", ignore_index=True)
    place = ranked[["raw_frame", "y", "x"]].to_numpy(np.float64)
    true_place = truth[["raw_frame", "y", "x"]].to_numpy(np.float64)
    true_sign = np.sign(truth["contrast"].to_numpy(np.float64))
    free = np.ones(len(truth), bool)
    taken = np.full(len(ranked), -1)
    for i, here in enumerate(place):
        apart = true_place - here
        time = np.abs(apart[:, 0]) / max_frames
        distance = np.hypot(apart[:, 1], apart[:, 2]) / max_px
        fits = free & (time <= 1) & (distance <= 1)
        if same_sign:
            fits &= true_sign == np.sign(ranked["contrast"].iloc[i])
        if fits.any():
            taken[i] = np.argmin(np.where(fits, time**2 + distance**2, np.inf))
            free[taken[i]] = False
    return ranked.assign(true_index=taken)


def check_columns(table: pd.DataFrame, columns: tuple[str, ...], what: str) -> None:
    """Make sure that a table has finite numbers in these columns.

    Raises
    ------
    BadValueError
        If not; names the first column that is at fault.
    """
    for column in columns:
        if column not in table.columns:
            there = ", ".join(map(str, table.columns)) or "none"
            raise BadValueError(f"{what} lack the column {column!r}; there are: {there}")
        values = pd.to_numeric(table[column], errors="coerce").to_numpy(np.float64)
        if not np.isfinite(values).all():
            row = int(np.flatnonzero(~np.isfinite(values))[0])
            raise BadValueError(f"{what} hold no number in column {column!r}, row {row}: mend it")
