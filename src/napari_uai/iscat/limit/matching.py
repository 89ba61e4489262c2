"""Which injected landings were found, and how well they were measured."""

from __future__ import annotations

import numpy as np
import pandas as pd

from napari_uai.typing import Floats

MATCH_PX = 2.5
"""Largest distance of a reported landing from an injected one; the same as in evaluations."""

MATCH_BATCHES = 0.5
"""Largest difference in time."""

MEASURED = ("frame", "y", "x", "contrast")
QUANTITIES = ("contrast", "y", "x", "time")
GROUPS = 4
"""Groups of about equally many found landings, by contrast, whose errors are listed."""

FEWEST = 3
"""Fewest landings from which a spread is computed."""


def matched(injected: pd.DataFrame, rows: pd.DataFrame, batch_size: int) -> pd.DataFrame:
    """Add to injected landings whether and how they were reported.

    Injected landings are far from each other, so that each reported one has at most one of them
    near it.

    Parameters
    ----------
    injected
        ``frame, y, x, contrast``.
    rows
        Reported landings, with errors if known.
    batch_size
        Scale of time differences (frames).
    """
    reported = rows.reset_index(drop=True)
    values = {name: reported[name].to_numpy(np.float64) for name in MEASURED}
    index = np.full(len(injected), -1)
    for i, (frame, y, x, contrast) in enumerate(injected[list(MEASURED)].to_numpy(np.float64)):
        time = np.abs(values["frame"] - frame) / (MATCH_BATCHES * batch_size)
        distance = np.hypot(values["y"] - y, values["x"] - x) / MATCH_PX
        near = (time <= 1) & (distance <= 1) & (values["contrast"] * contrast > 0)
        if near.any():
            index[i] = int(np.argmin(np.where(near, time**2 + distance**2, np.inf)))
    found = index >= 0
    out = injected.assign(found=found)
    names = [*MEASURED, *(f"{name}_error" for name in ("contrast", "y", "x", "frame"))]
    for name in names:
        column = np.full(len(injected), np.nan)
        if name in reported and found.any():
            column[found] = reported[name].to_numpy(np.float64)[index[found]]
        out[f"found_{name}"] = column
    return out


def accuracy(injections: pd.DataFrame) -> pd.DataFrame:
    """Return bias and spread of what was found, and pulls against the stated errors.

    Parameters
    ----------
    injections
        As from :func:`matched`.

    Returns
    -------
    pandas.DataFrame
        For all that were found, and for groups by contrast: ``group, contrast`` (geometric mean),
        ``found``; ``contrast_bias, contrast_spread`` (relative), ``y_bias, y_spread, x_bias,
        x_spread`` (px), ``time_bias, time_spread`` (frames); ``contrast_pull_mean,
        contrast_pull_deviation`` and so on: mean and standard deviation of error over stated error.
    """
    found = injections[injections["found"]]
    sizes = found["contrast"].abs()
    order = sizes.sort_values(kind="stable").index
    groups = {"all": found.index}
    if len(found) >= FEWEST * GROUPS:
        parts = np.array_split(np.asarray(order), GROUPS)
        groups |= {f"{i + 1} of {GROUPS}": pd.Index(part) for i, part in enumerate(parts)}
    return pd.DataFrame([_group(name, found.loc[rows]) for name, rows in groups.items()])


def _group(name: str, rows: pd.DataFrame) -> dict[str, object]:
    sign, size = np.sign(rows["contrast"]), rows["contrast"].abs()
    errors = {
        "contrast": sign * rows["found_contrast"] - size,
        "y": rows["found_y"] - rows["y"],
        "x": rows["found_x"] - rows["x"],
        "time": rows["found_frame"] - rows["frame"],
    }
    stated = {n: rows[f"found_{'frame' if n == 'time' else n}_error"] for n in QUANTITIES}
    scale = {"contrast": size}
    out: dict[str, object] = {
        "group": name,
        "contrast": float(np.exp(np.log(size).mean())) if len(rows) else np.nan,
        "found": len(rows),
    }
    for quantity in QUANTITIES:
        values = (errors[quantity] / scale.get(quantity, 1.0)).to_numpy(np.float64)
        out[f"{quantity}_bias"], out[f"{quantity}_spread"] = _moments(values)
    for quantity in QUANTITIES:
        pulls = (errors[quantity] / stated[quantity]).to_numpy(np.float64)
        mean, deviation = _moments(pulls[np.isfinite(pulls)])
        out[f"{quantity}_pull_mean"], out[f"{quantity}_pull_deviation"] = mean, deviation
    return out


def _moments(values: Floats) -> tuple[float, float]:
    """Return mean and standard deviation, NaN if there are too few values."""
    if len(values) < FEWEST:
        return float("nan"), float("nan")
    return float(values.mean()), float(values.std(ddof=1))
