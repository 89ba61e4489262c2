"""Tables of spots, fits and landings: columns and checks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_uai.errors import BadValueError, counted

LANDING_COLUMNS = (
    "landing",
    "frame",
    "y",
    "x",
    "contrast",
    "score",
    "n_localizations",
    "contrast_error",
    "y_error",
    "x_error",
    "frame_error",
)
"""Columns of a table of landings; the first, frame and the count are integers."""

WHOLE = ("landing", "frame", "n_localizations")


def empty_landings() -> pd.DataFrame:
    """Return a table of landings without rows."""
    return pd.DataFrame(
        {name: np.empty(0, np.int64 if name in WHOLE else np.float64) for name in LANDING_COLUMNS}
    )


def landing_ids(events: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Return the numbers of events: their column ``landing``, or their order from 0."""
    if "landing" in events.columns:
        return events["landing"].to_numpy(np.int64)
    return np.arange(len(events))


def check_inside(table: pd.DataFrame, shape: tuple[int, int, int], slack_frames: int = 0) -> None:
    """Check that the frames and positions of a table are those of a video.

    Parameters
    ----------
    table
        With ``frame, y, x``.
    shape
        Frames, rows, columns.
    slack_frames
        How far before the first and after the last frame an event may be.

    Raises
    ------
    BadValueError
        If one is outside or not a number.
    """
    for name, size, slack in zip(("frame", "y", "x"), shape, (slack_frames, 0, 0), strict=True):
        values = table[name].to_numpy(np.float64)
        outside = ~((values >= -0.5 - slack) & (values <= size - 0.5 + slack))
        if outside.any():
            raise BadValueError(
                f"{counted(outside.sum(), 'row')} of the table outside the video of shape {shape} "
                f"({name} = {values[outside][0]:g}): use the video in which they were detected"
            )


SPOT_COLUMNS = ("y", "x", "frame", "center_intensity", "sigma")
"""Columns of a table of spots; ``frame`` is an integer, all others are float64."""

_PARAMETERS = ("Amplitude", "X-Center", "Y-Center", "X-Sigma", "Y-Sigma", "Bias")

FIT_COLUMNS = (
    "Sigma_ratio",
    *(f"Fit_{name}" for name in _PARAMETERS),
    *(f"Fit_errors_{name}" for name in _PARAMETERS),
)
"""The columns of a fit; with :data:`SPOT_COLUMNS` before them, the 18 of PiSCAT, in its order."""

_IMAGE_PARAMETERS = ("Amplitude", "X-Center", "Y-Center", "Bias")

IMAGE_FIT_COLUMNS = (
    *(f"Psf_{name}" for name in _IMAGE_PARAMETERS),
    *(f"Psf_errors_{name}" for name in _IMAGE_PARAMETERS),
    "Psf_image",
    "Psf_R2",
    "Psf_status",
)
"""The columns of a fit of a given image of a point."""

OK, NOT_CONVERGED, DEGENERATE = "ok", "not converged", "degenerate"
"""Values of the column ``status`` of fits; others say what else went wrong."""


def require_columns(table: pd.DataFrame, *names: str) -> None:
    """Check that a table has the columns that a stage reads.

    Raises
    ------
    BadValueError
        Naming the columns that are missing.
    """
    missing = [name for name in names if name not in table.columns]
    if missing:
        raise BadValueError(
            f"the table lacks the column {', '.join(missing)}; it has {', '.join(table.columns)}"
        )


def check_spots(table: pd.DataFrame, shape: tuple[int, int, int]) -> None:
    """Check that a table contains spots of a video of the given shape.

    Raises
    ------
    BadValueError
        Naming the column that is missing or the value that is not valid.
    """
    require_columns(table, *SPOT_COLUMNS)
    for name, size in zip(("frame", "y", "x"), shape, strict=True):
        values = table[name].to_numpy(np.float64)
        outside = ~((values >= -0.5) & (values <= size - 0.5))
        if outside.any():
            raise BadValueError(
                f"{counted(outside.sum(), 'spot')} outside the video of shape {shape} ({name} = "
                f"{values[outside][0]:g}): use the video in which they were detected"
            )
    sigma = table["sigma"].to_numpy(np.float64)
    if not (np.isfinite(sigma) & (sigma > 0)).all():
        raise BadValueError("the column sigma must contain numbers greater than 0 (px)")
