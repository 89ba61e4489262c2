"""Radial profiles of images of a point: means over rings around its centre."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_uai.errors import BadValueError


def radial_profiles(
    stack: npt.ArrayLike, *, y: float | None = None, x: float | None = None
) -> pd.DataFrame:
    """Average images over rings, one pixel wide, around a point.

    Parameters
    ----------
    stack
        Planes, rows, columns; or one image.
    y, x
        The point, px; by default the middle.

    Returns
    -------
    pandas.DataFrame
        ``plane``, ``radius_px`` (mean distance of the pixels of the ring), ``value`` (their mean),
        ``error`` (standard error of the mean by their scatter; NaN of a single pixel), ``pixels``.

    Raises
    ------
    BadValueError
        If it is not an image or stack, or the point is outside.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai.iscat.optics import Microscope, interferometric_psf, radial_profiles
    >>> image = interferometric_psf((25, 25), Microscope())
    >>> radial_profiles(image)[["radius_px", "value"]].head(2).round(2)
       radius_px  value
    0       0.00   1.00
    1       1.21   0.85
    """
    images = np.asarray(stack, np.float64)
    images = images[None] if images.ndim == 2 else images
    if images.ndim != 3 or images.size == 0:
        raise BadValueError(f"a stack must be planes, rows, columns, got shape {images.shape}")
    rows, columns = images.shape[1:]
    y = (rows - 1) / 2 if y is None else y
    x = (columns - 1) / 2 if x is None else x
    if not (-0.5 <= y <= rows - 0.5 and -0.5 <= x <= columns - 0.5):
        raise BadValueError(f"y and x must be inside {rows} x {columns} px, got {y:g} and {x:g}")
    distance = np.hypot(np.arange(rows)[:, None] - y, np.arange(columns) - x).ravel()
    rings = np.rint(distance).astype(np.int64)
    count = np.bincount(rings)
    kept = np.flatnonzero(count)
    tables = []
    for plane, image in enumerate(images.reshape(len(images), -1)):
        mean = np.bincount(rings, image) / np.maximum(count, 1)
        squares = np.bincount(rings, (image - mean[rings]) ** 2)
        with np.errstate(invalid="ignore", divide="ignore"):
            error = np.sqrt(squares / (count - 1) / count)
        radius = np.bincount(rings, distance) / np.maximum(count, 1)
        values = {"plane": plane, "radius_px": radius, "value": mean, "error": error}
        tables.append(pd.DataFrame(values | {"pixels": count}).iloc[kept])
    return pd.concat(tables, ignore_index=True)
