"""Masks: the part of the field to keep, as a boolean image (True inside)."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from annotated_types import Gt, MinLen, Unit
from skimage.draw import polygon2mask

from napari_uai.errors import BadValueError
from napari_uai.parameters import checked
from napari_uai.stages import stage
from napari_uai.videos.frames import Video, frames_of, per_frame

Mask: TypeAlias = npt.NDArray[Any]
"""Rows, columns; True (or not 0) inside."""

Fill: TypeAlias = Literal["median", "zero", "nan"]
"""Value outside a mask: the median of the frame's pixels inside, 0, or NaN."""


def circle_mask(
    shape: tuple[int, int], center: tuple[float, float], radius: float
) -> npt.NDArray[np.bool_]:
    """Return a disc.

    Parameters
    ----------
    shape
        Rows, columns of the mask.
    center
        Row, column of the centre (px); pixel centres are at integers.
    radius
        In px; pixels whose centre is exactly at this distance belong to the disc.

    Returns
    -------
    ndarray
        bool, rows, columns; True inside.

    Raises
    ------
    BadValueError
        If no pixel is inside.

    Examples
    --------
    >>> circle_mask((3, 3), center=(1, 1), radius=1).astype(int)
    array([[0, 1, 0],
           [1, 1, 1],
           [0, 1, 0]])
    """
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    mask = (rows - center[0]) ** 2 + (columns - center[1]) ** 2 <= radius**2
    return _not_empty(mask, f"a circle of radius {radius} px about {tuple(center)}")


def polygon_mask(shape: tuple[int, int], vertices: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Return the inside of a polygon, as drawn in a Shapes layer.

    Parameters
    ----------
    shape
        Rows, columns of the mask.
    vertices
        Row, column of each corner (px), at least three; the last joins the first.

    Returns
    -------
    ndarray
        bool, rows, columns; True for pixels whose centre is inside.

    Raises
    ------
    BadValueError
        If the corners are not (n, 2) with n >= 3, or no pixel is inside.

    Examples
    --------
    >>> polygon_mask((3, 4), [(-0.5, 0.5), (-0.5, 2.5), (1.5, 2.5), (1.5, 0.5)]).astype(int)
    array([[0, 1, 1, 0],
           [0, 1, 1, 0],
           [0, 0, 0, 0]])
    """
    corners = np.asarray(vertices, np.float64)
    if corners.ndim != 2 or corners.shape[1] != 2 or len(corners) < 3:
        raise BadValueError(
            f"a polygon needs at least 3 corners (row, column), got shape {corners.shape}"
        )
    return _not_empty(polygon2mask(shape, corners), f"a polygon of {len(corners)} corners")


@checked
def apply_mask(video: Video, mask: Mask, *, fill: Fill = "median") -> Video:
    """Replace the pixels outside a mask.

    Parameters
    ----------
    video
        Frames, rows, columns; any real dtype.
    mask
        Rows, columns; True (or not 0) inside; the same for all frames.
    fill
        Value outside: the ``median`` of the frame's pixels inside, ``zero``, or ``nan``.

    Returns
    -------
    Video
        float32, same shape and unit. Pixels inside keep their value, zeros included.

    Raises
    ------
    BadValueError
        If the size of the mask differs from that of the frames, the mask is empty, or ``fill`` is
        unknown.

    Examples
    --------
    >>> import numpy as np
    >>> apply_mask(np.array([[[1, 2, 9]]]), [[True, True, False]], fill="zero")
    array([[[1., 2., 0.]]], dtype=float32)
    """
    height, width = frames_of(video).shape[1:]
    mask = np.asarray(mask)
    if mask.shape != (height, width):
        raise BadValueError(
            f"the mask has shape {mask.shape}, frames have {(height, width)}: draw it on this video"
        )
    inside = _not_empty(mask != 0, "the mask")
    return per_frame(video, partial(_fill_outside, inside=inside, fill=fill), label="mask")


@stage(
    "Circular mask",
    menu="filter",
    drawn="circle",
    methods="Pixels outside a circle were replaced",
)
def circular_mask(
    video: Video,
    *,
    radius_px: Annotated[float, Gt(0), Unit("px")] = 30.0,
    center: Annotated[tuple[float, float], Unit("px")] | None = None,
    fill: Fill = "median",
) -> Video:
    """Replace the pixels outside a circle.

    Parameters
    ----------
    video
        Frames, rows, columns; any real dtype.
    radius_px
        Radius of the circle.
    center
        Row, column of the centre; by default the centre of the frame.
    fill
        Value outside: the ``median`` of the frame's pixels inside, ``zero``, or ``nan``.

    Returns
    -------
    Video
        float32, same shape and unit.

    Raises
    ------
    BadValueError
        If no pixel is inside, or a parameter is outside its limits.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai import iscat
    >>> iscat.circular_mask(np.ones((1, 3, 3)), radius_px=1, fill="zero")[0]
    array([[0., 1., 0.],
           [1., 1., 1.],
           [0., 1., 0.]], dtype=float32)
    """
    height, width = frames_of(video).shape[1:]
    middle = ((height - 1) / 2, (width - 1) / 2)
    mask = circle_mask((height, width), middle if center is None else center, radius_px)
    return apply_mask(video, mask, fill=fill)


@stage(
    "Polygonal mask",
    menu="filter",
    drawn="polygon",
    methods="Pixels outside a polygon were replaced",
)
def polygonal_mask(
    video: Video,
    *,
    vertices: Annotated[tuple[tuple[float, float], ...], MinLen(3), Unit("px")],
    fill: Fill = "median",
) -> Video:
    """Replace the pixels outside a polygon.

    Parameters
    ----------
    video
        Frames, rows, columns; any real dtype.
    vertices
        Row, column of each corner, at least three; the last joins the first.
    fill
        Value outside: the ``median`` of the frame's pixels inside, ``zero``, or ``nan``.

    Returns
    -------
    Video
        float32, same shape and unit.

    Raises
    ------
    BadValueError
        If there are fewer than three corners, no pixel is inside, or ``fill`` is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai import iscat
    >>> corners = [(-0.5, -0.5), (-0.5, 1.5), (1.5, 1.5), (1.5, -0.5)]
    >>> iscat.polygonal_mask(np.ones((1, 3, 3)), vertices=corners, fill="zero")[0]
    array([[1., 1., 0.],
           [1., 1., 0.],
           [0., 0., 0.]], dtype=float32)
    """
    height, width = frames_of(video).shape[1:]
    return apply_mask(video, polygon_mask((height, width), vertices), fill=fill)


def _fill_outside(
    frames: npt.NDArray[Any], *, inside: npt.NDArray[np.bool_], fill: Fill
) -> npt.NDArray[np.float32]:
    out = frames.astype(np.float32)
    if fill == "median":
        out[:, ~inside] = np.median(out[:, inside], axis=1)[:, np.newaxis]
    else:
        out[:, ~inside] = 0 if fill == "zero" else np.nan
    return out


def _not_empty(mask: npt.NDArray[Any], what: str) -> npt.NDArray[np.bool_]:
    if not mask.any():
        raise BadValueError(f"{what} contains no pixel of {mask.shape[0]} x {mask.shape[1]}")
    return np.asarray(mask, np.bool_)
