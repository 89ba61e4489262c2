"""One-to-one matching of detected and true landings in time and space."""

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
    """Match detected to true landings, highest score first.

    Each detected landing is matched to the nearest true landing that is not matched yet and within
    both limits, by the distance ``(dt / max_frames)^2 + (d / max_px)^2``.

    Parameters
    ----------
    found
        One row per detected landing: ``raw_frame``, ``y``, ``x`` (in px), ``score`` (higher = more
        confident), and ``contrast`` if ``same_sign``.
    truth
        One row per true landing: ``raw_frame``, ``y``, ``x`` (in px), ``contrast``.
    max_frames
        Largest difference in time, in frames; usually half a batch of the rolling average.
    max_px
        Largest distance, in px.
    same_sign
        Whether the contrasts must have the same sign.

    Returns
    -------
    pandas.DataFrame
        Detected landings, highest score first, with a new index and the column ``true_index``: the
        position of the matched row in ``truth``, or -1 for a false detection.

    Raises
    ------
    BadValueError
        If a column is missing or contains values that are not finite numbers, or a limit is not
        positive.

    Examples
    --------
    >>> import pandas as pd
    >>> import napari_uai as uai
    >>> truth = pd.DataFrame({"raw_frame": [100], "y": [8.0], "x": [5.0], "contrast": [-0.01]})
    >>> found = pd.DataFrame({"raw_frame": [900, 103], "y": 8.5, "x": 5.0, "score": [6.0, 9.0]})
    >>> uai.evaluate.match_landings(found, truth, max_frames=100)["true_index"].tolist()
    [0, -1]
    """
    for name, limit in (("max_frames", max_frames), ("max_px", max_px)):
        if not limit > 0:
            raise BadValueError(f"{name} must be above 0, got {limit}")
    sign = ("contrast",) if same_sign else ()
    check_columns(found, (*FOUND_COLUMNS, *sign), "table of detected landings")
    check_columns(truth, TRUE_COLUMNS, "table of true landings")
    ranked = found.sort_values("score", ascending=False, kind="stable", ignore_index=True)
    positions = ranked[["raw_frame", "y", "x"]].to_numpy(np.float64)
    true_positions = truth[["raw_frame", "y", "x"]].to_numpy(np.float64)
    true_sign = np.sign(truth["contrast"].to_numpy(np.float64))
    free = np.ones(len(truth), bool)
    matches = np.full(len(ranked), -1)
    for i, position in enumerate(positions):
        difference = true_positions - position
        time = np.abs(difference[:, 0]) / max_frames
        distance = np.hypot(difference[:, 1], difference[:, 2]) / max_px
        candidates = free & (time <= 1) & (distance <= 1)
        if same_sign:
            candidates &= true_sign == np.sign(ranked["contrast"].iloc[i])
        if candidates.any():
            matches[i] = np.argmin(np.where(candidates, time**2 + distance**2, np.inf))
            free[matches[i]] = False
    return ranked.assign(true_index=matches)


def check_columns(table: pd.DataFrame, columns: tuple[str, ...], what: str) -> None:
    """Check that columns of a table exist and contain finite numbers.

    Raises
    ------
    BadValueError
        If a column is missing or contains anything else; the message names the first such column.
    """
    for column in columns:
        if column not in table.columns:
            names = ", ".join(map(str, table.columns)) or "none"
            raise BadValueError(f"{what} has no column {column!r}; its columns: {names}")
        values = pd.to_numeric(table[column], errors="coerce").to_numpy(np.float64)
        if not np.isfinite(values).all():
            row = int(np.flatnonzero(~np.isfinite(values))[0])
            value = table[column].iloc[row]
            raise BadValueError(
                f"{what}, row {row}: {column!r} must be a finite number, got {value!r}"
            )
